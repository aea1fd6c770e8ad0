"""Root file systems with a real systemd: built once by mmdebstrap, kept, and never written to again.

Machine (machine.py) boots an overlay over one. A root is rebuilt when what it is made from changes here.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.system import inetd_clients
from tests.system.inetd_packages import FIRST, SECOND, THIRD

# Debian's releases, with the systemd that each is here for.
SYSTEMD = {"bookworm": 252, "trixie": 257, "forky": 262}

# Their Pythons, of which the oldest is this machine's as well.
PYTHON = {"trixie": "3.13", "forky": "3.14"}

# Those that the tests boot, oldest first. SOCKGATE_RELEASES="forky" chooses others.
RELEASES = tuple(os.environ.get("SOCKGATE_RELEASES", "bookworm trixie forky").split())

# Packages of the profiles that a release does not have. Each test that needs one says what it does without.
# popa3d and dictd are there, but with a socket and a service of their own, as Debian's next release has them.
# ftpd-ssl is asked where pure-ftpd is gone, with which it conflicts.
GONE = {
    "bookworm": {"ftpd-ssl"},
    "trixie": {"ftpd-ssl"},
    "forky": {"runit", "courier-authlib-userdb", "poppassd", "pure-ftpd", "popa3d", "dictd", "finger", "fingerd"},
}

# Raise it when the way a root is built changes.
BUILDER = 3

BASE = (
    "systemd", "systemd-sysv", "dbus",  # PID 1 and what systemctl talks over
    "libnss-systemd",  # names of DynamicUser= users
    "python3", "python3-systemd",  # what sockgate runs on
    "man-db",  # systemd-analyze verify asks it for the page that Documentation= names
    "iproute2", "procps",  # ip, ss, sysctl, pgrep for the tests
    "xinetd", "ucspi-tcp", "tcpd", "courier-base",  # what sockgate replaces: oracles, and things to convert
    "courier-imap", "courier-pop", "courier-mta", "courier-authlib-userdb",  # servers: IMAP, POP3, SMTP
    "rsync",  # a server that is started with --daemon and no options of its own
    "swaks",  # an SMTP client
)  # fmt: skip

# Further programs to compare with, to work with, and to be measured against.
MORE = (
    *BASE,
    "daemontools", "runit", "ipsvd",  # run scripts and the programs in their chains
    "socat", "ncat", "s6",  # further programs that start servers, and one that compiles rules
    "haproxy", "stunnel4", "openssl",  # proxies, what ends TLS, and what makes certificates
    "rbldnsd",  # DNS lists
    "fail2ban", "nftables",
)  # fmt: skip

INETD = ("systemd", "systemd-sysv", "dbus", "python3", "python3-systemd", "iproute2", "procps", "tcpd", "netbase")

# Building one takes most of a minute: what does not conflict shares it.
PROFILES = {
    "base": BASE,
    "more": MORE,
    # inetd: two programs of which a machine can have one.
    "openbsd-inetd": (*INETD, "openbsd-inetd"),
    "inetutils-inetd": (*INETD, "inetutils-inetd"),
    # Not a server in it: for the package, what it depends on, and what is to find its manual and completions.
    "package": (
        "systemd",
        "systemd-sysv",
        "dbus",
        "python3",
        "python3-systemd",
        "python3-rich",
        "man-db",
        "bash-completion",
        "iproute2",
        "procps",
    ),
    # What the unit tests need, with another Python than this machine's.
    "python": (
        "python3",
        "python3-systemd",
        "systemd",
        "systemd-journal-remote",
        "netbase",
        "tinycdb",
        "ucspi-tcp",
        "scdoc",
        "man-db",
        "zsh",
        "fish",
        "bash-completion",
        "gcc",
        "libc6-dev",
        "make",
        "git",
        "strace",
        "iproute2",
        "util-linux",
        "procps",
        "dpkg-dev",
    ),
    # The package that is this machine's inetd, with packages of Debian that need one, and their clients.
    "superserver": (
        "systemd",
        "systemd-sysv",
        "dbus",
        "python3",
        "python3-systemd",
        "netbase",
        "iproute2",
        "procps",
        *inetd_clients.PROGRAMS,
    ),
    # What a stranger has: Debian with systemd, and with the names of ports.
    "clean": ("systemd", "systemd-sysv", "dbus", "netbase"),
}

# Packages in apt's cache, and what they need: apt-get can install them where there is no network. Those of one line
# together.
LEAN = "--no-install-recommends"
DOWNLOADS = {
    "clean": ("python3 python3-systemd python3-rich courier-mta",),
    "superserver": (
        f"{LEAN} xinetd {' '.join(sorted(one.name for one in FIRST))}",  # tang-xinetd needs it, the others any
        f"{LEAN} openbsd-inetd {' '.join(sorted(one.name for one in SECOND))}",
        f"{LEAN} openbsd-inetd {' '.join(sorted(one.name for one in THIRD))}",
        f"{LEAN} rusersd openbsd-inetd",
    ),
}


Downloads = tuple[tuple[str, ...], ...]


class SetupError(Exception):
    """The machine that runs the tests lacks something; the message says what."""


def root(release: str, profile: str = "base") -> Path:
    """The folder of this root, built now if there is none yet. It must not be changed."""
    cache = Path(os.environ.get("SOCKGATE_TEST_CACHE", "/var/cache/sockgate-tests"))
    cache.mkdir(parents=True, exist_ok=True)
    downloads = tuple(there(release, line.split()) for line in DOWNLOADS.get(profile, ()))
    packages = packages_of(release, profile)
    content = repr((BUILDER, release, packages, *cached(downloads)))
    finished = cache / f"{release}-{profile}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    with open(f"{finished}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be building the same one
        if not finished.exists():
            unfinished = finished.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            build(release, packages, downloads, unfinished)
            unfinished.rename(finished)
    return finished


def packages_of(release: str, profile: str) -> tuple[str, ...]:
    return there(release, PROFILES[profile])


def there(release: str, packages: Iterable[str]) -> tuple[str, ...]:
    """Those that this release has."""
    return tuple(package for package in packages if package not in GONE.get(release, ()))


def build(release: str, packages: tuple[str, ...], downloads: Downloads, folder: Path) -> None:
    sources = folder.with_suffix(".list")
    sources.write_text(sources_for(release))
    command = [
        "mmdebstrap", "--variant=minbase", "--format=directory", f"--include={','.join(packages)}",
        # Debian's next release may lie still on a mirror for longer than its lists are valid.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "--dpkgopt=path-exclude=/usr/share/locale/*", *cached(downloads), release, str(folder), str(sources),
    ]  # fmt: skip
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    sources.unlink()
    if result.returncode:
        raise SetupError(f"unable to build a root for {release}:\n{result.stderr[-3000:]}")
    disable_everything(folder)


def cached(downloads: Downloads) -> tuple[str, ...]:
    """Options of mmdebstrap that leave these packages, and the lists that name them, in apt's cache."""
    if not downloads:
        return ()
    apt_get = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --yes --download-only --option=APT::Install-Recommends=yes'
    hooks = (f"--customize-hook={apt_get} install {' '.join(packages)}" for packages in downloads)
    return ("--skip=cleanup/apt", *hooks)


