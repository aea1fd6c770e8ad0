"""sockgatectl sync: what it would do, and where it does nothing. tests/system/test_superserver.py runs it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sockgate.convert.conflicts import VENDOR_FOLDERS
from sockgate.convert.live import is_generated, live_services, write_units
from sockgate.convert.report import Report
from sockgate.convert.result import Conversion
from sockgate.core import SystemFailure
from sockgate.ctl import sync
from sockgate.ctl.served import Record, Served, Services, deaf, loaded, planned, record, recorded
from sockgate.ctl.sync import compare
from sockgate.host.host import Host

HOST = Host(systemd=257, asks_services=False)
PLAIN = Served("[Socket]\nListenStream=7\n", "", "")
WAITS = Served("[Socket]\nListenDatagram=7\n", "a.service", "ExecStart=-/bin/cat\n")
GATE = Served("[Socket]\nListenStream=7\n", "a.service", "ExecStart=/usr/sbin/sockgated --name a -- /bin/cat\n")
KNOWN = {"a.socket": PLAIN}
UP = {"a.socket": "active", "a.service": "active", "a@.service": "inactive"}


def other(served: Served) -> Served:
    return served._replace(socket=served.socket.replace("7", "8"))


def test_nothing_changed_means_nothing_to_do() -> None:
    change = compare({"a.socket": PLAIN}, {"a.socket": PLAIN}, UP, KNOWN)
    assert (change.stop, change.forget, change.start, change.gates) == ([], [], [], [])


def test_a_socket_whose_line_is_gone_is_stopped() -> None:
    assert compare({"a.socket": PLAIN}, {}, UP, KNOWN).stop == ["a.socket"]


def test_a_server_that_has_the_socket_itself_is_stopped_with_it() -> None:
    assert compare({"a.socket": WAITS}, {}, UP, KNOWN).stop == ["a.socket", "a.service"]
    change = compare({"a.socket": WAITS}, {"a.socket": other(WAITS)}, UP, KNOWN)
    assert (change.stop, change.start) == (["a.socket", "a.service"], ["a.socket"])


def test_a_changed_socket_is_restarted_and_a_new_one_started() -> None:
    states = {**UP, "b.socket": "inactive"}
    change = compare({"a.socket": PLAIN}, {"a.socket": other(PLAIN), "b.socket": PLAIN}, states, KNOWN)
    assert (change.stop, change.start, change.changed) == (["a.socket"], ["a.socket", "b.socket"], {"a.socket"})


def test_a_socket_that_is_active_and_does_not_listen_is_restarted() -> None:
    change = compare({"a.socket": PLAIN}, {"a.socket": PLAIN}, UP, KNOWN, {"a.socket"})
    assert (change.stop, change.start, change.changed) == (["a.socket"], ["a.socket"], {"a.socket"})


@pytest.mark.parametrize(("key", "kind"), [("ListenStream", socket.SOCK_STREAM), ("ListenDatagram", socket.SOCK_DGRAM)])
def test_what_does_not_listen_is_found(key: str, kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as own:
        own.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            own.listen()
        port = own.getsockname()[1]
        one = Served(f"[Socket]\n{key}=127.0.0.1:{port}\n", "", "")
        both = Served(f"{one.socket}{key}=[::1]:{port}\nBindIPv6Only=ipv6-only\n", "", "")
        assert deaf({"one.socket": one, "both.socket": both}) == {"both.socket"}
    assert deaf({"one.socket": one, "path.socket": Served("[Socket]\nListenStream=/run/x\n", "", "")}) == {"one.socket"}


def test_a_gate_or_a_server_that_waits_has_the_socket_itself() -> None:
    served = {"a.socket": WAITS, "b.socket": PLAIN, "c.socket": PLAIN}
    states = {"a.socket": "active", "a.service": "active", "b.socket": "active", "c.socket": "inactive"}
    assert set(sync.listening(served, states)) == {"b.socket"}


def test_another_server_for_the_next_client_restarts_nothing_but_a_gate() -> None:
    for served, gates in ((PLAIN, []), (WAITS, []), (GATE, ["a.service"])):
        now = served._replace(text=served.text.replace("/bin/cat", "/bin/tac"))
        change = compare({"a.socket": served}, {"a.socket": now}, UP, KNOWN)
        assert (change.stop, change.start, change.gates) == ([], [], gates)


@pytest.mark.parametrize(
    ("state", "is_known", "started"),
    [("inactive", True, False), ("inactive", False, True), ("failed", True, True), ("failed", False, True)],
)
def test_what_the_administrator_stopped_stays_stopped(state: str, is_known: bool, started: bool) -> None:
    served = {"a.socket": PLAIN}
    change = compare(served, served, {"a.socket": state}, served if is_known else {})
    assert change.start == (["a.socket"] if started else [])


def test_a_failed_socket_whose_line_is_gone_is_forgotten() -> None:
    change = compare({"a.socket": PLAIN}, {}, {"a.socket": "failed"}, KNOWN)
    assert (change.stop, change.forget) == ([], ["a.socket"])


def test_the_plan_is_what_the_generator_writes_and_a_line_above_changes_nothing(tmp_path: Path) -> None:
    etc, out = tmp_path / "etc", tmp_path / "out"
    etc.mkdir()
    lines = "79 stream tcp nowait nobody /bin/cat cat\n517 dgram udp wait nobody /bin/cat cat\n"
    (etc / "inetd.conf").write_text(lines)
    write_units(str(tmp_path), str(out), HOST)
    (out / "foreign.socket").write_text("[Socket]\nListenStream=1\n")
    services = loaded(str(out))
    assert set(services) == {"port-79.socket", "port-517.socket", "port-517-udp.socket"}
    (etc / "inetd.conf").write_text(f"# a comment\n{lines}")
    assert planned(live_services(str(tmp_path), HOST)) == services
    made = Record(services, ("a complaint",), {"a.socket": PLAIN})
    record(made, str(tmp_path / "record"))
    assert recorded(str(tmp_path / "record")) == made


def test_an_edit_in_place_of_a_file_in_a_folder_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "FILES", (str(tmp_path / "missing"), str(tmp_path)))
    (tmp_path / "service").write_text("")
    before = sync.stamps()
    assert sync.stamps() == before
    os.utime(tmp_path / "service", (1, 1))
    assert sync.stamps() != before


class Systemd:
    """In place of systemctl: some of its verbs fail for some units, "" for all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Services, now: Services) -> None:
        self.record = Record(before, (), {})
        self.states = {unit: "active" for name, one in before.items() for unit in sync.units_of(name, one)}
        self.files: dict[str, str] = {}  # of units, where they are not the generator's
        self.masked: set[str] = set()
        self.broken: dict[str, str] = {}  # by the verb
        self.done: list[str] = []
        monkeypatch.setattr(sync, "is_generated", lambda _: False)
        monkeypatch.setattr(sync, "live_services", lambda *_: Conversion((), Report()))
        self.now = now
        monkeypatch.setattr(sync, "planned", lambda _: self.now)
        monkeypatch.setattr(sync, "loaded", lambda: self.record.services)
        monkeypatch.setattr(sync, "recorded", lambda: self.record)
        monkeypatch.setattr(sync, "deaf", lambda _: set())
        monkeypatch.setattr(sync, "record", lambda now: setattr(self, "record", now))
        monkeypatch.setattr(sync, "note_leaving", lambda *_: None)
        monkeypatch.setattr(sync, "systemctl", self.systemctl)

    def systemctl(self, verb: str, *words: str) -> str:
        units = [word for word in words if not word.startswith("-")]
        if verb == "show":
            return "\n\n".join(map(self.shown, units))
        self.done.append(" ".join([verb, *units]))
        broken = self.broken.get(verb)
        for unit in units:
            self.states[unit] = "inactive" if verb == "stop" else "failed" if unit == broken else "active"
        if broken == "" or broken in units:
            raise SystemFailure(f"systemctl {verb}: no")
        return ""

    def shown(self, unit: str) -> str:
        path = self.files.get(unit, f"/run/systemd/generator/{unit}")
        load = "masked" if unit in self.masked else "loaded"
        return f"Id={unit}\nActiveState={self.states.get(unit, 'inactive')}\nLoadState={load}\nFragmentPath={path}\n"


