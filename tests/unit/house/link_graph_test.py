#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""link_graph_test: each program is linked with the libraries that are its own, and with none that are not.

  link_graph_test.py PROGRAM HAS… -- HAS_NOT…

The names are libraries of LIBRARIES. A library is there if one of its functions is in the program, or the program asks
the dynamic linker for the library.
"""

import re
import subprocess
import sys

# For each library, what its functions' names begin with.
LIBRARIES = {
    "libseccomp": r"seccomp_(init|rule_add|export_bpf)",
    "libbpf": r"bpf_(object__|program__|map_create|link__)",
    "libmicrohttpd": r"MHD_",
    "libmnl": r"mnl_(socket|nlmsg)_",
    "libsystemd": r"sd_notify",
}


def text_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=True).stdout


def main():
    program, names = sys.argv[1], sys.argv[2:]
    # Defined ones (static libraries), asked-for ones (shared libraries), and the libraries' names.
    text = text_of("nm", program) + text_of("readelf", "--dynamic", "--wide", program)
    problems = [] if " main\n" in text else [f"{program} is stripped: nothing can be told of it"]
    wanted = True
    for name in names:
        if name == "--":
            wanted = False
            continue
        function = re.search(rf"\b[TtWU] {LIBRARIES[name]}\w*", text)
        found = function or re.search(rf"\[{name}\.so", text)
        if bool(found) != wanted:
            problems.append(f"{program}: {name} is {f'there: {found[0]}' if found else 'not there'}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
