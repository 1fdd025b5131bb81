#!/usr/bin/env python3
"""scaletop beside its peers, in one run on one machine: `make bench`.

Starts the targets on loopback (plain, TLS, one that answers after 80 ms), runs scaletop and each peer that is installed
(`make bench-peers` installs oha, wrk and hey) in turn, round after round, and prints medians and ratios. With `--write FILE`
the table goes into that file, with machine and date. Nothing but 127.0.0.1 is loaded; every run ends by itself.

A peer that is missing is left out, and said. Close everything else first: the machine is measured as well.
"""
import argparse
import datetime
import json
import os
import platform
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONNECTIONS = 100


class Target:
    """A server of ours on loopback; ended with the script."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen([program, *args], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


def certificate(folder):
    """A certificate for 127.0.0.1 and its key, made by openssl for this run."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    return cert, key


def measured(argv, timeout):
    """Runs a command: what it printed, its CPU seconds, its peak memory in MiB, and how long it took."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(argv, stdout=out, stderr=err)
        deadline = began + timeout
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                process.send_signal(signal.SIGKILL)
                _, status, usage = os.wait4(process.pid, 0)
                break
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        text, complaint = out.read(), err.read()
    return text, complaint, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, time.monotonic() - began


def millis(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


def read_scaletop(text, case):
    found = json.loads(text)
    totals, response, lag = found["totals"], found["response_ms"] or {}, found["send_lag_ms"] or {}
    row = {"requests": totals["ok"], "rate": totals["ok"] / case.seconds, "p50": response.get("p50"), "p99": response.get("p99"),
           "lag": lag.get("p99"), "dropped": totals["dropped_cap"] + totals["dropped_late"]}
    row["opened"] = (found.get("connections") or {}).get("opened")
    return row


def read_oha(text, case):
    found = json.loads(text)
    count = sum(found["statusCodeDistribution"].values())
    latency = found["latencyPercentiles"]
    return {"requests": count, "rate": count / found["summary"]["total"], "p50": latency["p50"] * 1e3, "p99": latency["p99"] * 1e3}


def read_wrk(text, case):
    percentile = lambda p: millis(re.search(rf"\n\s+{p}(?:\.000)?%\s+([\d.]+\w+)", text)[1])
    return {"requests": int(re.search(r"(\d+) requests in", text)[1]), "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            "p50": percentile(50), "p99": percentile(99)}


def read_hey(text, case):
    quantile = lambda p: (lambda found: float(found[1]) * 1e3 if found else None)(re.search(rf"{p}%+ in ([\d.]+)", text))
    return {"requests": sum(int(n) for n in re.findall(r"\[200\]\s+(\d+) responses", text)),
            "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "p50": quantile(50), "p99": quantile(99)}


class Case:
    """One row of the table: what is asked of which target."""

    def __init__(self, name, url, rate, seconds, tls=False, connections=CONNECTIONS, peers=("oha", "wrk2", "hey")):
        self.name, self.url, self.rate, self.seconds, self.tls = name, url, rate, seconds, tls
        self.connections, self.peers = connections, peers


def commands(case, tools, folder):
    """The command of each tool for a case, and how its output is read."""
    rate, seconds, count = case.rate, case.seconds, case.connections
    if rate is None:  # as fast as it goes: closed loops for the peers, more than the machine can do for us
        if "wrk" in tools:
            yield "wrk", [tools["wrk"], "-t2", f"-c{count}", f"-d{seconds}s", "--latency", case.url], read_wrk
        if "oha" in tools:
            yield "oha", [tools["oha"], "--no-tui", "--output-format", "json", "-c", str(count), "-z", f"{seconds}s",
                          *(["--insecure"] if case.tls else []), case.url], read_oha
        return
    plan = os.path.join(folder, f"{rate}-{seconds}.toml")
    with open(plan, "w") as file:
        file.write(f'[[stage]]\nname = "steady"\nrate = {rate}\nduration = "{seconds}s"\n')
    session = os.path.join(folder, f"session-{time.monotonic_ns()}")
    ours = [tools["scaletop"], "run", plan, case.url, "--max-rate", "1000000", "--format", "json", "--out", session]
    yield "scaletop", ours + (["--insecure"] if case.tls else []), read_scaletop
    if "oha" in tools and "oha" in case.peers:
        yield "oha", [tools["oha"], "--no-tui", "--output-format", "json", "-c", str(count), "-z", f"{seconds}s", "-q", str(rate),
                      "--latency-correction", *(["--insecure"] if case.tls else []), case.url], read_oha
    if "wrk2" in tools and "wrk2" in case.peers:
        yield "wrk2", [tools["wrk2"], "-t2", f"-c{count}", f"-d{seconds}s", f"-R{rate}", "--latency", case.url], read_wrk
    if "hey" in tools and "hey" in case.peers and rate <= 5_000 and not case.tls:
        yield "hey", [tools["hey"], "-c", str(count), "-z", f"{seconds}s", "-q", str(rate / count), case.url], read_hey


def run(cases, tools, rounds, folder):
    """Every tool on every case, round after round, so that a machine that slows down slows all of them."""
    results = {}
    for round_ in range(rounds):
        for case in cases:
            for tool, argv, read in commands(case, tools, folder):
                text, complaint, cpu, rss, took = measured(argv, timeout=case.seconds * 3 + 30)
                try:
                    row = read(text, case)
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    print(f"{tool} on {case.name}: {error!r}: {(text + complaint)[-300:]}", file=sys.stderr)
                    continue
                row.update(cpu=cpu, rss=rss, cpu_per_million=cpu / row["requests"] * 1e6 if row["requests"] else None)
                results.setdefault((case.name, tool), []).append(row)
                print(f"round {round_ + 1}  {case.name:22} {tool:9} {row['rate']:9.0f}/s  p50 {shown(row['p50'])}  "
                      f"p99 {shown(row['p99'])} ms  {shown(row['cpu_per_million'])} CPU s/1M  {rss:.0f} MiB", flush=True)
                time.sleep(0.4)
    return results


def shown(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}" if value < 100 else f"{value:.0f}"


def median(rows, key):
    values = [row[key] for row in rows if row.get(key) is not None]
    return statistics.median(values) if values else None


COLUMNS = [("achieved/s", "rate", 0), ("p50 ms", "p50", 2), ("p99 ms", "p99", 2), ("send lag p99 ms", "lag", 2),
           ("CPU s per 1 M", "cpu_per_million", 1), ("peak MiB", "rss", 0), ("connections opened", "opened", 0), ("dropped", "dropped", 0)]


def table(cases, results):
    """Medians as Markdown, and what share of each peer's CPU, p50 and p99 ours is."""
    lines = ["| case | tool | " + " | ".join(name for name, _, _ in COLUMNS) + " | CPU, p50, p99 against it |",
             "|---|---|" + "---:|" * len(COLUMNS) + "---|"]
    for case in cases:
        ours = results.get((case.name, "scaletop"))
        for tool in ("scaletop", "oha", "wrk2", "wrk", "hey"):
            rows = results.get((case.name, tool))
            if not rows:
                continue
            cells = [shown(median(rows, key), digits) for _, key, digits in COLUMNS]
            ratios = ""
            if ours and tool != "scaletop":
                parts = [median(ours, key) / median(rows, key) if median(ours, key) and median(rows, key) else None
                         for key in ("cpu_per_million", "p50", "p99")]
                ratios = " · ".join(shown(part) for part in parts)
            lines.append(f"| {case.name} | {tool} | " + " | ".join(cells) + f" | {ratios} |")
    return "\n".join(lines) + "\n"


