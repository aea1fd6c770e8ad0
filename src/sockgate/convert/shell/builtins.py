"""The commands of a script that change its own state or ask for programs. Each returns its status."""

import os
import re
from collections.abc import Callable

from ..input_files import UNKNOWN, Unreadable
from ..starters import names_a_server
from .conditions import test
from .findings import NO_KEYS, Question, is_secret
from .limits import ulimit, umask
from .runner import Call, Runner
from .starting import start
from .syntax import Dialect, ScriptError

OK, FAILED, WRONG, NOT_FOUND = 0, 1, 2, 127
Builtin = Callable[[Runner, Call], "int | None"]


SPECIAL = frozenset(
    ("export", "unset", ".", "exec", "exit", "eval", "set", "shift", "return", "readonly", "break", "continue", ":",
     "trap")
)  # fmt: skip


def takes_assignments(runner: Runner, call: Call, *, exports: bool) -> int:
    """export, readonly, local, declare: NAME or NAME=VALUE."""
    state = runner.state
    for number, word in enumerate(call.arguments, 1):
        name, equals, value = word.partition("=")
        if name.startswith("-"):
            continue
        if equals and name.endswith("+"):
            name = appended_name(runner, call, name)
            value = state.variables.get(name, "") + value
        if equals:
            state.assign(name, value, call.keys[number], call.place)
        if exports:
            state.exported.add(name)
    return OK


def appended_name(runner: Runner, call: Call, name: str) -> str:
    """NAME+=VALUE is bash's; in another shell it is a mistake that ends the script."""
    if runner.state.dialect is Dialect.DASH:
        raise ScriptError(
            call.place.line, f"{call.name}: {name!r} is no name for {runner.state.dialect}, which ends here"
        )
    return name.removesuffix("+")


def export(runner: Runner, call: Call) -> int:
    if call.arguments[:1] == ["-n"]:
        runner.state.exported.difference_update(call.arguments[1:])
        return OK
    return takes_assignments(runner, call, exports=True)


def readonly(runner: Runner, call: Call) -> int:
    status = takes_assignments(runner, call, exports=False)
    runner.state.constant.update(word.partition("=")[0] for word in call.arguments if not word.startswith("-"))
    return status


def local(runner: Runner, call: Call) -> int:
    """When the function ends, its caller has the old values again."""
    state = runner.state
    for word in call.arguments:
        name, equals, _ = word.partition("=")
        if state.dialect is Dialect.BASH and not equals and name not in state.local_names:
            state.make_local(name)
            state.forget(name)
        state.make_local(name)
    return takes_assignments(runner, call, exports=False)


def declare(runner: Runner, call: Call) -> int:
    if runner.state.functions_around and "-g" not in call.arguments:
        local(runner, call)
    elif any(word.startswith("-") and "r" in word for word in call.arguments):
        return readonly(runner, call)
    return takes_assignments(runner, call, exports="-x" in call.arguments)


def unset(runner: Runner, call: Call) -> int:
    if call.arguments[:1] == ["-f"]:
        for word in call.arguments[1:]:
            runner.state.functions.pop(word, None)
        return OK
    for word in call.arguments:
        if word not in runner.state.variables and runner.state.dialect is Dialect.BASH:
            runner.state.functions.pop(word, None)
        runner.state.refuse_constant(word, call.place)
        runner.state.forget(word)
        runner.state.exported.discard(word)
    return OK


