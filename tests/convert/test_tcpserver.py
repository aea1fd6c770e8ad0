"""Run scripts of tcpserver and the programs around it."""

from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.convert.tcpserver.forms import FORMS
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)


def convert(folder: Path, line: str) -> Conversion:
    (folder / "run").write_text(f"#!/bin/sh\nexec {line}\n")
    return programs.convert("tcpserver", [str(folder / "run")], HOST)


def units(conversion: Conversion) -> str:
    return "\n".join(map(format_unit, conversion.units))


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("tcpserver -RH 0 25 /bin/cat -x", "-- /bin/cat -x"),
        ("tcpserver -RH 0 smtp /bin/cat", "ListenStream=0.0.0.0:25"),
        ("tcpserver -RH 127.0.0.1 7 /bin/cat", "ListenStream=127.0.0.1:7"),
        ("tcpserver -RH ::1 7 /bin/cat", "ListenStream=[::1]:7"),
        ("tcpserver -RH :0 7 /bin/cat", "ListenStream=7"),
        ("tcpserver -RHDb50 0 7 /bin/cat", "NoDelay=yes"),
        ("tcpserver -RHDb50 0 7 /bin/cat", "Backlog=50"),
        ("tcpserver -RHc 5 -c8 0 7 /bin/cat", "MaxConnections=8"),
        ("tcpserver -RH 0 7 /bin/cat", "MaxConnections=40"),
        ("tcpsvd -l 0 -C 3 0 7 /bin/cat", "MaxConnectionsPerSource=3"),
        ("tcpserver -RHx /etc/tcp.cdb 0 7 /bin/cat", "--rules /etc/tcp.cdb"),
        ("tcpserver -RHu 1 -g 2 0 7 /bin/cat", "User=1\nGroup=2"),
        ("envuidgid daemon tcpserver -URH 0 7 /bin/cat", "User=daemon"),
        ("tcpserver -RH 0 7 setuidgid daemon /bin/cat", "User=daemon"),
        ("softlimit -m 100 -o5 tcpserver -RH 0 7 /bin/cat", "--rlimit as=100"),
        ("softlimit -m 100 -o5 tcpserver -RH 0 7 /bin/cat", "--rlimit nofile=5"),
        ("chpst -u daemon:mail -m 9 -n 3 tcpserver -RH 0 7 /bin/cat", "User=daemon\nGroup=mail"),
        ("env - A=b tcpserver -RH 0 7 /bin/cat", '--pass-env "" --env A=b'),
        ("tcpserver -RH 0 7 argv0 /bin/cat dog -x", "--argv0 dog -- /bin/cat -x"),
        ("tcpserver -RH 0 7 envdir /etc/env /bin/cat", "envdir /etc/env /bin/cat"),
        ("tcpserver -RHl mail.example 0 7 /bin/cat", "--local-name mail.example --"),
        ("tcpserver -l0 0 7 /bin/cat", "--hostname --ident -- /bin/cat"),
        ("tcpserver -l0 -pt7 0 7 /bin/cat", "--hostname --paranoid --ident=7 --timeout 7 -- /bin/cat"),
        ("tcpserver -l0 -Ht 3 0 7 /bin/cat", "--ident=3 -- /bin/cat"),
        ("tcpserver -HRl0 0 7 tcp-env -t9 /bin/cat", "--hostname --ident -- /bin/cat"),
        ("nice -n 5 tcpserver -RH 0 7 /bin/cat", "Nice=5"),
        ("tcpserver -RH 0 7 relaycheck 127.0.0.1,10. /bin/cat", "--relay 127.0.0.1,10. -- /bin/cat"),
    ],
)
def test_line_becomes_this_directive(line: str, directive: str, tmp_path: Path) -> None:
    assert directive in units(convert(tmp_path, line))


