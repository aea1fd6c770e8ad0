"""Which rules are in force."""

import errno
import os
import posix
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sockgate.connection import Gate
from sockgate.core import DENY, GateError, UsageError, rule_files
from sockgate.core.options import Settings, parse
from sockgate.dispatch.deciding import reloading_gate
from sockgate.dispatch.deciding.reloading_gate import GRAIN_NS, SECOND_NS, ReloadingGate, is_unsettled
from sockgate.dispatch.options import OPTIONS
from sockgate.rulefile.compiler import compile_rules
from tests.core.clients import client
from tests.dispatch.gated import wait_until

ALLOW_ALL, DENY_ALL, BROKEN = ":allow\n", ":deny\n", "192.0.2.1:maybe\n"
NO_RULES = "no rules"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return tmp_path / "rules"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """One for each time that the rules were read."""
    seen: list[Settings] = []
    init = Gate.__init__

    def counted(self: Gate, settings: Settings, sources: rule_files.Sources | None = None) -> None:
        seen.append(settings)
        init(self, settings, sources)

    monkeypatch.setattr(Gate, "__init__", counted)
    return seen


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a second waits for less."""
    monkeypatch.setattr(reloading_gate, "RETRY_SECONDS", 0.05)


def gate_of(*words: object) -> ReloadingGate:
    return ReloadingGate(parse([*map(str, words), "server"], OPTIONS), {})


def outcome(gate: ReloadingGate, ip: str = "192.0.2.1") -> str:
    """What the next client is told."""
    current = gate.current()
    return current.gate.decide(client(ip)).outcome if current else NO_RULES


def replace(file: Path, text: str) -> None:
    other = file.with_suffix(".new")
    other.write_text(text)
    other.rename(file)


def settle() -> None:
    """Until the time of a file that was just written is told apart from that of the next change."""
    time.sleep(2 * GRAIN_NS / SECOND_NS)


# A change is noticed by the next client.


def test_the_client_after_a_change_meets_the_new_rules(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    gate = gate_of("--rules", rules)
    for text in (DENY_ALL, ALLOW_ALL) * 20:
        replace(rules, text)
        assert (outcome(gate) == DENY) is (text == DENY_ALL)
        rules.write_text(DENY_ALL)
        assert outcome(gate) == DENY


def test_another_file_with_the_same_times_is_a_change(rules: Path) -> None:
    """Both have their names for a while, and then change them at once: only the inode tells."""
    other = rules.with_suffix(".other")
    link = rules.with_suffix(".link")
    link.symlink_to(rules)
    rules.write_text(ALLOW_ALL)
    other.write_text(DENY_ALL)
    # Until both have the same time, to the grain of the clock. Some file systems have no such grain: there the times
    # tell, too.
    for _ in range(50):
        os.utime(rules)
        os.utime(other)
        if rules.stat().st_ctime_ns == other.stat().st_ctime_ns:
            break
    settle()
    gate = gate_of("--rules", link)
    assert outcome(gate) == "allow"
    link.unlink()
    link.symlink_to(other)
    assert outcome(gate) == DENY


def test_a_file_whose_time_of_writing_is_set_back_has_changed(rules: Path) -> None:
    """`cp -p` and rsync do so. No user can set back the time of the last change of the inode."""
    rules.write_text(ALLOW_ALL)
    settle()
    gate, times = gate_of("--rules", rules), (rules.stat().st_atime_ns, rules.stat().st_mtime_ns)
    assert outcome(gate) == "allow"
    rules.write_text(DENY_ALL)
    os.utime(rules, ns=times)
    assert rules.stat().st_mtime_ns == times[1]
    assert outcome(gate) == DENY


def test_a_link_that_is_switched_while_the_rules_are_read_is_followed(
    rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("one", ":allow\n"), ("two", ":allow\n"), ("three", DENY_ALL)):
        (rules.parent / name).write_text(text)
    settle()
    rules.symlink_to("one")
    gate = gate_of("--rules", rules)

    def switch(name: str) -> None:
        rules.with_suffix(".new").symlink_to(name)
        rules.with_suffix(".new").rename(rules)

    pread = posix.pread

    def switch_and_read(descriptor: int, length: int, offset: int) -> bytes:
        if os.readlink(rules) == "two":
            switch("three")
        return pread(descriptor, length, offset)

    monkeypatch.setattr(rule_files.posix, "pread", switch_and_read)  # type: ignore[attr-defined]
    switch("two")
    outcome(gate)
    assert outcome(gate) == DENY


def test_a_link_of_which_one_reading_saw_two_targets_is_still_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "hosts.deny"
    for name, text in (("one", "ALL: 198.51.100.1\n"), ("two", "ALL: 198.51.100.2\n"), ("all", "ALL: ALL\n")):
        (tmp_path / name).write_text(text)
    settle()
    table.symlink_to("one")
    gate = gate_of("--hosts-access", f"server,{tmp_path}")

    def switch(name: str) -> None:
        (tmp_path / "new").symlink_to(name)
        (tmp_path / "new").rename(table)

    opened = posix.open

    def switch_and_open(path: str, *arguments: int) -> int:
        if path == str(table) and os.readlink(table) == "two":
            switch("one")
        return opened(path, *arguments)

    switch("two")
    with monkeypatch.context() as patch:
        patch.setattr(rule_files.posix, "open", switch_and_open)  # type: ignore[attr-defined]
        assert outcome(gate) == "allow"
    switch("all")
    assert outcome(gate) == DENY


# A build that fails is noticed as well, with all that it looked at.


def test_a_new_file_that_is_half_written_at_the_first_look_is_read_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "lan").write_text("192.0.2\tallow\n")
    gate = gate_of("--courier-access", tmp_path)
    assert outcome(gate) == "allow"
    (tmp_path / "black").touch()
    assert outcome(gate) == "allow"
    assert "is empty" in str(gate.problem)
    with open(tmp_path / "black", "a") as file:
        file.write("192.0.2.1\tdeny\n")
    assert outcome(gate) == DENY


def test_a_file_that_a_rule_names_before_it_is_there_is_read_when_it_comes(tmp_path: Path) -> None:
    (tmp_path / "hosts.allow").write_text("")
    (tmp_path / "hosts.deny").write_text("ALL: 198.51.100.1\n")
    gate = gate_of("--hosts-access", f"smtp,{tmp_path}")
    before = outcome(gate)
    assert before != DENY
    (tmp_path / "hosts.deny").write_text(f"ALL: {tmp_path}/bad\n")
    assert outcome(gate) == DENY  # the rule may be about this client
    (tmp_path / "bad").write_text("192.0.2.2\n")
    assert outcome(gate) == before
    (tmp_path / "bad").write_text("192.0.2.1\n")
    assert outcome(gate) == DENY


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM])
@pytest.mark.parametrize("call", ["open", "pread"])
@pytest.mark.usefixtures("impatient")
def test_what_the_system_is_short_of_keeps_the_rules_until_it_is_there_again(
    rules: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    rules.write_text(ALLOW_ALL)
    gate = gate_of("--rules", rules)
    replace(rules, DENY_ALL)
    settle()

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(rule_files.posix, call, fail)  # type: ignore[attr-defined]
        assert outcome(gate) == "allow"
        assert os.strerror(number) in str(gate.problem)
    wait_until(lambda: outcome(gate) == DENY, lambda: str(gate.problem))


@pytest.mark.usefixtures("impatient")
def test_too_little_memory_keeps_the_rules_from_before(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules.write_text(ALLOW_ALL)
    gate = gate_of("--rules", rules)
    replace(rules, DENY_ALL)

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Gate, "__init__", fail)
        assert outcome(gate) == "allow"
        assert str(gate.problem) == "unable to read the rules: there is not enough memory"
        assert isinstance(gate_of("--rules", rules).problem, GateError)
    wait_until(lambda: outcome(gate) == DENY, lambda: str(gate.problem))


def test_rules_that_became_wrong_leave_the_last_good_ones_in_force(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    gate = gate_of("--rules", rules)
    replace(rules, BROKEN)
    assert [outcome(gate) for _ in range(3)] == ["allow"] * 3
    assert str(gate.problem).startswith(f"{rules}:1: ")
    rules.unlink()
    assert outcome(gate) == "allow"
    assert str(gate.problem) == f"unable to read {str(rules)!r}: No such file or directory"
    replace(rules, DENY_ALL)
    assert outcome(gate) == DENY
    assert gate.problem is None


def test_rules_that_lost_their_catch_all_rule_may_have_been_cut_and_stay_out(rules: Path) -> None:
    rules.write_text("198.51.100.7:allow\n:deny\n")
    gate = gate_of("--rules", rules)
    replace(rules, "198.51.100.7:allow\n")
    assert outcome(gate) == DENY
    assert "the catch-all rule is gone" in str(gate.problem)
    replace(rules, "198.51.100.7:allow\n:allow\n")
    assert outcome(gate) == "allow"


def test_a_reload_takes_rules_without_a_catch_all_rule(rules: Path) -> None:
    rules.write_text("198.51.100.7:allow\n:deny\n")
    gate = gate_of("--rules", rules)
    for text in ("198.51.100.7:allow\n", "198.51.100.7:deny\n"):
        replace(rules, text)
        gate.current()
    assert outcome(gate) == DENY
    gate.has_news = False
    gate.reload()
    assert (gate.problem, gate.has_news) == (None, True)
    assert [outcome(gate, ip) for ip in ("192.0.2.1", "198.51.100.7")] == ["allow", DENY]
    replace(rules, BROKEN)
    gate.reload()
    assert outcome(gate, "198.51.100.7") == DENY, "what cannot be read is not meant"


def test_rules_that_are_mended_are_in_force_for_the_next_client(rules: Path) -> None:
    gate = gate_of("--rules", rules, "--deny-message", "421 later")
    assert outcome(gate) == NO_RULES
    assert gate.message_without_rules == b"421 later\r\n"
    rules.write_text(BROKEN)
    assert outcome(gate) == NO_RULES
    rules.write_text(ALLOW_ALL)
    assert outcome(gate) == "allow"


# What it costs.


def test_rules_that_do_not_change_are_read_once(rules: Path, builds: list[Settings]) -> None:
    rules.write_text(ALLOW_ALL)
    settle()
    gate = gate_of("--rules", rules)
    for _ in range(100):
        gate.current()
    assert len(builds) == 1


def test_rules_that_cannot_be_read_are_tried_again_every_second_and_not_for_every_client(
    rules: Path, builds: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(reloading_gate, "monotonic", lambda: now)
    gate = gate_of("--rules", rules)
    for _ in range(100):
        gate.current()
    assert len(builds) == 1
    for second in (1.1, 2.2):
        monkeypatch.setattr(reloading_gate, "monotonic", lambda second=second: now + second)
        for _ in range(10):
            gate.current()
    assert len(builds) == 3


@pytest.mark.parametrize("ahead", [True, False])
def test_a_time_that_says_little_is_looked_at_every_second_until_it_is_old(
    rules: Path, builds: list[Settings], monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    """A time to come, after the clock was set back; and whole seconds, in which a file may change twice."""
    rules.write_text(ALLOW_ALL)
    seen, now = (
        (time.time_ns() + 3600 * SECOND_NS) if ahead else time.time_ns() // SECOND_NS * SECOND_NS,
        time.monotonic(),
    )
    monkeypatch.setattr(reloading_gate, "sign", lambda _: (seen, 1, 1))
    monkeypatch.setattr(rule_files, "signature_of", lambda _: (seen, 1, 1))
    monkeypatch.setattr(reloading_gate, "monotonic", lambda: now)
    gate = gate_of("--rules", rules)
    for _ in range(100):
        assert outcome(gate) == "allow"
    assert len(builds) == 1
    rules.write_text(DENY_ALL)  # which nothing shows
    monkeypatch.setattr(reloading_gate, "monotonic", lambda: now + 1.1)
    gate.has_news = False
    for _ in range(100):
        assert outcome(gate) == DENY
    assert len(builds) == 2
    assert not gate.has_news  # or the log would say so every second
    if not ahead:
        monkeypatch.setattr(reloading_gate, "time_ns", lambda: seen + 3 * SECOND_NS)
        monkeypatch.setattr(reloading_gate, "monotonic", lambda: now + 2.2)
        gate.current()
        monkeypatch.setattr(reloading_gate, "monotonic", lambda: now + 10)
        gate.current()
        assert len(builds) == 3


def test_how_old_a_time_has_to_be() -> None:
    now = 1_700_000_000 * SECOND_NS + 5
    assert [is_unsettled(now - age, now) for age in (0, GRAIN_NS - 1, GRAIN_NS, SECOND_NS)] == [
        True,
        True,
        False,
        False,
    ]
    whole = 1_700_000_000 * SECOND_NS
    assert [is_unsettled(whole - age * SECOND_NS, now) for age in (0, 1, 2, 3)] == [True, True, False, False]
    assert is_unsettled(now + 1, now)
    assert not is_unsettled(0, now)  # a file that is missing


def test_a_file_that_changed_while_it_was_read_is_read_again(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    gate = gate_of("--rules", rules)
    first = gate.rules
    assert gate.current() is not first
    settle()
    last = [gate.current() for _ in range(3)][-1]
    assert gate.current() is last


# What is told.


def test_news_are_other_rules_and_other_problems(rules: Path) -> None:
    rules.write_text(ALLOW_ALL)
    settle()
    gate = gate_of("--rules", rules)

    def news() -> bool:
        gate.has_news = False
        gate.current()
        return gate.has_news

    assert not news()
    replace(rules, BROKEN)
    assert [news(), news()] == [True, False]
    rules.unlink()
    assert [news(), news()] == [True, False]
    for text in (DENY_ALL, ALLOW_ALL):
        replace(rules, text)
        assert [news(), news()] == [True, False]
    gate.reload()
    assert gate.has_news


def test_options_that_are_wrong_never_make_a_gate() -> None:
    gate = ReloadingGate(Settings({}, ["/bin/true"]), {}, UsageError("unknown option '--alow'"))
    gate.reload()
    assert outcome(gate) == NO_RULES
    assert (str(gate.problem), gate.message_without_rules) == ("unknown option '--alow'", b"")
    assert gate.name == "true"


def test_a_deny_message_that_is_wrong_itself_is_not_sent() -> None:
    gate = ReloadingGate(parse(["--deny-message=\x01", "--name=smtp", "server"], OPTIONS), {})
    assert (gate.current(), gate.message_without_rules, gate.name) == (None, b"", "smtp")


# After any changes of the files, the rules are those on the disk once it is quiet.

WORDS = ("192.0.2.1", "192.0.2.2", "198.51.100.7")


class Vandal(threading.Thread):
    """Swaps, renames, truncates and fills the files of a gate, in no order."""

    def __init__(self, folder: Path, write: Callable[[Path, random.Random], None], seed: int) -> None:
        super().__init__()
        self.folder = folder
        self._write = write
        self._random = random.Random(seed)  # noqa: S311  # to be repeated
        self._names = [folder / name for name in ("one", "two", "three")]

    def run(self) -> None:
        for _ in range(60):
            self._random.choice((self._fill, self._swap, self._truncate, self._remove, self._relink, self._rest))()
        for name in self._names:
            if name.is_symlink() or self._random.random() < 0.5:
                name.unlink(missing_ok=True)
            self._write(name, self._random)

    def _some(self) -> Path:
        return self._random.choice(self._names)

    def _fill(self) -> None:
        new = self.folder.parent / "new"
        self._write(new, self._random)
        new.rename(self._some())

    def _swap(self) -> None:
        one, two, spare = self._some(), self._some(), self.folder.parent / "spare"
        if one != two and one.is_file() and two.is_file():
            one.rename(spare)
            two.rename(one)
            spare.rename(two)

    def _truncate(self) -> None:
        name = self._some()
        if name.exists():
            os.truncate(name, self._random.randrange(name.stat().st_size + 1))

    def _remove(self) -> None:
        self._some().unlink(missing_ok=True)

    def _relink(self) -> None:
        name, target = self._some(), self._some()
        if name != target and not target.is_symlink():
            link = self.folder.parent / "link"
            link.symlink_to(target.name)
            link.rename(name)

    def _rest(self) -> None:
        time.sleep(self._random.random() / 100)


def write_rules(file: Path, chance: random.Random) -> None:
    lines = [f"{word}:{chance.choice(('allow', 'deny'))}\n" for word in WORDS if chance.random() < 0.7]
    file.write_text("".join(lines) + ":allow\n" + "# \n" * chance.randrange(300))


def write_compiled(file: Path, chance: random.Random) -> None:
    text = file.with_name(f".{file.name}.text")
    write_rules(text, chance)
    compile_rules(str(text), str(file))
    text.unlink()


def write_courier(file: Path, chance: random.Random) -> None:
    network = {"one": WORDS[0], "two": WORDS[1]}.get(file.name, WORDS[2])
    file.write_text(f"{network}\t{chance.choice(('allow', 'deny'))}\n" + "# \n" * chance.randrange(300))


def write_hosts(file: Path, chance: random.Random) -> None:
    file.write_text("\n".join(word for word in WORDS if chance.random() < 0.5) + "\n")


KINDS: dict[str, tuple[Callable[[Path, random.Random], None], tuple[str, str]]] = {
    "rules": (write_rules, ("--rules", "{0}/one")),
    "compiled": (write_compiled, ("--rules", "{0}/one")),
    "folder": (write_courier, ("--courier-access", "{0}")),
    "named files": (write_hosts, ("--hosts-access", "smtp,{1}")),
}


def verdicts(gate: ReloadingGate) -> list[str]:
    return [outcome(gate, ip) for ip in WORDS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "hosts.allow").write_text("")
    (tmp_path / "hosts.deny").write_text("".join(f"ALL: {tmp_path}/files/{name}\n" for name in ("one", "two", "three")))
    return tmp_path / "files"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("impatient")
def test_after_quiet_the_rules_are_those_of_the_files(folder: Path, kind: str, seed: int) -> None:
    write, words = KINDS[kind]
    words_here = [word.format(folder, folder.parent) for word in words]
    gate, vandal = gate_of(*words_here), Vandal(folder, write, seed)
    vandal.start()
    while vandal.is_alive():
        gate.current()
    fresh = gate_of(*words_here)
    assert fresh.rules
    time.sleep(2 * GRAIN_NS / SECOND_NS)
    wait_until(lambda: gate.current() and not gate.problem, lambda: str(gate.problem))
    assert verdicts(gate) == verdicts(fresh)


def test_a_problem_keeps_no_frame_of_the_reading_alive(rules: Path) -> None:
    rules.write_text(BROKEN)
    problem = gate_of("--rules", rules).problem
    assert problem
    assert (problem.__traceback__, problem.__context__, problem.__cause__) == (None, None, None)
