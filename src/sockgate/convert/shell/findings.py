"""What comes out of a script: what it would start, what it asks of this machine, what cannot be known."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..input_files import Place

HIDDEN = "..."  # in the report, for a word that only some users may read
OTHERS_MAY_READ, OTHERS_MAY_ENTER = 0o004, 0o001

Keys = frozenset[str]
NO_KEYS: Keys = frozenset()


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a script asks of this machine, with what this machine says.

    key        the same for the same question
    asked      the words of the script
    answer     of this machine, for the report
    others     how many other answers there are that would lead somewhere else
    freezes    the value itself goes on: a unit that holds it does not ask again
    is_secret  it is in a file that not every user may read
    is_doubled  it asks again what another question has asked: it has a line of its own only where it decides
    """

    key: str
    place: Place
    asked: str
    answer: str
    others: int = 0
    freezes: str = ""
    is_secret: bool = False
    is_doubled: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A command that the script comes to: its words after expansion, where it stands, and what it would inherit.

    limits   (name as --rlimit takes it, value), set by ulimit
    umask    "" if the script sets none
    path     $PATH as the script sets it, "" if it does not
    keys     of the questions whose answers are in each word
    exported_keys  the same for exported variables
    other_keys  the same for limits, umask and folder
    secret_keys  those among all of these whose answers only some users may read
    """

    words: tuple[str, ...]
    place: Place
    exported: dict[str, str]
    folder: str = "/"
    limits: tuple[tuple[str, str], ...] = ()
    umask: str = ""
    path: str = ""
    keys: tuple[Keys, ...] = ()
    exported_keys: Mapping[str, Keys] = field(default_factory=dict)
    other_keys: Keys = NO_KEYS
    secret_keys: Keys = NO_KEYS

    @property
    def secret_words(self) -> frozenset[str]:
        """The words in which something stands that only some users may read."""
        pairs = zip(self.words, self.keys, strict=False)
        return frozenset(word for word, keys in pairs if not keys.isdisjoint(self.secret_keys))

    @property
    def secret_variables(self) -> frozenset[str]:
        """The exported variables of which the same is true."""
        return frozenset(name for name, keys in self.exported_keys.items() if not keys.isdisjoint(self.secret_keys))

    @property
    def all_keys(self) -> Keys:
        return self.other_keys.union(*self.keys, *self.exported_keys.values())


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that cannot be known, with the line."""

    place: Place
    what: str
    text: str


def is_secret(path: str) -> bool:
    """Whether some users may not read this file, or may not enter a folder on its way."""
    try:
        if not os.stat(path).st_mode & OTHERS_MAY_READ:
            return True
        folder = os.path.dirname(os.path.abspath(path))
        while folder.strip("/"):
            if not os.stat(folder).st_mode & OTHERS_MAY_ENTER:
                return True
            folder = os.path.dirname(folder)
    except (OSError, ValueError):
        return False
    return False
