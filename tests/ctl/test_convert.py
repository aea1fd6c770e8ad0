"""sockgatectl convert: exit codes, output, and putting units in place."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sockgate.convert import programs
from sockgate.convert.obstacles import Surroundings
from sockgate.convert.result import Conversion
from sockgate.core import ConfigError, SystemFailure
from sockgate.ctl import convert_install, main
from sockgate.ctl.convert_install import Installation, install, refuse_losses, switch_over
from sockgate.host.host import Host
from sockgate.units.search import UnitSearch

CLEAN = """service probe
{
    type = UNLISTED
    port = %d
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    server = /bin/cat
}
"""


def write(folder: Path, text: str) -> str:
    file = folder / "xinetd.conf"
    file.write_text(text)
    return str(file)


def test_exit_code_is_0_if_everything_means_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "units"
    assert main.run(["convert", "xinetd", write(tmp_path, CLEAN % 7), "--output", str(output)]) == 0
    assert sorted(path.name for path in output.iterdir()) == ["probe.service", "probe.socket", "probe@.service"]
    shown = capsys.readouterr().out
    assert "Services converted: 1." in shown
    assert shown.endswith(
        "Next: the same with --install puts them into place, and prints the commands that switch over and back.\n"
    )


def test_exit_code_is_1_with_something_to_read(tmp_path: Path) -> None:
    text = (CLEAN % 7).replace("server =", "per_source = 10 # each\n    server =")
    assert main.run(["convert", "xinetd", write(tmp_path, text), "--output", str(tmp_path / "units")]) == 1


def test_a_service_whose_access_cannot_be_kept_is_not_written(tmp_path: Path) -> None:
    text = (CLEAN % 7).replace("wait = no", "wait = yes\n    only_from = 10.0.0.0")
    assert main.run(["convert", "xinetd", write(tmp_path, text), "--output", str(tmp_path / "units")]) == 1
    assert not (tmp_path / "units").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["xinetd", "/nonexistent", "--output", "/tmp/x"], "convert: '/nonexistent' does not exist"),
        (["xinetd", "/etc/passwd"], "convert: say where the units go with --output DIR, or --install"),
        (
            ["launchd", "/etc/passwd", "--output", "/tmp/x"],
            "convert: program: 'launchd' is none of: xinetd inetd tcpserver couriertcpd",
        ),
    ],
)
def test_exit_code_is_2_for_wrong_usage(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["convert", *words]) == 2
    assert capsys.readouterr().err.startswith(f"sockgatectl: {message}")


def test_the_report_says_where_both_copies_of_the_units_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sockgate.ctl.convert.UnitSearch", lambda _: UnitSearch(str(tmp_path)))
    output = tmp_path / "units"
    main.run(["convert", "xinetd", write(tmp_path, CLEAN % 7), "--output", str(output), "--install"])
    assert f"\nUnits in {output} and in /etc/systemd/system: " in capsys.readouterr().out


def test_a_name_without_its_folder_is_looked_for_where_the_program_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "courier").mkdir()
    (tmp_path / "courier/imapd").touch()
    monkeypatch.setitem(programs.USUAL_FOLDERS, "couriertcpd", f"{tmp_path}/courier")
    for name, hint in (("imapd", f" (is it {tmp_path}/courier/imapd?)"), ("impad", "")):
        assert main.run(["convert", "couriertcpd", name, "--output", "units"]) == 2
        assert capsys.readouterr().err == f"sockgatectl: convert: {name!r} does not exist{hint}\n"


@pytest.mark.parametrize(
    "prefix", ["../q", "a/b", "/etc/x", ".", "..", "-x", "a b", "%n", "a\n", "x@", "\u00e9", "a" * 101]
)
def test_a_prefix_that_leads_to_another_folder_or_is_no_units_name_is_wrong_usage(
    prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["convert", "xinetd", write(tmp_path, CLEAN % 7), "--output", str(tmp_path / "units"), f"--prefix={prefix}"]
    assert main.run(words) == 2
    assert "cannot begin the name of a unit" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["xinetd.conf"]


def test_json_lists_services_units_and_one_entry_per_attribute(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, CLEAN % 7)
    main.run(["convert", "xinetd", file, "--output", str(tmp_path / "units"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["services"] == [{"name": "probe", "file": file, "line": 1}]
    assert told["refused"] == []
    assert told["units"] == ["probe.socket", "probe@.service", "probe.service"]
    assert [entry["line"] for entry in told["report"]] == [3, 4, 5, 6, 7, 8, 9, 1]
    assert told["report"][1] == {
        "outcome": "translated", "file": file, "line": 4, "service": "probe", "what": "port = 7", "became": ["port 7"],
        "text": "",
    }  # fmt: skip


def converted(tmp_path: Path, port: int = 7, prefix: str = "") -> Conversion:
    return programs.convert("xinetd", [write(tmp_path, CLEAN % port)], Host(), prefix)


def has_unit(root: Path, *names: str) -> None:
    """A machine with these units of the old programs."""
    folder = root / "usr/lib/systemd/system"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.service").write_text("[Service]\n")


def test_install_writes_the_units_and_says_how_to_switch_over_and_back(tmp_path: Path) -> None:
    has_unit(tmp_path, "xinetd")
    steps = install(converted(tmp_path), "xinetd", UnitSearch(str(tmp_path))).text()
    assert (tmp_path / "etc/systemd/system/probe@.service").exists()
    folder = "/etc/systemd/system"
    assert steps == (
        "To switch over:\n"
        "  systemctl daemon-reload\n"
        "  systemctl stop xinetd\n"
        "  systemctl disable xinetd\n"
        "  systemctl enable --now probe.socket\n"
        "To switch back:\n"
        "  systemctl disable --now probe.socket\n"
        f"  rm {folder}/probe.socket {folder}/probe@.service {folder}/probe.service\n"
        "  systemctl daemon-reload\n"
        "  systemctl enable xinetd\n"
        "  systemctl start xinetd\n"
    )


def test_with_now_it_does_not_ask_for_what_it_does_itself(tmp_path: Path) -> None:
    installation = install(converted(tmp_path), "xinetd", UnitSearch(str(tmp_path)), now=True)
    heading, *commands = installation.text(now=True).splitlines()
    assert heading == "Switching over:"
    assert commands[0] == "  systemctl daemon-reload"


def test_install_says_which_ports_the_old_daemon_still_has(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as old:
        port = old.getsockname()[1]
        conversion, search = converted(tmp_path, port), UnitSearch(str(tmp_path))
        own = Path("/proc/self/comm").read_text().strip()
        taken = f"Port {port}/tcp of probe is taken by {own} (pid {os.getpid()})"
        (warning,) = install(conversion, "xinetd", search).warnings
        assert warning == f"{taken}: stop it first, or probe.socket cannot start."
    assert install(conversion, "xinetd", search).warnings == ()


def test_install_twice_replaces_its_own_units(tmp_path: Path) -> None:
    for port in (7, 9):
        install(converted(tmp_path, port), "xinetd", UnitSearch(str(tmp_path)))
    assert "ListenStream=9\n" in (tmp_path / "etc/systemd/system/probe.socket").read_text()


def placed(root: Path, port: int = 7, prefix: str = "") -> Conversion:
    """Converted for an installation in this system."""
    surroundings = Surroundings(UnitSearch(str(root)), replaces=True)
    return programs.convert("xinetd", [write(root, CLEAN % port)], Host(asks_services=False), prefix, surroundings)


def vendor_socket(root: Path, listen: str, *, enabled: bool) -> None:
    """A unit of another package, `probe.socket`."""
    socket = root / "usr/lib/systemd/system/probe.socket"
    socket.parent.mkdir(parents=True)
    socket.write_text(f"[Socket]\nListenStream={listen}\n")
    if enabled:
        wants = root / "etc/systemd/system/sockets.target.wants"
        wants.mkdir(parents=True)
        (wants / "probe.socket").symlink_to("/usr/lib/systemd/system/probe.socket")


@pytest.mark.parametrize("enabled", [True, False])
def test_a_name_that_another_unit_has_is_no_obstacle(tmp_path: Path, *, enabled: bool) -> None:
    vendor_socket(tmp_path, "1", enabled=enabled)
    conversion = placed(tmp_path)
    install(conversion, "xinetd", UnitSearch(str(tmp_path)))
    assert [unit.name for unit in conversion.units] == [
        "probe-sockgate.socket", "probe-sockgate@.service", "probe-sockgate.service",
    ]  # fmt: skip
    assert "--name probe-sockgate" not in (tmp_path / "etc/systemd/system/probe-sockgate.socket").read_text()
    again = placed(tmp_path)
    assert [service.name for service in again.services] == ["probe-sockgate"], "it replaces its own units"


# A run script of a service that needs one more file, and the end of the name of that file.
NEEDS_A_FILE = {
    "conf": "#!/bin/sh\nexport CERTFILE=/gone.pem\nexec sslserver -RHl0 0 7 /bin/cat\n",
    "rules": "#!/bin/sh\nexec tcpsvd -l0 -i ./peers 0 7 /bin/cat\n",
    "env": "#!/bin/sh\nPASSWORD=$(cat ./secret)\nexport PASSWORD\nexec tcpserver -RHl0 0 7 /bin/cat\n",
}


@pytest.mark.parametrize("content", ["mine\n", ""])  # an empty unit would be masked
@pytest.mark.parametrize("ending", NEEDS_A_FILE)
def test_a_file_of_the_administrators_is_not_overwritten_by_one_that_a_service_needs(
    tmp_path: Path, ending: str, content: str
) -> None:
    folder, root = tmp_path / "probe", tmp_path / "root"
    (folder / "peers").mkdir(parents=True)
    (folder / "peers" / "10.1.2.3").touch()
    (folder / "run").write_text(NEEDS_A_FILE[ending])
    (folder / "secret").touch(0o600)
    own = root / f"etc/sockgate/probe.{ending}"
    own.parent.mkdir(parents=True)
    own.write_text(content)
    search = UnitSearch(str(root))
    conversion = programs.convert("tcpserver", [f"{folder}/run"], Host(), "", Surroundings(search, replaces=True))
    install(conversion, "tcpserver", search)
    assert [file.path for file in conversion.files] == [f"/etc/sockgate/probe-sockgate.{ending}"]
    assert own.read_text() == content


@pytest.mark.parametrize(("listen", "is_left"), [("7", True), ("0.0.0.0:7", True), ("127.0.0.1:7", True), ("8", False)])
def test_a_port_is_left_to_the_socket_that_is_enabled_for_it(tmp_path: Path, listen: str, *, is_left: bool) -> None:
    vendor_socket(tmp_path, listen, enabled=True)
    conversion = placed(tmp_path)
    assert bool(conversion.units) is not is_left
    left = "probe: refused: ListenStream=7: left to /usr/lib/systemd/system/probe.socket, which is enabled and has this"
    assert any(left in str(entry) for entry in conversion.report.entries) is is_left
    assert conversion.refused == [], "nothing is lost"


def test_all_obstacles_are_told_at_once_and_cost_no_other_service(tmp_path: Path) -> None:
    vendor_socket(tmp_path, "7", enabled=True)
    (tmp_path / "etc/systemd/system/second.socket").symlink_to("/dev/null")
    text = CLEAN % 7 + (CLEAN % 8).replace("probe", "second") + (CLEAN % 9).replace("probe", "third")
    surroundings = Surroundings(UnitSearch(str(tmp_path)), replaces=True)
    conversion = programs.convert("xinetd", [write(tmp_path, text)], Host(asks_services=False), "", surroundings)
    install(conversion, "xinetd", UnitSearch(str(tmp_path)))
    assert (tmp_path / "etc/systemd/system/third.socket").exists()
    told = [f"{entry.service}: {entry.text}" for entry in conversion.report.entries if entry.outcome == "refused"]
    assert told == [
        "probe: left to /usr/lib/systemd/system/probe.socket, which is enabled and has this port",
        "second: /etc/systemd/system/second.socket is masked; the service is not converted",
    ]


def shipped(root: Path) -> None:
    """The template of ours that `make install` puts there, with a drop-in."""
    folder = root / "usr/lib/systemd/system"
    (root / "lib").symlink_to("usr/lib")
    (folder / "probe.socket.d").mkdir(parents=True)
    (folder / "probe.socket").write_text("[Unit]\nDocumentation=man:sockgate(8)\n")
    (folder / "probe.socket.d/50-more.conf").write_text("[Socket]\nMaxConnections=1\n")
    linked = root / "usr/lib/sockgate/drop-ins/probe.socket.d"  # by sockgate-generator
    linked.mkdir(parents=True)
    (linked / "60-new-255.conf").write_text("[Socket]\nPollLimitBurst=1\n")


def test_an_unused_template_of_ours_gives_way_with_its_drop_ins(tmp_path: Path) -> None:
    shipped(tmp_path)
    installation = install(converted(tmp_path), "xinetd", UnitSearch(str(tmp_path)))
    for name in ("50-more.conf", "60-new-255.conf"):
        mask = tmp_path / "etc/systemd/system/probe.socket.d" / name
        assert mask.readlink() == Path("/dev/null")
        assert f" /etc/systemd/system/probe.socket.d/{name}" in installation.switch_back[1]
    assert installation.switch_back[2].startswith("rmdir --ignore-fail-on-non-empty /etc/systemd/system/probe.")
    assert installation.warnings == ()


def test_a_template_of_ours_that_is_enabled_stays(tmp_path: Path) -> None:
    shipped(tmp_path)
    wants = tmp_path / "etc/systemd/system/sockets.target.wants"
    wants.mkdir(parents=True)
    (wants / "probe.socket").symlink_to("/usr/lib/systemd/system/probe.socket")
    assert [service.name for service in placed(tmp_path).services] == ["probe-sockgate"]


def test_a_masked_unit_stays_masked(tmp_path: Path) -> None:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/probe@.service").symlink_to("/dev/null")
    conversion = placed(tmp_path)
    assert conversion.units == ()
    with pytest.raises(ConfigError, match=r"unable to convert probe: nothing is installed or switched over"):
        refuse_losses(conversion)


def test_install_names_drop_ins_that_go_on_to_count_and_services_that_are_lost(tmp_path: Path) -> None:
    drop_in = tmp_path / "etc/systemd/system/probe.socket.d/mine.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Socket]\n")
    file = write(tmp_path, CLEAN % 7 + (CLEAN % 8).replace("probe", "lost").replace("UNLISTED", "RPC"))
    installation = install(programs.convert("xinetd", [file], Host()), "xinetd", UnitSearch(str(tmp_path)))
    assert installation.warnings == (
        "/etc/systemd/system/probe.socket.d/mine.conf changes probe.socket as well: see that it still should.",
        "Once xinetd is stopped nothing serves: lost (refused, see above).",
    )


def test_install_with_nothing_converted_installs_nothing_and_says_so(tmp_path: Path) -> None:
    file = write(tmp_path, (CLEAN % 7).replace("UNLISTED", "RPC"))
    installation = install(programs.convert("xinetd", [file], Host()), "xinetd", UnitSearch(str(tmp_path)))
    assert installation.text() == "No service was converted: nothing is installed.\n"
    assert not (tmp_path / "etc").exists()


def steps(folder: Path, program: str, file: str, text: str) -> list[str]:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    conversion = programs.convert(program, [str(path)], Host(asks_services=False))
    installation = install(conversion, program, UnitSearch(str(folder)))
    return [*installation.switch_over, *installation.switch_back]


def test_a_supervised_service_is_kept_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = f"'{tmp_path}/a service'"
    stub(tmp_path / "sv")
    supervisors = [supervise(tmp_path / name) for name in ("a service", "b")]
    lines = steps(tmp_path, "tcpserver", "a service/run", "exec tcpserver -RHl0 0 7 /bin/cat\n")
    assert f"touch {folder}/down && sv stop {folder}" in lines
    assert f"rm {folder}/down && sv start {folder}" in lines
    stub(tmp_path / "svc")
    lines = steps(tmp_path, "tcpserver", "b/run", "exec tcpserver -RHl0 0 8 /bin/cat\n")
    stop = lines.index(f"touch {tmp_path}/b/down && svc -d {tmp_path}/b")
    assert lines[stop + 1] == f"while svstat {tmp_path}/b | grep -q ': up '; do sleep 1; done"
    for supervisor in supervisors:
        os.close(supervisor)
    lines = steps(tmp_path, "tcpserver", "b/run", "exec tcpserver -RHl0 0 8 /bin/cat\n")
    assert not any("down" in line for line in lines), "no supervisor runs it, so there is nothing to stop"


def stub(program: Path) -> None:
    program.write_text("")
    program.chmod(0o755)


def supervise(folder: Path) -> int:
    """The end of the named pipe that a supervisor holds."""
    (folder / "supervise").mkdir(parents=True)
    os.mkfifo(folder / "supervise/ok")
    return os.open(folder / "supervise/ok", os.O_RDONLY | os.O_NONBLOCK)


@pytest.fixture
def old_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that tcpserver has. (This process stands for it.)"""
    monkeypatch.setattr(convert_install, "FAMILIES", {"tcpserver": (Path("/proc/self/comm").read_text().strip(),)})
    with closing(socket.create_server(("127.0.0.1", 0))) as old:
        yield old.getsockname()[1]


