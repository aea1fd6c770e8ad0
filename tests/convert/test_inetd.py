"""inetd.conf, field by field."""

from dataclasses import replace
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.convert.result import Conversion
from sockgate.host.host import GNU, OPENBSD, Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)


def convert(folder: Path, *lines: str) -> Conversion:
    (folder / "inetd.conf").write_text("\n".join(lines) + "\n")
    return programs.convert("inetd", [str(folder / "inetd.conf")], HOST)


def units(conversion: Conversion) -> str:
    return "\n".join(map(format_unit, conversion.units))


@pytest.mark.parametrize(
    ("line", "directive"),
    [
        ("smtp stream tcp nowait root /bin/cat cat -x", "ExecStart=/bin/cat -x"),
        ("smtp stream tcp nowait root /bin/cat other -x", "ExecStart=@/bin/cat other -x"),
        ("smtp stream tcp nowait root cat", "ExecStart=/usr/bin/cat"),
        ("smtp stream tcp nowait root /bin/cat", "ListenStream=0.0.0.0:25"),
        ("smtp stream tcp6 nowait root /bin/cat", "ListenStream=[::]:25\nBindIPv6Only=ipv6-only"),
        ("smtp stream tcp46 nowait root /bin/cat", "ListenStream=25\nBindIPv6Only=both"),
        ("26 stream tcp nowait root /bin/cat", "ListenStream=0.0.0.0:26"),
        ("*:26 stream tcp nowait root /bin/cat", "ListenStream=0.0.0.0:26"),
        ("::1:26 stream tcp6 nowait root /bin/cat", "ListenStream=[::1]:26"),
        ("[::1]:26 stream tcp6 nowait root /bin/cat", "ListenStream=[::1]:26"),
        ("26 stream tcp nowait.30 root /bin/cat", "PollLimitIntervalSec=60s\nPollLimitBurst=29"),
        ("26 stream tcp nowait daemon:mail /bin/cat", "User=daemon\nGroup=mail"),
        ("26 stream tcp nowait daemon.mail /bin/cat", "User=daemon\nGroup=mail"),
        ("26 stream tcp,sndbuf=4k nowait root /bin/cat", "SendBuffer=4K"),
        ("26 dgram udp wait root /bin/cat", "ListenDatagram=0.0.0.0:26"),
        ("26 stream tcp nowait root /usr/sbin/tcpd in.x -y", "--hosts-access in.x -- /usr/sbin/in.x -y"),
        ("time dgram udp wait root internal", "ExecStart=-/usr/sbin/sockgate-builtin time"),
        ("/run/x stream unix nowait daemon /bin/cat", "SocketUser=daemon"),
    ],
)
def test_line_becomes_this_directive(line: str, directive: str, tmp_path: Path) -> None:
    assert directive in units(convert(tmp_path, line))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("smtp stream tcp nowait root", "the field 'server' is missing; inetd skips the line"),
        ("smtp raw tcp nowait root /bin/cat", "systemd has no 'raw' sockets for Internet addresses"),
        ("smtp stream tcp later root /bin/cat", "'later' is neither wait nor nowait"),
        ("smtp stream tcp nowait.x root /bin/cat", "'x' is not a number"),
        ("smtp stream sctp nowait root /bin/cat",
         "the protocol 'sctp' is not known, or does not go with the socket type"),
        ("smtp stream tcp,x=1 nowait root /bin/cat", "the socket option 'x=1' is not known"),
        ("nonsense stream tcp nowait root /bin/cat",
         "'nonsense' with protocol tcp is neither in /etc/services nor a port"),
        ("m/1 dgram rpc/udp wait root /bin/cat", "RPC and tcpmux services are not converted: systemd registers with "
         "neither; run the server by itself"),
        ("26 dgram udp nowait root /bin/cat", "a dgram service with nowait: every datagram starts a server, and all "
         "read the same socket; use wait if the server can"),
        ("26 stream tcp nowait 0day /bin/cat",
         "systemd does not take '0day' for the name of an account; give its number"),
        ("26 stream tcp nowait root internal",
         "there is no internal service '26' but chargen daytime discard echo time"),
        ("26 stream tcp wait root /usr/sbin/tcpd in.x",
         "nothing can ask hosts.allow for the connections that a server with wait accepts"),
        ("nowhere.invalid:26 stream tcp nowait root /bin/cat",
         "'nowhere.invalid' is no address and cannot be resolved here"),
    ],
)  # fmt: skip
def test_line_is_refused(line: str, reason: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, "# a comment", line)
    (refusal,) = (entry for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED)
    assert (refusal.text, refusal.place.line) == (f"{reason}; the service is not converted", 2)
    assert conversion.units == ()


