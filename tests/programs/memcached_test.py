# SPDX-License-Identifier: Apache-2.0
"""memcached: TCP and UDP, one socket for each family, several threads."""

import host
import servers

PORT = 8080


class MemcachedTest(host.HostTest):
    def test_both_protocols_answer_from_the_address_that_was_asked(self):
        published = self.start("memcached", servers.memcached("memcached", PORT),
                               publish=[f"tcp/{PORT}", f"udp/{PORT}"])
        private = self.start("redis", servers.redis("redis", PORT))
        published.wait_until("room for a key", lambda: servers.tell_memcached(published.v4, PORT, "memcached"))
        private.wait_until("room for a key", lambda: servers.tell_redis(private.v4, PORT, "redis"))
        self.check_pair(published, private, PORT, servers.ask_memcached, ("memcached", "redis"),
                        ask_private=servers.ask_redis)
        self.assert_listens(published, PORT, "udp")
        for address in published.private:
            self.assertEqual(servers.ask_memcached_udp(address, PORT), "memcached")
        for address in host.PUBLIC:
            self.assertEqual(servers.ask_memcached_udp(address, PORT, "client"), "memcached")
        self.assert_udp_strangers_keep_their_packets(servers.ask_memcached_udp, "memcached", PORT)
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, servers.ask_redis, "redis")


if __name__ == "__main__":
    host.main()