OF_THE_ADMINISTRATOR = "/etc/systemd/system"


def test_a_socket_that_another_file_has_made_its_own_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `convert --install` of a line that was served: its socket has the name of ours, and listens."""
    systemd = Systemd(monkeypatch, {"a.socket": GATE, "b.socket": PLAIN}, {})
    systemd.files = {"a.socket": f"{OF_THE_ADMINISTRATOR}/a.socket"}
    assert sync.one_round() == []
    assert systemd.done == ["stop b.socket", "daemon-reload"]
    assert (systemd.states["a.socket"], systemd.states["a.service"]) == ("active", "active")
    assert systemd.record.services == {}


@pytest.mark.parametrize("enabled", [False, True])
def test_a_template_of_sockgate_behind_our_socket_is_foreign_only_if_it_is_enabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, enabled: bool
) -> None:
    folder, wants = (tmp_path / name for name in (VENDOR_FOLDERS[1], "etc/systemd/system/sockets.target.wants"))
    folder.mkdir(parents=True)
    wants.mkdir(parents=True)
    (folder / "pop3.socket").write_text("[Unit]\nDocumentation=man:sockgate(8)\n[Socket]\nListenStream=110\n")
    if enabled:
        (wants / "pop3.socket").touch()
    monkeypatch.setattr(sync, "ROOT", str(tmp_path))
    found = {"LoadState": "loaded", "FragmentPath": f"/{VENDOR_FOLDERS[1]}/pop3.socket"}
    assert sync.is_foreign(found) is enabled


def test_a_server_that_another_file_has_made_its_own_outlives_our_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, {"a.socket": WAITS}, {})
    systemd.files = {"a.service": f"{OF_THE_ADMINISTRATOR}/a.service"}
    assert sync.one_round() == []
    assert systemd.done == ["stop a.socket", "daemon-reload"]


def test_a_masked_socket_of_ours_is_stopped_when_its_line_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, {"a.socket": PLAIN}, {})
    systemd.files, systemd.masked = {"a.socket": "/dev/null"}, {"a.socket"}
    sync.one_round()
    assert systemd.done == ["stop a.socket", "daemon-reload"]


def test_a_gate_that_cannot_be_restarted_costs_no_socket_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"a.socket": GATE._replace(text=GATE.text.replace("cat", "tac")), "b.socket": other(PLAIN)}
    systemd = Systemd(monkeypatch, {"a.socket": GATE, "b.socket": PLAIN}, now)
    systemd.broken = {"try-restart": "a.service"}
    assert sync.one_round() == ["unable to start a.service (systemctl status a.service)"]
    assert systemd.done == ["stop b.socket", "daemon-reload", "start b.socket", "try-restart a.service"]
    assert systemd.record.services == {"a.socket": GATE, "b.socket": now["b.socket"]}
    systemd.broken, systemd.done = {}, []
    assert sync.one_round() == []
    assert systemd.done == ["daemon-reload", "try-restart a.service"]
    assert systemd.record.services == now


def test_a_socket_that_cannot_be_started_is_not_taken_for_one_that_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, {"a.socket": PLAIN}, {"a.socket": other(PLAIN), "b.socket": PLAIN})
    systemd.broken = {"start": "a.socket"}
    assert sync.one_round() == ["unable to start a.socket (systemctl status a.socket)"]
    assert systemd.record.services == {"b.socket": PLAIN}


def test_a_socket_that_failed_is_forgotten_when_its_line_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if something else reloads systemd before: then systemd shows a failed unit that has no file."""
    systemd = Systemd(monkeypatch, {}, {"a.socket": PLAIN})
    systemd.broken = {"start": "a.socket"}
    sync.one_round()
    systemd.now, systemd.done = {}, []
    assert sync.one_round() == []
    assert systemd.done == ["reset-failed a.socket"]
    assert systemd.record.failed == {}