@pytest.mark.parametrize(
    ("line", "quiet"),
    [
        ("tcpserver -RHl0 0 7 /bin/cat", False),
        ("tcpserver -vRHl0 0 7 /bin/cat", False),
        ("tcpserver -vRHl0 0 7 /bin/cat 2>&1", False),
        ("tcpserver -vRHl0 0 7 /bin/cat >/dev/null", False),
        ("tcpserver -vRHl0 0 7 /bin/cat 2>&1 >/dev/null", False),
        ("tcpserver -qvRHl0 0 7 /bin/cat", False),
        ("tcpserver -QRHl0 0 7 /bin/cat", True),
        ("tcpserver -vqRHl0 0 7 /bin/cat", True),
        ("tcpserver -vRHl0 0 7 /bin/cat 2>/dev/null", True),
        ("tcpserver -vRHl0 0 7 /bin/cat >/dev/null 2>&1", True),
        ("3</dev/null\n(exec tcpserver -vRHl0 0 7 /bin/cat) 2>/dev/null", True),
        ("3</dev/null\nif true; then tcpserver -vRHl0 0 7 /bin/cat; fi >/dev/null 2>&1", True),
        ("3</dev/null\n{ :; } 2>/dev/null\ntcpserver -vRHl0 0 7 /bin/cat", False),
        ("2>/dev/null\ntcpserver -vRHl0 0 7 /bin/cat", True),
        ("2>/dev/null\nexec 2>/var/log/smtp\ntcpserver -vRHl0 0 7 /bin/cat", False),
    ],
)
def test_a_service_that_was_quiet_is_quiet(line: str, quiet: bool, tmp_path: Path) -> None:
    gates = [line for line in units(convert(tmp_path, line)).splitlines() if line.startswith("ExecStart=/usr/sbin/")]
    assert ["--log none --" in gate for gate in gates] == [quiet, quiet]


def test_the_report_says_what_is_logged_now_where_all_output_went_nowhere(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "tcpserver -vRHl0 0 7 /bin/cat 2>/dev/null")
    [entry] = [entry for entry in conversion.report.entries if entry.what == "2> /dev/null"]
    assert entry.outcome is Outcome.APPROXIMATED
    assert entry.text == "the server's own messages went nowhere, too, and are in the journal now"
    assert entry.became == ("--log none",)
    assert "StandardError=journal" in units(conversion)


def test_with_a_unit_for_each_connection_systemd_still_writes(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\nexec tcpserver -qRHl0 0 7 /bin/cat\n")
    conversion = programs.convert("tcpserver", [str(tmp_path / "run")], HOST, engine="connection")
    [entry] = [entry for entry in conversion.report.entries if entry.what == "-q"]
    assert (entry.outcome, entry.text) == (
        Outcome.APPROXIMATED,
        "systemd writes of the unit of each connection, whose name has the client's address",
    )
    assert " --log none " in units(conversion)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tcpserver -RHx $UNSET`x` 0 7 /bin/cat", "the word '?' cannot be known without running the script; write its "
         "value out"),
        ("tcpserver -RH 0 7", "tcpserver: host, port or program is missing"),
        ("tcpserver -RHy 0 7 /bin/cat", "tcpserver: the option -y is not known"),
        ("tcpserver -RH 0 nonsense /bin/cat", "'nonsense' with protocol tcp is neither in /etc/services nor a port"),
        ("tcpserver -RHU 0 7 /bin/cat", "$UID and $GID are not set by envuidgid in front of it; write -u and -g"),
        ("softlimit -m `cat /nonexistent` tcpserver -RH 0 7 /bin/cat", "softlimit: the limit cannot be known without "
         "running the script; write its value out"),
        ("chroot /x tcpserver -RH 0 7 /bin/cat", "'chroot' in front of tcpserver is not known"),
        ("sudo A=b tcpserver -RH 0 7 /bin/cat", "sudo: variables in front of the program are not converted; write env "
         "behind sudo"),
        ("start-stop-daemon --start tcpserver -RHl0 0 7 /bin/cat", "start-stop-daemon: it starts no program"),
        ("start-stop-daemon -S --test --exec tcpserver -- 0 7 /bin/cat", "start-stop-daemon: it starts no program"),
        ("start-stop-daemon --start --chroot /srv --exec tcpserver -- 0 7 /bin/cat", "--chroot /srv: a root directory "
         "is not converted; add RootDirectory= by hand"),
        ("start-stop-daemon -Sqr/srv -x tcpserver -- 0 7 /bin/cat", "--chroot /srv: a root directory is not converted; "
         "add RootDirectory= by hand"),
        ("start-stop-daemon --start --env A=1 --exec tcpserver -- 0 7 /bin/cat", "start-stop-daemon: the option "
         "'--env' is not known"),
        ("start-stop-daemon -S -x tcpserver -i -- 0 7 /bin/cat", "start-stop-daemon: the option -i is not known"),
        ("start-stop-daemon --st -x tcpserver -- 0 7 /bin/cat", "start-stop-daemon: the option '--st' is not known"),
        ("/bin/cat", "nothing in it starts tcpserver, sslserver, tcpsvd, udpsvd, s6-tcpserver, s6-tcpserver4, "
         "s6-tcpserver6, socat or ncat"),
    ],
)  # fmt: skip
def test_script_is_refused(line: str, reason: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, line)
    texts = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert f"{reason}; the service is not converted" in texts
    assert conversion.units == ()


