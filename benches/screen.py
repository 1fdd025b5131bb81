#!/usr/bin/env python3
"""What the screen costs: CPU, bytes, and how long a key waits on a slow line. A part of `make bench`.

Drives 20 requests a second at a server of its own on loopback, on a screen of 120 by 40 in a pseudo terminal, and presses a key
twenty times a second, so that twenty frames a second are drawn: the CPU time is that of the two threads that draw and write.
Then the same without keys, for the bytes of the frames that close a second: those that draw in the charts, told apart from a
clock that goes on. A replay that stands still, for those of none; and a line that carries 1,200 bytes a second, for how long it
takes until what a key did has come through it. Prints a table of bounds and values. No bound that is missed is an error: machines differ. The bytes are held by tests, too, in virtual time.
"""
import argparse
import codecs
import datetime
import fcntl
import http.server
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
import threading
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIZE = (40, 120)
FRAME = re.compile(rb"\x1b\[\?2026h(.*?)\x1b\[\?2026l", re.S)
TOKEN = re.compile(r"\x1b\[(\d*);?(\d*)H|\x1b\[2J|\x1b\[(?P<by>\d*)(?P<step>[BCX])|\x1b\[[\d;?]*[a-zA-Z]|(?P<back>\x08)|(?P<text>.)", re.S)
RATE = 20
LINE = 1200
# Keys that change two words of the header and nothing else.
KEYS = ((b"]", "±100"), (b"[", "±50"))
TICKS = os.sysconf("SC_CLK_TCK")


def blank():
    return [[" "] * SIZE[1] for _ in range(SIZE[0])]


class Terminal:
    """A program in a terminal of its own that reads as fast as it is told to: bytes per second, or all."""

    def __init__(self, argv, folder, rate=None):
        self.rate, self.read, self.owed, self.at = rate, bytearray(), 0.0, time.monotonic()
        self.rows, self.place, self.decoder, self.rest = blank(), (0, 0), codecs.getincrementaldecoder("utf-8")("ignore"), ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLORFGBG": "15;0"}
        self.process = subprocess.Popen(argv, cwd=folder, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                        start_new_session=True)
        os.close(slave)

    def press(self, key):
        os.write(self.master, key)

    def pump(self, seconds, until=None):
        """Reads for so long, or until what was read since then has put that on the screen; returns whether it has."""
        began, mark = time.monotonic(), len(self.read)
        while (now := time.monotonic()) - began < seconds:
            if until and len(self.read) > mark and until in self.text():
                return True
            self.owed = self.owed + (now - self.at) * self.rate if self.rate else 65_536
            self.at = now
            if not select.select([self.master], [], [], 0.01)[0]:
                # A line that has nothing to carry saves nothing up.
                self.owed = 0
                continue
            if self.owed < 1:
                time.sleep(0.005)
                continue
            try:
                got = os.read(self.master, int(self.owed))
            except OSError:
                return False
            self.read += got
            self.feed(got)
            self.owed -= len(got)
        return False

    def charts(self):
        """The rows of the charts: from the title of the first to above the table of steps."""
        rows = ["".join(row) for row in self.rows]
        first, after = (next(at for at, row in enumerate(rows) if row.startswith(word)) for word in ("Rate", "Steps"))
        return range(first, after)

    def feed(self, got):
        """Puts what is read on the screen: our frames only move, colour, erase and write."""
        text = self.rest + self.decoder.decode(got)
        # A sequence that is not whole yet waits for its end.
        begun = text.rfind("\x1b")
        whole = len(text) if begun < 0 or re.match(r"\x1b(\[[\d;?]*[a-zA-Z]|[^\[])", text[begun:]) else begun
        text, self.rest = text[:whole], text[whole:]
        row, column = self.place
        for match in TOKEN.finditer(text):
            by = int(match["by"] or 1)
            if match["text"]:
                if row < SIZE[0] and column < SIZE[1]:
                    self.rows[row][column] = match["text"]
                column += 1
            elif match["back"]:
                column -= 1
            elif match["step"] == "B":
                row += by
            elif match["step"] == "C":
                column += by
            elif match["step"] == "X":
                self.rows[row][column:column + by] = [" "] * by
            elif match[0].endswith("H"):
                row, column = int(match[1] or 1) - 1, int(match[2] or 1) - 1
            elif match[0] == "\x1b[2J":
                self.rows = blank()
        self.place = (row, column)

    def text(self):
        return "\n".join("".join(row) for row in self.rows)

    def cpu(self):
        """CPU seconds so far of the threads that draw and write."""
        total, pid = 0, self.process.pid
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                name, fields = re.fullmatch(r"\d+ \((.*)\) (.*)", file.read().strip(), re.S).groups()
            if int(thread) == pid or name == "frames":
                total += sum(int(field) for field in fields.split()[11:13])
        return total / TICKS

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


