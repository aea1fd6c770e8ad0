"""Clients that come one after the other from many addresses, and tell what they saw."""

import random
import socket
import threading
from collections.abc import Callable

from tests.attack.gates import PORT
from tests.attack.oracle import PATIENCE, Visit
from tests.attack.plan import SOURCES

TARGET = ("10.9.0.200", PORT)
PROXY = "10.9.0.100"
LATE_SECONDS = 0.3  # until the PROXY header of a slow client is whole


class Load:
    """So many threads, each of which is one client after the other until `stop`.

    doing  what the gate does, asked for when a client gives up
    """

    def __init__(self, threads: int, seed: int, clock: Callable[[], float], pause: float, *, proxied: bool) -> None:
        self._clock, self._pause, self._proxied = clock, pause, proxied
        self._stopping = threading.Event()
        self.doing: Callable[[], str] = str
        self.visits: list[Visit] = []
        self.by_address: dict[tuple[str, int], Visit] = {}
        self._threads = [
            threading.Thread(target=self._come, args=(random.Random(f"client {seed} {number}"),), daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE + 5)

    def _come(self, chance: random.Random) -> None:
        while not self._stopping.is_set():
            self.visit(chance.choice(SOURCES), chance)
            self._stopping.wait(chance.uniform(0, 2 * self._pause))

    def visit(self, source: str, chance: random.Random) -> Visit:
        """One client from its first packet to its last; a few leave at once, and are not judged."""
        visit = Visit(source, self._clock())
        with socket.socket() as client:
            client.settimeout(PATIENCE)
            client.bind((PROXY if self._proxied else source, 0))
            self.by_address[client.getsockname()] = visit
            try:
                client.connect(TARGET)
                if chance.random() < 0.03:
                    return visit
                self._introduce(client, source, chance)
                self._talk(client, visit, chance)
            except TimeoutError:
                visit.told, visit.said = self._clock(), self.doing()
            except OSError as error:
                self._end(visit, str(error))
        self.visits.append(visit)
        return visit

    def _introduce(self, client: socket.socket, source: str, chance: random.Random) -> None:
        if not self._proxied:
            return
        header = f"PROXY TCP4 {source} {TARGET[0]} {chance.randrange(1024, 65536)} {PORT}\r\n".encode()
        if chance.random() < 0.5:
            client.sendall(header)
            return
        cut = chance.randrange(len(header))
        client.sendall(header[:cut])
        self._stopping.wait(chance.uniform(0, LATE_SECONDS))
        client.sendall(header[cut:])

    def _talk(self, client: socket.socket, visit: Visit, chance: random.Random) -> None:
        with client.makefile("rwb") as stream:
            words = stream.readline().decode(errors="replace").split(" ")
            if words == [""]:
                self._end(visit, "")
                return
            self._understand(visit, words)
            if visit.ending != "served":
                return
            if chance.random() < 0.3:
                self._stopping.wait(chance.uniform(0, 1.5))
            name = str(chance.getrandbits(32))
            try:
                stream.write(f"{name}\n".encode())
                stream.flush()
                visit.said = stream.readline().decode(errors="replace")
            except OSError as error:
                visit.said = str(error)
            visit.session = "whole" if visit.said == f"bye {name}\n" else "cut"

    def _understand(self, visit: Visit, words: list[str]) -> None:
        """`ADDRESS GENERATION RELAY`, as the server was told."""
        visit.told = self._clock()
        visit.said = " ".join(words)
        if len(words) == 3 and words[0] == visit.source and words[1].isdecimal() and words[2] in ("\n", "no\n"):
            visit.ending, visit.generation, visit.relays = "served", int(words[1]), words[2] == "\n"
        else:
            visit.ending = "strange"

    def _end(self, visit: Visit, said: str) -> None:
        visit.told, visit.said, visit.ending = self._clock(), said, "closed"
