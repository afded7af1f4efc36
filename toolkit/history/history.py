"""What was applied: yoyo's own tables plus dbtool's, all in the schema `dbtool` of the target.

yoyo-migrations keeps the list of what was applied, so that plain yoyo reads it (`?schema=dbtool` in its URL);
dbtool.applied_script keeps the text, so that an edited file can be recognised and shown. For the table of
scripts that stopped on their way see toolkit.history.stepwise.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg

from .. import __version__
from ..errors import HistoryProblem
from ..project.layout import SCHEMA_ID, Script, digest, squashed_through, squashes
from ..servers.account import user_name
from ..sql.execute import Connection, value
from . import stepwise
from .lock import SCHEMA, create_schema, hold_in_transaction, of

if TYPE_CHECKING:
    from .yoyo_backend import Backend

APPLIED, UNDONE, STOPPED = "applied", "undone", "stopped"
ACCEPTED, FORGOTTEN = "accepted", "forgotten"
ADOPTED, SQUASHED = "adopted", "squashed"

CREATE = """
create table if not exists dbtool.event (
  id             bigint generated always as identity primary key,
  happened_at    timestamptz not null default clock_timestamp(),
  operation      text not null,
  script         text not null,
  by_role        text not null default session_user,
  by_user        text not null,
  seconds        double precision,
  detail         text,
  dbtool_version text not null,
  yoyo_log_id    text
);
comment on table dbtool.event is 'What dbtool did here. yoyo_log_id: the same in the log of yoyo.';
"""
_RECORD = """
insert into dbtool.event (operation, script, seconds, detail, by_user, dbtool_version, yoyo_log_id)
values (%s, %s, %s, %s, %s, %s, %s)
"""
_READ_OWN = """
select happened_at, operation, script, by_role, by_user, seconds, dbtool_version, detail from dbtool.event
"""
# The text of a script, and with it who applied it, goes when it is undone.
_READ_YOYO = """
select l.created_at_utc at time zone 'UTC', case l.operation when 'rollback' then 'undone' else 'applied' end,
       l.migration_id, a.applied_by, concat_ws('@', l.username, l.hostname), a.seconds, a.dbtool_version, null
  from dbtool._yoyo_log l
  left join {applied_script} a on a.migration_hash = l.migration_hash
   and l.id = (select n.id from dbtool._yoyo_log n
                where n.migration_hash = l.migration_hash and n.operation <> 'rollback'
                order by n.created_at_utc desc limit 1)
"""
_NO_TEXTS = """
(select null::text migration_hash, null::text applied_by, null::float seconds, null::text dbtool_version)
"""
_TABLES = """
select to_regclass('dbtool._yoyo_log') is not null, to_regclass('dbtool.applied_script') is not null,
       to_regclass('dbtool.event') is not null
"""


@dataclass(frozen=True)
class Event:
    """One thing that was done."""

    happened_at: datetime
    operation: str
    """applied; undone; stopped: a script without transaction did not end; accepted: an edit of its comments;
    forgotten: its row, since the file is gone."""
    script: str
    by_role: str | None
    """The role that connected to the database."""
    by_user: str
    """The user of the system who ran dbtool, as user@host."""
    seconds: float | None
    dbtool_version: str | None
    """None for what plain yoyo did, and for what was undone before dbtool had this log."""
    detail: str | None


def read_events(connection: Connection, schema: str = SCHEMA) -> list[Event]:
    """Everything that was done, oldest first. Writes nothing."""
    ((has_log, has_texts, has_events),) = connection.execute(of(schema, _TABLES)).fetchall()
    parts = []
    if has_events:
        parts.append(_READ_OWN)
    if has_log:
        parts.append(_READ_YOYO.format(applied_script="dbtool.applied_script" if has_texts else _NO_TEXTS))
        if has_events:
            parts[-1] += " where not exists (select from dbtool.event e where e.yoyo_log_id = l.id)"
    if not parts:
        return []
    rows = connection.execute(of(schema, " union all ".join(parts)) + b" order by 1").fetchall()
    return [Event(*values) for values in rows]


_NAME = re.compile(r"migration([0-9]+)(?:[_-].*)?")
_EXISTS = """
select to_regclass('dbtool._yoyo_migration') is not null, to_regclass('dbtool.applied_script') is not null,
       to_regclass('dbtool.event') is not null and to_regclass('dbtool.unfinished_script') is not null
