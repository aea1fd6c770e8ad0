"""The programs that listen and start a server for each client, and where one of them stands among words."""

from collections.abc import Sequence

S6 = ("s6-tcpserver", "s6-tcpserver4", "s6-tcpserver6")
# Those that take HOST PORT PROGRAM behind their options.
UCSPI = ("tcpserver", "sslserver", "tcpsvd", "udpsvd", *S6)
SERVERS = (*UCSPI, "socat", "ncat")
HOST_PORT_PROGRAM = 3
DAEMON_STARTER = "start-stop-daemon"
LISTENING = ("-LISTEN:", "-L:")  # in an address of socat


def base_name(word: str) -> str:
    return word.rpartition("/")[2]


def server_at(words: Sequence[str]) -> int | None:
    """Where one of them stands, None if this starts none: `killall tcpserver` and `socat - TCP:host:25` do not."""
    for at, word in enumerate(words):
        name = base_name(word)
        if name in UCSPI:
            return at if len(words) - at > HOST_PORT_PROGRAM or at == 0 else None
        if name in SERVERS and listens(name, words[at + 1 :]):
            return at
    return None


def split_at_server(words: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """(what stands in front, the server and its own words), None if this starts none.

    `start-stop-daemon --exec PROGRAM [OPTION]... -- WORDS` has options of its own behind the program.
    """
    at = server_at(words)
    if at is None:
        return None
    in_front, own = list(words[:at]), list(words[at:])
    if DAEMON_STARTER in map(base_name, in_front) and "--" in own:
        end = own.index("--")
        in_front += own[1:end]
        del own[1 : end + 1]
    return in_front, own


def listens(name: str, words: Sequence[str]) -> bool:
    """Whether socat or ncat with these words waits for clients; with other words it is a client itself."""
    if name == "socat":
        return any(sign in word.partition(",")[0].upper() for word in words for sign in LISTENING)
    letters = (word for word in words if word.startswith("-") and not word.startswith("--"))
    return "--listen" in words or any("l" in word for word in letters)


def names_a_server(words: Sequence[str]) -> bool:
    """Whether one of them is named, with words that may not be known yet."""
    return server_at(words) is not None or any(base_name(word) in UCSPI for word in words)
