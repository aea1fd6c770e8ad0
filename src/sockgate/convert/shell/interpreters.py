"""The program that reads a script: which shell it is, or that it is none."""

import re

from ...host.host import Host
from ..starters import base_name
from .syntax import Dialect, ScriptError

FIRST_LINE = re.compile(r"#!(.*)")
AS_BASH = frozenset(("bash", "rbash", "ksh", "ksh93", "mksh", "lksh", "oksh", "pdksh"))
AS_DASH = frozenset(("sh", "dash", "ash", "hush", "posh", "yash", "bosh"))


def dialect_of(shell: str, posix_shell: str) -> Dialect:
    """The dialect of a shell by its name. posix_shell: the name of the program that /bin/sh is."""
    name = base_name(shell)
    name = posix_shell if name == "sh" else name
    return Dialect.BASH if name in AS_BASH else Dialect.DASH


def known_dialect(shell: str, posix_shell: str, line: int, what: str) -> Dialect:
    """The dialect of the program that reads a text. Raises ScriptError if it is no shell of this family.

    To execlineb the whole text is one command line, and zsh does not split what a variable holds: read as sh, the same
    text starts another server, or one as root.
    """
    if base_name(shell) not in AS_BASH | AS_DASH:
        raise ScriptError(line, f"{what} is not sh, dash, bash or ksh, and reads a script in another way")
    return dialect_of(shell, posix_shell)


def interpreter_of(text: str) -> list[str]:
    """The program of the first line and its words: that behind env and busybox; sh without such a line."""
    match = FIRST_LINE.match(text)
    words = match[1].split() if match else []
    if words and base_name(words[0]) == "env":
        del words[: 2 if words[1:2] == ["-S"] else 1]
    if len(words) > 1 and base_name(words[0]) == "busybox":
        del words[0]
    return words or ["sh"]


def dialect_of_script(text: str, host: Host) -> Dialect:
    """The dialect of the shell that the first line names. Raises ScriptError if that is no shell of this family."""
    program = interpreter_of(text)[0]
    return known_dialect(program, host.posix_shell, 1, f"{base_name(program)!r} of the first line")


def options_of(text: str) -> str:
    """The letters of `#!/bin/sh -e`."""
    options = interpreter_of(text)[1:2]
    return options[0][1:] if options and options[0].startswith("-") else ""
