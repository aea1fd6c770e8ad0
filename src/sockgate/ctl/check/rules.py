"""Inspections of the access rules of --rules: rules without effect, and rules that believe the client."""

import os
from collections.abc import Iterator
from itertools import islice

from ...access.tcprules_access import CompiledRules, RulesAccess, TextRules
from ...core import ALLOW, Cause
from ...host.host import Host
from ...rulefile.reader import dead_entries, read_rules
from ...units.reader import Place
from ..gated_service import GatedService
from .command import place_of
from .fault import MOST, Fault

RULES = Cause("--rules")


def rules_in_vain(gated: GatedService, host: Host) -> Iterator[Fault]:
    for path in rules_files(gated):
        shown = path.removeprefix(host.search.root)
        for entry in islice(dead_entries(path), MOST):
            message = f"{entry.text!r} has no effect: {entry.reason}"
            if entry.cause.line:
                place = Place(entry.cause.file.removeprefix(host.search.root), entry.cause.line)
                yield Fault(gated.service, place, message)
            else:
                yield Fault(gated.service, place_of(gated, RULES), f"{shown!r}: {message}")


def rules_not_asked_for(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Rules about a name or a user that the gate does not look up. They match no client, so a deny has no effect."""
    lookups = gated.gate.lookups if gated.gate else None
    asks_host = lookups is not None and lookups.hostname
    asks_user = lookups is not None and lookups.ident is not None
    for path in rules_files(gated):
        keys = [rule.key for rule in read_rules(path)]
        for option, asked, meant, found in (
            ("--hostname", asks_host, "host names", [key for key in keys if key.startswith("=") or "@=" in key]),
            ("--ident", asks_user, "the client's user", [key for key in keys if "@" in key]),
        ):
            if found and not asked:
                message = f"rules about {meant} match no client without {option}: {found[0]!r}"
                yield Fault(gated.service, place_of(gated, RULES), message, f"add {option}")


def rules_trust_the_client(gated: GatedService, host: Host) -> Iterator[Fault]:
    """Rules that let a client in because of what it says about itself."""
    lookups = gated.gate.lookups if gated.gate else None
    if lookups is None:
        return
    for path in rules_files(gated):
        allowing = [rule.key for rule in read_rules(path) if rule.action.outcome == ALLOW]
        named = [key for key in allowing if key.startswith("=") or "@=" in key]
        if named and lookups.hostname and not lookups.paranoid:
            message = f"{named[0]!r} lets in every client that gives its address this name"
            yield Fault(gated.service, place_of(gated, RULES), message, "add --paranoid")
        told = [key for key in allowing if "@" in key]
        if told and lookups.ident is not None:
            message = f"{told[0]!r} lets in every client that claims to be this user: the client's own machine is asked"
            yield Fault(gated.service, place_of(gated, RULES), message, "let no client in by that alone")


def rules_stale(gated: GatedService, host: Host) -> Iterator[Fault]:
    for store in stores(gated):
        if not isinstance(store, CompiledRules):
            continue
        compiled = store.name.removeprefix(host.search.root)
        # tcprules does not write down what it compiled. It is named by a custom: /etc/tcp.smtp for /etc/tcp.smtp.cdb.
        named = compiled.removesuffix(".cdb") if compiled.endswith(".cdb") else ""
        source = store.source or named
        text = host.search.host_path(source)
        if source and os.path.isfile(text) and os.stat(text).st_mtime_ns > os.stat(store.name).st_mtime_ns:
            message = f"{source!r} has changed since it was compiled to {compiled!r}"
            yield Fault(
                gated.service, place_of(gated, RULES), message, f"sockgatectl rules compile {source} {compiled}"
            )


def stores(gated: GatedService) -> Iterator[TextRules | CompiledRules]:
    for check in gated.gate.checks if gated.gate else ():
        if isinstance(check, RulesAccess):
            yield check.store


def rules_files(gated: GatedService) -> Iterator[str]:
    return (store.name for store in stores(gated))
