# SPDX-License-Identifier: Apache-2.0
"""supervisor_restart: nginx under a stream of new connections, while the supervisor is killed, stopped and started.

Two others wait on the same port to get what is not dispatched: a service that does not publish, and a server without
forcebind on the wildcard (the kernel lets it in there, since every socket on that port is root's with SO_REUSEPORT).
"""

import contextlib
import signal
import sys

import connection_stream
import host
import servers

PORT = 8080
MORE = 8081
KILLS = 5
# New connections in each part of a test; while a new supervisor starts there are as many as fit in.
CONNECTIONS = 400
AT_ONCE = 40

STRANGER = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
class Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.wfile.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nstranger")
server = Server(("::", int(sys.argv[1])), Stranger)
print("listening", flush=True)
server.serve_forever()
"""


class SupervisorRestartTest(host.HostTest):
    def setUp(self):
        super().setUp()
        # Whatever a test did to it, the next one has a supervisor.
        self.addCleanup(self.revive)

    def revive(self):
        if self.supervisor.process.poll() is not None:
            self.restart()

    def restart(self):
        type(self).supervisor = self.start_supervisor()

    def start_services(self):
        self.nginx = self.start("nginx", servers.nginx("nginx", PORT, workers=4),
                                publish=[f"tcp/{PORT}", f"tcp/{MORE}"])
        other = self.start("other", servers.nginx("other", PORT))
        for service in (self.nginx, other):
            for address in service.private:
                answer = service.wait_until(f"an answer at {address}", lambda: host.ask_http(address, PORT))
                self.assertEqual(answer, service.name)

    @contextlib.contextmanager
    def stranger_on_the_wildcard(self):
        stranger = host.Process("stranger", [sys.executable, "-c", STRANGER, PORT])
        try:
            stranger.wait_for_line("^listening$")
            yield
        finally:
            stranger.end()

    @contextlib.contextmanager
    def stream(self, least):
        """Every connection that is made inside must be nginx's, and there must be so many at least."""
        stream = connection_stream.ConnectionStream(PORT)
        try:
            yield stream
        finally:
            stream.stop()
        self.assertEqual({answer for _, answer in stream.answers}, {"nginx"}, stream.answers)
        self.assertEqual({address for address, _ in stream.answers}, set(host.PUBLIC))
        self.assertGreaterEqual(stream.count(), least)
        print(f"{stream.count()} connections", file=sys.stderr)

    def test_a_kill_and_a_restart_lose_no_connection(self):
        self.start_services()
        with self.stranger_on_the_wildcard():
            with self.stream(least=2 * KILLS * CONNECTIONS) as stream:
                stream.wait_for_more(CONNECTIONS)
                for _ in range(KILLS):
                    self.assertEqual(self.supervisor.stop(signal.SIGKILL), -signal.SIGKILL)
                    stream.wait_for_more(CONNECTIONS)
                    self.restart()
                    stream.wait_for_more(CONNECTIONS)
        self.check_services_of_old()

    def test_a_stop_and_a_restart_lose_no_connection(self):
        self.start_services()
        with self.stream(least=3 * CONNECTIONS) as stream:
            stream.wait_for_more(CONNECTIONS)
            self.assertEqual(self.supervisor.stop(signal.SIGTERM), 0)
            stream.wait_for_more(CONNECTIONS)
            self.restart()
            stream.wait_for_more(CONNECTIONS)
        self.check_services_of_old()

    def test_a_kill_in_the_middle_of_a_start_loses_no_connection(self):
        self.start_services()
        with self.stranger_on_the_wildcard():
            with self.stream(least=KILLS * CONNECTIONS) as stream:
                for part in range(KILLS):
                    self.supervisor.stop(signal.SIGKILL)
                    starting = self.launch_supervisor()
                    stream.wait_for_more(AT_ONCE * part)
                    starting.stop(signal.SIGKILL)
                    self.restart()
                    stream.wait_for_more(CONNECTIONS)
        self.check_services_of_old()

    def check_services_of_old(self):
        """The supervisor knows them again, and publishes what they open from now on."""
        known = [("nginx", True), ("other", True)]
        self.supervisor.wait_until("their companions", lambda: known == sorted(
            (service["name"], service["attached"]) for service in self.status()["services"]))
        self.reload_with_more()
        for address in host.PUBLIC:
            self.nginx.wait_until("the other port", lambda: host.ask_http(address, MORE, "client") == "nginx")
        self.assertEqual(self.nginx.stop(signal.SIGQUIT), 0)
        self.assert_refused("192.0.2.7", MORE)

    def reload_with_more(self):
        listen = " ".join(f"listen {port} reuseport; listen [::]:{port} reuseport;" for port in (PORT, MORE))
        servers.nginx("nginx", PORT, listen=listen)
        self.nginx.send(signal.SIGHUP)

    def test_what_is_started_without_a_supervisor_is_told_so(self):
        self.start_services()
        for end, answer in ((signal.SIGTERM, "needs a supervisor: start forcebind-supervisor, or name its socket"),
                            (signal.SIGKILL, "needs a supervisor: .*ECONNREFUSED.*; is forcebind-supervisor running")):
            self.revive()
            self.supervisor.stop(end)
            late = self.start("late", servers.python("late", MORE), publish=[f"tcp/{MORE}"])
            self.assertEqual(late.wait(), 125)
            self.assertRegex(late.output(), f'forcebind: "late" publishes ports, which {answer}')
        # A service that runs already gets EACCES; nginx then keeps the configuration that it has.
        self.reload_with_more()
        self.nginx.wait_for_line(rf"listen\(\) to 0.0.0.0:{MORE}, .* failed \(13: Permission denied\)")
        self.nginx.wait_for_line("^forcebind: nginx: .*a published port needs the supervisor")
        for address in host.PUBLIC:
            self.assertEqual(host.ask_http(address, PORT, "client"), "nginx")
        # Services that publish nothing do not need it.
        private = self.start("private", servers.python("private", MORE))
        private.wait_until("an answer", lambda: host.ask_http(private.v4, MORE) == "private")

        self.restart()
        # The supervisor learns of what was opened meanwhile, and leads the IPv6 address to this dual-stack socket.
        private.wait_until("an answer", lambda: host.ask_http(private.v6, MORE) == "private")
        (listener,) = [service for service in self.status()["services"] if service["name"] == "private"][0]["listeners"]
        self.assertEqual((listener["requested"], listener["private"]), (f"[::]:{MORE}", f"{private.v4}:{MORE}"))
        late = self.start("late", servers.python("late", MORE), publish=[f"tcp/{MORE}"])
        self.check_pair(late, private, MORE, host.ask_http, ("late", "private"))


if __name__ == "__main__":
    host.main()
