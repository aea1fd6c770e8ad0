"""Files of Courier's that are no settings: what they are, and which file is meant."""

import os
import re

from ...courier import SERVERS, SETTINGS_FOLDER

ALL = " ".join(f"{SETTINGS_FOLDER}/{name}" for name in SERVERS)
RULE = re.compile(r"^[^#\s]\S*\t(allow|deny)\b", re.MULTILINE)
# Courier's names for the rules of a server.
RULES_OF = {"imapaccess": "imapd", "smtpaccess": "esmtpd"}


def meant(path: str) -> str:
    """The settings that belong to a start script, a unit or access rules, by its name; otherwise all settings."""
    base = os.path.basename(os.path.normpath(path))
    stem = base.partition(".")[0]
    by_unit = {server.unit: name for name, server in SERVERS.items()}
    name = RULES_OF.get(stem) or by_unit.get(stem) or (base if base in SERVERS else "")
    return f"{SETTINGS_FOLDER}/{name}" if name else f"one of {ALL}"


def why_no_settings(path: str, text: str) -> str:
    """Why this file cannot be converted, and which file to give; "" for what may be settings."""
    stem = os.path.basename(os.path.normpath(path)).partition(".")[0]
    if "\0" in text or path.endswith(".dat"):
        return f"this is what makedat made of access rules: give the settings that name these, {meant(path)}"
    if os.path.isdir(path) or stem in RULES_OF or RULE.search(text):
        return (
            f"these are access rules, which need no conversion: give the settings that name them, {meant(path)}; "
            "the gate reads the rules with --courier-access"
        )
    if text.startswith("#!"):
        return f"this is a start script: give the settings that it reads, {meant(path)}"
    if re.search(r"^\[(Unit|Service)\]", text, re.MULTILINE):
        return f"this is a unit: give the settings of the server that it starts, {meant(path)}"
    return ""
