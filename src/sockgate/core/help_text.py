"""What `--help` prints: the table of options."""

from .options import Option


def help_text(program: str, options: tuple[Option, ...], width: int) -> str:
    """The help text. `width` is the width of the column with the options."""
    lines = [f"usage: {program} [OPTION...] [--] PROGRAM [ARGUMENT...]\n"]
    lines += [f"  {option.usage:<{width}} {option.summary}\n" for option in options]
    lines += [f"  {'--help':<{width}} show this text\n", f"  {'--version':<{width}} show the version\n"]
    return "".join(lines) + f"See {program}(8).\n"
