"""A cause is a value: what an administrator has to change, without a sentence around it."""

from pathlib import Path

import pytest

from sockgate.connection import Gate
from sockgate.core import Cause, GateError
from sockgate.core.options import parse
from sockgate.dispatch.options import parse as parse_resident
from sockgate.dispatch.options import read_limits, read_process
from tests.core.clients import client


def test_a_cause_is_written_as_the_administrator_wrote_it() -> None:
    assert str(Cause("--allow", "10.0.0.0/8")) == "--allow 10.0.0.0/8"
    assert str(Cause("--greet-delay")) == "--greet-delay"
    assert str(Cause(file="/etc/tcp.smtp", line=3, text="10.:allow")) == "/etc/tcp.smtp:3"
    assert str(Cause(file="/etc/tcp.smtp.cdb", text="10.:allow")) == "/etc/tcp.smtp.cdb"


def build(words: list[str]) -> None:
    settings = parse_resident(words)
    read_limits(settings)
    read_process(settings)
    Gate(settings)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ("--no-such-option", "--no-such-option"),
        ("--name a --name b", "--name"),
        ("--paranoid=yes", "--paranoid"),
        ("--allow 127.0.0.1,10.0.0", "--allow 10.0.0"),
        ("--allow=", "--allow"),
        ("--relay 1.2.3.4.", "--relay 1.2.3.4."),
        ("--only-from 1.2.3.4.5", "--only-from 1.2.3.4.5"),
        ("--no-access=", "--no-access"),
        ("--access-times 8:00", "--access-times 8:00"),
        ("--max-load x", "--max-load x"),
        ("--hosts-access a,", "--hosts-access a,"),
        ("--dnsbl bl..example", "--dnsbl bl..example"),
        ("--dnsbl bl.example --dnsbl-fail maybe", "--dnsbl-fail maybe"),
        ("--dnsbl-allow wl.example", "--dnsbl-allow"),
        ("--paranoid", "--paranoid"),
        ("--ident=0", "--ident 0"),
        ("--timeout 0", "--timeout 0"),
        ("--greet-delay 0", "--greet-delay 0"),
        ("--local-name a/b", "--local-name a/b"),
        ("--ssl-variables=ssl", "--ssl-variables ssl"),
        ("--proxy-protocol x", "--proxy-protocol x"),
        ("--banner a --banner-text b", "--banner-text"),
        ("--deny-message=", "--deny-message"),
        ("--env X", "--env X"),
        ("--client-env A={HOME}", "--client-env A={HOME}"),
        ("--rlimit nofile=x", "--rlimit nofile=x"),
        ("--stderr x", "--stderr x"),
        ("--max-connections 0", "--max-connections 0"),
        ("--at-limit never", "--at-limit never"),
        ("--rate 5", "--rate 5"),
    ],
)
def test_an_error_in_the_options_names_the_option_and_its_entry(options: str, cause: str) -> None:
    with pytest.raises(GateError) as caught:
        build([*options.split(), "/usr/bin/server"])
    assert str(caught.value.cause) == cause


@pytest.mark.parametrize(
    ("option", "text", "line"),
    [
        ("--rules", "10.:allow\nnonsense\n:deny\n", 2),
        ("--rules", "10.:allow\n:deny\nno end", 3),
        ("--rules", "", 0),
        ("--rules", None, 0),
        ("--courier-access", "10\tallow\n10\tdeny\n", 2),
        ("--courier-access", "10 allow\n", 1),
        ("--courier-access-local", "*.25\tallow\n*.25\tdeny\n", 2),
        ("--courier-access", None, 0),
        ("--banner", None, 0),
    ],
)
def test_an_error_in_a_file_names_the_file_and_the_line(
    tmp_path: Path, option: str, text: str | None, line: int
) -> None:
    path = tmp_path / "file"
    if text is not None:
        path.write_text(text)
    with pytest.raises(GateError) as caught:
        Gate(parse([option, str(path), "/usr/bin/server"]))
    cause = caught.value.cause
    assert cause
    assert (cause.file, cause.line) == (str(path), line)


@pytest.mark.parametrize("table", ["hosts.allow", "hosts.deny"])
def test_a_warning_about_a_table_of_libwrap_names_the_table_and_its_rule(tmp_path: Path, table: str) -> None:
    (tmp_path / table).write_text("# a comment\nsmtp: 10.0.0\n")
    (warning,) = Gate(parse(["--hosts-access", f"smtp,{tmp_path}", "/usr/bin/server"])).warnings
    cause = warning.cause
    assert (cause.file, cause.line, cause.text) == (str(tmp_path / table), 2, "smtp: 10.0.0")


def test_a_verdict_by_a_rule_carries_its_file_its_line_and_its_text(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_text("# a comment\n10.:deny\n:allow\n")
    cause = Gate(parse(["--rules", str(path), "/usr/bin/server"])).decide(client("10.0.0.1")).cause
    assert cause
    assert (cause.option, cause.file, cause.line, cause.text) == ("", str(path), 2, "10.:deny")


def test_a_verdict_by_an_option_carries_the_option_and_its_entry() -> None:
    cause = Gate(parse(["--allow", "127.0.0.1 10.0.0.0/8", "/usr/bin/server"])).decide(client("10.0.0.1")).cause
    assert cause
    assert (cause.option, cause.file, cause.line, cause.text) == ("--allow", "", 0, "10.0.0.0/8")
