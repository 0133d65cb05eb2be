# SPDX-License-Identifier: Apache-2.0
"""dnsmasq: UDP and TCP port 53 of both families; it sends each answer from the address that it read from the query.

On the wildcard it turns down TCP connections to an address that no interface has (dnsmasq.c, check_dns_listeners), as
natively those to 127.0.0.2; so it is asked over TCP at public addresses only. unbound_test.py has it on the loopback
interface.
"""

import dns
import host
import servers


class DnsmasqTest(dns.NameServerTest):
    def test_it_answers_beside_another_name_server_and_asks_an_upstream_server(self):
        published = self.start("dnsmasq", servers.dnsmasq("dnsmasq", dns.PORT, dns.UPSTREAM), publish=dns.PUBLISH)
        private = self.start("unbound", servers.unbound("unbound", dns.PORT, published.v4, dns.PORT))
        self.check_name_servers(published, private, asked_by_tcp=[private])
        self.check_recursion(published, "192.0.2.7", "client")
        self.check_recursion(published, "2001:db8:1::7", "client")
        self.check_recursion(private, private.v4, "host")
        self.assertEqual(published.stop(), 0)
        self.check_end(published, private)


if __name__ == "__main__":
    host.main()
