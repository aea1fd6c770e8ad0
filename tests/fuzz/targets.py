"""What is fuzzed: every parser of text or bytes that others write, one function each.

A target takes arbitrary bytes. It lets through the errors that its parser documents and checks what must hold of
everything that is accepted; any other exception is a bug. `make fuzz` drives them.
"""

import _socket
import contextlib
import functools
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sockgate.access.courier_access import CourierAccess
from sockgate.access.dnsbl import DnsLists
from sockgate.access.hosts_access import HostsAccess
from sockgate.access.tcprules import RuleError, address_keys
from sockgate.access.tcprules_access import RulesAccess, TextRules
from sockgate.access.times_and_load import Schedule
from sockgate.access.xinetd_access import XinetdAccess
from sockgate.connection.proxy import ProxyProtocol, peek_header, read_header
from sockgate.convert import programs
from sockgate.convert.live import write_units
from sockgate.core import ALLOW, DENY, NO_MATCH, ConfigError, GateError, Refused, Verdict
from sockgate.core.addresses import AddressList
from sockgate.core.host_names import GivenName
from sockgate.core.listing import Listing
from sockgate.core.options import parse as parse_options
from sockgate.core.peer import internet_peer
from sockgate.host.host import Host
from sockgate.resolve.dns_message import A, Malformed, Truncated, encode_question, is_answer_to, read_answer, read_text
from sockgate.resolve.ident import LONGEST_USER, USABLE, user_in
from sockgate.rulefile.cdbwriter import CdbWriter
from sockgate.rulefile.reader import dead_entries, show_rules
from sockgate.units import envfile
from sockgate.units.command import parse_commands
from sockgate.units.names import UnitName
from sockgate.units.reader import parse as parse_unit
from sockgate.units.writer import format_unit
from tests.core.clients import client, local_user

Target = Callable[[bytes], None]

CLIENTS = (
    client("10.1.2.3", "mail.example.com", "joe"),
    client("192.168.1.5"),
    client("2001:db8::1", "a"),
    local_user(),
)
for peer in CLIENTS:
    peer.names = GivenName(peer.remote, peer.host)

PROXY_SENDER = internet_peer(bytes([10, 0, 0, 9]), 999, bytes([10, 0, 0, 1]), 25)
PROXY = ProxyProtocol(AddressList("10.0.0.9", "--proxy-protocol"))
MOST_SECONDS = 5.0

QUESTION = encode_question(0x1234, "7.2.0.192.bl.example.com", A)
ANSWER = QUESTION[:2] + b"\x81\x80\0\1\0\3\0\0\0\0" + QUESTION[12:]  # three records are to follow

# A converter that asks neither name services nor other programs.
HOST = Host(hosts_files=(), asks_services=False)


