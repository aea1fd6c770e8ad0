"""start-stop-daemon(8) in front of a server, as that of dpkg 1.21 reads its words."""

from ...units.model import Directive
from ..outcomes import approximated, blocked, translated
from .identity import known_account
from .niceness import niceness
from .peeling import BadLink, Chain, Result, Stays, flags_of

# Each long option and its letter; a digit where it has none. Those in the first have a value.
WITH_VALUE = {
    "exec": "x", "startas": "a", "chuid": "c", "group": "g", "chroot": "r", "chdir": "d", "nicelevel": "N",
    "umask": "k", "pidfile": "p", "user": "u", "name": "n", "retry": "R", "signal": "s", "procsched": "P",
    "iosched": "I", "output": "O", "pid": "1", "ppid": "2", "notify-timeout": "3",
}  # fmt: skip
WITHOUT = {
    "start": "S", "stop": "K", "status": "T", "help": "H", "version": "V", "test": "t", "oknodo": "o", "quiet": "q",
    "background": "b", "no-close": "C", "make-pidfile": "m", "verbose": "v", "notify-await": "4", "remove-pidfile": "5",
}  # fmt: skip
LETTERS = WITH_VALUE | WITHOUT
BY_HAND = {"k": "UMask=", "P": "CPUSchedulingPolicy=", "I": "IOSchedulingClass="}
END = "--"


def start_stop_daemon(chain: Chain, words: list[str]) -> Result:
    """start-stop-daemon --start [OPTION]... --exec PROGRAM [OPTION]... -- WORDS"""
    if chain.behind:
        raise Stays
    given, arguments = taken_apart(words)
    program = given.get("a") or given.get("x")
    if not program or not given.keys().isdisjoint("KTHVt"):
        raise BadLink("it starts no program")
    if "r" in given:
        text = f"--chroot {given['r']}: a root directory is not converted; add RootDirectory= by hand"
        return [program, *arguments], [blocked(text)]
    answers = []
    if given.get("c"):
        chain.user, _, chain.group = given["c"].partition(":")
        chain.keeps_groups = True
        answers.append(known_account(chain, chain.user, Directive("User", chain.user)))
    chain.group = given.get("g", chain.group)
    chain.folder = given.get("d") or "/"
    if given.get("N"):
        answers.append(niceness(chain, given["N"]))
    names = {letter: name for name, letter in WITH_VALUE.items()}
    for letter, directive in BY_HAND.items():
        if letter in given:
            text = f"--{names[letter]} {given[letter]} is not taken over: set {directive}"
            answers.append(approximated(text))
    return [program, *arguments], [*answers, translated(text="systemd starts it and knows its process")]


def taken_apart(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """(the options by their letters, the arguments of the program). Words between the options are arguments as well."""
    end = words.index(END) if END in words else len(words)
    own, arguments = with_letters(words[:end]), []
    given: dict[str, str] = {}
    while own:
        options, own = flags_of(own, "".join(WITH_VALUE.values()), "".join(WITHOUT.values()))
        given |= options
        arguments += own[:1]
        del own[:1]
    return given, arguments + words[end + 1 :]


def with_letters(words: list[str]) -> list[str]:
    """The same with letters in place of long options, which may be shortened. Raises BadLink."""
    found = []
    for word in words:
        name, equals, value = word.removeprefix(END).partition("=")
        if not word.startswith(END):
            found.append(word)
            continue
        fitting = [name] if name in LETTERS else [one for one in LETTERS if one.startswith(name)]
        if len(fitting) != 1 or (equals and fitting[0] in WITHOUT):
            raise BadLink(f"the option {word!r} is not known")
        found += [f"-{LETTERS[fitting[0]]}", *([value] if equals else [])]
    return found
