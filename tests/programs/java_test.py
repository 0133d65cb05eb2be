# SPDX-License-Identifier: Apache-2.0
"""java: a ServerSocket and a selector over channels, both on dual-stack sockets."""

import host
import servers

PORT = 8080


class JavaTest(host.HostTest):
    def check(self, kind):
        published = self.start("java", servers.java("java", PORT, kind), publish=[f"tcp/{PORT}"])
        private = self.start("python", servers.python("python", PORT))
        self.check_pair(published, private, PORT, host.ask_line, ("java", "python"), ask_private=host.ask_http)
        self.assertEqual(published.stop(), 143)  # the virtual machine's own handler
        self.check_fallback(published, private, PORT, host.ask_http, "python")

    def test_server_socket(self):
        self.check("socket")

    def test_channels(self):
        self.check("nio")


if __name__ == "__main__":
    host.main()
