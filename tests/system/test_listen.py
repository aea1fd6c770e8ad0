"""What systemd takes for an address in ListenStream=, and that install and check know it."""

import pytest

from sockgate.core import UsageError
from sockgate.ctl.custom_units import check_listen
from sockgate.host.ports import parse_listen
from tests.system.machine import Machine

INTERNET = (
    "25", "025", "0x19", "08", "0", "65535", "65536", "2_5", "-25", "+25", "25%lo", "smtp", "localhost:25", "1.2.3:25",
    "127.0.0.1:25", "127.0.0.1:025", "127.0.0.1:25%lo", "127.0.0.1:25#name", "127.0.0.1", "::1", "::1:25", "[::1]",
    "[::1]:25", "[::1]:0", "[::1%lo]:25", "[::1]:25%lo", "[[::1]]:25", "[127.0.0.1]:25", "[::ffff:127.0.0.1]:25",
    "[fe80::1]:25%lo", "[fe80::1]:25%1", "[fe80::1]:25%",
)  # fmt: skip
PATHS = ("/", "/x", "/run/" + 102 * "x", "/run/" + 103 * "x", "@", "@x", "@" + 106 * "x", "@" + 107 * "x")


@pytest.fixture(scope="module")
def taken(machine: Machine) -> dict[str, bool]:
    """The addresses, and whether this systemd listens there."""
    names = dict(enumerate((*INTERNET, *PATHS)))
    for number, text in names.items():
        unit = f"/run/systemd/system/address-{number}"
        machine.write(f"{unit}.socket", "[Socket]\nAccept=yes\nListenStream=" + text.replace("%", "%%") + "\n")
        machine.write(f"{unit}@.service", "[Service]\nExecStart=/bin/true\n")
    machine.systemctl("daemon-reload")
    units = [f"address-{number}.socket" for number in names]
    blocks = machine.systemctl("show", "--property=Id,Listen", *units).stdout.strip().split("\n\n")
    listening = {
        number for number in names for block in blocks if {f"Id=address-{number}.socket"} < {*block.split("\n")}
    }
    return {text: number in listening for number, text in names.items()}


def test_an_address_is_read_as_systemd_reads_it(taken: dict[str, bool]) -> None:
    ours = {text: parse_listen(text, "tcp") is not None for text in INTERNET}
    assert ours == {text: taken[text] for text in INTERNET}


def test_install_takes_nothing_that_systemd_does_not(taken: dict[str, bool]) -> None:
    refused = {text for text in taken if not takes(text)}
    assert {text for text in taken if not taken[text]} | {"025", "0x19", "+25", "127.0.0.1:025"} == refused


def takes(text: str) -> bool:
    try:
        return check_listen(text) == text
    except UsageError:
        return False


def test_an_interface_that_does_not_exist_is_told(machine: Machine) -> None:
    machine.run(
        "sockgatectl", "install", "there", "--listen", "[fe80::1]:7%lo", "--user", "root", "--server", "/bin/cat"
    )
    for name, interface in (("elsewhere", "nowhere"), ("number", "77")):
        own = ("--listen", f"[fe80::1]:7%{interface}", "--listen", "8", "--user", "root", "--server", "/bin/cat")
        result = machine.run("sockgatectl", "install", name, *own, check=False)
        assert result.returncode == 1
        told = f"ListenStream=[fe80::1]:7%%{interface}: systemd ignores it, because this interface does not exist"
        assert told in result.stdout
