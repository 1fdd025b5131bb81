#!/usr/bin/env python3
"""What the screen costs: CPU, bytes, and how long a key waits on a slow line. A part of `make bench`.

Records a session of a minute against the demo, replays it at 120 by 40 in a pseudo terminal at twenty seconds a second, so that
each of twenty frames a second has new content, and reads the CPU time of the process. Then it drives the demo over a terminal
that takes 1,200 bytes a second and presses keys. Prints a table of bounds and values. Nothing but 127.0.0.1 is loaded, and no
bound that is missed is an error: machines differ. The bytes are held by tests, with frames in virtual time.
"""
import argparse
import datetime
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIZE = (40, 120)
PLAN = """name = "screen"
[[stage]]
rate = 20
duration = "10s"
[[stage]]
rate = 300
duration = "40s"
[[stage]]
rate = 20
duration = "10s"
"""
FRAME = re.compile(rb"\x1b\[\?2026h(.*?)\x1b\[\?2026l", re.S)
SPEED = 20
LINE = 1200
TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A program in a terminal of its own that reads as fast as it is told to: bytes per second, or all."""

    def __init__(self, argv, folder, rate=None):
        self.rate, self.read, self.owed, self.at = rate, bytearray(), 0.0, time.monotonic()
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLORFGBG": "15;0"}
        self.process = subprocess.Popen(argv, cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                        start_new_session=True)
        os.close(slave)

    def press(self, key):
        os.write(self.master, key)

    def pump(self, seconds, until=None):
        """Reads for so long, or until what is read since then has that in it; returns how long that took, or None."""
        began, mark = time.monotonic(), len(self.read)
        while (now := time.monotonic()) - began < seconds:
            if until and until in self.read[mark:]:
                return now - began
            self.owed = min(self.owed + (now - self.at) * self.rate, 64.0) if self.rate else 65_536
            self.at = now
            if self.owed < 1 or not select.select([self.master], [], [], 0.01)[0]:
                time.sleep(0.005)
                continue
            try:
                got = os.read(self.master, int(self.owed))
            except OSError:
                return None
            self.read += got
            self.owed -= len(got)
        return None

    def cpu(self):
        """CPU seconds of the process so far, its children left out."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def end(self):
        self.rate = None
        self.press(b"\x03")
        self.pump(2)
        self.press(b"\x03")
        for _ in range(100):
            if self.process.poll() is not None:
                break
            self.pump(0.1)
        else:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def record(scaletop, folder):
    with open(os.path.join(folder, "plan.toml"), "w") as file:
        file.write(PLAN)
    subprocess.run([scaletop, "run", "plan.toml", "demo", "--out", "session", "--quiet"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)


def replayed(scaletop, folder):
    """CPU as a share of a core, frames a second, the bytes of each frame with content, and the bytes while nothing changes."""
    terminal = Terminal([scaletop, "replay", "session", "--speed", str(SPEED)], folder)
    terminal.pump(1)
    terminal.press(b" ")
    terminal.pump(0.3)
    terminal.press(b"\x1b[H")
    # The recording is read through, and messages are gone.
    terminal.pump(8)
    before = len(terminal.read)
    terminal.pump(5)
    idle = len(terminal.read) - before
    began, cpu, before = time.monotonic(), terminal.cpu(), len(terminal.read)
    terminal.press(b" ")
    terminal.pump(2.7)
    took, cpu = time.monotonic() - began, terminal.cpu() - cpu
    frames = [len(frame) for frame in FRAME.findall(bytes(terminal.read[before:]))]
    terminal.end()
    return cpu / took, len(frames) / took, frames, idle


def slow(scaletop, folder, presses):
    """How long it takes until what a key did can be read from a line of LINE bytes a second, and the bytes a second before."""
    terminal = Terminal([scaletop, "demo", "--rate", "50", "--out", "slow"], folder, rate=LINE)
    # The whole screen goes first, and what the line carries is learnt.
    terminal.pump(60)
    waits = []
    for at in range(presses):
        key, shows = ((b"]", "±100"), (b"[", "±50"))[at % 2]
        terminal.press(key)
        # The digits that change; what stays is not written again.
        waits.append(terminal.pump(30, until=shows[1:3].encode()))
        terminal.pump(3 + at % 4 * 0.7)
    terminal.end()
    return waits


def table(scaletop, folder, rounds, presses):
    record(scaletop, folder)
    runs = [replayed(scaletop, folder) for _ in range(rounds)]
    frames = [size for run in runs for size in run[2]]
    waits = slow(scaletop, folder, presses)
    seen = [wait for wait in waits if wait is not None]
    rows = [
        ("CPU, 120×40, a new second in every frame", "< 3 % of a core at 20 frames/s",
         f"{statistics.median(run[0] for run in runs) * 100:.1f} % at {statistics.median(run[1] for run in runs):.1f} frames/s"),
        ("bytes of a frame, median", "< 2,048", f"{statistics.median(frames):,.0f}"),
        ("bytes in 5 s in which nothing changes", "0", f"{max(run[3] for run in runs):,}"),
        (f"a key on a line of {LINE:,} bytes/s is seen, slowest of {len(waits)}", "≤ 2 s",
         f"{max(seen):.1f} s (median {statistics.median(seen):.1f} s)" if len(seen) == len(waits) else
         f"not seen in 30 s: {len(waits) - len(seen)}"),
    ]
    lines = ["| what | bound | value |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def write(path, made):
    """Puts the table behind what is in the file, in place of an earlier one."""
    heading = "## The screen"
    with open(path) as file:
        text = file.read().split(f"\n{heading}")[0].rstrip("\n")
    with open(path, "w") as file:
        file.write(f"{text}\n\n{heading}\n\nMade by `make bench` on {datetime.date.today()}.\n\n{made}")


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--scaletop", default=os.path.join(HERE, "target/release/scaletop"))
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--presses", type=int, default=8)
    ask.add_argument("--write", help="put the table into this file, behind what is there")
    args = ask.parse_args()
    folder = tempfile.mkdtemp()
    try:
        made = table(os.path.abspath(args.scaletop), folder, args.rounds, args.presses)
    finally:
        shutil.rmtree(folder)
    print(made)
    if args.write:
        write(args.write, made)


if __name__ == "__main__":
    sys.exit(main())
