# SPDX-License-Identifier: Apache-2.0
"""hook_d: nginx published on port 80 where the kernel has hook D, among others on the same port."""

import json

import host
import servers

PORT = 80


class HookDTest(host.HostTest):
    def explain(self, address):
        endpoint = f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"
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

    def test_the_doctor_has_found_the_hooks(self):
        said = host.run(host.BIN / "forcebind", "doctor", status=None)
        self.assertRegex(said, "hook-d .*nobody need be tracked")
        self.assertRegex(said, "hook-f .*what nobody else takes")


if __name__ == "__main__":
    host.main()
