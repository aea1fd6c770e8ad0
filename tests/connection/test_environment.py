"""The server's environment: scrubbing and the UCSPI variables."""

import pytest

from sockgate.connection.server import initial_environment, parse_assignments, parse_names, peer_variables, scrub
from sockgate.core import UsageError
from sockgate.core.options import to_bytes
from sockgate.core.peer import Peer, internet_peer, pack


def tcp_peer(remote: str = "192.0.2.7", local: str = "192.0.2.1") -> Peer:
    return internet_peer(pack(remote), 4711, pack(local), 25)


def test_scrubbing_takes_names_whole_and_families_by_their_beginning() -> None:
    kept = {name: b"x" for name in (
        b"PATH", b"PROTOCOL", b"PROTO_", b"XPROTO", b"RELAYCLIENTS", b"MYRELAYCLIENT", b"TCP", b"TCP6", b"TCP_NODELAY",
        b"TCPIP", b"SSL_CERT_FILE", b"UNIX", b"XTCPREMOTEIP", b"tcpremoteip", b"LISTEN", b"REMOTE_ADDRESS", b"REMOTE",
        b"WATCHDOG", b"NOTIFY_SOCKETS", b"INVOCATION_ID", b"JOURNAL_STREAM",
    )}  # fmt: skip
    planted = {name: b"x" for name in (
        b"PROTO", b"RELAYCLIENT", b"RELAYHOST", b"RBLSMTPD", b"BLOCK", b"BLOCKED", b"TCPREMOTEIP", b"TCPLOCAL",
        b"TCP6REMOTEIP", b"TCP6LOCALHOST", b"TCP6INTERFACE", b"SSLREMOTEIP", b"SSLLOCALPORT", b"UNIXREMOTEPID",
        b"UNIXLOCALPATH", b"LISTEN_", b"LISTEN_FDS", b"NOTIFY_SOCKET", b"WATCHDOG_PID", b"REMOTE_ADDR",
        b"REMOTE_HOST", b"REMOTE_PORT", b"SO_COOKIE", b"SOCKGATE_OPTIONS", b"", b"SSL_PROTOCOL", b"SSL_CIPHER",
        b"SSL_CLIENT_S_DN_CN", b"SSL_TLS_SNI_SERVERNAME",
    )}  # fmt: skip
    assert scrub(kept | planted) == kept


def test_what_is_known_of_a_peer_is_set_and_what_is_unknown_stays_unset() -> None:
    peer = tcp_peer()
    known = {
        b"PROTO": b"TCP",
        b"TCPLOCALIP": b"192.0.2.1",
        b"TCPLOCALPORT": b"25",
        b"TCPREMOTEIP": b"192.0.2.7",
        b"TCPREMOTEPORT": b"4711",
    }
    assert peer_variables(peer) == known
    peer.host, peer.local_host, peer.info = "client.test", "server.test", ""
    names = {b"TCPREMOTEHOST": b"client.test", b"TCPLOCALHOST": b"server.test", b"TCPREMOTEINFO": b""}
    assert peer_variables(peer) == known | names


def test_an_ipv6_peer_has_both_sets_and_its_interface() -> None:
    peer = tcp_peer("fe80::1", "fe80::2")
    peer.host, peer.interface = "client.test", "wlan\udcff"
    variables = peer_variables(peer)
    assert variables[b"PROTO"] == b"TCP6"
    assert variables[b"TCP6INTERFACE"] == b"wlan\xff"
    layers = [
        {name.removeprefix(layer): value for name, value in variables.items() if name.startswith(layer)}
        for layer in (b"TCPL", b"TCP6L", b"TCPR", b"TCP6R")
    ]
    assert layers[0] == layers[1] == {b"OCALIP": b"fe80::2", b"OCALPORT": b"25"}
    assert layers[2] == layers[3] == {b"EMOTEIP": b"fe80::1", b"EMOTEPORT": b"4711", b"EMOTEHOST": b"client.test"}


def test_a_unix_peer_without_credentials_or_path_sets_only_proto() -> None:
    peer = Peer("UNIX")
    assert peer_variables(peer) == {b"PROTO": b"UNIX"}
    peer.credentials, peer.local_path = (1, 2, 4294967295), "/run/\udcff"
    assert peer_variables(peer) == {
        b"PROTO": b"UNIX",
        b"UNIXLOCALPATH": b"/run/\xff",
        b"UNIXREMOTEPID": b"1",
        b"UNIXREMOTEEUID": b"2",
        b"UNIXREMOTEEGID": b"4294967295",
    }


def test_assignments_are_split_at_the_first_equals_sign_and_the_last_one_counts() -> None:
    assert parse_assignments(["A=1", "B=", "C=x=y", "A=2", "\udcff=\udcfe"]) == {
        b"A": b"2",
        b"B": b"",
        b"C": b"x=y",
        b"\xff": b"\xfe",
    }
    assert parse_assignments([]) == {}
    for word in ("", "A", "=", "=x", "a b"):
        with pytest.raises(UsageError) as caught:
            parse_assignments(["GOOD=1", word])
        assert str(caught.value) == f"--env: {word!r} is not VAR=VALUE"


def test_pass_env_keeps_names_between_blanks_or_commas() -> None:
    for names, kept in (
        ("A", {b"A"}),
        ("A,B", {b"A", b"B"}),
        (" B  \udcff\t", {b"B", b"\xff"}),
        ("", set()),
        ("a", {b"a"}),
    ):
        assert parse_names(names) == kept


def test_words_go_back_to_the_bytes_that_they_were() -> None:
    assert to_bytes("é\udcff") == b"\xc3\xa9\xff"


def test_the_initial_environment_is_what_exec_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET_LATER", "1")
    assert not any(assignment.startswith(b"SET_LATER=") for assignment in initial_environment())
    assert any(assignment.startswith(b"PATH=") for assignment in initial_environment())
