#!/usr/bin/python3
"""A conversation of alice with bob by talk(1), each at a terminal: prints what bob sees of it. argv: the server's name.

Each waits for what the other's program says before the next step: bob's must find the invitation at the server, which
alice's leaves there after bob's terminal has shown it.
"""

import os
import pty
import select
import signal
import struct
import sys
import time

SECONDS = 60
LOGGED_IN = 7  # USER_PROCESS of utmp(5)
UTMP = struct.Struct("hi32s4s32s256shhiii4I20x")


class Terminal:
    """A command of this user, at a terminal of its own."""

    def __init__(self, user: str, *command: str) -> None:
        self._process, self._descriptor = pty.fork()
        if not self._process:
            os.environ["TERM"] = "vt100"
            ids = (f"--reuid={user}", f"--regid={user}", "--init-groups")
            os.execvp("setpriv", ["setpriv", *ids, *command])  # noqa: S606

    def says(self, wanted: str) -> str:
        """What it prints until this comes."""
        told = ""
        deadline = time.monotonic() + SECONDS
        while wanted not in told:
            if not select.select([self._descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
                raise SystemExit(f"{wanted!r} did not come, but {told!r}")
            told += os.read(self._descriptor, 4096).decode(errors="replace")
        return told

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def hang_up(self) -> None:
        os.kill(self._process, signal.SIGHUP)
        os.waitpid(self._process, 0)


def log_in(user: str, line: str) -> None:
    """What login(1) writes: the server looks there for the user's terminal."""
    now = int(time.time())
    words = (line.encode(), line[-4:].encode(), user.encode(), b"")
    with open("/run/utmp", "wb") as file:
        file.write(UTMP.pack(LOGGED_IN, os.getpid(), *words, 0, 0, 0, now, 0, 0, 0, 0, 0))


host = sys.argv[1]
bob = Terminal("bob", "sh", "-c", "tty; exec sh")
log_in("bob", bob.says("\n").split()[0].removeprefix("/dev/"))
alice = Terminal("alice", "talk", f"bob@{host}")
bob.says("respond with")
alice.says("Waiting for your party to respond")
bob.type(f"talk alice@{host}\n")
alice.says("established")
alice.type("a word to bob")
print(bob.says("a word to bob"))
alice.type("\3")  # ends it at both ends
alice.hang_up()
bob.hang_up()
