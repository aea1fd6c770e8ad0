"""The access dialects. Each is a check in a file of its own, with a function `build`, and has one row here.

To add a dialect: write its file, add its row to DIALECTS, and compare it with the program that it comes from
(tests/differential).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.options import Settings
    from ..core.peer import Peer
    from ..core.rule_files import Sources
    from ..core.verdict import RuleWarning, Verdict

    Builder = Callable[[Settings, Sources], "Check"]

# The options of each dialect, and its file. This is the order in which the checks decide.
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
    """What the options of one dialect say of a client. It is built once, and does not change afterwards.

    needs_process  whether `decide` may wait for a host name, or a rule changes the process of the connection
    by_name        whether rules may be about what --hostname and --ident find out
    lasting        whether the verdict about two addresses stays the same until a file changes
    """

    needs_process = False
    by_name = False
    lasting = True

    @property
    def warnings(self) -> "tuple[RuleWarning, ...]":
        """What an administrator should know of the rules, although the check works with them."""
        return ()

    def decide(self, peer: "Peer", considered: list[str] | None = None) -> "Verdict":
        """What this check says of the client. Raises ConfigError where it cannot be decided.

        With `considered`, appends a line for each entry that was tried and did not match, for `explain`.
        """
        raise NotImplementedError

    def require_succession(self, previous: "Check") -> None:
        """Raises ConfigError if this check must not take the place of a previous one that is in force.

        For a file that is right by itself, but looks as if its end was lost.
        """


def build_checks(settings: "Settings", sources: "Sources") -> list[Check]:
    """One check for each dialect whose options are given. Raises UsageError or ConfigError.

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
