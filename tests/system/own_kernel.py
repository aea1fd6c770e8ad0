"""A machine with a kernel of its own, for what the host's kernel does not let a container do.

The host may have given the controllers of memory and processes to the first version of control groups. Then systemd in
a container cannot limit anything. This machine is Debian's user-mode-linux: a Linux kernel that is a process of the
host. It needs no hardware and no right of its own. Its root is a folder of the host, so files are written as elsewhere.
"""

import json
import shutil
import subprocess
import tempfile
import uuid

from tests.system.machine import BOOT_SECONDS, PATH, CommandFailed, Machine

LINUX = "/usr/bin/linux.uml"
MEMORY = "768M"
# Runs in the machine: an order is a file of the host, and so is its outcome. (A file that is complete has its name.)
AGENT = """
import json, os, subprocess, time
for number in range(1, 1 << 30):
    order = f"/orders/{number}"
    while not os.path.exists(order):
        time.sleep(0.01)
    with open(order) as file:
        argv, given, seconds = json.load(file)
    source = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    try:
        done = subprocess.run(argv, capture_output=True, timeout=seconds, text=True, errors="replace", **source)
        outcome = done.returncode, done.stdout, done.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        outcome = 127, "", str(error)
    with open(f"{order}.unfinished", "w") as file:
        json.dump(outcome, file)
    os.rename(f"{order}.unfinished", f"{order}.outcome")
"""
AGENT_UNIT = f"""
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/bin/python3 /agent.py
Environment=PATH={PATH} HOME=/root
[Install]
WantedBy=multi-user.target
"""


class OwnKernel(Machine):
    """`with OwnKernel("bookworm") as machine:`; a Machine in which commands run one after the other."""

    _number = 0

    def _boot(self) -> None:
        (self.root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")
        (self.root / "agent.py").write_text(AGENT)
        (self.root / "orders").mkdir(exist_ok=True)
        unit = self.root / "etc/systemd/system/agent.service"
        unit.write_text(AGENT_UNIT)
        wants = unit.parent / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / unit.name).symlink_to(f"../{unit.name}")
        folder = tempfile.mkdtemp(prefix="sockgate-kernel-")
        self._exit.callback(shutil.rmtree, folder)
        command = [
            LINUX, f"mem={MEMORY}", "root=/dev/root", "rootfstype=hostfs", f"rootflags={self.root}", "rw",
            f"umid={self.release}", f"uml_dir={folder}", "con=null", "con0=null,fd:1", "ssl=null",
            "panic=1", "loglevel=4",
        ]  # fmt: skip
        with open(self._console, "wb") as console:
            self._nspawn = subprocess.Popen(
                [*self._enter_cgroup(), *command], stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                env={"PATH": PATH, "TMPDIR": folder},
            )  # fmt: skip
        self._exit.callback(self._end, self._nspawn)
        state = self.run("systemctl", "is-system-running", "--wait", check=False, timeout=BOOT_SECONDS)
        assert state.stdout.strip() in ("running", "degraded"), self._console.read_text()
        self.run("ip", "link", "set", "lo", "up")

    def run(
        self, *argv: str, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        self._number += 1
        order = self.root / f"orders/{self._number}"
        order.with_suffix(".unfinished").write_text(json.dumps((argv, input, timeout)))
        order.with_suffix(".unfinished").rename(order)
        outcome = order.with_suffix(".outcome")
        self.wait_for(lambda: outcome.exists() or self._nspawn.poll() is not None, argv[0], timeout + BOOT_SECONDS)
        assert outcome.exists(), self._console.read_text()
        code, output, errors = json.loads(outcome.read_text())
        if check and code:
            raise CommandFailed(f"{' '.join(argv)}: exit code {code}\n{output}{errors}")
        return subprocess.CompletedProcess(argv, code, output, errors)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        self.run("install", "-D", f"--mode={mode:o}", "/dev/stdin", path, input=text)

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout
