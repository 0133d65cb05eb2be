# SPDX-License-Identifier: Apache-2.0
"""hook_d: nginx published on port 80 where the kernel has hook D, among others on the same port."""

import json

import host
import servers

PORT = 80


class HookDTest(host.HostTest):
    def explain(self, address, port=PORT):
        endpoint = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        return json.loads(host.run(host.BIN / "forcebind", "explain", "--json", "tcp", endpoint))

    def test_nginx_answers_at_stage_d_where_nobody_else_is_named(self):
        self.assertEqual(self.status()["backend"], "hook-d")
        published = self.start("nginx", servers.nginx("nginx", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("python", servers.python("python", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("nginx", "python"))
        for address in ("192.0.2.7", "2001:db8::7"):
            winner = self.explain(address)["winner"]
            self.assertEqual((winner["stage"], winner["service"]), ("D", "nginx"))
            with self.stranger(address, PORT):
                self.assertEqual(self.explain(address)["winner"]["stage"], "C")
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "python")

    def test_a_service_at_stage_f_takes_what_nobody_else_takes(self):
        rest = self.start("rest", servers.python("rest", 9000),
                          publish=['{ port = "tcp/*", stage = "F" }'])
        published = self.start("nginx", servers.nginx("nginx", PORT), publish=[f"tcp/{PORT}"])
        for service, port in ((rest, 9000), (published, PORT)):
            service.wait_until("an answer", lambda: host.ask_http(service.v4, port) == service.name)
        for address in host.PUBLIC:
            for port in (1, 9000, 65535):
                self.assertEqual(host.ask_http(address, port, "client"), "rest")
            self.assertEqual(host.ask_http(address, PORT, "client"), "nginx")
        with self.stranger("192.0.2.8", 9000) as own, host.connect("192.0.2.8", 9000, "client"):
            own.accept()[0].close()
        for port in (1, 9000):
            winner = self.explain("192.0.2.7", port)["winner"]
            self.assertEqual((winner["stage"], winner["service"]), ("F", "rest"))
            self.assertEqual(winner["socket"], f"[::ffff:{rest.v4}]:9000")  # a dual-stack socket, as the kernel names it
            self.assertNotEqual(winner["pid"], 0)
        status = host.run(host.BIN / "forcebind", "status")
        self.assertIn("0.0.0.0:*", status)
        self.assertIn("(stage F)", status)
        self.assertEqual(rest.stop(), -15)
        self.assert_refused("192.0.2.7", 9000)

    def test_the_doctor_has_found_the_hooks(self):
        said = host.run(host.BIN / "forcebind", "doctor", status=None)
        self.assertRegex(said, "hook-d .*nobody need be tracked")
        self.assertRegex(said, "hook-f .*what nobody else takes")


if __name__ == "__main__":
    host.main()