def disable_everything(folder: Path) -> None:
    """Nothing starts by itself: a test starts what it needs, and ports are free."""
    preset = folder / "etc/systemd/system-preset/00-nothing.preset"
    preset.parent.mkdir(exist_ok=True)
    preset.write_text("disable *\n")
    subprocess.run(["systemctl", "--quiet", f"--root={folder}", "preset-all"], check=True)
    preset.unlink()  # tests see Debian's own policy
    # This fails because the kernel is the host's. A unit that fails at boot would hide others in `systemctl --failed`.
    subprocess.run(["systemctl", "--quiet", f"--root={folder}", "mask", "systemd-modules-load.service"], check=True)
    for script in folder.glob("etc/rc?.d/S*"):  # what has no unit file: xinetd on bookworm
        script.unlink()


def sources_for(release: str) -> str:
    """This machine's apt sources for Debian itself, in one-line form, with the suites of `release`."""
    fields = "$(ORIGIN) $(COMPONENT) $(REPO_URI) $(CODENAME)"
    command = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    sources = [line.split() for line in subprocess.check_output(command, text=True).splitlines()]
    lines = {
        f"deb {uri} {release}{dash}{kind} main"  # bookworm, bookworm-updates, bookworm-security
        for origin, component, uri, codename in sources
        for _, dash, kind in [codename.partition("-")]
        if (origin, component) == ("Debian", "main") and kind in ("", "updates", "security")
    }
    if not lines:
        raise SetupError("apt knows no packages of Debian: run apt-get update")
    return "\n".join(sorted(lines)) + "\n"
