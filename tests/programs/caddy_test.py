# SPDX-License-Identifier: Apache-2.0
"""caddy: a Go server with an administration port on localhost, which is private, too."""

import host
import servers

PORT = 8080
ADMINISTRATION = 2019


class CaddyTest(host.HostTest):
    def test_it_answers_and_keeps_its_administration_port_private(self):
        published = self.start("caddy", servers.caddy("caddy", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("apache", servers.apache("apache", PORT, "event"))
        self.check_pair(published, private, PORT, host.ask_http, ("caddy", "apache"))
        self.assert_listens(published, ADMINISTRATION, addresses=[published.v4])
        self.assert_refused("192.0.2.7", ADMINISTRATION)
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "apache")


if __name__ == "__main__":
    host.main()
