"""A client whose address is remembered is treated as it was when it came for the first time.

The accept loop has a path of its own for such a client, without the admission. Both paths must do the same.
"""

import re
from pathlib import Path

import pytest

from .conftest import Start

RULES = '127.0.0.1:allow,RELAYCLIENT="@fixme",X="%1"\n127.0.0.2:deny\n:allow\n'
CASES = {
    "let in by an option": ["--allow", "127.0.0.0/8", "--relay", "127.0.0.1"],
    "let in by a rule": ["--rules", "RULES", "--pass-env", "PATH"],
    "greeted": ["--banner-text", "one", "--banner-success", "BANNER", "--env", "A=b"],
    "refused by an option": ["--deny", "127.0.0.1", "--deny-message", "go away"],
    "refused by a rule": ["--rules", "REFUSING", "--banner-fail", "BANNER", "--deny-message", "go away"],
    "refused by xinetd's list": ["--only-from", "192.0.2.1", "--banner-text", "one"],
    "over the limit": ["--max-connections", "1", "--at-limit", "refuse", "--deny-message", "one at a time"],
}
# What differs between two connections: the port of the client, and how many clients of its source there are.
OWN = re.compile(rb"(TCPREMOTEPORT=|TCPCONNNUM=|TCPCONCURRENCY=|127\.0\.0\.1:)\d+")


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_it_gets_the_same_answer_variables_and_record(gated: Start, tmp_path: Path, options: list[str]) -> None:
    files = {"RULES": RULES, "REFUSING": "127.0.0.1:deny\n:allow\n", "BANNER": "two\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    words = [str(tmp_path / word) if word in files else word for word in options]
    if "--at-limit" in options:
        one = gated(*words, "--", "/bin/cat")
        with one.connect("127.0.0.9"):
            one.wait_for("accepted ")
            answers = [one.talk() for _ in range(3)]
    else:
        one = gated(*words, "--", "/usr/bin/env")
        answers = [OWN.sub(rb"\1N", one.talk()) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2] != b""
    records = [OWN.sub(rb"\1N", line.encode()) for line in one.wait_for("(accepted|refused) 127.0.0.1:", 3)]
    assert records[0] == records[1] == records[2]
