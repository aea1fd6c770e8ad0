"""make bench-rules: what the size of a rules file costs, in CPU and memory of whole gated connections.

The connections of one round are taken in turns, so that their ratios hold on a machine that does other work too.
"""

import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .gate import PYTHON, SERVED, SERVER, TREE, build_server, cpu, describe

ROUNDS = 200
WARM_UP = 5
LARGEST = 1_000_000
MOST_SECONDS = 60  # to compile it
MOST_TEXT = 1.5  # a text of 1,000 lines, in texts of ten
MOST_COMPILED = 1.2  # the largest cdb, in ten lines
MOST_MEMORY = 1.05

CONTROL = [sys.executable, "-c", "import sys; sys.path.insert(0, 'src'); from sockgate.ctl.main import main; main()"]
SIZE_OF_CHILD = """
import posix, resource, sys
process = posix.posix_spawn(sys.argv[1], sys.argv[1:], posix.environ)
posix.waitpid(process, 0)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
ACTIONS = ("deny", "allow", 'allow,RELAYCLIENT=""', 'allow,RBLSMTPD="see http://example.com/"')


def main() -> int:
    build_server()
    with tempfile.TemporaryDirectory() as folder:
        files = {name: write(Path(folder), lines, compiled) for name, lines, compiled in (
            ("text of 10", 10, False), ("text of 1,000", 1000, False),
            ("cdb of 10", 10, True), (f"cdb of {LARGEST:,}", LARGEST, True),
        )}  # fmt: skip
        memory = {name: memory_of(path) for name, path in files.items()}
        figures = measure(files)
    for name, milliseconds in figures.items():
        print(f"{name:18} {describe(milliseconds)}, {memory[name]:6} kB")
    ten, thousand, compiled_ten, largest = (statistics.median(milliseconds) for milliseconds in figures.values())
    sizes = list(memory.values())
    return sum((
        exceeds("1,000 lines of text to 10", thousand / ten, MOST_TEXT),
        exceeds(f"{LARGEST:,} compiled to 10 of text", largest / ten, MOST_COMPILED),
        exceeds(f"{LARGEST:,} compiled to 10 compiled", largest / compiled_ten, MOST_COMPILED),
        exceeds("memory of the two", sizes[3] / sizes[2], MOST_MEMORY),
    ))  # fmt: skip


def exceeds(what: str, ratio: float, most: float) -> bool:
    print(f"{what:32} {ratio:.3f}, at most {most}")
    return ratio > most


def write(folder: Path, lines: int, compiled: bool) -> Path:
    """Rules about networks, addresses and names, none of them about the client, and a catch-all rule."""
    chooser = random.Random(lines)  # noqa: S311 # to be repeated, not to be secret
    rules = [f"{address(chooser, number)}:{chooser.choice(ACTIONS)}\n" for number in range(lines - 1)]
    text = folder / f"{lines}.text"
    text.write_text("".join([*rules, ":allow\n"]))
    if not compiled:
        return text
    start = time.monotonic()
    subprocess.run([*CONTROL, "rules", "compile", text, folder / f"{lines}.cdb"], check=True, cwd=TREE)
    seconds = time.monotonic() - start
    print(f"{lines:,} rules compiled in {seconds:.1f} s, at most {MOST_SECONDS}")
    if seconds > MOST_SECONDS:
        raise SystemExit("that is too slow")
    return folder / f"{lines}.cdb"


def address(chooser: random.Random, number: int) -> str:
    octets = [str(chooser.randrange(128, 224)), *(str(chooser.randrange(256)) for _ in range(3))]
    return chooser.choice((
        ".".join(octets), ".".join(octets), ".".join(octets[:3]) + ".", ".".join(octets[:3]) + ".0/25",
        f"=host{number}.example.com", f"2001:db8:{number % 65536:x}::/48",
    ))  # fmt: skip


def measure(files: dict[str, Path]) -> dict[str, list[float]]:
    """Milliseconds of CPU of each connection, for each of the files."""
    figures: dict[str, list[float]] = {name: [] for name in files}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(WARM_UP + ROUNDS):
            for name, path in files.items():
                with socket.create_connection(listener.getsockname()), listener.accept()[0] as connection:
                    figures[name].append(cpu(gate(path), connection, SERVED))
    return {name: milliseconds[WARM_UP:] for name, milliseconds in figures.items()}


def gate(rules: Path) -> list[str]:
    return [str(TREE / "build/bin/sockgate"), "--name", "bench", "--rules", str(rules), str(SERVER)]


def memory_of(rules: Path) -> int:
    """The largest size of a gate in kB. Its parent is a small process, whose size the kernel counts in as well."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        command = [PYTHON, "-I", "-S", "-c", SIZE_OF_CHILD, *gate(rules)]
        done = subprocess.run(command, stdin=connection.fileno(), capture_output=True, check=True)
    return int(done.stderr.split()[-1])


if __name__ == "__main__":
    sys.exit(main())
