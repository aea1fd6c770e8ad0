"""Points in time, as an administrator writes and reads them: systemd's words, and the time zone of this machine."""

import os
import re
import subprocess
from datetime import UTC, datetime

from ..core import SystemFailure, UsageError
from ..journal.connection import MICROSECONDS

UNIX_SECONDS = re.compile(r"UNIX seconds: @(\d+)(?:\.(\d+))?")


def parse_moment(option: str, text: str) -> int:
    """The microseconds since 1970 of a time of systemd.time(7): `1 hour ago`, `yesterday`, `14:30`.

    systemd-analyze reads it, so it means the same as in other programs of the machine. Raises UsageError.
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
    """The time to the millisecond, in the administrator's time zone."""
    at = datetime.fromtimestamp(moment // MICROSECONDS).astimezone()
    return f"{at:%Y-%m-%d %H:%M:%S}.{moment // 1000 % 1000:03}"


def iso(moment: int) -> str:
    """The time for programs: ISO 8601 in UTC, to the microsecond."""
    return f"{datetime.fromtimestamp(moment // MICROSECONDS, UTC):%Y-%m-%dT%H:%M:%S}.{moment % MICROSECONDS:06}Z"
