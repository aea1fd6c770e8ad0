"""The table of inspections. A new inspection is a function in one of the modules beside this, and a row here."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...host.host import Host
from ..gated_service import GatedService
from . import (
    access,
    command,
    cost,
    dns_lists,
    limits,
    load,
    names,
    rivals,
    rules,
    sandbox,
    service,
    socket,
    state,
    unit_files,
    variables,
)
from .fault import Fault

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)
PROBLEMS = (ERROR, WARNING)


class Inspection(NamedTuple):
    """One row. `error`: connections will fail, the socket must not start. `warning`: it works, but not as it should.

    `note`: what an administrator may want to know; there is nothing to mend.
    """

    level: str
    find: Callable[[GatedService, Host], Iterator[Fault]]


INSPECTIONS = (
    Inspection(ERROR, command.gate_missing),
    Inspection(ERROR, variables.environment_broken),
    Inspection(ERROR, variables.variables_misspelt),
    Inspection(ERROR, variables.variables_unset),
    Inspection(ERROR, command.options_wrong),
    Inspection(ERROR, command.server_unusable),
    Inspection(ERROR, access.client_speaks_first),
    Inspection(ERROR, command.files_unreadable),
    Inspection(ERROR, command.files_hidden),
    Inspection(ERROR, service.account_missing),
    Inspection(ERROR, sandbox.setuid_blocked),
    Inspection(ERROR, sandbox.courier_shut_in),
    Inspection(ERROR, sandbox.look_ups_shut_in),
    Inspection(ERROR, unit_files.prefix_refused),
    Inspection(ERROR, unit_files.started_twice),
    Inspection(ERROR, limits.memory_short),
    Inspection(ERROR, limits.groups_withheld),
    Inspection(ERROR, state.socket_failed),
    Inspection(ERROR, state.service_not_loaded),
    Inspection(ERROR, socket.address_ignored),
    Inspection(ERROR, socket.not_served),
    Inspection(ERROR, socket.accept_mismatch),
    Inspection(ERROR, socket.several_sockets),
    Inspection(ERROR, socket.port_taken),
    Inspection(WARNING, socket.port_shared),
    Inspection(WARNING, rivals.rival_enabled),
    Inspection(WARNING, rivals.super_server_enabled),
    Inspection(WARNING, socket.trigger_limit),
    Inspection(WARNING, socket.poll_limit),
    Inspection(WARNING, socket.max_connections),
    Inspection(WARNING, socket.free_bind),
    Inspection(WARNING, socket.no_socket),
    Inspection(WARNING, service.account_shared),
    Inspection(WARNING, service.stderr_to_client),
    Inspection(WARNING, service.level_prefix),
    Inspection(WARNING, service.failed_units_stay),
    Inspection(WARNING, service.endings_hidden),
    Inspection(WARNING, service.restarted),
    Inspection(WARNING, service.sessions_killed),
    Inspection(WARNING, service.sessions_forgotten),
    Inspection(WARNING, service.servers_first),
    Inspection(WARNING, service.start_limit),
    Inspection(WARNING, unit_files.newer_drop_in),
    Inspection(WARNING, unit_files.drop_in_unseen),
    Inspection(WARNING, unit_files.ignored_lines),
    Inspection(WARNING, names.names_unknown),
    Inspection(WARNING, names.names_gone),
    Inspection(NOTE, names.names_newer),
    Inspection(NOTE, socket.engine_waits),
    Inspection(WARNING, limits.processes_short),
    Inspection(WARNING, limits.drain_cut_off),
    Inspection(WARNING, limits.signals_forbidden),
    Inspection(WARNING, limits.descriptors_short),
    Inspection(WARNING, limits.records_dropped),
    Inspection(WARNING, limits.queue_short),
    Inspection(WARNING, variables.environment_ignored),
    Inspection(WARNING, variables.environment_unread),
    Inspection(WARNING, variables.environment_expands),
    Inspection(WARNING, variables.environment_swallowed),
    Inspection(WARNING, access.entries_misleading),
    Inspection(WARNING, access.open_relay),
    Inspection(WARNING, access.any_proxy_trusted),
    Inspection(WARNING, access.one_source),
    Inspection(WARNING, access.filter_alone),
    Inspection(WARNING, rules.rules_in_vain),
    Inspection(WARNING, access.rules_not_as_meant),
    Inspection(WARNING, rules.rules_not_asked_for),
    Inspection(WARNING, rules.rules_trust_the_client),
    Inspection(WARNING, rules.rules_stale),
    Inspection(WARNING, cost.rules_costly),
    Inspection(WARNING, dns_lists.list_dead),
    Inspection(WARNING, load.outgrown),
    Inspection(WARNING, state.not_listening),
    Inspection(WARNING, state.not_reloaded),
    Inspection(WARNING, state.failures_left),
    Inspection(WARNING, state.sessions_left),
)
