"""--rlimit: what is read, and what is refused before a client comes."""

import resource
from resource import RLIM_INFINITY

import pytest

from sockgate.connection.rlimits import KEPT, NAMES, lower, parse_limits
from sockgate.core import UsageError

NAME_HINT = f"NAME is one of: {' '.join(sorted(NAMES))}"
SIZE_HINT = "write 8000000, 8M or infinity"


@pytest.mark.parametrize(
    ("word", "limit"),
    [
        ("as=8000000", (resource.RLIMIT_AS, 8_000_000, 8_000_000)),
        ("AS=8M", (resource.RLIMIT_AS, 8 << 20, 8 << 20)),
        ("RLIMIT_AS=8K", (resource.RLIMIT_AS, 8192, 8192)),
        ("Data=1G", (resource.RLIMIT_DATA, 1 << 30, 1 << 30)),
        ("fsize=1T:2T", (resource.RLIMIT_FSIZE, 1 << 40, 2 << 40)),
        ("nofile=64:", (resource.RLIMIT_NOFILE, 64, KEPT)),
        ("nofile=64:infinity", (resource.RLIMIT_NOFILE, 64, RLIM_INFINITY)),
        ("core=0", (resource.RLIMIT_CORE, 0, 0)),
        ("cpu=infinity", (resource.RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY)),
        ("nproc=unlimited", (resource.RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY)),
        ("stack=08", (resource.RLIMIT_STACK, 8, 8)),
        ("fsize=8388607T", (resource.RLIMIT_FSIZE, 8388607 << 40, 8388607 << 40)),
    ],
)
def test_a_limit_is_a_name_and_one_or_two_sizes(word: str, limit: tuple[int, int, int]) -> None:
    assert parse_limits([word]) == [limit]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", f"--rlimit: '' is not NAME=VALUE ({NAME_HINT})"),
        ("as", f"--rlimit: 'as' is not NAME=VALUE ({NAME_HINT})"),
        ("=1", f"--rlimit: '=1' is not NAME=VALUE ({NAME_HINT})"),
        ("memory=1", f"--rlimit: 'memory=1' is not NAME=VALUE ({NAME_HINT})"),
        ("ofile=1", f"--rlimit: 'ofile=1' is not NAME=VALUE ({NAME_HINT})"),
        ("as=", f"--rlimit: 'as=' has no valid size ({SIZE_HINT})"),
        ("as=M", f"--rlimit: 'as=M' has no valid size ({SIZE_HINT})"),
        ("as=8m", f"--rlimit: 'as=8m' has no valid size ({SIZE_HINT})"),
        ("as=-1", f"--rlimit: 'as=-1' has no valid size ({SIZE_HINT})"),
        ("as=1_0", f"--rlimit: 'as=1_0' has no valid size ({SIZE_HINT})"),
        ("as=8.5M", f"--rlimit: 'as=8.5M' has no valid size ({SIZE_HINT})"),
        ("as=٨", f"--rlimit: 'as=٨' has no valid size ({SIZE_HINT})"),
        ("as=1:2:3", f"--rlimit: 'as=1:2:3' has no valid size ({SIZE_HINT})"),
        ("as=8388608T", f"--rlimit: 'as=8388608T' has no valid size ({SIZE_HINT})"),
        ("as=9999999999999999999", f"--rlimit: 'as=9999999999999999999' has no valid size ({SIZE_HINT})"),
        ("as=2:1", "--rlimit: in 'as=2:1' the soft limit is above the hard limit"),
        ("as=infinity:1", "--rlimit: in 'as=infinity:1' the soft limit is above the hard limit"),
    ],
)
def test_what_is_no_limit_is_named(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_limits(["core=0", word])
    assert str(caught.value) == message


def test_every_limit_of_the_kernel_has_its_name() -> None:
    for name in ("as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "rss", "stack"):
        assert NAMES[name] == getattr(resource, f"RLIMIT_{name.upper()}")


@pytest.mark.parametrize(
    ("soft", "hard", "set_"),
    [(64, 1024, 64), (64, 32, 32), (64, RLIM_INFINITY, 64), (RLIM_INFINITY, 32, 32)],
)
def test_a_soft_limit_alone_is_never_above_the_hard_one_that_stays(soft: int, hard: int, set_: int) -> None:
    assert lower(soft, hard) == set_