class Scratch:
    """A file that lives in memory and is filled anew for each run."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("fuzz")
        self.path = f"/proc/self/fd/{self._descriptor}"

    def fill(self, data: bytes) -> str:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)
        return self.path


@functools.cache
def scratch() -> Scratch:
    return Scratch()


@functools.cache
def scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="sockgate-fuzz-")


def decide(check: "RulesAccess | CourierAccess | HostsAccess | XinetdAccess | Schedule") -> None:
    """Any client gets a verdict, or an error that refuses."""
    for peer in CLIENTS:
        considered: list[str] = []
        try:
            verdict: Verdict = check.decide(peer, considered)
        except ConfigError:
            continue
        assert verdict.outcome in (ALLOW, DENY, NO_MATCH)
        assert all(name and b"=" not in name for name in verdict.variables)
        assert "" not in considered


def text_of(data: bytes) -> str:
    """As words of a command line reach a program."""
    return data.decode("utf-8", "surrogateescape")


def rules_text(data: bytes) -> None:
    """A text of rules; what is accepted is the same in its normal form."""
    try:
        TextRules(data, "rules")
    except ConfigError:
        return
    decide(RulesAccess(scratch().fill(data)))
    normal = list(show_rules(scratch().path))
    TextRules("\n".join([*normal, ""]).encode("latin-1"), "normal form")
    scratch().fill("\n".join([*normal, ""]).encode("latin-1"))
    assert list(show_rules(scratch().path)) == normal


def rules_cdb(data: bytes) -> None:
    """A compiled file, or what was one."""
    try:
        check = RulesAccess(scratch().fill(data))
    except ConfigError:
        return
    decide(check)


def rules_records(data: bytes) -> None:
    """A compiled file with a correct header and any records."""
    file = io.BytesIO()
    writer = CdbWriter(file)
    for record in data.split(b"\n"):
        key, _, value = record.partition(b"\t")
        writer.add(key, value)
    writer.finish()
    rules_cdb(file.getvalue())
    with contextlib.suppress(ConfigError):
        list(show_rules(scratch().path))
        list(dead_entries(scratch().path))


def rules_address(data: bytes) -> None:
    try:
        keys = list(address_keys(data.decode("latin-1")))
    except RuleError:
        return
    assert 1 <= len(keys) <= 256


def courier_access(data: bytes) -> None:
    try:
        check = CourierAccess(scratch().fill(data))
    except ConfigError:
        return
    decide(check)


def hosts_access(data: bytes) -> None:
    folder = Path(scratch_folder().name)
    allow, _, deny = data.partition(b"\0")
    (folder / "hosts.allow").write_bytes(allow)
    (folder / "hosts.deny").write_bytes(deny)
    try:
        check = HostsAccess(f"smtpd,{folder}", ident=True)
    except GateError:
        return
    decide(check)


def xinetd_lists(data: bytes) -> None:
    only_from, _, no_access = text_of(data).partition("\0")
    try:
        check = XinetdAccess(only_from, no_access)
    except GateError:
        return
    decide(check)


def access_times(data: bytes) -> None:
    try:
        check = Schedule(text_of(data), None)
    except GateError:
        return
    decide(check)


def address_list(data: bytes) -> None:
    for dotted in (False, True):
        try:
            addresses = AddressList(text_of(data), "--relay", dotted=dotted)
        except GateError:
            continue
        for peer in CLIENTS:
            addresses.find(peer.remote)


def proxy_header(data: bytes) -> None:
    """Read from a socket as the gate reads it: to the last byte of the header, and not one further."""
    ours, theirs = _socket.socketpair()
    theirs.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 1 << 16)
    try:
        theirs.sendall(data)
        theirs.shutdown(_socket.SHUT_WR)
        seen = peek(ours)
        header = read_header(ours, time.monotonic() + MOST_SECONDS)
        PROXY.apply(header, PROXY_SENDER)
        assert seen in (None, header)
        assert len(header) == length_of_proxy_header(data)
        rest = b""
        while more := ours.recv(1 << 16):
            rest += more
    except Refused:
        return
    finally:
        ours.close()
        theirs.close()
    assert data == data[: length_of_proxy_header(data)] + rest


def peek(connection: _socket.socket) -> bytes | None:
    """The header before it is read; a text if it is refused, as it then must be when it is read."""
    try:
        return peek_header(connection)
    except Refused:
        return b"refused"


def length_of_proxy_header(data: bytes) -> int:
    """By section 2 of the specification, of a header that is valid."""
    if data.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
        return 16 + int.from_bytes(data[14:16], "big")
    return data.index(b"\r\n") + 2


def dns_answer(data: bytes) -> None:
    """As it is, and as the records behind our own question."""
    for message in (data, ANSWER + data):
        if not is_answer_to(QUESTION, message):
            continue
        try:
            code, records = read_answer(QUESTION, message)
        except (Malformed, Truncated):
            continue
        assert 0 <= code <= 15
        assert all(record in message for record in records)
        with contextlib.suppress(Malformed):
            for record in records:
                assert len(read_text(record)) <= len(record)


def ident_reply(data: bytes) -> None:
    for reply in (data, b"6193, 23 : USERID : UNIX : " + data + b"\r\n"):
        user = user_in(reply, 6193, 23)
        assert user is None or (0 < len(user) <= LONGEST_USER and set(user) <= USABLE)


def dns_list(data: bytes) -> None:
    """An option of the administrator's, and a text of the list's owner."""
    value, _, text = data.decode("utf-8", "surrogateescape").partition("\n")
    try:
        lists = DnsLists([value], [], "open")
    except GateError:
        return
    peer = client("192.0.2.7")
    peer.listings = {zone: Listing((bytes([127, 0, 0, 2]),), text) for zone in lists.zones(peer, {}, None)}
    verdict = lists.decide(peer, {}, None, [])
    assert b"\n" not in verdict.message[:-2]
    assert all(b"\n" not in (found or b"") and b"\0" not in (found or b"") for found in verdict.variables.values())


def options(data: bytes) -> None:
    words = text_of(data).split("\0")
    try:
        settings = parse_options(words)
    except GateError:
        return
    assert words[len(words) - len(settings.command) :] == settings.command


def unit_file(data: bytes) -> None:
    assignments, _ = parse_unit(text_of(data), "x.service")
    for assignment in assignments:
        if assignment.key.startswith("Exec"):
            try:
                parse_commands(assignment, UnitName.parse("x@1.service"))
            except ValueError:
                continue


def environment_file(data: bytes) -> None:
    for name, value, _ in envfile.parse(text_of(data)):
        try:
            again = envfile.parse(envfile.format_assignment(name, value))
        except ConfigError:
            continue
        assert [(found, kept) for found, kept, _ in again] == [(name, value)]


def conversion(program: str, data: bytes) -> None:
    """What is written is read back by systemd, and its options by the gate."""
    path = Path(scratch_folder().name, "input")  # scripts source what lies beside them: not in /proc
    path.write_bytes(data)
    converted = programs.convert(program, [str(path)], HOST)
    for unit in converted.units:
        assignments, ignored = parse_unit(format_unit(unit), unit.name)
        assert not ignored
        assert format_unit(unit).encode()
        for assignment in assignments:
            if assignment.key == "ExecStart":
                (command,) = parse_commands(assignment, UnitName.parse(unit.name))
                if command.program.endswith("/sockgate"):
                    parse_options([word.replace("$$", "$") for word in command.words])
    converted.as_json()


def xinetd_conf(data: bytes) -> None:
    conversion("xinetd", data)


def generator(data: bytes) -> None:
    """Files in /etc/xinetd.d, NUL between them: none makes the generator fail, and each socket has its service."""
    root = Path(scratch_folder().name, "root")
    dropped, output = root / "etc/xinetd.d", root / "out"
    for folder in (dropped, output):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for number, text in enumerate(data.split(b"\0", 3)):
        (dropped / str(number)).write_bytes(text)
    complaints = write_units(str(root), str(output), HOST)
    assert not any("\n" in complaint for complaint in complaints)
    written = {path.name for path in output.iterdir() if path.is_file()}
    for name in written:
        assert not parse_unit((output / name).read_text(), name)[1]
        stem = name.removesuffix(".socket").removesuffix("@.service").removesuffix(".service")
        assert {f"{stem}@.service", f"{stem}.service"} & written
        assert (output / f"sockets.target.wants/{stem}.socket").resolve().exists()


def inetd_conf(data: bytes) -> None:
    conversion("inetd", data)


def run_script(data: bytes) -> None:
    conversion("tcpserver", data)


def courier_settings(data: bytes) -> None:
    conversion("couriertcpd", data + b"\nPORT=1\nIMAPDSTART=YES\n")


TARGETS: dict[str, Target] = {
    target.__name__.replace("_", "-"): target
    for target in (
        rules_text, rules_cdb, rules_records, rules_address, courier_access, hosts_access, xinetd_lists,
        access_times, address_list, proxy_header, options, unit_file, environment_file, xinetd_conf, generator,
        inetd_conf, run_script, courier_settings, dns_answer, ident_reply, dns_list,
    )
}  # fmt: skip
