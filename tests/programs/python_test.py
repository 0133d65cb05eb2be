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

# Answers each datagram from the address that it was sent to, as servers of QUIC, NTP and DNS do. argv: name, port, 1 if
# IPv6 only.
PKTINFO = """
import socket, sys
name, port, v6only = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    server.bind(("::", port))
    while True:
        _, control, _, client = server.recvmsg(100, 100)
        source = control[0][2][:16] + bytes(4)  # by whatever interface leads there
        server.sendmsg([name], [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source)], 0, client)
"""

# Opens and closes, again and again, what argv names.
REOPEN = """
import socket, sys
family = {"4": socket.AF_INET, "6": socket.AF_INET6}[sys.argv[1]]
kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[sys.argv[2]]
for round in range(500):
    with socket.socket(family, kind) as server:
        server.bind(("", int(sys.argv[3])))
        if kind == socket.SOCK_STREAM:
            server.listen()
"""


class PythonTest(host.HostTest):
    def test_http_server_and_asyncio_share_a_port(self):
        published = self.start("http-server", servers.python("http-server", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("asyncio", servers.asyncio("asyncio", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("http-server", "asyncio"))
        self.assertEqual(published.stop(), -signal.SIGTERM)
        self.check_fallback(published, private, PORT, host.ask_http, "asyncio")
        self.assertEqual(private.stop(), -signal.SIGTERM)

    def test_asyncio_published(self):
        published = self.start("asyncio", servers.asyncio("asyncio", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("http-server", servers.python("http-server", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("asyncio", "http-server"))
        self.assertEqual(published.stop(), -signal.SIGTERM)
        self.check_fallback(published, private, PORT, host.ask_http, "http-server")

    def test_a_port_is_free_when_its_socket_is_closed(self):
        for family in ("4", "6"):
            for protocol in ("tcp", "udp"):
                for publish in ([], [f"{protocol}/{PORT}"]):
                    with self.subTest(family=family, protocol=protocol, publish=publish):
                        command = ["python3", "-c", REOPEN, family, protocol, PORT]
                        self.assertEqual(self.start("reopen", command, publish=publish).wait(), 0)

    def test_mptcp_is_not_to_be_had_where_a_port_is_published(self):
        service = self.start("mptcp", ["python3", "-c", MPTCP], publish=[f"tcp/{PORT}"])
        self.assertEqual(service.wait(), 0)
        self.assertEqual(service.output().strip(), "EPROTONOSUPPORT")

    def test_answers_over_udp_name_the_address_that_was_asked_as_their_source(self):
        for v6only in (1, 0):
            with self.subTest(v6only=v6only):
                command = ["python3", "-c", PKTINFO, "pktinfo", PORT, v6only]
                server = self.start("pktinfo", command, publish=[f"udp/{PORT}"])
                self.wait_for_listener(server, PORT, "udp", server.v6 if v6only else server.v4)
                for address in server.private + host.PUBLIC:
                    if ":" in address or not v6only:
                        place = "host" if address in server.private else "client"
                        self.assertEqual(host.ask_udp(address, PORT, place), b"pktinfo", address)
                self.assert_only_private()
                self.assertEqual(server.stop(), -signal.SIGTERM)


if __name__ == "__main__":
    host.main()
