"""sockgatectl check: what it looks at, and how it reports."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sockgate.convert import programs
from sockgate.core import ConfigError
from sockgate.ctl.check.finding import Finding
from sockgate.ctl.check.table import INSPECTIONS
from sockgate.ctl.gated_service import find_named, gate_names
from sockgate.ctl.main import run
from sockgate.host.host import Host
from sockgate.units.reader import Place
from sockgate.units.writer import format_unit
from tests.ctl.check import (
    test_access,
    test_command,
    test_limits,
    test_names,
    test_rivals,
    test_rules,
    test_sandbox,
    test_service,
    test_socket,
    test_unit_files,
)
from tests.ctl.check.good_units import (
    ETC,
    GOOD,
    RESIDENT,
    RESIDENT_UNIT,
    SOCKET,
    SOCKET_UNIT,
    SOCKET_UNIT_255,
    TEMPLATE,
    TEMPLATE_UNIT,
    check,
)
from tests.units.tree import write_tree


def test_a_finding_is_one_line_whatever_the_name_of_a_file_holds() -> None:
    finding = Finding("error", "smtp.socket", Place("/etc/a\nb", 3), "c\nd", "e\nf")
    assert str(finding) == r"/etc/a\nb:3: error: smtp.socket: c\nd (e\nf)"


@pytest.mark.parametrize("version", ["247", "252", "257"])
@pytest.mark.parametrize("units", [[], ["mail"], ["mail.socket"], ["mail@.service"], ["mail@3-x.service"]])
def test_nothing_is_found_in_good_units(tmp_path: Path, units: list[str], version: str) -> None:
    write_tree(tmp_path, GOOD | ({SOCKET: SOCKET_UNIT_255} if version == "257" else {}))
    assert check(tmp_path, "--systemd", version, *units) == (0, [])


def test_nothing_is_found_in_good_resident_units(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {RESIDENT: RESIDENT_UNIT, f"{SOCKET}.d/no.conf": "[Socket]\nAccept=no\n"})
    assert check(tmp_path, "--systemd", "257") == (0, [])
    assert check(tmp_path, "--systemd", "257", "mail.service") == (0, [])


@pytest.mark.parametrize("server", ["/bin/cat", "/usr/sbin/sockgate-builtin echo"])
def test_services_without_a_gate_are_none_of_its_business(tmp_path: Path, server: str) -> None:
    """What `convert` made of a service that needs none; a unit of ours for Accept=no may still lie beside it."""
    template = f"[Service]\nExecStart={server}\nStandardInput=socket\n"
    write_tree(tmp_path, GOOD | {TEMPLATE: template, RESIDENT: RESIDENT_UNIT})
    assert check(tmp_path, "--systemd", "257") == (0, [])


@pytest.mark.parametrize("accept", ["yes", "no"])
def test_a_gate_behind_setpriv_is_a_gate(tmp_path: Path, accept: str) -> None:
    """`convert` writes it for a user without its further groups."""
    setpriv = "ExecStart=/usr/bin/setpriv --reuid=mail --regid=8 --clear-groups -- /usr/sbin/"
    units = {TEMPLATE: TEMPLATE_UNIT, RESIDENT: RESIDENT_UNIT}
    units = {path: text.replace("ExecStart=/usr/sbin/", setpriv) for path, text in units.items()}
    write_tree(tmp_path, GOOD | units | {f"{SOCKET}.d/accept.conf": f"[Socket]\nAccept={accept}\n"})
    assert check(tmp_path, "--systemd", "252") == (0, [])
    write_tree(tmp_path, {path: text.replace("/usr/bin/server", "/usr/bin/none") for path, text in units.items()})
    code, (finding,) = check(tmp_path, "--systemd", "252")
    assert code == 1
    assert "unable to run '/usr/bin/none'" in finding


@pytest.mark.parametrize("accept", ["", "[Socket]\nAccept=yes\n", "[Socket]\nAccept=no\n"])
@pytest.mark.parametrize("extra", ["", "only_from = 10.0.0.0\n", "cps = 10 5\ninstances = 20\nper_source = 2\n"])
def test_nothing_is_found_in_converted_units(tmp_path: Path, accept: str, extra: str) -> None:
    lines = "type = UNLISTED\nport = 7\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n"
    (tmp_path / "x").write_text(f"service x\n{{\n{lines}{extra}}}\n")
    conversion = programs.convert("xinetd", [str(tmp_path / "x")], Host(systemd=252, asks_services=False))
    units = {f"{ETC}/{unit.name}": format_unit(unit) for unit in conversion.units}
    more = {"/bin/cat": "#!/bin/sh\n", f"{ETC}/x.socket.d/accept.conf": accept}
    link = {f"{ETC}/sockets.target.wants/x.socket": f"-> {ETC}/x.socket"}
    write_tree(tmp_path / "root", GOOD | units | more | link)
    assert check(tmp_path / "root", "--systemd", "252") == (0, [])


CASE_MODULES = (
    test_access, test_command, test_unit_files, test_limits, test_names, test_rivals, test_rules,
    test_sandbox, test_service, test_socket,
)  # fmt: skip
# These need a port in use, another user or a running systemd: tests/system/test_check.py and test_doctor.py. Or another
# version, a compiled file, a name server, or the other engine by its name (tests/ctl/test_install.py).
TESTED_ELSEWHERE = {
    "rules_costly",
    "port_taken", "files_unreadable", "socket_failed", "not_listening", "not_reloaded", "failures_left",
    "sessions_left", "super_server_enabled", "poll_limit", "rules_stale", "list_dead",
    "names_gone", "names_newer", "outgrown", "engine_waits", "service_not_loaded",
}  # fmt: skip


def test_every_inspection_has_a_case(tmp_path: Path) -> None:
    tested = set(TESTED_ELSEWHERE)
    cases = [case for module in CASE_MODULES for case in module.CASES.values()]
    for number, (files, _) in enumerate(cases):
        root = tmp_path / str(number)
        write_tree(root, GOOD | files)
        host = Host(str(root), 252)
        for name in gate_names(host.search):
            with contextlib.suppress(ConfigError):
                gated = find_named(name, host.search)
                tested |= {each.find.__name__ for each in INSPECTIONS if list(each.find(gated, host))}
    assert tested == {each.find.__name__ for each in INSPECTIONS}


PIECES = [
    "[Socket]", "[Service]", "[", "\n", "\n", "\n", "=", " ", "\\", "'", '"', "%", "$", "%z", "-", "/", "~", ":", "é",
    "\0", "ListenStream", "Accept", "Service", "ExecStart", "ExecStartPre", "Environment", "EnvironmentFile", "User",
    "OPTIONS", "SystemCallFilter", "PrivateTmp", "yes", "[::1]:25", "99999999", "/usr/sbin/sockgate", "$OPTIONS",
    "--allow", "any",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES)).map("".join), st.lists(st.sampled_from(PIECES)).map("".join), st.text())
def test_nothing_that_stands_in_a_unit_breaks_it(tmp_path: Path, socket: str, service: str, variables: str) -> None:
    files = {
        SOCKET: SOCKET_UNIT + socket,
        TEMPLATE: TEMPLATE_UNIT + service,
        "/etc/default/mail": f"OPTIONS={variables}",
    }
    if not (tmp_path / "etc").exists():
        write_tree(tmp_path, GOOD)
    write_tree(tmp_path, {path: text.encode("utf-8", "replace").decode() for path, text in files.items()})
    assert check(tmp_path, "--systemd", "252", "mail.socket")[0] in (0, 1)


def test_warnings_are_left_out_on_request(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: "[Socket]\nListenStream=25\nAccept=yes\n"})
    assert len(check(tmp_path, "--systemd", "252")[1]) == 2
    assert check(tmp_path, "--systemd", "252", "--level", "error") == (0, [])


def test_the_version_is_that_of_the_system_in_the_directory(tmp_path: Path) -> None:
    library = "/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-257.9-1.so"
    write_tree(tmp_path, GOOD | {library: ""})
    assert len(check(tmp_path)[1]) == 1


def test_a_finding_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(tmp_path, GOOD | {"/etc/default/mail": "OPTIONS=--alow any\n"})
    assert run(["check", "--root", str(tmp_path), "--systemd", "252", "mail"]) == 1
    assert capsys.readouterr().out == (
        "/etc/default/mail:1: error: mail@.service: unknown option '--alow' (see sockgate(8))\n"
    )


def test_only_what_is_enabled_is_checked_unless_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    link = f"{ETC}/sockets.target.wants/mail.socket"
    bad = {path: text for path, text in GOOD.items() if path != link} | {"/etc/default/mail": "OPTIONS=--alow\n"}
    write_tree(tmp_path, bad)
    options = ["check", "--root", str(tmp_path), "--systemd", "252"]
    assert run(options) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "", "sockgatectl: left out, not enabled: mail.socket (--all includes them)\n",
    )  # fmt: skip
    assert run([*options, "--all"]) == run([*options, "mail.socket"]) == 1


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("none.socket", "error: there is no unit 'none.socket', or it is masked"),
        ("other.service", f"error: 'other.service' does not run a gate (see its ExecStart= in {ETC}/other.service)"),
    ],
)
def test_a_unit_that_cannot_be_checked_is_a_finding(tmp_path: Path, unit: str, message: str) -> None:
    write_tree(tmp_path, GOOD | {f"{ETC}/other.service": "[Service]\nExecStart=/bin/true\n"})
    assert check(tmp_path, "--systemd", "252", unit) == (1, [message])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a/b.socket"], "sockgatectl: 'a/b.socket' is not the name of a unit\n"),
        (["--root", "/none"], "sockgatectl: '/none' is not a directory\n"),
        (
            ["--level", "x"],
            "sockgatectl: check: --level: 'x' is none of: error warning note (see sockgatectl check --help)\n",
        ),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", *words]) == 2
    assert capsys.readouterr().err == message
