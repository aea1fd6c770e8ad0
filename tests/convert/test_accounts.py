"""Accounts whose names systemd takes, but with a warning at every load of the unit."""

import grp
import pwd

import pytest

from sockgate.convert.accounts import any_group, named_user
from sockgate.convert.outcomes import in_text
from sockgate.host.host import Host


class WithDots(Host):
    """A machine with the account and the group first.last, 1234 and 5678."""

    def user(self, name: str) -> pwd.struct_passwd | None:
        return pwd.struct_passwd((name, "x", 1234, 5678, "", "/", "")) if name == "first.last" else None

    def group(self, name: str) -> grp.struct_group | None:
        return grp.struct_group((name, "x", 5678, [])) if name == "first.last" else None


def test_a_name_with_a_dot_becomes_its_number() -> None:
    account, answer = named_user(WithDots(), "first.last")
    assert (account.user, account.group, account.uid) == ("1234", "5678", 1234)
    assert list(map(in_text, answer.became)) == ["User=1234", "Group=5678"]
    assert any_group(WithDots(), "first.last")[0] == "5678"


@pytest.mark.parametrize("kind", ["user", "group"])
def test_an_unknown_one_is_refused(kind: str) -> None:
    answer = (named_user if kind == "user" else any_group)(WithDots(), "no.body")[1]
    assert answer.blocks
    assert answer.text == (
        f"there is no {kind} 'no.body' on this machine, whose number the unit would have to have, since systemd warns "
        "of names with a dot"
    )
