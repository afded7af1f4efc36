"""Learners who go on learning while they are moved, and two shards for them without a proxy."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from tests.client import Learn
from tests.clusters import Cluster
from tests.suites.payers import Payer, Place
from tests.waiting import PATIENCE, meanwhile
from toolkit.shards.cluster import members
from toolkit.shards.move import Move

BUCKETS = 64
# So that commits can wait for one another.
SETTINGS = {
    "fsync": "on",
    "max_connections": "150",
    "wal_retrieve_retry_interval": "50ms",
}


class Ground(Place):
    """What there is to do on a shard, where nobody posts; content first, learners later."""

    def __init__(self, learn: Learn) -> None:
        super().__init__(learn, users=0, posts=False)

    def settle_in(self, learn: Learn, users: int) -> None:
        """So many learners more."""
        self.users += [learn.make_user() for _ in range(users)]


class Pair:
    """Two shards of one server, at first `left` with all learners, and the map of them that a test keeps."""

    def __init__(self, cluster: Cluster, ground: Ground) -> None:
        self.cluster, self.ground = cluster, ground
        self.map = dict.fromkeys(range(BUCKETS), "left")
        self.rounds = 0
        with self.connect("left") as connection:
            rows = connection.execute(
                "select u, uuid_hash(u) & %s from unnest(%s::uuid[]) u", (BUCKETS - 1, ground.users)
            ).fetchall()
        self.bucket: dict[UUID, int] = dict(rows)
        self.told: Counter[UUID] = Counter()
        for connection in self.both():
            totals = connection.execute("select user_id, total_xp from learn.user_stats").fetchall()
            self.told.update(dict(totals))
        self.calls = 0
        self.longest = 0.0
        self.failures: Counter[str] = Counter()

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """A session on one of them."""
        return self.cluster.connect(name)

    def both(self) -> Iterator[psycopg.Connection[Any]]:
        """A session on each."""
        for name in ("left", "right"):
            with self.connect(name) as connection:
                yield connection

    def move(self, number: int, source: str, buckets: list[int], note: Callable[[str], None]) -> Move:
        """A move of buckets to the other one."""
        target = "right" if source == "left" else "left"
        return Move(
            number,
            self.cluster.url(source),
            self.cluster.url(target),
            buckets,
            BUCKETS,
            hand_over=lambda forth: self.map.update(dict.fromkeys(buckets, target if forth else source)),
            is_handed_over=lambda: self.map[buckets[0]] == target,
            note=note,
        )

    def of(self, name: str) -> list[int]:
        """Half of the buckets of one of them."""
        mine = [bucket for bucket, where in self.map.items() if where == name]
        return mine[::2]

    @contextmanager
    def learning(self, clients: int) -> Iterator[None]:
        """Learners act all the time, by so many clients, each with learners of its own."""
        lock = threading.Lock()
        self.rounds += 1

        def live(number: int, over: threading.Event) -> None:
            dice = random.Random(self.rounds * 100 + number)
            users = self.ground.users[number::clients]
            sessions = {name: Learn(self.connect(name)) for name in ("left", "right")}
            try:
                while not over.is_set():
                    user, act = dice.choice(users), dice.random()
                    began = time.monotonic()
                    answer = self._act(sessions, user, act, f"{self.rounds} {number} {act}")
                    with lock:
                        self.calls += 1
                        self.longest = max(self.longest, time.monotonic() - began)
                        self.told[user] += answer
                    over.wait(0.01)  # learners think
            finally:
                for session in sessions.values():
                    session.connection.close()

        with meanwhile([partial(live, number) for number in range(clients)]):
            yield

    def _act(self, sessions: dict[str, Learn], user: UUID, act: float, key: str) -> int:
        deadline = time.monotonic() + PATIENCE
        while (answer := self._try(sessions, user, act, key)) is None:
            assert time.monotonic() < deadline, "nobody answers"
            time.sleep(0.02)
        return answer

    def _try(self, sessions: dict[str, Learn], user: UUID, act: float, key: str) -> int | None:
        learn = sessions[self.map[self.bucket[user]]]
        try:
            return int(self.ground.act(learn, random.Random(act), user, key).xp_awarded)
        except psycopg.Error as error:
            code = error.sqlstate or "lost"
            self.failures[code] += 1
            if code not in ("LX015", "40P01", "55P03"):
                raise
            return None

    def settle(self) -> None:
        """What learners were told is what there is, once, where it belongs; and nothing is damaged."""
        found: Counter[UUID] = Counter()
        for name, connection in zip(("left", "right"), self.both(), strict=True):
            learn = Learn(connection)
            damage = learn.check_integrity()
            assert damage == [], (name, damage[:5])
            totals = dict(learn.tuples("select user_id, total_xp from learn.user_stats"))
            assert {self.map[self.bucket[user]] for user in totals} <= {name}
            assert not totals.keys() & found.keys()
            found.update(totals)
            ledger = learn.tuples("select user_id, sum(amount) from learn.xp_transactions group by 1")
            assert dict(ledger) == {user: xp for user, xp in totals.items() if xp}, name
            mine = [bucket for bucket, where in self.map.items() if where == name]
            wrong = (strangers(connection, mine), leftovers(connection))
            assert wrong == ({}, []), (name, wrong)
        assert {user: xp for user, xp in found.items() if xp} == {u: xp for u, xp in self.told.items() if xp}
        assert found.keys() == set(self.ground.users)


def strangers(connection: psycopg.Connection[Any], buckets: list[int]) -> dict[str, int]:
    """Rows of learners who do not belong here, by table: wherever a column names a learner."""
    columns = connection.execute(
        "select c.oid::regclass::text, quote_ident(a.attname) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid and a.atttypid = 'uuid'::regtype and not a.attisdropped"
        " where c.relnamespace::regnamespace::text like 'learn%' and c.relkind in ('r', 'p')"
        " and not c.relispartition and (a.attname = 'user_id' or a.attname = 'about_user'"
        " or c.oid = 'learn.users'::regclass and a.attname = 'id')"
    ).fetchall()
    assert len(columns) > 40
    queries = [f"select '{table}', {column} from {table}" for table, column in columns]
    queries.append("select 'outbox', (payload ->> 'user_id')::uuid from learn.outbox")
    found = connection.execute(
        f"select t, count(*) from ({' union all '.join(queries)}) r(t, u)"
        " where not (uuid_hash(u) & %s) = any (%s) and u is not null group by t",
        (BUCKETS - 1, buckets),
    ).fetchall()
    return dict(found)


def leftovers(connection: psycopg.Connection[Any]) -> list[str]:
    """What a move has made for itself and should have taken away."""
    return [
        str(name)
        for (name,) in connection.execute(
            "select slot_name::text from pg_replication_slots where slot_name like 'laurel_move%'"
            " union all select subname::text from pg_subscription where subname like 'laurel_move%'"
            " union all select pubname::text from pg_publication where pubname like 'laurel_move%'"
            " union all select tgname::text from pg_trigger where tgname like 'a_mover%'"
            " union all select state from learn_shard.moves"
        ).fetchall()
    ]


def settle(proxy_url: str, payers: list[Payer]) -> dict[str, int]:
    """What payers were told is what the shards have, each learner on one; learners by shard."""
    told = {user: xp for payer in payers for user, xp in payer.told.items()}
    found: dict[UUID, int] = {}
    count = {}
    with psycopg.connect(proxy_url, autocommit=True) as proxy:
        buckets: dict[int, list[int]] = dict(
            proxy.execute("select shard, array_agg(bucket) from learn_proxy.buckets group by 1").fetchall()
        )
        shards = [each for each in members(proxy, proxy_url) if not each.is_home]
    for shard in shards:
        with shard.open() as connection:
            learn = Learn(connection)
            damage = learn.check_integrity()
            assert damage == [], (shard.name, damage[:5])
            totals = dict(learn.tuples("select user_id, total_xp from learn.user_stats"))
            ledger = learn.tuples("select user_id, sum(amount) from learn.xp_transactions group by 1")
            assert dict(ledger) == {user: xp for user, xp in totals.items() if xp}
            wrong = (strangers(connection, buckets.get(shard.number, [])), leftovers(connection))
            assert wrong == ({}, []), (shard.name, wrong)
            assert not totals.keys() & found.keys()
            found |= totals
            count[shard.name] = len(totals)
    assert found == told
    return count
