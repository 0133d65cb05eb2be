#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rooms_test: nobody includes what the table of rooms in docs/architecture.md does not give him.

  rooms_test.py SOURCE

The table's rows are | `room/` | holds | what it may include, in backticks | libraries, in backticks |. A room may always
include its own headers, the C++ library, the C library and the kernel's headers; core, which makes no system call, only
those of C's headers that are named below.
"""

import pathlib
import re
import sys

SOURCE = pathlib.Path(sys.argv[1]).resolve()

# Where a header of a library is found, and the word for the library in the table.
LIBRARIES = {
    "absl/": "Abseil",
    "bpf/": "libbpf",
    "CLI/": "CLI11",
    "libmnl/": "libmnl",
    "microhttpd.h": "libmicrohttpd",
    "nlohmann/": "nlohmann-json",
    "seccomp.h": "libseccomp",
    "systemd/": "libsystemd",
    "toml++/": "toml++",
}
# Constants, structs and inet_ntop(3) alone.
PURE_HEADERS = {"arpa/inet.h", "errno.h", "netinet/in.h", "sys/socket.h"}
EVERYBODYS = {"version.h"}


def table():
    rows = {}
    for line in (SOURCE / "docs/architecture.md").read_text().splitlines():
        if match := re.match(r"\| `(\w+)/` \|(.*)\|(.*)\|(.*)\|$", line):
            rows[match[1]] = set(re.findall(r"`([^`]+)`", match[3])) | set(re.findall(r"`([^`]+)`", match[4]))
    return rows


def may_include_own(room, header, allowed):
    if header in EVERYBODYS or "/" not in header:
        return True
    return header.split("/")[0] == room or header in allowed or header.split("/")[0] + "/" in allowed


def may_include_system(room, header, allowed):
    for prefix, library in LIBRARIES.items():
        if header == prefix or (prefix.endswith("/") and header.startswith(prefix)):
            return library in allowed
    return room != "core" or "." not in header or header in PURE_HEADERS


def check_file(path, room, allowed):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r"#\s*include\s+([<\"])([^>\"]+)[>\"]", line)
        if not match:
            continue
        library = match[1] == "<" or match[2].startswith("absl/")
        if not (may_include_system if library else may_include_own)(room, match[2], allowed):
            yield f"{path.relative_to(SOURCE)}:{number}: {room}/ may not include {match[2]} (docs/architecture.md)"


def main():
    rows = table()
    problems = [] if len(rows) >= 8 else [f"docs/architecture.md: a table of {len(rows)} rooms"]
    for room, allowed in rows.items():
        files = [path for suffix in ("h", "cc", "c") for path in sorted((SOURCE / room).rglob(f"*.{suffix}"))]
        if not files:
            problems.append(f"{room}/ has no sources")
        for path in files:
            problems.extend(check_file(path, room, allowed))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
