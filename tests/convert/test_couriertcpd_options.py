"""TCPDOPTS, BLACKLISTS and DROP: each option of couriertcpd, and how the second shell of the start script splits them.

tests/differential/test_couriertcpd_options.py and tests/system/test_courier_words.py have the real programs.
"""

import shlex
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.host.host import Host

from .test_couriertcpd import convert, units


def options(folder: Path, text: str, name: str = "imapd", more: str = "") -> str:
    return units(convert(folder, f"TCPDOPTS={shlex.quote(f'-nodnslookup {text}')}\n{more}", name))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-user=games", "User=games\n"), ("-user=games -group=disk", "User=games\nGroup=disk\n"),
        ("-group=disk", "Group=disk\n"), ("-user=5", "User=5\nGroup=0\n"), ("-user=5 -group=6", "User=5\nGroup=6\n"),
        ("-user=games -user=news", "User=news\n"),
        ("-address=127.0.0.2", "ListenStream=127.0.0.2:143\n"),
        ("-address=127.0.0.1 -address=127.0.0.2", "ListenStream=127.0.0.2:143\n"), ("-address=0", "ListenStream=143\n"),
        ("-maxprocs=7", "MaxConnections=7\n"), ("-maxperip=3", "MaxConnectionsPerSource=3\n"),
        ("-listen=5", "Backlog=5\n"), ("-stderr=socket", "--stderr socket"), ("-denymsg=go", "--deny-message go "),
        ('-denymsg="Goaway"', "--deny-message Goaway "), ('-denymsg="No IMAP here"', '--deny-message "No IMAP here" '),
        (r"-denymsg=No\ IMAP", '--deny-message "No IMAP" '), ("-denymsg=a'b c'd", '--deny-message "ab cd" '),
        ("-denymsg=%n", '--deny-message "%%n" '), (r"-denymsg=\$HOME", '--deny-message "$$HOME" '),
        ("-nodnslookup=1", "--name imapd "),
    ],
)  # fmt: skip
def test_option_of_couriertcpd_becomes(text: str, expected: str, tmp_path: Path) -> None:
    assert expected in options(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-restart", "couriertcpd only signals another couriertcpd with it, and serves no client"),
        ("-stop", "couriertcpd only signals another couriertcpd with it, and serves no client"),
        ("-haltmsg=x", "couriertcpd knows no such option, and does not start with it"),
        ("-detach", "couriertcpd knows no such option, and does not start with it"),
        ("word", "couriertcpd knows no such option, and does not start with it"),
        ("-maxprocs=0", "couriertcpd does not take '-maxprocs=0' and does not start"),
        ("-maxperip", "couriertcpd does not take '-maxperip' and does not start"),
        ("-address=", "couriertcpd does not take it without an address and does not start"),
        ("-access=/etc/rules", "what text '/etc/rules' was made of cannot be known: give the gate that text with "
         "--courier-access"),
        ("-denymsg=a;b", "a second shell reads this value, and finds more in it than the options of one command"),
        ("-denymsg=a #b", "a second shell reads this value, and finds more in it than the options of one command"),
        ("-denymsg=`date`", "what it comes to cannot be known without running it; write it out"),
    ],
)  # fmt: skip
def test_option_of_couriertcpd_is_refused_for_a_reason_of_its_own(text: str, reason: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"TCPDOPTS={shlex.quote(text)}\n")
    assert conversion.units == ()
    texts = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert f"{reason}; the service is not converted" in texts


@pytest.mark.parametrize("quote", ['"', "'", '-denymsg="x', "$(", "`"])
def test_what_the_second_shell_cannot_read_is_refused(quote: str, tmp_path: Path) -> None:
    assert convert(tmp_path, f"TCPDOPTS={shlex.quote(quote)}\n").units == ()


