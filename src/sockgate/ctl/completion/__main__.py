"""Write the completions of these programs into the folders of bash, zsh and fish, in one process for all of them."""

import sys
from pathlib import Path

from . import bash, fish, zsh
from .model import program

SHELLS = ((bash, "{}"), (zsh, "_{}"), (fish, "{}.fish"))  # and how each finds the file of a program

if __name__ == "__main__":
    folders, names = sys.argv[1:4], sys.argv[4:]
    for name in names:
        for folder, (shell, file) in zip(folders, SHELLS, strict=True):
            Path(folder, file.format(name)).write_text("\n".join(shell.script(program(name))) + "\n", encoding="utf-8")
