"""Generated files for xinetd: entries as people write them, and every way in which they go wrong."""

from pathlib import Path
from random import Random

FIRST_PORT = 20000
PER_FILE = 12

# What xinetd can use, and what it cannot; both kinds occur in the wild.
VALUES = {
    "id": ("one", "two", "Three"),
    "flags": ("REUSE", "NODELAY IPv4", "nodelay keepalive", "NAMEINARGS", "IPv6", "NOLIBWRAP", "DISABLE",
              "REUSE,NODELAY", ""),
    "wait": ("no", "NO", "yes", "true", "no #"),
    "user": ("root", "daemon", "1234", "0", "nobody", "no-such-user", "root daemon"),
    "group": ("mail", "12", "no-such-group"),
    "groups": ("yes", "no", "YES", "maybe", "1"),
    "server": ("/bin/cat", "/bin/true", "cat", "/no/such/program", "/bin/cat -u", ""),
    "server_args": ("-u", "-a -b", "a # b", "\"a b\" 'c'", "", "cat -u"),
    "env": ("A=1", "A=1 B=2", "A", "A=", "B=x=y", "A = 1"),
    "passenv": ("PATH", "", "PATH HOME", "PATH NO_SUCH_VARIABLE"),
    "nice": ("5", "-3", "+7", "x", "99", "5 # low", "-40"),
    "umask": ("077", "22", "8", "0x1f", "002", "1777", "00000022"),
    "instances": ("5", "UNLIMITED", "unlimited", "-1", "x", "5 6", "3 # a", "+4", "5x", "0"),
    "per_source": ("5", "UNLIMITED", "UNLIM", "-1", "x", "0x10", "0"),
    "cps": ("10 5", "10", "x y", "0 0", "10 5 5", "-1 5", "10 5 # ten"),
    "max_load": ("3.5", "x", "0", "-1", "+2", "2.5x", "1e3", ".5", "2,5"),
    "access_times": ("8:00-9:00", "08:00-09:30 10:00-11:00", "22:00-6:00", "8-9", "24:00-25:00", "0:0-23:59",
                     "8:00 - 9:00", ""),
    "only_from": ("10.0.0.0", "10.1.0.0/16 fd00::/8", "127.0.0.1", "10.0.0.1, 10.0.0.2", "", "192.168.{1,2}",
                  "10.0.0.0 # office"),
    "no_access": ("10.0.0.0", "10.1.0.0/16", "", "127.0.0.1 192.168.1.1"),
    "log_type": ("FILE /tmp/x", "SYSLOG daemon", "SYSLOG daemon info", "SYSLOG nothing", "FILE", "SYSLOG authpriv.info",
                 "FILE /tmp/x 100 200", "FILE /no/such/folder/x", "FILE /tmp"),
    "log_on_success": ("HOST PID", "HOST EXIT DURATION", "TRAFFIC", "ATTEMPT", "", "HOST, PID"),
    "log_on_failure": ("HOST", "HOST ATTEMPT", "RECORD", "USERID", ""),
    "bind": ("127.0.0.1", "127.0.0.2", "::1", "eth0", "0.0.0.0", "*", "localhost"),
    "interface": ("127.0.0.1",),
    "v6only": ("yes", "no", "1"),
    "rlimit_as": ("8M", "800K", "UNLIMITED", "x", "8G", "0", "-1", "4096"),
    "rlimit_cpu": ("5", "UNLIMITED", "5m", "0"),
    "rlimit_files": ("50", "x", "-1", "UNLIMITED"),
    "rlimit_stack": ("4096K", "1m"),
    "libwrap": ("foo", "foo bar"),
    "banner": ("/etc/issue", "/etc/issue x"),
    "banner_fail": ("/etc/issue",),
    "disable": ("no", "no", "yes", "maybe", "NO", "no # it"),
    "disabled": ("yes",),
    "enabled": ("yes",),
    "deny_time": ("60", "x", "FOREVER"),
    "redirect": ("127.0.0.1 80", "127.0.0.1", "127.0.0.1 http", "127.0.0.1 0"),
    "rpc_version": ("2", "2-4"),
    "socket_type": ("stream", "dgram", "STREAM", "tcp"),
    "protocol": ("tcp", "udp", "TCP", "tcp6", "nothing"),
    "type": ("UNLISTED", "unlisted", "UNLISTED INTERNAL", "NOTHING", "RPC UNLISTED", ""),
    "port": ("20099", "x", "70000", "-1"),
    "mdns": ("yes",), "only_form": ("10.0.0.1",), "args": ("-u",),
}  # fmt: skip
IN_DEFAULTS = (
    "log_type", "log_on_success", "log_on_failure", "only_from", "no_access", "passenv", "instances", "per_source",
    "groups", "cps", "max_load", "bind", "v6only", "umask", "banner", "banner_fail",
)  # fmt: skip
MANY_VALUES = ("only_from", "no_access", "passenv", "env", "log_on_success", "log_on_failure")
JUNK = (
    "}", "{", "service", "service x {", "port 7001", "port=7001", "# a comment", "   # another", "server_args", "=",
    "includedir", "include /no/such/file", "disable =no", "DISABLE = NO", "wait := no", "\\", "user = root; x", "\f",
)  # fmt: skip


