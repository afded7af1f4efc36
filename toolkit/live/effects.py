"""What each statement of a script does to tables that are there: measured, by running it on a clone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.pq import TransactionStatus

from ..errors import ScriptFailed
from ..history.run import File
from ..history.stepwise import SETTING
from ..sql.execute import Connection, failure, forget_session, send, value
from ..sql.outside import kept_inside
from ..sql.script import TRANSACTION_CONTROL
from ..sql.statements import Statement, quote

if TYPE_CHECKING:
    import psycopg

_ROWS = "It fails on a clone without rows; what it needs may be data."
_CONCURRENT = "ShareUpdateExclusiveLock"
# The table itself, or the one of an index.
_TABLE = """
select coalesce(i.indrelid, c.oid)
  from pg_catalog.pg_class c left join pg_catalog.pg_index i on i.indexrelid = c.oid
 where c.oid = to_regclass(%s)
"""

Done = tuple[Mapping[str, str], set[str], set[str]]
"""The strongest lock per table, the tables that are rewritten, and those that are read as a whole."""
NOTHING: Done = ({}, set(), set())


def documented(clone: Connection, statement: Statement, known: Mapping[int, str]) -> Done:
    """What a statement does that cannot be measured, by PostgreSQL's manual.

    Of the tables in `known` (name by oid) alone. Ask before the statement runs: it may drop the index.
    """
    node = statement.node
    found = set()
    for name in _names(statement.kind, node):
        table = value(clone, _TABLE, [name])
        if table in known:
            found.add(known[table])
    if statement.kind == "vacuum_stmt":
        options = {option.def_elem.defname for option in node.options}
        if "full" in options:
            return dict.fromkeys(found, "AccessExclusiveLock"), found, set()
    scans = found if statement.kind in ("index_stmt", "reindex_stmt", "vacuum_stmt") else set()
    return dict.fromkeys(found, _CONCURRENT), set(), scans


def _names(kind: str, node: Any) -> list[str]:
    """The tables and indexes that the statement names, quoted as far as they were."""
    if kind == "drop_stmt":
        parts = [[item.string.sval for item in each.list.items] for each in node.objects]
    elif kind == "vacuum_stmt":
        parts = [
            [each.vacuum_relation.relation.schemaname, each.vacuum_relation.relation.relname]
            for each in node.rels
        ]
    elif kind in ("index_stmt", "reindex_stmt", "alter_table_stmt"):
        relation = node.relation
        parts = [[relation.schemaname, relation.relname]]
    else:
        parts = []
    return [".".join(quote(part) for part in each if part) for each in parts if any(each)]


# Lock modes that others notice, weakest first, and whom they block.
BLOCKING = {
    "ShareLock": "writers",
    "ShareRowExclusiveLock": "writers",
    "ExclusiveLock": "writers",
    "AccessExclusiveLock": "readers and writers",
}
_MODES = ("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", *BLOCKING)
_MAY_COMMIT = ("do_stmt", "call_stmt")
_KNOWN = """
select c.oid, format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p', 'm', 'v', 'f', 'S')
   and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
# Counts of scans of the transaction that is open; a rewrite gives a table another file.
_STATE = """
select c.oid, c.relfilenode, pg_catalog.pg_stat_get_xact_numscans(c.oid)
  from pg_catalog.pg_class c where c.oid = any(%s) and c.relkind in ('r', 'm')
"""
_LOCKS = """
select relation, mode from pg_catalog.pg_locks
 where pid = pg_backend_pid() and locktype = 'relation' and granted and relation = any(%s)
"""

State = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Lock:
    """The strongest lock that a statement takes on one table, view or sequence."""

    relation: str
    mode: str

    @property
    def blocks(self) -> str | None:
        """Whom it has wait: writers, readers and writers, or nobody (None)."""
        return BLOCKING.get(self.mode)


@dataclass(frozen=True)
class Effect:
    """What one statement does to what was there before the first of the scripts."""

    line: int
    kind: str
    text: str
    milliseconds: float
    """On the clone, whose tables are empty."""
    locks: tuple[Lock, ...]
    rewrites: tuple[str, ...]
    scans: tuple[str, ...]
    """Tables that are read as a whole and not rewritten."""
    is_measured: bool
    """False for what works concurrently, in transactions of its own: then it is what PostgreSQL documents."""

    @property
    def touches(self) -> bool:
        """Whether somebody may notice it: it blocks, rewrites, or reads a table as a whole."""
        return bool(self.rewrites or self.scans or any(lock.blocks for lock in self.locks))


@dataclass(frozen=True)
class Forecast:
    """What one script does."""

    id: str
    source: str
    transactional: bool
    effects: tuple[Effect, ...]
    error: str | None
    """Why it could not be run to its end on the clone."""
    detail: str | None = None
    hint: str | None = None


