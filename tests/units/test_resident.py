"""The resident unit that `convert` and `install` write, against the one that is shipped."""

import re
from pathlib import Path

from sockgate.units import resident
from sockgate.units.model import Command, Section
from sockgate.units.writer import format_section

SHIPPED = (Path(__file__).parents[2] / "units/smtp.service").read_text()
# What is about the server and its sandbox, or differs between services.
OF_THE_SERVICE = {
    "Description", "Documentation", "Environment", "EnvironmentFile", "User", "StandardError", "SyslogIdentifier",
    "SyslogLevelPrefix", "UMask", "LimitAS", "LimitNOFILE", "MemoryMax", "TasksMax", "CapabilityBoundingSet",
    "DevicePolicy", "KeyringMode", "PrivateTmp", "ProcSubset", "ProtectControlGroups", "ProtectHome", "ProtectProc",
    "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "RemoveIPC",
}  # fmt: skip


def settings(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def test_it_has_every_setting_of_the_shipped_unit_that_is_about_the_gate() -> None:
    command = Command(("/usr/sbin/sockgated",))
    unit = Section("Unit", tuple(resident.in_unit("smtp.socket")))
    service = Section(
        "Service", (*resident.in_service(command, waits_for_reload=False), *resident.before_its_servers())
    )
    ours = settings(format_section(unit) + format_section(service))
    shipped = {key: value for key, value in settings(SHIPPED).items() if key not in OF_THE_SERVICE}
    assert ours | {"ExecStart": ""} == shipped | {"ExecStart": ""}
