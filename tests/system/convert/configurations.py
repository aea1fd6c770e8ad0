"""xinetd services that between them use every attribute that decides about access or shapes the server's process."""

from dataclasses import dataclass, field

FIRST_PORT = 20000
SERVER = "/opt/probe"

ONLY_FROM = (
    "192.168.0.0/24", "192.168.0.0", "192.168.0.5", "10.0.0.0", "0.0.0.0", "127.0.0.1 10.0.0.1", "192.168.{0,1}",
    "192.168.0.{5,6}", "fd00:1::/64", "fd00:1::5", "::1", "::/0", "::", "fd00:1::5/128", "192.168.0.0/255.255.0.0",
    "192.168.10", "10.1", "172.16.0.9/32", "0.0.0.0/0", "", "10.0.0.0 # the office",
)  # fmt: skip
BOTH = (
    ("192.168.0.0/16", "192.168.0.5"), ("192.168.0.5", "192.168.0.0/16"), ("0.0.0.0/0", "10.0.0.0"),
    ("192.168.0.0 10.0.0.0", "192.168.0.77 10.1.2.3"), ("::/0", "fd00:1::/64"), ("fd00:1::/64", "fd00:1::5"),
)  # fmt: skip
NO_ACCESS = ("192.168.0.0/24", "10.0.0.0", "fd00:1::/64", "0.0.0.0/0", "127.0.0.1")
BINDINGS = (
    {"bind": "127.0.0.1"}, {"bind": "192.168.0.1"}, {"interface": "fd00:1::1"}, {"flags": "IPv4"}, {"flags": "IPv6"},
    {"flags": "IPv6", "v6only": "yes"}, {"flags": "IPv6", "v6only": "no"}, {"flags": "IPv4 IPv6"},
)  # fmt: skip
PROCESSES = (
    {"user": "daemon"}, {"user": "nobody"}, {"user": "daemon", "group": "mail"}, {"user": "1234"},
    {"user": "1234", "group": "mail"}, {"user": "prober"}, {"user": "prober", "groups": "yes"},
    {"user": "prober", "group": "mail"}, {"user": "prober", "group": "mail", "only_from": "192.168.0.0"},
    {"user": "root", "group": "daemon"}, {"nice": "5"}, {"nice": "-3"}, {"user": "daemon", "nice": "-3"},
    {"umask": "077"}, {"umask": "002", "user": "daemon"}, {"rlimit_files": "50"}, {"rlimit_as": "256M"},
    {"rlimit_cpu": "20", "rlimit_stack": "4M"}, {"rlimit_data": "UNLIMITED"},
    {"rlimit_as": "200M", "only_from": "192.168.0.0"}, {"env": "ONE=1 TWO=a=b%c$d\\e"},
    {"env": "ONE=1", "passenv": ""}, {"passenv": ""}, {"env": "PERCENT=%n ONE=x", "only_from": "192.168.0.0"},
    {"server_args": "-a \"b c\" $HOME ${HOME} %n 100% \\x41 ; 'q' #"}, {"server_args": "a", "only_from": "0.0.0.0"},
    {"flags": "NAMEINARGS", "server_args": "another-name -x"},
)  # fmt: skip
ANSWERS = (
    {"banner": "/opt/banner"}, {"banner_success": "/opt/banner"},
    {"banner_fail": "/opt/banner", "no_access": "10.0.0.0"},
    {"banner": "/opt/banner", "banner_fail": "/opt/banner", "only_from": "192.168.0.5"},
    {"access_times": "00:00-23:59"}, {"access_times": "00:00-00:01", "banner_fail": "/opt/banner"},
    {"max_load": "9999"}, {"max_load": "0.0000001", "banner_fail": "/opt/banner"}, {"instances": "0"},
    {"only_from": "192.168.0.5", "instances": "3 4"}, {"only_from": "10.0.0.1, 10.0.0.2"}, {"disabled": "yes"},
    {"libwrap": "probe-a"}, {"libwrap": "probe-b"}, {"libwrap": "probe-c", "only_from": "192.168.0.0"},
    {"libwrap": "probe-a", "flags": "NOLIBWRAP"},
)  # fmt: skip
UDP = {"socket_type": "dgram", "protocol": "udp", "wait": "yes"}
WAITING: tuple[dict[str, str], ...] = (
    {}, {"user": "daemon", "env": "A=%n$x"}, {"only_from": "192.168.0.0/24"}, {"no_access": "10.0.0.0"},
    {"only_from": "192.168.0.0", "flags": "IPv4", "umask": "077"}, {"only_from": "fd00:1::/64", "server_args": "-a b"},
    {"bind": "127.0.0.1", "rlimit_cpu": "20"},
)  # fmt: skip
# Of a name of its own: what xinetd does itself, and for other programs; the answer to each is compared as a pattern.
THEMSELVES: tuple[dict[str, str], ...] = (
    {"name": "daytime"}, {"name": "daytime", "only_from": "192.168.0.0"}, {"name": "time"}, {"name": "echo"},
    {"name": "discard", "no_access": "10.0.0.0"}, {"name": "chargen"},
)  # fmt: skip
REDIRECTED: tuple[dict[str, str], ...] = (
    {"redirect": f"127.0.0.1 {FIRST_PORT}"}, {"redirect": f"::1 {FIRST_PORT}", "only_from": "192.168.0.0/24"},
    {"redirect": f"127.0.0.1 {FIRST_PORT}", "user": "nobody", "banner": "/opt/banner", "no_access": "10.0.0.0"},
)  # fmt: skip
HOSTS_ALLOW = "probe-a: 192.168.0. [fd00:1::]/64\nprobe-b: ALL EXCEPT 10.\n"
HOSTS_DENY = "probe-a probe-b: ALL\nprobe-c: 192.168.0.77\n"


@dataclass(frozen=True)
class Configured:
    """One service: its port and the attributes that it is here for."""

    port: int
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id, which the report and the units go by."""
        return f"probe{self.port}"

    @property
    def is_datagram(self) -> bool:
        return self.attributes.get("socket_type") == "dgram"

    def __str__(self) -> str:
        settings = {
            "type": "UNLISTED", "port": str(self.port), "socket_type": "stream", "protocol": "tcp", "wait": "no",
            "user": "root", "cps": "0 0", "server": SERVER,
        } | self.attributes  # fmt: skip
        name = settings.pop("name", self.name)
        if name != self.name:
            settings |= {"id": self.name, "type": "UNLISTED INTERNAL"}
        if name != self.name or "redirect" in settings:
            del settings["server"]
        flags = settings.pop("flags", "")  # NAMEINARGS only counts before server_args
        lines = [f"\tflags = {flags}"] if flags else []
        lines += [f"\t{name} = {value}" for name, value in settings.items()]
        return f"service {name}\n{{\n" + "\n".join(lines) + "\n}\n"


def all_configured() -> list[Configured]:
    attributes: list[dict[str, str]] = [{}]
    attributes += [{"only_from": words} for words in ONLY_FROM]
    attributes += [{"only_from": words, "flags": "IPv4"} for words in ONLY_FROM[:10]]
    attributes += [{"only_from": first, "no_access": second} for first, second in BOTH]
    attributes += [{"no_access": words} for words in NO_ACCESS]
    attributes += [*BINDINGS, *PROCESSES, *ANSWERS, *THEMSELVES, *REDIRECTED]
    attributes += [{"wait": "yes", "flags": "NOLIBWRAP"}]
    attributes += [UDP | one for one in WAITING]
    return [Configured(FIRST_PORT + number, one) for number, one in enumerate(attributes)]
