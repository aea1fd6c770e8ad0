"""`make attack`: random faults against both engines under load, and an oracle for what became of each client.

All that is done follows from the seed, which the first line says. The network is a namespace of its own with loopback
alone, the processes are in a namespace of their own, and /run/systemd is empty: nothing outside is touched. Needs root
and strace. The exit status is 1 if a client was served or refused wrongly, a gate ended by itself or said that an error
of its own occurred, or did not go on afterwards.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.attack import plan
from tests.attack.faults import SETTLE_SECONDS, Attacker, Swapper, wait_until
from tests.attack.gates import Journal, PerConnection, Resident
from tests.attack.load import Load
from tests.attack.oracle import PATIENCE, History, Visit, Window, counts, judge

NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
JOURNAL = Path("/run/systemd/journal/socket")
ENGINES = ("resident", "proxied", "timed", "connection")
CLIENT_THREADS, CLIENT_PAUSE = 16, 0.05
MOST_SHOWN = 20
INJECTIONS = 400
NEWLINE = "\n"


class Clock:
    """Seconds since the attack began."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._start


class Attack:
    """One engine, one seed. `problems` is what must not be, one line each."""

    def __init__(self, engine: str, seed: int, seconds: float, folder: Path, journal: Journal) -> None:
        self._engine, self._seed, self._seconds, self._folder, self._journal = engine, seed, seconds, folder, journal
        self._clock = Clock()
        self._history = History()
        self._rules = folder / "rules"
        self._options = ["--name", "probe", "--rules", str(self._rules), *self._further_options()]
        self.without: list[str] = []
        self.visits: list[Visit] = []
        self.problems: list[str] = []
        self.facts: Counter[str] = Counter()

    def _further_options(self) -> list[str]:
        if self._engine == "proxied":
            return ["--proxy-protocol", "10.9.0.100"]
        if self._engine == "timed":
            hour = time.gmtime().tm_hour
            return ["--access-times", f"{(hour - 2) % 24}:00-{(hour + 2) % 24}:59"]
        return []

    def run(self) -> None:
        swapper = Swapper(self._rules, self._folder / "zone", self._history, self._clock)
        swaps = list(plan.swaps(self._seed, self._seconds, zones=self._engine == "timed"))
        swapper.put(swaps[0])
        keeper = threading.Thread(target=swapper.run, args=(swaps[1:], self._seed), daemon=True)
        if self._engine == "connection":
            self._against_many(keeper)
        else:
            self._against_one(keeper, swapper)
        keeper.join()
        alarming = alarms((self._folder / "stderr").read_text(errors="replace"))
        if self._engine == "connection":  # a gate that cannot read its own program says so, and refuses
            own = (
                "importlib._bootstrap",
                "<frozen getpath>",
                "error evaluating path",
            )  # of the interpreter, before our code
            alarming = [text for text in alarming if not any(word in text for word in own)]
        self.problems += [f"on standard error: {text}" for text in alarming]
        records = [record.partition(NEWLINE)[0] for record in self._journal.alarming]
        self.problems += [f"in the journal: {record}" for record in records if not is_artefact(record)]
        for visit, fault in judge(self.visits, self._history):
            about = visit.faulted or self._about(visit.began)
            self.problems.append(
                f"{visit.began:.3f}-{visit.told:.3f} s, {visit.source}: {fault}; {about}; {visit.said!r}"
            )
        self.facts += counts(self.visits, self._history)
        self.facts["records"] = self._journal.records

    def _about(self, moment: float) -> str:
        """The faults that may have to do with it."""
        near = [window.reason for window in self._history.windows if window.since - 1 <= moment <= window.until]
        return "near " + ", ".join(near) if near else "in quiet"

    def _against_one(self, keeper: threading.Thread, swapper: Swapper) -> None:
        proxied = self._engine == "proxied"
        gate = Resident(self._folder, [*self._options, "--max-connections", "200"], self._clock)
        memory = gate.memory()
        keeper.start()
        load = Load(CLIENT_THREADS, self._seed, self._clock, CLIENT_PAUSE, proxied=proxied)
        load.doing = gate.doing
        attacker = Attacker(gate, self._journal, swapper, self._history, self._clock, proxied=proxied)
        attacker.reads_zone = self._engine == "timed"
        for fault in plan.faults(self._seed, self._seconds):
            if fault.kind in self.without:
                continue
            attacker.run(fault)
            self.facts["faults"] += 1
        wait_until(self._seconds, self._clock)
        load.stop()
        self.visits = load.visits
        if not gate.is_empty(PATIENCE):
            self.problems.append(f"no client is there any more, and it counts {gate.notifications.status!r}")
        self._excuse_starts(gate)
        attacker.excuse_orphans()
        self.facts["restarts"] = len(gate.starts) - 1
        self.facts["kB more"] = gate.memory() - memory
        for at, status in gate.ends:
            if not any(map(is_artefact, self._journal.alarming)):
                self.problems.append(f"{at:.3f} s: the gate ended by itself, status {status}; {self._about(at)}")
        status = gate.stop()
        if status:
            self.problems.append(f"after SIGTERM it ended with status {status}")

    def _excuse_starts(self, gate: Resident) -> None:
        """A gate that starts while there are no good rules refuses every client until there are."""
        for start in gate.starts:
            for era in self._history.eras:
                if era.policy is None and era.since <= start + 1 and start <= era.until:
                    reason = "no good rules at the start"
                    self._history.windows.append(Window(start, era.until + SETTLE_SECONDS, reason, drops=True))

    def _against_many(self, keeper: threading.Thread) -> None:
        chance = random.Random(f"injections {self._seed}")
        # strace stays with the server, whose first write is its greeting.
        calls = [row for row in plan.ERRORS + plan.OF_ONE_CLIENT if row[0] != "write"]
        injections = [
            f"{call}:error={chance.choice(errors)}:when={chance.randrange(1, 60)}"
            for call, errors in (chance.choice(calls) for _ in range(INJECTIONS))
        ]
        gates = PerConnection(self._folder, self._options, injections)
        keeper.start()
        load = Load(4, self._seed, self._clock, CLIENT_PAUSE, proxied=False)
        wait_until(self._seconds, self._clock)
        load.stop()
        self.visits = load.visits
        for address, injection in gates.faulted.items():
            if address in load.by_address:
                load.by_address[address].faulted = injection
        self.facts["faults"] = len(gates.faulted)