def test_rules_by_host_name_need_a_look_up_that_is_not_made(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("=.example.com:allow\n:deny\n")
    conversion = convert(tmp_path, f"tcpserver -Rx {rules} 0 7 /bin/cat")
    refusals = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert refusals in ([], [f"{str(rules)!r} has rules by host name, and none is looked up; write them by address; "
                             "the service is not converted"])  # fmt: skip
    assert bool(conversion.units) == (not refusals)


@pytest.mark.parametrize("line", ["tcpserver -RHXx /gone", "tcpserver -RHx /gone -X", "sslserver -RHl0 -Xx /gone"])
def test_capital_x_keeps_the_rules_also_while_their_file_is_missing(line: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"env CERTFILE=/c {line} 0 7 /bin/cat")
    assert "--rules /gone" in units(conversion)
    program = line.partition(" ")[0]
    text = f"while the file is missing the gate refuses every client; {program} let every client in"
    assert [entry.text for entry in conversion.report.entries if entry.what == "-X"] == [text]


def test_a_local_name_that_is_no_host_name_stays_what_the_server_is_told(tmp_path: Path) -> None:
    for name in ("", "an own name", "a/b", "x" * 300):
        text = units(convert(tmp_path, f"tcpserver -RH -l '{name}' 0 7 /bin/cat"))
        assert "--local-name" not in text
        assert f"TCPLOCALHOST={name}" in text
    assert "--local-name b " in units(convert(tmp_path, "tcpserver -RH -l '' -l b 0 7 /bin/cat"))


def test_the_account_of_tcpsvd_has_its_line(tmp_path: Path) -> None:
    for line, became in (
        ("-u daemon", ("User=daemon",)), ("-u daemon:mail", ("User=daemon", "Group=mail")),
        ("-u :1:8", ("User=1", "Group=8")),
    ):  # fmt: skip
        entries = convert(tmp_path, f"tcpsvd {line} 0 7 /bin/cat").report.entries
        assert [entry.became for entry in entries if entry.what == line] == [became]


@pytest.mark.parametrize(
    "line",
    [
        "s6-tlsserver 0 465 /bin/cat", "s6-ipcserver /run/x /bin/cat", "env A=b s6-ipcserver /run/x /bin/cat",
        "sslsvd 0 465 /bin/cat", "nc -l -p 25 -e /bin/cat", "faucet 25 /bin/cat", "/usr/sbin/xinetd -dontfork",
    ],
)  # fmt: skip
def test_another_program_that_listens_is_refused_by_its_name(line: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, line)
    assert conversion.units == ()
    (entry,) = conversion.report.entries
    assert (entry.what, entry.place.line) == (line, 2)
    name = entry.text.partition(" ")[0]
    assert name in line
    assert entry.text.startswith(f"{name} is not converted: ")


def test_tcpsvd_of_busybox_is_tcpsvd(tmp_path: Path) -> None:
    assert "MaxConnections=3" in units(convert(tmp_path, "busybox tcpsvd -c 3 0 7 /bin/cat"))


def program_with_usage(folder: Path, letters: str) -> Path:
    """A file that holds the usage that this tcpserver prints."""
    path = folder / "bin" / "tcpserver"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"tcpserver: usage: tcpserver [ -{letters} ] [ -c limit ]")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("letters", "option", "host", "address"),
    [
        ("461UXpPhHrRoOdDqQv", "", "0", "7"), ("461UXpPhHrRoOdDqQv", "", "''", "7"),
        ("461UXpPhHrRoOdDqQv", "-6", "0", "7"), ("461UXpPhHrRoOdDqQv", "-4", "0", "0.0.0.0:7"),
        ("461UXpPhHrRoOdDqQv", "", "0.0.0.0", "0.0.0.0:7"), ("461UXpPhHrRoOdDqQv", "", "::1", "[::1]:7"),
        ("1UXpPhHrRoOdDqQv", "", "0", "0.0.0.0:7"), ("1UXpPhHrRoOdDqQv", "-4", "0", "0.0.0.0:7"),
    ],
)  # fmt: skip
def test_the_tcpserver_that_would_run_decides_about_the_families(
    letters: str, option: str, host: str, address: str, tmp_path: Path
) -> None:
    path = program_with_usage(tmp_path, letters)
    assert f"ListenStream={address}\n" in units(convert(tmp_path, f"{path} -RHl0 {option} {host} 7 /bin/cat"))
    relative = units(convert(tmp_path, f"bin/tcpserver -RHl0 {option} {host} 7 /bin/cat"))
    assert f"ListenStream={address}\n" in relative


