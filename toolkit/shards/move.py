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

from ..connection import connect
from ..errors import DbtoolError
from ..sql.execute import Connection, exists, value
from . import copying
from .copying import again, read, write
from .stream import HELD, Stream, wait_for_standbys

PAUSE_SECONDS = 5.0
"""How long learners of the move may be kept waiting at a time: then they go on, and it is tried again."""
BATCH = 500
GIVING_UP = "give up"
_LATE = ("clean up", "totals")
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
_ALL_MESSAGES = _OPEN_MESSAGES.replace("o.completed_at is null and", "")
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
_COME_BACK = """
with back as (update learn_shard.moves set state = 'leaving', messages = null returning buckets)
delete from learn_shard.gone g using back b where g.bucket = any (b.buckets)
"""
_LEAVE = """
with left_ as (update learn_shard.moves set state = 'left', messages = %s returning buckets, of_buckets)
insert into learn_shard.gone select unnest(l.buckets), l.of_buckets from left_ l on conflict do nothing
"""
_STAND_BACK = """
with back as (
  update learn_shard.moves set state = %s where state in ('arriving', 'arrived')
  returning buckets, of_buckets)
insert into learn_shard.gone select unnest(b.buckets), b.of_buckets from back b on conflict do nothing
"""
_ARRIVE = """
with arrived as (update learn_shard.moves set state = 'arrived' where state = 'arriving' returning buckets)
delete from learn_shard.gone g using arrived a where g.bucket = any (a.buckets)
"""
_NONCES = """
select w.* from learn_internal.wallet_nonces w cross join learn_shard.moves m
 where w.used_at >= m.began_at - interval '1 minute'
"""
_TABLES = "select relation::oid, learner from learn_shard.learner_tables()"


