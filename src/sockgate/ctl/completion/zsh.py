"""For zsh's completion system."""

from collections.abc import Iterator

from .model import FILE, FOLDER, UNIT, Choice, Flag, Program, VerbWords

UNITS = "_sockgate_units"
LIST = "systemctl list-unit-files --type=socket,service --plain --no-legend 2> /dev/null"


def script(program: Program) -> Iterator[str]:
    """The lines of site-functions/_PROGRAM."""
    yield f"#compdef {program.name}"
    yield "# Made from the table of options."
    if not program.has_verbs:
        yield from arguments(program.verbs[0])
        return
    yield f"{UNITS}() {{"
    yield "    local -a units"
    yield f'    units=(${{${{(f)"$({LIST})"}}%% *}})'
    yield "    compadd -a units"
    yield "}"
    yield "local -a verbs"
    yield "verbs=("
    yield from (f"    {quote(f'{verb.name}:{verb.summary}')}" for verb in program.verbs)
    yield ")"
    yield "if ((CURRENT == 2)); then"
    yield "    _describe verb verbs"
    yield "    return"
    yield "fi"
    yield "local verb=$words[2]"
    yield "shift words"
    yield "((CURRENT--))"
    yield "case $verb in"
    for verb in program.verbs:
        yield f"{verb.name})"
        yield from arguments(verb)
        yield ";;"
    yield "esac"


def arguments(verb: VerbWords) -> Iterator[str]:
    specifications = [flag_specification(flag) for flag in verb.flags]
    if verb.operands:
        specifications.append(quote(f"*:{verb.operands.name}:{action(verb.operands)}"))
    yield "_arguments \\"
    yield from (f"    {specification} \\" for specification in specifications[:-1])
    yield f"    {specifications[-1]}"


def flag_specification(flag: Flag) -> str:
    summary = "".join(f"\\{character}" if character in "[]:\\" else character for character in flag.summary)
    if flag.value is None:
        return quote(f"*{flag.name}[{summary}]")
    name = flag.value.name.replace(":", "\\:")
    return quote(f"*{flag.name}=[{summary}]:{name}:{action(flag.value)}")


def action(value: Choice) -> str:
    if value.words:
        return f"({' '.join(value.words)})"
    return {FILE: "_files", FOLDER: "_directories", UNIT: UNITS}.get(value.kind, "")


def quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