@pytest.mark.parametrize("inetd", ["", OPENBSD, GNU])
@pytest.mark.parametrize("character", ["\u00a0", "\u2028", "\x0b", "\x1c"])
def test_words_end_at_blanks_and_tabs_alone(character: str, inetd: str, tmp_path: Path) -> None:
    host = replace(HOST, inetd=inetd)
    lines = (
        f"26 stream tcp nowait root{character}/bin/cat cat\n27 stream tcp nowait root /bin/cat cat a{character}b\r\n"
    )
    (tmp_path / "inetd.conf").write_bytes(lines.encode())
    conversion = programs.convert("inetd", [str(tmp_path / "inetd.conf")], host)
    assert [str(service.listens[0].address).rpartition(":")[2] for service in conversion.services] == ["27"]
    assert conversion.services[0].command == ("/bin/cat", f"a{character}b")


def test_more_digits_than_a_number_has_are_refused(tmp_path: Path) -> None:
    digits = "9" * 4301  # int() takes 4,300
    test_line_is_refused(f"smtp stream tcp nowait.{digits} root /bin/cat", f"'{digits}' is not a number", tmp_path)


def test_an_address_line_holds_for_the_lines_behind_it(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "127.0.0.1:", "26 stream tcp nowait root /bin/cat")
    assert "ListenStream=127.0.0.1:26\n" in units(conversion)


def test_lines_for_both_families_make_one_service(tmp_path: Path) -> None:
    lines = [f"26 stream {protocol} nowait root /bin/cat" for protocol in ("tcp", "tcp6")]
    conversion = convert(tmp_path, *lines)
    assert [unit.name for unit in conversion.units] == ["port-26.socket", "port-26@.service", "port-26.service"]
    assert "ListenStream=0.0.0.0:26\nListenStream=[::]:26\nBindIPv6Only=ipv6-only\n" in units(conversion)


def test_a_server_that_waits_gets_one_socket_only(tmp_path: Path) -> None:
    lines = [f"26 dgram {protocol} wait root /bin/cat" for protocol in ("udp", "udp6")]
    assert len(convert(tmp_path, *lines).units) == 4


def test_a_path_that_no_unit_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inetd.conf").write_bytes(
        b"/run/\xff stream unix nowait root /bin/cat\n/run/%n stream unix nowait root /bin/cat\n"
    )
    conversion = programs.convert("inetd", [str(tmp_path / "inetd.conf")], HOST)
    refused = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert refused == [r"ListenStream='/run/\udcff' cannot stand in a unit file; the service is not converted"]
    assert "ListenStream=/run/%%n\n" in units(conversion)


def convert_for(inetd: str, folder: Path, *lines: str, wraps: bool = False) -> Conversion:
    (folder / "inetd.conf").write_text("\n".join(lines) + "\n")
    machine = replace(HOST, inetd=inetd, wraps=wraps)
    return programs.convert("inetd", [str(folder / "inetd.conf")], machine)


@pytest.mark.parametrize(
    ("inetd", "protocol", "sockets"),
    [
        (OPENBSD, "tcp", "ListenStream=0.0.0.0:26\nListenStream=[::]:26\nBindIPv6Only=ipv6-only"),
        (OPENBSD, "tcp4", "ListenStream=0.0.0.0:26\nAccept"),
        (OPENBSD, "tcp6", "ListenStream=[::]:26\nBindIPv6Only=ipv6-only"),
        (GNU, "tcp", "ListenStream=0.0.0.0:26\nAccept"),
        (GNU, "tcp6", "ListenStream=26\nBindIPv6Only=both"),
        (GNU, "tcp6only", "ListenStream=[::]:26\nBindIPv6Only=ipv6-only"),
        ("", "tcp", "ListenStream=0.0.0.0:26\nAccept"),
        ("", "tcp6", "ListenStream=[::]:26\nBindIPv6Only=ipv6-only"),
    ],
)
def test_family_is_that_of_the_installed_inetd(inetd: str, protocol: str, sockets: str, tmp_path: Path) -> None:
    assert sockets in units(convert_for(inetd, tmp_path, f"26 stream {protocol} nowait root /bin/cat"))


