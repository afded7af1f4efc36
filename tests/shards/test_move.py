"""Learners move between two shards while they learn: nothing is lost or happens twice, nobody waits long."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from tests.client import Learn, raises_lx
from tests.clusters import ROOT, build, discard, make_cluster, programs
from tests.shards.movers import SETTINGS, Ground, Pair
from tests.suites.conftest import Amount, Tell
from tests.suites.conftest import amount as amount
from tests.suites.conftest import tell as tell
from tests.waiting import wait_until
from toolkit.errors import DbtoolError
from toolkit.shards import copying

# As the sequences of shards are: no two rows have one id.
IN_STEPS = """
do $$
declare
  v record;
begin
  for v in
    select format('%I.%I', schemaname, sequencename) as name, coalesce(last_value, 0) as at from pg_sequences
  loop
    execute format('alter sequence %s increment 1024 restart %s', v.name, v.at / 1024 * 1024 + 1024 + NUMBER);
  end loop;
end $$
"""


COPIED_BY_POSTGRESQL = "select count(*) from pg_subscription_rel where srsublsn is not null"
# Another cluster on the server may have a move of the same number.
OWN_SLOT = """
select slot_name = format('laurel_move_2_%s', datoid)
   and exists (select from pg_subscription where starts_with(subname::text, slot_name::text))
  from pg_replication_slots where database = 'left'
"""
STREAM = """
select string_agg(encode(data, 'escape'), ' ') from pg_logical_slot_peek_binary_changes('said', null, null,
  'proto_version', '1', 'publication_names', 'said')
"""


@contextmanager
def stopped_commit(pair: Pair, word: str) -> Iterator[None]:
    """Whoever says the word has it in the log, and is stopped before that is known.

    A commit that waits for another one's flush is flushed by that.
    """
    waits = "select count(*) from pg_stat_activity where pid = %s and wait_event = 'WALWrite'"
    with pair.connect("left") as first, pair.connect("left") as second, pair.connect("postgres") as watch:
        pid = second.info.backend_pid
        for session in (first, second):
            session.execute("set commit_delay = 100000; set commit_siblings = 0; begin")
            session.execute("insert into public.said values (%s)", [word if session is second else "first"])
        with ThreadPoolExecutor(2) as pool:
            flushes = pool.submit(first.execute, "commit")
            time.sleep(0.02)
            ends = pool.submit(second.execute, "commit")
            while watch.execute(waits, [pid]).fetchone() != (1,):
                assert not ends.done()
            os.kill(pid, signal.SIGSTOP)
            try:
                flushes.result(10)
                yield
            finally:
                os.kill(pid, signal.SIGCONT)
            ends.result(10)


class Killed(Exception):  # noqa: N818
    """The run ends here."""


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Two shards in one cluster."""
    if os.environ.get("CI") and os.environ.get("DBTOOL_REQUIRE_PLPROXY") != "1":
        pytest.skip("these run in another of CI's runs")
    cluster = make_cluster(programs(15), SETTINGS)
    try:
        cluster.start()
        with cluster.connect("postgres") as connection:
            connection.execute("create database left_0")
            build(cluster.url("left_0"))
            with cluster.connect("left_0") as empty, empty.transaction():
                ground = Ground(Learn(empty))
            for number, name in enumerate(("left", "right")):
                connection.execute(f'create database "{name}" template left_0'.encode())
                with cluster.connect(name) as shard:
                    for script in ("guards", "move"):
                        shard.execute((ROOT / f"shards/{script}.sql").read_bytes())
                    shard.execute(IN_STEPS.replace("NUMBER", str(number)).encode())
        with cluster.connect("left") as connection, connection.transaction():
            ground.settle_in(Learn(connection), 64)
        yield Pair(cluster, ground)
    finally:
        discard(cluster)


def test_half_of_the_learners_move_while_eight_clients_write(pair: Pair, tell: Tell) -> None:
    move = pair.move(1, "left", pair.of("left"), lambda _: None)
    with pair.learning(8):
        time.sleep(0.3)
        move.run()
        time.sleep(0.3)
    pair.settle()
    assert move.pause > 0
    tell(f"{pair.calls:,} calls, a pause of {move.pause:.3f} s, the longest call {pair.longest:.2f} s")


