"""sockgatectl rules, as it is typed."""

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sockgate.ctl.main import run
from tests.access.damage import tcprules

SOURCE = Path(__file__).parents[2] / "src"


def test_a_text_is_compiled_and_shown(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "text").write_bytes(b'10.1-2.:deny\n:allow,NAME="M\xfcller"\n')
    assert run(["rules", "compile", f"{tmp_path}/text", f"{tmp_path}/cdb"]) == 0
    assert capfdbinary.readouterr() == (b"", b"")
    assert run(["rules", "show", f"{tmp_path}/cdb"]) == 0
    assert capfdbinary.readouterr().out == b'10.1.:deny\n10.2.:deny\n:allow,NAME="M\xfcller"\n'


def test_rules_without_a_catch_all_rule_are_pointed_at_with_their_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("# local\n10.:deny\n11.:deny\n# end\n")
    message = "no catch-all rule: every client that matches no rule is let in (add ':deny' or ':allow' at the end of"
    said = f"sockgatectl: {tmp_path}/text:3: {message} the rules)\n"
    assert run(["rules", "compile", f"{tmp_path}/text", f"{tmp_path}/cdb"]) == 0
    assert capsys.readouterr().err == said
    for name in ("text", "cdb"):
        assert run(["rules", "show", f"{tmp_path}/{name}"]) == 0
        assert capsys.readouterr() == ("10.:deny\n11.:deny\n", said)
    (tmp_path / "cdb").write_bytes(tcprules(b"10.:deny\n"))
    assert run(["rules", "show", f"{tmp_path}/cdb"]) == 0
    said = f"sockgatectl: {tmp_path}/cdb: {message} the rules, and compile them anew)\n"
    assert capsys.readouterr() == ("10.:deny\n", said)


def test_an_error_in_the_rules_is_one_line_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text").write_text("10:deny\n")
    assert run(["rules", "compile", f"{tmp_path}/text", f"{tmp_path}/cdb"]) == 1
    hint = "(for the network write 10. or 10.0.0.0/8)"
    assert capsys.readouterr().err == f"sockgatectl: {tmp_path}/text:1: '10' is not an IP address {hint}\n"
    assert not (tmp_path / "cdb").exists()


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 2
    assert run(["rules", "compile", "text"]) == 2
    assert "the following arguments are required: CDB" in capsys.readouterr().err


def shown_while_compiling(folder: Path, seconds: float, arguments: list[str]) -> bytes:
    """What a terminal shows; `seconds` is how long the bar waits before it appears."""
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from sockgate.ctl import console, main\n"
        f"console.SECONDS_UNTIL_SHOWN = {seconds}\n"
        f"sys.exit(main.run({arguments!r}))"
    )
    controller, terminal = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(controller, 65536):
                shown.append(data)
        except OSError:
            return  # the other end was closed

    reader = threading.Thread(target=read)
    reader.start()
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "80"}
    subprocess.run([sys.executable, "-c", code], check=True, stderr=terminal, env=environment)
    os.close(terminal)
    reader.join()
    os.close(controller)
    return b"".join(shown)


def test_what_takes_long_has_a_progress_bar_on_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("".join(f"10.{n // 250}.{n % 250}.:deny\n" for n in range(21000)) + ":allow\n")
    arguments = ["rules", "compile", f"{tmp_path}/text", f"{tmp_path}/cdb"]
    assert b"compiling" in shown_while_compiling(tmp_path, 0.0, arguments)
    assert shown_while_compiling(tmp_path, 60.0, arguments) == b""
