"""Courier's settings: what shapes the units, and what stays the server's environment."""

import os
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)


def convert(folder: Path, text: str, name: str = "imapd", **beside: str) -> Conversion:
    for other, content in {**beside, name: text}.items():
        (folder / other).write_text(content)
    return programs.convert("couriertcpd", [str(folder / name)], HOST)


def units(conversion: Conversion) -> str:
    return "\n".join(map(format_unit, conversion.units))


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("PORT=143", "ListenStream=143"),
        ("PORT=143,127.0.0.1.1143", "ListenStream=143\nListenStream=127.0.0.1:1143"),
        ("ADDRESS=192.168.0.1", "ListenStream=192.168.0.1:143"),
        ("PORT=14\nPORT=${PORT}3", "ListenStream=143"),
        ("MAXDAEMONS=7", "MaxConnections=7"),
        ("MAXDAEMONS=7", "MaxConnectionsPerSource=4"),
        ("MAXPERIP=9", "MaxConnectionsPerSource=9"),
        ("PORT=143", "Wants=courier-authdaemon.service"),
        ("TCPDOPTS='-nodnslookup -denymsg=go'", "--deny-message go"),
    ],
)
def test_setting_becomes_this_directive(text: str, directive: str, tmp_path: Path) -> None:
    assert directive in units(convert(tmp_path, text))


def test_the_environment_is_evaluated_when_the_socket_starts(tmp_path: Path) -> None:
    text = units(convert(tmp_path, "PORT=143"))
    assert f"courier-environment {tmp_path}/imapd --output /run/sockgate/imapd.env\n" in text
    assert "EnvironmentFile=/run/sockgate/imapd.env\n" in text
    assert "/imaplogin /usr/bin/imapd ${MAILDIRPATH}\n" in text


def test_the_tls_variants_have_couriertls_in_front_and_the_other_settings_beside(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "SSLPORT=993\nCOURIERTLS=/opt/couriertls", "imapd-ssl", imapd="MAXDAEMONS=11")
    assert "-- /opt/couriertls -server -tcpd -user=courier /usr/lib/courier/courier/imaplogin" in units(conversion)
    assert "MaxConnections=11\n" in units(conversion)


def test_access_rules_are_taken_over_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "access").write_text("10\tallow\n*\tdeny\n")
    assert f"--courier-access {tmp_path}/access --" in units(convert(tmp_path, f"IMAPACCESSFILE={tmp_path}/access"))


@pytest.mark.parametrize(
    ("text", "what", "outcome", "said"),
    [
        ("IMAPDSTART=NO", "IMAPDSTART=NO", Outcome.APPROXIMATED,
         "it was not started; enable the socket only if you want it"),
        ("MAXPERC=3", "MAXPERC=3", Outcome.TRANSLATED, ""),
        ("MAXPERIP=3\nTCPDOPTS=-denymsg=no", "MAXPERIP=3", Outcome.APPROXIMATED,
         "a client above it is sent the text of -denymsg, which couriertcpd did not send"),
        ("PORT=nonsense", "PORT=nonsense", Outcome.REFUSED,
         "'nonsense' with protocol tcp is neither in /etc/services nor a port; the service is not converted"),
        ("MAXPERIP=x", "MAXPERIP=x", Outcome.REFUSED, "'x' is no number; the service is not converted"),
        ("DROP=-drop", "DROP=-drop", Outcome.TRANSLATED, "the lists refuse"),
        ("DROP=-haproxy", "DROP=-haproxy", Outcome.REFUSED,
         "-haproxy is not converted: it decides who gets in; add the gate's own option, see sockgate(8); "
         "the service is not converted"),
        ("IMAPACCESSFILE=/nonexistent", "IMAPACCESSFILE=/nonexistent", Outcome.BROKEN, "'/nonexistent' does not "
         "exist here: until it does, the gate refuses every client"),
    ],
)  # fmt: skip
def test_setting_is_reported(text: str, what: str, outcome: Outcome, said: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, text)
    told = [(entry.outcome, entry.text) for entry in conversion.report.entries if entry.what == what]
    assert (outcome, said) in told
    assert bool(conversion.units) == (outcome is not Outcome.REFUSED)


def test_more_digits_than_a_number_has_are_refused(tmp_path: Path) -> None:
    setting = f"MAXDAEMONS={'9' * 4301}"  # int() takes 4,300
    said = f"'{'9' * 4301}' is no number; the service is not converted"
    test_setting_is_reported(setting, setting, Outcome.REFUSED, said, tmp_path)


def test_a_missing_file_of_rules_is_told_once(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "IMAPACCESSFILE=/nonexistent")
    broken = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.BROKEN]
    assert broken == ["'/nonexistent' does not exist here: until it does, the gate refuses every client"]
    assert conversion.broken == ["imapd"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello\n", "these are no settings of Courier's imapd, pop3d or esmtpd"),
        ("10\tallow,RELAYCLIENT\n", "these are access rules, which need no conversion: give the settings that name "
         "them, /etc/courier/imapd; the gate reads the rules with --courier-access"),
        ("PORT='1\n", "the closing ' is missing"),
    ],
)  # fmt: skip
def test_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, text)
    assert f"{said}; the service is not converted" in [entry.text for entry in conversion.report.entries]
    assert conversion.units == ()


