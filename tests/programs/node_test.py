# SPDX-License-Identifier: Apache-2.0
"""node: one process, and a cluster whose first process listens for its workers."""

import host
import servers

PORT = 8080


class NodeTest(host.HostTest):
    def check(self, workers):
        published = self.start("node", servers.node("node", PORT, workers), publish=[f"tcp/{PORT}"])
        private = self.start("nginx", servers.nginx("nginx", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("node", "nginx"))
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "nginx")

    def test_one_process(self):
        self.check(0)

    def test_cluster(self):
        self.check(2)


if __name__ == "__main__":
    host.main()
