"""What is remembered of one client for the next."""

import pytest

from sockgate.connection import Gate
from sockgate.core import ALLOW, Verdict
from sockgate.core.options import parse
from sockgate.dispatch.deciding.decision import MOST_KEPT, Decision, EnvironmentTemplate, Memory
from tests.core.clients import client, local_user

HERE = ("127.0.0.1", 25)


def decision(*options: str) -> Decision:
    return Decision(Gate(parse([*options, "/usr/bin/server"])), {b"A": b"base"}, client("192.0.2.1"), Verdict(ALLOW))


@pytest.mark.parametrize(
    ("ends", "same"),
    [
        ((("192.0.2.1", 4711), HERE), True),
        ((("192.0.2.1", 1), HERE), True),
        ((("192.0.2.2", 4711), HERE), False),
        ((("192.0.2.1", 4711), ("127.0.0.2", 25)), False),
        ((("192.0.2.1", 4711), ("127.0.0.1", 26)), False),
    ],
)
def test_only_the_port_of_the_client_may_be_another(ends: tuple[object, object], same: bool) -> None:
    memory, known = Memory(), decision()
    memory.keep((("192.0.2.1", 4711), HERE), known)
    assert (memory.find(ends) is known) is same


def test_the_same_link_local_address_on_another_interface_is_another_client() -> None:
    memory, known = Memory(), decision()
    ends = [(("fe80::1", 4711, 0, scope), ("::", 25, 0, 0)) for scope in (1, 2)]
    memory.keep(ends[0], known)
    assert [memory.find(each) for each in ends] == [known, None]


@pytest.mark.parametrize("remote", ["", b"", "/run/client", b"\0client"])
def test_a_local_client_is_not_remembered_because_it_may_be_any_user(remote: str | bytes) -> None:
    memory = Memory()
    memory.keep((remote, "/run/socket"), decision())
    assert memory.find((remote, "/run/socket")) is None


def test_the_clients_that_came_first_are_forgotten_first() -> None:
    memory, known = Memory(), decision()
    ends = [((f"2001:db8::{number:x}", 4711, 0, 0), ("::1", 25, 0, 0)) for number in range(2 * MOST_KEPT)]
    for each in ends:
        memory.keep(each, known)
    assert [memory.find(each) is known for each in ends] == [False] * MOST_KEPT + [True] * MOST_KEPT


def test_both_forms_of_an_environment_are_the_same() -> None:
    template = EnvironmentTemplate(
        {b"A": b"100% a=b", b"TCPREMOTEPORT": b"", b"TCPCONNNUM": b""}, (b"TCPREMOTEPORT", b"TCPCONNNUM")
    )
    expected = {b"A": b"100% a=b", b"TCPREMOTEPORT": b"4711", b"TCPCONNNUM": b"3"}
    assert template.variables(4711, 3) == expected
    assert template.words(4711, 3) == [b"%b=%b" % item for item in expected.items()]


def test_two_clients_never_see_each_others_variables() -> None:
    template = decision().environment
    first, second = template.words(1, 1), template.words(2, 2)
    assert (b"TCPREMOTEPORT=1" in first, b"TCPREMOTEPORT=2" in first) == (True, False)
    assert (b"TCPREMOTEPORT=1" in second, b"TCPREMOTEPORT=2" in second) == (False, True)


def test_what_a_rule_removes_is_gone_even_if_every_server_gets_it() -> None:
    known = decision()
    known.verdict = Verdict(ALLOW, variables={b"A": None, b"TCPREMOTEPORT": None, b"B": b"rule"})
    variables = known.environment.variables(4711, 1)
    assert {name: variables.get(name) for name in (b"A", b"TCPREMOTEPORT", b"B")} == {
        b"A": None, b"TCPREMOTEPORT": None, b"B": b"rule"
    }  # fmt: skip


@pytest.mark.parametrize("name", [b"TCPREMOTEPORT", b"TCPCONNNUM", b"TCPCONCURRENCY"])
def test_a_variable_that_client_env_sets_is_the_same_as_from_sockgate(name: bytes) -> None:
    known = decision("--client-env", f"{name.decode()}={{TCPLOCALPORT}}")
    assert known.environment.variables(4711, 1)[name] == b"25"


def test_a_local_client_has_no_port_and_keeps_what_every_server_is_given() -> None:
    known = Decision(Gate(parse(["/usr/bin/server"])), {b"TCPREMOTEPORT": b"25"}, local_user(), Verdict(ALLOW))
    assert known.environment.variables(0, 3) == {
        b"PROTO": b"UNIX", b"TCPREMOTEPORT": b"25", b"TCPCONNNUM": b"3", b"TCPCONCURRENCY": b"3",
        b"UNIXREMOTEPID": b"1", b"UNIXREMOTEEUID": b"1000", b"UNIXREMOTEEGID": b"1000",
    }  # fmt: skip


def test_the_text_is_worked_out_once() -> None:
    known = decision("--relay", "192.0.2.0/24")
    assert known.text is known.text
    assert known.text.note == ": relay (192.0.2.0/24)"
