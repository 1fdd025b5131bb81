#!/usr/bin/env python3
"""A long session against a service that is killed once a minute, and what must be true at its end.

    scripts/soak.py [--minutes 10] [--scaletop PATH] [--service PATH] [--write docs/soak.md]

`make soak` builds both programs and calls it (MINUTES=, WRITE=). 200 requests/s go to test-app on loopback. Each minute the
service is killed (SIGKILL) and started again a second later; once scaletop itself is stopped for a second (SIGSTOP,
SIGCONT). Every 10 s the memory and the descriptors of scaletop are read from /proc, so it needs Linux. A second, short
session is then killed (SIGKILL), and a copy of its folder must be readable. Exit code: 0 when everything held, else 1.
"""

import argparse
import csv
import datetime
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RATE = 200
SAMPLE_EVERY = 10.0
DOWN = 1.0  # how long the service stays away
STOPPED = 1.0  # how long scaletop is stopped
KILLED_AFTER = 20.0  # when the second session is killed
MOST_MISSING = 2  # seconds that a killed session may lose
# Flat: the median of the last third against that of the second. Every second of a session is kept (about 1.5 kB), and an
# allocator gives back late; connections come and go with each kill.
RSS_GROWTH, RSS_SLACK_KB = 0.05, 1024
FD_SLACK = 8

OUTCOMES = ["ok", "err_429", "err_4xx", "err_5xx", "err_connect", "err_timeout", "err_reset", "err_other", "err_unexpected"]
DROPS = ["dropped_cap", "dropped_late", "dropped_connections"]
BOTH = ["due", "sent", *OUTCOMES, *DROPS]