@pytest.mark.parametrize("verb", ["stop", "daemon-reload"])
def test_if_systemd_cannot_be_reloaded_the_old_sockets_listen_again(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"a.socket": PLAIN, "b.socket": PLAIN}
    systemd = Systemd(monkeypatch, before, {"a.socket": other(PLAIN), "c.socket": PLAIN})
    systemd.broken = {verb: ""}
    assert sync.one_round() == [f"systemctl {verb}: no"]
    assert systemd.done[-1] == "start a.socket"
    assert systemd.states == {"a.socket": "active", "b.socket": "inactive"}
    assert systemd.record.services == before
    systemd.broken, systemd.done = {}, []
    assert sync.one_round() == []
    assert systemd.done == ["stop a.socket", "daemon-reload", "start a.socket c.socket"]


def test_without_the_right_to_write_it_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "LOCK", str(tmp_path / "file/sync.lock"))
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemFailure, match=r"^unable to write '/.*/file/sync\.lock': File exists$"):
        sync.open_lock()
    monkeypatch.setattr(sync, "LOCK", "/proc/sync.lock")
    with pytest.raises(SystemFailure, match=r"^unable to write '/proc/sync\.lock': No such file or directory$"):
        sync.open_lock()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '[{"a": 1}, []]', '[{"a": ["b"]}, []]', "null", "[[], []]", "[{}, 1]", "[{}, [], []]"]
)
def test_a_record_that_is_broken_is_empty(text: str, tmp_path: Path) -> None:
    (tmp_path / "record").write_text(text)
    assert recorded(str(tmp_path / "record")) == Record({}, (), {})
    assert recorded(str(tmp_path / "missing")) == Record({}, (), {})


