"""How `install` recognises the files that it wrote: by their first line."""

from ..core import ConfigError

MARKER = "Written by sockgatectl install; `sockgatectl uninstall` removes it."


def is_ours(path: str) -> bool:
    """Whether `install` wrote this file. Raises ConfigError if the file cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline().rstrip("\n") == f"# {MARKER}"
    except OSError as error:
        raise ConfigError(f"unable to read {path!r}: {error.strerror}") from None
