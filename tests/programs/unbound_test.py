# SPDX-License-Identifier: Apache-2.0
"""unbound: UDP and TCP port 53 of both families; threads with sockets of their own.

It binds the sockets by which it asks to UDP ports of its own choice, as servers do, so they are private: over UDP it
reaches servers of this host, and others over TCP.
"""

import dns
import host
import servers


class UnboundTest(dns.NameServerTest):
    def test_it_answers_beside_another_name_server_which_it_asks(self):
        loopback = ["--bind-interfaces", "--interface=lo"]
        private = self.start("dnsmasq", servers.dnsmasq("dnsmasq", dns.PORT, dns.UPSTREAM, loopback))
        command = servers.unbound("unbound", dns.PORT, private.v4, dns.PORT)
        published = self.start("unbound", command, publish=dns.PUBLISH)
        self.check_name_servers(published, private, asked_by_tcp=[published, private])
        self.check_recursion(private, private.v4, "host")
        self.check_recursion(published, "192.0.2.7", "client")
        self.check_recursion(published, "2001:db8:1::7", "client")
        self.assertEqual(published.stop(), 0)
        self.check_end(published, private)

    def test_over_tcp_it_asks_a_server_out_in_the_network(self):
        command = servers.unbound("unbound", dns.PORT, dns.UPSTREAM_ADDRESS, dns.UPSTREAM_PORT, "tcp-upstream: yes")
        published = self.start("unbound", command, publish=dns.PUBLISH)
        dns.wait_for_start(published)
        self.assertEqual(servers.ask_dns("udp")("192.0.2.7", dns.PORT, "client"), published.name)
        self.check_recursion(published, "192.0.2.7", "client")


if __name__ == "__main__":
    host.main()
