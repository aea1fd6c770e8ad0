"""make bench-gate: the CPU time of one gated connection, measured against a bare interpreter of the same run.

The gate does what it does in production: it reads its peer from descriptor 0, decides by --allow, asks --relay,
sends a journal record and execs the server, a static C program that returns at once and is counted with it.
"""

import os
import socket
import statistics
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
SERVER = TREE / "build/bench/server"
PYTHON = "/usr/bin/python3"
BARE = [PYTHON, "-I", "-S", "-c", ""]
GATE = [
    str(TREE / "build/bin/sockgate"), "--name", "bench", "--allow", "127.0.0.0/8 10.0.0.0/8",
    "--relay", "127.0.0.1,192.168.0.", str(SERVER),
]  # fmt: skip

ROUNDS = 200
WARM_UP = 5
HIGHEST_RATIO = 1.30
SERVED = 7  # the server's exit code: a gate that refuses exits with 0


def main() -> int:
    build_server()
    gate, bare = measure(ROUNDS)
    ratio = statistics.median(gate) / statistics.median(bare)
    print(f"bare interpreter  {describe(bare)}")
    print(f"gated connection  {describe(gate)}, {destination()}")
    print(f"ratio             {ratio:.3f}, at most {HIGHEST_RATIO}")
    return int(ratio > HIGHEST_RATIO)


def build_server() -> None:
    SERVER.parent.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-O2", "-static", "-o", str(SERVER), "-xc", "-"]
    subprocess.run(command, input=b"int main(void) { return %d; }" % SERVED, check=True)


def measure(rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU of each gated connection and of each bare start, taken in turns."""
    gate, bare = [], []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(WARM_UP + rounds):
            with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
                gate.append(cpu(GATE, connection, SERVED))
                bare.append(cpu(BARE, connection, 0))
    return gate[WARM_UP:], bare[WARM_UP:]


def cpu(command: list[str], connection: socket.socket, expected: int) -> float:
    """Start it as systemd does, a stream to the journal on descriptor 2, and wait for it."""
    stream, journal = socket.socketpair()
    with stream, journal:
        identity = os.fstat(stream.fileno())
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "JOURNAL_STREAM": f"{identity.st_dev}:{identity.st_ino}",
        }
        actions = [
            (os.POSIX_SPAWN_DUP2, source.fileno(), target)
            for target, source in enumerate((connection, connection, stream))
        ]
        process = os.posix_spawn(command[0], command, environment, file_actions=actions)
        _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) != expected:
        raise SystemExit(f"{command[0]}: exit code {os.waitstatus_to_exitcode(status)} instead of {expected}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def describe(figures: list[float]) -> str:
    return f"{statistics.median(figures):6.2f} ms median, {min(figures):6.2f} ms least of {len(figures)}"


def destination() -> str:
    if os.path.exists("/run/systemd/journal/socket"):
        return "its record sent to the journal"
    return "its record not taken, for want of a journal here"


if __name__ == "__main__":
    sys.exit(main())
