#!/usr/bin/env python3
"""Checks what the pages claim and a machine can see: links and their anchors, and, when a program is given, that it accepts
every plan on the pages and writes the columns that docs/files.md lists.

    scripts/check-pages.py [PROGRAM]
"""
import csv
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SHORTEST = '[[stage]]\nrate = 1\nduration = "2s"\n'
# Issue forms are read on the repository's page, where a file of the repository is named by its branch.
BRANCH = "../blob/main/"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)


def anchors(path):
    """The anchors of a page, as GitHub makes them from headings, and those that are written out."""
    text = read(path)
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.*)$", without_code(text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def broken_links(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(read(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        if path.startswith(BRANCH):
            target = path[len(BRANCH) :]
        else:
            target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(os.path.join(ROOT, target)):
            yield f"{page}: {link} leads nowhere"
        elif anchor and target.endswith(".md") and anchor not in anchors(target):
            yield f"{page}: {target} has no #{anchor}"


def listed_columns(name):
    table = re.search(rf"<!-- columns: {name} -->\n(.*?)<!-- end -->", read("docs/files.md"), re.S).group(1)
    rows = table.splitlines()[2:]
    return [column for row in rows for column in re.findall(r"`([^`]+)`", row.split("|")[1])]


def wrong_columns(program, folder):
    """What docs/files.md lists, file by file, against the header lines of a session that the program records."""
    plan, session = os.path.join(folder, "plan.toml"), os.path.join(folder, "session")
    with open(plan, "w", encoding="utf-8") as file:
        file.write(SHORTEST)
    played = subprocess.run([program, "run", plan, "demo", "--out", session], capture_output=True, text=True, check=False)
    if not os.path.exists(os.path.join(session, "timeline.csv")):
        yield f"{program} recorded no session: {played.stderr.strip()}"
        return
    listed = {name: listed_columns(name) for name in ("timeline", "steps", "instances", "events")}
    timeline = listed["timeline"]
    head, tail = timeline.index("dropped_connections") + 1, timeline.index("failed_p50_ms")
    listed["cohorts"] = timeline[:head] + timeline[tail:] + ["judged"]
    for name, expected in listed.items():
        with open(os.path.join(session, f"{name}.csv"), encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        for at in range(max(len(header), len(expected))):
            ours, theirs = (one[at] if at < len(one) else "nothing" for one in (expected, header))
            if ours != theirs:
                yield f"docs/files.md: column {at + 1} of {name}.csv is {theirs}, the page says {ours}"
                break  # All that follow are shifted.


def refused_plans(program, page, folder):
    text = read(page)
    plans = re.findall(r"^```toml\n(.*?)^```", text, re.S | re.M) + re.findall(r"<<'PLAN'\n(.*?)^PLAN$", text, re.S | re.M)
    for plan in plans:
        if "[[stage]]" not in plan:
            continue
        path = os.path.join(folder, "page.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(plan)
        asked = subprocess.run([program, "run", "--check", path], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            yield f"{page}: {plan.splitlines()[0]}: {asked.stderr.strip()}"


def main():
    os.chdir(ROOT)
    pages = sorted(glob.glob("*.md") + glob.glob("docs/*.md") + glob.glob("infra/*.md"))
    forms = sorted(glob.glob(".github/ISSUE_TEMPLATE/*.yml"))
    wrong = [line for page in pages + forms for line in broken_links(page)]
    for program in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            wrong += [line for page in pages for line in refused_plans(program, page, folder)]
            wrong += wrong_columns(program, folder)
    print("\n".join(wrong) if wrong else f"{len(pages)} pages: nothing is wrong that a machine can see")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
