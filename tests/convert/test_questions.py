"""What a run script asks of this machine: each answer has its line, and no answer opens a door."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)
DAEMON = "exec start-stop-daemon --start --exec /usr/bin/"
SERVER = "exec tcpserver -RHl0 $X 0 2525 $P /bin/cat"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter: pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # the folders above it are open as well
        Path(name).chmod(0o755)
        yield Path(name)


def convert(folder: Path, script: str) -> Conversion:
    (folder / "there").write_text("no\n")
    (folder / "n").write_text("7\n")
    (folder / "program").write_text("#!/bin/sh\n")
    (folder / "program").chmod(0o755)
    (folder / "run").write_text(f"#!/bin/sh\n{script}\n")
    return programs.convert("tcpserver", [str(folder / "run")], HOST)


def units(conversion: Conversion) -> str:
    return "\n".join(map(format_unit, conversion.units))


def told(conversion: Conversion, what: str) -> list[str]:
    return [entry.text for entry in conversion.report.entries if entry.what == what]


# (script, the question that decides): this machine's answer leaves a restriction out.
OPEN = [
    ('[ -f gone ] && X="-x gone"', "[ -f gone ]"),
    ('[ -e gone ] && X="-x gone"', "[ -e gone ]"),
    ('[ -r gone ] && X="-x gone"', "[ -r gone ]"),
    ('test -s gone && X="-x gone"', "[ -s gone ]"),
    ('[ -L there ] && X="-x there"', "[ -L there ]"),
    ('[ -x there ] && X="-x there"', "[ -x there ]"),
    ('[ ! -d gone ] || X="-x gone/rules"', "[ -d gone ]"),
    ("[ -f gone ] && X=-p", "[ -f gone ]"),
    ('[ -f gone ] && P="rblsmtpd -r z"', "[ -f gone ]"),
    ("[ -f gone ] && P=spamdyke", "[ -f gone ]"),
    ("if [ -f gone ]; then exec tcpserver -RHl0 -x gone 0 2525 /bin/cat; else exec tcpserver -RHl0 0 2525 /bin/cat; fi",
     "[ -f gone ]"),
    ("[ -f gone ] && exec tcpserver -RHl0 127.0.0.1 2525 /bin/cat", "[ -f gone ]"),
    ("command -v no-such-program >/dev/null 2>&1 && P=no-such-program", "command -v no-such-program"),
    ("if type no-such-program; then P=no-such-program; fi", "type no-such-program"),
    ("cd gone && X='-x rules'; true", "cd gone"),
    ("hash no-such-program && P=no-such-program", "hash no-such-program"),
    ("P=`which no-such-program 2>/dev/null || :`", "which no-such-program"),
    ('for f in rules.d/*.cdb; do [ -e "$f" ] && X="-x $f"; done', "[ -e rules.d/*.cdb ]"),
    ("[ -r gone ] && . ./gone", "[ -r gone ]"),
    ('X=; [ -r gone ] && . ./gone', "[ -r gone ]"),
    ('[ "$(cat gone 2>/dev/null)" = yes ] && P="rblsmtpd -r z"', "[ '' = yes ]"),
    ('[ "$(cat there)" = yes ] && P="rblsmtpd -r z"', "[ no = yes ]"),
    ('R=`cat there`; [ "$R" != yes ] || P="rblsmtpd -r z"', "[ no != yes ]"),
    ('case $(cat there) in yes) X="-x rules";; esac', "case no in"),
    ("R=$(cat gone 2>/dev/null); X=${R:+-x rules}", "${R:+-x rules}"),
    ("for z in $(cat gone 2>/dev/null); do P=\"rblsmtpd -r $z\"; done", "cat gone"),
    ('[ "$(hostname)" = mx ] && X="-x rules"', None),
    ('[ -f gone ] && [ -x gone/x ] && X="-x rules"', "[ -f gone ] and [ -x gone/x ]"),
    ('if [ -f gone ]; then [ -f there ] && X="-x rules"; fi', "[ -f gone ]"),
    ('R=$(cat there) || X="-x rules"', "cat there"),
    ('[ -z "$(cat there)" ] && X="-x rules"', "[ -z no ]"),
    ("R=$(cat there); X=${R:--x rules}; [ $X = no ] && X=", "${R:--x rules}"),
    ('[ -f gone -a -f there ] && X="-x gone"', "[ -f gone ]"),
    ('[ -f gone -o -f gone2 ] && X="-x gone"', "[ -f gone ]"),
    ("[ -f there ] && export RELAYCLIENT=", "[ -f there ]"),
    ("[ -f there ] && export RBLSMTPD=; P=rblsmtpd", "[ -f there ]"),
    ("[ -f gone ] && export RBLSMTPD=closed", "[ -f gone ]"),
    ("f() { [ -f gone ]; }; f && X='-x gone'", "[ -f gone ]"),
    ("[ -f gone ]; [ $? -eq 0 ] && X='-x gone'", "[ -f gone ]"),
    (f'[ -f gone ] && X="-x gone"\n{DAEMON}tcpserver -p /run/x -- -RHl0 $X 0 2525 /bin/cat', "[ -f gone ]"),
    (f"[ -f gone ] && X=127.0.0.1\n{DAEMON}tcpserver -c daemon -- -RHl0 -- ${{X:-0}} 2525 /bin/cat", "[ -f gone ]"),
    (f"[ -f gone ] && X=,range=10.0.0.0/8\n{DAEMON}socat -- TCP-LISTEN:2525,fork$X EXEC:/bin/cat", "[ -f gone ]"),
]  # fmt: skip


@pytest.mark.parametrize(("script", "question"), OPEN, ids=[script for script, _ in OPEN])
def test_where_the_other_answer_lets_in_fewer_clients_the_service_is_refused(
    script: str, question: str | None, folder: Path
) -> None:
    conversion = convert(folder, f"{script}\n{SERVER}")
    assert conversion.units == ()
    refusals = [entry for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert all("fewer clients may come in" in entry.text for entry in refusals)
    assert question is None or question in [entry.what for entry in refusals]


# (script, words in the unit): this machine's answer is the stricter one, or both let in the same clients.
STRICT = [
    ('[ -f there ] && X="-x there"', "--rules"),
    ("[ -x program ] && P=./program", "program"),
    ('[ "$(cat there)" = no ] && P="rblsmtpd -r z"', "rblsmtpd -r z"),
    ("[ -f gone ] && X=-c9", "MaxConnections=40"),
    ("[ -f gone ] && X=-R", "/bin/cat"),
    ("C=$(cat gone 2>/dev/null || echo 7); X=-c$C", "MaxConnections=7"),
    ("command -v sh >/dev/null && X=-c8", "MaxConnections=8"),
    ("[ -f gone ] && export NOTE=1", "/bin/cat"),
    ("N=`cat n` && exec tcpserver -RHl0 -c $N -x rules 0 2525 /bin/cat", "--rules"),
    ("N=`cat there` && exec tcpserver -RHl0 -x $N 0 2525 /bin/cat", "--rules"),
    ("exec tcpserver -RHl0 -u $(getent passwd daemon | cut -d: -f3) -g 8 0 2525 /bin/cat", "User=1"),
    ("[ -d there ] || ulimit -n 77", "--rlimit nofile=77"),
    (f'[ -f there ] && X="-x there"\n{DAEMON}tcpserver -p /run/x -- -RHl0 $X 0 2525 /bin/cat', "--rules"),
]


@pytest.mark.parametrize(("script", "words"), STRICT, ids=[script for script, _ in STRICT])
def test_the_stricter_answer_is_kept(script: str, words: str, folder: Path) -> None:
    assert words in units(convert(folder, f"{script}\n{SERVER}"))


def test_a_line_says_what_was_asked_what_this_machine_says_and_what_follows(folder: Path) -> None:
    conversion = convert(
        folder, f'[ -f there ] && X="-x there"\n[ -d gone ] && Y=1\n[ -f gone ] && ulimit -n 9\n{SERVER}'
    )
    assert told(conversion, "[ -f there ]") == [
        "it is a file; otherwise tcpserver -RHl0 0 2525 /bin/cat, and the unit does not ask again"
    ]
    assert told(conversion, "[ -d gone ]") == ["there is no such folder; nothing that is started depends on it"]
    assert told(conversion, "[ -f gone ]") == [
        "there is no such file; otherwise the server has other variables or limits"
    ]
    (entry,) = (entry for entry in conversion.report.entries if entry.what == "[ -d gone ]")
    assert (entry.place.line, entry.outcome) == (3, Outcome.TRANSLATED)


def test_a_guard_that_would_start_nothing_is_told(folder: Path) -> None:
    conversion = convert(folder, f"if [ ! -x program ]; then exit 0; fi\n{SERVER}")
    assert told(conversion, "[ -x program ]") == [
        "it can be executed; otherwise the script starts no server, and the unit does not ask"
    ]
    assert conversion.units


@pytest.mark.parametrize(
    ("script", "asked", "file"),
    [
        ('X="-c $(cat n)"', "cat n", "FOLDER/n"),
        ("X=-c$(head -1 n)", "head -1 n", "FOLDER/n"),
        ("X=-c`cat < n`", "< n", "FOLDER/n"),
        ('X="-l $(hostname)"', "hostname", "the name of the machine"),
        (". ./settings", ". ./settings", "FOLDER/settings"),
        ("for f in [n]; do X=-l$f; done", "[n]", "the files that it names"),
        ("P=`getent passwd root | cut -d: -f6`/x", "getent passwd root", "/etc/passwd"),
        ("export HOME=~root", "~root", "/etc/passwd"),
        ('U="$(cat n)"; export U', "cat n", "FOLDER/n"),
        ("ulimit -n `cat n`", "cat n", "FOLDER/n"),
    ],
)
def test_a_value_that_the_unit_keeps_is_named_with_the_file_that_no_longer_counts(
    script: str, asked: str, file: str, folder: Path
) -> None:

    (folder / "settings").write_text("X=-c7\n")
    conversion = convert(folder, f"{script}\n{SERVER}")
    assert conversion.units
    (text,) = told(conversion, asked)
    assert text.endswith(f"the unit keeps that, and {file.replace('FOLDER', str(folder))} no longer counts")


COURIER = "ADDRESS=0\nPORT=143\nIMAPDSTART=YES\nMAXDAEMONS=9\nTCPDOPTS=-nodnslookup\n"


def convert_courier(folder: Path, text: str) -> Conversion:
    (folder / "imapd").write_text(COURIER + text)
    return programs.convert("couriertcpd", [str(folder / "imapd")], HOST)


@pytest.mark.parametrize(
    "text",
    [
        '[ -f gone ] && IMAPACCESSFILE=/etc/courier/access', '[ -r gone ] && BLACKLISTS="-block=z"',
        'if [ -x /gone ]; then TCPDOPTS="$TCPDOPTS -accesslocal"; fi', "[ -d /etc ] || ADDRESS=127.0.0.1",
        '[ "$(cat gone 2>/dev/null)" = yes ] && ADDRESS=127.0.0.1', "[ -r gone ] && . ./gone",
    ],
)  # fmt: skip
def test_settings_of_courier_that_would_let_in_other_clients_are_refused(text: str, folder: Path) -> None:
    conversion = convert_courier(folder, text)
    assert conversion.units == ()
    refusals = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert refusals
    assert all("would say something else about clients" in text for text in refusals)


def test_a_question_of_couriers_settings_has_its_line(folder: Path) -> None:
    conversion = convert_courier(folder, "[ -f gone ] && IMAP_UMASK=077")
    assert told(conversion, "[ -f gone ]") == [
        "there is no such file; the socket asks again when it starts, for the variables of the server alone"
    ]
    assert conversion.units
