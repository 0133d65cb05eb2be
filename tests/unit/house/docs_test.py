#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs_test: what a machine can check of the documentation.

  docs_test.py SOURCE BIN KNOWN_KEYS TEST

SOURCE is the tree, BIN holds the programs, KNOWN_KEYS is the program known_keys. TEST is one of the functions below
that are named test_….
"""

import pathlib
import re
import subprocess
import sys

SOURCE, BIN, KNOWN_KEYS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
ROOMS = "core config sys wire notify launcher bpf supervisor tests bench docs man packaging script".split()
problems = []


def problem(text):
    problems.append(text)


def read(name):
    return (SOURCE / name).read_text()


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=10).stdout


def options_in(help_text):
    """The options that a help text names at the beginning of a line: {"--json", "-v", …}."""
    found = set()
    for line in help_text.splitlines():
        if match := re.match(r"\s+(-[\w-]+(?:,-[\w-]+)*)", line):
            found.update(match.group(1).split(","))
    return found


def macros(page):
    """The options that a page of mdoc names with Fl, each as it is typed."""
    return {"-" + name for name in re.findall(r"\bFl (-?[\w-]+)", page)}


def subsection(page, title):
    """The text of one .Ss, without what follows."""
    parts = re.split(r"^\.S[sh] ", page, flags=re.MULTILINE)
    return next((part for part in parts if part.split("\n", 1)[0] == title), "")


def test_every_option_of_forcebind_is_in_its_manual():
    page = read("man/forcebind.1")
    commands = re.findall(r"^  ([a-z]+)  ", output(BIN / "forcebind", "--help"), flags=re.MULTILINE)
    if "run" not in commands:
        problem("forcebind --help does not list the commands")
    for command in commands:
        text = subsection(page, f"forcebind {command}")
        if not text:
            problem(f"forcebind.1 has no \".Ss forcebind {command}\"")
        for option in options_in(output(BIN / "forcebind", command, "--help")) - {"-h", "--help"}:
            if option not in macros(text):
                problem(f"forcebind.1: \".Ss forcebind {command}\" does not name {option}")


def test_every_option_of_the_supervisor_is_in_its_manual():
    options = options_in(output(BIN / "forcebind-supervisor", "--help"))
    if "--bpf-dir" not in options:
        problem("forcebind-supervisor --help does not list the options")
    for option in options - macros(read("man/forcebind-supervisor.8")):
        problem(f"forcebind-supervisor.8 does not name {option}")


def test_every_key_of_the_configuration_is_in_its_manual():
    pages = {"profile": "forcebind-profile.5", "publish": "forcebind-profile.5"}
    lines = output(KNOWN_KEYS).splitlines()
    if len(lines) < 20:
        problem(f"known_keys printed {len(lines)} keys")
    for line in lines:
        where, key = line.split()
        name = pages.get(where, "forcebind-supervisor.8")
        if not re.search(rf"^\.It Ic {re.escape(key)}$", read(f"man/{name}"), flags=re.MULTILINE):
            problem(f"{name} has no \".It Ic {key}\" (a key of {where})")


def test_manuals_are_well_formed():
    pages = sorted(str(page) for page in (SOURCE / "man").glob("*.[1-8]"))
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
    if done.returncode != 0:
        problem(done.stdout)


def documents():
    return [SOURCE / "README.md", SOURCE / "NOTICE", SOURCE / "bench/README.md", *sorted((SOURCE / "docs").rglob("*.md"))]


def anchors(path):
    """As the usual renderers make them from headings."""
    headings = re.findall(r"^#+ +(.*)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_link(document, link):
    if re.match(r"[a-z]+:", link):
        return
    name, _, anchor = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    if not target.exists():
        problem(f"{document.relative_to(SOURCE)}: {link} leads nowhere")
    elif anchor and anchor not in anchors(target):
        problem(f"{document.relative_to(SOURCE)}: {link}: there is no such heading")


def test_links_between_documents_lead_somewhere():
    for document in documents():
        for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
            check_link(document, link)


def test_files_that_documents_name_exist():
    for document in documents():
        for name in re.findall(r"`([\w./-]+)`", document.read_text()):
            room, _, rest = name.partition("/")
            # A module may be named without a suffix, a test by its class and not by its file.
            if room in ROOMS and rest and not any(SOURCE.glob(name.rstrip("/") + "*")):
                problem(f"{document.relative_to(SOURCE)}: there is no {name}")


def main():
    globals()[sys.argv[4]]()
    for text in problems:
        print(text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
