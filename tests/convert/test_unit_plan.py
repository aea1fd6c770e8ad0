"""From a service record to unit files: what the golden folders do not show."""

from dataclasses import replace

import pytest

from sockgate.convert.input_files import Place
from sockgate.convert.report import Outcome, Report
from sockgate.convert.result import build
from sockgate.convert.service import DATAGRAM, STREAM, Listen, Service
from sockgate.convert.unit_names import make_unique, unit_stem
from sockgate.convert.unit_plan import unit_files
from sockgate.host.host import Host
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, asks_services=False)
HERE = Place("/etc/xinetd.d/x", 1)
SOCKET = (Listen(STREAM, "7"),)


def started(service: Service) -> str:
    """The ExecStart= of its service."""
    return next(line for line in format_unit(unit_files(service, HOST)[1]).split("\n") if line.startswith("ExecStart="))


def plain(name: str = "x", command: tuple[str, ...] = ("/bin/cat", "-u"), kind: str = STREAM) -> Service:
    return Service(name=name, place=HERE, listens=(Listen(kind, "7"),), command=command)


def test_a_user_without_further_groups_is_set_by_setpriv_in_front_of_everything() -> None:
    service = Service(name="x", place=HERE, listens=SOCKET, command=("/bin/cat",), user="news", group="9",
                      clear_groups=True)  # fmt: skip
    assert started(service) == "ExecStart=/usr/bin/setpriv --reuid=news --regid=9 --clear-groups -- /bin/cat"
    assert "User=" not in format_unit(unit_files(service, HOST)[1])


def test_such_a_user_and_another_name_take_the_gate() -> None:
    service = Service(name="x", place=HERE, listens=SOCKET, command=("/bin/cat",), user="news", group="9",
                      clear_groups=True, argv0="dog")  # fmt: skip
    assert started(service).endswith("-- /usr/sbin/sockgate --name x --argv0 dog -- /bin/cat")


def test_another_name_alone_needs_no_gate() -> None:
    service = Service(name="x", place=HERE, listens=SOCKET, command=("/bin/cat", "a"), argv0="dog")
    assert started(service) == "ExecStart=@/bin/cat dog a"


def test_only_the_failure_of_a_server_that_takes_the_socket_is_kept_from_systemd() -> None:
    assert started(plain()) == "ExecStart=/bin/cat -u"
    assert started(replace(plain(), wait=True)) == "ExecStart=-/bin/cat -u"
    assert started(replace(plain(), wait=True, argv0="dog")) == "ExecStart=-@/bin/cat dog -u"


def test_a_program_that_is_not_installed_yet_is_no_matter_for_verify() -> None:
    assert started(plain(command=("/opt/later",))) == "ExecStart=-/opt/later"
    assert started(plain(command=("/usr/sbin/later",))) == "ExecStart=-/usr/sbin/later", (
        "beside our own programs as well"
    )
    assert started(plain(command=("/usr/sbin/sockgate-builtin", "echo"))) == "ExecStart=/usr/sbin/sockgate-builtin echo"


def test_a_server_without_a_gate_ends_by_sigpipe_as_it_did() -> None:
    assert "IgnoreSIGPIPE=no\n" in format_unit(unit_files(plain(), HOST)[1])


def test_of_one_name_each_further_service_gets_its_own() -> None:
    services = [plain(), plain(kind=DATAGRAM), plain(), plain()]
    conversion = build(make_unique(services, "old-"), Report(), HOST)
    assert [service.name for service in conversion.services] == ["old-x", "old-x-udp", "old-x-tcp", "old-x-tcp-2"]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("relative",), "'relative' cannot be the program of a unit (use an absolute path of plain characters)"),
        (("/bin/cat", "a\0b"), "'a\\x00b' contains a NUL byte, which no unit file can hold"),
    ],
)
def test_what_no_unit_can_hold_is_refused_and_costs_no_other(command: tuple[str, ...], text: str) -> None:
    report = Report()
    conversion = build([plain("bad", command), plain("good")], report, HOST)
    assert [service.name for service in conversion.services] == ["good"]
    entry, chosen = report.entries
    assert chosen.what == "--engine auto"
    assert (entry.outcome, entry.text) == (Outcome.REFUSED, f"{text}; the service is not converted")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("ftp", "ftp"), ("a b", "a-b"), ("x@y", "x-y"), ("../../etc", "etc"), ("é", "service"), ("", "service")],
)
def test_unit_names_hold_what_systemd_allows(name: str, stem: str) -> None:
    assert unit_stem(name) == stem


def test_a_variable_that_is_not_utf8_refuses_its_service() -> None:
    """systemd would start the server without it."""
    report = Report()
    assert build([replace(plain(), environment=(("NAME", b"\xa9".decode("utf-8", "surrogateescape")),))], report,
                 HOST).units == ()  # fmt: skip
    (entry,) = report.entries
    assert entry.outcome is Outcome.REFUSED
    assert entry.text == (
        "the value of the variable NAME is not UTF-8, and systemd takes no other; the service is not converted"
    )
