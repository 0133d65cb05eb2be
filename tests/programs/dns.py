# SPDX-License-Identifier: Apache-2.0
"""dns: what the tests of name servers share: UDP and TCP port 53, and an upstream server out in the network.

The upstream is a dnsmasq in the client's network, without forcebind: a name server under forcebind has to reach it from
sockets that its own code binds to ports of its choice.
"""

import host
import servers

PORT = 53
PUBLISH = [f"udp/{PORT}", f"tcp/{PORT}"]
UPSTREAM_ADDRESS, UPSTREAM_PORT = "192.0.2.100", 5353
UPSTREAM = f"{UPSTREAM_ADDRESS}#{UPSTREAM_PORT}"  # as dnsmasq has it
REMOTE = "remote.example"
REMOTE_ANSWER = "far away"


def wait_for_start(*name_servers):
    """Until each says that it has started: it drops the queries that came between bind(2) and IP_PKTINFO."""
    for process in name_servers:
        process.wait_for_line("started, version|start of service")


class NameServerTest(host.HostTest):
    def setUp(self):
        super().setUp()
        records = [f"--txt-record={REMOTE},{REMOTE_ANSWER}"]
        command = ["chroot", host.ROOT, *servers.dnsmasq("upstream", UPSTREAM_PORT, None, records)]
        self.upstream = host.Process("upstream", ["ip", "netns", "exec", "client", *command])
        self.addCleanup(self.upstream.end)
        wait_for_start(self.upstream)
        answer = servers.ask_dns("udp", REMOTE)(UPSTREAM_ADDRESS, UPSTREAM_PORT, "client")
        self.assertEqual(answer, REMOTE_ANSWER)

    def check_name_servers(self, published, private, asked_by_tcp):
        """`asked_by_tcp`: those that answer over TCP at their private addresses, too."""
        wait_for_start(published, private)
        names = (published.name, private.name)
        self.check_pair(published, private, PORT, servers.ask_dns("udp"), names)
        self.assert_udp_strangers_keep_their_packets(servers.ask_dns("udp"), names[0], PORT)
        ask = servers.ask_dns("tcp")
        for service in asked_by_tcp:
            for address in service.private:
                self.assertEqual(ask(address, PORT), service.name, f"{address} over TCP")
        for address in host.PUBLIC:
            self.assertEqual(ask(address, PORT, "client"), names[0], f"{address} over TCP")
        self.assert_strangers_keep_their_packets(ask, names[0], PORT)
        for transport in ("udp", "tcp"):
            self.assert_listens(published, PORT, transport)
            self.assert_listens(private, PORT, transport)

    def check_recursion(self, service, address, place):
        """A name that the service has to ask the upstream for."""
        for transport in ("udp", "tcp"):
            ask = servers.ask_dns(transport, REMOTE)
            self.assertEqual(ask(address, PORT, place), REMOTE_ANSWER, f"{service.name} by {transport}")
        self.assert_only_private()

    def check_end(self, published, private):
        self.check_fallback(published, private, PORT, servers.ask_dns("tcp"), private.name)
        self.assertEqual(servers.ask_dns("udp")(private.v4, PORT), private.name)
        for address in host.PUBLIC:
            self.assert_udp_refused(address, PORT)
