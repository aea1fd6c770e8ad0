"""For fish."""

from collections.abc import Iterator

from .model import FILE, FOLDER, UNIT, Choice, Flag, Program, VerbWords

UNITS = "(systemctl list-unit-files --type=socket,service --plain --no-legend 2> /dev/null | string split -f1 ' ')"


def script(program: Program) -> Iterator[str]:
    """The lines of vendor_completions.d/PROGRAM.fish."""
    yield "# Made from the table of options."
    complete = f"complete -c {program.name}"
    yield f"{complete} -f"
    for verb in program.verbs:
        condition = ""
        if program.has_verbs:
            yield f"{complete} -n __fish_use_subcommand -a {verb.name} -d {quote(verb.summary)}"
            condition = f" -n '__fish_seen_subcommand_from {verb.name}'"
        yield from (f"{complete}{condition} {rest}" for rest in verb_lines(verb))


def verb_lines(verb: VerbWords) -> Iterator[str]:
    for flag in verb.flags:
        yield f"-l {flag.name.removeprefix('--')}{value(flag)} -d {quote(flag.summary)}"
    if verb.operands:
        if verb.operands.kind in (FILE, FOLDER):
            yield "-F"
        elif words := words_of(verb.operands):
            yield f"-a {quote(words)}"


def value(flag: Flag) -> str:
    if flag.value is None:
        return ""
    if flag.value.kind in (FILE, FOLDER):
        return " -r -F"
    words = words_of(flag.value)
    return f" -x -a {quote(words)}" if words else " -x"


def words_of(what: Choice) -> str:
    return UNITS if what.kind == UNIT else " ".join(what.words)


def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
