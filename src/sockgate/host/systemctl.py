"""Questions to systemd about units. Each question is one call of systemctl."""

import glob

from ..core import SystemFailure

CGROUPS = "/sys/fs/cgroup"

Properties = dict[str, str]

SHOWN = (
    "Id", "LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "ActiveEnterTimestamp", "Listen",
    "NAccepted", "NRefused", "MaxConnections", "MaxConnectionsPerSource", "ControlGroup", "StatusText",
    "NeedDaemonReload", "IPIngressBytes", "IPEgressBytes",
)  # fmt: skip


def show(units: list[str]) -> dict[str, Properties]:
    """The properties of these units by name. If a property has several lines, they are joined. Raises SystemFailure."""
    if not units:
        return {}
    output = systemctl("show", "--timestamp=unix", f"--property={','.join(SHOWN)}", "--", *units)
    return dict(zip(units, map(parse_properties, output.split("\n\n")), strict=True))


def parse_properties(block: str) -> Properties:
    properties: Properties = {}
    for line in block.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            properties[name] = f"{properties[name]}\n{value}" if name in properties else value
    return properties


def units_like(pattern: str, state: str) -> list[str]:
    """The loaded units of this pattern that are in this state: active, failed."""
    output = systemctl("list-units", f"--state={state}", "--plain", "--no-legend", "--", pattern)
    return [line.split()[0] for line in output.splitlines()]


def instances(prefix: str) -> list[str]:
    """The units of a template's connections that exist now."""
    return units_like(f"{prefix}@*.service", "active")


def processes_in(cgroup: str) -> list[str]:
    """The numbers of the processes in a control group and those below it."""
    files = glob.glob(f"{CGROUPS}{glob.escape(cgroup)}/**/cgroup.procs", recursive=True)
    return [pid for file in files for pid in read(file).decode().split()]


def read(path: str) -> bytes:
    """A file of the kernel. Empty if its process has just ended, or if we may not read it."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def client_of(instance: str) -> str:
    """The client's address in the name of such a unit (systemd.socket(5), Accept=): NR-LOCAL:PORT-REMOTE:PORT."""
    name = instance.partition("@")[2].removesuffix(".service")
    return name.rpartition("-")[2].rpartition(":")[0].strip("[]") or "unknown"


def systemctl(*words: str) -> str:
    import subprocess  # only here: the generator starts no program, and PID 1 waits for it

    try:
        result = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise SystemFailure(f"unable to run systemctl: {error.strerror}") from None
    if result.returncode:
        raise SystemFailure(f"systemctl {words[0]}: {result.stderr.strip()}")
    return result.stdout
