"""A stand-in for a service manager."""

import os
import socket
from pathlib import Path

from tests.connection.launch import PLAIN, everything_from
from tests.dispatch.faults import be_impatient, injected
from tests.dispatch.gated import Gated, end, start, wait_until

# The shell becomes sockgated, so its process id is the one that LISTEN_PID must name.
HAND_OVER = 'export LISTEN_PID=$$; exec "$@"'
REPORTS_SOON = injected(be_impatient, "dispatcher", STATUS_SECONDS=0.05)


class Manager:
    """Passes listening sockets, hears notifications and stores descriptors, as systemd does.

    gates   those that it has started, the latest last
    stored  the descriptors, by their names
    code    what each gate runs before main()
    """

    def __init__(self, folder: Path, *, abstract: bool = False) -> None:
        self._folder = folder
        self._address = ("@" if abstract else "") + str(folder / "notify")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(self._address.replace("@", "\0"))
        self._notify.setblocking(False)
        self._messages: list[dict[str, str]] = []
        self.gates: list[Gated] = []
        self.stored: dict[str, int] = {}
        self.code = REPORTS_SOON
        self.listening = [socket.create_server((host, 0)) for host in ("127.0.0.1", "127.0.0.2")]

    def start(
        self, *words: str, sockets: "list[socket.socket] | None" = None, flags: str = "-I", code: str = ""
    ) -> Gated:
        """The next gate; it gets what the one before has stored."""
        listening = self.listening if sockets is None else sockets
        names = [*(f"name{at}" for at in range(len(listening))), *self.stored]
        passed = [*(each.fileno() for each in listening), *self.stored.values()]
        for at, descriptor in enumerate(passed):
            os.dup2(descriptor, 100 + at)
        environment = {
            **PLAIN, "NOTIFY_SOCKET": self._address, "LISTEN_FDS": str(len(passed)),
            "LISTEN_FDNAMES": ":".join(names),
        }  # fmt: skip
        # In bash: other shells know no descriptors of three digits.
        moves = " ".join(f"{3 + at}<&{100 + at} {100 + at}<&-" for at in range(len(passed)))
        one = start(
            self._folder, words, environment, flags=flags, prelude=f"exec bash -c '{HAND_OVER} {moves}' bash \"$@\"",
            code=self.code + code, pass_fds=range(100, 100 + len(passed)),
        )  # fmt: skip
        self.gates.append(one)
        return one

    def told(self) -> list[dict[str, str]]:
        """All notifications so far."""
        while True:
            try:
                data, descriptors, *_ = socket.recv_fds(self._notify, 4096, 1)
            except BlockingIOError:
                return self._messages
            message = dict(line.split("=", 1) for line in data.decode().splitlines())
            self._messages.append(message)
            if "FDSTOREREMOVE" in message:
                os.close(self.stored.pop(message["FDNAME"]))
            elif descriptors:
                self.stored[message["FDNAME"]] = descriptors[0]

    def forget(self) -> None:
        """Forget what was told so far."""
        self._messages.clear()

    def wait_for(self, name: str, value: str) -> dict[str, str]:
        wait_until(lambda: any(value in message.get(name, "") for message in self.told()), lambda: str(self.told()))
        return next(message for message in self.told() if value in message.get(name, ""))

    def forget_notifications(self) -> None:
        """As if the manager had gone."""
        (self._folder / "notify").unlink()

    def talk(self, at: int = 0, source: str = "127.0.0.1") -> bytes:
        name = self.listening[at].getsockname()
        with socket.create_connection(name, timeout=60, source_address=(source, 0)) as client:
            return everything_from(client)

    def end_gates(self) -> None:
        for one in self.gates:
            end(one)

    def close(self) -> None:
        self.end_gates()
        for each in (self._notify, *self.listening):
            each.close()
        for descriptor in self.stored.values():
            os.close(descriptor)
