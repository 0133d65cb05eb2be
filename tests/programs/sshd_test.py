# SPDX-License-Identifier: Apache-2.0
"""sshd: real logins with a key, by a server that puts its own seccomp filter on its children."""

import host
import servers

PORT = 8080


class SshdTest(host.HostTest):
    def test_logins_by_every_public_address(self):
        published = self.start("sshd", servers.sshd("sshd", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("python", servers.python("python", PORT))
        self.check_pair(published, private, PORT, servers.ask_sshd("sshd"), ("sshd", "python"),
                        ask_private=host.ask_http)
        self.assert_listens(published, PORT)
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "python")


if __name__ == "__main__":
    host.main()
