# SPDX-License-Identifier: Apache-2.0
"""python: http.server on a dual-stack socket, asyncio on one socket for each family, MPTCP."""

import signal

import host
import servers

PORT = 8080

MPTCP = """
import errno, socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError as error:
    print(errno.errorcode[error.errno])
"""


class PythonTest(host.HostTest):
    def test_http_server_and_asyncio_share_a_port(self):
        published = self.start("http-server", servers.python("http-server", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("asyncio", servers.asyncio("asyncio", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("http-server", "asyncio"))
        self.assertEqual(published.stop(signal.SIGINT), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "asyncio")
        self.assertEqual(private.stop(), -signal.SIGTERM)

    def test_asyncio_published(self):
        published = self.start("asyncio", servers.asyncio("asyncio", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("http-server", servers.python("http-server", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("asyncio", "http-server"))
        self.assertEqual(published.stop(), -signal.SIGTERM)
        self.check_fallback(published, private, PORT, host.ask_http, "http-server")

    def test_mptcp_is_not_to_be_had_where_a_port_is_published(self):
        service = self.start("mptcp", ["python3", "-c", MPTCP], publish=[f"tcp/{PORT}"])
        self.assertEqual(service.wait(), 0)
        self.assertEqual(service.output().strip(), "EPROTONOSUPPORT")


if __name__ == "__main__":
    host.main()
