"""Evaluate Courier's shell configuration, as its start scripts do, and write an environment file for systemd.

Courier's /etc/courier/imapd is shell and relies on expansion (IMAP_CAPABILITY_TLS="$IMAP_CAPABILITY AUTH=PLAIN"),
which EnvironmentFile= does not do. The socket units of Courier services run this once, at their start.
"""

import argparse
import grp
import os
import pwd
import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

from ..atomic_write import PRIVATE, Access, write_atomically
from ..core.errors import ConfigError, UsageError
from ..units import envfile

CONFIG_FOLDER = "/etc/courier"
LIMITS = "SOCKGATE_LIMITS"
TLS_USER = "courier"
# Set by the shell itself, not by the configuration.
SHELL_VARIABLES = ("PWD", "OLDPWD", "OPTIND", "SHLVL", "_")
# What the files print must not end up among the variables: only cat writes to the original output.
SCRIPT = "exec 3>&1 >&2; {folders}; set -a; {sources}; exec /bin/cat /proc/self/environ >&3"


class Profile(NamedTuple):
    """How one of Courier's start scripts makes its server's environment.

    server   the files that the server's environment comes from, in order
    script   the files that the script itself has read, in its order, when it expands the server's command line
    copied   variables of the server that get the script's value of another one
    fixed    variables of the server that the script sets itself
    limit    (variable, --rlimit name): its value is a limit in kB
    umask    variable that names the umask
    """

    server: tuple[str, ...]
    script: tuple[str, ...]
    copied: Mapping[str, str] = {}
    fixed: Mapping[str, str] = {}
    limit: tuple[str, str] | None = None
    umask: str = ""


PROXY = {"PROXY_HOSTNAME": "PROXY_HOSTNAME"}
IMAP_LIMIT = ("IMAP_ULIMITD", "as")  # ulimit -v
ESMTP_LIMIT = ("ULIMIT", "data")  # ulimit -d

# /usr/lib/courier/NAME in Debian's courier 1.0.16 and 1.4.1
PROFILES = {
    "imapd": Profile(
        ("imapd", "imapd-ssl"), ("imapd-ssl", "imapd"), {"IMAP_STARTTLS": "IMAPDSTARTTLS", **PROXY},
        limit=IMAP_LIMIT, umask="IMAP_UMASK",
    ),
    "imapd-ssl": Profile(
        ("imapd", "imapd-ssl"), ("imapd", "imapd-ssl"), PROXY, {"IMAP_TLS": "1"}, limit=IMAP_LIMIT, umask="IMAP_UMASK"
    ),
    "pop3d": Profile(("pop3d", "pop3d-ssl"), ("pop3d-ssl", "pop3d"), PROXY),
    "pop3d-ssl": Profile(
        ("pop3d", "pop3d-ssl"), ("pop3d", "pop3d-ssl"), PROXY,
        {"POP3_TLS": "1", "POP3_STARTTLS": "NO", "POP3_TLS_REQUIRED": "0"},
    ),
    "esmtpd": Profile(("esmtpd",), ("esmtpd",), limit=ESMTP_LIMIT),
    "esmtpd-msa": Profile(("esmtpd", "esmtpd-msa"), ("esmtpd", "esmtpd-msa"), limit=ESMTP_LIMIT),
    "esmtpd-ssl": Profile(
        ("esmtpd", "esmtpd-ssl"), ("esmtpd", "esmtpd-ssl"), fixed={"ESMTP_TLS": "1"}, limit=ESMTP_LIMIT
    ),
}  # fmt: skip

# Set by every start script before it reads the files, which may use them (ACCESSFILE=${sysconfdir}/smtpaccess).
FOLDERS = {
    "prefix": "/usr", "exec_prefix": "/usr", "sbindir": "/usr/sbin", "bindir": "/usr/bin",
    "libexecdir": "/usr/lib/courier",
}  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", metavar="CONFIG", help=f"{CONFIG_FOLDER}/NAME or NAME alone, which is one of: {' '.join(PROFILES)}"
    )
    parser.add_argument("--output", metavar="FILE", help="write to this file, mode 0600 (default: standard output)")


