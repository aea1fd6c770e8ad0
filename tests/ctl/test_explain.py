"""sockgatectl explain: the gate's own verdict, and why."""

import json
from pathlib import Path

import pytest

from sockgate.core import ConfigError, UsageError
from sockgate.ctl import explain
from sockgate.ctl.main import run
from sockgate.units.search import UnitSearch
from tests.access.damage import cdb_of, tcprules
from tests.core.clients import client

RULES = '127.:allow,RELAYCLIENT="",GREETING="M\xfcller"\n10.1.:deny,DIEMSG="554 no"\n=.example.com:deny\n:allow\n'

HELP = "(see sockgatectl explain --help)"
FAMILIES = "are not of one address family"
EQUALS = "expected one argument (a value that starts with - is written --option=VALUE)"


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "rules").write_text(RULES, encoding="utf-8")
    return f"{tmp_path}/rules"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(["explain", *words]) == 0
    return capsys.readouterr().out


def test_a_client_that_is_let_in(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = f"--rules {rules} --relay 127.0.0.0/8 --env 'A=b c'"
    assert said(capsys, "--options", options, "--ip", "127.0.0.1", "--port", "4711", "--local", "127.0.0.2:25") == (
        f'allow: {rules}:1: 127.:allow,RELAYCLIENT="",GREETING="M\xc3\xbcller"\n'
        "relay: --relay 127.0.0.0/8\n"
        "environment:\n"
        "  A=b c\n"
        "  GREETING=M\xfcller\n"
        "  PROTO=TCP\n"
        "  RELAYCLIENT=\n"
        "  RELAYHOST=\n"
        "  TCPLOCALIP=127.0.0.2\n"
        "  TCPLOCALPORT=25\n"
        "  TCPREMOTEIP=127.0.0.1\n"
        "  TCPREMOTEPORT=4711\n"
        "did not match:\n"
        f"  {rules}: no rule for '127.0.0.1'\n"
        f"  {rules}: no rule for '127.0.0.'\n"
        f"  {rules}: no rule for '127.0.'\n"
    )


def test_a_client_that_is_refused(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(
        capsys, "--options", f"--hostname --rules {rules} -- server", "--ip", "10.1.2.3", "--host", "Mail.Example.org"
    ) == (
        f'deny: {rules}:2: 10.1.:deny,DIEMSG="554 no"\n'
        "told: 554 no\n"
        "did not match:\n"
        f"  {rules}: no rule for '10.1.2.3'\n"
        f"  {rules}: no rule for '=mail.example.org'\n"
        f"  {rules}: no rule for '10.1.2.'\n"
    )


def test_how_long_a_client_waits_for_its_greeting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules").write_text('10.1.:allow,GREETDELAY="2.5"\n10.2.:deny\n10.3.:allow,GREETDELAY="long"\n:allow\n')
    options = f"--greet-delay 5 --relay 127.0.0.1 --rules {tmp_path}/rules"
    waits = "waits: {} s until its server starts, refused if it speaks (--greet-delay)"
    for address, line in (("192.0.2.1", waits.format(5)), ("10.1.2.3", waits.format(2.5))):
        assert line in said(capsys, "--options", options, "--ip", address).splitlines()
    for address in ("127.0.0.1", "10.2.3.4"):
        assert "waits: " not in said(capsys, "--options", options, "--ip", address)
    assert run(["explain", "--options", options, "--ip", "10.3.4.5"]) == 1
    assert "GREETDELAY b'long' is not 0 or a number of seconds" in capsys.readouterr().out


def test_json_has_the_same_fields_always(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--options", f"--rules {rules}", "--json"]
    assert json.loads(said(capsys, *options, "--ip", "10.1.2.3")) == {
        "verdict": "deny",
        "rule": {"where": f"{rules}:2", "file": rules, "line": 2, "text": '10.1.:deny,DIEMSG="554 no"'},
        "reason": f'{rules}:2: 10.1.:deny,DIEMSG="554 no"',
        "relay": None,
        "delay": 0,
        "message": "554 no",
        "environment": None,
        "considered": [f"{rules}: no rule for '10.1.2.3'", f"{rules}: no rule for '10.1.2.'"],
    }
    options[1] += " --ident"
    answer = json.loads(said(capsys, *options, "--ip", "2001:db8::1", "--info", "joe", "--local", "[::1]:25"))
    assert answer["verdict"] == "allow"
    assert answer["environment"] == {"PROTO": "TCP6"} | {
        f"{layer}{name}": value
        for layer in ("TCP", "TCP6")
        for name, value in (("LOCALIP", "::1"), ("LOCALPORT", "25"), ("REMOTEIP", "2001:db8::1"), ("REMOTEINFO", "joe"))
    }
    assert answer["considered"][0] == f"{rules}: no rule for 'joe@2001:db8::1'"


def test_an_option_that_decides_has_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(said(capsys, "--options", "--deny ::1", "--ip", "::1", "--json"))
    assert answer["rule"] == {"where": "--deny ::1", "file": None, "line": None, "text": "--deny ::1"}


def test_a_rule_of_a_cdb_without_lines_has_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cdb").write_bytes(tcprules(b"10.1.:deny\n"))
    options = ["--options", f"--rules {tmp_path}/cdb", "--json"]
    answer = json.loads(said(capsys, *options, "--ip", "10.1.2.3"))
    assert answer["rule"] == {"where": f"{tmp_path}/cdb", "file": f"{tmp_path}/cdb", "line": None, "text": "10.1.:deny"}
    answer = json.loads(said(capsys, *options, "--ip", "10.2.2.3"))
    assert (answer["verdict"], answer["rule"], answer["reason"]) == ("allow", None, "")


def test_where_nothing_decides_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--options", "--name x", "--ip", "10.1.2.3") == (
        "allow: nothing refuses, and no rule matches\nenvironment:\n  PROTO=TCP\n  TCPREMOTEIP=10.1.2.3\n"
    )


def test_what_cannot_be_decided_is_an_error_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cdb").write_bytes(cdb_of({b"": b"X\0"}))
    options = ["explain", "--options", f"--rules {tmp_path}/cdb", "--ip", "10.1.2.3"]
    assert run(options) == 1
    reason = f"'{tmp_path}/cdb' holds a damaged rule for '' (compile it anew)"
    assert capsys.readouterr().out.splitlines()[0] == f"error: {reason}"
    assert run([*options, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["verdict"], answer["reason"], answer["environment"]) == ("error", reason, None)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--options", "", "--ip", "10.1"], 2, "--ip: '10.1' is not an IP address"),
        (["--options", "", "--ip", "::1", "--local", "x"], 2, "--local: 'x' is not an IP address"),
        (["--options", "", "--ip", "::1", "--local", "127.0.0.1"], 2, f"--local: '127.0.0.1' and '::1' {FAMILIES}"),
        (["--options", "", "--ip", "10.0.0.1", "--local", "10.0.0.1:x"], 2, "--local: 'x' is not a port number"),
        (
            ["--options", "", "--ip", "10.0.0.1", "--local", f"10.0.0.1:{'1' * 5000}"], 2,
            f"--local: '{'1' * 5000}' is not a port number",
        ),
        (["--options", "'", "--ip", "10.0.0.1"], 2, "--options: no closing quotation"),
        (["--options=--what", "--ip", "10.0.0.1"], 2, "unknown option '--what' (see sockgated(8))"),
        (
            ["--options=--session-tasks=x", "--ip", "10.0.0.1"], 2,
            "--session-tasks: 'x' is not a whole number from 1 to 1000000",
        ),
        (["--options", "--deny=::1", "--ip", "::1"], 2, f"explain: --options: {EQUALS}"),
        (["--options", "--rules /no/file", "--ip", "::1"], 1, "unable to read '/no/file': No such file or directory"),
        (["no-such-unit", "--ip", "::1"], 1, "there is no unit 'no-such-unit.socket', or it is masked"),
        (["--ip", "::1"], 2, f"explain: one of the arguments UNIT --options is required {HELP}"),
        (["x", "--ip", "::1", "--port", "65536"], 2, f"explain: --port: '65536' is not a port number {HELP}"),
    ],
)  # fmt: skip
def test_wrong_words_are_errors(capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str) -> None:
    assert run(["explain", *words]) == code
    assert capsys.readouterr().err == f"sockgatectl: {message}\n"


def test_options_and_variables_are_those_of_the_unit(tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "systemd" / "system"
    folder.mkdir(parents=True)
    (tmp_path / "rules").write_text(RULES, encoding="utf-8")
    (folder / "smtp.socket").write_text("[Socket]\nListenStream=25\nAccept=yes\n")
    (folder / "smtp@.service").write_text(
        "[Service]\nEnvironment=RULES=/rules NOTHING=\nEnvironment=RELAYCLIENT=\n"
        "ExecStart=-/usr/sbin/sockgate --rules ${RULES} --pass-env 'NOTHING RELAYCLIENT' /bin/true\n"
        "StandardInput=socket\n"
    )
    gate, variables = explain.unit_gate("smtp", UnitSearch(str(tmp_path)))
    explanation = explain.explain(gate, client("10.2.3.4"), variables)
    assert explanation.rule == explain.DecidingRule(f"{tmp_path}/rules:4", f"{tmp_path}/rules", 4, ":allow")
    assert explanation.environment is not None
    assert "NOTHING" in explanation.environment
    assert "RULES" not in explanation.environment
    assert "RELAYCLIENT" not in explanation.environment

    (folder / "smtp@.service").write_text("[Service]\nExecStart=-/usr/sbin/sockgate --rules /no/file /bin/true\n")
    with pytest.raises(ConfigError, match=r"unable to read .*/no/file': No such file or directory"):
        explain.unit_gate("smtp.socket", UnitSearch(str(tmp_path)))


def test_a_local_address_may_have_a_port() -> None:
    assert [explain.split_port(text) for text in ("10.0.0.1", "10.0.0.1:25", "::1", "[::1]", "[::1]:25")] == [
        ("10.0.0.1", 0), ("10.0.0.1", 25), ("::1", 0), ("::1", 0), ("::1", 25),
    ]  # fmt: skip
    with pytest.raises(UsageError):
        explain.split_port("[::1]:")


def test_what_the_gate_does_not_ask_for_it_does_not_know(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    client_of = ["--ip", "192.0.2.1", "--host", "mail.example.com", "--info", "joe"]
    answer = json.loads(said(capsys, "--options", f"--rules {rules}", "--json", *client_of))
    assert answer["verdict"] == "allow"
    assert "TCPREMOTEHOST" not in answer["environment"]
    assert answer["considered"][:2] == [
        "--host mail.example.com: the gate sets no TCPREMOTEHOST without --hostname",
        "--info joe: the gate sets no TCPREMOTEINFO without --ident",
    ]
    both = f"--hostname --ident --rules {rules}"
    answer = json.loads(said(capsys, "--options", both, "--json", *client_of))
    assert (answer["verdict"], answer["rule"]["line"]) == ("deny", 3)
    odd = ["--ip", "192.0.2.1", "--host", "10.0.0.1", "--info", "a b"]
    answer = json.loads(said(capsys, "--options", both, "--json", *odd))
    assert answer["environment"].keys() == {"PROTO", "TCPREMOTEIP"}
    assert answer["considered"][:2] == [
        "--host 10.0.0.1: its name looks like an address",
        "--info a b: that is not a user's name",
    ]


def test_what_follows_from_dns_lists_is_shown_without_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--options", "--dnsbl bl.example,BLOCK --dnsbl other.example/127.0.0.4,,'554 no @' --relay 192.0.2.9"]
    spammer = ["--ip", "192.0.2.1"]
    assert said(capsys, *options, *spammer, "--listed", "bl.example") == (
        "allow: nothing refuses, and no rule matches\n"
        "environment:\n"
        "  BLOCK=Blacklisted by bl.example\n"
        "  BLOCK_IP=127.0.0.2\n"
        "  BLOCK_ZONE=bl.example\n"
        "  PROTO=TCP\n"
        "  TCPREMOTEIP=192.0.2.1\n"
        "did not match:\n"
        "  DNS list other.example: was not asked\n"
    )
    assert said(capsys, *options, *spammer, "--listed", "other.example/127.0.0.4").splitlines()[:2] == [
        "deny: in the DNS list other.example (127.0.0.4)",
        "told: 554 no 192.0.2.1",
    ]
    relays = said(capsys, *options, "--ip", "192.0.2.9", "--listed", "bl.example")
    assert relays.splitlines()[-1] == "  DNS lists: none is asked about this client: --relay 192.0.2.9 has it"
    assert run(["explain", *options, *spammer, "--listed", "a b"]) == 2
    assert capsys.readouterr().err.startswith("sockgatectl: --listed: 'a b' is not the name of a zone")


@pytest.mark.parametrize(
    ("options", "table", "words", "verdict"),
    [
        ("--only-from .example.org", "", [], "depends on the name: give --host"),
        ("--only-from .example.org", "", ["--host", "mail.example.org"], "allow"),
        ("--only-from .example.org", "", ["--host", "mail.example.com"], "deny"),
        ("--only-from .example.org", "", ["--host", ""], "deny"),
        ("--only-from '192.0.2.1 .example.org'", "", [], "allow"),  # the address decides
        ("--deny 192.0.2.1 --only-from .example.org", "", [], "deny"),
        ("--no-access .example.org --only-from 192.0.2.1", "", [], "depends on the name: give --host"),
        ("--hosts-access x,TMP", "ALL: .example.org", [], "depends on the name: give --host"),
        ("--hosts-access x,TMP", "ALL: 192.0.2.1", [], "allow"),
        ("--hosts-access x,TMP", "y: .example.org", [], "deny"),
        ("--rules RULES", "=.example.org:allow", [], "deny"),  # without --hostname the gate finds no name
        ("--hostname --rules RULES", "=.example.org:allow", [], "depends on the name: give --host"),
        ("--hostname --rules RULES", "=:allow", [], "depends on the name: give --host"),
        ("--hostname --rules RULES", "192.0.2.1:allow\n=.example.org:deny", [], "allow"),
        ("--hostname --rules RULES", "=.example.org:allow", ["--host", "a.example.org"], "allow"),
        ("--hostname --rules RULES", "joe@192.0.2.1:allow", [], "deny"),
        ("--ident --rules RULES", "joe@192.0.2.1:allow", [], "depends on the user: give --info"),
        ("--ident --rules RULES", "joe@192.0.2.2:allow", [], "deny"),
        ("--ident --rules RULES", "joe@192.0.2.1:allow", ["--info", "joe"], "allow"),
        ("--ident --hostname --rules RULES", "joe@=a.example:allow", [], "depends on the name: give --host"),
        ("--ident --hostname --rules RULES", "joe@=a.example:allow", ["--host", "a.example"],
         "depends on the user: give --info"),
    ],
)  # fmt: skip
def test_what_depends_on_a_name_that_was_not_given_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, table: str, words: list[str], verdict: str
) -> None:
    (tmp_path / "hosts.allow").write_text(f"{table}\n" if "hosts-access" in options else "")
    (tmp_path / "hosts.deny").write_text("ALL: ALL\n")
    (tmp_path / "rules").write_text(f"{table}\n:deny\n" if "--rules" in options else ":allow\n")
    options = options.replace("TMP", str(tmp_path)).replace("RULES", f"{tmp_path}/rules")
    asked = ["--options", options, "--ip", "192.0.2.1", *words]
    assert said(capsys, *asked).splitlines()[0].partition(": ")[0] == verdict.partition(": ")[0]
    answer = json.loads(said(capsys, *asked, "--json"))
    if verdict.startswith("depends"):
        assert (answer["verdict"], answer["reason"], answer["rule"], answer["environment"]) == (
            "depends", verdict, None, None,
        )  # fmt: skip
    else:
        assert answer["verdict"] == verdict


@pytest.mark.parametrize(
    ("table", "local", "verdict"),
    [
        ("*.25\tdeny\n*\tallow", "", "depends"),
        ("*.25\tdeny\n*\tallow", "198.51.100.1", "depends"),  # the port is not known
        ("*.25\tdeny\n*\tallow", "198.51.100.1:25", "deny"),
        ("*.25\tdeny\n*\tallow", "198.51.100.1:26", "allow"),
        ("192.0.2\tallow\n*\tdeny", "", "depends"),  # 192.0.2.1 is the client, and not the machine
        ("192.0.2.1\tdeny\n*\tallow", "", "deny"),
        ("x@198.51.100.1: ALL: deny", "", "depends"),
        ("x@198.51.100.1: ALL: deny", "198.51.100.1:25", "deny"),
        ("x@198.51.100.1: ALL: deny", "198.51.100.2:25", "allow"),
        ("x EXCEPT x@198.51.100.1: ALL: deny", "", "depends"),
        ("x@192.0.2.1: 192.0.2.2: deny", "", "allow"),  # about another client
        ("x: 192.0.2.1: deny\nx@198.51.100.1: ALL", "", "deny"),  # an earlier rule decides
        ("y@198.51.100.1: ALL: deny", "", "allow"),  # about another daemon
        ("25: ALL: deny", "", "depends"),
        ("25: ALL: deny", "198.51.100.1:25", "deny"),
        ("x EXCEPT y: ALL: deny", "", "deny"),
    ],
)
def test_what_depends_on_where_the_client_connected_to_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, local: str, verdict: str
) -> None:
    (tmp_path / "hosts.allow").write_text(f"{table}\n")
    option = "--courier-access-local TMP/hosts.allow" if "\t" in table else "--hosts-access x,TMP"
    words = ["--options", option.replace("TMP", str(tmp_path)), "--ip", "192.0.2.1", "--json"]
    answer = json.loads(said(capsys, *words, *(["--local", local] if local else [])))
    assert answer["verdict"] == verdict
    if verdict == "depends":
        assert answer["reason"] == "depends on the address and port it connected to: give --local ADDRESS:PORT"
        assert "None" not in str(answer["considered"])