@pytest.mark.parametrize(
    ("word", "options", "outcome"),
    [
        ("-block=bl.example", "--dnsbl bl.example,BLOCK", Outcome.APPROXIMATED),
        ("-block=bl.example/127.0.0.4", "--dnsbl bl.example/127.0.0.4,BLOCK", Outcome.APPROXIMATED),
        ("-block=bl.example,BLOCK2/127.0.0.4,Go", "--dnsbl bl.example/127.0.0.4,BLOCK2,Go", Outcome.TRANSLATED),
        ("-block=bl.example/127.0.0.4,Go", "--dnsbl bl.example/127.0.0.4,BLOCK,Go", Outcome.TRANSLATED),
        ("-block=bl.example,BLOCK,*", "--dnsbl bl.example,BLOCK,*", Outcome.TRANSLATED),
        ("-block=bl.example,BLOCK,a*b", "--dnsbl bl.example,BLOCK,a*b", Outcome.APPROXIMATED),
        ("-block=bl.example=shown.example", "--dnsbl bl.example,BLOCK", Outcome.APPROXIMATED),
        ("-allow=wl.example,BLOCK,", "--dnsbl-allow wl.example", Outcome.APPROXIMATED),
        ("-allow=wl.example/127.0.1.3", "--dnsbl-allow wl.example/127.0.1.3", Outcome.APPROXIMATED),
    ],
)
def test_a_dns_list_becomes_an_option_of_the_gate(word: str, options: str, outcome: Outcome, tmp_path: Path) -> None:
    lists = word if word.startswith("-block") else f"{word} -block=bl.example"
    conversion = convert(tmp_path, f"BLACKLISTS='{lists}'\nTCPDOPTS=-nodnslookup", "esmtpd")
    assert options in units(conversion).replace('"', "")
    assert outcome in [entry.outcome for entry in conversion.report.entries if entry.what.startswith("BLACKLISTS=")]


@pytest.mark.parametrize(
    ("lists", "drop", "options", "outcome"),
    [
        ("-block=bl.example,BLOCK,Go", "-drop", "--dnsbl bl.example --", Outcome.TRANSLATED),
        ("-block=bl.example", "-drop=BLOCK", "--dnsbl bl.example --", Outcome.APPROXIMATED),
        ("-block=bl.example,BLOCK2,Go", "-drop", "--dnsbl bl.example,BLOCK2,Go --", Outcome.TRANSLATED),
        ("-block=bl.example,B2/127.0.0.3,Go", "-drop=B2", "--dnsbl bl.example/127.0.0.3 --", Outcome.APPROXIMATED),
        ("-block=bl.example,BLOCK2,Go", "'-drop=BLOCK2 -drop'", "--dnsbl bl.example,BLOCK2,Go --", Outcome.TRANSLATED),
    ],
)
def test_a_list_refuses_the_clients_that_drop_turned_away(
    lists: str, drop: str, options: str, outcome: Outcome, tmp_path: Path
) -> None:
    conversion = convert(tmp_path, f"BLACKLISTS='{lists}'\nDROP={drop}\nTCPDOPTS=-nodnslookup", "esmtpd")
    assert options in units(conversion).replace('"', "").replace(" $SOCKGATE_LIMITS", "")
    told = [entry.outcome for entry in conversion.report.entries if entry.what.startswith("BLACKLISTS=")]
    assert told == [outcome]


def test_accesslocal_has_an_option_of_the_gate(tmp_path: Path) -> None:
    (tmp_path / "smtpaccess.dat").write_text("")
    (tmp_path / "smtpaccess").mkdir()
    (tmp_path / "smtpaccess/default").write_text("*.25\tallow,BLOCK=x\n")
    text = f"ACCESSFILE={tmp_path}/smtpaccess\nTCPDOPTS='-nodnslookup -accesslocal"
    conversion = convert(tmp_path, f"{text}'", "esmtpd")
    assert f"--courier-access-local {tmp_path}/smtpaccess $" in units(conversion)
    assert "--courier-access " not in units(conversion)
    told = [entry.text for entry in convert(tmp_path, f"{text} -drop'", "esmtpd").report.entries]
    assert [text for text in told if text.startswith(f"{tmp_path}/smtpaccess/default:1 gives BLOCK a value")]
    assert "smtpaccess" not in units(convert(tmp_path, "TCPDOPTS=-accesslocal", "esmtpd"))


def test_only_the_last_drop_counts(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "DROP='-drop=BLOCK2 -drop'\nTCPDOPTS=-nodnslookup", "esmtpd")
    told = [entry.text for entry in conversion.report.entries if entry.what.startswith("DROP=")]
    assert told == ["-drop=BLOCK behind it counts alone", "the lists refuse"]


