"""sockgatectl courier-environment: Courier's shell configuration as its start scripts evaluate it."""

from pathlib import Path

import pytest

from sockgate.courier import SERVERS
from sockgate.ctl.main import run
from sockgate.units import envfile

FILES = {
    "imapd": 'IMAP_CAPABILITY="IMAP4rev1 IDLE"\nIMAP_CAPABILITY_TLS="$IMAP_CAPABILITY AUTH=PLAIN"\n'
    "IMAP_ULIMITD=131072\nMAILDIRPATH=Maildir\nIMAP_UMASK=022\n",
    "imapd-ssl": 'IMAPDSTARTTLS=YES\nTLS_STARTTLS_PROTOCOL="$TLS_PROTOCOL"\nMAILDIRPATH=Other\n',
    "pop3d": "POP3_TLS_REQUIRED=1\n",
    "pop3d-ssl": "POP3_STARTTLS=YES\n",
    "esmtpd": "ACCESSFILE=${sysconfdir}/smtpaccess\nULIMIT=32768\nPATH=/bin\n",
    "esmtpd-msa": "AUTH_REQUIRED=1\nULIMIT=unlimited\n",
    "esmtpd-ssl": "ULIMIT=\n",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def evaluate(config: Path, name: str) -> dict[str, str]:
    output = config / "run" / "x.env"
    assert run(["courier-environment", str(config / name), "--output", str(output)]) == 0
    assert output.stat().st_mode & 0o7777 == 0o600
    assert [file.name for file in output.parent.iterdir()] == ["x.env"]
    return {variable: value for variable, value, _ in envfile.parse(output.read_text())}


def test_later_lines_and_files_use_the_variables_of_earlier_ones(config: Path) -> None:
    (config / "imapd-ssl").write_text('TLS=$IMAP_ULIMITD\nBOTH="${IMAP_CAPABILITY}${NONE:-x}"\n')
    variables = evaluate(config, "imapd")
    assert variables["IMAP_CAPABILITY_TLS"] == "IMAP4rev1 IDLE AUTH=PLAIN"
    assert (variables["TLS"], variables["BOTH"]) == ("131072", "IMAP4rev1 IDLEx")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imapd", {"IMAP_STARTTLS": "YES", "PROXY_HOSTNAME": "", "SOCKGATE_LIMITS": "--rlimit as=131072K"}),
        ("imapd-ssl", {"IMAP_TLS": "1", "PROXY_HOSTNAME": "", "SOCKGATE_LIMITS": "--rlimit as=131072K"}),
        ("pop3d", {"POP3_STARTTLS": "YES", "POP3_TLS_REQUIRED": "1", "MAILDIRPATH": "Maildir", "SOCKGATE_LIMITS": ""}),
        ("pop3d-ssl", {"POP3_TLS": "1", "POP3_STARTTLS": "NO", "POP3_TLS_REQUIRED": "0", "SOCKGATE_LIMITS": ""}),
        ("esmtpd", {"PATH": "/bin", "SOCKGATE_LIMITS": "--rlimit data=32768K"}),
        ("esmtpd-msa", {"AUTH_REQUIRED": "1", "SOCKGATE_LIMITS": ""}),
        ("esmtpd-ssl", {"ESMTP_TLS": "1", "SOCKGATE_LIMITS": ""}),
    ],
)
def test_each_service_gets_what_its_start_script_sets(config: Path, name: str, expected: dict[str, str]) -> None:
    variables = evaluate(config, name)
    assert {variable: variables[variable] for variable in expected} == expected


def test_the_command_line_takes_the_maildir_in_the_order_of_the_start_script(config: Path) -> None:
    assert evaluate(config, "imapd")["MAILDIRPATH"] == "Maildir"
    assert evaluate(config, "imapd-ssl")["MAILDIRPATH"] == "Other"


