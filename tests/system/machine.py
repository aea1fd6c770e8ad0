"""A machine with a real systemd as PID 1, this tree installed in it, and a network of its own.

The machine is a systemd-nspawn container over a root of roots.py. Its traffic never leaves its network
namespace, what a test writes is gone afterwards, and the host's own systemd is not needed.
"""

import atexit
import contextlib
import functools
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

from tests.system import roots
from tests.system.layers import copy, folder_for, overlay

TREE = Path(__file__).parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS, KILL_SECONDS = 120, 60
WAIT_SECONDS = 60  # for what takes no second on a quiet machine
# In place of an identity. At a first boot, systemd enables every unit that presets allow (machine-id(5)).
FIRST_BOOT = "uninitialized"

# --capability and --system-call-filter: without them IPAddressAllow= and IPAddressDeny= have no effect, silently.
# The host may be a container without a service manager: nothing is registered anywhere.
NSPAWN = (
    "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network",
    "--capability=all", "--system-call-filter=bpf", "--console=pipe", "--notify-ready=yes",
)  # fmt: skip


class Machine:
    """`with Machine("bookworm") as machine:` boots one and removes it at the end, also after a failure.

    `files`, by their paths, are there before it boots. `bare`: without this tree, as it came from Debian. `copied`: its
    root is a copy in memory, and no overlay.
    """

    def __init__(
        self, release: str, profile: str = "base", files: Mapping[str, str] | None = None,
        *, bare: bool = False, copied: bool = False,
    ) -> None:  # fmt: skip
        self.release = release
        self.profile = profile
        self.systemd_version = roots.SYSTEMD[release]
        self._lower = roots.root(release, profile)
        self._folder = folder_for(self._lower)
        self.root = self._folder / "merged"
        self._console = self._folder / "console"
        self._cgroup = cgroup_root() / f"sockgate-{self._folder.name}"
        self._layers = () if bare else (installed(release),)
        self._root_over = copy if copied else overlay
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes]
        self._files = files or {}
        self._identity = ""
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "Machine":
        remove_abandoned(self._folder.parent)
        with self._exit:  # undoes a half-done start
            self._exit.enter_context(self._root_over(self._folder, *self._layers, self._lower))
            for path, text in self._files.items():
                (self.root / path.lstrip("/")).write_text(text)
            self._make_cgroup()
            self._boot()
            self._exit = self._exit.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _make_cgroup(self) -> None:
        """A control group of its own: without one, the units of all machines of this host share theirs.

        One machine's stop of a unit would remove the control group under the other's, and TasksMax= count both.
        """
        self._exit.callback(remove_cgroup, self._cgroup)
        self._cgroup.mkdir()

    def _boot(self) -> None:
        (self.root / "etc/machine-id").write_text(f"{self._identity or uuid.uuid4().hex}\n")
        die_with_tests = ["setpriv", "--pdeathsig=TERM"]  # to nspawn an order to power off
        nspawn_here = [*NSPAWN, f"--directory={self.root}", f"--hostname={self.release}"]
        command = [*self._enter_cgroup(), *die_with_tests, *nspawn_here]
        environment = {"PATH": PATH, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with open(self._console, "wb") as console:
            nspawn = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self._nspawn = nspawn
        self._exit.callback(self._end, nspawn)
        self.wait_for(lambda: nspawn.poll() is not None or self._is_up(nspawn.pid), "it to boot", BOOT_SECONDS)
        if nspawn.poll() is not None:
            raise roots.SetupError(f"{self.release} does not boot:\n{self._console.read_text()}")

    def _enter_cgroup(self) -> list[str]:
        """What starts a command in the control group."""
        return ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self._cgroup)]

    def reboot(self, *, is_first: bool = False) -> None:
        """Another PID 1 over the same files; /run and /tmp are empty. `is_first`: as in a copy of an image."""
        self.systemctl("poweroff", "--no-block")
        self.wait_for(lambda: self._nspawn.poll() is not None, "it to go down", BOOT_SECONDS)
        self._leader = 0
        self._identity = FIRST_BOOT if is_first else ""
        self._boot()

    def _is_up(self, nspawn: int) -> bool:
        self._leader = self._leader or init_below(nspawn)
        if not self._leader:
            return False
        return self.systemctl("is-system-running", "--wait", check=False).stdout.strip() in ("running", "degraded")

    def _end(self, nspawn: "subprocess.Popen[bytes]") -> None:
        kill_cgroup(self._cgroup)  # nothing of it is kept: no need to power off
        nspawn.wait()

    def _inside(self, argv: tuple[str, ...]) -> list[str]:
        # --root: where the tests run in a chroot, the root of a mount namespace is not that of its PID 1.
        enter = ["nsenter", f"--target={self._leader}", "--all", "--root", "--wd"]
        # nsenter starts the command as a child: setpriv ends it when nsenter is terminated.
        return [*enter, "env", "-i", f"PATH={PATH}", "HOME=/root", "setpriv", "--pdeathsig=KILL", "--", *argv]

    def run(
        self, *argv: str, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command inside, as root. A failure shows what it printed, unless `check` is off."""
        result = subprocess.run(
            self._inside(argv), input=input, stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True, text=True, errors="backslashreplace", timeout=timeout,
        )  # fmt: skip
        if check and result.returncode:
            raise CommandFailed(f"{' '.join(argv)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def popen(self, *argv: str) -> "subprocess.Popen[str]":
        """Start a command inside, with pipes on its descriptors 0 and 1 and nothing of it on the screen."""
        return subprocess.Popen(
            self._inside(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def shell(self, script: str, check: bool = True, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
        return self.run("/bin/sh", "-euc", script, check=check, timeout=timeout)

    def python(
        self, script: str, *args: str, check: bool = True, timeout: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Run a script with the release's own Python."""
        return self.run("/usr/bin/python3", "-", *args, input=script, check=check, timeout=timeout)

    def systemctl(self, *args: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return self.run("systemctl", *args, check=check)

    def journal(self, *args: str, count: int = 1) -> list[dict[str, str]]:
        """The records that journalctl selects, oldest first, as soon as there are so many; with 0, those of now.

        A resident gate answers its client first and writes the record a moment later, as systemd does at a unit's end.
        """
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "--quiet", "--output=json", "--all", *args).stdout.splitlines()
        if len(lines) < count:
            self.wait_for(lambda: len(self.journal(*args, count=0)) >= count, f"{count} records of {args}")
            return self.journal(*args, count=0)
        return [{name: str(value) for name, value in json.loads(line).items()} for line in lines]

    def path(self, path: str) -> Path:
        """A path of the machine, seen from here."""
        # Through PID 1: /run and /tmp are file systems that only the machine has mounted.
        return Path(f"/proc/{self._leader}/root/{path.lstrip('/')}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside, with the folders above it."""
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def read(self, path: str) -> str:
        return self.path(path).read_text()

    def cpu_seconds(self) -> float:
        """What everything in the machine has used so far; commands that are run from here do not count."""
        usage = (self._cgroup / "cpu.stat").read_text().split()
        return int(usage[usage.index("usage_usec") + 1]) / 1e6

    def add_address(self, address: str) -> None:
        """Give it an address such as 192.168.0.5/32 or fd00:1::5/128; clients can bind to it and connect from it."""
        options = ["nodad"] if ":" in address else []
        self.run("ip", "address", "replace", address, "dev", "lo", *options)

    def connect(self, other: "Machine", interface: str, address: str, other_address: str) -> None:
        """A cable between two machines, with an IPv4 address at each end; it is gone when one of them is."""
        peer = f"name uplink netns {other._leader}"
        there = ["ip", "link", "add", interface, "type", "veth", "peer", *peer.split()]
        # In the network of the one, but where the other's process id means something: here.
        subprocess.run(["nsenter", f"--target={self._leader}", "--net", *there], check=True)
        for machine, name, own in ((self, interface, address), (other, "uplink", other_address)):
            machine.run("ip", "address", "add", f"{own}/24", "dev", name)
            machine.run("ip", "link", "set", name, "up")

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Return as soon as `condition` holds."""
        wait_until(condition, f"{self.release}: {what}", seconds)


class CommandFailed(Exception):
    pass


def wait_until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    asked = time.monotonic()
    deadline = asked + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        # As long as the question took: what is waited for needs the processor as well.
        time.sleep(max(0.02, min(time.monotonic() - asked, 0.2)))
        asked = time.monotonic()


@functools.cache
def installed(release: str) -> Path:
    """What a package of this tree brings to this release: made once by each process, a layer of all its machines."""
    lower = roots.root(release)
    folder = folder_for(lower)
    layer = lower.parent / f"installed-{os.getpid()}-{release}"
    with overlay(folder, lower) as root:
        install(root)
        copy = ["cp", "--recursive", "--preserve=mode,ownership,timestamps"]  # no marks of the overlay
        subprocess.run([*copy, folder / "upper", layer], check=True)
    atexit.register(shutil.rmtree, layer)
    return layer


def install(destination: Path) -> None:
    """What a package does: `make install`, then byte-compile with the Python of the machine."""
    make = ["make", "--no-print-directory", "-C", str(TREE), "install", f"DESTDIR={destination}", "PREFIX=/usr"]
    subprocess.run([*make, "BYTECODE=no"], check=True)
    compile_ = ["python3", "-m", "compileall", "-q", "/usr/lib/sockgate"]
    subprocess.run(["chroot", str(destination), *compile_], check=True)


def cgroup_root() -> Path:
    """Where the unified hierarchy of control groups is mounted."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    for _, folder, kind, *_ in mounts:
        if kind == "cgroup2":
            return Path(folder)
    raise roots.SetupError("no cgroup2 file system is mounted: systemd in a container needs one")


def kill_cgroup(folder: Path) -> None:
    """Everything that runs in this control group and below, at once."""
    (folder / "cgroup.kill").write_text("1")
    events = folder / "cgroup.events"
    wait_until(lambda: "populated 0" in events.read_text(), f"nothing to run in {folder}", KILL_SECONDS)


def remove_cgroup(folder: Path) -> None:
    """With everything below it; nothing runs in there any more."""
    for path, _, _ in os.walk(folder, topdown=False):
        os.rmdir(path)


def remove_abandoned(cache: Path) -> None:
    """What tests left that were killed: their machines have powered off, but mounts and control groups stay."""
    for folder in cache.glob("machine-*"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            with contextlib.suppress(OSError):  # another worker may be at it
                cgroup = cgroup_root() / f"sockgate-{folder.name}"
                kill_cgroup(cgroup)
                remove_cgroup(cgroup)
                subprocess.run(["umount", "--lazy", "--recursive", str(folder)])
                folder.rmdir()
    for layer in cache.glob("installed-*"):
        if not Path("/proc", layer.name.split("-")[1]).exists():
            shutil.rmtree(layer, ignore_errors=True)


def init_below(process: int) -> int:
    """The process that is PID 1 of the container of this systemd-nspawn, 0 if there is none yet."""
    for child in children(process):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{child}/status").read_text()
            namespaced = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if namespaced[-1] == "1" and Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return child
    return 0


def children(process: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
