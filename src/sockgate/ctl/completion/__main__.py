"""Print the completions of one program for one shell."""

import sys

from . import bash, fish, zsh
from .model import program

SCRIPTS = {"bash": bash.script, "fish": fish.script, "zsh": zsh.script}

if __name__ == "__main__":
    shell, name = sys.argv[1:]
    print("\n".join(SCRIPTS[shell](program(name))))