"""
_READ = """
select y.migration_id, coalesce(a.applied_at, y.applied_at_utc at time zone 'UTC'), a.checksum,
       case when y.migration_id || ' ' || a.checksum <> all(string_to_array(%s, e'\n')) then a.text end
  from dbtool._yoyo_migration y
  left join dbtool.applied_script a using (migration_hash)
"""
_READ_YOYO_ONLY = (
    "select migration_id, applied_at_utc at time zone 'UTC', null, null from dbtool._yoyo_migration"
)
_CREATE = """
create table if not exists dbtool.applied_script (
  migration_hash varchar(64) primary key references dbtool._yoyo_migration on delete cascade,
  checksum       text not null,
  text           text not null,
  applied_at     timestamptz not null default clock_timestamp(),
  applied_by     text not null default current_user,
  seconds        double precision not null,
  dbtool_version text not null
);
comment on table dbtool.applied_script is 'The text of every applied script as it was applied.';
alter table dbtool.applied_script alter column text set storage external;  -- compressing it costs a run 5 %
"""
_KEEP_TEXT = """
insert into dbtool.applied_script (migration_hash, checksum, text, seconds, dbtool_version)
select migration_hash, %s, %s, %s, %s from dbtool._yoyo_migration where migration_id = %s
"""
# By itself: where somebody has set session_replication_role, nothing cascades.
_FORGET_TEXT = """
delete from dbtool.applied_script a using dbtool._yoyo_migration y
 where y.migration_hash = a.migration_hash and y.migration_id = %s
"""
_REPLACE_TEXT = """
update dbtool.applied_script a set checksum = %s, text = %s
  from dbtool._yoyo_migration y where y.migration_hash = a.migration_hash and y.migration_id = %s
"""
_HISTORY_TABLES = (
    *("run_lock", "event", "unfinished_script", "applied_script"),
    *("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock"),
)


@dataclass(frozen=True)
class Applied:
    """One script that was applied. Text and checksum are None when plain yoyo marked it."""

    number: int
    stem: str
    """The name under which yoyo knows it: the file's name without `.sql`."""
    applied_at: datetime
    checksum: str | None
    text: str | None
    """None as well when the history was read by one who has it."""

    @property
    def id(self) -> str:
        return f"migration{self.number}" if self.number else SCHEMA_ID


