"""What the evaluation of a script finds: commands, questions to this machine, and doubts."""

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
    """A question of a script to this machine, such as "does this file exist?", and the answer.

    key        identifies the question: the same question has the same key
    asked      the words of the script
    answer     of this machine, for the report
    others     the number of other answers that are possible
    freezes    the value that the unit would hold; empty if the unit holds none. The unit does not ask again
    is_secret  whether the answer comes from a file that not every user may read
    is_doubled  whether another question asks the same. The report then shows it only if the result depends on it
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
    """A command that the script would start: its words after expansion, its place, and what it would inherit.

    limits   (name as --rlimit takes it, value), set by ulimit
    umask    "" if the script sets none
    is_silent  whether its standard error goes to /dev/null
    waits_for  the line of a server that must end before the script comes to this command, 0 for none
    path     $PATH as the script sets it, "" if the script does not set it
    keys     for each word: the keys of the questions that the word depends on
    exported_keys  the same for each exported variable
    other_keys  the same for limits, umask and folder together
    secret_keys  of all these keys, those of questions with a secret answer
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
    is_silent: bool = False
    waits_for: int = 0

    @property
    def secret_words(self) -> frozenset[str]:
        """The words that contain a secret answer."""
        pairs = zip(self.words, self.keys, strict=False)
        return frozenset(word for word, keys in pairs if not keys.isdisjoint(self.secret_keys))

    @property
    def secret_variables(self) -> frozenset[str]:
        """The exported variables that contain a secret answer."""
        return frozenset(name for name, keys in self.exported_keys.items() if not keys.isdisjoint(self.secret_keys))

    @property
    def all_keys(self) -> Keys:
        return self.other_keys.union(*self.keys, *self.exported_keys.values())


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the evaluation cannot know, and the line of the script."""

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
