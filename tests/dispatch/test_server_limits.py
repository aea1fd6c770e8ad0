"""--rlimit of a server that starts by vfork(2): the limits are those of a fork, and the gate keeps its own."""

import os
import resource
from pathlib import Path
from resource import RLIM_INFINITY

import pytest

from sockgate.connection.rlimits import parse_limits
from sockgate.dispatch.servers.lasting_limits import Memory, has_room, needs_of
from sockgate.dispatch.servers.server_limits import is_above, server_limits
from tests.connection.launch import everything_from
from tests.dispatch.conftest import Start
from tests.dispatch.faults import fail_to_start_by_fork, injected, need_memory_to_start
from tests.dispatch.gated import Gated

LIMITS = ["core=0", "as=900M:1G", "data=800M:", "stack=4M:", "memlock=8K:16K", "fsize=1G", "nofile=9:99"]
OPTIONS = [word for limit in LIMITS for word in ("--rlimit", limit)]
SOFT_OPTIONS = [word for limit in LIMITS for word in ("--rlimit", f"{limit.partition(':')[0]}:")]
SHOW = ["/bin/sh", "-c", "read -r line; cat /proc/self/limits"]
NAMES = ("core file size", "address space", "data size", "stack size", "locked memory", "file size", "open files")
# A gate that may not raise its limits again: tests run as root, or as a user who cannot be another one.
BECOME_A_USER = "import os\n" + "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n" * (os.geteuid() == 0)
WITHOUT_CAPABILITY = "setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource -- " * (os.geteuid() == 0)