class History:
    """The history tables of one database. Reading writes nothing, not even when they are not there."""

    def __init__(self, connection: Connection, schema: str = SCHEMA) -> None:
        self._connection = connection
        self.schema = schema
        self._is_complete = False

    def read(self, unless: Iterable[Script] = ()) -> list[Applied]:
        """Everything that was applied, in numeric order; without the texts that these scripts still have."""
        has_yoyo, has_own = self.look()
        if not has_yoyo:
            return []
        if has_own:
            known = "\n".join(f"{script.stem} {script.checksum}" for script in unless)  # not one by one
            rows = self._connection.execute(of(self.schema, _READ), [known]).fetchall()
        else:
            rows = self._connection.execute(of(self.schema, _READ_YOYO_ONLY)).fetchall()
        numbered = ((script_number(row[0]), row) for row in rows)
        return sorted(
            (Applied(number, *row) for number, row in numbered if number is not None),
            key=lambda applied: applied.number,
        )

    def look(self) -> tuple[bool, bool]:
        """Whether there are yoyo's tables and dbtool.applied_script; `ensure` goes by what is there now."""
        (found,) = self._connection.execute(of(self.schema, _EXISTS)).fetchall()
        self._is_complete = all(found)
        return found[0], found[1]

    def ensure(self) -> None:
        """Makes the schema and its tables where they are missing; part of the transaction that is open."""
        if self._is_complete:
            return
        if value(self._connection, "select to_regnamespace(%s)", [self.schema]) is None:
            create_schema(self._connection, self.schema)
        self._backend().upgrade()
        for create in (_CREATE, CREATE, stepwise.CREATE):
            self._connection.execute(of(self.schema, create))
        self._is_complete = True

    def mark(self, script: Script, seconds: float, operation: str = APPLIED) -> None:
        """Records a script as applied; part of the transaction that is open."""
        with self._connection.pipeline():
            log_id = self._backend().mark(script.stem)
            values = (script.checksum, script.text, seconds, __version__, script.stem)
            self._connection.execute(of(self.schema, _KEEP_TEXT), values)
            self.record(operation, script.stem, seconds, yoyo_log_id=log_id)

    def unmark(self, stem: str, seconds: float | None = None, operation: str = UNDONE) -> None:
        """Forgets an applied script, by the name under which yoyo knows it; part of the open transaction."""
        self._connection.execute(of(self.schema, _FORGET_TEXT), [stem])
        log_id = self._backend().unmark(stem)
        self.record(operation, stem, seconds, yoyo_log_id=log_id)

    def accept(self, script: Script) -> None:
        """Takes the file of an applied script for what was applied; part of the open transaction."""
        values = (script.checksum, script.text, script.stem)
        self._connection.execute(of(self.schema, _REPLACE_TEXT), values)
        self.record(ACCEPTED, script.stem)

    def record(
        self,
        operation: str,
        script: str,
        seconds: float | None = None,
        *,
        detail: str | None = None,
        yoyo_log_id: str | None = None,
    ) -> None:
        """Notes what was done to a script; part of the transaction that is open."""
        by_user = f"{user_name()}@{socket.gethostname()}"
        values = (operation, script, seconds, detail, by_user, __version__, yoyo_log_id)
        self._connection.execute(of(self.schema, _RECORD), values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction in which the lock is held and the tables are there."""
        with self._connection.transaction():
            hold_in_transaction(self._connection, self.schema)
            self.ensure()
            yield

    def drop(self) -> None:
        """Removes the tables, and the schema unless someone keeps other things in it."""
        for table in _HISTORY_TABLES:
            self._connection.execute(of(self.schema, f"drop table if exists dbtool.{table}"))
        try:
            with self._connection.transaction():
                self._connection.execute(f"drop schema if exists {self.schema}".encode())
        except psycopg.errors.DependentObjectsStillExist:
            pass
        self._is_complete = False

    def _backend(self) -> Backend:
        # Imported where something is written: a run with nothing to do needs no yoyo.
        from .yoyo_backend import Backend

        return Backend(self._connection, self.schema)


def script_number(migration_id: str) -> int | None:
    """The number in a recorded name; None for a name that no script of dbtool can have."""
    if migration_id == SCHEMA_ID:
        return 0
    match = _NAME.fullmatch(migration_id)
    return int(match[1]) if match else None


def fold(records: Sequence[Applied], schema: Script) -> list[Applied]:
    """The history as the project has it now: what was squashed into schema.sql counts as the schema.

    Raises HistoryProblem for a database that has some of it, or something else.
    """
    known = squashes(schema)
    newest = squashed_through(schema)
    inside = [each for each in records if each.number <= newest]
    if not known or not inside or inside[0].checksum == schema.checksum:
        return list(records)
    checksums = [(each.number, each.checksum) for each in inside if each.checksum is not None]
    last = inside[-1]
    by_yoyo = len(checksums) < len(inside) and last.number == known[0].through
    if by_yoyo or digest(checksums) in {each.digest for each in known}:
        as_schema = replace(last, number=0, stem=schema.stem, checksum=schema.checksum, text=schema.text)
        return [as_schema, *(each for each in records if each not in inside)]
    through = f"migration{known[0].through}"
    if last.number < known[0].through:
        raise HistoryProblem(
            f"the database is at {last.id}, but schema.sql holds everything through {through}",
            hint=f"Bring it to {through} with the project as it was before `dbtool squash` (git has it):"
            f" `dbtool migrate --to {known[0].through}`. Then it goes on with this one.",
        )
    raise HistoryProblem(
        f"the database has other texts up to {through} than those that were squashed into schema.sql",
        hint="Look at `dbtool status` with the project as it was before `dbtool squash` (git has it).",
    )


def remap(history: History, schema: Script) -> None:
    """Writes the history of a database as `fold` reads it. The lock of the database must be held."""
    if not squashes(schema):
        return
    records = history.read()
    if fold(records, schema) == records:
        return
    with history.transaction():
        for record in records:
            if record.number <= squashed_through(schema):
                history.unmark(record.stem, operation=SQUASHED)
        history.mark(schema, 0, SQUASHED)