def test_a_tcpserver_that_is_not_here_may_listen_on_both_families(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "/nonexistent/tcpserver -RHl0 0 7 /bin/cat")
    assert "ListenStream=0.0.0.0:7\n" in units(conversion)
    text = "tcpserver is not here: that of ucspi-tcp-ipv6 takes IPv6 as well, with ListenStream=7"
    assert text in texts(conversion, Outcome.APPROXIMATED)


def test_an_option_that_this_tcpserver_does_not_know_is_told(tmp_path: Path) -> None:
    path = program_with_usage(tmp_path, "1UX")
    for letter in "46":
        conversion = convert(tmp_path, f"{path} -{letter} -RHl0 0 7 /bin/cat")
        text = f"{path} does not know it and would not start: it is meant for ucspi-tcp-ipv6"
        assert text in texts(conversion, Outcome.APPROXIMATED)


def test_a_service_folder_is_named_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "qmail-smtpd"
    folder.mkdir()
    (folder / "run").write_text("exec tcpserver -RH 0 25 /bin/cat\n")
    conversion = programs.convert("tcpserver", [str(folder)], HOST)
    names = [unit.name for unit in conversion.units]
    assert names == ["qmail-smtpd.socket", "qmail-smtpd@.service", "qmail-smtpd.service"]


