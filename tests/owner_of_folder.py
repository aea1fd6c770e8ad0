"""Writes files in a folder. The owner of the folder acts between any two system calls of the writer.

Python tells of each call before it is made. At the call of one number everything in the folder, or the folder itself,
is renamed away, and links of that user take its place: to the target, or to the folder that the target is in.

A process of its own tries all numbers. It forks for each: that is faster than to start Python a hundred times.
"""

import grp
import os
import pwd
import sys
from collections.abc import Callable
from contextlib import suppress

from sockgate.atomic_write import write_atomically
from sockgate.ctl.courier_environment import renew_tls_cache
from sockgate.rulefile.compiler import compile_rules

Writer = Callable[[str, str], object]
WRITERS: dict[str, Writer] = {
    "new": lambda _source, path: write_atomically(path, "text", durable=True),
    "session cache": lambda _source, path: renew_tls_cache(path),
    "rules": compile_rules,
}
SECRET, SECRET_MODE, RULES = "secret", 0o604, ":allow\n"
AS_ROOT, OTHER_USER = os.geteuid() == 0, 12345


class Owner:
    """The owner of the folder.

    calls  the calls of the writer so far
    """

    def __init__(self, folder: str, what: str, at: int) -> None:
        self._own, self._target = f"{folder}/own", f"{folder}/elsewhere/file"
        self._what = what
        self._at = at
        self._acting = False
        self.calls = 0

    def hear(self, event: str, _arguments: object) -> None:
        """An audit hook."""
        heard = event == "open" or (event.startswith("os.") and event not in ("os.listdir", "os.scandir"))
        if self._acting or not heard:
            return
        self.calls += 1
        if self.calls == self._at:
            self._acting = True
            self._act()
            self._acting = False

    def _act(self) -> None:
        if self._what == "folder":
            os.rename(self._own, f"{self._own}-moved")
            link(os.path.dirname(self._target), self._own)
            return
        for name in {"file", *os.listdir(self._own)}:
            path = f"{self._own}/{name}"
            if os.path.lexists(path):
                os.rename(path, f"{self._own}/../moved-{name}")
            link(self._target, path)


def link(target: str, path: str) -> None:
    os.symlink(target, path)
    if AS_ROOT:
        os.lchown(path, OTHER_USER, OTHER_USER)


def attacked(folder: str, writer: str, what: str, at: int) -> int:
    """How many calls this writer makes, with an attack before call number `at`."""
    os.makedirs(f"{folder}/own")
    os.mkdir(f"{folder}/elsewhere")
    for name, text, mode in (("source", RULES, 0o644), ("elsewhere/file", SECRET, SECRET_MODE)):
        with open(f"{folder}/{name}", "w") as file:
            file.write(text)
        os.chmod(f"{folder}/{name}", mode)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    owner = Owner(folder, what, at)
    sys.addaudithook(owner.hear)
    with suppress(Exception):  # it may write or fail, as long as the target stays what it is
        WRITERS[writer](f"{folder}/source", f"{folder}/own/file")
    os._exit(owner.calls)


def main() -> None:
    """Prints how many calls the writer makes if it is left alone."""
    base, writer, what = sys.argv[1:]
    if not AS_ROOT:
        os.geteuid = lambda: OTHER_USER  # so that no link counts as our own
    if writer == "session cache":  # there may be no user courier, and this user may give no file away
        own, group = pwd.getpwuid(os.getuid()), grp.getgrgid(os.getgid())
        pwd.getpwnam, grp.getgrnam = lambda name: own, lambda name: group
    calls = attacked(f"{base}/0", writer, what, 0)
    for at in range(1, calls + 1):
        attacked(f"{base}/{at}", writer, what, at)
    print(calls)


if __name__ == "__main__":
    main()
