"""inetd.conf: several addresses, names that were forgotten, ports by name, and files of every kind."""

import os
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.report import Outcome
from sockgate.host.host import Host
from sockgate.units import reader
from sockgate.units.writer import format_unit

from .test_inetd import HOST, convert, units


@pytest.mark.parametrize(
    ("lines", "addresses"),
    [
        (["127.0.0.1,127.0.0.2:26 stream tcp4 wait nobody /usr/bin/env x"], ["127.0.0.1:26", "127.0.0.2:26"]),
        (["127.0.0.1,127.0.0.2:", "26 stream tcp4 wait nobody /usr/bin/env x"], ["127.0.0.1:26", "127.0.0.2:26"]),
        (["127.0.0.1,127.0.0.2,127.0.0.3:26 dgram udp wait root /bin/cat"],
         ["127.0.0.1:26", "127.0.0.2:26", "127.0.0.3:26"]),
        (["::1,fd00::1:26 dgram udp6 wait root /bin/cat"], ["[::1]:26", "[fd00::1]:26"]),
        (["127.0.0.1,127.0.0.2:time dgram udp wait root internal"], ["127.0.0.1:37", "127.0.0.2:37"]),
    ],
)  # fmt: skip
def test_a_server_that_waits_gets_a_pair_of_units_for_each_address(
    lines: list[str], addresses: list[str], tmp_path: Path
) -> None:
    conversion = convert(tmp_path, *lines)
    found = []
    for one in conversion.converted:
        assignments, _ = reader.parse(format_unit(one.socket_unit), "x")
        (listen,) = (line for line in assignments if line.key.startswith("Listen"))
        found.append(listen.value)
        assert any(line.key == "BindIPv6Only" for line in assignments) is listen.value.startswith("[")
        assert "StandardInput=socket\n" in format_unit(one.units[1])
    assert found == addresses
    assert len({unit.name for unit in conversion.units}) == 2 * len(addresses)


def test_the_interface_of_an_address_stands_where_systemd_reads_it(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "[fe80::1%lo]:26 stream tcp6 nowait root /bin/cat")
    assert "ListenStream=[fe80::1]:26%%lo\n" in units(conversion)


def test_a_server_for_each_connection_has_all_addresses_in_one_unit(tmp_path: Path) -> None:
    conversion = convert(tmp_path, "127.0.0.1,127.0.0.2:26 stream tcp nowait root /bin/cat")
    assert len(conversion.converted) == 1
    assert "ListenStream=127.0.0.1:26\nListenStream=127.0.0.2:26\n" in units(conversion)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("69 dgram udp wait root /bin/cat -s /srv/tftp", "/bin/cat cat -s /srv/tftp"),
        ("69 stream tcp nowait root /bin/cat -u", "/bin/cat cat -u"),
        ("69 stream tcp nowait root /bin/cat /srv/tftp", "/bin/cat cat /srv/tftp"),
        ("69 stream tcp nowait root cat --", "cat cat --"),
    ],
)
def test_a_line_that_forgets_the_servers_name_is_told_so(line: str, meant: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, line)
    (entry,) = (entry for entry in conversion.report.entries if "probably meant" in entry.text)
    assert entry.outcome is Outcome.APPROXIMATED
    assert entry.text.endswith(f"probably meant: {meant}")
    words = line.split()
    assert f"@/bin/cat {words[6]}" in units(conversion).replace("/usr/bin", "/bin"), (
        "it runs under this name, as before"
    )


@pytest.mark.parametrize("line", ["69 stream tcp nowait root /bin/cat cat -s", "69 stream tcp nowait root /bin/cat",
                                  "69 stream tcp nowait root /bin/cat /bin/cat -u",
                                  "69 stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.x"])  # fmt: skip
def test_a_line_with_the_servers_name_is_not(line: str, tmp_path: Path) -> None:
    assert not any("probably meant" in entry.text for entry in convert(tmp_path, line).report.entries)


