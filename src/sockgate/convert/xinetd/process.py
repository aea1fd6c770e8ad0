"""Handlers: the process that serves, its account, words, environment and limits."""

import re

from ...connection.server import SCRUBBED_NAMES, SCRUBBED_PREFIXES
from ...units.model import Directive, Words
from ..accounts import any_group, named_user, numbered_user, with_other_group
from ..chain.links import GATE_LINKS
from ..outcomes import Answer, approximated, blocked, ignored, translated
from ..report import Outcome
from .draft import Draft, Value, invalid

# xinetd sets it to the client's address for each server. `env` and `passenv` change nothing about it.
REMOTE_HOST = "REMOTE_HOST"
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
RLIMITS = {"as": "AS", "cpu": "CPU", "data": "DATA", "files": "NOFILE", "rss": "RSS", "stack": "STACK"}
MULTIPLES = {"k": 1 << 10, "m": 1 << 20}


def user(draft: Draft, value: Value) -> Answer:
    """user: a name, or digits.

    With digits, xinetd uses the number for the group as well, not the account's own group.
    """
    if value.word.isascii() and value.word.isdigit():
        account, answer = numbered_user(value.word)
    else:
        account, answer = named_user(draft.host, value.word)
    has_other_group = bool(draft.group)
    draft.user, draft.uid, draft.group = account.user, account.uid, draft.group or account.group
    return with_other_group(answer) if has_other_group else answer


def group(draft: Draft, value: Value) -> Answer:
    draft.group, answer = any_group(draft.host, value.word)
    return answer


def groups(draft: Draft, value: Value) -> Answer:
    word = value.word.lower()
    if word not in ("yes", "no"):
        return invalid(f"{value.word!r} is neither yes nor no")
    draft.all_groups = word == "yes"
    return translated(text="systemd adds the user's groups" if draft.all_groups else "no groups but the first")


def server(draft: Draft, value: Value) -> Answer:
    draft.server = value.word
    if draft.is_internal or draft.redirect:
        return ignored("an internal or redirected service starts no server")
    if not value.word.startswith("/"):
        return invalid(f"{value.word!r} is not an absolute path")
    if value.word.endswith("/"):
        return blocked(f"{value.word!r} is a folder, which cannot be executed")
    if gives_way(draft):
        return translated(text=f"the gate stands in for it; 'service {draft.name}' says what is started")
    return translated(Directive("ExecStart", value.word))


def gives_way(draft: Draft) -> bool:
    """Whether the server only stands in front of another one, so that the gate replaces it."""
    name = draft.server.rpartition("/")[2]
    return name == "tcpd" or (name in GATE_LINKS and not draft.wait)


def server_args(draft: Draft, value: Value) -> Answer:
    if not value.words:
        return invalid("no argument is given")
    draft.arguments = value.words
    if draft.is_internal or draft.redirect:
        return ignored("an internal or redirected service starts no server")
    if any(word[0] == "#" for word in value.words):
        return approximated(
            "'#' starts no comment here: the server was given this word and those after it, and still is"
        )
    if any(word[0] in "\"'" or word[-1] in "\"'" for word in value.words):
        return approximated("xinetd knows no quotes: the server was given them as they stand, and still is")
    return translated() if gives_way(draft) else translated("ExecStart= arguments")


def env(draft: Draft, value: Value) -> Answer:
    if any(setting.operator == "-=" for setting in (*value.replaced, *value.settings)):
        return invalid("'env' does not take '-='")
    for word in value.checked:
        if "=" not in word:
            return invalid(f"{word!r} has no '='")
    odd = [word for word in value.words if not VARIABLE_NAME.fullmatch(word.partition("=")[0])]
    for word in value.words:
        name, _, text = word.partition("=")
        if name == REMOTE_HOST:
            draft.wants_remote_host = "env"
        elif word not in odd:
            draft.environment.append((name, text))
    became = tuple(f"Environment={name}={text}" for name, text in draft.environment)
    if odd:
        return Answer(Outcome.IGNORED, f"{odd[0]!r} sets no variable that a program would look for; "
                      f"probably meant: {odd[0].strip(chr(34) + chr(39))}", became)  # fmt: skip
    return translated(*became)


def passenv(draft: Draft, value: Value) -> Answer:
    """passenv: the server gets no other variable of xinetd's environment. Only a gate can do that."""
    names = tuple(name for name in dict.fromkeys(value.words) if can_be_passed(draft, name))
    if draft.wait and draft.socket_type == "stream":
        return approximated(
            "the server inherits what systemd sets, and these variables of systemd's own environment",
            *([draft.set("PassEnvironment", Words(names))] if names else []),
        )
    draft.pass_env = names
    if not names:
        return translated("--pass-env ''")
    return approximated(
        "the values come from systemd's own environment now, not from xinetd's: "
        f"set them with 'systemctl set-environment', or in a drop-in with Environment= ({' '.join(names)})",
        draft.set("PassEnvironment", Words(names)),
        f"--pass-env {' '.join(names)}",
    )


def can_be_passed(draft: Draft, name: str) -> bool:
    """Whether the server can get this variable from outside. If not, the report says why."""
    if not VARIABLE_NAME.fullmatch(name):
        draft.note(name, ignored(f"{name!r} is no variable's name: xinetd handed nothing on for it"))
        return False
    if name == REMOTE_HOST:
        draft.wants_remote_host = "passenv"
        return False
    if name.encode() in SCRUBBED_NAMES or name.encode().startswith(SCRUBBED_PREFIXES):
        draft.note(name, approximated(f"the gate removes {name}: a server could take it for a fact about its client"))
        return False
    return True


def nice(draft: Draft, value: Value) -> Answer:
    if not re.fullmatch(r"[+-]?\d{1,6}", value.word, re.ASCII):
        return invalid(f"{value.word!r} is no number")
    number = max(-20, min(19, int(value.word)))
    if number < 0 and draft.uid:
        return ignored("xinetd changes the user first, which then may not raise its priority: there was no effect")
    return translated(draft.set("Nice", str(number)))


def umask(draft: Draft, value: Value) -> Answer:
    if not re.fullmatch(r"[0-7]{1,20}", value.word, re.ASCII) or int(value.word, 8) > 0o777:
        return invalid(f"{value.word!r} is no umask")
    return translated(draft.set("UMask", f"{int(value.word, 8):04o}"))


def rlimit(draft: Draft, value: Value) -> Answer:
    """rlimit_as and so on: bytes with k or m, seconds for cpu, a number for files; 0 sets nothing."""
    name = RLIMITS[value.name.removeprefix("rlimit_")]
    match = re.fullmatch(r"\+?(\d{1,18})([kKmM]?)", value.word, re.ASCII)
    if value.word.upper() == "UNLIMITED" or re.fullmatch(r"-[1-9]\d{0,17}", value.word, re.ASCII):
        limit = "infinity"  # a negative number becomes one that is larger than every limit
    elif match is None or (match[2] and name == "CPU"):
        return invalid(f"{value.word!r} is no limit")
    elif not int(match[1]):
        return ignored("0 sets no limit")
    else:
        limit = str(int(match[1]) * MULTIPLES.get(match[2].lower(), 1))
    draft.limits.append((name.lower(), limit))
    return translated(f"limit {name.lower()}={limit}")
