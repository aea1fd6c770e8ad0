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

from ..atomic_write import PRIVATE, FileAccess, write_atomically
from ..core import ConfigError, UsageError
from ..courier import FOLDERS, LIMITS, MAILDIR, SERVERS, SETTINGS_FOLDER, TLS_USER, Server
from ..units import envfile

# The shell itself sets these, not the configuration.
SHELL_VARIABLES = ("PWD", "OLDPWD", "OPTIND", "SHLVL", "_")
# The output of the files must not mix with the variables. So only cat writes to the original output.
SCRIPT = "exec 3>&1 >&2; {folders}; set -a; {sources}; exec /bin/cat /proc/self/environ >&3"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", metavar="CONFIG", help=f"{SETTINGS_FOLDER}/NAME or NAME alone, which is one of: {' '.join(SERVERS)}"
    )
    parser.add_argument("--output", metavar="FILE", help="write to this file, mode 0600 (default: standard output)")


def run(arguments: argparse.Namespace) -> int:
    config: str = arguments.config
    folder, name = os.path.split(os.path.abspath(config)) if "/" in config else (SETTINGS_FOLDER, config)
    if name not in SERVERS:
        raise UsageError(f"{config!r} is no configuration of a Courier service", "one of: " + " ".join(SERVERS))
    server = SERVERS[name]
    variables = server_variables(server, folder)
    text = header(server, folder) + "".join(
        envfile.format_assignment(*variable) for variable in sorted(variables.items())
    )
    if arguments.output:
        renew_tls_cache(variables.get("TLS_CACHEFILE", ""))
        write_atomically(arguments.output, text, PRIVATE)
    else:
        sys.stdout.write(text)
    return 0


def header(server: Server, folder: str) -> str:
    sources = " and ".join(f"{folder}/{name}" for name in server.environment_from)
    return f"# Written by sockgatectl courier-environment from {sources}: change it there.\n"


def server_variables(server: Server, folder: str) -> dict[str, str]:
    """The variables that the start script gives to its server, and those in the unit's command line."""
    script, _ = evaluate(server.read, folder)
    variables, complaint = evaluate(server.environment_from, folder)
    sys.stderr.write(complaint)
    variables |= {name: script.get(source, "") for name, source in server.copied.items()}
    variables |= server.fixed
    if server.has_mailbox:
        variables[MAILDIR] = script.get(MAILDIR) or "Maildir"
    variables[LIMITS] = limits(server, script)
    warn_of_umask(server, script)
    return variables


def evaluate(names: tuple[str, ...], folder: str) -> tuple[dict[str, str], str]:
    """The variables that a shell exports after it has read these files with `set -a`, and the output of the files.

    The shell inherits no variables.
    """
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

    couriertls cannot make the file: either its user may not, or it runs as root without root's capabilities, as in
    imaps@.service. In that case it uses the file by the group. The group may write, because it can read the key of the
    certificate as well. The folder belongs to that user. The user is not trusted, so the file is written atomically.
    """
    if not path:
        return
    try:
        access = FileAccess(0o660, pwd.getpwnam(TLS_USER).pw_uid, grp.getgrnam(TLS_USER).gr_gid)
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


def limits(server: Server, script: Mapping[str, str]) -> str:
    """The gate option for the limit that the start script sets with ulimit (in kB). Empty for no limit."""
    value = script.get(server.limit.setting, "") if server.limit else ""
    if server.limit is None or value in ("", "unlimited"):
        return ""
    if not (value.isascii() and value.isdigit()):
        raise ConfigError(f"{server.limit.setting} is {value!r}, neither a number of kilobytes nor 'unlimited'")
    return f"--rlimit {server.limit.resource}={value}K"


def warn_of_umask(server: Server, script: Mapping[str, str]) -> None:
    """Warn if the umask differs. An environment file cannot set it, and mail must not become readable to more users."""
    value = script.get(server.umask, "") if server.umask else ""
    if value and value.lstrip("0") != "22":
        print(
            f"sockgatectl: {server.umask} is {value!r}, which an environment file cannot carry: "
            f"set UMask={value.zfill(4)} in a drop-in of the service (systemctl edit)",
            file=sys.stderr,
        )
