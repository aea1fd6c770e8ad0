"""--access-times and --max-load: when a service is open, as xinetd 2.3.15 decides it (access.c, time.c).

Times are local times. Both ends belong to an interval. Two things differ from xinetd: 22:00-6:00 crosses midnight, and
24:00 is the end of a day. For both, xinetd disables the service.
"""

import posix
import time

from ..core import DENY, NO_MATCH, Cause, SystemFailure, UsageError, Verdict
from ..core.options import decimal
from ..core.peer import Peer
from ..core.rule_files import PassingError, exists, read_file
from . import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.options import Settings
    from ..core.rule_files import Sources

MINUTES_OF_A_DAY = 24 * 60
LOCAL_TIME = "/etc/localtime"
ZONES = "/usr/share/zoneinfo"
READINGS = 3  # of the zone's file by the C library, which says nothing if it cannot read it
INTERVAL_HINT = "write intervals such as 8:00-17:00 or 22:00-6:00"


def build(settings: "Settings", sources: "Sources") -> "Schedule":
    if settings.access_times:
        read_time_zone(sources)
    return Schedule(settings.access_times, settings.max_load)


class Schedule(Check):
    """Refuses every client outside the intervals, and while the load of the last minute is too high.

    zone_is_known  whether the C library has the time zone of this machine, as all gates of this process do
    """

    lasting = False
    zone_is_known = True

    def __init__(self, access_times: str, max_load: str | None) -> None:
        """If an option was not given, `access_times` is empty, or `max_load` is None. Raises UsageError."""
        self._text = " ".join(access_times.split())
        self._intervals = [parse_interval(word) for word in access_times.split()]
        if access_times and not self._intervals:
            raise UsageError("--access-times: the list is empty", INTERVAL_HINT, Cause("--access-times"))
        self._most_load = 0.0 if max_load is None else parse_load(max_load)

    def decide(self, peer: Peer, considered: list[str] | None = None) -> Verdict:
        if self._most_load:
            load = load_of_last_minute()
            if load >= self._most_load:
                cause = Cause("--max-load", f"{self._most_load:g}")
                return Verdict(DENY, cause, f"the load is {load:.2f}, and {cause}")
            if considered is not None:
                considered.append(f"--max-load {self._most_load:g}: the load is {load:.2f}")
        if self._intervals:
            if not Schedule.zone_is_known:
                return Verdict(DENY, Cause("--access-times", self._text), "the time zone could not be read")
            now = time.localtime()
            if not self.is_open(now.tm_hour * 60 + now.tm_min):
                cause = Cause("--access-times", self._text)
                return Verdict(DENY, cause, f"it is {now.tm_hour}:{now.tm_min:02}, outside {cause}")
            if considered is not None:
                considered.append(f"--access-times {self._text}: it is {now.tm_hour}:{now.tm_min:02}")
        return Verdict(NO_MATCH)

    def is_open(self, minute: int) -> bool:
        """Whether this minute of the day belongs to one of the intervals."""
        return any(
            start <= minute <= end if start <= end else minute >= start or minute <= end
            for start, end in self._intervals
        )


def parse_interval(word: str) -> tuple[int, int]:
    """The first and the last minute of the day in `H:M-H:M`. Raises UsageError."""
    start, _, end = word.partition("-")
    first, last = parse_time(start), parse_time(end)
    if first is None or last is None or first in (last, MINUTES_OF_A_DAY):
        cause = Cause("--access-times", word)
        raise UsageError(f"--access-times: {word!r} is not an interval", INTERVAL_HINT, cause)
    return first, last


def parse_time(text: str) -> int | None:
    """The minute of the day of `H:M`, from 0:00 to 24:00. None if the text is not such a time."""
    hour, _, minute = text.partition(":")
    if not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (hour, minute)):
        return None
    total = int(hour) * 60 + int(minute)
    return total if int(minute) < 60 and total <= MINUTES_OF_A_DAY else None


def parse_load(text: str) -> float:
    load = decimal(text)
    if not load:
        cause = Cause("--max-load", text)
        raise UsageError(f"--max-load: {text!r} is not a load", "write a number above 0, such as 2.5", cause)
    return load


def read_time_zone(sources: "Sources") -> None:
    """Have the C library read the time zone anew. A gate that is built again follows a change of the zone's file.

    The library takes UTC for a file that it cannot read, for want of a descriptor or because it is damaged. So we read
    the file first, and the zone from before stays if we cannot. Then the names that the library found must be in it.

    Raises ConfigError.
    """
    zone = posix.environ.get(b"TZ")
    file = zone_file(zone)
    data = read_file(file, sources=sources) if exists(file, sources) else b""
    for _ in range(READINGS):
        set_time_zone(zone)
        Schedule.zone_is_known = not data or all(name and name.encode() in data for name in time.tzname)
        if Schedule.zone_is_known:
            return
    raise PassingError(f"unable to read the time zone of {file!r}", cause=Cause(file=file))


def set_time_zone(zone: bytes | None) -> None:
    """The library reads the file of TZ only if the value of TZ changes, and /etc/localtime where TZ is not set."""
    if zone is not None:
        posix.putenv(b"TZ", b"UTC0")
        time.tzset()
        posix.putenv(b"TZ", zone)
    time.tzset()


def zone_file(zone: bytes | None) -> str:
    """The file that tzset(3) reads. It does not exist if TZ holds a rule such as CET-1CEST."""
    if zone is None:
        return LOCAL_TIME
    name = zone.decode("utf-8", "surrogateescape").removeprefix(":")
    return name if name.startswith("/") else f"{ZONES}/{name or 'Universal'}"


def load_of_last_minute() -> float:
    try:
        return posix.getloadavg()[0]
    except OSError:
        raise SystemFailure("--max-load: unable to read the load") from None
