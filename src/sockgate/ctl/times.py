"""Points in time as administrators write and read them: systemd's words, and the time zone of this machine."""

import os
import re
import subprocess
from datetime import UTC, datetime

from ..core.errors import SystemFailure, UsageError

MICROSECONDS = 1_000_000
UNIX_SECONDS = re.compile(r"UNIX seconds: @(\d+)(?:\.(\d+))?")


def parse_moment(option: str, text: str) -> int:
    """Microseconds since 1970 of what systemd.time(7) and journalctl take: `1 hour ago`, `yesterday`, `14:30`.

    systemd-analyze is asked, so that it means the same as everywhere else on the machine. Raises UsageError.
    """
    command = ["systemd-analyze", "timestamp", "--", text]
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise SystemFailure(f"unable to run systemd-analyze: {error.strerror}") from None
    match = UNIX_SECONDS.search(result.stdout)
    if not match:
        raise UsageError(f"{option}: {text!r} is no point in time", "'1 hour ago', today, 14:30: see systemd.time(7)")
    return int(match[1]) * MICROSECONDS + int(f"{match[2] or '':0<6.6}")


def local(moment: int) -> str:
    """To the millisecond, in the administrator's time zone."""
    at = datetime.fromtimestamp(moment // MICROSECONDS).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}.{moment // 1000 % 1000:03}"


def iso(moment: int) -> str:
    """For programs: ISO 8601 in UTC, to the microsecond."""
    return f"{datetime.fromtimestamp(moment // MICROSECONDS, UTC):%Y-%m-%dT%H:%M:%S}.{moment % MICROSECONDS:06}Z"
