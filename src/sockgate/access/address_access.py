"""--allow and --deny."""

from ..core import ALLOW, DENY, NO_MATCH, Cause, Verdict
from ..core.addresses import AddressList
from ..core.peer import Peer
from . import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.options import Settings
    from ..core.rule_files import Sources


def build(settings: "Settings", _: "Sources") -> "AddressAccess":
    return AddressAccess(settings.allow, settings.deny)


class AddressAccess(Check):
    """--allow and --deny: the verdicts of IPAddressAllow= and IPAddressDeny= (systemd.resource-control(5)).

    An address in the allow list is let in. Otherwise an address in the deny list is refused. All others are let in. One
    thing differs on purpose: an allow list alone refuses all other clients; systemd would let them in. A peer without
    an address (AF_UNIX) is in no list.
    """

    def __init__(self, allow: str, deny: str) -> None:
        self._allow = AddressList(allow, "--allow") if allow else None
        self._deny = AddressList(deny, "--deny") if deny else None

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        for option, addresses, outcome in (("--allow", self._allow, ALLOW), ("--deny", self._deny, DENY)):
            if addresses is None:
                continue
            entry = addresses.find(peer.remote)
            if entry:
                return Verdict(outcome, Cause(option, entry), f"in {option} {entry}")
            if considered is not None:
                considered.append(f"{option} {addresses.text}: no entry covers {peer.remote_ip}")
        if self._allow and not self._deny:
            return Verdict(DENY, Cause("--allow", self._allow.text), f"not in --allow {self._allow.text}")
        return Verdict(NO_MATCH)
