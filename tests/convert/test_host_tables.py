"""What the report says of rules in hosts.allow and hosts.deny that a gate cannot carry out as written."""

from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.host_tables import asked_for
from sockgate.convert.report import Outcome
from sockgate.host.host import Host

INETD = "telnet stream tcp nowait root /usr/sbin/tcpd /bin/in.telnetd\n"
XINETD = """
service telnet
{
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    server = /bin/in.telnetd
}
"""


def host(folder: Path, allow: str, deny: str) -> Host:
    (folder / "hosts.allow").write_text(allow)
    (folder / "hosts.deny").write_text(deny)
    tables = (f"{folder}/hosts.allow", f"{folder}/hosts.deny")
    return Host(systemd=257, hosts_files=tables, asks_services=False)


@pytest.mark.parametrize(
    ("allow", "deny", "outcome", "text"),
    [
        ("in.telnetd: 10.\n", "ALL: ALL\n", Outcome.TRANSLATED, "as before"),
        ("in.telnetd: 10.\n", "ALL: ALL: spawn true\n", Outcome.APPROXIMATED,
         "as before; not as written: {}/hosts.deny:1: the option 'spawn' cannot be honoured here:"
         " its clients are refused without that"),
        ("ALL: 2001:db8::1\n", "sshd: ALL: twist x\n", Outcome.APPROXIMATED,
         "as before; not as written: {}/hosts.allow:1: an IPv6 address stands in brackets: it lets no client in"
         " (write [2001:db8::1])"),
        ("ALL: ALL", "", Outcome.BROKEN,
         "as before; every client is refused: {}/hosts.allow:1: the last line has no end (the file may have been cut"
         " short)"),
    ],
)  # fmt: skip
def test_rules_that_a_gate_carries_out_otherwise_are_named_with_their_lines(
    tmp_path: Path, allow: str, deny: str, outcome: Outcome, text: str
) -> None:
    answer = asked_for(host(tmp_path, allow, deny), "in.telnetd", "as before", "--hosts-access in.telnetd")
    assert (answer.outcome, answer.text, answer.became) == (
        outcome, text.format(tmp_path), ("--hosts-access in.telnetd",),
    )  # fmt: skip


def test_of_many_such_rules_some_are_named(tmp_path: Path) -> None:
    answer = asked_for(host(tmp_path, "", "ALL: 10.0.0\n" * 9), "in.telnetd", "as before")
    assert answer.text.count("hosts.deny:") == 3
    assert answer.text.endswith("; and 6 more, see sockgatectl check")


@pytest.mark.parametrize(("program", "text"), [("inetd", INETD), ("xinetd", XINETD)])
def test_every_program_that_asks_the_tables_says_so(tmp_path: Path, program: str, text: str) -> None:
    (tmp_path / "configuration").write_text(text)
    conversion = programs.convert(program, [f"{tmp_path}/configuration"], host(tmp_path, "", "ALL: ALL: spawn true\n"))
    assert [
        entry.outcome for entry in conversion.report.entries if "hosts.deny:1: the option 'spawn'" in entry.text
    ] == [Outcome.APPROXIMATED]
