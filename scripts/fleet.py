#!/usr/bin/env python3
"""A fleet of real processes on this machine, what is done to it, and what the target saw.

    scripts/fleet.py [--scaletop PATH] [--nats PATH] [--rounds 1] [--only NAME,…] [--write docs/fleet-tests.md]

`make fleet-truth` calls it. A nats-server, a target of our own, a controller (`scaletop run --fleet`) and generators (`scaletop
fleet join`) are started; then a generator is killed or stopped, a line is cut in one direction, the controller or the server is
killed. Every request carries when it was due, so that the target, and not the fleet, says which arrivals of the one schedule came
twice, and which never. The schedule is computed here anew from the rates in the recording, in whole numbers.

Exit code: 0 when everything held, else 1. Load goes to loopback only, at most 2,000 requests/s.
"""

import argparse
import asyncio
import collections
import datetime
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

DUE = "x-due"
LEASE = 1.5
NANOS = 10**9
LONGEST_LEAD = 0.5
SUSPECTED_WITHIN = 1.25
TAKEN_OVER_WITHIN = 1.75
# A machine that does other things may be late by so much, which is none of the fleet's doing.
SLACK = 0.15


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Loop(threading.Thread):
    """An event loop on a thread of its own: the target and the relays."""

    def __init__(self):
        super().__init__(daemon=True)
        self.loop = asyncio.new_event_loop()
        self.start()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


class Request(asyncio.Protocol):
    """One connection of the target's."""

    def __init__(self, target):
        self.target, self.buffer, self.transport = target, b"", None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            at = head.find(b"\r\n" + DUE.encode() + b": ")
            if at >= 0:
                begin = at + len(DUE) + 4
                due = int(head[begin : begin + 20])
                if due:  # the one request beforehand was never due
                    self.target.seen.append((due, time.monotonic()))
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-instance-id: i-1\r\n\r\nok")


class Target:
    """Answers everything at once, and remembers when each request was due and when it came."""

    def __init__(self, loop):
        self.seen = []
        self.port = free_port()

        async def listen():
            return await asyncio.get_running_loop().create_server(lambda: Request(self), "127.0.0.1", self.port)

        self.server = loop.do(listen())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


