# SPDX-License-Identifier: Apache-2.0
"""apache: both process models, on the dual-stack socket that Debian's build opens."""

import host
import servers

PORT = 8080


class ApacheTest(host.HostTest):
    def check(self, mpm):
        published = self.start("apache", servers.apache("apache", PORT, mpm), publish=[f"tcp/{PORT}"])
        private = self.start("haproxy", servers.haproxy("haproxy", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("apache", "haproxy"))
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "haproxy")

    def test_prefork(self):
        self.check("prefork")

    def test_event(self):
        self.check("event")


if __name__ == "__main__":
    host.main()
