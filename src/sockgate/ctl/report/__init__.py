"""Sum up connections: over time, refused by rule and by network, sessions by duration, busiest sources.

As text, or with --output as one HTML page that can be mailed and printed. Without --since, the last 24 hours.
"""

import argparse
import time
from dataclasses import replace

from ...atomic_write import write_atomically
from ...core import UsageError
from ...journal.connection import MICROSECONDS
from ...journal.dropped import dropped
from ...journal.history import Endings, Query, current_boot, history
from ...journal.senders import prefix_of
from ..console import ProgressBar
from ..log import IgnoredFailures, add_query_options, make_query, tell_of_unknown
from .page import as_page
from .summary import Summary
from .text import as_text

DAY = 86400 * MICROSECONDS


def configure(parser: argparse.ArgumentParser) -> None:
    add_query_options(parser)
    parser.add_argument("--output", metavar="FILE", help="write an HTML page")


def run(arguments: argparse.Namespace) -> int:
    query = make_query(arguments)
    summary = summarize(query)
    code = tell_of_unknown(query, summary.services)
    if arguments.output:
        write_atomically(arguments.output, as_page(summary))
    else:
        print(as_text(summary))
    return code


def summarize(query: Query) -> Summary:
    """Raises UsageError for a period that ends before it begins."""
    until = query.until if query.until is not None else round(time.time() * MICROSECONDS)
    since = query.since if query.since is not None else until - DAY
    if since >= until:
        raise UsageError("--since is not before --until")
    summary = Summary(since, until)
    names = {gate.prefix: gate.name for gate in query.services or query.senders.gates.values()}
    endings = Endings(query.directory, "" if query.directory else current_boot())
    failures = IgnoredFailures()
    with ProgressBar("reading the journal") as show:
        for connection, ending in history(replace(query, since=since, until=until), endings):
            show(connection.start - since, until - since)
            open_, vague = endings.is_open(connection), failures.ignored(connection)
            summary.add(connection, ending, open_=open_, vague=vague)
            names[prefix_of(connection.unit)] = connection.service
    for client in dropped(names, query.directory, since, until):
        summary.add_dropped(names[client.prefix] or client.prefix, client)
    return summary
