#!/usr/bin/env python3
"""What a fleet costs: `make bench-fleet`.

1. A controller with 50 and with 200 generators whose seconds are 20 KB each, played by one process: CPU and memory of the controller,
   and how long after its end a second is recorded. The players pack their latencies once, at the start, and put them into every
   second: on machines of their own generators pack at the same time, in one process one would wait for the other.
2. A generator in a fleet beside a `scaletop run` of its own, in turn, at 5,000/s to one target on loopback: CPU per million requests,
   and how late it sent (p99).

Medians of `--rounds`. `--write FILE` puts the tables between their marks in that file. Nothing but 127.0.0.1 is loaded.
"""
import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from peers import HERE, Target, machine

BINARY = os.path.join(HERE, "target", "release")
BEGIN, END = "<!-- fleet -->", "<!-- /fleet -->"


def cpu(pid):
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """Its resident memory now, MiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Server:
    """nats-server with its tickets in a folder."""

    def __init__(self, folder):
        self.folder = folder
        command = [f"{BINARY}/scaletop", "fleet", "serve", "--listen", "127.0.0.1:0", "--allow", "127.0.0.1", "--dir", f"{folder}/server"]
        self.log = open(f"{folder}/server.log", "w")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 30
        while not os.path.exists(self.ticket("join")):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(Path(self.log.name).read_text())
            time.sleep(0.05)

    def ticket(self, name):
        return f"{self.folder}/server/{name}.ticket"

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def plan(folder, rate, seconds):
    path = f"{folder}/plan-{rate}-{seconds}.toml"
    Path(path).write_text(f'[[stage]]\nname = "steady"\nrate = {rate}\nduration = "{seconds}s"\n')
    return path


def controller(folder, server, url, generators, rate, seconds, name):
    out = f"{folder}/{name}"
    command = [f"{BINARY}/scaletop", "run", plan(folder, rate, seconds), url, "--fleet", server.ticket("fleet"), "--generators", str(generators),
               "--max-rate", "1000000", "--format", "json", "--out", out, "--no-preflight", "-q"]
    log = open(f"{folder}/{name}.log", "w")
    result = open(f"{folder}/{name}.json", "w")
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=result, stderr=log), out


def lateness(path, until, found):
    """How long after its end each second was in the recording, in seconds."""
    started, offset, rest = None, 0, b""
    while not until.is_set():
        time.sleep(0.01)
        if not os.path.exists(path):
            continue
        with open(path, "rb") as file:
            file.seek(offset)
            new = file.read()
        now = time.time()
        offset += len(new)
        *lines, rest = (rest + new).split(b"\n")
        for line in lines:
            line = json.loads(line)
            if started is None:
                started = line["started_unix_micros"] / 1e6
            elif "second" in line:
                found.append(now - started - line["at"] / 1e9)


def many(count, size, seconds, folder):
    """A controller with so many generators."""
    server = Server(folder)
    players = subprocess.Popen([f"{BINARY}/examples/players", server.ticket("join"), str(count), str(size)], stdin=subprocess.DEVNULL)
    try:
        process, out = controller(folder, server, "http://127.0.0.1:9/", count, 10 * count, seconds, f"many-{count}")
        recording, late, is_over = f"{out}/recording.jsonl", [], threading.Event()
        watcher = threading.Thread(target=lateness, args=(recording, is_over, late))
        watcher.start()
        while len(late) < 5:
            if process.poll() is not None:
                sys.exit(Path(f"{folder}/many-{count}.log").read_text())
            time.sleep(0.1)
        begun, used, sizes = time.monotonic(), cpu(process.pid), []
        while time.monotonic() < begun + seconds - 10:
            time.sleep(1)
            sizes.append(memory(process.pid))
        used, took = cpu(process.pid) - used, time.monotonic() - begun
        late = late[5:]
        process.wait(60)
        is_over.set()
        watcher.join()
        return {
            "generators": count,
            "bytes a second each": size,
            "percent of a core": 100 * used / took,
            "MiB after 10 s": sizes[min(9, len(sizes) - 1)],
            "MiB at the end": sizes[-1],
            "recorded after its end, p50 ms": 1e3 * statistics.median(late),
            "p99 ms": 1e3 * statistics.quantiles(late, n=100)[98],
        }
    finally:
        players.terminate()
        players.wait(20)
        server.stop()


def alone(folder, url, rate, seconds, number):
    command = [f"{BINARY}/scaletop", "run", plan(folder, rate, seconds), url, "--max-rate", "100000", "--format", "json", "--no-preflight", "-q",
               "--workers", "1", "--out", f"{folder}/alone-{number}"]
    with open(f"{folder}/alone.json", "w") as result:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=result, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
    return row(f"{folder}/alone.json", usage.ru_utime + usage.ru_stime)


def in_fleet(folder, server, url, rate, seconds, number):
    generator = subprocess.Popen([f"{BINARY}/scaletop", "fleet", "join", server.ticket("join")], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process, _ = controller(folder, server, url, 1, rate, seconds, f"fleet-{number}")
    process.wait(seconds + 60)
    _, _, usage = os.wait4(generator.pid, 0)
    return row(f"{folder}/fleet-{number}.json", usage.ru_utime + usage.ru_stime)


def row(path, used):
    found = json.loads(Path(path).read_text())
    sent = found["totals"]["sent"]
    return {"CPU s per million": used * 1e6 / sent, "send lag p99 ms": found["send_lag_ms"]["p99"], "sent": sent}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=130, help="of a controller with many generators")
    parser.add_argument("--counts", default="50:20000,200:20000")
    parser.add_argument("--only", default="many,cost")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="scaletop-bench-fleet-")
    lines = []
    if "many" in args.only:
        rows = []
        for asked in args.counts.split(","):
            count, size = map(int, asked.split(":"))
            sub = f"{folder}/many-{count}"
            os.mkdir(sub)
            rows.append(many(count, size, args.seconds, sub))
            print(rows[-1], flush=True)
        lines += ["| " + " | ".join(rows[0]) + " |", "|" + "--:|" * len(rows[0])]
        lines += ["| " + " | ".join(f"{value:.0f}" if value >= 20 else f"{value:.1f}" for value in made.values()) + " |" for made in rows]
    if "cost" in args.only:
        server, target = Server(folder), Target(f"{BINARY}/examples/target")
        found = {"alone": [], "in a fleet": []}
        for number in range(args.rounds):
            found["alone"].append(alone(folder, target.url, 5_000, 20, number))
            found["in a fleet"].append(in_fleet(folder, server, target.url, 5_000, 20, number))
            print({name: rows[-1] for name, rows in found.items()}, flush=True)
        target.stop()
        server.stop()
        names = ["CPU s per million", "send lag p99 ms"]
        lines += ["", "| 5,000/s | " + " | ".join(names) + " |", "|---|--:|--:|"]
        for name, rows in found.items():
            lines.append(f"| {name} | " + " | ".join(f"{statistics.median(made[column] for made in rows):.3g}" for column in names) + " |")
    text = "\n".join(lines)
    print(text)
    shutil.rmtree(folder)
    if args.write:
        page = args.write.read_text()
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        today = f"{datetime.date.today().isoformat()}, {machine()}, medians of {args.rounds}."
        args.write.write_text(f"{before}{BEGIN}\n\n{today}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    main()