def machine():
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} × {model}, {platform.system()} {platform.release()}"


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--scaletop", default=os.path.join(HERE, "target/release/scaletop"))
    ask.add_argument("--target", default=os.path.join(HERE, "target/release/examples/target"))
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--seconds", type=int, default=6)
    ask.add_argument("--only", default="", help="run the cases whose name matches this regular expression")
    ask.add_argument("--write", help="write the table into this file")
    args = ask.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tools = {"scaletop": args.scaletop}
    for name in ("oha", "wrk", "wrk2", "hey"):
        found = os.environ.get(name.upper()) or shutil.which(name) or shutil.which(name, path=os.path.join(HERE, "target/peers/bin"))
        if found:
            tools[name] = found
        else:
            print(f"{name} is not installed and left out", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(folder)
        targets = [Target(args.target), Target(args.target, "--tls", cert, key), Target(args.target, "--delay", "80")]
        plain, tls, slow = (target.url for target in targets)
        s = args.seconds
        cases = [
            *(Case(f"plain {rate:,}/s", plain, rate, s) for rate in (1_000, 5_000, 20_000, 40_000)),
            Case("plain, overdriven", plain, 500_000, s, peers=()),
            Case("plain, closed loop", plain, None, s),
            *(Case(f"TLS {rate:,}/s", tls, rate, s, tls=True) for rate in (1_000, 5_000, 20_000)),
            Case("TLS, overdriven", tls, 200_000, s, tls=True, peers=()),
            Case("TLS, closed loop", tls, None, s, tls=True),
            Case("80 ms, 600/s", slow, 600, s),
            Case("80 ms, 20,000/s", slow, 20_000, s, connections=2_000, peers=("oha", "wrk2")),
        ]
        cases = [case for case in cases if re.search(args.only, case.name)]
        try:
            results = run(cases, tools, args.rounds, folder)
        finally:
            for target in targets:
                target.stop()
    made = table(cases, results)
    print("\n" + made)
    if args.write:
        with open(args.write, "w") as file:
            file.write(f"# Benchmarks\n\nMade by `make bench` on {datetime.date.today()}: {machine()}; medians of {args.rounds} runs of "
                       f"{args.seconds} s, all tools in turn in one run, targets and tools on the same machine. Ratios are ours ÷ theirs: "
                       f"CPU per request, p50, p99. Latency counts from when a request was due (scaletop, oha with "
                       f"`--latency-correction`, wrk2); closed loops and hey have no such thing.\n\n{made}")


if __name__ == "__main__":
    main()