def run(arguments: argparse.Namespace) -> int:
    config: str = arguments.config
    folder, name = os.path.split(os.path.abspath(config)) if "/" in config else (CONFIG_FOLDER, config)
    if name not in PROFILES:
        raise UsageError(f"{config!r} is no configuration of a Courier service", "one of: " + " ".join(PROFILES))
    profile = PROFILES[name]
    variables = server_variables(profile, folder)
    text = header(profile, folder) + "".join(
        envfile.format_assignment(*variable) for variable in sorted(variables.items())
    )
    if arguments.output:
        renew_tls_cache(variables.get("TLS_CACHEFILE", ""))
        write_atomically(arguments.output, text, PRIVATE)
    else:
        sys.stdout.write(text)
    return 0


def header(profile: Profile, folder: str) -> str:
    sources = " and ".join(f"{folder}/{name}" for name in profile.server)
    return f"# Written by sockgatectl courier-environment from {sources}: change it there.\n"


def server_variables(profile: Profile, folder: str) -> dict[str, str]:
    """What the start script hands to its server, and what the unit's command line expands."""
    script, _ = evaluate(profile.script, folder)
    server, complaint = evaluate(profile.server, folder)
    sys.stderr.write(complaint)
    server |= {name: script.get(source, "") for name, source in profile.copied.items()}
    server |= profile.fixed
    if profile.limit != ESMTP_LIMIT:  # SMTP has no mailbox
        server["MAILDIRPATH"] = script.get("MAILDIRPATH") or "Maildir"
    server[LIMITS] = limits(profile, script)
    warn_of_umask(profile, script)
    return server


def evaluate(names: tuple[str, ...], folder: str) -> tuple[dict[str, str], str]:
    """What a shell exports after it has read these files with `set -a` and nothing inherited, and what they printed."""
    paths = [os.path.join(folder, name) for name in names]
    for path in paths:
        require_readable(path)
    script = SCRIPT.format(
        folders="; ".join(f"{name}={shlex.quote(value)}" for name, value in (FOLDERS | {"sysconfdir": folder}).items()),
        sources="; ".join(f". {shlex.quote(path)}" for path in paths),
    )
    done = subprocess.run(["/bin/sh", "-c", script], env={}, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    complaint = done.stderr.decode("utf-8", "backslashreplace")
    if done.returncode or not done.stdout:
        what = f"the shell ended with status {done.returncode}" if done.returncode else "it ends the shell"
        raise ConfigError(f"unable to evaluate {' and '.join(paths)}: {(complaint.splitlines() or [what])[-1]}")
    variables = (entry.partition("=") for entry in done.stdout.decode("utf-8", "surrogateescape").split("\0") if entry)
    return {name: value for name, _, value in variables if name not in SHELL_VARIABLES}, complaint


def renew_tls_cache(path: str) -> None:
    """Make couriertls's session cache anew, as the start scripts do.

    couriertls runs as a user who may not make the file. Or it runs as root without root's capabilities, and uses the
    file by its group: so it is where couriertls takes over from the gate (imaps@.service). The group may write, because
    it can read the key of the certificate as well. The folder belongs to that user, who is not trusted with it.
    """
    if not path:
        return
    try:
        access = Access(0o660, pwd.getpwnam(TLS_USER).pw_uid, grp.getgrnam(TLS_USER).gr_gid)
    except KeyError:
        print(f"sockgatectl: there is no user {TLS_USER!r} for the TLS session cache {path!r}", file=sys.stderr)
        access = PRIVATE
    try:
        write_atomically(path, "", access, durable=False)
    except ConfigError as error:
        print(f"sockgatectl: unable to renew the TLS session cache: {error}", file=sys.stderr)


def require_readable(path: str) -> None:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        hint = "is the Courier package of this service installed?" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"unable to read {path!r}: {error.strerror}", hint) from None


def limits(profile: Profile, script: Mapping[str, str]) -> str:
    """The gate option for the limit that the start script sets with ulimit, in kB; empty for none."""
    if profile.limit is None:
        return ""
    variable, name = profile.limit
    value = script.get(variable, "")
    if value in ("", "unlimited"):
        return ""
    if not (value.isascii() and value.isdigit()):
        raise ConfigError(f"{variable} is {value!r}, neither a number of kilobytes nor 'unlimited'")
    return f"--rlimit {name}={value}K"


def warn_of_umask(profile: Profile, script: Mapping[str, str]) -> None:
    """A umask cannot come from an environment file, and mail must not be more readable than it was."""
    value = script.get(profile.umask, "") if profile.umask else ""
    if value and value.lstrip("0") != "22":
        print(
            f"sockgatectl: {profile.umask} is {value!r}, which an environment file cannot carry: "
            f"set UMask={value.zfill(4)} in a drop-in of the service (systemctl edit)",
            file=sys.stderr,
        )