def forecast(clone: Connection, scripts: Sequence[tuple[str, File]]) -> list[Forecast]:
    """Runs the scripts on a clone, an autocommit connection to it, up to the first that fails."""
    known: dict[int, str] = dict(clone.execute(_KNOWN).fetchall())
    found = []
    for id, file in scripts:
        effects, failed = _run(clone, file, known)
        reason = (failed.message, failed.detail, failed.hint) if failed else (None, None, None)
        found.append(Forecast(id, file.source, file.transactional, tuple(effects), *reason))
        if failed:
            break
    return found


def _failed(error: psycopg.Error, file: File, line: int | None) -> ScriptFailed:
    """The error of a clone, which is not taken for one of the target's."""
    failed = failure(error, file.source, file.text, line, kept=None if file.transactional else ())
    details = (failed.detail or "").split("\n")
    failed.detail = "\n".join(details[:-1]) or None  # what is kept is no matter here
    state = failed.sqlstate or ""
    if state == "42501":
        failed.hint = "Nothing has a superuser's rights on the clone; --trust-target gives them."
    elif state == "0A000" and "extension" in failed.message:
        failed.hint = "The clone's server lacks it; --server takes one that has what the target has."
    elif state[:2] not in ("0A", "25", "42"):
        failed.hint = "\n".join(filter(None, [failed.hint, _ROWS]))
    return failed


def _run(clone: Connection, file: File, known: Mapping[int, str]) -> tuple[list[Effect], ScriptFailed | None]:
    effects: list[Effect] = []
    try:
        kept_inside(clone, file.text, file.source)
    except ScriptFailed as refused:
        return effects, refused
    if file.transactional:
        clone.execute("begin")
        clone.execute("select")  # as dbtool does on the target, so that SET TRANSACTION fails here, too
    for statement in file.statements:
        effect, error = _measure(clone, statement, known)
        if error:
            clone.rollback()
            return effects, _failed(error, file, statement.line)
        if effect is not None:
            effects.append(effect)
    error = send(clone, "commit").error if _is_open(clone) else None
    forget_session(clone)
    return effects, _failed(error, file, None) if error else None


def _measure(
    clone: Connection, statement: Statement, known: Mapping[int, str]
) -> tuple[Effect | None, psycopg.Error | None]:
    """Runs one statement; its effect (None for BEGIN and the like), or why it failed."""
    if statement.kind in (TRANSACTION_CONTROL, SETTING):  # SET TRANSACTION stands no query before it
        return None, _timed(clone, statement)[1]
    done, is_measured = NOTHING, True
    if _is_open(clone):
        done, taken, error = _observed(clone, statement, known)
    elif statement.is_alone and statement.kind not in _MAY_COMMIT:
        done, is_measured = documented(clone, statement, known), False
        taken, error = _timed(clone, statement)
    else:
        clone.execute("begin")
        done, taken, error = _observed(clone, statement, known)
        if error is None:
            error = send(clone, "commit").error
        else:
            clone.rollback()
            if statement.kind in _MAY_COMMIT:  # it may have transactions of its own
                is_measured = False
                taken, error = _timed(clone, statement)
    locks, *relations = done
    found = tuple(Lock(relation, mode) for relation, mode in sorted(locks.items()))
    rewrites, scans = (tuple(sorted(names)) for names in relations)
    what = (statement.line, statement.kind, statement.text, taken)
    return Effect(*what, found, rewrites, scans, is_measured), error


def _observed(
    clone: Connection, statement: Statement, known: Mapping[int, str]
) -> tuple[Done, float, psycopg.Error | None]:
    """Runs a statement in the transaction that is open, and looks at what has changed."""
    oids = list(known)
    before, held = _state(clone, oids), _locks(clone, oids)
    taken, error = _timed(clone, statement)
    if error:
        return NOTHING, taken, error
    strongest: dict[str, str] = {}
    for oid, mode in _locks(clone, oids) - held:
        if _rank(mode) > _rank(strongest.get(known[oid], "")):
            strongest[known[oid]] = mode
    after = _state(clone, oids)
    rewrites = {known[oid] for oid, (file, _) in after.items() if file != before[oid][0]}
    scans = {known[oid] for oid, (_, count) in after.items() if count > before[oid][1]}
    return (strongest, rewrites, scans - rewrites), taken, None


def _timed(clone: Connection, statement: Statement) -> tuple[float, psycopg.Error | None]:
    """Runs a statement; how many milliseconds that took, and why it failed."""
    started = time.perf_counter()
    error = send(clone, statement.text, statement.rows).error
    return (time.perf_counter() - started) * 1000, error


def _state(clone: Connection, oids: list[int]) -> State:
    return {oid: (file, count) for oid, file, count in clone.execute(_STATE, [oids]).fetchall()}


def _locks(clone: Connection, oids: list[int]) -> set[tuple[int, str]]:
    return {(oid, mode) for oid, mode in clone.execute(_LOCKS, [oids]).fetchall()}


def _rank(mode: str) -> int:
    return _MODES.index(mode) if mode in _MODES else -1


def _is_open(clone: Connection) -> bool:
    return clone.info.transaction_status != TransactionStatus.IDLE