def test_nothing_of_the_caller_or_the_shell_is_passed_on(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAYCLIENT", "")
    variables = evaluate(config, "esmtpd")
    assert not {"RELAYCLIENT", "PWD", "_", "SHLVL", "prefix"} & variables.keys()
    assert variables["ACCESSFILE"] == f"{config}/smtpaccess"


def test_what_the_configuration_prints_is_no_variable(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (config / "pop3d").write_text("echo X=1; echo Y=2 >&2\n")
    assert not {"X", "Y"} & evaluate(config, "pop3d").keys()
    assert capfd.readouterr().err == "X=1\nY=2\n"


def test_awkward_values_survive(config: Path) -> None:
    (config / "pop3d").write_text("A='a \"b\" \\c $d `e` %p'\nB='two\nlines'\nC=Jürgen\nD='ends in \\'\nE=\n")
    variables = evaluate(config, "pop3d")
    expected = {"A": 'a "b" \\c $d `e` %p', "B": "two\nlines", "C": "Jürgen", "D": "ends in \\", "E": ""}
    assert {name: variables[name] for name in expected} == expected


def test_without_an_output_file_it_is_printed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["courier-environment", str(config / "pop3d")]) == 0
    assert capsys.readouterr().out.startswith(
        f"# Written by sockgatectl courier-environment from {config}/pop3d and {config}/pop3d-ssl: change it there.\n"
    )


def test_an_umask_that_would_be_lost_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "imapd").write_text("IMAP_UMASK=077\n")
    evaluate(config, "imapd")
    assert capsys.readouterr().err == (
        "sockgatectl: IMAP_UMASK is '077', which an environment file cannot carry:"
        " set UMask=0077 in a drop-in of the service (systemctl edit)\n"
    )


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        (
            {"imapd-ssl": None},
            "imapd",
            "unable to read 'DIR/imapd-ssl': No such file or directory"
            " (is the Courier package of this service installed?)",
        ),
        ({"pop3d": "A='"}, "pop3d", "unable to evaluate DIR/pop3d-ssl and DIR/pop3d: /bin/sh: 1: DIR/pop3d: "),
        ({"pop3d": "exit 3"}, "pop3d", "unable to evaluate DIR/pop3d-ssl and DIR/pop3d: the shell ended with status 3"),
        ({"pop3d": "exit"}, "pop3d", "unable to evaluate DIR/pop3d-ssl and DIR/pop3d: it ends the shell"),
        (
            {"imapd": "IMAP_ULIMITD=lots"},
            "imapd",
            "IMAP_ULIMITD is 'lots', neither a number of kilobytes nor 'unlimited'",
        ),
        ({"esmtpd": "A=$(printf '\\377')"}, "esmtpd", "the value of A is not UTF-8: "),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(
    config: Path, change: dict[str, str | None], name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for file, text in change.items():
        if text is None:
            (config / file).unlink()
        else:
            (config / file).write_text(text)
    output = config / "x.env"
    assert run(["courier-environment", str(config / name), "--output", str(output)]) == 1
    assert not output.exists()
    assert capsys.readouterr().err.replace(str(config), "DIR").startswith(f"sockgatectl: {message}")


def test_an_old_file_stays_when_the_new_one_cannot_be_made(config: Path) -> None:
    output = config / "x.env"
    output.write_text("old")
    (config / "pop3d").unlink()
    assert run(["courier-environment", str(config / "pop3d"), "--output", str(output)]) == 1
    assert output.read_text() == "old"


def test_an_output_file_that_cannot_be_written_is_an_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["courier-environment", str(config / "pop3d"), "--output", "/proc/x/y.env"]) == 1
    assert capsys.readouterr().err == "sockgatectl: unable to write '/proc/x/y.env': No such file or directory\n"


def test_a_service_that_is_not_couriers_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["courier-environment", "smtpd"]) == 2
    assert capsys.readouterr().err == (
        f"sockgatectl: 'smtpd' is no configuration of a Courier service (one of: {' '.join(SERVERS)})\n"
    )


def test_a_session_cache_without_an_account_for_it_is_told_and_no_error(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sockgate.ctl.courier_environment.TLS_USER", "no such user")
    cache = config / "cache"
    cache.write_text("old")
    (config / "pop3d-ssl").write_text(f"TLS_CACHEFILE={cache}\n")
    evaluate(config, "pop3d")
    assert cache.read_text() == ""
    assert cache.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err == (
        f"sockgatectl: there is no user 'no such user' for the TLS session cache '{cache}'\n"
    )


def test_a_session_cache_that_cannot_be_renewed_is_told_and_no_error(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config / "pop3d-ssl").write_text("TLS_CACHEFILE=/proc/x/cache\n")
    evaluate(config, "pop3d")
    reason = "unable to write '/proc/x/cache': No such file or directory"
    assert capsys.readouterr().err.endswith(f"sockgatectl: unable to renew the TLS session cache: {reason}\n")
