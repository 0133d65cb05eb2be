# SPDX-License-Identifier: Apache-2.0
"""haproxy: master and worker, one socket for each family, reload without a closed port."""

import signal

import host
import servers

PORT = 8080


class HaproxyTest(host.HostTest):
    def test_master_and_worker_answer_through_a_reload(self):
        published = self.start("haproxy", servers.haproxy("haproxy", PORT), publish=[f"tcp/{PORT}"])
        private = self.start("nginx", servers.nginx("nginx", PORT))
        self.check_pair(published, private, PORT, host.ask_http, ("haproxy", "nginx"))
        self.assert_listens(published, PORT)
        config = host.ROOT / "srv/haproxy/haproxy.cfg"
        config.write_text(config.read_text().replace("string haproxy", "string reloaded"))
        # The worker may answer before its master, which executes itself anew, is ready for signals.
        published.wait_for_handler(signal.SIGUSR2)
        published.send(signal.SIGUSR2)
        for address in host.PUBLIC:
            published.wait_until("the new configuration",
                                 lambda: host.ask_http(address, PORT, "client") == "reloaded")
        self.assert_only_private()
        published.wait_for_handler(signal.SIGTERM)
        self.assertEqual(published.stop(signal.SIGTERM), 0)
        self.check_fallback(published, private, PORT, host.ask_http, "nginx")


if __name__ == "__main__":
    host.main()
