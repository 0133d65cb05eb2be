# SPDX-License-Identifier: Apache-2.0
"""nginx: several workers, SO_REUSEPORT, both families, reload, stop, daemon."""

import os
import signal

import host
import servers

PORT = 8080


class NginxTest(host.HostTest):
    def start_pair(self, **options):
        published = self.start("nginx", servers.nginx("nginx", PORT, **options), publish=[f"tcp/{PORT}"])
        private = self.start("python", servers.python("python", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("nginx", "python"))
        return published, private

    def test_workers_with_reuseport_answer_on_every_public_address(self):
        published, private = self.start_pair()
        self.assertEqual(len([one for one in host.listeners(PORT) if one.address == published.v4]), 2)
        self.assertEqual(published.stop(signal.SIGQUIT), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "python")

    def test_one_dual_stack_socket_serves_both_families(self):
        published, private = self.start_pair(listen=f"listen [::]:{PORT} ipv6only=off;")
        self.assertEqual(published.stop(signal.SIGTERM), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "python")

    def test_reload_opens_and_closes_listeners_while_the_port_stays_published(self):
        published, private = self.start_pair()
        servers.nginx("nginx", PORT, workers=3, location='location = /who { return 200 "reloaded"; }')
        published.send(signal.SIGHUP)
        for address in ("192.0.2.7", "2001:db8::7"):
            published.wait_until("the new configuration", lambda: host.ask_http(address, PORT, "client") == "reloaded")
        self.assertEqual(len([one for one in host.listeners(PORT) if one.address == published.v4]), 3)
        servers.nginx("nginx", PORT, workers=1)
        published.send(signal.SIGHUP)
        published.wait_until("one worker's listener", lambda: len(
            [one for one in host.listeners(PORT) if one.address == published.v4]) == 1)
        for address in host.PUBLIC:
            self.assertEqual(host.ask_http(address, PORT, "client"), "nginx")
        self.assert_only_private()
        self.assertEqual(published.stop(signal.SIGTERM), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "python")

    def test_as_a_daemon_it_serves_on_after_the_first_process_has_left(self):
        daemon = self.start("nginx", servers.nginx("nginx", PORT, daemon="on"), publish=[f"tcp/{PORT}"])
        self.assertEqual(daemon.wait(), 0)
        for address in daemon.private:
            self.assertEqual(host.ask_http(address, PORT), "nginx")
        for address in host.PUBLIC:
            self.assertEqual(host.ask_http(address, PORT, "client"), "nginx")
        self.assert_only_private()
        master = int((host.ROOT / "srv/nginx/pid").read_text())
        gone = os.pidfd_open(master)
        os.kill(master, signal.SIGQUIT)
        host.wait_for_exit(gone)
        self.assert_refused("192.0.2.7", PORT)

    def test_a_worker_that_dies_takes_no_listener_with_it(self):
        published, private = self.start_pair()
        del private
        for worker in host.children(published.pid):
            os.kill(worker, signal.SIGKILL)
        for address in host.PUBLIC:
            self.assertEqual(host.ask_http(address, PORT, "client"), "nginx")
        self.assertEqual(published.stop(signal.SIGQUIT), 0)


if __name__ == "__main__":
    host.main()
