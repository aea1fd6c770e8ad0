"""make bench-proxied: the CPU time that sockgated takes for a client behind a proxy, against one that comes by itself.

The clients' headers come with their connections, as haproxy's do with `option tcp-smart-connect`. The server is a
static C program, counted with it.
"""

import contextlib
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.dispatch.gated import Gated, end, start
from tests.system.services import compile_static

HERE = Path(__file__).parent
SERVER = HERE.parents[1] / "build/bench/line"
HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.1 4711 25\r\n"
WAYS = {"by itself": ([], b""), "behind a proxy": (["--proxy-protocol", "127.0.0.1"], HEADER)}

ROUNDS = 5
CLIENTS, TIMES = 8, 50  # at a time, and one after the other
SETTLE_SECONDS = 0.3
HIGHEST_RATIO = 1.3


def main() -> int:
    SERVER.parent.mkdir(parents=True, exist_ok=True)
    compile_static(HERE / "line.c", SERVER)
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            spent[way].append(measure(*WAYS[way]))
    for way, times in spent.items():
        print(f"{way:15} {statistics.median(times):.2f} ms median, {min(times):.2f} ms least of {ROUNDS}")
    direct, proxied = (statistics.median(times) for times in spent.values())
    print(f"ratio           {proxied / direct:.2f}, at most {HIGHEST_RATIO}")
    return int(proxied / direct > HIGHEST_RATIO)


def measure(options: list[str], header: bytes) -> float:
    """Milliseconds of CPU for each connection, of the gate and its servers."""
    with tempfile.TemporaryDirectory() as folder:
        gated = start(Path(folder), ["--listen", "127.0.0.1:0", "--max-connections", "1000", *options, str(SERVER)])
        try:
            connect(gated, header, 10)
            before = cpu_ticks(gated)
            threads = [threading.Thread(target=connect, args=(gated, header, TIMES)) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            time.sleep(SETTLE_SECONDS)  # until the last servers are counted
            return (cpu_ticks(gated) - before) * 1000 / os.sysconf("SC_CLK_TCK") / (CLIENTS * TIMES)
        finally:
            end(gated)


def connect(gated: Gated, header: bytes, times: int) -> None:
    host, _, port = gated.addresses[0].rpartition(":")
    for _ in range(times):
        with socket.socket() as connection, contextlib.suppress(ConnectionResetError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, not header)
            connection.connect((host, int(port)))
            connection.sendall(header)
            while connection.recv(100, socket.MSG_WAITALL):
                continue


def cpu_ticks(gated: Gated) -> int:
    """User and system time, children that have ended included (proc(5))."""
    fields = Path(f"/proc/{gated.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


if __name__ == "__main__":
    sys.exit(main())