def script(path: Path, port: int) -> Conversion:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"exec tcpserver -RHl0 127.0.0.1 {port} /bin/cat\n")
    return programs.convert("tcpserver", [str(path)], Host(asks_services=False))


def test_what_only_the_administrator_can_stop_is_said_before_anything_is_changed(
    tmp_path: Path, old_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    search = UnitSearch(str(tmp_path))
    supervisor = supervise(tmp_path / "b")
    conversion = script(tmp_path / "b/run", old_port)
    text = f"stop {tmp_path}/b with its supervisor, of which neither sv nor svc is here"
    nothing = r"\(nothing is installed or switched over\)$"
    with pytest.raises(ConfigError, match=rf"^unable to switch over: {text} first {nothing}"):
        install(conversion, "tcpserver", search, now=True)
    assert not (tmp_path / "etc").exists()
    assert f"# {text}" in install(conversion, "tcpserver", search).switch_over
    os.close(supervisor)
    with pytest.raises(
        ConfigError, match=rf"^unable to switch over: stop what {tmp_path}/rc has started first {nothing}"
    ):
        install(script(tmp_path / "rc", old_port), "tcpserver", search, now=True)


def test_a_port_of_another_program_is_said_before_anything_is_changed(tmp_path: Path) -> None:
    taken = r"^unable to switch over: Port \d+/tcp of probe is taken by .*: stop it first"
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        conversion = converted(tmp_path, other.getsockname()[1])
        with pytest.raises(ConfigError, match=taken):
            install(conversion, "xinetd", UnitSearch(str(tmp_path)), now=True)
    assert not (tmp_path / "etc").exists()


def test_an_old_program_that_is_not_installed_any_more_need_not_be_stopped(tmp_path: Path) -> None:
    installation = install(converted(tmp_path), "xinetd", UnitSearch(str(tmp_path)), now=True)
    assert installation.switch_over == ("systemctl daemon-reload", "systemctl enable --now probe.socket")
    assert installation.switch_back[-1] == "systemctl daemon-reload"
    (tmp_path / "etc/init.d").mkdir()
    (tmp_path / "etc/init.d/xinetd").write_text("")
    assert "systemctl stop xinetd" in install(converted(tmp_path), "xinetd", UnitSearch(str(tmp_path))).switch_over


def test_a_second_installation_removes_what_is_no_longer_needed(tmp_path: Path) -> None:
    search = UnitSearch(str(tmp_path))
    both = CLEAN % 7 + (CLEAN % 8).replace("probe", "gone")
    install(programs.convert("xinetd", [write(tmp_path, both)], Host()), "xinetd", search)
    other = (tmp_path / "other.conf").absolute()
    other.write_text((CLEAN % 9).replace("probe", "other"))
    install(programs.convert("xinetd", [str(other)], Host()), "xinetd", search)
    folder = "/etc/systemd/system"
    installation = install(converted(tmp_path), "xinetd", search)
    assert installation.switch_over == (
        "systemctl disable --now gone.socket",
        f"rm {folder}/gone.socket {folder}/gone.service {folder}/gone@.service",
        "systemctl daemon-reload",
        "systemctl enable --now probe.socket",
        "systemctl restart probe.socket",
    ), "those of another file stay, and what listens gets its new settings"
    assert "gone" not in " ".join(installation.switch_back)


def test_a_service_that_waits_now_leaves_the_template_of_the_one_before(tmp_path: Path) -> None:
    search = UnitSearch(str(tmp_path))
    install(converted(tmp_path), "xinetd", search)
    text = (CLEAN % 7).replace("wait = no", "wait = yes")
    installation = install(programs.convert("xinetd", [write(tmp_path, text)], Host()), "xinetd", search)
    assert installation.switch_over[0] == "rm /etc/systemd/system/probe@.service"


def test_with_another_prefix_the_units_before_stay(tmp_path: Path) -> None:
    search = UnitSearch(str(tmp_path))
    install(converted(tmp_path), "xinetd", search)
    installation = install(converted(tmp_path, prefix="new-"), "xinetd", search)
    assert not any(command.startswith("rm") for command in installation.switch_over)


def test_the_old_daemon_is_called_as_on_this_machine(tmp_path: Path) -> None:
    has_unit(tmp_path, "inetd", "inetutils-inetd", "courier-pop")
    text = "26 stream tcp nowait root /bin/cat\n"
    assert "systemctl disable inetd" in steps(tmp_path, "inetd", "inetd.conf", text)
    (tmp_path / "usr/sbin").mkdir()
    (tmp_path / "usr/sbin/inetutils-inetd").write_text("")
    assert "systemctl enable inetutils-inetd" in steps(tmp_path, "inetd", "inetd.conf", text)
    assert "systemctl stop courier-pop" in steps(tmp_path, "couriertcpd", "pop3d", "PORT=110\n")


def test_no_name_of_a_file_becomes_a_command(tmp_path: Path) -> None:
    text = "PORT=143\nIMAPDSTART=YES\n"
    (tmp_path / "etc/init.d").mkdir(parents=True)
    (tmp_path / "etc/init.d/courier-x; reboot").write_text("")
    assert "systemctl stop 'courier-x; reboot'" in steps(tmp_path, "couriertcpd", "x; reboot", text)


def test_switching_over_runs_the_commands_up_to_the_first_that_fails(tmp_path: Path) -> None:
    done = [tmp_path / name for name in ("one", "two")]
    switch_over(Installation((), (f"touch {done[0]}",), ()))
    assert done[0].exists()
    with pytest.raises(
        SystemFailure, match=r"^unable to switch over: 'false' failed \(the commands above switch back\)$"
    ):
        switch_over(Installation((), ("false", f"touch {done[1]}"), ()))
    assert not done[1].exists()


def test_nothing_is_switched_over_unseen_if_one_of_two_services_would_be_lost(tmp_path: Path) -> None:
    lost = CLEAN.replace("probe", "lost").replace("wait = no", "wait = yes\n    only_from = 10.0.0.0")
    conversion = programs.convert("xinetd", [write(tmp_path, CLEAN % 7 + lost % 9)], Host(asks_services=False))
    assert [unit.name for unit in conversion.units] == ["probe.socket", "probe@.service", "probe.service"]
    with pytest.raises(ConfigError, match=r"^unable to convert lost: nothing is installed or switched over"):
        refuse_losses(conversion)
    refuse_losses(converted(tmp_path))


def test_now_does_nothing_if_a_service_would_be_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, CLEAN.replace("    server = /bin/cat\n", "") % 7)
    assert main.run(["convert", "xinetd", file, "--install", "--now"]) == 1
    assert "nothing is installed or switched over" in capsys.readouterr().err
    assert main.run(["convert", "xinetd", file, "--now", "--output", str(tmp_path)]) == 2
    assert "convert: --now needs --install" in capsys.readouterr().err