def random_setting(random: Random, name: str) -> str:
    operator = random.choice(("=", "=", "+=", "-=")) if name in MANY_VALUES or random.random() < 0.02 else "="
    before = random.choice((" ", "\t", "\t\t", "  ")) if random.random() < 0.99 else ""
    after = random.choice((" ", "\t", "", "  "))
    name = name.upper() if random.random() < 0.03 else name
    return name + before + operator + after + random.choice(VALUES[name.lower()]) + random.choice(("", "", "", " "))


def random_settings(random: Random, names: tuple[str, ...], most: int) -> list[str]:
    return [random_setting(random, random.choice(names)) for _ in range(random.randint(0, most))]


def random_service(random: Random, number: int) -> list[str]:
    """Mostly complete, then with a few more lines anywhere, of which some are wrong."""
    base = {
        "type": "UNLISTED", "socket_type": "stream", "protocol": "tcp", "wait": "no", "user": "root",
        "server": "/bin/cat", "port": str(FIRST_PORT + number),
    }  # fmt: skip
    if random.random() < 0.1:
        del base[random.choice(tuple(base))]
    lines = [f"{name} = {value}" for name, value in base.items()]
    random.shuffle(lines)
    for line in random_settings(random, tuple(VALUES), 4):
        lines.insert(random.randint(0, len(lines)), line)
    if random.random() < 0.06:
        lines.insert(random.randint(0, len(lines)), random.choice(JUNK))
    return [f"service s{number}", "{", *("\t" + line for line in lines), "}"]


def random_defaults(random: Random, names: list[str]) -> list[str]:
    lines = random_settings(random, IN_DEFAULTS, 4)
    if random.random() < 0.3:
        which, operator = random.choice(("enabled", "disabled")), random.choice(("=", "+="))
        lines.append(f"{which} {operator} {' '.join(random.sample(names, 4))}")
    if random.random() < 0.1:
        lines += random_settings(random, ("disable", "user", "flags", "env", "access_times"), 1)
    return ["defaults", "{", *("\t" + line for line in lines), "}"]


def write_files(random: Random, folder: Path) -> Path:
    """An xinetd.conf, with a folder that it includes."""
    numbers = list(range(PER_FILE))
    services = [random_service(random, number) for number in numbers]
    blocks = services[: PER_FILE // 2]
    names = [f"s{number}" for number in numbers] + ["one", "two"]
    for _ in range(random.choice((0, 1, 1, 1, 2))):
        blocks.insert(random.randint(0, len(blocks)), random_defaults(random, names))
    dropped = folder / "xinetd.d"
    dropped.mkdir()
    for name, service in zip(("b", "A", "c.conf", "d~", "a", "e-1"), services[PER_FILE // 2 :], strict=True):
        # Behind a single word xinetd reads on, beyond the end of the file if nothing else stops it.
        ends = ("\n", "") if len(service[-2].split()) > 1 else ("\n#\n",)
        (dropped / name).write_text("\n".join(service) + random.choice(ends))
    blocks.insert(random.randint(0, len(blocks)), [f"includedir {dropped}"])
    lines = [line for block in blocks for line in block]
    if random.random() < 0.1:
        lines.insert(random.randint(0, len(lines)), random.choice(JUNK))
    file = folder / "xinetd.conf"
    file.write_text("\n".join(lines) + "\n")
    return file
