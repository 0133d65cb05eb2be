# SPDX-License-Identifier: Apache-2.0
"""proxy: the main job. Three servers ask for port 80 of every address; nginx is published and passes requests on to the
two others by their private addresses and by their names; `forcebind status` and `forcebind explain` say how it stands.
"""

import http.client
import json
import os
import pathlib
import re

import host
import servers

PORT = 80


def http_answer(address, path, place):
    """The body and the upstream address of an answer of the proxy."""
    with host.connect(address, PORT, place) as stream:
        connection = http.client.HTTPConnection(address, PORT)
        connection.sock = stream
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.read().decode().strip(), answer.getheader("X-Upstream")


def bracketed(address):
    return f"[{address}]" if ":" in address else address


class ProxyTest(host.HostTest):
    def setUp(self):
        super().setUp()
        self.supervisor.wait_until("the end of other tests' services", lambda: not self.status()["services"])
        self.app = self.start("app", servers.node("app", PORT))
        self.blog = self.start("blog", servers.apache("blog", PORT, "event"))
        for service in (self.app, self.blog):
            for address in service.private:
                service.wait_until(f"an answer at {address}", lambda: host.ask_http(address, PORT) == service.name)
        self.write_names()
        self.front = self.start("front", self.proxy(), publish=[f"tcp/{PORT}"])
        self.front.wait_until("an answer", lambda: host.ask_http(self.front.v4, PORT) == "front")

    def write_names(self):
        """As an administrator would: forcebind hosts >> /etc/hosts."""
        names = host.run(host.BIN / "forcebind", "hosts")
        host.write("/etc/hosts", f"127.0.0.1 localhost\n{names}")

    def proxy(self):
        locations = ['location = /who { return 200 "front"; }']
        for service in (self.app, self.blog):
            upstreams = {"by-ipv4": service.v4, "by-ipv6": f"[{service.v6}]", "by-name": f"{service.name}.forcebind"}
            for path, upstream in upstreams.items():
                locations.append(f"location /{service.name}/{path}/ {{ proxy_pass http://{upstream}/; }}")
        return servers.nginx("front", PORT, listen=f"listen [::]:{PORT} ipv6only=off;",
                             location="add_header X-Upstream $upstream_addr;" + "\n".join(locations))

    def test_it_passes_requests_on_by_address_and_by_name(self):
        for address in host.PUBLIC:
            self.assertEqual(host.ask_http(address, PORT, "client"), "front")
            for service in (self.app, self.blog):
                for path, upstream in (("by-ipv4", f"{service.v4}:{PORT}"), ("by-ipv6", f"[{service.v6}]:{PORT}")):
                    self.assertEqual(http_answer(address, f"/{service.name}/{path}/who", "client"),
                                     (service.name, upstream))
                answers = [http_answer(address, f"/{service.name}/by-name/who", "client") for _ in range(4)]
                self.assertEqual({body for body, _ in answers}, {service.name})
                # The name has both addresses, which nginx takes in turn (each of its workers by itself).
                self.assertLessEqual({upstream for _, upstream in answers},
                                     {f"{bracketed(private)}:{PORT}" for private in service.private})
        self.assert_only_private()
        self.assert_strangers_keep_their_packets(host.ask_http, "front", PORT)

    def test_status_shows_every_listener_with_what_it_asked_for(self):
        host.ask_http("192.0.2.7", PORT, "client")
        host.ask_http("2001:db8::7", PORT, "client")
        services = {service["name"]: service for service in self.status()["services"]}
        self.assertEqual(set(services), {"app", "blog", "front"})
        public = {"front": [f"0.0.0.0:{PORT}", f"[::]:{PORT}"], "app": [], "blog": []}
        for service in (self.front, self.app, self.blog):
            found = services[service.name]
            self.assertEqual((found["pid"], found["private"]), (service.pid, service.private))
            (listener,) = found["listeners"]
            self.assertEqual((listener["protocol"], listener["requested"], listener["private"]),
                             ("tcp", f"[::]:{PORT}", f"{service.v4}:{PORT}"))
            self.assertEqual((listener["published"], listener["public"]),
                             (service is self.front, public[service.name]))
            self.assertEqual(listener["reachable"], [f"{service.v4}:{PORT}", f"[{service.v6}]:{PORT}"])
        self.assertGreaterEqual(services["front"]["listeners"][0]["connections"], 2)

        table = host.run(host.BIN / "forcebind", "status", env={**os.environ, "COLUMNS": "100"})
        self.assertRegex(table, "^3 services, backend ")
        for service in (self.front, self.app, self.blog):
            shown = r"0\.0\.0\.0:80 +\d+" if service is self.front else r"- +(\d+|-)"
            row = rf"^{service.name} +{service.pid} +tcp +\[::\]:80 +{re.escape(service.v4)}:80 +{shown}$"
            self.assertRegex(table, re.compile(row, re.M))
        self.assertIn("front", host.run(host.BIN / "forcebind", "status", "front"))
        self.assertNotIn("blog", host.run(host.BIN / "forcebind", "status", "front"))

    def explain(self, address):
        """What is said about a new connection: the text, and the winner of the JSON."""
        dialled = f"{bracketed(address)}:{PORT}"
        text = host.run(host.BIN / "forcebind", "explain", "tcp", dialled)
        winner = json.loads(host.run(host.BIN / "forcebind", "explain", "--json", "tcp", dialled))["winner"]
        return text, winner

    def assert_explained(self, address, stage, words, pid, service=""):
        text, winner = self.explain(address)
        self.assertEqual((winner["stage"], winner["pid"], winner["service"]), (stage, pid, service))
        self.assertIn(f"tcp {bracketed(address)}:{PORT} goes to {words} (process {pid}) at stage {stage}", text)
        self.assertRegex(text, re.compile(f"^> {stage} ", re.M))

    def test_explain_names_who_gets_a_connection(self):
        for address in host.PUBLIC:
            self.assert_explained(address, "B", 'service "front"', self.front.pid, "front")
            with self.stranger(address, PORT):
                command = pathlib.Path("/proc/self/comm").read_text().strip()
                self.assert_explained(address, "C", command, os.getpid())
            self.assert_explained(address, "B", 'service "front"', self.front.pid, "front")
        for service in (self.app, self.blog):
            # Its one socket is bound to the IPv4 address, and the route leads to it for the other one.
            for address, stage in ((service.v4, "C"), (service.v6, "B")):
                self.assert_explained(address, stage, f'service "{service.name}"', service.pid, service.name)

    def test_the_others_stay_private_after_the_proxy_has_stopped(self):
        self.assertEqual(self.front.stop(), 0)
        for address in host.PUBLIC:
            self.assert_refused(address, PORT)
            text, winner = self.explain(address)
            self.assertIn(f"nobody listens for tcp {bracketed(address)}:{PORT}", text)
            self.assertIsNone(winner)
        for service in (self.app, self.blog):
            for address in service.private:
                self.assertEqual(host.ask_http(address, PORT), service.name)


if __name__ == "__main__":
    host.main()
