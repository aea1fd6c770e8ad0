"""TCPDOPTS in the real start scripts of Courier: the words that couriertcpd gets, and those that `convert` reads."""

import shlex

import pytest

from sockgate.convert.couriertcpd.given_options import words_of
from sockgate.convert.couriertcpd.service import evaluate
from sockgate.convert.couriertcpd.settings import Settings
from sockgate.convert.report import Report
from sockgate.courier import SERVERS
from sockgate.host.host import Host
from tests.system.machine import Machine

pytestmark = pytest.mark.oldest_and_newest("Courier's scripts make the words: its oldest version and its newest")

PROFILE = "more"
FIRST, LAST = "-denymsg=first", "-warn=77"
DUMP = "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done > /run/words\n"
TEXTS = (
    '-denymsg="Goaway"', '-denymsg="No IMAP here"', "-denymsg='No IMAP here'", r"-denymsg=No\ IMAP",
    "-denymsg=a${HOME}b", "-denymsg=a$PORT", r"-denymsg=\$HOME", "-denymsg=a\"b'c\"d", '"-denymsg=x y" -listen=5',
    "-denymsg=a#b", "-denymsg=",
    "-denymsg=%n%%", r"-denymsg=a\\b", '-denymsg="a   b"', "-block=bl.example,BLOCK,\"Your  address\"",
    "-nodnslookup   -noidentlookup", "-denymsg=a\tb", "-denymsg=~x", "-denymsg=a*b", '-denymsg="a;b" -user=games',
    "-denymsg=$UNSET", '-denymsg="$MAXPERIP"',
)  # fmt: skip
SCRIPTS = {"imapd": "imapd", "pop3d": "pop3d", "imapd-ssl": "imapd-ssl", "pop3d-ssl": "pop3d-ssl", "esmtpd": "esmtpd",
           "esmtpd-ssl": "esmtpd-ssl"}  # fmt: skip


@pytest.fixture(scope="module")
def courier(machine: Machine) -> Machine:
    machine.write("/opt/words", DUMP, 0o755)
    machine.shell(
        "for n in couriertcpd courierlogger; do mv /usr/sbin/$n /usr/sbin/$n.real; cp /opt/words /usr/sbin/$n; done"
    )
    machine.shell("cp -a /etc/courier /etc/courier.before")
    return machine


def between(words: list[str]) -> list[str]:
    return words[words.index(FIRST) : words.index(LAST)]


def by_the_script(machine: Machine, name: str) -> list[str]:
    machine.shell(f"rm -f /run/words; /usr/lib/courier/{SCRIPTS[name]} start", check=False)
    machine.wait_for(lambda: machine.path("/run/words").exists(), "the script to start something")
    return between(machine.read("/run/words").split("\0"))


def by_convert(machine: Machine, name: str) -> list[str]:
    path = str(machine.path(f"/etc/courier/{name}"))
    host, report = Host(posix_shell="dash"), Report()
    values = evaluate(path, name, host, report)
    assert values is not None
    settings = Settings(name, path, SERVERS[name], host, values, {}, report)
    return between(words_of(settings, "TCPDOPTS"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_quotes_in_tcpdopts_mean_what_the_start_script_makes_of_them(courier: Machine, name: str) -> None:
    for text in TEXTS:
        courier.shell("rm -rf /etc/courier; cp -a /etc/courier.before /etc/courier")
        line = f"TCPDOPTS={shlex.quote(f'{FIRST} {text} {LAST}')}\n"
        path = f"/etc/courier/{name}"
        courier.write(path, courier.read(path) + line)
        assert by_convert(courier, name) == by_the_script(courier, name), text
