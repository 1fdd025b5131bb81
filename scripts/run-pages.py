#!/usr/bin/env python3
"""Types what the pages tell a reader to type: every `console` block of the README, the tutorial and the page on pipelines is run
by a shell, on this machine alone, and must end as the page says.

    scripts/run-pages.py PROGRAM [PAGE...]

PROGRAM is the scaletop to run. Two things differ from what a reader does, to be done in minutes: `run` plays its plan in a fifth of
the time, and the screen is closed by `q` after a moment. https://ANYTHING.example.com is a service on this machine.

The blocks of all other pages, and those after the comment `<!-- not run: REASON -->`, are only parsed. Lines of output on a page are looked for in what was printed, numbers
aside; after `<!-- output: REASON -->` only those without numbers are.
"""

import argparse
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "docs/tutorial.md", "docs/ci.md"]
BLOCK = re.compile(r"(?:<!-- (not run|output): ([^>]*?) -->\n\n?)?^```console\n(.*?)^```", re.S | re.M)
STRETCH = "0.2"
# Each page, in seconds: a bound on what hangs, not on what is slow.
PATIENCE = 400
EXAMPLE = re.compile(r"https?://[\w-]+(?:\.[\w-]+)*\.example\.com")


def commands(block):
    """The commands of a block, each with the lines of output that follow it."""
    found = []
    ends = None
    for line in block.splitlines():
        if ends is not None:
            found[-1][0].append(line)
            ends = None if line == ends else ends
        elif line.startswith("$ "):
            found.append(([line[2:]], []))
            here = re.search(r"<<'?(\w+)'?", line)
            ends = here and here[1]
        elif not found:
            raise ValueError(f"a block begins with `{line}`, which is no command")
        else:
            found[-1][1].append(line)
    return [("\n".join(typed), printed) for typed, printed in found]


def shape(line):
    """A line without its numbers and spaces."""
    return re.sub(r"\d[\d.,:]*", "#", "".join(line.split()))


def script(typed, folder):
    """One program of the shell for all commands, which notes of each what it printed and how it ended."""
    lines = ["code=0"]
    for at, command in enumerate(typed):
        # `$?` is that of the command before, as for whoever types it.
        lines += ["(exit $code)", f"{{ {command}", f"}} >{folder}/{at}.out 2>&1", "code=$?", f"echo $code >{folder}/{at}.code"]
    return "\n".join(lines) + "\n"


def parsed_page(page):
    """What is to be run of a page: its commands, what they print, and whether its numbers differ."""
    told = []
    for kind, _, block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        parsed = commands(block)
        typed = "\n".join(typed for typed, _ in parsed)
        check = subprocess.run(["bash", "-n"], input=typed, text=True, capture_output=True, check=False)
        if check.returncode:
            raise ValueError(f"{typed}\n{check.stderr.strip()}")
        if kind != "not run":
            told += [(typed, printed, kind == "output") for typed, printed in parsed]
    return told


def run_page(page, program, service):
    told = parsed_page(page)
    if not told:
        return [], 0
    with tempfile.TemporaryDirectory() as home:
        return execute(page, told, program, service, Path(home)), len(told)


def execute(page, told, program, service, home):
    work, notes, binaries = home / "work", home / "notes", home / "bin"
    for folder in (work, notes, binaries):
        folder.mkdir()
    for name in ("examples", "scenarios"):
        (work / name).symlink_to(ROOT / name)
    wrapper = binaries / "scaletop"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} --as {shlex.quote(program)} {service} -- "$@"\n')
    wrapper.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SCALETOP_", "AWS_", "GITHUB_"))}
    environment |= {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(home), "TERM": "xterm-256color"}
    shell = subprocess.Popen(
        ["bash", "--norc"], stdin=subprocess.PIPE, cwd=work, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        shell.communicate(script([typed for typed, _, _ in told], notes), timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # What the page left running is of the shell's own group.
        try:
            os.killpg(shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        shell.wait()
    return [line for at, one in enumerate(told) for line in judge(page, one, notes / f"{at}.out", notes / f"{at}.code")]


def judge(page, told, out, code):
    typed, printed, numbers_differ = told
    if not code.exists():
        yield f"{page}: `{typed}` did not end"
        return
    said, ended = out.read_text(encoding="utf-8", errors="replace"), int(code.read_text())
    # A plan's thresholds and a comparison's limits are their business, and a busy machine is nobody's fault.
    fine = {0, 3, 4} if re.search(r"\brun\b|\.sh\b|--fail-if", typed) else {0}
    if ended not in fine:
        yield f"{page}: `{typed}` ended with {ended}:\n{said}"
    lines = {shape(line) for line in said.splitlines()}
    for line in printed:
        if line.strip() == "…" or not line.strip() or (numbers_differ and re.search(r"\d", line)):
            continue
        if shape(line) not in lines:
            yield f"{page}: `{typed}` did not print\n  {line}\nbut\n{said}"


def as_scaletop(program, service, words):
    """What a page calls scaletop: the program, on this machine, in a fifth of the time, its screen closed after a moment."""
    words = [EXAMPLE.sub(service, word) for word in words]
    if words[:1] == ["run"] and "--check" not in words:
        os.environ["SCALETOP_STRETCH"] = STRETCH
    if words[:1] in (["demo"], ["live"], ["replay"]):
        sys.exit(look_at_the_screen(program, words))
    os.execv(program, [program, *words])


def look_at_the_screen(program, words):
    child, screen = pty.fork()
    if child == 0:
        os.execv(program, [program, *words])
    keys = [(3, b"s"), (6, b"q")]
    began = time.monotonic()
    while True:
        if keys and time.monotonic() - began > keys[0][0]:
            os.write(screen, keys.pop(0)[1])
        if select.select([screen], [], [], 0.2)[0]:
            try:
                if not os.read(screen, 65536):
                    break
            except OSError:  # The program has closed the terminal.
                break
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def service_of(program):
    """A service on this machine: its process, and its URL without the path."""
    cluster = subprocess.Popen([program, "cluster"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in cluster.stdout:
        found = re.search(r"SCALETOP_URL='?(http://[^/'\s]+)", line)
        if found:
            return cluster, found[1]
    sys.exit("the cluster said no URL")


def main():
    if sys.argv[1:2] == ["--as"]:
        as_scaletop(sys.argv[2], sys.argv[3], sys.argv[5:])
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("program")
    asked.add_argument("page", nargs="*", default=PAGES)
    asked = asked.parse_args()
    program = os.path.abspath(asked.program)
    wrong, ran = [], 0
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("infra/*.md")]):
        try:
            parsed_page(path.relative_to(ROOT))
        except ValueError as error:
            wrong.append(f"{path.relative_to(ROOT)}: no shell understands a block: {error}")
    if wrong:
        print("\n".join(wrong))
        return True
    cluster, service = service_of(program)
    try:
        for page in asked.page:
            found, count = run_page(page, program, service)
            wrong, ran = wrong + found, ran + count
    finally:
        cluster.terminate()
        cluster.wait()
    print("\n".join(wrong) if wrong else f"{ran} commands of {len(asked.page)} pages do what the pages say")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
