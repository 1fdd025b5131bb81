"""Runs a command beside a moto server on loopback: `with_moto.py COMMAND…` with MOTO_ENDPOINT set for it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
endpoint = f"http://127.0.0.1:{port}"
moto = os.path.join(os.path.dirname(sys.executable), "moto_server")
server = subprocess.Popen([moto, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=2).close()
            break
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit("moto did not start")
            time.sleep(0.2)
    sys.exit(subprocess.call(sys.argv[1:], env={**os.environ, "MOTO_ENDPOINT": endpoint}))
finally:
    server.terminate()
    server.wait(timeout=10)