def test_access_in_tcpdopts_names_the_rules(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("10\tallow\n*\tdeny\n")
    (tmp_path / "rules.dat").write_text("")
    for name in ("imapd", "pop3d"):
        assert f"--courier-access {tmp_path}/rules " in options(tmp_path, f"-access={tmp_path}/rules.dat", name)
        text = options(tmp_path, f"-accesslocal -access={tmp_path}/rules.dat", name)
        assert f"--courier-access-local {tmp_path}/rules " in text
    assert "--courier-access" not in options(tmp_path, "-access=/nonexistent.dat"), "couriertcpd lets every client in"


@pytest.mark.parametrize(
    ("name", "text", "more", "expected"),
    [
        ("esmtpd", "-user=games -group=games", "MAILUSER=daemon\nMAILGROUP=daemon\n", "User=daemon\nGroup=daemon\n"),
        ("esmtpd", "-maxprocs=7", "MAXDAEMONS=9\n", "MaxConnections=9\n"),
        ("esmtpd", "-address=127.0.0.2", "ADDRESS=127.0.0.3\n", "ListenStream=127.0.0.3:25\n"),
        ("esmtpd", "-address=127.0.0.2", "", "ListenStream=127.0.0.2:25\n"),
        ("esmtpd-ssl", "-maxprocs=7", "MAXDAEMONS=9\n", "MaxConnections=7\n"),
        ("imapd", "-maxprocs=7", "MAXDAEMONS=9\n", "MaxConnections=7\n"),
        ("imapd", "-address=127.0.0.2", "ADDRESS=127.0.0.3\n", "ListenStream=127.0.0.2:143\n"),
    ],
)
def test_of_an_option_and_a_setting_the_one_counts_that_stands_last_in_the_start_script(
    name: str, text: str, more: str, expected: str, tmp_path: Path
) -> None:
    assert expected in options(tmp_path, text, name, more)


def test_couriertls_is_told_no_user_where_couriertcpd_has_one_already(tmp_path: Path) -> None:
    assert "-user=courier" in options(tmp_path, "", "imapd-ssl")
    text = options(tmp_path, "-user=games", "imapd-ssl")
    assert "-user=courier" not in text
    assert "User=games\n" in text


RULES = "these are access rules, which need no conversion: give the settings that name them"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("imapd", "#! /bin/sh\nprefix=/usr\n. /etc/courier/imapd\ncouriertcpd $TCPDOPTS $PORT imaplogin\n",
         "this is a start script: give the settings that it reads, /etc/courier/imapd"),
        ("courier-imap", "#!/bin/sh\nDAEMON=/usr/lib/courier/imapd\n",
         "this is a start script: give the settings that it reads, /etc/courier/imapd"),
        ("courier-pop-ssl.service", "[Unit]\n[Service]\nExecStart=/usr/lib/courier/pop3d-ssl start\n",
         "this is a unit: give the settings of the server that it starts, /etc/courier/pop3d-ssl"),
        ("imapaccess", "127.0.0\tallow\n",
         f"{RULES}, /etc/courier/imapd; the gate reads the rules with --courier-access"),
        ("smtpaccess", "# rules\n", f"{RULES}, /etc/courier/esmtpd; the gate reads the rules with --courier-access"),
        ("imapaccess.dat", "\0\0", "this is what makedat made of access rules: give the settings that name these, "
         "/etc/courier/imapd"),
    ],
)  # fmt: skip
def test_a_file_of_couriers_that_is_no_settings_is_told_which_file_is_meant(
    name: str, text: str, expected: str, tmp_path: Path
) -> None:
    conversion = convert(tmp_path, text, name)
    (entry,) = conversion.report.entries
    assert (entry.outcome, entry.text) == (Outcome.REFUSED, f"{expected}; the service is not converted")


def test_a_folder_of_rules_is_told_so_too(tmp_path: Path) -> None:
    (tmp_path / "smtpaccess").mkdir()
    conversion = programs.convert("couriertcpd", [str(tmp_path / "smtpaccess")], Host())
    assert "give the settings that name them, /etc/courier/esmtpd" in conversion.report.entries[0].text
