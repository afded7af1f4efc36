"""Moving learners from one shard to another by logical replication, while they learn.

Both shards note that they take part (`learn_shard.moves`), and rows of moving learners are guarded by
triggers: nothing writes them where they are not, jobs and stale proxies included. A run that ends anywhere is
gone on with by another one; until learners have arrived, it can be given up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from ..connection import connect
from ..errors import DbtoolError
from ..sql.execute import Connection
from . import copying
from .copying import again

PAUSE_SECONDS = 5.0
"""How long learners of the move may be kept waiting at a time: then they go on, and it is tried again."""
BATCH = 500
BEFORE = ("prepare", "copy", "cut over")
"""Steps before learners have left; the others are hand over, boards, clean up, totals, done."""
GIVING_UP = "give up"
_LAG_BYTES = 1_000_000
_PATIENCE = 60.0
_NAME = """
select format('laurel_move_%%s_%%s', %s::bigint, d.oid)
  from pg_database d where d.datname = current_database()
"""
_FAILURES = """
select (select coalesce(sum(f.apply_error_count), 0) from pg_stat_subscription_stats f where f.subid = s.oid)
  from pg_subscription s where s.subname = %s
"""
# Who writes for a learner of the move holds the first, in the guard; what is noted of them has none.
_HELD = "learn_shard.moves, learn.audit_log"
_ROWS = """
select t.relation::text, string_agg(quote_ident(a.attname), ', ' order by a.attnum),
       learn_shard.in_buckets(quote_ident(t.learner), m.buckets, m.of_buckets)
  from (select * from learn_shard.learner_tables() union all select 'learn.audit_log', 'about_user') t
 cross join learn_shard.moves m
  join pg_attribute a on a.attrelid = t.relation and a.attnum > 0 and not a.attisdropped
   and a.attgenerated = ''
 group by t.relation, t.learner, m.buckets, m.of_buckets
"""
_COLUMNS = """
select t.relation::text, a.attname, format_type(a.atttypid, a.atttypmod)
  from (select relation from learn_shard.learner_tables() union select 'learn.outbox'::regclass) t
  join pg_attribute a on a.attrelid = t.relation and a.attnum > 0 and not a.attisdropped order by 1, 2
"""
_MONTHS = """
select p.relname::text, to_date(right(c.relname, 7), 'YYYY_MM')
  from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
 where p.relnamespace = 'learn'::regnamespace and p.relkind = 'p' and c.relname ~ '_[0-9]{4}_[0-9]{2}$'
"""
_OPEN_MESSAGES = """
delete from learn.outbox o using learn_shard.moves m
 where o.completed_at is null and learn_shard.names_one_of(o.payload ->> 'user_id', m.buckets, m.of_buckets)
returning o.*
"""
_DONE_MESSAGES = """
select o.* from learn.outbox o cross join learn_shard.moves m
 where learn_shard.names_one_of(o.payload ->> 'user_id', m.buckets, m.of_buckets)
"""
# Tables with guards where there is no move, or without where there is one.
_UNLIKE = """
select t.relation::oid, t.learner from learn_shard.learner_tables() t
 where exists (select from pg_trigger g where g.tgrelid = t.relation and g.tgname = 'a_mover_is_held_back')
    <> exists (select from learn_shard.moves)
