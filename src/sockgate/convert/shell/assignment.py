"""The form of an assignment. It stands apart, so that a reader of one line need not load the shell's grammar."""

import re

ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=", re.ASCII)
