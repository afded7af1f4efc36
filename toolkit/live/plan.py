"""What `dbtool plan` reports: the effects of pending scripts, and what they would block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from toolkit.connection import connect
from toolkit.history import migrations
from toolkit.history.pooler import refuse_transaction_pooling
from toolkit.history.run import Connect
from toolkit.live.clone import clone_schema
from toolkit.live.effects import Effect, Forecast, forecast
from toolkit.project.layout import Project
from toolkit.servers.throwaway import ThrowawayServer
from toolkit.sql.execute import Connection

_SIZES = """
select format('%I.%I', n.nspname, c.relname), c.reltuples::bigint,
       pg_size_pretty(c.relpages * current_setting('block_size')::bigint)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm')
"""
_ADVICE = {
    "index_stmt": "create index concurrently, in a file with '-- transactional: false', blocks nobody",
    "alter_table_stmt": "a constraint may be added NOT VALID, and validated by a later migration",
}

Sizes = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class Plan:
    """The pending scripts with what they do, in the order in which they would run."""

    forecasts: tuple[Forecast, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    """What to know of how it was measured."""


def plan(
    connect_to: Connect,
    url: str,
    project: Project,
    server: ThrowawayServer,
    *,
    to: int | str | None = None,
    allow_late: bool = False,
    trust_target: bool = False,
) -> Plan:
    """Measures the pending scripts on a clone of the target's schema; the target itself is only read.

    `url` is the target's, for pg_dump. Functions and triggers of the target run in the clone, so nothing
    there has a superuser's rights unless `trust_target`. A script that fails on the clone ends the plan.
    Raises HistoryProblem like `migrate`, and DbtoolError when no clone can be made.
    """

    def reading() -> Connection:
        connection = connect_to()
        connection.autocommit = True
        refuse_transaction_pooling(connect_to, connection)
        connection.execute("set default_transaction_read_only = on")
        return connection

    scripts = migrations.migrate(reading, project, to=to, allow_late=allow_late, dry_run=True)
    if not scripts:
        return Plan((), (), ())
    files = [(each.id, migrations.sql_file(project, each.path, each.text)) for each in scripts]
    try:
        with closing(reading()) as target:
            sizes = {name: (rows, size) for name, rows, size in target.execute(_SIZES).fetchall()}
            clone_url, notes = clone_schema(target, url, server, "plan", project, is_trusted=trust_target)
        with closing(connect(clone_url, autocommit=True)) as clone:
            forecasts = forecast(clone, files)
    finally:
        server.drop_database("plan")
    if not trust_target and any(each.error for each in forecasts):
        notes.append("nothing on the clone had a superuser's rights; --trust-target gives them")
    warnings = [warning for each in forecasts for warning in find_warnings(each, sizes)]
    return Plan(
        tuple(forecasts), tuple(warnings), (f"measured on an empty clone: {server.description}", *notes)
    )


def find_warnings(script: Forecast, sizes: Sizes) -> Iterator[str]:
    """What a script would block for readers or writers of the target, statement by statement.

    `sizes` is rows (-1: not known) and a size for people, by table of the target.
    """
    held: dict[str, str] = {}
    for effect in script.effects:
        if not script.transactional:
            held = {}
        taken = {lock.relation: lock.blocks for lock in effect.locks if lock.blocks}
        held.update({name: max(held.get(name, ""), blocks, key=len) for name, blocks in taken.items()})
        busy = _work(effect, sizes)
        where = f"{script.source}:{effect.line}"
        if busy and held:
            advice = _ADVICE.get(effect.kind) if effect.scans else None
            yield f"{where}: {_who(held)} wait while it {busy}" + (f"; {advice}" if advice else "")
        elif taken:
            end = "the file ends" if script.transactional else "the statement ends"
            yield f"{where}: {_who(taken)} wait until {end}"


def _who(blocked: Mapping[str, str]) -> str:
    """Such as `readers and writers of shop.items, writers of shop.orders`."""
    groups: dict[str, list[str]] = {}
    for relation, blocks in blocked.items():
        groups.setdefault(blocks, []).append(relation)
    return " and ".join(f"{blocks} of {_listed(relations)}" for blocks, relations in groups.items())


def _work(effect: Effect, sizes: Sizes) -> str:
    """What takes the longer the more rows there are; empty when nothing does."""
    parts = []
    for verb, relations in (("rewrites", effect.rewrites), ("reads", effect.scans)):
        if relations:
            parts.append(f"{verb} all of {_listed([_sized(relation, sizes) for relation in relations])}")
    return " and ".join(parts)


def _sized(relation: str, sizes: Sizes) -> str:
    rows, size = sizes.get(relation, (-1, ""))
    return f"{relation} (about {rows:,} rows, {size})" if rows >= 0 else f"{relation} (never analyzed)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
