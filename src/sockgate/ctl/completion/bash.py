"""For bash-completion."""

from collections.abc import Iterator

from .model import FILE, FOLDER, UNIT, Choice, Program, VerbWords

UNITS = "$(systemctl list-unit-files --type=socket,service --plain --no-legend 2> /dev/null | cut -d ' ' -f 1)"


def script(program: Program) -> Iterator[str]:
    """The lines of share/bash-completion/completions/PROGRAM."""
    yield f"# bash completion for {program.name}: made from its table of options"
    yield f"_{program.name}() {{"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}"
    yield "    COMPREPLY=()"
    if program.has_verbs:
        names = " ".join(verb.name for verb in program.verbs)
        yield "    if ((COMP_CWORD == 1)); then"
        yield f"        {complete(Choice('VERB', words=(*names.split(), '--help', '--version')))}"
        yield "        return"
        yield "    fi"
    else:
        yield "    verb="
    yield "    case $verb:$before in"
    for verb in program.verbs:
        for flag in verb.flags:
            if flag.value is not None:
                yield f"        {verb.name}:{flag.name}) {complete(flag.value)}; return ;;"
    yield "    esac"
    yield "    case $verb:$word in"
    for verb in program.verbs:
        yield from verb_cases(verb)
    yield "    esac"
    yield "}"
    yield f"complete -F _{program.name} {program.name}"


def verb_cases(verb: VerbWords) -> Iterator[str]:
    flags = " ".join(flag.name for flag in verb.flags)
    yield f"        {verb.name}:-*) {complete(Choice('OPTION', words=tuple(flags.split())))} ;;"
    if verb.operands:
        yield f"        {verb.name}:*) {complete(verb.operands)} ;;"


def complete(value: Choice) -> str:
    if value.kind in (FILE, FOLDER):
        how = "-f" if value.kind == FILE else "-d"
        return f'compopt -o filenames; mapfile -t COMPREPLY < <(compgen {how} -- "$word")'
    words = UNITS if value.kind == UNIT else " ".join(value.words)
    return f'mapfile -t COMPREPLY < <(compgen -W "{words}" -- "$word")' if words else ":"