def write_atomically(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def limits_in(text: str) -> dict[str, tuple[str, ...]]:
    """The soft and hard limit by their names."""
    lines = [line for line in text.splitlines() if line.startswith("Max ")]
    return {line[4:26].strip(): tuple(line[26:68].split()) for line in lines}


def limits_of(one: Gated) -> dict[str, tuple[str, ...]]:
    return limits_in(Path(f"/proc/{one.pid}/limits").read_text())


def expected(own: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    sizes = (("0", "0"), (900 << 20, 1 << 30), (800 << 20, own["data size"][1]), (4 << 20, own["stack size"][1]),
             (8 << 10, 16 << 10), (1 << 30, 1 << 30), (9, 99))  # fmt: skip
    return {name: (str(soft), str(hard)) for name, (soft, hard) in zip(NAMES, sizes, strict=True)}


def limits_of_server(one: Gated, number: int) -> dict[str, tuple[str, ...]]:
    """Those of the server of this client, once the gate has gone on."""
    with one.connect() as client:
        one.wait_for("accepted", number)
        client.sendall(b"\n")
        return limits_in(everything_from(client).decode())


def serves_with_limits(one: Gated) -> None:
    one.wait_for("listening")
    before = limits_of(one)
    for number in range(3):
        found = limits_of_server(one, number + 1)
        assert {name: found[name] for name in NAMES} == expected(before)
        assert limits_of(one) == before


def test_the_limits_of_a_server_need_no_fork_if_they_are_soft_and_the_gate_keeps_its_own(gated: Start) -> None:
    one = gated(*SOFT_OPTIONS, *SHOW, code=BECOME_A_USER + injected(fail_to_start_by_fork))
    one.wait_for("listening")
    before = limits_of(one)
    for number in range(3):
        found = limits_of_server(one, number + 1)
        assert {name: found[name][0] for name in NAMES} == {name: each[0] for name, each in expected(before).items()}
        assert [found[name][1] for name in NAMES] == [before[name][1] for name in NAMES]
        assert limits_of(one) == before


def test_a_gate_lives_under_hard_limits_that_leave_it_room_and_its_servers_need_no_fork(gated: Start) -> None:
    """As couriertcpd lives under ulimit."""
    options = [word for limit in ("core=0", "as=1G", "data=100M:200M") for word in ("--rlimit", limit)]
    one = gated(*options, *SHOW, code=BECOME_A_USER + injected(fail_to_start_by_fork),
                prelude=f'exec {WITHOUT_CAPABILITY}"$@"')  # fmt: skip
    expected = {"core file size": ("0", "0"), "address space": (str(1 << 30), str(1 << 30)),
                "data size": (str(100 << 20), str(200 << 20))}  # fmt: skip
    for number in range(3):
        found = limits_of_server(one, number + 1)
        assert {name: found[name] for name in expected} == expected
        assert [limits_of(one)[name][1] for name in expected] == [hard for _, hard in expected.values()]
        assert limits_of(one)["data size"][0] == str(200 << 20)


@pytest.mark.parametrize("limit", ["data=12M", "as=30M", "stack=512K", "nofile=64", "fsize=1G", "cpu=99"])
def test_a_gate_does_not_live_under_a_hard_limit_that_could_become_too_low_for_it(gated: Start, limit: str) -> None:
    one = gated("--rlimit", "core=0", "--rlimit", limit, *SHOW, code=BECOME_A_USER)
    assert limits_of_server(one, 1)["core file size"] == ("0", "0")
    assert limits_of(one) == limits_in(Path("/proc/self/limits").read_text())


def test_a_server_cannot_raise_its_hard_limit_again(gated: Start) -> None:
    one = gated(
        "--rlimit", "data=100M", "/bin/sh", "-c", "ulimit -d 200000 || echo no; ulimit -H -d", code=BECOME_A_USER
    )
    assert one.talk().splitlines()[-1] == b"102400"


def test_the_room_of_a_gate_is_enough_for_its_rules_twice_and_all_its_sessions() -> None:
    needs = needs_of(Memory(20 << 20, 8 << 20), Memory(30 << 20, 18 << 20), 1024)
    assert needs[resource.RLIMIT_DATA] == (18 + 10 + 2 + 16) << 20
    assert needs[resource.RLIMIT_AS] == (30 + 10 + 2 + 64) << 20


def test_a_gate_of_many_clients_does_not_live_under_a_limit_that_fits_a_gate_of_few(gated: Start) -> None:
    for most, lives in (("40", True), ("100000", False)):
        one = gated("--max-connections", most, "--rlimit", "data=100M", *SHOW, code=BECOME_A_USER)
        assert limits_of_server(one, 1)["data size"][1] == str(100 << 20)
        assert (limits_of(one)["data size"][1] == str(100 << 20)) is lives
        one.stop()


@pytest.mark.parametrize(
    ("own", "hard", "room"),
    [((RLIM_INFINITY, RLIM_INFINITY), 99, False), ((RLIM_INFINITY, RLIM_INFINITY), 100, True), ((60, 200), 99, True),
     ((60, 200), 59, False), ((60, 80), 99, False), ((150, 200), RLIM_INFINITY, False)],
)  # fmt: skip
def test_a_gate_has_room_where_its_needs_are_met_or_its_own_limit_stays(
    own: tuple[int, int], hard: int, room: bool
) -> None:
    assert has_room(resource.RLIMIT_DATA, own, hard, {resource.RLIMIT_DATA: 100}) is room


def test_rules_that_do_not_fit_under_the_hard_limit_leave_those_from_before_in_force(
    gated: Start, tmp_path: Path
) -> None:
    rules, size = tmp_path / "rules", str(32 << 20)
    rules.write_text("127.:allow\n:deny\n")
    one = gated("--rules", str(rules), "--rlimit", "data=32M", *SHOW, prelude=f'exec {WITHOUT_CAPABILITY}"$@"')
    assert limits_of_server(one, 1)["data size"][1] == size
    assert limits_of(one)["data size"][1] == size
    many = "".join(f'10.{n >> 8}.{n & 255}.:allow,NOTE="{n}"\n' for n in range(32_000))
    for round_number in (1, 2):
        write_atomically(rules, f"{many}127.:allow\n:deny\n")
        for number in range(3):
            assert limits_of_server(one, 6 * round_number - 4 + number)["data size"][1] == size
        one.wait_for("from before stay in force: unable to read the rules: there is not enough memory", round_number)
        write_atomically(rules, f"127.:allow,ROUND='{round_number}'\n:deny\n")
        for number in range(3):
            assert limits_of_server(one, 6 * round_number - 1 + number)["data size"][1] == size
        one.wait_for("rules have been read and are in force", round_number)
    assert one.lines("Traceback|internal error") == []


def test_a_gate_that_needs_memory_under_the_limits_of_its_server_forks(gated: Start) -> None:
    """It takes on the limits for the moment of the start. What it cannot do in that moment, a child does."""
    for limit in ("data=2M:", "as=8M:"):
        one = gated("--rlimit", limit, *SHOW, code=BECOME_A_USER + injected(need_memory_to_start, 1 << 20))
        one.wait_for("listening")
        before = limits_of(one)
        for number in range(3):
            size = str(int(limit.partition("=")[2][:-2]) << 20)
            assert size in [soft for soft, *_ in limits_of_server(one, number + 1).values()]
            assert limits_of(one) == before
        assert one.lines("unable|error|memory") == []
        one.stop()


def test_hard_limits_are_in_force_from_the_beginning(gated: Start) -> None:
    """The server reads them at once, and hands them on."""
    one = gated("--rlimit", "data=800M", "/bin/cat", "/proc/self/limits", code=BECOME_A_USER)
    for _ in range(20):
        assert limits_in(one.talk().decode())["data size"] == (str(800 << 20), str(800 << 20))


def test_the_limits_are_set_for_root_as_well_with_or_without_the_capability_to_raise_them(gated: Start) -> None:
    serves_with_limits(gated(*OPTIONS, *SHOW))
    serves_with_limits(gated(*OPTIONS, *SHOW, prelude=f'exec {WITHOUT_CAPABILITY}"$@"'))


def test_the_hard_limit_of_the_stack_is_set_as_well(gated: Start) -> None:
    one = gated("--rlimit", "stack=4M", *SHOW, code=BECOME_A_USER)
    for number in range(10):
        assert limits_of_server(one, number + 1)["stack size"] == (str(4 << 20), str(4 << 20))


def test_what_may_be_raised_again_is_set_as_a_whole_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sockgate.dispatch.servers.server_limits.may_raise_limits", lambda: True)
    limits = server_limits(parse_limits(["core=0:1", "data=1G:"]))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    assert limits
    assert limits.taken == ((resource.RLIMIT_CORE, (0, 1)), (resource.RLIMIT_DATA, (1 << 30, hard)))


def test_a_limit_above_the_hard_limit_of_the_gate_costs_each_client_its_server(gated: Start) -> None:
    one = gated("--rlimit", "memlock=2M", "--deny-message", "421 no", *SHOW, prelude='ulimit -l 1024; exec "$@"',
                code=BECOME_A_USER)  # fmt: skip
    assert [one.talk() for _ in range(2)] == [b"421 no\r\n"] * 2
    assert len(one.wait_for("unable to set --rlimit memlock: not allowed to raise maximum limit", 2)) == 2


def test_a_limit_that_lets_no_server_run_costs_each_client_its_server_alone(gated: Start) -> None:
    one = gated("--max-connections", "1", "--rlimit", "as=4096", *SHOW)
    assert [one.talk() for _ in range(3)] == [b""] * 3
    one.wait_for("refused| ended ", 3)
    assert one.lines("accepting no clients") == []


@pytest.mark.parametrize(
    "words", [["cpu=9"], ["nproc=99:"], ["rttime=9"], ["nofile=2"], ["core=0", "core=0"], ["core=0", "cpu=9"]]
)
def test_what_only_a_child_can_set_is_left_to_a_fork(words: list[str]) -> None:
    assert server_limits(parse_limits(words)) is None


def test_what_changes_nothing_is_set_all_the_same() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limits = server_limits([(resource.RLIMIT_CORE, soft, hard)])
    assert limits
    assert limits.own == limits.taken


@pytest.mark.parametrize(
    ("one", "other", "above"),
    [(1, 2, False), (2, 2, False), (3, 2, True), (RLIM_INFINITY, 2, True), (2, RLIM_INFINITY, False),
     (RLIM_INFINITY, RLIM_INFINITY, False)],
)  # fmt: skip
def test_no_limit_is_above_every_limit(one: int, other: int, above: bool) -> None:
    assert is_above(one, other) is above