class Relay:
    """A line to the server that can be cut in either direction; what is sent into a cut waits, as behind a router that is gone.

    It may take a while to get through, in seconds: there, and back.
    """

    def __init__(self, loop, to, takes=(0, 0)):
        self.to, self.port, self.loop = to, free_port(), loop
        self.takes = dict(zip(("up", "down"), takes))
        self.open = {"up": None, "down": None}

        async def listen():
            for way in self.open:
                self.open[way] = asyncio.Event()
                self.open[way].set()
            return await asyncio.start_server(self.relay, "127.0.0.1", self.port)

        self.server = loop.do(listen())

    async def relay(self, reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.close()
            return

        async def pump(source, sink, way):
            try:
                while data := await source.read(65_536):
                    await self.open[way].wait()
                    if self.takes[way]:
                        asyncio.get_running_loop().call_later(self.takes[way], sink.write, data)
                    else:
                        sink.write(data)
                        await sink.drain()
            except OSError:
                pass
            sink.close()

        await asyncio.gather(pump(reader, back, "up"), pump(there, writer, "down"), return_exceptions=True)

    def set(self, ways, is_open):
        async def change():
            for way in ways:
                self.open[way].set() if is_open else self.open[way].clear()

        self.loop.do(change())


class Fleet:
    """The server, its tickets, and the generators."""

    def __init__(self, args, folder, loop):
        self.args, self.folder, self.loop = args, folder, loop
        self.processes, self.generators, self.relays = [], {}, {}
        self.port = free_port()
        self.serve()

    def start(self, *command, **kwargs):
        log = open(self.folder / f"log-{len(self.processes)}.txt", "w")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **kwargs)
        process.log = Path(log.name)
        self.processes.append(process)
        return process

    def serve(self):
        environment = dict(os.environ)
        if self.args.nats:
            environment["PATH"] = f"{Path(self.args.nats).resolve().parent}:{environment['PATH']}"
        command = [self.args.scaletop, "fleet", "serve", "--listen", f"127.0.0.1:{self.port}", "--dir", "server"]
        self.server = self.start(*command, env=environment)
        self.wait_for(lambda: (self.folder / "server/join.ticket").exists(), self.server, "the server's tickets")

    def wait_for(self, condition, process, what, within=30):
        end = time.monotonic() + within
        while not condition():
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{what}: not there\n{process.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def join(self, name, relayed=False, *more, takes=(0, 0), through=()):
        ticket = self.folder / "server/join.ticket"
        if relayed:
            relay = self.relays[name] = Relay(self.loop, self.port, takes)
            text = ticket.read_text().replace(f"127.0.0.1:{self.port}", f"127.0.0.1:{relay.port}")
            ticket = self.folder / f"{name}.ticket"
            ticket.write_text(text)
            ticket.chmod(0o600)
        command = [*through, self.args.scaletop, "fleet", "join", str(ticket), "--name", name, "--allow", "127.0.0.1", *more]
        self.generators[name] = self.start(*command)
        return self.generators[name]

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


class Session:
    """A controller and its recording."""

    def __init__(self, fleet, target, plan, *more, generators=3):
        self.fleet, self.out = fleet, fleet.folder / f"session-{len(fleet.processes)}"
        path = fleet.folder / f"plan-{len(fleet.processes)}.toml"
        path.write_text(plan)
        self.process = fleet.start(
            fleet.args.scaletop, "run", str(path), target.url, "--fleet", str(fleet.folder / "server/fleet.ticket"),
            "--generators", str(generators), "--lease", f"{LEASE}s", "--due-header", DUE, "--out", str(self.out), *more,
        )  # fmt: skip

    @classmethod
    def at(cls, fleet, out):
        """One that another program led."""
        session = cls.__new__(cls)
        session.fleet, session.out = fleet, out
        return session

    def wait_until(self, second, within=60):
        """Until the recording has so many seconds."""
        path = self.out / "recording.jsonl"
        self.fleet.wait_for(lambda: path.exists() and len(self.seconds()) >= second, self.process, f"second {second}", within)

    def finish(self, within=150):
        code = self.process.wait(within)
        self.said = self.process.log.read_text()
        return code

    def lines(self):
        found = []
        for line in (self.out / "recording.jsonl").read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                pass  # it is being written
        return found[1:]

    def seconds(self):
        return [line["second"] for line in self.lines() if "second" in line]

    def changes(self, which):
        return [(line["at"] / NANOS, line["generator"]) for line in self.lines() if line.get("generator", {}).get("change") == which]

    def rates(self):
        """(anchor, rate) in whole nanoseconds and requests per second; the plans here have no ramps."""
        found = []
        for line in self.lines():
            if "rate" in line:
                profile = line["rate"]["profile"]
                found.append((line["at"], profile["constant"]))
        return found

    def schedule(self, until):
        """When each arrival is due: nanoseconds, by the integral of the rate."""
        due, credit, number = [], 0, 1
        rates = self.rates() + [(until, 0)]
        for (at, rate), (end, _) in zip(rates, rates[1:]):
            while rate and number * 2 * NANOS <= credit + 2 * rate * (end - at):
                due.append(at + -(-(number * 2 * NANOS - credit) // (2 * rate)))
                number += 1
            credit += 2 * rate * (end - at)
        return due

    def unreported(self):
        planned = collections.Counter()
        due = collections.Counter()
        for second in self.seconds():
            for part in second["parts"]:
                due[part[0]] += part[1]
            for intended, count in second.get("planned", []):
                planned[intended] += count
        return {second: planned[second] - due[second] for second in planned if planned[second] != due[second]}


class Checks:
    def __init__(self, times_count):
        self.rows, self.missed, self.times_count = [], 0, times_count

    def row(self, test, what, bound, value, held):
        self.rows.append((test, what, bound, value, held))
        self.missed += not held
        print(f"{'held  ' if held else 'MISSED'} {test}: {what}: {value} (must be {bound})", flush=True)

    def time(self, test, what, bound, value, seconds):
        """A bound on a time: it is told, and only counts where it may, since a machine can be busy with other things."""
        is_held = seconds is not None and seconds <= bound + SLACK
        if self.times_count or seconds is None:
            self.row(test, what, value, "never" if seconds is None else f"{seconds:.2f} s", is_held)
        else:
            print(f"{'      ' if is_held else 'late  '} {test}: {what}: {seconds:.2f} s (should be {value})", flush=True)


def steady(rate, seconds, name="steady"):
    return f'name = "{name}"\n[[stage]]\nname = "s"\nrate = {rate}\nduration = "{seconds}s"\n'


def compare(checks, test, session, target, lost=None):
    """Counts at the target what the schedule made due; `lost`: arrivals in this span of the session's seconds may be missing."""
    times = collections.Counter(due for due, _ in target.seen)
    end = max((line["at"] for line in session.lines()), default=0)
    schedule = session.schedule(end)
    scheduled = set(schedule)
    twice = sum(count - 1 for count in times.values() if count > 1)
    foreign = sum(1 for due in times if due not in scheduled)
    missing = [due for due in schedule if due not in times]
    outside = [due for due in missing if lost is None or not lost[0] <= due / NANOS <= lost[1]]
    checks.row(test, "arrivals sent twice", "0", twice, twice == 0)
    checks.row(test, "arrivals that the schedule does not have", "0", foreign, foreign == 0)
    checks.row(test, "arrivals missing" + ("" if lost is None else " outside of the take-over"), "0", f"{len(outside)} of {len(schedule):,}", not outside)
    return missing


def test_rates(args, checks, folder, loop):
    """Three generators, five changes of rate."""
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for name in ("g1", "g2", "g3"):
            fleet.join(name)
        rates = [1_000, 333, 1_777, 501, 1_000, 90]
        plan = 'name = "rates"\n' + "".join(f'[[stage]]\nname = "s{i}"\nrate = {rate}\nduration = "{args.seconds // 6}s"\n' for i, rate in enumerate(rates))
        session = Session(fleet, target, plan)
        code = session.finish()
        # 4: the machine was busy with other things.
        checks.row("five changes of rate", "exit code", "0", code, code == 0 or (code == 4 and not checks.times_count))
        compare(checks, "five changes of rate", session, target)
        unreported = session.unreported()
        checks.row("five changes of rate", "unreported", "0", sum(unreported.values()), not unreported)
        planned, due = collections.Counter(), collections.Counter()
        for due_at in session.schedule(max(line["at"] for line in session.lines())):
            due[due_at // NANOS] += 1
        for second in session.seconds():
            for part in second["parts"]:
                planned[part[0]] += part[1]
        apart = [second for second in due if due[second] != planned[second]]
        checks.row("five changes of rate", "seconds whose due is not the formula's", "0", len(apart), not apart)
        # First arrivals after each anchor: when the target saw them, by the fastest seen as zero.
        lag = min(at - due / NANOS for due, at in target.seen)
        first = []
        for anchor, rate in session.rates():
            if rate >= 300:
                came = [at - due / NANOS - lag for due, at in target.seen if anchor < due <= anchor + 20_000_000]
                first.append(max(came, default=9))
        worst = sorted(first)[len(first) // 2] if first else 9
        what = "arrivals of the first 20 ms after an anchor are late by, median of the anchors' worst"
        if checks.times_count:
            checks.row("five changes of rate", what, "≤ 2 ms", f"{worst * 1e3:.2f} ms", worst <= 0.002)
        else:
            print(f"       five changes of rate: {what}: {worst * 1e3:.2f} ms")
    finally:
        fleet.end()


def fault(name, harm, heal, args, checks, folder, loop, relayed=False):
    """One of three generators is harmed in second 5."""
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for generator in ("g1", "g2", "g3"):
            fleet.join(generator, relayed and generator == "g2")
        session = Session(fleet, target, steady(1_000, 20))
        session.wait_until(5)
        harmed = time.monotonic()
        harm(fleet)
        healed = heal and threading.Timer(5.0, heal, [fleet])
        if healed:
            healed.start()
        session.finish()
        # Of the session's clock, what the target's clock shows: the fastest request is taken for immediate.
        offset = min(at - due / NANOS for due, at in target.seen)
        at = harmed - offset
        suspected = [when - at for when, event in session.changes("suspected") if event["id"] == "g2"]
        taken = [when - at for when, event in session.changes("taken_over") if event["id"] == "g2"]
        checks.time(name, "noticed after", SUSPECTED_WITHIN, f"≤ {SUSPECTED_WITHIN} s", suspected[0] if suspected else None)
        checks.time(name, "taken over after", TAKEN_OVER_WITHIN, f"≤ {TAKEN_OVER_WITHIN} s", taken[0] if taken else None)
        span = (at - 0.2, at + (taken[0] if taken else 0) + 0.5)
        missing = compare(checks, name, session, target, span)
        # Its share, at most, for as long as nobody had it: until then, and the lead of that change.
        most = round(1_000 / 3 * ((taken[0] if taken else 0) + LONGEST_LEAD))
        checks.row(name, "arrivals that nobody sent", f"≤ share × that = {most}", len(missing), len(missing) <= most)
        seen = {due for due, _ in target.seen}
        whole = int(span[1]) + 1
        sent = sum(1 for due in seen if whole <= due / NANOS < whole + 1)
        checks.row(name, "sent in the next whole second", "1,000", sent, sent == 1_000)
    finally:
        fleet.end()


def test_controller(args, checks, folder, loop):
    """The controller is killed; another attaches."""
    name = "controller killed"
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for generator in ("g1", "g2", "g3"):
            fleet.join(generator)
        session = Session(fleet, target, steady(1_000, 60))
        session.wait_until(5)
        session.process.kill()
        killed = time.monotonic()
        time.sleep(LEASE + 1.5)
        last = max(at for _, at in target.seen) - killed
        checks.time(name, "last request after", LEASE + 0.1, f"≤ {LEASE + 0.1} s", last)
        none_twice(name, checks, target)
        attach(name, session, checks, target)
    finally:
        fleet.end()


def attach(name, session, checks, target):
    """Another controller completes what the first one recorded, and the generators end with it."""
    fleet, before = session.fleet, session.seconds()
    ticket, out = str(fleet.folder / "server/fleet.ticket"), fleet.folder / "attached"
    process = fleet.start(fleet.args.scaletop, "fleet", "attach", "--finish", "-y", ticket, "--out", str(out))
    code = process.wait(90)
    # 4: the machine was busy with other things.
    is_fine = code == 0 or (code == 4 and not checks.times_count)
    checks.row(name, "exit code of the controller that attaches", "0", code, is_fine)
    if not is_fine:
        print(process.log.read_text()[-2_000:])
        return
    seconds = Session.at(fleet, out).seconds()
    all_recorded(name, checks, target, seconds, "requests in the recording after it")
    same = seconds[: len(before)] == before
    checks.row(name, "what was recorded before is there, and more", "yes", "yes" if same else "no", same and len(seconds) > len(before))
    codes = [generator.wait(30) for generator in fleet.generators.values()]
    checks.row(name, "exit codes of the generators", "0", ", ".join(map(str, codes)), not any(codes))


def none_twice(name, checks, target):
    """That no arrival came twice; how often each came."""
    times = collections.Counter(due for due, _ in target.seen)
    twice = sum(count - 1 for count in times.values() if count > 1)
    checks.row(name, "arrivals sent twice", "0", twice, twice == 0)
    return times


def all_recorded(name, checks, target, seconds, what="requests in the recording"):
    """That each second is in the recording once, and each request that the target saw."""
    gaps = holes(seconds)
    checks.row(name, "seconds missing or twice in the recording", "0", gaps, gaps == 0)
    sent = sum(part[2] for second in seconds for part in second["parts"])
    came = len({due for due, _ in target.seen})
    checks.row(name, what, f"{came:,} at the target", f"{sent:,}", sent == came)


def holes(seconds):
    """Seconds that are missing, or there twice."""
    indices = [second["index"] for second in seconds]
    return sum(after != index + 1 for index, after in zip(indices, indices[1:]))


def test_anew(args, checks, folder, loop):
    """The controller is killed, and a session of new generators begins on the same server."""
    name = "controller killed, a new session"
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for generator in ("g1", "g2", "g3"):
            fleet.join(generator)
        session = Session(fleet, target, steady(500, 60))
        session.wait_until(4)
        session.process.kill()
        olds = dict(fleet.generators)
        for generator in ("h1", "h2", "h3"):
            fleet.join(generator)
        time.sleep(LEASE + 0.5)
        before = len(target.seen)
        session = Session(fleet, target, steady(500, 8))
        code = session.finish()
        checks.row(name, "exit code of the new session", "0", code, code == 0)
        # Each ends and says so: its session is over, and its clock is another one.
        told = [old.wait(30) for old in olds.values()]
        said = all("start this generator anew" in old.log.read_text() for old in olds.values())
        checks.row(name, "generators of the old session end, and say why", "yes", "yes" if said else f"no: {told}", said)
        seconds = session.seconds()
        sent, came = sum(part[2] for second in seconds for part in second["parts"]), len(target.seen) - before
        checks.row(name, "requests in the recording", f"{came:,} at the target", f"{sent:,}", sent == came)
        unreported = session.unreported()
        checks.row(name, "unreported", "0", sum(unreported.values()), not unreported)
    finally:
        fleet.end()


def test_stopped(args, checks, folder, loop):
    """The controller stands still for five seconds, and goes on."""
    name = "controller stopped for 5 s"
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for generator in ("g1", "g2", "g3"):
            fleet.join(generator)
        session = Session(fleet, target, steady(1_000, 20))
        session.wait_until(5)
        session.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        time.sleep(LEASE + 1.5)
        last = max(at for _, at in target.seen) - stopped
        checks.time(name, "last request after", LEASE + 0.1, f"≤ {LEASE + 0.1} s", last)
        time.sleep(2)
        session.process.send_signal(signal.SIGCONT)
        session.finish()
        none_twice(name, checks, target)
        all_recorded(name, checks, target, session.seconds())
        after = collections.Counter(at > stopped + 6 for _, at in target.seen)[True]
        checks.row(name, "requests after it went on", "> 0", f"{after:,}", after > 0)
    finally:
        fleet.end()


# A day ahead of everybody else, in a namespace of its own.
A_DAY_AHEAD = ("unshare", "--user", "--map-root-user", "--time", "--fork", "--kill-child", "--monotonic", "86400")


def test_clock(args, checks, folder, loop):
    """A generator whose clock is another one, or whose line takes longer one way than the other."""
    ways = {
        "on loopback": ((0, 0), ()),
        "a day ahead of the controller": ((0, 0), A_DAY_AHEAD),
        "8 ms there, 2 ms back": ((0.008, 0.002), ()),
        "60 ms there, 40 ms back": ((0.060, 0.040), ()),
    }
    if subprocess.run([*A_DAY_AHEAD, "true"], capture_output=True).returncode:
        print("       no namespace for a clock of one's own here: left out")
        del ways["a day ahead of the controller"]
    for what, (takes, through) in ways.items():
        name = f"clock, {what}"
        place = folder / what.replace(" ", "-").replace(",", "")
        place.mkdir()
        target, fleet = Target(loop), Fleet(args, place, loop)
        try:
            fleet.join("g1", True, takes=takes, through=through)
            session = Session(fleet, target, steady(200, 12), generators=1)
            session.finish()
            # The target and the controller read the same clock; in each second the fastest request says how far the generator's is off.
            header = json.loads((session.out / "recording.jsonl").read_text().split("\n", 1)[0])
            zero = header["started_unix_micros"] / 1e6 - (time.time() - time.monotonic())
            off, beyond = {}, []
            for due, at in target.seen:
                second, late = due // NANOS, at - zero - due / NANOS
                off[second] = min(off.get(second, late), late)
            stated = {second["index"]: row[7] / NANOS for second in session.seconds() for row in second["generators"] if row[7]}
            both = sorted(off.keys() & stated.keys())
            # A request of its own takes some of a millisecond.
            beyond = [second for second in both if not -stated[second] <= off[second] <= stated[second] + 0.001]
            checks.row(name, "seconds in which it is off by more than the ± that is shown", f"0 of {len(both)}", len(beyond), both and not beyond)
            worst, widest = max(map(abs, off.values())), max(stated.values())
            print(f"       {name}: off by up to {worst * 1e3:.2f} ms, shown ± up to {widest * 1e3:.2f} ms")
            if checks.times_count and takes == (0, 0):
                checks.row(name, "it is off by", "≤ 1 ms", f"{worst * 1e3:.2f} ms", worst <= 0.001)
        finally:
            fleet.end()


def test_server(args, checks, folder, loop):
    """nats-server is killed and started again by its supervisor, or by us."""
    name = "nats-server killed"
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for generator in ("g1", "g2", "g3"):
            fleet.join(generator)
        session = Session(fleet, target, steady(1_000, 25))
        session.wait_until(5)
        children = subprocess.run(["pgrep", "-P", str(fleet.server.pid)], capture_output=True, text=True).stdout.split()
        os.kill(int(children[0]), signal.SIGKILL)
        killed = time.monotonic()
        time.sleep(0.3)
        if fleet.server.poll() is not None:
            fleet.serve()
        session.finish()
        times = none_twice(name, checks, target)
        seconds = session.seconds()
        all_recorded(name, checks, target, seconds)
        held = [line["at"] / NANOS for line in session.lines() if line.get("fleet", {}).get("held")]
        again = [line["at"] / NANOS for line in session.lines() if "fleet" in line and held and line["at"] / NANOS > held[-1]]
        checks.row(name, "the load was held and went on by itself", "yes", "yes" if held and again else "no", bool(held and again))
        whole = int(again[0]) + 2 if again else 0
        per_second = collections.Counter(due // NANOS for due in times)
        wrong = [second for second in range(whole, seconds[-1]["index"] - 1) if per_second[second] != 1_000]
        checks.row(name, "whole seconds after that with another count than 1,000", "0", len(wrong), not wrong)
    finally:
        fleet.end()


def test_leave(args, checks, folder, loop):
    """One of three is asked to go, another comes: nobody misses anything."""
    name = "one leaves, one joins"
    target, fleet = Target(loop), Fleet(args, folder, loop)
    try:
        for generator in ("g1", "g2", "g3"):
            fleet.join(generator)
        session = Session(fleet, target, steady(1_000, 20))
        session.wait_until(5)
        fleet.generators["g2"].send_signal(signal.SIGTERM)
        code = fleet.generators["g2"].wait(20)
        checks.row(name, "exit code of the one that left", "0", code, code == 0)
        fleet.join("g4")
        session.finish()
        compare(checks, name, session, target)
        unreported = session.unreported()
        checks.row(name, "unreported", "0", sum(unreported.values()), not unreported)
        joined = {event["id"] for _, event in session.changes("joined")}
        left = {event["id"] for _, event in session.changes("left")}
        checks.row(name, "who joined, who left", "g1 g2 g3 g4, g2", f"{' '.join(sorted(joined))}, {' '.join(sorted(left - (joined - {'g2'}))) or 'nobody'}", joined == {"g1", "g2", "g3", "g4"} and "g2" in left)
    finally:
        fleet.end()


def pick(ways):
    return lambda fleet: fleet.relays["g2"].set(ways, False)


def mend(fleet):
    fleet.relays["g2"].set(["up", "down"], True)


def send(which):
    return lambda fleet: fleet.generators["g2"].send_signal(which)


TESTS = {
    "rates": test_rates,
    "leave": test_leave,
    "kill": lambda *rest: fault("kill -9", send(signal.SIGKILL), None, *rest),
    "stop": lambda *rest: fault("SIGSTOP for 5 s", send(signal.SIGSTOP), send(signal.SIGCONT), *rest),
    "cut": lambda *rest: fault("line cut for 5 s", pick(["up", "down"]), mend, *rest, relayed=True),
    "deaf": lambda *rest: fault("line to the generator cut for 5 s", pick(["down"]), mend, *rest, relayed=True),
    "mute": lambda *rest: fault("line from the generator cut for 5 s", pick(["up"]), mend, *rest, relayed=True),
    "controller": test_controller,
    "anew": test_anew,
    "stopped": test_stopped,
    "server": test_server,
    "clock": test_clock,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scaletop", default="target/release/scaletop")
    parser.add_argument("--nats", help="the nats-server to use; else the one that is found")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60, help="how long the test of rates takes")
    parser.add_argument("--no-times", action="store_true", help="bounds on times are told and do not count: the machine may be busy")
    parser.add_argument("--only", default=",".join(TESTS))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--keep", action="store_true", help="keep the folder of what was started")
    args = parser.parse_args()
    args.scaletop = str(Path(args.scaletop).resolve())
    checks, loop = Checks(not args.no_times), Loop()
    for round_ in range(args.rounds):
        for name in args.only.split(","):
            folder = Path(tempfile.mkdtemp(prefix="scaletop-fleet-"))
            TESTS[name](args, checks, folder, loop)
            if args.keep:
                print(f"       files: {folder}")
            else:
                shutil.rmtree(folder)
    if args.write:
        write(args, checks)
    print(f"{len(checks.rows) - checks.missed} of {len(checks.rows)} held")
    sys.exit(1 if checks.missed else 0)


def write(args, checks):
    version = subprocess.run([args.nats or "nats-server", "--version"], capture_output=True, text=True).stdout.strip()
    today = datetime.date.today().isoformat()
    lines = [
        "# A fleet, tried", "",
        "`make fleet-truth`: three generators and a controller as processes on this machine, beside a target that says which arrivals",
        "of the one schedule came, and how often. `ROUNDS=10` repeats it; `WRITE=docs/fleet-tests.md` writes this page.", "",
        f"{today}, {version}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}; {args.rounds} rounds.", "",
        "| what was done | what was looked at | must be | found | |", "|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {test} | {what} | {bound} | {value} | {'held' if held else '**missed**'} |" for test, what, bound, value, held in checks.rows]
    args.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