@dataclass
class Move:
    """Buckets of learners on their way to another shard. `note` hears of each step before it begins."""

    number: int
    source_url: str
    target_url: str
    buckets: list[int]
    of: int
    hand_over: Callable[[bool], None]
    """Sends calls for these buckets to the target from now on, or (False) to the source; again: nothing."""
    is_handed_over: Callable[[], bool]
    """Whether they go to the target."""
    note: Callable[[str], None] = lambda _: None
    pause: float = field(default=0.0, init=False)
    """How long learners were kept waiting in the end, in seconds."""

    @contextmanager
    def _both(self) -> Iterator[tuple[Connection, Connection]]:
        with self._session() as source, self._session(self.target_url) as target:
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
            if not self._has_all(source, target, step):
                self._refuse_given_up(target, step)
                self._come_back(source, target)
                self._prepare(source, target)
                self._copy(source, target)
                self.note("cut over")
                self._cut_over(source, target)
            self._stay_left(source)
            self._take_part(target, "arrived")
            if step not in _LATE:
                self.note("hand over")
            target.execute(_ARRIVE)
            self._refuse_given_up(target, step)
            self.hand_over(True)
            if step not in _LATE:
                self.note("boards")
            self._recount_boards(source, target)
            self._stream(source, target).drop()
            write(target, "learn.outbox", read(source, _DONE_MESSAGES))
            wait_for_standbys(target)  # from now on nobody else has these learners
            self.note("clean up")
            self._clean(source)
            self.note("totals")
            self._finish(source, target)
            wait_for_standbys(source, target)
            self.note("done")

    def abort(self, step: str | None = None) -> None:
        """Back to where it was. Raises DbtoolError when learners write on the target already."""
        with self._both() as (source, target):
            if self._has_all(source, target, step) and self.is_handed_over():
                raise DbtoolError(
                    f"move {self.number} cannot be given up: its learners write on the target already",
                    hint="Let it come to its end, then move them back.",
                )
            target.execute(_STAND_BACK, ("given up",))
            self.note(GIVING_UP)
            self._come_back(source, target)
            source.execute("delete from learn_shard.moves")
            self._stream(source, target).drop()
            if self._state(target) is not None:
                self._empty(target)
                target.execute("delete from learn_shard.moves")
            self._guard(source)
            self._guard(target)
            wait_for_standbys(source, target)
            self.note("given up")

    def take_over(self, url: str, of_source: bool, step: str) -> None:
        """Prepares a standby for the place of one of the two: it may be older, and takes calls at once.

        Raises DbtoolError where it lacks learners whom nobody else has.
        """
        if not self.is_handed_over():
            return
        with self._session(url) as successor:
            if of_source:
                self._stay_left(successor)
            elif (state := self._state(successor)) != "arrived" and (state, step) != (None, "totals"):
                if step in _LATE:
                    raise self._loss()
                self._take_part(successor, "arriving")
                self._guard(successor)

    def _stream(self, source: Connection, target: Connection) -> Stream:
        return Stream(self.number, self.source_url, source, target)

    def _copy(self, source: Connection, target: Connection) -> None:
        """Rows of the moving learners, and from then on whatever changes in them."""
        self.note("copy")
        stream = self._stream(source, target)
        if not stream.is_whole():
            stream.drop()
            self._empty(target)
            with self._session() as keeper:
                stream.start(keeper)
        stream.catch_up()

    def _has_all(self, source: Connection, target: Connection, step: str | None) -> bool:
        """Whether the target has all of its learners: after a fail-over either may be older than the step.

        Raises DbtoolError where it has not, and the source has removed them.
        """
        here, there, is_handed_over = self._state(source), self._state(target), self.is_handed_over()
        if there == "arriving":
            has_all = here == "left" and self._stream(source, target).is_subscribed()
        else:
            has_all = (there == "arrived" and (here == "left" or is_handed_over)) or (
                there is None and step == "totals"
            )
        if is_handed_over and not has_all and step in _LATE:
            raise self._loss()
        return has_all

    def _loss(self) -> DbtoolError:
        return DbtoolError(
            f"the target lacks learners of move {self.number}, and the source has removed them",
            hint="Its standby was behind. Promote another one, or restore a backup up to its last moment, "
            "and give that to `dbtool shards failover`.",
        )

    def _refuse_given_up(self, target: Connection, step: str | None) -> None:
        if step == GIVING_UP or self._state(target) == "given up":
            raise DbtoolError(f"move {self.number} is being given up", hint="Give --abort.")

    def _come_back(self, source: Connection, target: Connection) -> None:
        """Where the target has not all, or shall not have it: learners go on at the source, as before."""
        if self._state(source) == "left":
            with target.transaction():
                messages = read(target, _ALL_MESSAGES)
                with source.transaction():
                    write(source, "learn.outbox", messages)
                    kept = value(source, "select messages from learn_shard.moves")
                    if kept is not None:  # the target may have lost some
                        write(source, "learn.outbox", kept)
                    source.execute(_COME_BACK)
        if self.is_handed_over():
            for users in self._batches(source):
                with source.transaction():
                    source.execute("select learn_internal.recount_boards(%s)", (users,))
                source.execute("select learn_internal.try_merge_boards()")
            self.hand_over(False)
        target.execute(_STAND_BACK, ("arriving",))

    def _stay_left(self, source: Connection) -> None:
        """It has refused these learners before, and a standby that does not know has taken its place."""
        if self._state(source) != "left":
            self._take_part(source, "leaving")
            self._guard(source)
            with source.transaction():
                source.execute(_OPEN_MESSAGES)
                source.execute(_LEAVE, (None,))

    def _take_part(self, connection: Connection, state: str) -> None:
        if self._state(connection) is None:
            connection.execute(
                "insert into learn_shard.moves (number, buckets, of_buckets, state) values (%s, %s, %s, %s)",
                (self.number, self.buckets, self.of, state),
            )

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
        self._take_part(source, "leaving")
        self._take_part(target, "arriving")
        if source.execute(_COLUMNS).fetchall() != target.execute(_COLUMNS).fetchall():
            raise DbtoolError("source and target have not the same tables", hint="Migrate both first.")
        if exists(source, "select from learn.discussions limit 1"):
            raise DbtoolError("the source has posts: their place is the home database, not a shard")
        if value(source, "show wal_level") != "logical":
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
            write(target, table, read(source, f"table {table}"))

    def _guard(self, connection: Connection) -> None:
        """Sets or takes off the guards, a table at a time: writers wait for a moment."""
        connection.execute("set lock_timeout = '1s'")
        for row in connection.execute(_UNLIKE).fetchall():
            again(partial(connection.execute, "select learn_shard.guard(%s, %s)", row))
        connection.execute("reset lock_timeout")

    def _cut_over(self, source: Connection, target: Connection) -> None:
        """The pause: learners of the move wait, the rest arrives, and from then on the source refuses them.

        One transaction of the source: if this ends anywhere, its lock is gone, and they go on there.
        """
        source.execute("set lock_timeout = '1s'")
        again(lambda: self._pause(source, target))
        source.execute("reset lock_timeout")

    def _pause(self, source: Connection, target: Connection) -> None:
        stream = self._stream(source, target)
        with self._session() as probe:
            began = time.monotonic()
            with source.transaction():
                source.execute(f"lock table {HELD} in access exclusive mode".encode())
                probe.execute("select pg_logical_emit_message(true, 'laurel', 'cut over')")
                written = value(probe, "select pg_current_wal_flush_lsn()::text")
                while stream.behind(written, probe) > 0:
                    if time.monotonic() - began > PAUSE_SECONDS:
                        raise psycopg.errors.LockNotAvailable("replication is too far behind")
                    time.sleep(0.005)
                with target.transaction():
                    target.execute("select learn_shard.forget_messages(false)")
                    messages = read(source, _OPEN_MESSAGES)
                    write(target, "learn.outbox", messages)
                    write(target, "learn_internal.wallet_nonces", read(source, _NONCES))
                    sequences = source.execute("select * from learn_shard.sequences()").fetchall()
                    names, values = map(list, zip(*sequences, strict=True))
                    target.execute("select learn_shard.raise_sequences(%s, %s)", [names, values])
                source.execute(_LEAVE, (messages,))
            self.pause = time.monotonic() - began

    def _batches(self, shard: Connection) -> Iterator[list[Any]]:
        after = None
        while users := value(shard, "select learn_shard.movers(%s, %s)", (after, BATCH)):
            after = users[-1]
            yield users

    def _recount_boards(self, source: Connection, target: Connection) -> None:
        """Off the boards of the source, onto those of the target, some hundreds at a time."""
        for users in self._batches(source):
            again(partial(source.execute, "select learn_shard.leave_boards(%s)", (users,)))
        for users in self._batches(target):
            with target.transaction():
                target.execute("select learn_internal.recount_boards(%s)", (users,))
            target.execute("select learn_internal.try_merge_boards()")

    def _empty(self, target: Connection) -> None:
        """Removes what a copy that is given up has left on the target."""
        for row in target.execute(_TABLES).fetchall():
            target.execute("select learn_shard.empty_table(%s, %s)", row)
        target.execute("select learn_shard.forget_messages(true)")

    def _clean(self, source: Connection) -> None:
        """Rows of learners who have left leave the source, unpaid and uncounted."""
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
