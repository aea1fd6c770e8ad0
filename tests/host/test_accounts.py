"""One reader of accounts for all that ask: of the running system, and of a system in a folder."""

import os
from pathlib import Path

import pytest

from sockgate.host.accounts import Accounts
from sockgate.host.host import Host

USERS = "root:x:0:0::/:/bin/sh\nmail:x:8:12::/:/bin/sh\nbroken:x:x:1::/:\nshort:x:9\nnews:x:9:13:é:/:/bin/sh\n"
GROUP = "root:x:0:\nmail:x:12:\nadm:x:4:syslog,mail\ndisk:x:6:mail\nbroken:x:y:mail\n"


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(USERS)
    (tmp_path / "etc/group").write_text(GROUP)
    return str(tmp_path)


def test_a_system_in_a_folder_has_the_accounts_of_its_own_files(root: str) -> None:
    host = Host(root)
    mail = host.user("mail")
    assert mail is not None
    assert (mail.pw_uid, mail.pw_gid) == (8, 12)
    assert host.account("8") == host.account("mail") == mail
    assert host.account("9999999999") is None
    assert host.user("8") is None, "a name is no number"
    assert host.user("broken") is None
    assert host.user("short") is None
    assert (host.group_id("adm"), host.group_id("4"), host.group_id("no")) == (4, 4, None)
    assert host.further_groups(mail) == ["4", "6"]


def test_a_system_without_such_files_has_no_accounts(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    assert (host.user("root"), host.group("root"), host.account("0")) == (None, None, None)


def test_the_files_and_the_name_services_of_this_machine_say_the_same() -> None:
    files, services = Accounts("", asks_services=False), Accounts("", asks_services=True)
    for name in ("root", "daemon", "mail", "nobody", "no such user", "a\0b", "é"):
        user = services.user(name)
        assert files.user(name) == user
        if user is not None:
            assert files.numbered_user(user.pw_uid) == services.numbered_user(user.pw_uid)
            assert (
                set(files.groups_of(user))
                == set(services.groups_of(user))
                == set(os.getgrouplist(user.pw_name, user.pw_gid))
            )
