"""--hosts-access: which rule decides, and what is an error."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sockgate.access.hosts_access import HostsAccess
from sockgate.access.hosts_table import LONGEST_RULE
from sockgate.connection import Gate
from sockgate.core import ALLOW, DENY, NO_MATCH, ConfigError, UsageError
from sockgate.core.host_names import CONFIRMED, FAILED
from sockgate.core.options import parse
from sockgate.core.rule_files import MISSING, Sources
from tests.access.hosts_tables import DAEMON, error_of, named, read, read_bytes
from tests.core.clients import client


@pytest.mark.parametrize(
    ("allow", "deny", "outcome", "rule"),
    [
        ("", "", NO_MATCH, ""),
        ("smtpd: 192.0.2.1\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("smtpd: 192.0.2.2\n", "ALL: ALL\n", DENY, "hosts.deny:1"),
        ("sshd: ALL\n", "smtpd: ALL\n", DENY, "hosts.deny:1"),
        ("sshd: ALL\n", "sshd: ALL\n", NO_MATCH, ""),
        ("# ALL: ALL\n\n \t\nsmtpd: ALL\n", "", ALLOW, "hosts.allow:4"),
        ("smtpd: \\\n  192.0.2.2 \\\n  192.0.2.1\n", "", ALLOW, "hosts.allow:1"),
        ("# a comment goes on \\\nsmtpd: ALL\n", "ALL: ALL\n", DENY, "hosts.deny:1"),
        ("smtpd: ALL EXCEPT 192.0.2.0/24\n", "ALL: ALL\n", DENY, "hosts.deny:1"),
        ("smtpd: ALL EXCEPT 192.0.2.0/24 EXCEPT 192.0.2.1\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("ALL EXCEPT smtpd: ALL\n", "ALL: ALL\n", DENY, "hosts.deny:1"),
        ("ALL EXCEPT sshd: ALL\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("ALL: 192.0.2.1: deny\n", "", DENY, "hosts.allow:1"),
        ("", "ALL: 192.0.2.1: allow\nALL: ALL\n", ALLOW, "hosts.deny:1"),
        ("sshd, smtpd,ftpd : 10. , 192.0.\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("25: ALL\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("26: ALL\n", "ALL: ALL\n", DENY, "hosts.deny:1"),
        ("smtpd@127.0.0.1: ALL\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("smtpd@127.0.0.2: ALL\n", "ALL: ALL\n", DENY, "hosts.deny:1"),
        ("25@127.: ALL\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
        ("ALL: ALL@192.0.2.1\n", "ALL: ALL\n", ALLOW, "hosts.allow:1"),
    ],
)
def test_the_first_rule_that_matches_decides(tmp_path: Path, allow: str, deny: str, outcome: str, rule: str) -> None:
    verdict = read(tmp_path, allow, deny).decide(client("192.0.2.1"))
    assert (verdict.outcome, str(verdict.cause or "")) == (outcome, f"{tmp_path}/{rule}" if rule else "")
    assert verdict.reason == (f"{verdict.cause}: {verdict.cause.text}" if verdict.cause else "")


@pytest.mark.parametrize("byte", [b"\x0b", b"\x0c", b"\x1c", b"\x1f", b"\x85", b"\xa0"])
@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        (b"smtpd: other%bALL\n", b"ALL: ALL\n"),
        (b"smtpd: other%b192.0.2.1\n", b"ALL: ALL\n"),
        (b"other%bsmtpd: 192.0.2.1\n", b"ALL: ALL\n"),
        (b"", b"smtpd: ALL%bEXCEPT 192.0.2.1\n"),
        (b"", b"smtpd: ALL EXCEPT x%bALL\n"),
    ],
)
def test_only_blanks_commas_and_carriage_returns_stand_between_words(
    tmp_path: Path, byte: bytes, allow: bytes, deny: bytes
) -> None:
    """All these bytes are white space to str.split(). The last two are bytes of letters in UTF-8."""
    tables = [table.replace(b"%b", byte).decode("latin-1") for table in (allow, deny)]
    assert read_bytes(tmp_path, *tables).decide(client("192.0.2.1")).outcome == DENY


@pytest.mark.parametrize("byte", [b"\x1c", b"\x1f", b"\x85", b"\xa0"])
def test_only_white_space_of_c_stands_around_an_option(tmp_path: Path, byte: bytes) -> None:
    table = b"smtpd: 192.0.2.1: allow%b\n".replace(b"%b", byte).decode("latin-1")
    assert read_bytes(tmp_path, table, "ALL: ALL\n").decide(client("192.0.2.1")).outcome == DENY
    table = "smtpd: 192.0.2.1: allow\f\n"
    assert read_bytes(tmp_path, table, "ALL: ALL\n").decide(client("192.0.2.1")).outcome == ALLOW


@pytest.mark.parametrize(("byte", "outcome"), [(b"\x85", DENY), (b"\xa0", DENY), (b"\x0c", ALLOW), (b"\x0b", ALLOW)])
def test_white_space_of_c_stands_between_the_words_of_a_file_of_patterns(
    tmp_path: Path, byte: bytes, outcome: str
) -> None:
    (tmp_path / "list").write_bytes(b"192.0.2.7%b192.0.2.1\n".replace(b"%b", byte))
    access = read(tmp_path, f"smtpd: {tmp_path}/list\n", "ALL: ALL\n")
    assert access.decide(client("192.0.2.1")).outcome == outcome


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        ("ALL: 192.0.2.1:\n", ""),
        ("ALL: 192.0.2.1: \n", ""),
        ("ALL: ALL:\n", ""),
        ("ALL: 192.0.2.1: keepalive:\n", ""),
        ("ALL: 192.0.2.1: allow:\n", ""),
        ("", "ALL: 192.0.2.1: allow:\n"),
    ],
)
def test_a_colon_at_the_end_of_a_rule_refuses_its_clients_as_in_libwrap(tmp_path: Path, allow: str, deny: str) -> None:
    access = read(tmp_path, allow, deny)
    assert access.decide(client("192.0.2.1")).outcome == DENY
    assert "there is no option behind a colon" in str(access.warnings[0])


@pytest.mark.parametrize(
    ("allow", "deny", "outcome"),
    [
        ("ALL: .example.com\n", "", NO_MATCH),
        ("ALL: .example.com\n", "ALL: ALL\n", DENY),
        ("ALL: .example.com 192.0.2.1\n", "ALL: ALL\n", ALLOW),
        ("", "ALL: .example.com\n", DENY),
        ("ALL: .example.com: deny\n", "", DENY),
        ("", "ALL: .example.com: allow\nALL: 192.0.2.1\n", DENY),
        ("ALL: ALL EXCEPT .example.com\n", "ALL: ALL\n", DENY),
        ("", "ALL: ALL EXCEPT .example.com\n", DENY),
        ("", "ALL: 192.0.2.1 EXCEPT ALL EXCEPT .example.com\n", DENY),
        ("", "ALL: @broken\n", DENY),
        ("", "smtpd@.example.com: 192.0.2.1\n", DENY),
        ("", "smtpd@.example.com: 10.0.0.1\n", NO_MATCH),
        ("smtpd@.example.com: 192.0.2.1\n", "ALL: ALL\n", DENY),
        ("", "26: .example.org\nALL: .example.com\nALL: .example.net\n", DENY),
        ("", "26: .example.org\nALL: .example.com: allow\nALL: 10.\n", NO_MATCH),
        ("ALL: .example.org\nALL: 192.0.2.1\n", "ALL: .example.com\n", ALLOW),
        ("", "ALL: KNOWN LOCAL\n", DENY),
    ],
)
def test_a_name_that_cannot_be_found_out_counts_for_each_rule_that_refuses(
    tmp_path: Path, allow: str, deny: str, outcome: str
) -> None:
    answer = (CONFIRMED, "x") if "@broken" in deny else (FAILED, "", "no answer in time")
    assert read(tmp_path, allow, deny).decide(named(*answer)).outcome == outcome


def test_a_refusal_for_want_of_a_name_says_so(tmp_path: Path) -> None:
    access = read(tmp_path, "", "ALL: .example.com\n")
    for peer, problem in (
        (named(FAILED, "", "no answer in time"), "no answer in time"),
        (client("192.0.2.1"), "names are not looked up here"),
    ):
        verdict = access.decide(peer)
        where = f"{tmp_path}/hosts.deny:1"
        assert (verdict.outcome, str(verdict.cause)) == (DENY, where)
        assert verdict.cause
        assert verdict.cause.text == "ALL: .example.com"
        assert verdict.reason == f"{where}: ALL: .example.com: unable to tell whether that is this client: {problem}"
    verdict = read(tmp_path, "", "ALL: @broken\n").decide(named(CONFIRMED, "x"))
    assert verdict.reason.endswith("this client: the netgroup broken is not known")


WHAT_HAPPENS = (
    "it lets no client in", "each client that it may be about is refused", "its clients are refused",
    "its clients are refused without that", "it is left out",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("ALL", "'ALL' is not DAEMONS : CLIENTS"),
        ("ALL 10.0.0.1", "'ALL 10.0.0.1' is not DAEMONS : CLIENTS"),
        (": ALL", "': ALL' is not DAEMONS : CLIENTS"),
        (" , : ALL", "' , : ALL' is not DAEMONS : CLIENTS"),
        ("ALL:", "'' names no client"),
        ("ALL: ,", "',' names no client"),
        ("ALL: EXCEPT 10.", "'EXCEPT 10.' names no client on one side of EXCEPT"),
        ("ALL: ALL EXCEPT", "'ALL EXCEPT' names no client on one side of EXCEPT"),
        ("ALL EXCEPT: ALL", "'ALL EXCEPT' names no client on one side of EXCEPT"),
        ("ALL: 10.0.0", "no client can match '10.0.0': write 10.0.0. for a network"),
        ("ALL: 10.0.0.256", "no client can match '10.0.0.256': write 10.0.0.256. for a network"),
        ("ALL: 10.0.0.1/8", "no client can match '10.0.0.1/8': write 10.0.0.0/8"),
        ("ALL: 10.0.0.1/255.0.0.0", "no client can match '10.0.0.1/255.0.0.0': write 10.0.0.0/255.0.0.0"),
        *(
            (f"ALL: {text}", f"no client can match {text!r}: it is not NET/MASK or NET/1 to NET/32")
            for text in ("10.0.0.0/0", "10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/8x", "10.0.0.0/", "10/8", "ALL/8",
                         "10.0.0.1/255.255.255.255", "255.255.255.255/32", "10.0.0.0/8/8", "a.example.com/24")
        ),
        *(
            (f"ALL: {text}", f"no client can match {text!r}: it is not [ADDRESS] or [NET]/BITS")
            for text in ("[10.0.0.1]", "[x]", "[]", "[fd00::]/", "[fd00::]/x", "[fd00::]/129", "[::]64", "[::]/-1")
        ),
        ("ALL: [::ffff:10.0.0.1]", "no client can match '[::ffff:10.0.0.1]': write IPv4 addresses as such"),
        ("ALL: [::ffff:10.0.0.0]/104", "no client can match '[::ffff:10.0.0.0]/104': write IPv4 addresses as such"),
        (
            "ALL: 10.0.0.1 # office",
            "'#' begins a comment only at the start of a line: give the comment a line of its own",
        ),
        ("ALL: [fd00::1", "no client can match '[fd00::1'"),
        ("ALL: host!", "no client can match 'host!'"),
        ("smtpd@: ALL", "'smtpd@' names no host behind '@'"),
        ("ALL: root@", "'root@' names no host behind '@'"),
        ("ALL: root@ALL", "'root@ALL' is about the client's user, which only --ident asks for"),
        ("ALL: /no/such/file", "unable to read '/no/such/file': No such file or directory"),
        ("smtpd@10.0.0: ALL", "no client can match '10.0.0': write 10.0.0. for a network"),
        ("ALL: ALL: spawn (x)", "the option 'spawn' cannot be honoured here"),
        *((f"ALL: ALL: {key} x: allow", f"the option {key!r} cannot be honoured here")
          for key in ("twist", "aclexec", "user", "group", "linger", "rfc931")),
        ("ALL: ALL: (/bin/safe_finger @%h) &", "'(/bin/safe_finger @%h) &' is not an option of hosts_options(5)"),
        ("ALL: ALL: allow: deny", "the option 'allow' must be the last one"),
        ("ALL: ALL: deny: nice", "the option 'deny' must be the last one"),
        ("ALL: ALL: : allow", "there is no option behind a colon: take the colon away"),
        ("ALL: 10.300.", "no client can match '10.300.'"),
        ("ALL: 10.1.2.3.", "no client can match '10.1.2.3.'"),
        ("ALL: 2001:db8::/48", "an IPv6 address stands in brackets: write [2001:db8::]/48"),
        ("ALL: ALL: allow yes", "the option 'allow' takes no value"),
        ("ALL: ALL: keepalive = 1", "the option 'keepalive' takes no value"),
        ("ALL: ALL: umask", "the option 'umask' needs a value"),
        ("ALL: ALL: setenv =", "the option 'setenv' needs a value"),
        ("ALL: ALL: umask 8", "umask: '8' is not an octal mask"),
        ("ALL: ALL: umask 1000", "umask: '1000' is not an octal mask"),
        ("ALL: ALL: nice x", "nice: 'x' is not a nice value"),
        ("ALL: ALL: nice 5x", "nice: '5x' is not a nice value"),
        ("ALL: ALL: severity loud", "severity: 'loud' is not [FACILITY.]LEVEL of syslog(3)"),
        ("ALL: ALL: severity nowhere.info", "severity: 'nowhere.info' is not [FACILITY.]LEVEL of syslog(3)"),
        ("ALL: ALL: severity .info", "severity: '.info' is not [FACILITY.]LEVEL of syslog(3)"),
        ("ALL: ALL: setenv 1A x", "setenv: '1A x' is not a variable and its value"),
        ("ALL: ALL: setenv A=B x", "setenv: 'A=B x' is not a variable and its value"),
        ("ALL: ALL: setenv A %z", "'%z' stands for nothing in '%z'"),
        ("ALL: ALL: setenv A %u", "'%u' is the client's user, which only --ident asks for"),
        ("ALL: ALL: banners /no/such/folder", "banners: there is no folder '/no/such/folder'"),
    ],
)  # fmt: skip
def test_each_flaw_is_told_with_its_line(tmp_path: Path, rule: str, message: str) -> None:
    for table, texts in (("hosts.allow", ("# x\n" + rule + "\n", "")), ("hosts.deny", ("", "# x\n" + rule + "\n"))):
        (warning, *_) = read(tmp_path, *texts).warnings
        reason, _, instead = warning.message.rpartition(": ")
        assert str(warning.cause) == f"{tmp_path}/{table}:2"
        assert (f"{reason}: {warning.hint}" if warning.hint else reason) == message
        assert instead in WHAT_HAPPENS


def test_a_rule_for_another_daemon_is_not_read(tmp_path: Path) -> None:
    rules = "sshd: 10.0.0: spawn x\nsshd@x!, in.ftpd: root@ALL\n"
    access = read(tmp_path, rules, "ALL: ALL\n")
    assert access.decide(client("192.0.2.1")).outcome == DENY
    assert access.warnings == ()


def test_a_table_that_does_not_exist_is_empty_and_one_that_cannot_be_read_refuses(tmp_path: Path) -> None:
    sources: Sources = {}
    access = HostsAccess(f"{DAEMON},{tmp_path}", ident=False, sources=sources)
    assert access.decide(client("192.0.2.1")).outcome == NO_MATCH
    assert sources == {f"{tmp_path}/hosts.allow": MISSING, f"{tmp_path}/hosts.deny": MISSING}
    for name in ("hosts.allow", "hosts.deny"):
        (tmp_path / name).mkdir()
        with pytest.raises(ConfigError) as caught:
            HostsAccess(f"{DAEMON},{tmp_path}", ident=False)
        assert str(caught.value) == f"unable to read '{tmp_path}/{name}': not a regular file"
        (tmp_path / name).rmdir()
        os.mkfifo(tmp_path / name)
        with pytest.raises(ConfigError, match="not a regular file"):
            HostsAccess(f"{DAEMON},{tmp_path}", ident=False)
        (tmp_path / name).unlink()


def test_a_table_that_was_cut_or_is_no_text_refuses(tmp_path: Path) -> None:
    cut = f"{tmp_path}/hosts.deny:2: the last line has no end (the file may have been cut short)"
    assert error_of(tmp_path, "", "sshd: ALL\nALL: AL") == cut
    assert error_of(tmp_path, "", "ALL: ALL \\\n") == (
        f"{tmp_path}/hosts.deny:1: the last line continues, and nothing follows"
    )
    assert error_of(tmp_path, "", "ALL: ALL\n\0") == (
        f"'{tmp_path}/hosts.deny' is neither text nor a complete cdb: it holds a NUL byte"
    )
    long = "ALL: " + "a " * (LONGEST_RULE // 2 - 2)
    assert len(long) == LONGEST_RULE + 1
    assert error_of(tmp_path, long + "\n") == f"{tmp_path}/hosts.allow:1: the rule is longer than 2046 characters"
    read(tmp_path, long.rstrip() + "\n")


def test_every_cut_inside_a_line_refuses(tmp_path: Path) -> None:
    text = "# mostly closed\nsmtpd: 10. \\\n  192.0.2.0/24 EXCEPT 192.0.2.9: nice\nALL: ALL: deny\n" * 12
    whole = {0, *(at + 1 for at, character in enumerate(text) if character == "\n" and text[at - 1] != "\\")}
    for size in range(len(text) + 1):
        try:
            read(tmp_path, text[:size])
        except ConfigError:
            assert size not in whole
        else:
            assert size in whole


@pytest.mark.parametrize("value", ["", ",", ",/etc", "smtpd,", "a b", "a\n", "a\tb"])
def test_the_option_names_a_daemon_and_perhaps_a_folder(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        HostsAccess(value, ident=False)
    assert str(caught.value) == f"--hosts-access: {value!r} is not DAEMON or DAEMON,DIR"


def test_the_tables_are_those_of_etc_unless_another_folder_is_named() -> None:
    sources: Sources = {}
    HostsAccess("no-daemon-of-this-machine", ident=False, sources=sources)
    assert list(sources)[:2] == ["/etc/hosts.allow", "/etc/hosts.deny"]


def test_ident_comes_from_the_gates_options(tmp_path: Path) -> None:
    read(tmp_path, "ALL: root@ALL\n")
    words = ["--hosts-access", f"{DAEMON},{tmp_path}", "--", "server"]
    (warning,) = Gate(parse(words)).warnings
    assert warning.message == "'root@ALL' is about the client's user, which only --ident asks for: it lets no client in"
    assert Gate(parse(["--ident", *words])).warnings == ()


def test_what_did_not_match_is_told(tmp_path: Path) -> None:
    considered: list[str] = []
    read(tmp_path, "sshd: ALL\nsmtpd: 10.\n", "ALL: 11.\n").decide(client("192.0.2.1"), considered)
    assert considered == [
        f"{tmp_path}/hosts.allow:2: smtpd: 10.: not about this client",
        f"{tmp_path}/hosts.deny:1: ALL: 11.: not about this client",
    ]


@given(st.binary(max_size=60), st.sampled_from((b"", b"ALL: ", b"smtpd: ALL: ", b"smtpd@", b"ALL: [")))
def test_every_table_is_read_or_refused_with_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "hosts.allow").write_bytes(start + data + b"\n")
    try:
        HostsAccess(f"{DAEMON},{folder}", ident=True).decide(client("192.0.2.1"))
    except ConfigError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message
