# SPDX-License-Identifier: Apache-2.0
"""connection_stream: clients that connect without a pause, one after another, to every public address.

Each connection asks once, reads the answer to its end, and is counted: by what answered, or by how it failed.
"""

import collections
import threading

import host

WORKERS = 4


class ConnectionStream:
    def __init__(self, port, addresses=tuple(host.PUBLIC)):
        self._port, self._addresses = port, addresses
        self._changed = threading.Condition()
        self._stopping = False
        self.answers = collections.Counter()  # (address, identity or error) -> connections
        self._workers = [threading.Thread(target=self._work, args=(number,)) for number in range(WORKERS)]
        for worker in self._workers:
            worker.start()

    def _work(self, number):
        with host.namespace("client"):
            while not self._stopping:
                address = self._addresses[number % len(self._addresses)]
                number += 1
                try:
                    outcome = self._ask(address)
                except OSError as error:
                    outcome = repr(error)
                with self._changed:
                    self.answers[(address, outcome)] += 1
                    self._changed.notify_all()

    def _ask(self, address):
        with host.connect(address, self._port) as stream:
            stream.sendall(b"GET /who HTTP/1.0\r\n\r\n")
            answer = b""
            while more := stream.recv(4096):
                answer += more
        return answer.decode().rpartition("\r\n\r\n")[2].strip()

    def count(self):
        with self._changed:
            return sum(self.answers.values())

    def wait_for_more(self, connections):
        """Until so many more connections have ended, however they have."""
        with self._changed:
            enough = sum(self.answers.values()) + connections
            if not self._changed.wait_for(lambda: sum(self.answers.values()) >= enough, host.WAIT_SECONDS):
                raise AssertionError(f"{self.answers} after {host.WAIT_SECONDS} s; waited for {enough}")

    def stop(self):
        self._stopping = True
        for worker in self._workers:
            worker.join()
