"""The arguments of MAIL and RCPT (RFC 5321, 4.1.1.2, 4.1.1.3 and 4.1.2)."""

import re

LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1
LONGEST_PATH = 256

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL_PART = rf'{ATOM}(?:\.{ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*"'
DOMAIN = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[!-Z^-~]+\]"  # a name, or an address literal
# A source route (<@a,@b:user@c>) is read and left out. Many clients put a blank behind the colon.
ARGUMENT = re.compile(
    rf"(?P<word>FROM|TO): ?<(?:@[^:<>]*:)?(?P<mailbox>(?P<local>{LOCAL_PART})(?:@(?P<domain>{DOMAIN}))?)?>"
    r"(?: +(?P<parameters>.*))?",
    re.IGNORECASE,
)


class Refusal(Exception):
    """A command is refused. The text is the whole reply."""


class Path:
    """One address of an envelope. The empty address, as in MAIL FROM:<>, has neither local part nor domain."""

    def __init__(self, address: str, domain: str, parameters: dict[str, str]) -> None:
        self.address = address
        self.domain = domain.lower().rstrip(".")
        self.parameters = parameters


def parse_path(word: str, argument: str) -> Path:
    """`FROM:<address> [NAME=VALUE...]`, with `word` FROM or TO. Raises Refusal."""
    match = ARGUMENT.fullmatch(argument)
    if match is None or match["word"].upper() != word:
        raise Refusal(f"501 syntax error: write {word}:<user@domain> (#5.5.4)")
    address = match["mailbox"] or ""
    if len(address) > LONGEST_PATH - 2 or len(match["local"] or "") > LONGEST_LOCAL_PART:
        raise Refusal("501 address too long (#5.1.3)")
    parameters = {}
    for parameter in (match["parameters"] or "").split():
        name, _, value = parameter.partition("=")
        parameters[name.upper()] = value
    return Path(address, match["domain"] or "", parameters)