def test_what_the_script_runs_first_is_reported(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mkdir -p /run/x\nexec tcpserver -RH 0 25 /bin/cat\n")
    conversion = programs.convert("tcpserver", [str(tmp_path)], HOST)
    entry = next(entry for entry in conversion.report.entries if entry.what == "mkdir -p /run/x")
    assert (
        entry.text == "the script runs this as well, the unit does not; add ExecStartPre= to the socket if it is needed"
    )


def texts(conversion: Conversion, outcome: Outcome) -> list[str]:
    return [entry.text for entry in conversion.report.entries if entry.outcome is outcome]


def test_a_banner_is_taken_over_as_it_is(tmp_path: Path) -> None:
    line = "tcpserver -RHl0 -B '220 a \"b\" %n\n' 0 7 /bin/cat"
    assert '--banner-text "220 a \\"b\\" %%n\\n"' in units(convert(tmp_path, line))


def test_what_was_exported_before_env_cleared_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("export A=1 B=2\nexec env - B=3 tcpserver -RHl0 0 7 /bin/cat\n")
    text = units(programs.convert("tcpserver", [str(tmp_path / "run")], HOST))
    assert '--pass-env "" --env B=3 --' in text
    assert "A=1" not in text


def test_each_server_of_a_script_is_converted(tmp_path: Path) -> None:
    (tmp_path / "rc").write_text(
        "tcpserver -RHl0 0 7 /bin/cat | logger &\ntcpserver -RHl0 0 smtp /bin/cat &\nkillall tcpserver\n"
    )
    conversion = programs.convert("tcpserver", [str(tmp_path / "rc")], HOST)
    assert [service.name for service in conversion.services] == ["rc-7", "rc-smtp"]
    assert [entry.what for entry in conversion.report.entries if "as well" in entry.text] == ["killall tcpserver"]
    (tmp_path / "rc").write_text("tcpserver -u 89 -g 89 0 587 /bin/cat&\ntcpserver -Rl x -H 0 25 /bin/cat&\n")
    conversion = programs.convert("tcpserver", [str(tmp_path / "rc")], HOST)
    assert [service.name for service in conversion.services] == ["rc-587", "rc-25"]
    lines = (f"start-stop-daemon -S -b -x /usr/bin/tcpserver -- -RHl0 0 {port} /bin/cat\n" for port in (7, 25))
    (tmp_path / "rc").write_text("".join(lines))
    conversion = programs.convert("tcpserver", [str(tmp_path / "rc")], HOST)
    assert [service.name for service in conversion.services] == ["rc-7", "rc-25"]


@pytest.mark.parametrize(
    "first",
    ["tcpserver -RHl0 0 7 /bin/cat", "tcpserver -RHl0 0 7 /bin/cat | logger", "(tcpserver -RHl0 0 7 /bin/cat)",
     "f() { sh -c 'tcpserver -RHl0 0 7 /bin/cat'; }; f"],
)  # fmt: skip
def test_a_server_that_starts_when_another_one_has_ended_is_refused(first: str, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text(f"{first}\ntcpserver -RHl0 0 25 /bin/cat\n")
    conversion = programs.convert("tcpserver", [str(tmp_path / "rc")], HOST)
    assert [service.name for service in conversion.services] == ["rc-7"]
    (refusal,) = (entry for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED)
    assert refusal.text == (
        "the script starts it when the server of line 1 has ended, and a unit would serve at once: put & behind that "
        "command if both are to serve; the service is not converted"
    )
    (tmp_path / "rc").write_text(f"{first} &\ntcpserver -RHl0 0 25 /bin/cat\n")
    conversion = programs.convert("tcpserver", [str(tmp_path / "rc")], HOST)
    assert [service.name for service in conversion.services] == ["rc-7", "rc-25"]


def test_what_starts_a_server_only_when_init_says_start_is_read_so(tmp_path: Path) -> None:
    start = 'start() {\n  tcpserver -RHl0 0 7 /bin/cat "$@" &\n}\n'
    (tmp_path / "mail").write_text(f'{start}case "$1" in start) start ;; stop) killall tcpserver;; *) exit;; esac\n')
    conversion = programs.convert("tcpserver", [str(tmp_path / "mail")], HOST)
    assert "-- /bin/cat\n" in units(conversion)
    assert "read as init runs it: with the word start behind it" in texts(conversion, Outcome.TRANSLATED)
    (tmp_path / "mail").write_text("exec tcpserver -RHl0 0 7 /bin/cat $1\n")
    assert "-- /bin/cat\n" in units(programs.convert("tcpserver", [str(tmp_path / "mail")], HOST))


def test_what_stops_a_server_is_none(tmp_path: Path) -> None:
    (tmp_path / "rc").write_text(
        "start-stop-daemon --stop --exec /usr/bin/tcpserver --user daemon\ntcpserver -RHl0 0 7 /bin/cat &\n"
    )
    conversion = programs.convert("tcpserver", [str(tmp_path / "rc")], HOST)
    assert len(conversion.services) == 1
    assert [entry.what for entry in conversion.report.entries if "as well" in entry.text] == [
        "start-stop-daemon --stop --exec /usr/bin/tcpserver --user daemon"
    ]


def test_a_server_that_may_run_or_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("if grep -q x /y; then\nexec tcpserver -RHl0 0 7 /bin/cat\nfi\n")
    (refusal,) = texts(programs.convert("tcpserver", [str(tmp_path / "run")], HOST), Outcome.REFUSED)
    assert refusal.startswith("whether this is run cannot be known; write a script without the condition")


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("tcpserver -RHl0 -u 4242 -g 4243 0 7 /bin/cat",
         "setpriv --reuid=4242 --regid=4243 --clear-groups -- /usr/sbin/sockgate"),
        ("tcpserver -RHl0 -u `id -u daemon` -g `id -g daemon` 0 7 /bin/cat", "User=daemon\nStandardInput"),
        ("tcpserver -RHl0 -u `id -u to-come` -g `id -g to-come` 0 7 /bin/cat", "User=to-come\nStandardInput"),
        ("tcpserver -RHl0 -u 1 0 7 /bin/cat", "User=1\nGroup=1\n"),
        ("tcpserver -RHl0 -g 8 0 7 /bin/cat", "\nGroup=8\n"),
        ("authbind --deep nohup tcpserver -RHl0 0 7 /bin/cat", "-- /bin/cat\n"),
        ("softlimit -o = tcpserver -RHl0 0 7 /bin/cat", "--rlimit nofile=infinity: "),
        ("chpst -C /srv -n 25 tcpserver -RHl0 0 7 ./cat", "-- /srv/cat\n"),
        ("tcpserver -RHl 0 0 7 /bin/cat", "--local-name 0 "),
        ("sudo -u daemon tcpserver -RHl0 0 7 /bin/cat", "-- /bin/cat\nUser=daemon\n"),
        ("sudo -nu '#1' tcpserver -RHl0 0 7 /bin/cat", "-- /bin/cat\nUser=1\n"),
        ("su daemon -s /bin/sh -c 'exec tcpserver -RHl0 0 7 /bin/cat'", "-- /bin/cat\nUser=daemon\n"),
        ("s6-setuidgid daemon s6-softlimit -o9 tcpserver -RHl0 0 7 /bin/cat", "nofile=9: -- /bin/cat\nUser=daemon"),
        ("start-stop-daemon --start -q -b -m --pidfile /x --chuid daemon:mail -N 5 -d /srv --exec /bin/tcpserver -- "
         "-RHl0 0 7 ./cat", "-- /srv/cat\nUser=daemon\nGroup=mail\n"),
        ("start-stop-daemon -S -x /bin/tcpserver -c daemon -N 5 -- -RHl0 0 7 /bin/cat", "Nice=5\n"),
        ("start-stop-daemon -Sqbx /bin/tcpserver --chu=daemon --nice 5 -- -RHl0 0 7 /bin/cat", "User=daemon\n"),
        ("start-stop-daemon --start --exec /bin/tcpserver 0 7 /bin/cat", "ListenStream=0.0.0.0:7\n"),
        ("sudo -u daemon start-stop-daemon --start --exec /bin/tcpserver -- 0 7 /bin/cat", "User=daemon\n"),
        ("tcpserver -RHl0 0 7 setuidgid daemon start-stop-daemon -S -x /bin/cat", "User=daemon\n"),
        ("tcpserver -RHl0 0 7 sh -c 'exec cat $TCPREMOTEIP'", '-c "exec cat $$TCPREMOTEIP"\n'),
    ],
)  # fmt: skip
def test_account_and_place(line: str, directive: str, tmp_path: Path) -> None:
    assert directive in units(convert(tmp_path, line))


def test_nice_beyond_the_limit_is_the_limit(tmp_path: Path) -> None:
    assert "Nice=19\n" in units(convert(tmp_path, "nice -n 25 tcpserver -RHl0 0 7 /bin/cat"))


def test_every_option_of_each_server_has_its_row() -> None:
    for program, form in FORMS.items():
        if form.parse is None:
            assert set("".join(form.letters)) == form.handlers.keys(), program


def test_that_the_machines_own_name_is_not_looked_up_is_said(tmp_path: Path) -> None:
    def notes(line: str) -> list[str]:
        entries = convert(tmp_path, line).report.entries
        return [entry.text for entry in entries if entry.what == "without -l"]

    text = "tcpserver looked up the machine's own name for TCPLOCALHOST; none is now: add --local-name NAME"
    assert notes("tcpserver -RH 0 7 /bin/cat") == [text]
    assert notes("tcpserver -RHl0 0 7 /bin/cat") == notes("tcpserver -RHl mail.example 0 7 /bin/cat") == []
