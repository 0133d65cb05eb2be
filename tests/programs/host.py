# SPDX-License-Identifier: Apache-2.0
"""host: where the tests of real programs run.

THEORY OF OPERATION
  main() runs the test file again inside script/private-host: a host with public addresses and a client, in namespaces
  that end with the test, and at /run/rootfs a scratch view of the Debian tree that holds the programs. Every test class
  has a supervisor of its own, and starts services by

      forcebind run --profile FILE -- chroot /run/rootfs PROGRAM...

  Nothing here waits for time to pass: a wait is for a connection, an answer, an exit or a line of a log, and is
  bounded.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import time
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FORCEBIND_BIN_DIR", SOURCE / "build" / "bin"))
ROOT = pathlib.Path("/run/rootfs")
SUPERVISOR_CONFIG = pathlib.Path("/run/supervisor.toml")
ULA = "fd5e:1f2a:90c1::"
PUBLIC_V4 = ["192.0.2.7", "192.0.2.8", "198.51.100.7"]
PUBLIC_V6 = ["2001:db8::7", "2001:db8::8", "2001:db8:1::7"]
PUBLIC = PUBLIC_V4 + PUBLIC_V6
WAIT_SECONDS = 120
ANSWER_SECONDS = 60  # shorter, so that the client which waits in vain says so itself

_libc = ctypes.CDLL(None, use_errno=True)


def main():
    """What a test file ends with."""
    enter()
    unittest.main(verbosity=2)


def enter():
    """Returns on a private host; elsewhere the program is run again on one."""
    if os.environ.get("FORCEBIND_PRIVATE_HOST") == "1":
        return
    script = SOURCE / "script"
    tree = subprocess.run([script / "rootfs"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    command = [script / "private-host", "--rootfs", tree, sys.executable] + sys.argv
    os.execv(command[0], [str(word) for word in command])


@contextlib.contextmanager
def namespace(place):
    """With place "client", sockets that this thread opens inside are the client's; with "host" they are the host's."""
    if place == "host":
        yield
        return
    here, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{place}", os.O_RDONLY)
    try:
        if _libc.setns(there, 0) != 0:
            raise OSError(ctypes.get_errno(), f"enter the network of {place}")
        yield
    finally:
        _libc.setns(here, 0)
        os.close(here)
        os.close(there)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def connect(address, port, place="host"):
    """A TCP connection with a bounded patience."""
    with namespace(place):
        stream = socket.socket(family(address), socket.SOCK_STREAM)
    stream.settimeout(ANSWER_SECONDS)
    try:
        stream.connect((address, port))
    except OSError:
        stream.close()
        raise
    return stream


def ask_http(address, port, place="host", path="/who"):
    """The body of an HTTP answer, without white space at its ends."""
    with connect(address, port, place) as stream:
        connection = http.client.HTTPConnection(address, port)
        connection.sock = stream
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().read().decode().strip()


def ask_line(address, port, place="host", line=b"who\r\n"):
    """The first line that a server says in answer to a line."""
    with connect(address, port, place) as stream:
        stream.sendall(line)
        return stream.makefile("rb").readline().decode().strip()


def ask_udp(address, port, place="host", payload=b"who"):
    """The answer to one datagram, which must come from the very address that was asked."""
    with namespace(place):
        datagrams = socket.socket(family(address), socket.SOCK_DGRAM)
    with datagrams:
        datagrams.settimeout(ANSWER_SECONDS)
        datagrams.sendto(payload, (address, port))
        answer, source = datagrams.recvfrom(65536)
    if source[:2] != (address, port):
        raise AssertionError(f"asked {address} port {port}, was answered by {source[0]} port {source[1]}")
    return answer


def run(*command, place="host", status=0, timeout=WAIT_SECONDS, **options):
    """What a command prints; it must end with `status` (None: any)."""
    words = [str(word) for word in command]
    if place != "host":
        words = ["ip", "netns", "exec", place] + words
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, check=False, **options)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(words)}: status {done.returncode}, wanted {status}:\n{done.stdout}")
    return done.stdout


def in_root(*command, **options):
    return run("chroot", ROOT, *command, **options)


def write(path, text, mode=0o644):
    """A file in the rootfs, whose path as the programs see it is returned."""
    file = ROOT / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return path


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for_exit(pidfd):
    """Waits for the end of a process that is not our child, and closes the descriptor."""
    with os.fdopen(pidfd) as gone:
        if not select.select([gone], [], [], WAIT_SECONDS)[0]:
            raise AssertionError("a process has not ended")


class Process:
    """A process of ours with its output in a log."""

    def __init__(self, name, command, **options):
        self.name = name
        self.log = pathlib.Path(f"/run/logs/{name}.{time.monotonic_ns()}")
        self.log.parent.mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            # In a session of its own: some servers send signals to their whole process group (Apache's prefork).
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, **options)
        self.pidfd = os.pidfd_open(self.process.pid)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_until(self, what, condition):
        """Waits for a true value of condition(), and looks again whenever 20 ms are over or the process has ended."""
        last = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                value = condition()
                if value:
                    return value
                problem = f"is {value!r}"
            except (OSError, AssertionError, http.client.HTTPException) as error:
                problem = repr(error)
            ended = bool(select.select([self.pidfd], [], [], 0.02)[0])
            if ended or time.monotonic() > last:
                state = "has ended" if ended else "runs"
                raise AssertionError(f"{self.name} {state}, waiting for {what}: {problem}\n{self.output()}")

    def wait_for_line(self, pattern):
        return self.wait_until(f"/{pattern}/ in its log", lambda: re.search(pattern, self.output(), re.M))

    def wait_for_handler(self, number):
        """Until the process catches that signal."""
        status = pathlib.Path(f"/proc/{self.pid}/status")
        self.wait_until(f"a handler of {signal.Signals(number).name}", lambda: int(
            re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.M)[1], 16) >> (number - 1) & 1)

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        """The exit status; negative for a signal, as subprocess has it."""
        try:
            return self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended\n{self.output()}") from None

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.send(number)
        return self.wait()

    def end(self):
        """Makes sure that it is gone, and its children with it unless they made a session of their own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.pidfd)


