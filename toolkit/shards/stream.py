"""What brings the rows of a move to the target: a slot of the source, a copy, and a subscription."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..errors import DbtoolError
from ..sql.execute import Connection, exists, value
from . import copying

_LAG_BYTES = 1_000_000
_PATIENCE = 60.0
_NAME = """
select format('laurel_move_%%s_%%s', %s::bigint, d.oid)
  from pg_database d where d.datname = current_database()
"""
_TIMELINE = "select left(pg_walfile_name(pg_current_wal_lsn()), 8)"
_SUBSCRIPTIONS = """
select s.subname::text from pg_subscription s join pg_database d on d.oid = s.subdbid
 where d.datname = current_database() and starts_with(s.subname::text, %s)
"""
_FAILURES = """
select (select coalesce(sum(f.apply_error_count), 0) from pg_stat_subscription_stats f where f.subid = s.oid)
  from pg_subscription s where s.subname = %s
"""
_BEHIND = """
select pg_wal_lsn_diff(coalesce(%s, pg_current_wal_insert_lsn()), confirmed_flush_lsn)::bigint
  from pg_replication_slots where slot_name = %s
"""
# Who writes for a learner of the move holds the first, in the guard; what is noted of them has none.
HELD = "learn_shard.moves, learn.audit_log"
_ROWS = """
select t.relation::text, string_agg(quote_ident(a.attname), ', ' order by a.attnum),
       learn_shard.in_buckets(quote_ident(t.learner), m.buckets, m.of_buckets)
  from (select * from learn_shard.learner_tables() union all select 'learn.audit_log', 'about_user') t
 cross join learn_shard.moves m
  join pg_attribute a on a.attrelid = t.relation and a.attnum > 0 and not a.attisdropped
   and a.attgenerated = ''
 group by t.relation, t.learner, m.buckets, m.of_buckets
"""
# Those that are connected; pg_receivewal says only now and then what it has.
_STANDBYS_BEHIND = """
select string_agg(r.application_name, ', ') from pg_stat_replication r
 where r.state in ('catchup', 'streaming') and r.application_name <> 'pg_receivewal'
   and r.flush_lsn < %s::pg_lsn and r.pid not in (
       select s.active_pid from pg_replication_slots s
        where s.slot_type = 'logical' and s.active_pid is not null)
"""
_ANEW = "Run it again: it begins anew."


@dataclass
class Stream:
    """Of one move, from wherever it stands."""

    number: int
    source_url: str
    source: Connection
    target: Connection
    name: str = field(init=False)
    """Of the slot: the source's server may have those of other clusters."""
    subscription: str = field(init=False)
    """Its name says on which timeline the target was: a standby that was promoted since may lack what the
    slot takes for received."""

    def __post_init__(self) -> None:
        self.name = value(self.source, _NAME, (self.number,))
        self.subscription = f"{self.name}_{value(self.target, _TIMELINE)}"

    def is_whole(self) -> bool:
        """Whether it goes on, or a copy was cut off or a server has lost its part."""
        slot = "select from pg_replication_slots where slot_name = %s"
        return self.is_subscribed() and exists(self.source, slot, (self.name,))

    def is_subscribed(self) -> bool:
        """Whether the target has taken all that the source's slot takes for received."""
        return exists(self.target, _SUBSCRIPTIONS, (self.subscription,))

    def start(self, keeper: Connection) -> None:
        """Copies the rows as they are at one moment, from which the subscription goes on."""
        self.source.execute("select learn_shard.publish_movers()")
        self.source.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,))
        snapshot = copying.again(lambda: copying.moment(self.source, keeper, HELD, self.name))
        for table, columns, condition in self.source.execute(_ROWS).fetchall():
            query = f"select {columns} from {table} where {condition}"  # noqa: S608
            copying.copy_rows(self.source, self.target, snapshot, query, f"{table} ({columns})")
        copying.subscribe(self.target, self.subscription, self.source_url, self._publications(), self.name)

    def catch_up(self) -> None:
        """Until little is missing. Raises DbtoolError where it does not go on."""
        since, before = time.monotonic(), None
        while self.behind(None) >= _LAG_BYTES:
            failures = value(self.target, _FAILURES, (self.subscription,))
            if failures is None:
                raise DbtoolError(f"the subscription {self.subscription} is gone", hint=_ANEW)
            if before is None or time.monotonic() > since + _PATIENCE:
                if before is not None and failures > before + 2:
                    raise DbtoolError(
                        f"replication to {self.target.info.dbname} fails again and again",
                        hint="Its log says why.",
                    )
                since, before = time.monotonic(), failures
            time.sleep(0.05)

    def behind(self, lsn: str | None, probe: Connection | None = None) -> int:
        """How many bytes of the source's log the target has not yet, up to a position or to now."""
        behind = value(probe or self.source, _BEHIND, (lsn, self.name))
        if behind is None:
            raise DbtoolError(f"the slot {self.name} is gone", hint=_ANEW)
        return int(behind)

    def drop(self) -> None:
        """Ends it, whatever there is of it."""
        for (subscription,) in self.target.execute(_SUBSCRIPTIONS, (f"{self.name}_",)).fetchall():
            copying.drop_subscription(self.target, subscription)
        copying.drop_slot(self.source, self.name)
        for publication in self._publications():
            self.source.execute(f"drop publication if exists {publication}".encode())

    def _publications(self) -> list[str]:
        return [f"laurel_move_{self.number}{suffix}" for suffix in ("", "_audit")]


def wait_for_standbys(*servers: Connection) -> None:
    """Until those that are connected have what was done, and may take a server's place."""
    for server in servers:
        lsn = value(server, "select pg_current_wal_flush_lsn()::text")
        until = time.monotonic() + _PATIENCE
        while (behind := value(server, _STANDBYS_BEHIND, (lsn,))) is not None:
            if time.monotonic() > until:
                raise DbtoolError(
                    f"standbys of {server.info.dbname} are far behind: {behind}",
                    hint="Run it again when they are not.",
                )
            time.sleep(0.05)