class Service:
    """test-app on a port that stays the same."""

    def __init__(self, program):
        self.program = program
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None
        self.kills = 0

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--bind", "127.0.0.1", "--port", str(self.port), "--delay", "20ms", "--instance-id", f"run-{self.kills}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        said = self.process.stdout.readline()
        if "listening on" not in said:
            sys.exit(f"the service did not start: {said!r}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.kills += 1


def rss_kb(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def plan(folder, seconds):
    path = folder / "soak.toml"
    path.write_text(f'name = "soak"\n\n[[stage]]\nname = "soak"\nrate = {RATE}\nduration = "{seconds}s"\n\n[thresholds]\nachieved = "> 90%"\n')
    return path


def start(args, plan_file, service, out):
    log = open(out.with_suffix(".log"), "w")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SCALETOP_")}
    return subprocess.Popen(
        [args.scaletop, "run", plan_file.name, f"http://127.0.0.1:{service.port}/api/test", "--out", out.name, "--quiet"],
        cwd=plan_file.parent, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment,
    )


def soak(args, folder, service):
    """Runs the long session; gives its samples, its exit code and how often it was stopped."""
    seconds = round(args.minutes * 60)
    out = folder / "session"
    process = start(args, plan(folder, seconds), service, out)
    began = time.monotonic()
    # A kill in the middle of each minute; one stop between the kills of the middle.
    kills = [30.0 + 60.0 * minute for minute in range(max(1, int(args.minutes)))] if seconds >= 40 else [seconds / 3]
    stop_at = seconds / 2 if seconds >= 120 else seconds * 2 / 3
    samples, stopped, next_sample = [], 0, SAMPLE_EVERY / 2
    down_until = None
    while process.poll() is None:
        now = time.monotonic() - began
        if down_until is not None and now >= down_until:
            service.start()
            down_until = None
        if kills and now >= kills[0]:
            kills.pop(0)
            service.kill()
            down_until = now + DOWN
        if not stopped and now >= stop_at:
            process.send_signal(signal.SIGSTOP)
            time.sleep(STOPPED)
            process.send_signal(signal.SIGCONT)
            stopped += 1
        if now >= next_sample and now < seconds:
            try:
                samples.append((now, rss_kb(process.pid), descriptors(process.pid)))
            except OSError:
                pass  # it ended in between
            next_sample += SAMPLE_EVERY
        if now > seconds + 120:
            process.kill()
            sys.exit("the session did not end within two minutes of its plan")
        time.sleep(0.05)
    if down_until is not None:
        service.start()
    return samples, process.returncode, stopped


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def whole(row, column):
    return int(row.get(column) or 0)


def sums(rows):
    return {column: sum(whole(row, column) for row in rows) for column in BOTH}


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, held, found):
        self.rows.append((what, "held" if held else "FAILED", found))
        return held

    def markdown(self):
        lines = ["| what | | found |", "|---|---|---|"]
        lines += [f"| {what} | {verdict} | {found} |" for what, verdict, found in self.rows]
        return "\n".join(lines) + "\n"

    def all_held(self):
        return all(verdict == "held" for _, verdict, _ in self.rows)


def thirds(values):
    third = max(1, len(values) // 3)
    return [statistics.median(part) for part in (values[:third], values[third:2 * third] or values, values[2 * third:] or values)]


def judge_flat(table, samples):
    rss, fds = [sample[1] for sample in samples], [sample[2] for sample in samples]
    if len(samples) < 6:
        table.add("memory and descriptors stay flat", False, f"only {len(samples)} samples: more minutes are needed")
        return
    first, second, last = thirds(rss)
    table.add(
        f"memory is flat: last third at most {RSS_GROWTH:.0%} and {RSS_SLACK_KB // 1024} MB over the second",
        last <= second * (1 + RSS_GROWTH) + RSS_SLACK_KB,
        f"medians of the thirds {first / 1000:.1f}, {second / 1000:.1f}, {last / 1000:.1f} MB; peak {max(rss) / 1000:.1f} MB",
    )
    first, second, last = thirds(fds)
    table.add(
        f"descriptors are flat: last third at most {FD_SLACK} over the second",
        last <= second + FD_SLACK,
        f"medians of the thirds {first:.0f}, {second:.0f}, {last:.0f}; peak {max(fds)}",
    )


def judge_files(table, session, seconds):
    timeline, cohorts = read_csv(session / "timeline.csv"), read_csv(session / "cohorts.csv")
    summary = json.loads((session / "summary.json").read_text())
    totals = summary["totals"]

    indices = [whole(row, "elapsed_s") for row in timeline]
    expected = list(range(summary["session"]["duration_s"]))
    table.add("no second is lost: timeline.csv has every second once, in order",
              indices == expected and len(indices) >= seconds, f"{len(indices)} rows, 0 to {indices[-1] if indices else '-'}")
    by_cohort = [whole(row, "elapsed_s") for row in cohorts]
    table.add("cohorts.csv has no second twice, in order", by_cohort == sorted(set(by_cohort)), f"{len(by_cohort)} rows")

    wrong = [row["elapsed_s"] for row in cohorts if whole(row, "due") != whole(row, "sent") + sum(whole(row, drop) for drop in DROPS)]
    table.add("due = sent + dropped, in every second of cohorts.csv", not wrong,
              f"{len(cohorts)} seconds" if not wrong else f"not in {len(wrong)}: {', '.join(wrong[:5])}")
    asked = RATE * seconds
    table.add("what the plan asked for was due", totals["due"] == asked, f"{totals['due']} of {asked}")

    by_row, by_second = sums(timeline), sums(cohorts)
    differ = [f"{column} {by_row[column]}/{by_second[column]}" for column in BOTH if by_row[column] != by_second[column]]
    table.add("the sums of timeline.csv are those of cohorts.csv", not differ,
              f"{len(BOTH)} columns" if not differ else "; ".join(differ))
    named = ["due", "sent", "ok", *DROPS]
    differ = [f"{name} {by_row[name]}/{totals[name]}" for name in named if by_row[name] != totals[name]]
    failed = sum(by_row[name] for name in OUTCOMES[1:])
    if failed != totals["failed"]:
        differ.append(f"failed {failed}/{totals['failed']}")
    if by_row["sent"] != totals["ok"] + totals["failed"] + totals["unanswered"]:
        differ.append("sent is not ok + failed + unanswered")
    table.add("… and those of summary.json", not differ,
              f"{totals['sent']} sent = {totals['ok']} ok + {totals['failed']} failed + {totals['unanswered']} unanswered; "
              f"{sum(totals[drop] for drop in DROPS)} dropped" if not differ else "; ".join(differ))

    events = [float(row["elapsed_s"]) for row in read_csv(session / "events.csv")]
    table.add("events are in order", bool(events) and events == sorted(events), f"{len(events)} events")
    recorded = [json.loads(line) for line in (session / "recording.jsonl").read_text().splitlines()]
    kept = [event["second"]["index"] for event in recorded if "second" in event]
    table.add("the recording has every second once, whole", kept == expected and not summary["recording"]["skipped_lines"],
              f"{len(kept)} seconds, {summary['recording']['skipped_lines']} damaged lines")
    return summary


def judge_exit(table, summary, code):
    verdict = summary["verdict"]
    failed = any(threshold.get("outcome", threshold.get("status")) in ("failed", "lost") for threshold in verdict["thresholds"])
    documented = 4 if verdict["invalid_steps"] else 3 if failed else 0
    table.add("the exit code is the documented one", code == documented == verdict["exit_code"], f"{code}: {verdict['headline']}")


def judge_kills(table, summary, timeline, kills, stopped):
    bad = [whole(row, "elapsed_s") for row in timeline if whole(row, "err_connect") + whole(row, "err_reset") > 0]
    runs = sum(1 for at, second in enumerate(bad) if at == 0 or second - bad[at - 1] > 5)
    table.add("each kill of the service shows, and nothing else failed", runs == kills == summary["instances_seen"] - 1,
              f"{kills} kills, {runs} spans with failures, {summary['instances_seen']} instances seen; {stopped} stop of ours")


def judge_killed(table, args, folder, service):
    """A session that was killed, read from a copy of its folder."""
    out = folder / "killed"
    process = start(args, plan(folder, 600), service, out)
    time.sleep(KILLED_AFTER)
    process.kill()
    killed = time.time()
    process.wait()
    copy = folder / "copy"
    shutil.copytree(out, copy)
    report = subprocess.run([args.scaletop, "report", copy.name], cwd=folder, capture_output=True, text=True, check=False)
    if report.returncode != 0:
        table.add("a session killed with SIGKILL can be read", False, report.stderr.strip())
        return
    with open(copy / "recording.jsonl") as file:
        began = json.loads(file.readline())["started_unix_micros"] / 1e6
    there = [whole(row, "elapsed_s") for row in read_csv(copy / "timeline.csv")]
    ended = int(killed - began)
    table.add(f"a session killed with SIGKILL can be read, with at most {MOST_MISSING} seconds missing",
              there == list(range(len(there))) and ended - len(there) <= MOST_MISSING,
              f"{len(there)} seconds of {ended} are there")


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    release = ".".join(platform.release().split(".")[:2])
    return f"{os.cpu_count()} cores ({model}), {platform.system()} {release}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--scaletop", default="target/release/scaletop")
    parser.add_argument("--service", default="target/release/test-app")
    parser.add_argument("--write", help="put the table into this file, too")
    parser.add_argument("--keep", help="do the work in this folder, and leave it")
    parser.add_argument("--note", default="", help="what should be said of this machine in the file")
    args = parser.parse_args()
    args.scaletop, args.service = os.path.abspath(args.scaletop), os.path.abspath(args.service)

    folder = Path(args.keep or tempfile.mkdtemp(prefix="scaletop-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    began = datetime.datetime.now(datetime.timezone.utc)
    service, table = Service(args.service), Table()
    service.start()
    try:
        samples, code, stopped = soak(args, folder, service)
        session = folder / "session"
        if not (session / "summary.json").exists():
            print((folder / "session.log").read_text(), file=sys.stderr)
            sys.exit(f"the session left no summary.json (exit code {code})")
        judge_flat(table, samples)
        summary = judge_files(table, session, round(args.minutes * 60))
        judge_exit(table, summary, code)
        judge_kills(table, summary, read_csv(session / "timeline.csv"), service.kills, stopped)
        judge_killed(table, args, folder, service)
    finally:
        service.process.kill()
        service.process.wait()

    print(table.markdown(), end="")
    if args.write:
        busy = f" {args.note}" if args.note else ""
        version = subprocess.run([args.scaletop, "--version"], capture_output=True, text=True, check=False).stdout.strip()
        Path(args.write).write_text(
            "# Soak\n\n"
            f"`make soak`: {RATE} requests/s for {args.minutes:g} minutes against a service that answers after 20 ms. It is killed once a minute and\n"
            "started again a second later; scaletop itself is stopped for a second once; a second session is killed and read.\n"
            "`make soak MINUTES=60` takes an hour; `WRITE=docs/soak.md` writes this page.\n\n"
            f"{began:%Y-%m-%d}, {version}, {machine()}.{busy}\n\n{table.markdown()}"
        )
    if table.all_held() and not args.keep:
        shutil.rmtree(folder)
    else:
        print(f"files: {folder}")
    return 0 if table.all_held() else 1


if __name__ == "__main__":
    sys.exit(main())