def test_a_waiting_server_of_both_families_becomes_two(tmp_path: Path) -> None:
    conversion = convert_for(OPENBSD, tmp_path, "26 dgram udp wait root /bin/cat")
    assert [service.listens[0].address for service in conversion.services] == ["0.0.0.0:26", "[::]:26"]


@pytest.mark.parametrize(
    ("inetd", "words"),
    [(OPENBSD, "cat one two"), (GNU, "cat one"), ("", "cat one")],
)
def test_a_line_that_begins_with_a_blank(inetd: str, words: str, tmp_path: Path) -> None:
    lines = ("26 stream tcp nowait root /bin/cat cat one", "\ttwo")
    conversion = convert_for(inetd, tmp_path, *lines)
    assert f"ExecStart=/bin/{words}\n" in units(conversion)
    refused = [entry.place.line for entry in conversion.report.entries if entry.outcome is Outcome.REFUSED]
    assert refused == ([] if inetd == OPENBSD else [2])


@pytest.mark.parametrize(
    ("inetd", "words"), [(GNU, 'cat "a b" # c'), (OPENBSD, 'cat "\'a" "b\'" "#" c'), ("", 'cat "\'a" "b\'"')]
)
def test_quotes_group_words_for_gnu_alone(inetd: str, words: str, tmp_path: Path) -> None:
    conversion = convert_for(inetd, tmp_path, "26 stream tcp nowait root /bin/cat cat 'a b' # c")
    assert f"ExecStart=/bin/{words}".replace("#", '"#"').replace('""#""', '"#"') in units(conversion)
    told = [entry.what for entry in conversion.report.entries if entry.outcome is Outcome.IGNORED]
    assert told == ([] if inetd == GNU else ["quotes"])


def test_root_keeps_its_own_groups(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "26 stream tcp nowait root:mail /bin/cat")
    assert "Group=" not in units(conversion)
    assert "inetd keeps root's own groups, also if the line names a group" in [
        entry.text for entry in conversion.report.entries
    ]


def test_inetd_that_asks_hosts_allow_does_so_for_every_service(tmp_path: Path) -> None:
    line = "26 stream tcp nowait root /bin/cat other"
    assert "--hosts-access other --argv0 other -- /bin/cat" in units(convert_for(OPENBSD, tmp_path, line, wraps=True))
    refused = convert_for(OPENBSD, tmp_path, "26 stream tcp nowait root /usr/sbin/tcpd in.x", wraps=True)
    assert refused.units == ()


def test_a_folder_of_lines(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("27 stream tcp nowait root /bin/cat\n")
    (tmp_path / "a").write_text("26 stream tcp nowait root /bin/cat\n")
    (tmp_path / ".hidden").write_text("28 stream tcp nowait root /bin/cat\n")
    conversion = programs.convert("inetd", [str(tmp_path)], HOST)
    assert [service.name for service in conversion.services] == ["port-26", "port-27"]


def test_a_folder_is_no_server(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "26 stream tcp nowait root /bin/ cat")
    assert conversion.units == ()
    assert "'/bin/' is a folder, and no program; the service is not converted" in [
        entry.text for entry in conversion.report.entries
    ]


# Seen in openbsd-inetd and in GNU's inetd.
@pytest.mark.parametrize(("first", "second", "command", "text"), [
    ("26 stream tcp nowait root /bin/cat", "26 stream tcp nowait root /bin/true", ["/bin/true"],
     "line 2 is for the same service and protocol, and inetd keeps the later one"),
    ("26 stream tcp nowait root /bin/cat", "26 stream tcp4 nowait root /bin/true", ["/bin/cat"],
     "'port-26' ({}/inetd.conf:1) has this address and port already, and inetd serves the first"),
    ("26 stream tcp nowait root /bin/cat", "26 stream tcp6 nowait root /bin/true", ["/bin/cat", "/bin/true"], ""),
    ("26 stream tcp nowait root /bin/cat", "26 stream tcp nowait", ["/bin/cat"], ""),
])  # fmt: skip
def test_of_two_lines_for_one_port_one_is_served(
    first: str, second: str, command: list[str], text: str, tmp_path: Path
) -> None:
    conversion = convert(tmp_path, f"{first}\n{second}\n")
    assert [service.command[0] for service in conversion.services] == command
    found = [entry.text for entry in conversion.report.entries if entry.outcome is Outcome.IGNORED]
    assert found == ([text.format(tmp_path)] if text else [])