def source(runner: Runner, call: Call) -> int | None:
    """`. FILE`: evaluated in place."""
    state = runner.state
    name = call.arguments[0] if call.arguments else ""
    if not name or UNKNOWN in name:
        state.doubt(call.place, " ".join(call.words), "which file this is cannot be known")
        state.more_set = True
        return None
    path = state.path_of(name)
    question = Question(f". {path}", call.place, f". {name}", "it can be read", freezes=path, is_secret=is_secret(path))
    before, state.sourcing = state.sourcing, state.sourcing | {question.key}
    try:
        if path != "/dev/null":
            runner.run_file(path)
    except Unreadable as error:
        state.doubt(call.place, f". {name}", f"unable to read {name!r}: {error}; what it sets is missing")
    except ScriptError as error:
        state.doubt(call.place, f". {name}", f"{name}:{error.line}: {error}; what it sets after that is missing")
    else:
        state.ask(question, here=True)
        return state.status
    finally:
        state.sourcing = before
    state.more_set = True
    if state.world:  # another answer of this machine led here: the file would be there, and could set all of them
        state.variables.update((name, UNKNOWN) for name in set(state.variables) - {"PATH"})
    return None


def exec_(runner: Runner, call: Call) -> int | None:
    """`exec PROGRAM` ends the script; without a program it only redirects."""
    if call.arguments:
        start(runner, call.without_first())
        runner.state.done = True
    else:
        runner.state.silent = call.silent
    return OK if not call.arguments else None


def exit_(runner: Runner, call: Call) -> int | None:
    """At the end it ends the script. In a branch it is a guard: the unit has no such check."""
    state = runner.state
    started = any(names_a_server(command.words) for command in state.commands)
    if runner.depth and not started and not state.world:
        state.doubt(call.place, "exit", "the script would stop here on this machine; the unit does not look")
        return None
    state.done = True
    number = number_of(runner, call)
    return None if number is None else number & 255


def number_of(runner: Runner, call: Call) -> int | None:
    """The status behind exit and return; without one it is that of the last command."""
    if not call.arguments:
        return runner.state.status
    return int(call.arguments[0]) if re.fullmatch(r"\d{1,9}", call.arguments[0], re.ASCII) else None


def return_(runner: Runner, call: Call) -> int | None:
    """It ends the function; in a branch that may run or not, perhaps."""
    runner.state.returning = True
    if runner.state.in_doubt:
        runner.state.doubt(call.place, "return", "whether the function ends here cannot be known")
    number = number_of(runner, call)
    return number if number is None or runner.state.dialect is Dialect.DASH else number & 255


def leave(runner: Runner, call: Call) -> int:
    """break and continue [N]"""
    word = call.arguments[0] if call.arguments else "1"
    count = int(word) if re.fullmatch("[1-9][0-9]?", word) else 1
    if runner.state.loops:
        count = min(count, runner.state.loops)
        runner.state.leaving = count if call.name == "break" else -count
    return OK


def eval_(runner: Runner, call: Call) -> int | None:
    """What the words say is run as a text of its own, if all of it is known."""
    text = " ".join(call.arguments)
    state = runner.state
    if UNKNOWN in text:
        state.doubt(call.place, "eval", "what it runs cannot be known; variables that it sets are not known")
        state.more_set = True
        return None
    before, state.sourcing = state.sourcing, state.sourcing | call.all_keys
    runner.run_text(text, call.place.line, state.dialect)
    state.sourcing = before
    return state.status


# Options of set that a POSIX shell does not know: it ends the script.
BASH_SETTINGS = frozenset(("pipefail", "posix", "errtrace", "functrace", "history", "physical", "braceexpand"))


SHORT_NAMES = {"allexport": "a", "errexit": "e", "nounset": "u", "noglob": "f", "noexec": "n"}


def set_(runner: Runner, call: Call) -> int:
    """set -a, -e and -u, and set -- WORDS; the other options change nothing here."""
    words = list(call.arguments)
    while words and words[0][:1] in ("-", "+") and words[0] != "--":
        word = words.pop(0)
        long_name = words.pop(0) if word.endswith("o") and words else ""
        if long_name in BASH_SETTINGS and runner.state.dialect is Dialect.DASH:
            text = f"set -o {long_name} is not known to {runner.state.dialect}, which ends here"
            raise ScriptError(call.place.line, text)
        if word[0] == "-" and ("n" in word or long_name == "noexec"):
            raise ScriptError(call.place.line, "set -n: the shell runs no command behind it")
        runner.state.set_options(word[1:] + SHORT_NAMES.get(long_name, ""), given=word[0] == "-")
    if words:
        runner.state.arguments = tuple(words[1:] if words[0] == "--" else words)
        runner.state.argument_keys = call.all_keys | runner.state.sourcing
    return OK