def enter_namespaces(words: list[str]) -> int:
    command = [*NAMESPACES, sys.executable, "-m", "tests.attack.run", "--inside", *words]
    return subprocess.call(command, cwd=Path(__file__).parents[2])


def furnish() -> Journal:
    """Loopback with the addresses of clients, proxy and server; a journal of our own."""
    subprocess.check_call(["ip", "link", "set", "lo", "up"])
    for source in (*plan.SOURCES, "10.9.0.100", "10.9.0.200"):
        subprocess.check_call(["ip", "address", "add", f"{source}/32", "dev", "lo"])
    Path("/run/systemd").mkdir(exist_ok=True)
    subprocess.check_call(["mount", "-t", "tmpfs", "tmpfs", "/run/systemd"])
    JOURNAL.parent.mkdir()
    return Journal(JOURNAL)


def alarms(text: str) -> list[str]:
    """Tracebacks, each as a whole, and errors of our own.

    Not that Python could not wake the loop for a signal: a write to a socket pair never fails so.
    """
    found = re.findall(r"(?:Exception ignored.*\n)?Traceback .*\n(?:  .*\n)*.*|.*internal error.*", text)
    return [line for line in found if "signal wakeup fd" not in line and not is_artefact(line)]


def is_artefact(text: str) -> bool:
    """strace that lets go of a process within a system call leaves it with this."""
    return "Function not implemented" in text


def report(attack: Attack, engine: str, seed: int) -> bool:
    facts = ", ".join(f"{count} {what}" for what, count in sorted(attack.facts.items()))
    print(f"{engine} seed {seed}: {len(attack.visits)} clients: {facts}", flush=True)
    for problem, times in Counter(attack.problems).most_common(MOST_SHOWN):
        print(f"  WRONG {problem}" + (f" ({times} times)" if times > 1 else ""), flush=True)
    if len(set(attack.problems)) > MOST_SHOWN:
        print(f"  and {len(set(attack.problems)) - MOST_SHOWN} more", flush=True)
    return not attack.problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Attack the gates with random faults.")
    parser.add_argument("--seconds", type=float, default=30.0, help="for each engine")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--without", metavar="KIND", choices=list(plan.KINDS), action="append", default=[])
    parser.add_argument("--plan", action="store_true", help="show what would be done")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plan:
        print(*plan.faults(arguments.seed, arguments.seconds), sep="\n")
        return 0
    if not arguments.inside:
        print(f"seed {arguments.seed}", flush=True)
        words = ["--seconds", str(arguments.seconds), "--seed", str(arguments.seed)]
        words += [word for kind in arguments.without for word in ("--without", kind)]
        engines = arguments.engine or ENGINES
        return max([enter_namespaces([*words, "--engine", engine]) for engine in engines])
    journal = furnish()
    (engine,) = arguments.engine
    with tempfile.TemporaryDirectory(prefix="sockgate-attack-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - the gate is another user
        attack = Attack(engine, arguments.seed, arguments.seconds, Path(folder), journal)
        attack.without = arguments.without
        attack.run()
        return 0 if report(attack, engine, arguments.seed) else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # threads that read sockets have nothing to finish
