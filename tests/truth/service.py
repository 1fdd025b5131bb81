"""A service with a clock of its own: it logs when each request reached this machine, by the kernel's timestamp of its
bytes, and when the answer was handed to the kernel. One thread, plain sockets; TLS by the ssl module over memory.

Its delays come from a generator with a fixed seed: 30 to 80 ms, one answer in twenty a 500.
"""

import heapq
import random
import selectors
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass

SO_TIMESTAMPNS = 35  # Linux; neither `socket` nor Python's documentation names it
BODY = b"ok"
ANSWERS = {
    status: f"HTTP/1.1 {status} X\r\ncontent-length: {len(BODY)}\r\n\r\n".encode() + BODY for status in (200, 500)
}


@dataclass
class Exchange:
    """Times in seconds of the wall clock."""

    arrived: float
    answered: float
    status: int


class Connection:
    def __init__(self, sock, context):
        self.sock, self.got, self.owed = sock, b"", 0
        self.opened = time.time()
        self.inbox, self.outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.inbox, self.outbox, server_side=True) if context else None

    def receive(self):
        """Plain bytes and when their last packet came; None at the end."""
        raw, ancillary, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(16))
        if not raw:
            return None
        at = time.time()
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                secs, nanos = struct.unpack("ll", data[:16])
                at = secs + nanos / 1e9
        if not self.tls:
            return raw, at
        self.inbox.write(raw)
        plain = b""
        try:
            while True:
                part = self.tls.read(65536)
                if not part:
                    break
                plain += part
        except ssl.SSLWantReadError:
            pass
        self.flush()
        return plain, at

    def send(self, data):
        if self.tls:
            self.tls.write(data)
            self.flush()
        else:
            self.sock.sendall(data)

    def flush(self):
        if self.outbox.pending:
            self.sock.sendall(self.outbox.read())


class Service:
    """`stall` is (seconds after the first request, how long): answers that fall due in it are held to its end. With
    `accepts_stop` no connection is taken meanwhile either."""

    def __init__(self, *, stall=None, accepts_stop=False, backlog=1024, certificate=None, seed=7):
        self.log, self.dice = [], random.Random(seed)
        self.stall, self.accepts_stop, self.first = stall, accepts_stop, None
        self.accepted = 0
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(backlog)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def end(self):
        self.ending.set()
        self.thread.join()
        return sorted(self.log, key=lambda exchange: exchange.arrived)

    def window(self):
        """When the stall begins and ends; never, as long as nothing came."""
        if not self.stall or self.first is None:
            return float("inf"), float("inf")
        begin = self.first + self.stall[0]
        return begin, begin + self.stall[1]

    def serve(self):
        selector, due, number = selectors.DefaultSelector(), [], 0
        selector.register(self.listener, selectors.EVENT_READ, None)
        listening = True
        while not self.ending.is_set():
            now = time.time()
            begin, end = self.window()
            wanted = not (self.accepts_stop and begin <= now < end)
            if wanted != listening:
                if wanted:
                    selector.register(self.listener, selectors.EVENT_READ, None)
                else:
                    selector.unregister(self.listener)
                listening = wanted
            wait = min(0.02, max(0.0, due[0][0] - now) if due else 0.02)
            for key, _ in selector.select(wait):
                if key.data is None:
                    self.accept(selector)
                    continue
                connection = key.data
                try:
                    received = connection.receive()
                except BlockingIOError:
                    continue
                except OSError:
                    received = None
                if received is None:
                    selector.unregister(connection.sock)
                    connection.sock.close()
                    continue
                plain, at = received
                connection.got += plain
                while b"\r\n\r\n" in connection.got:
                    _, connection.got = connection.got.split(b"\r\n\r\n", 1)
                    if self.first is None:
                        self.first = at
                    begin, end = self.window()
                    answer_at = at + self.dice.uniform(0.030, 0.080)
                    if begin <= answer_at < end:
                        answer_at = end + self.dice.uniform(0.0, 0.020)
                    status = 500 if self.dice.random() < 0.05 else 200
                    number += 1
                    heapq.heappush(due, (answer_at, number, connection, at, status))
            now = time.time()
            while due and due[0][0] <= now:
                _, _, connection, at, status = heapq.heappop(due)
                answered = time.time()
                try:
                    connection.send(ANSWERS[status])
                except OSError:
                    continue
                self.log.append(Exchange(at, answered, status))

    def accept(self, selector):
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            selector.register(sock, selectors.EVENT_READ, Connection(sock, self.context))
            if self.accepts_stop and self.window()[0] <= time.time() < self.window()[1]:
                return
