# SPDX-License-Identifier: Apache-2.0
"""go: a static binary, TCP and UDP on one dual-stack socket each, bound from any thread."""

import signal

import host
import servers

PORT = 8080


class GoTest(host.HostTest):
    def test_a_static_binary_answers_over_tcp_and_udp(self):
        published = self.start("go", servers.go("go", PORT), publish=[f"tcp/{PORT}", f"udp/{PORT}"])
        private = self.start("caddy", servers.caddy("caddy", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("go", "caddy"))
        self.wait_for_listener(published, PORT, "udp", published.v4)
        for address in published.private:
            self.assertEqual(host.ask_udp(address, PORT), b"go")
        for address in host.PUBLIC:
            self.assertEqual(host.ask_udp(address, PORT, "client"), b"go")
        self.assert_udp_strangers_keep_their_packets(host.ask_udp, b"go", PORT)
        self.assertEqual(published.stop(), -signal.SIGTERM)
        self.check_fallback(published, private, PORT, host.ask_http, "caddy")


if __name__ == "__main__":
    host.main()
