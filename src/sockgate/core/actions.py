"""What a rule can ask for one client, in addition to letting it in or refusing it."""


class Actions:
    """The actions for one client.

    banner     the text that the client is sent, with any verdict
    facility   the facility of the log record (a number of syslog(3)), None for the usual one
    keepalive  whether to switch TCP keepalives on
    nice       the number to add to the server's nice value
    priority   the priority of the log record, None for the usual one
    umask      the umask of the server, None to leave it
    """

    __slots__ = ("banner", "facility", "keepalive", "nice", "priority", "umask")

    def __init__(self) -> None:
        self.banner = b""
        self.facility: int | None = None
        self.keepalive = False
        self.nice = 0
        self.priority: int | None = None
        self.umask: int | None = None

    def copy(self) -> "Actions":
        copied = Actions()
        copied.banner, copied.facility, copied.keepalive = self.banner, self.facility, self.keepalive
        copied.nice, copied.priority, copied.umask = self.nice, self.priority, self.umask
        return copied
