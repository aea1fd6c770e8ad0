"""The table of sessions."""

from sockgate.core import Verdict
from sockgate.dispatch.options import Limits
from sockgate.dispatch.session_table import SessionTable
from sockgate.dispatch.sessions import Session, Sessions
from tests.core.clients import client


def admitted(sessions: Sessions, ip: str = "192.0.2.1") -> Session:
    session = sessions.begin(client(ip))
    assert isinstance(session, Session)
    return session


def started(sessions: Sessions, pid: int, ip: str = "192.0.2.1") -> Session:
    session = admitted(sessions, ip)
    session.pid = pid
    sessions.started(session)
    return session


def reason(answer: Session | Verdict | None) -> str:
    assert isinstance(answer, Verdict)
    return answer.reason


def test_a_client_counts_from_the_verdict_until_its_server_has_ended() -> None:
    sessions = Sessions(Limits(connections=1), SessionTable(10))
    session = started(sessions, 10)
    assert (sessions.count, sessions.full) == (1, True)
    assert reason(sessions.begin(client("192.0.2.2"))) == "already 1 connection (--max-connections)"
    assert sessions.ended(10, 0) is session
    assert (sessions.count, sessions.full, sessions.served) == (0, False, 1)


def test_a_process_without_a_client_ends_no_session() -> None:
    sessions = Sessions(Limits(), SessionTable(10))
    started(sessions, 10)
    assert sessions.ended(11, 0) is None
    assert sessions.count == 1


def test_a_server_that_could_not_be_started_leaves_nothing_behind() -> None:
    sessions = Sessions(Limits(per_source=1), SessionTable(10))
    sessions.end(admitted(sessions))
    assert sessions.count == 0
    assert isinstance(sessions.begin(client("192.0.2.1")), Session)


def test_the_child_is_told_how_many_of_its_source_there_are() -> None:
    sessions = Sessions(Limits(), SessionTable(10))
    assert [admitted(sessions).number for _ in range(2)] == [1, 2]
    assert admitted(sessions, "192.0.2.2").number == 1


def test_behind_a_proxy_the_client_counts_not_the_proxy() -> None:
    sessions = Sessions(Limits(per_source=1), SessionTable(10))
    proxy = client("10.0.0.1")
    strangers = [sessions.begin_behind_proxy(proxy) for _ in range(3)]
    answers = []
    for stranger, ip in zip(strangers, ("192.0.2.1", "192.0.2.2", "192.0.2.1"), strict=True):
        assert isinstance(stranger, Session)
        answers.append(sessions.name_client(stranger, client(ip)))
    assert answers[:2] == [None, None]
    assert reason(answers[2]) == "already 1 connection from this source (--max-per-source)"
    assert sessions.count == 3


def test_a_client_that_never_sends_its_header_is_forgotten_when_its_process_ends() -> None:
    sessions = Sessions(Limits(connections=1), SessionTable(10))
    stranger = sessions.begin_behind_proxy(client("10.0.0.1"))
    assert isinstance(stranger, Session)
    assert reason(sessions.begin_behind_proxy(client("10.0.0.1"))) == "already 1 connection (--max-connections)"
    stranger.pid = 10
    sessions.started(stranger)
    sessions.ended(10, 0)
    assert sessions.count == 0


def test_a_client_that_is_named_after_its_end_does_not_count_for_good() -> None:
    """Its child was killed after it had named the client, and was reaped before it was heard."""
    sessions = Sessions(Limits(per_source=1), SessionTable(10))
    session = sessions.begin_behind_proxy(client("10.0.0.1"))
    assert isinstance(session, Session)
    session.pid = 10
    sessions.started(session)
    assert sessions.ended(10, 0) is session
    assert sessions.name_client(session, client("192.0.2.1")) is None
    admitted(sessions, "192.0.2.1")