def shift(runner: Runner, call: Call) -> int:
    words = call.arguments
    count = int(words[0]) if words and re.fullmatch(r"\d{1,3}", words[0], re.ASCII) else 1
    if count > len(runner.state.arguments):
        if runner.state.dialect is Dialect.DASH:
            raise ScriptError(call.place.line, f"shift {count}: there are fewer arguments, and the shell ends here")
        return FAILED
    runner.state.arguments = runner.state.arguments[count:]
    return OK


def read(runner: Runner, call: Call) -> None:
    """What it reads is not known."""
    for word in call.arguments:
        if not word.startswith("-"):
            runner.state.assign(word, UNKNOWN, NO_KEYS, call.place)


def found(runner: Runner, call: Call) -> int | None:
    """hash, type, which and command -v: whether these programs are here."""
    names = [word for word in call.arguments if not word.startswith("-")]
    if any(UNKNOWN in name for name in names):
        return None
    missing = [name for name in names if not program(runner, call, name)]
    return NOT_FOUND if missing and call.name != "which" else FAILED if missing else OK


def program(runner: Runner, call: Call, name: str) -> str:
    """The path of a program that is asked for; "" if it is not here."""
    state = runner.state
    if name in state.functions or name in BUILTINS:
        return name
    here = state.which(name)
    answer = f"{name} is {here}" if here and here != name else "it is here" if here else "it is not here"
    question = Question(
        f"program {state.variables.get('PATH', '')} {name}", call.place, " ".join(call.words), answer, 1
    )
    return state.ask(question, here, "" if here else state.host.program(name))


def command(runner: Runner, call: Call) -> int | None:
    """command -v PROGRAM asks for it, command PROGRAM runs it."""
    if call.arguments[:1] in (["-v"], ["-V"]):
        return found(runner, call)
    rest = call.without_first()
    if call.arguments and rest.name in SPECIAL:  # then an assignment in front of it does not last
        rest = rest._replace(assigned={})
    return runner.run_words(rest) if call.arguments else OK


def nothing(_runner: Runner, _call: Call) -> int:
    """Without a bearing on what is started."""
    return OK


def trap(runner: Runner, call: Call) -> int | None:
    """What the shell runs at a signal or at its end is not followed. An empty action, `-` or a number runs nothing."""
    words = call.arguments[1:] if call.arguments[:1] == ["--"] else call.arguments
    if len(words) < 2 or re.fullmatch(r"-?|[0-9]+", words[0], re.ASCII):
        return OK if all(re.fullmatch(r"-?|[0-9]|1[0-5]|EXIT|HUP|INT|QUIT|TERM", word) for word in words) else None
    runner.state.doubt(call.place, " ".join(call.words), "what the shell runs then cannot be known")
    return None


def fails(_runner: Runner, _call: Call) -> int:
    return FAILED


def folder(runner: Runner, call: Call) -> int | None:
    match call.arguments:
        case ["-"]:
            pass
        case [path] | ["--" | "-P" | "-L", path] if UNKNOWN not in path:
            return change_folder(runner, call, runner.state.path_of(path))
        case []:
            runner.state.folder = runner.state.variables.get("HOME", "/root")
            return OK
    runner.state.doubt(call.place, "cd", "where this leads cannot be known")
    return None


def change_folder(runner: Runner, call: Call, path: str) -> int:
    """A folder that is not here leaves the script where it is."""
    here = is_folder(path)
    answer = "it is a folder" if here else "there is no such folder"
    if not runner.state.ask(Question(f"-d {path}", call.place, " ".join(call.words), answer, 1), here, not here):
        return FAILED if runner.state.dialect is Dialect.BASH else WRONG
    runner.state.folder = path
    return OK


