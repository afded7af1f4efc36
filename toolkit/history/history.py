"""What was applied: yoyo's own tables plus dbtool's, all in the schema `dbtool` of the target.

yoyo-migrations keeps the list of what was applied, so that plain yoyo reads it (`?schema=dbtool` in its URL);
dbtool.applied_script keeps the text, so that an edited file can be recognised and shown. For the other two
tables see toolkit.history.events and toolkit.history.journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg

from toolkit import __version__
from toolkit.history import events, journal
from toolkit.project.layout import SCHEMA_ID, Script
from toolkit.sql.execute import Connection

if TYPE_CHECKING:
    from toolkit.history.yoyo_backend import Backend

SCHEMA = "dbtool"
_NAME = re.compile(r"migration([0-9]+)")
_EXISTS = """
select to_regclass('dbtool._yoyo_migration') is not null, to_regclass('dbtool.applied_script') is not null,
       to_regclass('dbtool.event') is not null and to_regclass('dbtool.unfinished_script') is not null
"""
_READ = """
select y.migration_id, coalesce(a.applied_at, y.applied_at_utc at time zone 'UTC'), a.checksum,
       case when y.migration_id || ' ' || a.checksum <> all(%s) then a.text end
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
  applied_by     text not null default session_user,
  seconds        double precision not null,
  dbtool_version text not null
);
comment on table dbtool.applied_script is 'The text of every applied script as it was applied.';
alter table dbtool.applied_script alter column text set storage external;  -- compressing it costs a run 5 %
"""
_TABLES = (
    "event",
    "unfinished_script",
    "applied_script",
    "_yoyo_migration",
    "_yoyo_log",
    "_yoyo_version",
    "yoyo_lock",
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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_complete = False

    def read(self, unless: Iterable[Script] = ()) -> list[Applied]:
        """Everything that was applied, in numeric order; without the texts that these scripts still have."""
        has_yoyo, has_own = self.look()
        if not has_yoyo:
            return []
        if has_own:
            known = [f"{script.stem} {script.checksum}" for script in unless]
            rows = self._connection.execute(_READ, [known]).fetchall()
        else:
            rows = self._connection.execute(_READ_YOYO_ONLY).fetchall()
        numbered = ((script_number(row[0]), row) for row in rows)
        return sorted(
            (Applied(number, *row) for number, row in numbered if number is not None),
            key=lambda applied: applied.number,
        )

    def look(self) -> tuple[bool, bool]:
        """Whether there are yoyo's tables and dbtool.applied_script; `ensure` goes by what is there now."""
        row = self._connection.execute(_EXISTS).fetchone()
        assert row is not None
        self._is_complete = all(row)
        return row[0], row[1]

    def ensure(self) -> None:
        """Makes the schema and its tables where they are missing; part of the transaction that is open."""
        if self._is_complete:
            return
        if self._connection.execute("select to_regnamespace('dbtool') is null").fetchone() == (True,):
            self._connection.execute("create schema dbtool")
        self._backend().upgrade()
        for create in (_CREATE, events.CREATE, journal.CREATE):
            self._connection.execute(create.encode())
        self._is_complete = True

    def mark(self, script: Script, seconds: float, operation: str = events.APPLIED) -> None:
        """Records a script as applied; part of the transaction that is open."""
        with self._connection.pipeline():
            log_id = self._backend().mark(script.stem)
            self._connection.execute(
                "insert into dbtool.applied_script (migration_hash, checksum, text, seconds, dbtool_version)"
                " select migration_hash, %s, %s, %s, %s from dbtool._yoyo_migration where migration_id = %s",
                (script.checksum, script.text, seconds, __version__, script.stem),
            )
            events.record(self._connection, operation, script.stem, seconds=seconds, yoyo_log_id=log_id)

    def unmark(self, stem: str, seconds: float | None = None, operation: str = events.UNDONE) -> None:
        """Forgets an applied script, by the name under which yoyo knows it; part of the open transaction."""
        log_id = self._backend().unmark(stem)
        events.record(self._connection, operation, stem, seconds=seconds, yoyo_log_id=log_id)

    def accept(self, script: Script) -> None:
        """Takes the file of an applied script for what was applied; part of the open transaction."""
        self._connection.execute(
            "update dbtool.applied_script a set checksum = %s, text = %s from dbtool._yoyo_migration y"
            " where y.migration_hash = a.migration_hash and y.migration_id = %s",
            (script.checksum, script.text, script.stem),
        )
        events.record(self._connection, events.ACCEPTED, script.stem)

    def drop(self) -> None:
        """Removes the tables, and the schema unless someone keeps other things in it."""
        for table in _TABLES:
            self._connection.execute(f"drop table if exists dbtool.{table}")
        try:
            with self._connection.transaction():
                self._connection.execute("drop schema if exists dbtool")
        except psycopg.errors.DependentObjectsStillExist:
            pass
        self._is_complete = False

    def _backend(self) -> Backend:
        # Imported where something is written: a run with nothing to do needs no yoyo.
        from toolkit.history.yoyo_backend import Backend

        return Backend(self._connection)


def script_number(migration_id: str) -> int | None:
    """The number in a recorded name; None for a name that no script of dbtool can have."""
    if migration_id == SCHEMA_ID:
        return 0
    match = _NAME.fullmatch(migration_id)
    return int(match[1]) if match else None