"""
_COME_BACK = "delete from learn_shard.gone g using learn_shard.moves m where g.bucket = any (m.buckets)"
_LEAVE = """
with left_ as (update learn_shard.moves set state = 'left' returning buckets, of_buckets)
insert into learn_shard.gone select unnest(l.buckets), l.of_buckets from left_ l on conflict do nothing
"""
_ARRIVE = """
with arrived as (update learn_shard.moves set state = 'arrived' where state = 'arriving' returning buckets)
delete from learn_shard.gone g using arrived a where g.bucket = any (a.buckets)
"""
_ANEW = "Run it again: it begins anew."
_TABLES = "select relation::oid, learner from learn_shard.learner_tables()"


@dataclass
class Move:
    """Buckets of learners on their way to another shard. `note` hears of each step before it begins."""

    number: int
    source_url: str
    target_url: str
    buckets: list[int]
    of: int
    hand_over: Callable[[], None]
    """Sends calls for these buckets to the target from now on; may be called again."""
    note: Callable[[str], None] = lambda _: None
    pause: float = field(default=0.0, init=False)
    """How long learners were kept waiting in the end, in seconds."""
    name: str = field(default="", init=False)
    """Of slot and subscription: the source's server may have slots of other clusters."""

    @contextmanager
    def _both(self) -> Iterator[tuple[Connection, Connection]]:
        with self._session() as source, self._session(self.target_url) as target:
            (self.name,) = source.execute(_NAME, (self.number,)).fetchone() or ("",)
            yield source, target

    @contextmanager
    def _session(self, url: str | None = None) -> Iterator[Connection]:
        with connect(url or self.source_url, application_name="dbtool move", autocommit=True) as connection:
            copying.prepare(connection)
            yield connection

    def run(self, step: str | None = None) -> None:
        """From wherever it stands to the end; `step` is what was noted last.

        Raises DbtoolError where it cannot go on; run again goes on.
        """
        with self._both() as (source, target):
            if step in (None, *BEFORE):
                self._prepare(source, target)
                if self._state(source) == "leaving":
                    self._copy(source, target)
                    self.note("cut over")
                    self._cut_over(source, target)
                self.note("hand over")
            if self._state(target) is not None:
                target.execute(_ARRIVE)
                if self._state(target) != "arrived" or step == GIVING_UP:
                    raise DbtoolError(f"move {self.number} is being given up", hint="Give --abort.")
                self.hand_over()
                self.note("boards")
                self._recount_boards(source, target)
                self.note("clean up")
                self._drop_replication(source, target)
                self._clean(source, target)
            self.note("totals")
            self._finish(source, target)
            self.note("done")

    def abort(self) -> None:
        """Back to where it was. Raises DbtoolError when learners write on the target already."""
        with self._both() as (source, target):
            if (
                self._state(target) is not None
                and not target.execute(
                    "update learn_shard.moves set state = 'given up' where state in ('arriving', 'given up')"
                ).rowcount
            ):
                raise DbtoolError(
                    f"move {self.number} cannot be given up: its learners write on the target already",
                    hint="Let it come to its end, then move them back.",
                )
            self.note(GIVING_UP)
            with target.transaction():
                messages = _read(target, _OPEN_MESSAGES)
                with source.transaction():  # those of a hand-over that did not take place
                    if self._state(source) == "left":
                        _write(source, "learn.outbox", messages)
                        source.execute(_COME_BACK)
                    source.execute("delete from learn_shard.moves")
            self._drop_replication(source, target)
            if self._state(target) is not None:
                self._empty(target)
                target.execute("delete from learn_shard.moves")
            self._guard(source)
            self._guard(target)
            self.note("given up")

    def _state(self, connection: Connection) -> str | None:
        row = connection.execute("select number, state from learn_shard.moves").fetchone()
        if row is not None and row[0] != self.number:
            raise DbtoolError(
                f"{connection.info.dbname} takes part in move {row[0]}",
                hint="A shard takes part in one move at a time: let that one come to its end, or give it up.",
            )
        return None if row is None else str(row[1])

    def _prepare(self, source: Connection, target: Connection) -> None:
        """Both know of the move, and guard its rows; nothing is copied yet."""
        self.note("prepare")
        for connection, state in ((source, "leaving"), (target, "arriving")):
            if self._state(connection) is None:
                connection.execute(
                    "insert into learn_shard.moves (number, buckets, of_buckets, state)"
                    " values (%s, %s, %s, %s)",
                    (self.number, self.buckets, self.of, state),
                )
        if self._state(source) == "left" or self._state(target) == "arrived":
            return
        if source.execute(_COLUMNS).fetchall() != target.execute(_COLUMNS).fetchall():
            raise DbtoolError("source and target have not the same tables", hint="Migrate both first.")
        if source.execute("select 1 from learn.discussions limit 1").fetchone():
            raise DbtoolError("the source has posts: their place is the home database, not a shard")
        if source.execute("show wal_level").fetchone() != ("logical",):
            raise DbtoolError(
                "learners move by logical replication, and the source cannot",
                hint="alter system set wal_level = logical; then restart it.",
            )
        self._guard(source)
        self._guard(target)
        months = source.execute(_MONTHS).fetchall()
        with target.transaction():
            target.execute("select learn_internal.lock_logs()")
            with target.cursor() as cursor:
                cursor.executemany("select learn_internal.ensure_month(%s, %s)", months)
        for table in ("learn.closed_periods", "learn_internal.wallet_nonces"):
            _write(target, table, _read(source, f"table {table}"))

    def _guard(self, connection: Connection) -> None:
        """Sets or takes off the guards, a table at a time: writers wait for a moment."""
        connection.execute("set lock_timeout = '1s'")
        for row in connection.execute(_UNLIKE).fetchall():
            again(partial(connection.execute, "select learn_shard.guard(%s, %s)", row))
        connection.execute("reset lock_timeout")

    def _copy(self, source: Connection, target: Connection) -> None:
        """Rows of the moving learners, and from then on whatever changes in them."""
        self.note("copy")
        has_slot = source.execute(
            "select 1 from pg_replication_slots where slot_name = %s", (self.name,)
        ).fetchone()
        has_subscription = target.execute(
            "select 1 from pg_subscription where subname = %s", (self.name,)
        ).fetchone()
        if not (has_slot and has_subscription):
            self._drop_replication(source, target)
            self._empty(target)
            source.execute("select learn_shard.publish_movers()")
            source.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,))
            self._copy_rows(source, target)
            target.execute(
                sql.SQL(
                    "create subscription {} connection {} publication {}, {}"
                    " with (create_slot = false, copy_data = false)"
                ).format(sql.Identifier(self.name), self.source_url, *self._publications())
            )
        self._catch_up(source, target)

    def _copy_rows(self, source: Connection, target: Connection) -> None:
        with self._session() as keeper:
            snapshot = again(lambda: copying.moment(source, keeper, _HELD, self.name))
            for table, columns, condition in source.execute(_ROWS).fetchall():
                query = f"select {columns} from {table} where {condition}"  # noqa: S608
                copying.copy_rows(source, target, snapshot, query, f"{table} ({columns})")

    def _catch_up(self, source: Connection, target: Connection) -> None:
        since, before = time.monotonic(), None
        while self._behind(source, None) >= _LAG_BYTES:
            row = target.execute(_FAILURES, (self.name,)).fetchone()
            if row is None:
                raise DbtoolError(f"the subscription {self.name} is gone", hint=_ANEW)
            if before is None or time.monotonic() > since + _PATIENCE:
                if before is not None and row[0] > before + 2:
                    raise DbtoolError(
                        f"replication to {target.info.dbname} fails again and again", hint="Its log says why."
                    )
                since, before = time.monotonic(), row[0]
            time.sleep(0.05)

    def _behind(self, source: Connection, lsn: str | None) -> int:
        row = source.execute(
            "select pg_wal_lsn_diff(coalesce(%s, pg_current_wal_insert_lsn()), confirmed_flush_lsn)::bigint"
            " from pg_replication_slots where slot_name = %s",
            (lsn, self.name),
        ).fetchone()
        if row is None:
            raise DbtoolError(f"the slot {self.name} is gone", hint=_ANEW)
        return int(row[0])

    def _cut_over(self, source: Connection, target: Connection) -> None:
        """The pause: learners of the move wait, the rest arrives, and from then on the source refuses them.

        One transaction of the source: if this ends anywhere, its lock is gone, and they go on there.
        """
        source.execute("set lock_timeout = '1s'")
        again(lambda: self._pause(source, target))
        source.execute("reset lock_timeout")

    def _pause(self, source: Connection, target: Connection) -> None:
        with self._session() as probe:
            began = time.monotonic()
            with source.transaction():
                source.execute(f"lock table {_HELD} in access exclusive mode".encode())
                probe.execute("select pg_logical_emit_message(true, 'laurel', 'cut over')")
                row = probe.execute("select pg_current_wal_flush_lsn()::text").fetchone()
                assert row is not None
                while self._behind(probe, row[0]) > 0:
                    if time.monotonic() - began > PAUSE_SECONDS:
                        raise psycopg.errors.LockNotAvailable("replication is too far behind")
                    time.sleep(0.005)
                with target.transaction():
                    target.execute("select learn_shard.forget_messages(false)")
                    _write(target, "learn.outbox", _read(source, _OPEN_MESSAGES))
                    _write(
                        target,
                        "learn_internal.wallet_nonces",
                        _read(
                            source,
                            "select w.* from learn_internal.wallet_nonces w cross join learn_shard.moves m"
                            " where w.used_at >= m.began_at - interval '1 minute'",
                        ),
                    )
                    target.execute(
                        "select learn_shard.raise_sequences(%s, %s)",
                        [
                            list(each)
                            for each in zip(
                                *source.execute("select * from learn_shard.sequences()").fetchall(),
                                strict=True,
                            )
                        ],
                    )
                source.execute(_LEAVE)
            self.pause = time.monotonic() - began

    def _batches(self, source: Connection) -> Iterator[list[Any]]:
        after = None
        while True:
            row = source.execute("select learn_shard.movers(%s, %s)", (after, BATCH)).fetchone()
            if row is None or not row[0]:
                return
            after = row[0][-1]
            yield row[0]

    def _recount_boards(self, source: Connection, target: Connection) -> None:
        """Off the boards of the source, onto those of the target, some hundreds at a time."""
        for users in self._batches(source):
            again(partial(source.execute, "select learn_shard.leave_boards(%s)", (users,)))
            with target.transaction():
                target.execute("select learn_internal.recount_boards(%s)", (users,))
            target.execute("select learn_internal.try_merge_boards()")

    def _drop_replication(self, source: Connection, target: Connection) -> None:
        name = sql.Identifier(self.name)
        if target.execute("select 1 from pg_subscription where subname = %s", (self.name,)).fetchone():
            target.execute(sql.SQL("alter subscription {} disable").format(name))
            target.execute(sql.SQL("alter subscription {} set (slot_name = none)").format(name))
            target.execute(sql.SQL("drop subscription {}").format(name))
        slots = "select active_pid from pg_replication_slots where slot_name = %s"
        while row := source.execute(slots, (self.name,)).fetchone():
            if row[0] is None:
                source.execute("select pg_drop_replication_slot(%s)", (self.name,))
            else:
                source.execute("select pg_terminate_backend(%s)", row)
                time.sleep(0.02)
        for publication in self._publications():
            source.execute(sql.SQL("drop publication if exists {}").format(publication))

    def _publications(self) -> list[sql.Identifier]:
        return [sql.Identifier(f"laurel_move_{self.number}{suffix}") for suffix in ("", "_audit")]

    def _empty(self, target: Connection) -> None:
        """Removes what a copy that is given up has left on the target."""
        for row in target.execute(_TABLES).fetchall():
            target.execute("select learn_shard.empty_table(%s, %s)", row)
        target.execute("select learn_shard.forget_messages(true)")

    def _clean(self, source: Connection, target: Connection) -> None:
        """Rows of learners who have left leave the source, unpaid and uncounted."""
        _write(target, "learn.outbox", _read(source, _DONE_MESSAGES))
        for users in self._batches(source):
            again(partial(source.execute, "select learn_shard.leave_boards(%s)", (users,)))
            again(partial(source.execute, "select learn_shard.remove_learners(%s)", (users,)))
        source.execute("select learn_shard.forget_messages(true)")

    def _finish(self, source: Connection, target: Connection) -> None:
        for connection in (target, source):
            connection.execute("select learn_internal.settle_tallies()")
            connection.execute("delete from learn_shard.moves")
            self._guard(connection)
        target.execute("analyze")


def _read(connection: Connection, query: str) -> bytes:
    with connection.cursor().copy(f"copy ({query}) to stdout (format binary)".encode()) as rows:
        return b"".join(bytes(piece) for piece in rows)


def _write(connection: Connection, table: str, rows: bytes) -> None:
    """Inserts rows as they are, past triggers; those that are there stay."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(f"create temporary table carried (like {table}) on commit drop".encode())
        with connection.cursor().copy(b"copy pg_temp.carried from stdin (format binary)") as copy:
            copy.write(rows)
        insert = f"insert into {table} overriding system value table pg_temp.carried on conflict do nothing"
        connection.execute(f"{insert}; drop table pg_temp.carried".encode())
        connection.execute("set local session_replication_role = origin")