def test_what_is_under_way_at_the_hand_over_arrives(pair: Pair) -> None:
    """A call that has not committed yet, and one that the target cannot take in yet; nobody writes later."""
    buckets = pair.of("left")
    early, late, stale = [u for u in pair.ground.users if pair.bucket[u] in buckets][:3]
    ended: list[str] = []
    waiting = "select count(*) from pg_locks where relation = 'learn_shard.moves'::regclass and not granted"

    taking_in = (
        "select count(*) from pg_locks where relation = 'learn.xp_transactions'::regclass and not granted"
    )

    def end(name: str, shard: str, query: str, session: psycopg.Connection[Any]) -> None:
        """Ends the session when the move waits for it."""
        with pair.connect(shard) as connection:
            wait_until(lambda: connection.execute(query).fetchall() == [(1,)])
            ended.append(name)
        session.execute("commit")

    def end_both(writes: psycopg.Connection[Any], blocks: psycopg.Connection[Any]) -> None:
        end("writing", "left", waiting, writes)
        end("taking in", "right", taking_in, blocks)

    with pair.connect("left") as writes, pair.connect("left") as old, pair.connect("right") as blocks:
        old.execute("begin isolation level repeatable read")
        old.execute("select")

        def note(step: str) -> None:
            if step == "cut over":
                with pair.connect("right") as target:
                    assert target.execute(COPIED_BY_POSTGRESQL).fetchall() == [(0,)]
                    assert target.execute(OWN_SLOT).fetchall() == [(True,)]
                blocks.execute("begin; lock table learn.xp_transactions in share mode")
                pair.told[early] += Learn(writes).award_xp(early, 30).xp_awarded
                writes.execute("begin")
                pair.told[late] += Learn(writes).award_xp(late, 300).xp_awarded
                threading.Thread(target=end_both, args=(writes, blocks)).start()
            if step == "hand over":
                assert ended == ["writing", "taking in"]
                with pytest.raises(psycopg.errors.SerializationFailure):
                    Learn(old).award_xp(stale, 30)
                old.execute("rollback")
                with pair.connect("left") as lost, raises_lx("LX015"):
                    Learn(lost).award_xp(stale, 30)
                with pair.connect("right") as early_bird, raises_lx("LX015"):
                    Learn(early_bird).award_xp(stale, 30)

            if step == "boards":
                with pytest.raises(DbtoolError, match="cannot be given up"):
                    move.abort()

        move = pair.move(2, "left", buckets, note)
        move.run()
    pair.settle()


def test_a_commit_that_is_in_the_log_and_not_known_yet_is_waited_for(pair: Pair) -> None:
    """By PostgreSQL's own copies it is not: they take it for none, and note that on its rows for good."""
    with pair.connect("left") as source, pair.connect("left") as keeper, pair.connect("right") as target:
        for connection in (source, target):
            connection.execute("create table public.said (word text)")
        source.execute("create publication said for table public.said")
        source.execute("select pg_create_logical_replication_slot('said', 'pgoutput')")
        with stopped_commit(pair, "second"):
            assert "second" in str(source.execute(STREAM).fetchone())
            assert source.execute("table public.said").fetchall() == [("first",)]
            with pytest.raises(psycopg.errors.LockNotAvailable):
                copying.moment(source, keeper, "public.said", "said")
        snapshot = copying.moment(source, keeper, "public.said", "said")
        source.execute("insert into public.said values ('third')")
        copying.copy_rows(source, target, snapshot, "table public.said", "public.said")
        assert target.execute("table public.said").fetchall() == [("first",), ("second",)]
        (stream,) = source.execute(STREAM).fetchone() or ("",)
        assert "third" in stream
        assert "second" not in stream
        source.execute("drop publication said")
        source.execute("select pg_drop_replication_slot('said')")


def test_sessions_of_a_move_flush_what_they_wait_for_and_are_not_ended_by_time(pair: Pair) -> None:
    with pair.connect("postgres") as connection:
        settings = {"synchronous_commit": "off", "idle_in_transaction_session_timeout": "'1min'"}
        for name, value in settings.items():
            connection.execute(f'alter database "left" set {name} = {value}'.encode())
        with pair.move(9, "left", [0], lambda _: None)._session() as session:
            assert [session.execute(f"show {name}".encode()).fetchone() for name in settings] == [
                ("on",),
                ("0",),
            ]
        for name in settings:
            connection.execute(f'alter database "left" reset {name}'.encode())


def test_a_move_whose_sessions_are_ended_at_random_goes_on(pair: Pair, amount: Amount, tell: Tell) -> None:
    steps = ["prepare"]
    source = "right" if pair.of("right") else "left"
    move = pair.move(3, source, pair.of(source), steps.append)
    dice = random.Random(amount(3, random.randrange(10**6)))
    done = threading.Event()

    end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dbtool move'"

    def disturb() -> None:
        with pair.connect("postgres") as connection:
            while not done.wait(0.05 + dice.random() / 2):
                connection.execute(end)

    enemy = threading.Thread(target=disturb)
    runs = 0
    with pair.learning(4):
        enemy.start()
        try:
            while steps[-1] != "done" and runs < 12:
                runs += 1
                with suppress(psycopg.OperationalError, DbtoolError):
                    move.run(steps[-1])
        finally:
            done.set()
            enemy.join()
        move.run(steps[-1])
    pair.settle()
    assert runs > 1
    tell(f"a move ended after {runs} runs that were cut off")


@pytest.mark.parametrize("step", ["prepare", "copy", "cut over", "hand over"])
def test_a_move_goes_back_until_its_learners_have_arrived(pair: Pair, step: str) -> None:
    def note(reached: str) -> None:
        if reached == step:
            raise Killed

    move = pair.move(4, "left", pair.of("left"), note)
    before = dict(pair.map)
    with pair.learning(4):
        with pytest.raises(Killed):
            move.run()
        move.abort()
        move.abort()
    assert pair.map == before
    pair.settle()
