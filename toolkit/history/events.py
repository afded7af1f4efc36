"""What was done to a database, by whom and with which dbtool: the log behind `dbtool history`.

yoyo's own log knows what plain yoyo, and dbtool before it had this log, applied and undid; dbtool.event adds
the rest.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.servers.account import user_name

if TYPE_CHECKING:
    from toolkit.sql.execute import Connection

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


def read_events(connection: Connection) -> list[Event]:
    """Everything that was done, oldest first. Writes nothing."""
    row = connection.execute(_TABLES).fetchone()
    assert row is not None
    has_log, has_texts, has_events = row
    parts = []
    if has_events:
        parts.append(_READ_OWN)
    if has_log:
        parts.append(_READ_YOYO.format(applied_script="dbtool.applied_script" if has_texts else _NO_TEXTS))
        if has_events:
            parts[-1] += " where not exists (select from dbtool.event e where e.yoyo_log_id = l.id)"
    if not parts:
        return []
    rows = connection.execute(" union all ".join(parts).encode() + b" order by 1").fetchall()
    return [Event(*values) for values in rows]


def record(
    connection: Connection,
    operation: str,
    script: str,
    *,
    seconds: float | None = None,
    detail: str | None = None,
    yoyo_log_id: str | None = None,
) -> None:
    """Notes what was done to a script; part of the transaction that is open."""
    by_user = f"{user_name()}@{socket.gethostname()}"
    connection.execute(_RECORD, (operation, script, seconds, detail, by_user, __version__, yoyo_log_id))
