# SPDX-License-Identifier: Apache-2.0
"""redis: two servers on one port, each with its own data."""

import host
import servers

PORT = 8080


class RedisTest(host.HostTest):
    def test_two_servers_on_one_port_keep_apart(self):
        published = self.start("redis", servers.redis("redis", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("other", servers.redis("other", PORT))
        for service in (published, private):
            service.wait_until("room for a key", lambda: servers.tell_redis(service.v4, PORT, service.name))
        self.check_pair(published, private, PORT, servers.ask_redis, ("redis", "other"))
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, servers.ask_redis, "other")


if __name__ == "__main__":
    host.main()