def test_a_masked_or_missing_generator_serves_nothing(tmp_path: Path) -> None:
    assert not is_generated(str(tmp_path))
    program = tmp_path / "usr/lib/systemd/system-generators/sockgate-inetd-generator"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o755)
    assert is_generated(str(tmp_path))
    mask = tmp_path / "etc/systemd/system-generators/sockgate-inetd-generator"
    mask.parent.mkdir(parents=True)
    mask.symlink_to("/dev/null")
    assert not is_generated(str(tmp_path))


@pytest.mark.parametrize(("code", "forbidden"), [(101, True), (104, False), (0, False)])
def test_policy_rc_d_is_asked(code: int, forbidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(sync, "POLICY", str(policy))
    assert not sync.is_forbidden()
    policy.write_text(f'#!/bin/sh\n[ "$*" = "sockgate-inetd restart" ] && exit {code}\nexit 1\n')
    policy.chmod(0o755)
    assert sync.is_forbidden() is forbidden


@pytest.mark.parametrize(("program", "runs"), [("dpkg", True), ("apt-get", False), ("dpkg-divert", False)])
def test_dpkg_runs_while_it_holds_its_lock_and_not_while_apt_waits(
    program: str, runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock"
    monkeypatch.setattr(sync, "DPKG_LOCK", str(lock))
    assert not sync.dpkg_runs()
    lock.write_text("")
    assert not sync.dpkg_runs()
    hold = (
        f"import fcntl, sys; f = open({str(lock)!r}, 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
        f"open('/proc/self/comm', 'w').write({program!r}); print(1, flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert sync.dpkg_runs() is runs
        holder.communicate(b"\n")
    assert not sync.dpkg_runs()
