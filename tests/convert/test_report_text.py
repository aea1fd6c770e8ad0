"""The report for people: what serves no client comes first, and nothing is said that is of no use."""

from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.report_text import HEADINGS, render_text
from sockgate.convert.result import Conversion

from .test_xinetd import HOST, convert, service


def lines(conversion: Conversion) -> list[str]:
    return render_text(conversion, "DIR").split("\n")


def test_what_serves_no_client_stands_first_under_its_own_heading(tmp_path: Path) -> None:
    text = service("good") + service("bad", "nice = x", port="2") + service("none", server="/opt/none", port="3")
    conversion = convert(tmp_path, text + service("x", "only_from = 10.0.0.1\n\tgroup = nogroup9", port="4"))
    told = lines(conversion)
    assert told[0] == "Broken: refuses every client, or cannot start, until this is mended (2)"
    assert [line.split(":")[2].strip() for line in told[1:3]] == ["none", "x"]
    assert "Broken, until what is said above is mended: none x" in told
    assert conversion.as_json()["report"]
    assert next(iter(HEADINGS)) is Outcome.BROKEN


@pytest.mark.parametrize(
    ("program", "name", "text"),
    [
        ("xinetd", "x", service(server="/opt/none")),
        ("xinetd", "x", service(user="no-user9")),
        ("xinetd", "x", service(server="-", extra="redirect = nowhere.invalid 80")),
        ("inetd", "inetd.conf", "26 stream tcp nowait root /opt/none none\n"),
        ("inetd", "inetd.conf", "26 stream tcp nowait no-user9 /bin/cat cat\n"),
        ("tcpserver", "run", "exec tcpserver -RHl0 0 26 /opt/none\n"),
        ("tcpserver", "run", "exec tcpserver -RHl0 -x /nonexistent 0 26 /bin/cat\n"),
        ("tcpserver", "run", "exec tcpserver -RHl0 -u no-user9 0 26 /bin/cat\n"),
        ("tcpserver", "run", "exec setuidgid no-user9 tcpserver -RHl0 0 26 /bin/cat\n"),
        ("couriertcpd", "imapd", "IMAPACCESSFILE=/nonexistent\n"),
    ],
)
def test_a_service_that_serves_no_client_is_never_called_approximated(
    program: str, name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    conversion = programs.convert(program, [str(tmp_path / name)], HOST)
    assert len(conversion.services) == 1
    assert conversion.broken == [conversion.services[0].name]
    assert not conversion.report.clean


def test_no_advice_is_given_for_a_unit_that_is_not_written(tmp_path: Path) -> None:
    advice = "Set BindIPv6Only=both if they should"
    written = convert(tmp_path, service(extra="v6only = no"))
    assert any(advice in line for line in lines(written))
    refused = convert(tmp_path, service(extra="v6only = no\n\tlog_on_success = USERID\n\tinstances = 0"))
    assert refused.services == ()
    assert not any(advice in line or "add --ident" in line for line in lines(refused))
    assert "Not shown: 8 lines about services that are not converted (--json has them)." in lines(refused)


def test_a_sentence_that_is_the_same_for_each_line_is_told_once(tmp_path: Path) -> None:
    asked = "log_on_success = HOST USERID"
    text = service("a", f"nice = 5\n\t{asked}") + service("b", asked, port="2")
    told = [line for line in lines(convert(tmp_path, text)) if asked in line]
    assert told[0].endswith("(add --ident to the gate if you need it); the rest is in the journal")
    assert told[1].endswith(f": as for {tmp_path}/xinetd.conf:11")
    assert len(told) == 2


def test_verbs_agree_with_what_is_missing(tmp_path: Path) -> None:
    both = convert(tmp_path, service(wait="-", user="-"))
    assert any("'wait' and 'user' are missing" in entry.text for entry in both.report.entries)
    one = convert(tmp_path, service(wait="-"))
    assert any("'wait' is missing" in entry.text for entry in one.report.entries)


@pytest.mark.parametrize(
    "line",
    [
        "setuidgid `cat /none` tcpserver -RHl0 0 26 /bin/cat",
        "nice -n `cat /none` tcpserver -RHl0 0 26 /bin/cat",
        "envdir `cat /none` tcpserver -RHl0 0 26 /bin/cat",
        "su `cat /none` -c 'tcpserver -RHl0 0 26 /bin/cat'",
        "tcpserver -RHl0 -u `id -u no-user9` 0 26 /bin/cat",
        "tcpserver -RHl0 `cat /none` 26 /bin/cat",
        "chpst -u `cat /none` tcpserver -RHl0 0 26 /bin/cat",
        "argv0 `cat /none` x",
    ],
)
def test_no_mark_of_the_reader_of_scripts_is_in_the_report(line: str, tmp_path: Path) -> None:
    """As '\\ufdd0' was in the message about an account that cannot be known."""
    (tmp_path / "run").write_text(f"#!/bin/sh\nexec {line}\n")
    (tmp_path / "imapd").write_text("ADDRESS=`cat /none`\nPORT=`cat /none`\nIMAP_UMASK=`cat /none`\n")
    for program, name in (("tcpserver", "run"), ("couriertcpd", "imapd")):
        conversion = programs.convert(program, [str(tmp_path / name)], HOST)
        told = render_text(conversion, "DIR") + str(conversion.as_json())
        assert not any(mark in told for mark in ("\ufdd0", "\ufdd1", "ufdd0", "ufdd1"))