def is_folder(path: str) -> bool:
    try:
        return os.path.isdir(path)
    except ValueError:  # a NUL
        return False


def alias(runner: Runner, call: Call) -> int:
    """In a script, bash expands no alias."""
    if runner.state.dialect is Dialect.DASH and any("=" in word for word in call.arguments):
        raise ScriptError(call.place.line, "alias: what a command is behind it is not followed")
    return OK


def printf(runner: Runner, call: Call) -> int | None:
    """bash's -v sets a variable."""
    if not call.arguments or not call.arguments[0].startswith("-v"):
        return OK
    if runner.state.dialect is Dialect.DASH:
        return WRONG
    name = (call.arguments[0][2:].split() + call.arguments[1:])[:1]
    unknown(runner, call._replace(words=[call.name, *name]))
    return None


def shopt(_runner: Runner, call: Call) -> int | None:
    """Options of bash that change which branch runs, or which words a command has."""
    changing = sorted(CHANGING_OPTIONS.intersection(call.arguments))
    if changing and "-s" in call.arguments:
        raise ScriptError(call.place.line, f"shopt -s {' '.join(changing)} is not followed")
    return OK if call.arguments[:1] in (["-s"], ["-u"]) else None


def wait(_runner: Runner, call: Call) -> int | None:
    return None if call.arguments else OK


def not_here(runner: Runner, call: Call) -> int:
    """A command of bash in a script of a shell that has none of that name: it is not found, and the script goes on."""
    text = f"it is bash's; {runner.state.dialect} runs this script, does not find it and goes on"
    runner.state.doubt(call.place, " ".join(call.words), text)
    return NOT_FOUND


def unknown(runner: Runner, call: Call) -> None:
    """A command of bash that sets variables in ways that are not followed here."""
    runner.state.doubt(call.place, " ".join(call.words), "what this sets is not known")
    for word in call.arguments:
        name = re.match(r"[A-Za-z_][A-Za-z0-9_]*", word, re.ASCII)
        if name:
            runner.state.assign(name[0], UNKNOWN, NO_KEYS, call.place)


CHANGING_OPTIONS = frozenset(
    ("nullglob", "failglob", "dotglob", "extglob", "globstar", "nocaseglob", "nocasematch", "expand_aliases",
     "lastpipe", "localvar_inherit", "xpg_echo")
)  # fmt: skip
BUILTINS: dict[str, Builtin] = {
    "export": export, "unset": unset, ".": source, "exec": exec_, "exit": exit_, "eval": eval_, "set": set_,
    "cd": folder, "[": test, "test": test, "ulimit": ulimit, "umask": umask, "shift": shift, "return": return_,
    "read": read, "hash": found, "type": found, "which": found, "command": command, "local": local,
    "readonly": readonly, "break": leave, "continue": leave, "false": fails,
    "printf": printf, "wait": wait, "alias": alias, "trap": trap,
    **dict.fromkeys((":", "true", "echo", "sleep", "unalias"), nothing),
}  # fmt: skip
OF_BASH: dict[str, Builtin] = {
    "source": source, "declare": declare, "typeset": declare, "builtin": command, "shopt": shopt,
    **dict.fromkeys(("let", "mapfile", "readarray", "pushd", "popd"), unknown),
}  # fmt: skip
# Words that only bash takes for commands of its own.
ONLY_IN_BASH = frozenset((*OF_BASH, "[[", "function", "select"))


def builtin_named(name: str, dialect: Dialect) -> Builtin | None:
    """The command that the shell itself has under this name."""
    if name in BUILTINS:
        return BUILTINS[name]
    if dialect is Dialect.BASH:
        return OF_BASH.get(name)
    return not_here if name in ONLY_IN_BASH or re.match(r"[A-Za-z_][A-Za-z0-9_]*\+=", name) else None


def does_not_matter(name: str) -> bool:
    """Whether it makes no difference if a command of this name is run."""
    return BUILTINS.get(name) is nothing