@pytest.mark.parametrize(
    ("number", "meant"), [("37", "time"), ("7", "echo"), ("9", "discard"), ("13", "daytime"), ("19", "chargen")]
)
def test_an_internal_service_has_a_name_and_no_number(number: str, meant: str, tmp_path: Path) -> None:
    conversion = convert(tmp_path, f"{number} stream tcp nowait root internal")
    assert conversion.units == ()
    (entry,) = (entry for entry in conversion.report.entries if entry.blocks)
    assert entry.text == (
        f"there is no internal service '{number}' but chargen daytime discard echo time; probably meant: {meant}; "
        "the service is not converted"
    )


class Forgetful(Host):
    """A machine whose /etc/services has become short."""

    def port(self, name: str, protocol: str) -> int | None:
        return None


@pytest.mark.parametrize(
    ("program", "name", "text"),
    [
        ("inetd", "inetd.conf", "swat stream tcp nowait root /bin/cat\n"),
        ("tcpserver", "run", "exec tcpserver -RHl0 0 swat /bin/cat\n"),
        ("couriertcpd", "imapd", "PORT=swat\nTCPDOPTS=-nodnslookup\n"),
        ("xinetd", "x", "service swat\n{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n}\n"),
    ],
)
def test_a_name_that_is_missing_from_etc_services_is_treated_alike_by_every_program(
    program: str, name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    conversion = programs.convert(program, [str(tmp_path / name)], Forgetful(asks_services=False, hosts_files=()))
    assert [listen.address.rpartition(":")[2] for listen in conversion.services[0].listens] == ["901"]
    (entry,) = (entry for entry in conversion.report.entries if "not in this machine's /etc/services" in entry.text)
    assert entry.outcome is Outcome.APPROXIMATED
    assert "the port that is assigned to this name, 901, is taken" in entry.text


@pytest.mark.parametrize("port", ["0", "00", "65536", "-1", "1e1", "\u0667"])
@pytest.mark.parametrize(
    ("program", "name", "text"),
    [
        ("inetd", "inetd.conf", "PORT stream tcp nowait root /bin/cat\n"),
        ("tcpserver", "run", "exec tcpserver -RHl0 0 PORT /bin/cat\n"),
        ("couriertcpd", "imapd", "PORT=PORT\nTCPDOPTS=-nodnslookup\n"),
    ],
)
def test_what_is_no_port_is_refused_by_every_program(
    program: str, name: str, text: str, port: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text.replace("PORT ", f"{port} ").replace("=PORT", f"={port}"))
    conversion = programs.convert(program, [str(tmp_path / name)], HOST)
    assert conversion.units == ()
    assert any("is neither in /etc/services nor a port" in entry.text for entry in conversion.report.entries)


def make(kind: str, path: Path) -> None:
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "large":
            with path.open("wb") as file:
                file.truncate(1 << 40)
        case _:
            path.symlink_to(kind)


@pytest.mark.parametrize(
    "kind",
    ["/proc/kmsg", "/dev/zero", "/dev/tty", "/proc/self/mem", "/nonexistent", "fifo", "folder", "large", "/dev/null"],
)
@pytest.mark.parametrize("program", sorted(programs.NAMES))
def test_a_file_of_any_kind_is_read_or_refused(program: str, kind: str, tmp_path: Path) -> None:
    """A link to /proc/kmsg in /etc/xinetd.d ended the conversion with a traceback."""
    make(kind, tmp_path / "imapd")
    conversion = programs.convert(program, [str(tmp_path / "imapd")], HOST)
    assert conversion.units == ()
    folder = tmp_path / "xinetd.d"
    folder.mkdir()
    make(kind, folder / "file")
    (tmp_path / "xinetd.conf").write_text(f"includedir {folder}\ninclude {folder}/file\n")
    (folder / "good").write_text(
        "service good\n{\ntype = UNLISTED\nport = 7\nsocket_type = stream\nwait = no\nuser = root\n"
        "server = /bin/cat\n}\n"
    )
    found = programs.convert("xinetd", [str(tmp_path / "xinetd.conf")], HOST)
    assert [service.name for service in found.services] == ["good"]