class Quick(http.server.BaseHTTPRequestHandler):
    """Answers at once."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def is_news(frame, rows):
    """Whether a frame draws in these rows: it brings what a second of load has measured."""
    row = 0
    for match in TOKEN.finditer(frame.decode(errors="ignore")):
        if match["step"] == "B":
            row += int(match["by"] or 1)
        elif match[0].endswith("H"):
            row = int(match[1] or 1) - 1
        elif (match["text"] or match["step"] == "X") and row in rows:
            return True
    return False


def session(scaletop, folder, url, name, rate=None):
    argv = [scaletop, "live", url, "--rate", str(RATE), "--no-preflight", "--out", name]
    return Terminal(argv, folder, rate)


def driven(scaletop, folder, url, name):
    """CPU as a share of a core, frames a second, and the bytes of each frame that closes a second."""
    terminal = session(scaletop, folder, url, name)
    terminal.pump(20)
    before = len(terminal.read)
    terminal.pump(20)
    charts = terminal.charts()
    sizes = [len(frame) for frame in FRAME.findall(bytes(terminal.read[before:])) if is_news(frame, charts)]
    began, cpu, before = time.monotonic(), terminal.cpu(), len(terminal.read)
    for at in range(200):
        terminal.press(KEYS[at % 2][0])
        terminal.pump(max(0.0, began + (at + 1) / 20 - time.monotonic()))
    took, cpu = time.monotonic() - began, terminal.cpu() - cpu
    frames = len(FRAME.findall(bytes(terminal.read[before:]))) / took
    terminal.end()
    return cpu / took, frames, sizes


def still(scaletop, folder, name):
    """The bytes of five seconds in which nothing changes: those of a replay at its end."""
    terminal = Terminal([scaletop, "replay", name, "--speed", "50"], folder)
    terminal.pump(15)
    before = len(terminal.read)
    terminal.pump(5)
    written = len(terminal.read) - before
    terminal.end()
    return written


def slow(scaletop, folder, url, presses):
    """How long it takes until what a key did can be read from a line of LINE bytes a second, and which part of it is used."""
    terminal = session(scaletop, folder, url, "slow", rate=LINE)
    # The whole screen goes first, which takes some seconds on such a line.
    terminal.pump(15)
    waits, began, before = [], time.monotonic(), len(terminal.read)
    for at in range(presses):
        key, shows = KEYS[at % 2]
        # What stands there already would be no answer.
        is_new, pressed = shows not in terminal.text(), time.monotonic()
        terminal.press(key)
        waits.append(time.monotonic() - pressed if is_new and terminal.pump(30, until=shows) else None)
        terminal.pump(3 + at % 4 * 0.7)
    used = (len(terminal.read) - before) / (time.monotonic() - began) / LINE
    terminal.end()
    return waits, used


def table(scaletop, folder, rounds, presses):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quick)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    runs = [driven(scaletop, folder, url, f"driven{number}") for number in range(rounds)]
    sizes = [size for run in runs for size in run[2]]
    written = still(scaletop, folder, "driven0")
    waits, used = slow(scaletop, folder, url, presses)
    server.shutdown()
    seen = [wait for wait in waits if wait is not None]
    rows = [
        ("CPU of drawing and writing, 120×40", "< 3 % of a core at 20 frames/s",
         f"{statistics.median(run[0] for run in runs) * 100:.1f} % at {statistics.median(run[1] for run in runs):.1f} frames/s"),
        ("bytes of a frame that closes a second, median", "< 2,048",
         f"{statistics.median(sizes):,.0f} (most {max(sizes):,}; {len(sizes) / len(runs) / 20:.1f} such frames/s)"),
        ("bytes in 5 s in which nothing changes", "0", f"{written:,}"),
        (f"a key on a line of {LINE:,} bytes/s is seen, slowest of {len(waits)}", "≤ 2 s",
         f"{max(seen):.2f} s (median {statistics.median(seen):.2f} s; {used:.0%} of the line is used)" if len(seen) == len(waits) else
         f"not seen in 30 s: {len(waits) - len(seen)} of {len(waits)}"),
    ]
    lines = ["| what | bound | value |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def write(path, made):
    """Puts the table into the file, in place of an earlier one; else behind what is there."""
    with open(path) as file:
        text = file.read()
    section = f"## The screen\n\nMade by `make bench` on {datetime.date.today()}.\n\n{made}"
    begin = re.search(r"^## The screen$", text, re.M)
    if not begin:
        text = f"{text.rstrip()}\n\n{section}"
    else:
        # All until the next heading is ours.
        after = re.search(r"^## ", text[begin.end():], re.M)
        rest = "\n" + text[begin.end() + after.start():] if after else ""
        text = text[:begin.start()] + section + rest
    with open(path, "w") as file:
        file.write(text)


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--scaletop", default=os.path.join(HERE, "target/release/scaletop"))
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--presses", type=int, default=8)
    ask.add_argument("--write", help="put the table into this file, in place of an earlier one")
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
