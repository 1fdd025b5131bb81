"""Runs the Python of docs/data.md and the notebook on sessions, and holds what they compute against summary.json and the
report of the same session.

    tests/data/run.py PROGRAM WORK SESSION...

PROGRAM writes the files of each SESSION (a folder with a recording) into WORK.
"""

import contextlib
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# How the report's series are called, and the columns that the notebook draws them from. See src/report/data.rs.
SERIES = {
    "target": "target_rps", "sent": "sent", "ok": "ok", "p50": "p50_ms", "p99": "p99_ms", "oldest": "oldest_in_flight_ms",
    "e429": "err_429", "e5xx": "err_5xx", "dcap": "dropped_cap", "responding": "instances_responding",
    "active": "instances_active", "running": "instances_running", "desired": "instances_desired", "needed": "instances_needed",
}  # fmt: skip


def fresh(program, session, work):
    folder = work / "session"
    shutil.rmtree(work, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(session / "recording.jsonl", folder)
    subprocess.run([program, "report", folder], check=True, capture_output=True)
    return folder


def blocks():
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/data.md").read_text(encoding="utf-8"), re.S | re.M)


def cells():
    notebook = json.loads((ROOT / "examples/session.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def execute(parts, name):
    """Runs `parts` one after the other as one program and returns its variables."""
    space = {"__name__": "__main__"}
    for at, part in enumerate(parts):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(part, f"{name}, part {at + 1}", "exec"), space)  # noqa: S102
    return space


def rows(table):
    """The rows of a table of any of the three libraries, by step."""
    if hasattr(table, "to_dicts"):
        found = table.to_dicts()
    else:
        found = (table if "step" in table.columns else table.reset_index()).to_dict("records")
    return {int(row["step"]): row for row in found}


def known(value):
    return None if value is None or math.isnan(value) else value


def expected(step, key):
    """What summary.json says of a number; a time is an object there."""
    numbers = step["numbers"]
    name = key.replace("_bound_s", "_s")
    value = numbers[name]
    if isinstance(value, dict):
        return value.get("not_within_s" if name != key else "s")
    return None if name != key else value


def hold_against_summary(table, summary, name):
    computed, compared = rows(table), 0
    for step in summary["steps"]:
        row = computed[step["id"]]
        for key, value in row.items():
            if key == "step":
                continue
            ours, theirs = known(value), expected(step, key)
            # Starts and ends are rounded to milliseconds, and a time is the difference of two.
            same = ours == theirs or (None not in (ours, theirs) and abs(ours - theirs) <= 0.002)
            if not same:
                sys.exit(f"{name}: step {step['id']}, {key} is {ours}, summary.json says {theirs}")
            compared += 1
    return compared


def series(text):
    for run in text.split(","):
        value, _, times = run.partition("*")
        yield from [None if value == "~" else float(value)] * int(times or 1)


def hold_against_report(chart, folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script [^>]*id="data"[^>]*>(.*?)</script>', page, re.S).group(1))
    if data["span"] != 1:
        sys.exit("the report draws more than a second in one place: take a shorter session")
    seconds = [first + at for first, count in data["seconds"] for at in range(count)]
    compared = 0
    for key, column in SERIES.items():
        if key not in data["values"]:
            continue
        for second, value in zip(seconds, series(data["values"][key]), strict=True):
            ours = known(chart[column].get(second))
            if value is None and key in ("p50", "p99") and chart["late"].get(second, 0) > 0:
                continue  # The report leaves out latencies of seconds in which we were late.
            if ours != value:
                sys.exit(f"the chart: second {second}, {column} is {ours}, the report draws {value}")
            compared += 1
    return compared


def main():
    program, work, *sessions = sys.argv[1:]
    program, here = Path(program).resolve(), Path.cwd()
    os.environ.update(MPLBACKEND="Agg", SESSION="session")
    compared = 0
    for session in sessions:
        place = here / work / Path(session).name
        folder = fresh(program, here / session, place)
        os.chdir(place)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for at, block in enumerate(blocks()):
            space = execute([block], f"docs/data.md, block {at + 1}")
            if "numbers" in space:
                compared += hold_against_summary(space["numbers"], summary, f"docs/data.md, block {at + 1}")
        space = execute(cells(), "examples/session.ipynb")
        compared += hold_against_summary(space["numbers"], summary, "examples/session.ipynb")
        drawn = hold_against_report(space["chart"], folder)
        if not drawn:
            sys.exit("nothing of the chart was compared")
        compared += drawn
        space["figure"].savefig("charts.png")
        os.chdir(here)
    print(f"{len(sessions)} sessions: {compared} values are those of summary.json and of the report")


if __name__ == "__main__":
    main()
