"""Inspections of names: what systemd does not know, what is meant, and what only another version knows."""

from pathlib import Path

import pytest

from sockgate.units.known import NEWEST_TESTED, SECTIONS, SINCE, is_known
from sockgate.units.model import KINDS
from tests.ctl.check.good_units import (
    GOOD,
    SOCKET,
    SOCKET_UNIT,
    SOCKET_UNIT_255,
    TEMPLATE,
    TEMPLATE_UNIT,
    Cases,
    check,
    prove,
)
from tests.units.tree import write_tree

CASES: Cases = {
    "a slip in a key": (
        {SOCKET: SOCKET_UNIT + "Acept=no\nListenSteam=26\nfreebind=yes\n"},
        [
            f"{SOCKET}:7: warning: systemd ignores Acept= under [Socket] (is Accept= meant?)",
            f"{SOCKET}:8: warning: systemd ignores ListenSteam= under [Socket] (is ListenStream= meant?)",
            f"{SOCKET}:9: warning: systemd ignores freebind= under [Socket] (is FreeBind= meant?)",
        ],
    ),
    "a key that is like no other": (
        {TEMPLATE: TEMPLATE_UNIT + "Foo=1\nFoo=2\n"},
        [f"{TEMPLATE}:12: warning: systemd ignores Foo= under [Service]"],
    ),
    "a key of another section": (
        {TEMPLATE: TEMPLATE_UNIT + "Wants=network.target\n[Install]\nUser=mail\n"},
        [
            f"{TEMPLATE}:12: warning: systemd ignores Wants= under [Service] (it belongs under [Unit])",
            f"{TEMPLATE}:14: warning: systemd ignores User= under [Install] (it belongs under [Service])",
        ],
    ),
    "a section that is none": (
        {f"{TEMPLATE}.d/a.conf": "[Sevice]\nUser=root\nNice=5\n"},
        [f"{TEMPLATE}.d/a.conf:2: warning: systemd ignores the section [Sevice] (is [Service] meant?)"],
    ),
    "a section of another type of unit": (
        {f"{SOCKET}.d/a.conf": "[Service]\nUser=root\n[Timer]\nUnit=x.service\n"},
        [
            f"{SOCKET}.d/a.conf:2: warning: systemd ignores the section [Service] (is [Socket] meant?)",
            f"{SOCKET}.d/a.conf:4: warning: systemd ignores the section [Timer]",
        ],
    ),
    "extensions": ({SOCKET: SOCKET_UNIT + "X-Foo=1\n[X-Bar]\nfoo=1\n"}, []),
    "what is soon taken away": ({TEMPLATE: TEMPLATE_UNIT + "MemoryLimit=1G\n"}, []),
}
LATER = "PollLimitBurst=: 255 is the first that knows it"


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(tmp_path: Path, case: str) -> None:
    prove(tmp_path, CASES[case])


def test_a_setting_that_only_a_newer_systemd_knows_is_a_note(tmp_path: Path) -> None:
    write(tmp_path, {SOCKET: SOCKET_UNIT_255})
    assert check(tmp_path, "--systemd", "254") == (0, [f"{SOCKET}:7: note: systemd 254 ignores {LATER}"])
    assert check(tmp_path, "--systemd", "255") == (0, [])
    assert check(tmp_path, "--systemd", "254", "--level", "warning") == (0, [])


def test_a_value_that_only_a_newer_systemd_knows_is_a_note(tmp_path: Path) -> None:
    lines = "PrivateTmp=disconnected\nProtectHostname=private:mail\nPrivateUsers=yes\n"
    write(tmp_path, {SOCKET: SOCKET_UNIT_255, TEMPLATE: TEMPLATE_UNIT + lines})
    assert check(tmp_path, "--systemd", "257") == (0, [
        f"{TEMPLATE}:13: note: systemd 257 ignores ProtectHostname=private:mail: 258 is the first that knows it"
    ])  # fmt: skip
    assert check(tmp_path, "--systemd", "258") == (0, [])


def test_a_setting_that_systemd_knows_no_longer_is_a_warning(tmp_path: Path) -> None:
    lines = "MemoryLimit=1G\nCPUAccounting=yes\n"
    write(tmp_path, {SOCKET: SOCKET_UNIT_255, TEMPLATE: TEMPLATE_UNIT + lines})
    assert check(tmp_path, "--systemd", "257") == (0, [])
    assert check(tmp_path, "--systemd", "262") == (1, [
        f"{TEMPLATE}:12: warning: systemd 262 ignores MemoryLimit=: it was taken away (MemoryMax= took its place)",
        f"{TEMPLATE}:13: warning: systemd 262 ignores CPUAccounting=: it was taken away (take the line away)",
    ])  # fmt: skip


def test_of_a_systemd_newer_than_the_tested_ones_an_unknown_name_is_a_note_and_a_slip_a_warning(tmp_path: Path) -> None:
    newer = str(NEWEST_TESTED + 1)
    write(tmp_path, {SOCKET: SOCKET_UNIT_255 + "Frobnicate=1\n[Zork]\na=b\n"})
    known = f"this program knows those of systemd up to {NEWEST_TESTED}, and this is {newer}"
    assert check(tmp_path, "--systemd", newer) == (0, [
        f"{SOCKET}:8: note: unable to say what Frobnicate= under [Socket] means: {known}",
        f"{SOCKET}:10: note: unable to say what the section [Zork] means: {known}",
    ])  # fmt: skip
    write_tree(tmp_path, {SOCKET: SOCKET_UNIT_255 + "Acept=1\n"})
    assert check(tmp_path, "--systemd", newer) == (
        1, [f"{SOCKET}:8: warning: systemd ignores Acept= under [Socket] (is Accept= meant?)"]
    )  # fmt: skip


def write(root: Path, files: dict[str, str]) -> None:
    write_tree(root, GOOD | files)


def test_each_setting_that_sockgate_writes_is_known_to_the_oldest_systemd_or_written_for_a_newer_one() -> None:
    later = {key for key in KINDS if not any(is_known(section, key, 252) for section in SECTIONS)}
    assert later == {"DelegateSubgroup", "PollLimitBurst", "PollLimitIntervalSec"}
    assert SINCE.keys() >= later
