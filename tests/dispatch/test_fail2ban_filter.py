"""The filter for fail2ban: which of the clients that a gate refuses it has banned. The lines are of real gates."""

import re
import socket
import time
from configparser import ConfigParser

import pytest

from tests.connection.launch import SOURCE, Launcher
from tests.connection.test_datagram import bound, run, send
from tests.dispatch.conftest import Start
from tests.dispatch.gated import Gated

ADDRESS = r"\[?(?P<address>[0-9a-f.:]+?)\]?"  # what <ADDR> stands for
HOLD = ("/bin/sh", "-c", "read -r line")
NO_NAME_SERVER = """
import _socket
from sockgate.access import dnsbl
from sockgate.resolve import dns_client, host_lookup
def fail(packed):
    raise _socket.gaierror(_socket.EAI_AGAIN, "Temporary failure in name resolution")
host_lookup.reverse_name = fail
dnsbl.DnsLists.exempt = lambda *_: ""  # a client of this machine is asked about as well
dns_client.known_servers = lambda: [("127.0.0.1", 9)]
"""
BUSY = "import os, posix; posix.getloadavg = os.getloadavg = lambda: (9.0, 9.0, 9.0)"
# An interval that is not now.
LATER = "-".join(time.strftime("%H:%M", time.localtime(time.time() + seconds)) for seconds in (7200, 7320))
TRUSTED = ("--proxy-protocol", "127.0.0.1", "--timeout", "0.3")


def counts(line: str) -> bool:
    """Whether fail2ban counts this line of a gate, as it reads it from the journal."""
    parser = ConfigParser()
    parser.read(SOURCE / "sockgate" / "fail2ban" / "filter.d" / "sockgate.conf")
    definition = parser["Definition"]
    journal = f"host {line.replace(': ', '[4711]: ', 1)}"
    patterns = [pattern.replace("<ADDR>", ADDRESS) for pattern in definition["failregex"].splitlines()]
    ignored = [pattern for pattern in definition["ignoreregex"].splitlines() if pattern]
    assert ignored
    return any(re.search(one, journal) for one in patterns) and not any(re.search(one, journal) for one in ignored)


def refused(one: Gated, times: int = 1) -> list[str]:
    """The last lines about a refusal, in sockgate's own form."""
    return one.wait_for("refused 127.0.0.1", times)


@pytest.mark.parametrize(
    ("words", "say", "code", "expected"),
    [
        (("--deny", "127.0.0.1"), b"", "", True),
        (("--allow", "192.0.2.1"), b"", "", True),
        (("--only-from", "192.0.2.1"), b"", "", True),
        (("--only-from", ".example.net"), b"", NO_NAME_SERVER, False),
        (("--no-access", ".example.net"), b"", NO_NAME_SERVER, False),
        (("--greet-delay", "30"), b"already 1 connection (--max-connections)", "", True),
        (("--greet-delay", "30"), b"/a:1: x: unable to tell whether that is this client: ", "", True),
        (("--max-load", "1"), b"", BUSY, False),
        (("--access-times", LATER), b"", "", False),
        (("--dnsbl", "list.example", "--dnsbl-fail", "closed"), b"", NO_NAME_SERVER, False),
        (("--proxy-protocol", "192.0.2.1"), b"", "", True),
        (TRUSTED, b"", "", False),
        (TRUSTED, b"EHLO\r\n", "", False),
        (TRUSTED, b"PROXY TCP4 127.0.0.9 192.0.2.1 1 2\r\n", "", False),
        ((*TRUSTED, "--deny", "192.0.2.7"), b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n", "", True),
    ],
)
def test_a_client_is_banned_for_what_it_is_and_does_and_not_for_the_state_of_this_machine(
    gated: Start, words: tuple[str, ...], say: bytes, code: str, *, expected: bool
) -> None:
    one = gated("--name", "smtp", *words, "/bin/true", code=code)
    for _ in range(12):
        with one.connect() as client:
            client.sendall(say)
            try:
                client.shutdown(socket.SHUT_WR)
                client.recv(1)
            except OSError:
                continue
    one.wait_for("refused ", 10)
    one.stop()
    lines = one.lines(r" refused (127\.0\.0\.1|192\.0\.2\.7)")
    assert len(lines) == 11, one.log()
    assert " 2 more times on " in lines[-1]
    assert [counts(line) for line in lines] == [expected] * 11, lines


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--max-connections", "1", "--at-limit", "refuse"), False),
        (("--rate", "1/60", "--at-limit", "refuse"), False),
        (("--cps", "1/60", "--at-limit", "refuse"), False),
        (("--max-per-minute", "1/60", "--at-limit", "refuse"), False),
        (("--max-per-source", "1"), True),
        (("--rate-per-source", "1/60"), True),
    ],
)
def test_a_client_is_banned_at_its_own_limit_and_not_at_that_of_all(
    gated: Start, words: tuple[str, ...], *, expected: bool
) -> None:
    one = gated("--name", "smtp", *words, *HOLD)
    with one.connect():
        one.wait_for("accepted")
        one.talk()
        assert [counts(line) for line in refused(one)] == [expected]


def test_a_datagram_bans_no_address(launcher: Launcher) -> None:
    """Its sender can be forged."""
    with bound() as receiver:
        send(receiver, "127.0.0.6", b"no")
        _, _, log = run(launcher, receiver, "--allow", "127.0.0.5")
    assert "refused a datagram of 127.0.0.6:" in log
    assert not counts(log)