class Service(Process):
    """A program under `forcebind run`, with private addresses that the test knows."""

    def __init__(self, number, name, command, publish=(), profile="", options=(), **popen):
        self.v4, self.v6 = f"127.84.3.{number}", f"{ULA}3:{number}"
        path = pathlib.Path(f"/run/profiles/{name}.toml")
        path.parent.mkdir(exist_ok=True)
        ports = ", ".join(port if port.startswith("{") else f'"{port}"' for port in publish)
        path.write_text(f'name = "{name}"\naddress = ["{self.v4}", "{self.v6}"]\npublish = [{ports}]\n{profile}\n')
        super().__init__(name, [BIN / "forcebind", "run", "--profile", path, *options, "--", "chroot", ROOT, *command],
                         **popen)

    @property
    def private(self):
        return [self.v4, self.v6]


class Listener:
    """A line of ss(8)."""

    def __init__(self, line):
        words = line.split(None, 6)
        self.protocol = words[0]
        address, _, port = words[4].rpartition(":")
        address, _, self.device = address.strip("[]").partition("%")
        self.mapped = address.startswith("[::ffff:") or address.startswith("::ffff:")
        self.address = address.strip("[]").removeprefix("::ffff:")
        self.port = int(port)
        self.pids = {int(pid) for pid in re.findall(r"pid=(\d+)", words[6])} if len(words) > 6 else set()
        self.line = line

    def __repr__(self):
        return self.line


def listeners(port=None):
    found = [Listener(line) for line in run("ss", "-Hlntup").splitlines()]
    return [one for one in found if port is None or one.port == port]


