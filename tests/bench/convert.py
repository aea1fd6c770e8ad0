"""make bench-convert: the CPU time of a large conversion, and of the generator at boot.

Pass: 1,000 services convert in 5 s, and the generator needs 150 ms for 20 services of each file and not more than in
proportion for 1,000.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
SERVICE = """service bench{number}
{{
    type = UNLISTED
    port = {port}
    socket_type = stream
    protocol = tcp
    wait = no
    user = daemon
    server = /bin/cat
    server_args = -u
    only_from = 10.0.0.0 192.168.0.0/24
    no_access = 10.1.0.0
    cps = 10 5
    instances = 5
    env = A=b C=d
}}
"""
LINE = "{port} stream tcp nowait root /usr/sbin/tcpd /bin/cat -u\n"
# What main() does, for another root.
GENERATE = """
import sys
sys.path.insert(0, {source!r})
from sockgate.generator import live_host, log, write_leaving, write_units
for complaint in write_units({root!r}, {output!r}, live_host()):
    log(complaint)
write_leaving({root!r}, {output!r})
"""
MOST_FOR_CONVERSION = 5.0
MOST_FOR_TWENTY = 0.150
ROUNDS = 5
MEMORY = "/dev/shm"  # as /run is


def main() -> int:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        start, few, many = (min(generator(folder, count) for _ in range(ROUNDS)) for count in (0, 20, 1000))
        conversion = convert(folder, 1000)
    each = (many - start) / 2000
    print(f"generator, no service                   {start * 1000:6.0f} ms")
    print(f"generator, 20 services of each file     {few * 1000:6.0f} ms, at most {MOST_FOR_TWENTY * 1000:.0f}")
    print(f"generator, 1,000 services of each file  {many * 1000:6.0f} ms, {each * 1000:.2f} each")
    print(f"conversion, 1,000 services              {conversion:6.2f} s, at most {MOST_FOR_CONVERSION:.0f}")
    linear = each < 2 * max((few - start) / 40, 0.001)
    return int(few > MOST_FOR_TWENTY or conversion > MOST_FOR_CONVERSION or not linear)


def write_services(folder: str, count: int) -> Path:
    """A root with this many services in etc/xinetd.d, and with as many in etc/inetd.conf."""
    root = Path(tempfile.mkdtemp(dir=folder))
    (root / "etc/xinetd.d").mkdir(parents=True)
    (root / "out").mkdir()
    for number in range(count):
        (root / f"etc/xinetd.d/bench{number}").write_text(SERVICE.format(number=number, port=1024 + number))
    (root / "etc/inetd.conf").write_text("".join(LINE.format(port=9000 + number) for number in range(count)))
    return root


def generator(folder: str, count: int) -> float:
    root = write_services(folder, count)
    script = GENERATE.format(source=str(TREE / "src"), root=str(root), output=str(root / "out"))
    seconds = cpu([PYTHON, "-IS", "-c", script])
    written = len(list((root / "out").glob("*.socket")))
    if written != 2 * count:
        sys.exit(f"the generator wrote {written} sockets for {2 * count} services")
    return seconds


def convert(folder: str, count: int) -> float:
    """The whole of `sockgatectl convert`, writing included."""
    root = write_services(folder, count)
    (root / "xinetd.conf").write_text(f"includedir {root}/etc/xinetd.d\n")
    command = [PYTHON, str(TREE / "build/bin/sockgatectl"), "convert", "xinetd", str(root / "xinetd.conf")]
    return cpu([*command, "--output", str(root / "out")], 1)


def cpu(command: list[str], *allowed: int) -> float:
    """Seconds of CPU of one command."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, *allowed):
        sys.exit(f"{command[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
