"""The access dialects. Each is a check in a file of its own, with a function `build`, and has one row here.

To add a dialect: write its file, add its row to DIALECTS, and compare it with the program that it comes from
(tests/differential).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core import Verdict
    from ..core.options import Settings
    from ..core.peer import Peer
    from ..core.rule_files import RuleWarning, Sources

    Builder = Callable[[Settings, Sources], "Check"]

# The options of each dialect, and its file. The checks decide in this order.
DIALECTS = (
    (("--access-times", "--max-load"), "times_and_load"),
    (("--allow", "--deny"), "address_access"),
    (("--only-from", "--no-access"), "xinetd_access"),
    (("--courier-access",), "courier_access"),
    (("--courier-access-local",), "courier_local_access"),
    (("--hosts-access",), "hosts_access"),
    (("--rules",), "tcprules_access"),
)


class Check:
    """The access check of one dialect. It is built once from its options, and does not change afterwards.

    needs_process  whether `decide` can wait for a host name, or a rule can change the process of the connection
    by_name        whether rules can be about the name or the user that --hostname and --ident find out
    lasting        whether the verdict about two addresses stays the same until a file changes
    """

    needs_process = False
    by_name = False
    lasting = True

    @property
    def warnings(self) -> "tuple[RuleWarning, ...]":
        """What an administrator should know about the rules, although the check can work with them."""
        return ()

    def decide(self, peer: "Peer", considered: list[str] | None = None) -> "Verdict":
        """The verdict of this check about the client. Raises ConfigError if the check cannot decide.

        With `considered`, it appends a line for each entry that was tried and did not match, for `explain`.
        """
        raise NotImplementedError

    def asks_where(self, _peer: "Peer") -> bool:
        """Whether the verdict about this client can depend on the address or the port that it connected to."""
        return False

    def require_succession(self, previous: "Check") -> None:
        """Raise ConfigError if this check must not replace a previous one that is in force.

        This is for a file that is correct, but seems to have lost its end.
        """


def build_checks(settings: "Settings", sources: "Sources") -> list[Check]:
    """One check for each dialect of which an option is given. Raises UsageError or ConfigError.

    `sources` is filled: see core/rule_files.py.
    """
    return [
        builder_of(name)(settings, sources)
        for options, name in DIALECTS
        if any(option in settings for option in options)
    ]


def builder_of(name: str) -> "Builder":
    """The function `build` of a dialect. Its file is loaded here, so that a connection loads only what it uses."""
    builder: Builder = __import__(f"{__name__}.{name}", fromlist=("build",)).build
    return builder