def test_a_rule_that_gives_a_value_to_what_drop_looks_at_must_say_deny(tmp_path: Path) -> None:
    (tmp_path / "smtpaccess.dat").write_text("")
    (tmp_path / "smtpaccess").mkdir()
    rules = tmp_path / "smtpaccess/default"
    for text, refused in (("10\tallow,BLOCK\n#1\tallow,BLOCK=x\n", False), ("1\tallow\n10\tallow,BLOCK=No\n", True)):
        rules.write_text(text)
        conversion = convert(tmp_path, f"DROP=-drop\nACCESSFILE={tmp_path}/smtpaccess\nTCPDOPTS=-nodnslookup", "esmtpd")
        reasons = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
        assert reasons == refused * [
            f"{rules}:2 gives BLOCK a value, and -drop turns that client away: write deny there; the service is not "
            "converted"
        ]


def test_what_is_no_dns_list_is_refused(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "BLACKLISTS=-block=bl.example/192.0.2.1", "esmtpd")
    told = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert told == [
        "--dnsbl: 'bl.example/192.0.2.1,BLOCK' has no answer of a DNS list behind the slash (write --dnsbl "
        "ZONE[/127.0.0.N][,VAR[,TEXT]]); the service is not converted"
    ]
    assert conversion.units == ()


def test_names_are_looked_up_as_before_and_believed_as_before(tmp_path: Path) -> None:
    assert "--hostname --paranoid" in units(convert(tmp_path, "TCPDOPTS=", "imapd"))
    assert "--hostname" not in units(convert(tmp_path, "TCPDOPTS=-nodnslookup", "imapd"))


def test_imap_has_access_rules_even_if_no_setting_names_them(tmp_path: Path) -> None:
    assert "--courier-access /etc/courier/imapaccess" in units(convert(tmp_path, "PORT=143"))
    assert "--courier-access" not in units(convert(tmp_path, "PORT=110", "pop3d"))


def test_limits_and_masks_of_the_start_script_are_kept(tmp_path: Path) -> None:
    text = units(convert(tmp_path, "IMAP_ULIMITD=131072\nIMAP_UMASK=077"))
    assert " $SOCKGATE_LIMITS -- " in text
    assert "UMask=0077\n" in text


def test_smtp_runs_as_the_user_of_its_settings_without_a_second_change_for_tls(tmp_path: Path) -> None:
    text = units(convert(tmp_path, "MAILUSER=daemon\nMAILGROUP=mail\nULIMIT=1", "esmtpd-ssl", esmtpd="PORT=25"))
    assert "User=daemon\nGroup=mail\n" in text
    assert "-- /usr/bin/couriertls -server -tcpd /usr/sbin/courieresmtpd\n" in text
    assert "After=courier-authdaemon.service courier.service courierfilter.service\n" in text


def test_rules_that_changed_after_they_were_compiled_are_reported(tmp_path: Path) -> None:
    rules = tmp_path / "access"
    rules.write_text("*\tdeny\n")
    (tmp_path / "access.dat").write_text("")
    os.utime(tmp_path / "access.dat", (0, 0))
    conversion = convert(tmp_path, f"IMAPACCESSFILE={rules}")
    assert any(entry.text.startswith("it was changed after") for entry in conversion.report.entries)


@pytest.mark.parametrize("content", [{}, {"default": "# nothing yet\n\n"}])
def test_rules_without_an_entry_let_every_client_in_as_before(content: dict[str, str], tmp_path: Path) -> None:
    """Debian installs imapaccess as an empty folder, with the .dat that makeimapaccess makes of it."""
    rules = tmp_path / "imapaccess"
    rules.mkdir()
    for name, text in content.items():
        (rules / name).write_text(text)
    (tmp_path / "imapaccess.dat").write_text("")
    conversion = convert(tmp_path, f"IMAPACCESSFILE={rules}")
    assert "--courier-access" not in units(conversion)
    assert [entry.text for entry in conversion.report.entries if entry.what.startswith("IMAPACCESSFILE=")] == [
        f"{str(rules)!r} holds no entries: every client gets in, as before; add --courier-access when there are rules"
    ]


@pytest.mark.parametrize("compiled", [True, False])
def test_rules_that_may_have_been_lost_let_no_client_in(compiled: bool, tmp_path: Path) -> None:
    """The folder is empty, and newer than what was made of it; or nothing was made of it."""
    rules = tmp_path / "imapaccess"
    rules.mkdir()
    if compiled:
        (tmp_path / "imapaccess.dat").write_text("")
        os.utime(tmp_path / "imapaccess.dat", (0, 0))
    conversion = convert(tmp_path, f"IMAPACCESSFILE={rules}")
    assert f"--courier-access {rules}" in units(conversion)
    assert any("refuses every client" in entry.text for entry in conversion.report.entries)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ADDRESS=nowhere.invalid", "'nowhere.invalid' is no address and cannot be resolved here; the service is not "
         "converted"),
        ("IMAP_UMASK=u=rwx", "'u=rwx' is no mask: UMask=0022 is taken"),
    ],
)  # fmt: skip
def test_value_is_reported(text: str, said: str, tmp_path: Path) -> None:
    assert said in [entry.text for entry in convert(tmp_path, text).report.entries]
