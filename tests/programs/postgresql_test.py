# SPDX-License-Identifier: Apache-2.0
"""postgresql: run as its own user, reached over TCP and over its Unix socket, whose owner and peers count."""

import stat

import host
import servers

PORT = 8080


class PostgresqlTest(host.HostTest):
    def test_tcp_and_the_unix_socket(self):
        published = self.start("postgresql", servers.postgresql("postgresql", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("nginx", servers.nginx("nginx", PORT))
        self.check_pair(published, private, PORT, servers.ask_postgresql, ("postgresql", "nginx"),
                        ask_private=host.ask_http)
        self.check_unix_socket()
        self.assertEqual(published.stop(), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "nginx")

    def check_unix_socket(self):
        path = host.ROOT / f"run/postgresql/.s.PGSQL.{PORT}"
        owner = int(host.in_root("id", "-u", "postgres"))
        status = path.stat()
        self.assertTrue(stat.S_ISSOCK(status.st_mode))
        self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode)), (owner, 0o777))
        ask = ["psql", "-XAtw", "-p", PORT, "-c", "show cluster_name"]
        target = "host=/run/postgresql dbname=postgres user=postgres"
        # The server is who its socket says (SO_PEERCRED of listen()), and knows its clients by the same way.
        self.assertEqual(host.in_root(*servers.POSTGRES, *ask, f"{target} requirepeer=postgres").strip(), "postgresql")
        self.assertIn("peer", host.in_root(*servers.POSTGRES, *ask, f"{target} requirepeer=root", status=2))
        self.assertIn("Peer authentication failed", host.in_root(*ask, target, status=2))


if __name__ == "__main__":
    host.main()
