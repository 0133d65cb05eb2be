# SPDX-License-Identifier: Apache-2.0
"""two_runs: what the suites have in common.

  usage: tests/suites/SUITE [--keep DIRECTORY] [PART...]

THEORY OF OPERATION
  Every part runs twice, each time on a private host of its own (script/private-host) with a scratch layer over the tree that
  script/rootfs makes, where the loopback has nobody else on it: natively, and under forcebind behind all walls. What each
  case came to is compared. A difference is one that the suite's table EXPECTED does not name with its reason, and what it
  names and does not happen is one as well. --keep: the runs' output goes to this directory.

  A suite is a program that calls Suite(...).run(), and is executed again inside, with --inside.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FORCEBIND_BIN_DIR", SOURCE / "build" / "bin"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "forcebind"
ROOT = pathlib.Path("/run/rootfs")
V4, V6, ULA = "127.84.3.1", "fd5e:1f2a:90c1::1", "fd5e:1f2a:90c1::/48"
SOCKET, CONFIG, PROFILE = "/run/supervisor.sock", "/run/supervisor.toml", "/run/suite.toml"
SUPERVISOR = [BIN / "forcebind-supervisor", "--config", CONFIG, "--socket", SOCKET]
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
PART_SECONDS = 900


def newest(package):
    """The version of a Debian package that apt has now."""
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", package], check=True, stdout=subprocess.PIPE, text=True)
    return next(line.split()[1] for line in shown.stdout.splitlines() if line.startswith("Version:"))


def fetch(package, version):
    """The directory into which this Debian package is unpacked: fetched once."""
    place = CACHE / f"suite-{package}-{version}"
    if place.is_dir():
        return place
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="suite-new.") as new:
        os.chmod(new, 0o755)
        subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}"], cwd=new,
                       check=True, stdout=subprocess.DEVNULL)
        (file,) = pathlib.Path(new).glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", file, f"{new}/tree"], check=True)
        os.rename(f"{new}/tree", place)
    return place


def start_supervisor():
    """Returns when it is ready: it tells as sd_notify(3) has it."""
    pathlib.Path(CONFIG).write_text(f'state-dir = "/run/state"\nula = "{ULA}"\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind("/run/ready.sock")
        ready.settimeout(60)
        process = subprocess.Popen(
            SUPERVISOR, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "/run/ready.sock"})
        ready.recv(100)
    return process


class Suite:
    """`parts`: what is run by itself. `expected`: case -> why it is another one under forcebind. `prepare(tree)`, outside,
    gives a directory that the inside knows as `material`. `run_part(part, material, execute)`, inside, gives a table from
    case to outcome ("passed" and others); execute(COMMAND) runs it in the tree, natively or forced, and gives its output.
    `profiles`: part -> the text of the service's profile.
    """

    def __init__(self, parts, expected, prepare, run_part, profiles={}):
        self.parts, self.expected, self.prepare, self.run_part, self.profiles = parts, expected, prepare, run_part, profiles

    def run(self):
        parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
        parser.add_argument("--keep", type=pathlib.Path)
        parser.add_argument("--inside", help=argparse.SUPPRESS)
        parser.add_argument("--material", type=pathlib.Path, help=argparse.SUPPRESS)
        parser.add_argument("parts", nargs="*", default=self.parts)
        options = parser.parse_args()
        if options.inside:
            return self._inside(options)
        return self._outside(options)

    def _inside(self, options):
        prefix, supervisor = [], None
        if options.inside == "forced":
            supervisor = start_supervisor()
            pathlib.Path(PROFILE).write_text(self.profiles.get(options.parts[0], ""))
            prefix = [BIN / "forcebind", "run", "--supervisor", SOCKET, "--require-wall", "cgroup", "--profile", PROFILE,
                      "--name", "suite", "--address", V4, "--address", V6, "--"]
        (part,) = options.parts

        def execute(command):
            words = [str(word) for word in prefix + ["chroot", ROOT] + command]
            path = options.keep / f"{part.replace('/', '_')}-{options.inside}.log"
            with open(path, "wb") as log:
                try:
                    subprocess.run(words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                   timeout=PART_SECONDS)
                except subprocess.TimeoutExpired:
                    log.write(b"\nno end in sight\n")
            return path.read_text(errors="replace")

        cases = self.run_part(part, options.material, execute)
        if supervisor:
            supervisor.terminate()
            supervisor.wait()
            subprocess.run([*SUPERVISOR, "--unload"], check=True)
        json.dump(cases or {part: "no report"}, sys.stdout)
        return 0

    def _outside(self, options):
        tree = subprocess.run([SOURCE / "script/rootfs"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        material = self.prepare(pathlib.Path(tree))
        unexpected = 0
        with tempfile.TemporaryDirectory() as scratch:
            keep = (options.keep or pathlib.Path(scratch)).resolve()
            keep.mkdir(parents=True, exist_ok=True)
            for part in options.parts:
                runs = []
                for how in ("native", "forced"):
                    words = [SOURCE / "script/private-host", "--rootfs", tree, sys.executable, sys.argv[0], "--keep", keep,
                             "--inside", how, "--material", material, part]
                    text = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, text=True).stdout
                    runs.append(json.loads(text))
                unexpected += self._compare(part, *runs)
        print(f"{unexpected} unexpected differences")
        return 1 if unexpected else 0

    def _compare(self, part, native, forced):
        """Prints the differences of one part; how many are not expected."""
        unexpected = 0
        for case in sorted(native.keys() | forced.keys()):
            before, after = native.get(case, "not there"), forced.get(case, "not there")
            reason = self.expected.get(case)
            if (before != after) == (reason is not None):
                if reason is not None:
                    print(f"  {case}: {before}, forced {after}: {reason}")
                continue
            unexpected += 1
            print(f"  {case}: {before}, forced {after}: {'it was to differ: ' + reason if reason else 'UNEXPECTED'}")
        count = lambda cases: sum(result == "passed" for result in cases.values())
        if count(native) == 0:
            print(f"{part}: nothing passed natively")
            unexpected += 1
        print(f"{part}: {len(native)} cases, {count(native)} passed natively, {count(forced)} forced", flush=True)
        return unexpected