class HostTest(unittest.TestCase):
    """A test with a supervisor beside it, on a host whose processes it may start."""

    # Lines of the supervisor's configuration.
    configuration = ""

    @classmethod
    def setUpClass(cls):
        cls._numbers = {}
        cls._cleanups_of_class = contextlib.ExitStack()
        cls.addClassCleanup(cls._cleanups_of_class.close)
        cls._cleanups_of_class.callback(run, BIN / "forcebind-supervisor", "--unload", "--config", SUPERVISOR_CONFIG)
        cls.supervisor = cls.start_supervisor()
        # Also proves that the wire to the client carries packets.
        for address in ("192.0.2.7", "2001:db8::7"):
            try:
                connect(address, 9, "client").close()
                raise AssertionError("somebody listens on port 9")
            except ConnectionRefusedError:
                pass

    @classmethod
    def start_supervisor(cls):
        supervisor = cls.launch_supervisor()
        supervisor.wait_for_line("^forcebind-supervisor: backend ")
        return supervisor

    @classmethod
    def launch_supervisor(cls):
        SUPERVISOR_CONFIG.write_text(f'state-dir = "/run/state"\nula = "{ULA}/48"\n{cls.configuration}\n'
                                     "[limits]\ndescriptor-seconds = 60\n")
        supervisor = Process("supervisor", [BIN / "forcebind-supervisor", "--verbose", "--config", SUPERVISOR_CONFIG])
        cls._cleanups_of_class.callback(supervisor.end)
        return supervisor

    def setUp(self):
        self.services = []

    def start(self, name, command, **options):
        """Starts a service; it is ended after the test. The supervisor remembers addresses: one name, one number."""
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        service = Service(number, name, command, **options)
        self.services.append(service)
        self.addCleanup(service.end)
        return service

    def run(self, result=None):
        """Shows the logs of a test that failed."""
        before = len(result.failures) + len(result.errors) if result is not None else 0
        outcome = super().run(result)
        if result is not None and len(result.failures) + len(result.errors) > before:
            for process in [self.supervisor, *self.services]:
                print(f"--- log of {process.name}\n{process.output()}", file=sys.stderr)
        return outcome

    def status(self):
        return json.loads(run(BIN / "forcebind", "status", "--json"))

    # What is said about listeners.

    def assert_only_private(self, also=()):
        """No socket of a service listens on anything but its private addresses; `also`: addresses of the test's own."""
        private = {address for service in self.services for address in service.private}
        # A UDP client's socket on an ephemeral port of the wildcard is no listener.
        low, _ = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
        strays = [one for one in listeners() if one.address not in private and one.address not in also
                  and not (one.protocol == "udp" and one.address in ("0.0.0.0", "*", "::") and one.port >= low)]
        self.assertEqual(strays, [], "listeners on other than private addresses")

    def assert_listens(self, service, port, protocol="tcp", addresses=None):
        found = {one.address for one in listeners(port) if one.protocol == protocol}
        for address in addresses or service.private:
            self.assertIn(address, found, f"{service.name} on {protocol} port {port}\n{service.output()}")

    def wait_for_listener(self, service, port, protocol, address):
        """Until the call that makes this listener is under way: what is sent there waits for the service."""
        service.wait_until(f"its {protocol} port", lambda: any(
            one.protocol == protocol and one.address == address for one in listeners(port)))

    @contextlib.contextmanager
    def stranger(self, address, port, kind=socket.SOCK_STREAM):
        """A socket that a person opens by hand, without forcebind, on one specific address."""
        with socket.socket(family(address), kind) as own:
            own.settimeout(ANSWER_SECONDS)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind((address, port))
            if kind == socket.SOCK_STREAM:
                own.listen()
            yield own

    def assert_strangers_keep_their_packets(self, ask, identity, port, addresses=("192.0.2.8", "2001:db8::8")):
        for address in addresses:
            with self.stranger(address, port) as own:
                with connect(address, port, "client"):
                    accepted, peer = own.accept()
                    accepted.close()
                self.assertIn("100", peer[0])
                for other in PUBLIC:
                    if other != address:
                        self.assertEqual(ask(other, port, "client"), identity)
            self.assertEqual(ask(address, port, "client"), identity, f"{address} after the stranger has gone")

    def assert_udp_strangers_keep_their_packets(self, ask, identity, port, addresses=("192.0.2.8", "2001:db8::8")):
        for address in addresses:
            with self.stranger(address, port, socket.SOCK_DGRAM) as own:
                with namespace("client"):
                    sender = socket.socket(family(address), socket.SOCK_DGRAM)
                with sender:
                    sender.sendto(b"for the stranger", (address, port))
                    self.assertEqual(own.recv(100), b"for the stranger")
            self.assertEqual(ask(address, port, "client"), identity, f"{address} after the stranger has gone")

    def assert_refused(self, address, port, place="client"):
        with self.assertRaises(ConnectionRefusedError):
            connect(address, port, place).close()

    def assert_udp_refused(self, address, port):
        """The kernel says that nobody is there (ICMP port unreachable)."""
        with namespace("client"):
            datagrams = socket.socket(family(address), socket.SOCK_DGRAM)
        with datagrams, self.assertRaises(ConnectionRefusedError):
            datagrams.settimeout(ANSWER_SECONDS)
            datagrams.connect((address, port))
            datagrams.send(b"anybody there?")
            datagrams.recv(100)

    # The scenario that every program goes through.

    def check_pair(self, published, private, port, ask, identities, ask_private=None, addresses=PUBLIC):
        """Two services listen on one port; `published` answers on public addresses, `private` only on its own."""
        ask_private = ask_private or ask
        for service, question, identity in ((published, ask, identities[0]), (private, ask_private, identities[1])):
            for address in service.private:
                answer = service.wait_until(f"an answer at {address}", lambda: question(address, port))
                self.assertEqual(answer, identity, address)
        self.assert_only_private()
        self.assert_listens(published, port, addresses=[published.v4])
        self.assert_listens(private, port, addresses=[private.v4])
        for address in addresses:
            self.assertEqual(ask(address, port, "client"), identities[0], f"{address} from the client")
            self.assertEqual(ask(address, port), identities[0], f"{address} from the host itself")
        self.assert_strangers_keep_their_packets(ask, identities[0], port)

    def check_fallback(self, published, private, port, ask_private, identity):
        """After `published` has stopped nobody has its public port, and `private` is as it was."""
        published.wait()
        for address in PUBLIC:
            self.assert_refused(address, port)
        self.assertEqual(ask_private(private.v4, port), identity)
        self.assert_only_private()
        for address in ("192.0.2.7", "2001:db8::7"):
            with self.stranger(address, port) as own, connect(address, port, "client"):
                own.accept()[0].close()
