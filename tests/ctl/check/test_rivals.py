"""Inspections of other programs that are enabled for the same port."""

from pathlib import Path

import pytest

from tests.ctl.check.good_units import ETC, GOOD, SOCKET, SOCKET_UNIT_255, Cases, check, prove
from tests.units.tree import write_tree

WANTS = f"{ETC}/multi-user.target.wants"
UNIT = "/usr/lib/systemd/system/postfix.service"
OTHER = "/usr/lib/systemd/system/other.service"
COURIER = "/usr/lib/systemd/system/courier.service"


def rival(name: str) -> list[str]:
    return [
        f"{SOCKET}:2: warning: {name}.service is enabled and wants port 25 too: at boot one of the two fails"
        f" (systemctl stop {name}.service; systemctl disable {name}.service)"
    ]


CASES: Cases = {
    "another mail server": (
        {UNIT: "[Service]\nExecStart=/bin/true\n", f"{WANTS}/postfix.service": f"-> {UNIT}"},
        rival("postfix"),
    ),
    "another mail server with a script of its own": ({"/etc/rc3.d/S01exim4": "#!/bin/sh\n"}, rival("exim4")),
    "another mail server that is masked": (
        {"/etc/rc3.d/S01exim4": "#!/bin/sh\n", f"{ETC}/exim4.service": "-> /dev/null"},
        [],
    ),
    "another mail server with a script of its own and the program of that script": (
        {"/etc/rc3.d/S01exim4": "#!/bin/sh\nDAEMON=/usr/sbin/exim4\n", "/usr/sbin/exim4": "#!/bin/sh\n"},
        rival("exim4"),
    ),
    "the init script of a package that was removed": (
        {"/etc/rc3.d/S01exim4": "#!/bin/sh\nDAEMON=/usr/sbin/exim4\n"},
        [],
    ),
    "the init script of a package that was removed, and the unit that systemd made of it": (
        {
            "/etc/rc3.d/S01exim4": '#!/bin/sh\nNAME="exim4"\nDAEMON=/usr/sbin/${NAME}\n',
            "/run/systemd/generator.late/exim4.service": "[Service]\nExecStart=/etc/init.d/exim4 start\n",
            "/run/systemd/generator.late/multi-user.target.wants/exim4.service": "-> ../exim4.service",
        },
        [],
    ),
    "an init script that finds its program only when it runs": (
        {"/etc/rc3.d/S01exim4": "#!/bin/sh\nDAEMON=$PREFIX/exim4\n"},
        rival("exim4"),
    ),
    "a link to the unit of a package that was removed": ({f"{WANTS}/postfix.service": f"-> {UNIT}"}, []),
    "a name of a removed package that is an alias of another service": (
        {
            f"{ETC}/postfix.service": f"-> {OTHER}",
            OTHER: "[Service]\nExecStart=/bin/true\n",
            f"{WANTS}/postfix.service": f"-> {ETC}/postfix.service",
        },
        [],
    ),
    "Courier's queue, which has no port": (
        {COURIER: "[Service]\nExecStart=/bin/true\n", f"{WANTS}/courier.service": f"-> {COURIER}"},
        [],
    ),
    "a server on another port": ({"/etc/rc3.d/S01rsync": "#!/bin/sh\n"}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])


def test_an_init_script_starts_nothing_where_systemd_makes_no_unit_of_it(tmp_path: Path) -> None:
    write_tree(tmp_path, GOOD | {SOCKET: SOCKET_UNIT_255, "/etc/rc3.d/S01exim4": "#!/bin/sh\n"})
    assert len(check(tmp_path, "--systemd", "259")[1]) == 1
    assert check(tmp_path, "--systemd", "260") == (0, [])
