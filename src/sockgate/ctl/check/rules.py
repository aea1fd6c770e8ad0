"""The table of rules. A new one is a function in one of the modules beside this, and a row here."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..gated import GatedService
from . import (
    about_access,
    about_command,
    about_files,
    about_limits,
    about_lists,
    about_rivals,
    about_rules,
    about_sandbox,
    about_service,
    about_socket,
    about_state,
)
from .machine import Machine
from .problem import Problem

ERROR, WARNING = "error", "warning"
LEVELS = (ERROR, WARNING)


class Rule(NamedTuple):
    """`error`: connections will fail, the socket must not start. `warning`: it works, but not as it should."""

    level: str
    find: Callable[[GatedService, Machine], Iterator[Problem]]


RULES = (
    Rule(ERROR, about_command.gate_missing),
    Rule(ERROR, about_command.environment_broken),
    Rule(ERROR, about_command.variables_misspelt),
    Rule(ERROR, about_command.options_wrong),
    Rule(ERROR, about_command.server_unusable),
    Rule(ERROR, about_access.nobody_is_patient),
    Rule(ERROR, about_command.files_unreadable),
    Rule(ERROR, about_command.files_hidden),
    Rule(ERROR, about_service.account_missing),
    Rule(ERROR, about_sandbox.setuid_blocked),
    Rule(ERROR, about_sandbox.courier_shut_in),
    Rule(ERROR, about_sandbox.look_ups_shut_in),
    Rule(ERROR, about_files.started_twice),
    Rule(ERROR, about_limits.memory_short),
    Rule(ERROR, about_state.socket_failed),
    Rule(ERROR, about_socket.accept_mismatch),
    Rule(ERROR, about_socket.port_taken),
    Rule(WARNING, about_socket.port_shared),
    Rule(WARNING, about_rivals.rival_enabled),
    Rule(WARNING, about_rivals.super_server_enabled),
    Rule(WARNING, about_socket.trigger_limit),
    Rule(WARNING, about_socket.poll_limit),
    Rule(WARNING, about_socket.max_connections),
    Rule(WARNING, about_socket.free_bind),
    Rule(WARNING, about_socket.no_socket),
    Rule(WARNING, about_service.account_shared),
    Rule(WARNING, about_service.stderr_to_client),
    Rule(WARNING, about_service.level_prefix),
    Rule(WARNING, about_service.failed_units_stay),
    Rule(WARNING, about_service.endings_hidden),
    Rule(WARNING, about_service.restarted),
    Rule(WARNING, about_service.sessions_killed),
    Rule(WARNING, about_service.servers_first),
    Rule(WARNING, about_service.start_limit),
    Rule(WARNING, about_files.newer_drop_in),
    Rule(WARNING, about_files.drop_in_unseen),
    Rule(WARNING, about_files.ignored_lines),
    Rule(WARNING, about_limits.processes_short),
    Rule(WARNING, about_limits.drain_cut_off),
    Rule(WARNING, about_limits.records_dropped),
    Rule(WARNING, about_limits.queue_short),
    Rule(WARNING, about_command.environment_ignored),
    Rule(WARNING, about_command.environment_expands),
    Rule(WARNING, about_access.entries_misleading),
    Rule(WARNING, about_access.open_relay),
    Rule(WARNING, about_access.proxy_is_anybody),
    Rule(WARNING, about_access.one_source),
    Rule(WARNING, about_access.filter_alone),
    Rule(WARNING, about_rules.rules_in_vain),
    Rule(WARNING, about_access.rules_not_as_meant),
    Rule(WARNING, about_rules.rules_not_asked_for),
    Rule(WARNING, about_rules.rules_believe_anybody),
    Rule(WARNING, about_rules.rules_stale),
    Rule(WARNING, about_lists.list_dead),
    Rule(WARNING, about_state.not_listening),
    Rule(WARNING, about_state.not_reloaded),
    Rule(WARNING, about_state.failures_left),
    Rule(WARNING, about_state.sessions_left),
)
