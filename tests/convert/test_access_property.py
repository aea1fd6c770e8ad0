"""With any xinetd.conf, the converted service never admits an address that xinetd refused."""

import ipaddress
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sockgate.connection import Gate
from sockgate.convert import programs
from sockgate.core import DENY
from sockgate.core.options import parse
from sockgate.core.peer import MAPPED_PREFIX, internet_peer
from sockgate.host.host import Host
from sockgate.units import reader
from sockgate.units.command import parse_commands
from sockgate.units.names import UnitName
from sockgate.units.writer import format_unit

HOST = Host(systemd=257, hosts_files=(), asks_services=False)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def network(text: str) -> Callable[[Address], bool]:
    """An IPv4 client of the dual-stack sockets here is ::ffff:a.b.c.d to a rule for IPv6."""
    net = ipaddress.ip_network(text)

    def covers(address: Address) -> bool:
        if net.version == 6 and address.version == 4:
            return ipaddress.IPv6Address(MAPPED_PREFIX + address.packed) in net
        return address in net

    return covers


# What xinetd makes of each form: peers found by running it, not by asking the code under test.
FORMS: dict[str, Callable[[Address], bool]] = {
    "10.0.0.1": network("10.0.0.1/32"), "10.0.0.0": network("10.0.0.0/8"), "10.1.0.0": network("10.1.0.0/16"),
    "10.1.0.0/16": network("10.1.0.0/16"), "10.1.2.{3}": network("10.1.2.3/32"),
    "192.168.0.0/24": network("192.168.0.0/24"),
    "192.168.10": network("192.168.0.10/32"), "127.1": network("127.0.0.1/32"), "0.0.0.0": network("0.0.0.0/0"),
    "0.0.0.0/0": network("0.0.0.0/0"), "fd00:1::/64": network("fd00:1::/64"), "fd00:1::1": network("fd00:1::1/128"),
    "::/0": network("::/0"), "::": lambda address: False, "fd00:1::1/128": lambda address: False,
    "no-such-host.invalid": lambda address: False, "#": lambda address: False,
}  # fmt: skip
# Either side of every edge of the forms above.
POOL: list[Address] = [
    ipaddress.ip_address(text) for text in (
        "9.255.255.255", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.1.0.0", "10.1.2.3", "10.1.2.5", "10.1.255.255",
        "10.2.0.0", "10.255.255.255", "11.0.0.0", "127.0.0.1", "127.0.0.2", "192.168.0.0", "192.168.0.10",
        "192.168.0.255", "192.168.1.0", "192.168.10.1", "0.0.0.1", "255.255.255.255", "::1", "fd00:1::1", "fd00:1::2",
        "fd00:1::ffff:ffff:ffff:ffff", "fd00:1:0:1::", "fd00:2::1",
    )
]  # fmt: skip
LINES = st.tuples(
    st.sampled_from(("only_from", "no_access")), st.sampled_from(("=", "+=", "-=")),
    st.lists(st.sampled_from(sorted(FORMS)), max_size=4),
)  # fmt: skip
Line = tuple[str, str, list[str]]


def lists(defaults: list[Line], service: list[Line]) -> dict[str, list[str] | None]:
    """The lists in the end, worked out naively: in defaults `=` adds."""
    result: dict[str, list[str] | None] = {"only_from": None, "no_access": None}
    for own, lines in ((False, defaults), (True, service)):
        for name, operator, words in lines:
            before = result[name] or []
            if operator == "-=":
                result[name] = [word for word in before if word not in words]
            else:
                result[name] = words if own and operator == "=" else before + words
    return result


def admitted_by_xinetd(access: dict[str, list[str] | None], address: Address) -> bool:
    refused = any(FORMS[word](address) for word in access["no_access"] or [])
    only_from = access["only_from"]
    return not refused and (only_from is None or any(FORMS[word](address) for word in only_from))


def admitted_by_gate(unit: str, address: Address) -> bool:
    assignments, _ = reader.parse(unit, "probe@.service")
    start = next(assignment for assignment in assignments if assignment.key == "ExecStart")
    (command,) = parse_commands(start, UnitName.parse("probe@.service"))
    if not command.program.endswith("/sockgate"):
        return True
    words = [word.replace("$$", "$") for word in command.words]
    packed = MAPPED_PREFIX + address.packed if address.version == 4 else address.packed
    peer = internet_peer(packed, 1, packed, 2)
    return Gate(parse(words)).decide(peer).outcome != DENY


def text_of(lines: list[Line]) -> str:
    return "".join(f"\t{name} {operator} {' '.join(words)}\n" for name, operator, words in lines)


@settings(max_examples=150)
@given(st.lists(LINES, max_size=3), st.lists(LINES, max_size=4))
def test_the_converted_service_admits_exactly_the_clients_of_xinetd(defaults: list[Line], service: list[Line]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(
            f"defaults\n{{\n{text_of(defaults)}}}\nservice probe\n{{\n\ttype = UNLISTED\n\tport = 7\n\twait = no\n"
            f"\tsocket_type = stream\n\tprotocol = tcp\n\tuser = root\n\tserver = /bin/cat\n{text_of(service)}}}\n"
        )
        file.flush()
        conversion = programs.convert("xinetd", [file.name], HOST)
    if not conversion.units:
        return  # refused: no client gets in
    access = lists(defaults, service)
    unit = format_unit(conversion.units[1])
    for address in POOL:
        old, new = admitted_by_xinetd(access, address), admitted_by_gate(unit, address)
        assert old or not new, (address, unit)
        # A name that cannot be resolved is kept in no_access, and refuses a client with an unknown name.
        assert old == new or "no-such-host.invalid" in (access["no_access"] or []), (address, unit)


def test_most_lists_are_converted_and_not_refused() -> None:
    text = "service probe\n{{\n\ttype = UNLISTED\n\tport = 7\n\twait = no\n\tsocket_type = stream\n\tprotocol = tcp\n" \
           "\tuser = root\n\tserver = /bin/cat\n\tonly_from = {0}\n\tno_access = {0}\n}}\n"  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for word in FORMS:
            file = Path(folder) / "x"
            file.write_text(text.format(word))
            assert programs.convert("xinetd", [str(file)], HOST).units, word
