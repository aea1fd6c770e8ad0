"""--root: the option of the verbs that can work on a system in a folder."""

import argparse
import os

from ..core import UsageError


def add_root_option(parser: argparse.ArgumentParser, summary: str) -> None:
    parser.add_argument("--root", metavar="DIR", default="/", type=folder, help=summary)


def folder(text: str) -> str:
    """Raises UsageError: a folder that is made for a misspelt name would hold units that no systemd reads."""
    if not os.path.isdir(text):
        raise UsageError(f"{text!r} is not a directory")
    return text
