"""What a standby answers, how to read there what was just written, and what is left when it takes over."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.calls import CALLS, callable_by, readable_by, statement
from tests.client import Learn, raises_lx
from tests.clusters import Cluster, discard, running
from tests.recovery.conftest import Two
from tests.suites.conftest import Amount, Tell
from tests.suites.payers import Payer, Place, acting, have_called, settle
from tests.waiting import wait_until

XP = "select total_xp from learn.user_stats where user_id = %s"
PAGE = Path(__file__).resolve().parents[2] / "docs/backups.md"


def test_a_standby_answers_whatever_only_reads(two: Two, tell: Tell) -> None:
    """Functions that are stable or immutable, and one that waits; others say 25006. So say the docs."""
    with two.primary.connect() as connection:
        names = callable_by(connection, "learn_owner")
        views = readable_by(connection, "learn_owner")
        lsn = connection.execute("select pg_current_wal_insert_lsn()").fetchone()
        volatile = {
            name
            for (name,) in connection.execute(
                "select proname::text from pg_proc"
                " where pronamespace = 'learn'::regnamespace and provolatile = 'v'"
            ).fetchall()
        }
    answered: set[str] = set()
    refused: set[str] = set()
    with two.standby.connect() as connection:
        connection.execute("select learn.wait_for_lsn(%s, '3 minutes')", lsn)
        for name in names:
            code = code_of(connection, statement(name), two.scene)
            assert code in (None, "25006"), (name, code)
            (refused if code else answered).add(name)
        for view in views:
            connection.execute(f"select * from {view}".encode()).fetchall()
    assert refused == volatile - {"wait_for_lsn"}
    assert answered | refused == {*CALLS}
    text = PAGE.read_text(encoding="utf-8")
    listed = text.partition("<!-- on a standby -->")[2].partition("<!-- -->")[0]
    assert sorted(listed.replace("`", "").replace(",", " ").rstrip(". \n").split()) == sorted(answered)
    tell(f"{len(answered)} functions and {len(views)} views answer on a standby, {len(refused)} say 25006")


def test_what_was_written_is_read_after_waiting_for_it(two: Two, amount: Amount, tell: Tell) -> None:
    user, rounds = two.scene["author"], amount(25, 1000)
    with two.primary.connect() as writes, two.standby.connect() as reads:
        reads.execute("set role learn_app")
        for number in range(rounds):
            writes.execute("select learn.award_xp(%s, 1)", [user])
            (total,) = one(writes, XP, [user])
            (lsn,) = one(writes, "select pg_current_wal_insert_lsn()")
            with reads.transaction():
                (at,) = one(reads, "select learn.wait_for_lsn(%s) >= %s::pg_lsn", [lsn, lsn])
                assert at is True
                assert one(reads, XP, [user]) == (total,), number
    tell(f"{rounds} writes read on a standby after waiting")


def test_waiting_ends_in_time_and_says_how_far_the_standby_is(two: Two) -> None:
    with two.primary.connect() as writes, two.standby.connect() as reads:
        reads.execute("select pg_wal_replay_pause()")
        try:
            writes.execute("select learn.award_xp(%s, 1)", [two.scene["author"]])
            (lsn,) = one(writes, "select pg_current_wal_insert_lsn()")
            began = time.monotonic()
            with raises_lx("LX014") as refusal:
                reads.execute("select learn.wait_for_lsn(%s, '200 milliseconds')", [lsn])
            assert 0.19 < time.monotonic() - began < 60
            assert str(lsn) in refusal.detail
            later = threading.Timer(0.2, lambda: resume(two.standby))
            later.start()
            reads.execute("select learn.wait_for_lsn(%s, '3 minutes')", [lsn])
        finally:
            resume(two.standby)


def test_a_primary_is_there_already_and_never_waits(two: Two) -> None:
    with two.primary.connect() as connection:
        (lsn,) = one(connection, "select pg_current_wal_insert_lsn()")
        assert one(connection, "select learn.wait_for_lsn(%s) >= %s::pg_lsn", [lsn, lsn]) == (True,)
        began = time.monotonic()
        with raises_lx("LX014"):
            connection.execute("select learn.wait_for_lsn(%s::pg_lsn + 1000000000, '10 minutes')", [lsn])
        assert time.monotonic() - began < 300


@pytest.mark.parametrize("arguments", ["null", "'0/1', null", "'0/1', '-1 second'", "'0/1', '61 minutes'"])
def test_what_to_wait_for_must_be_clear(two: Two, arguments: str) -> None:
    for cluster in (two.primary, two.standby):
        with cluster.connect() as connection, raises_lx("LX001"):
            connection.execute(f"select learn.wait_for_lsn({arguments})".encode())


def test_a_transaction_with_one_snapshot_is_told_that_it_would_not_see_it(two: Two) -> None:
    with two.standby.connect() as connection:
        connection.execute("begin isolation level repeatable read")
        with raises_lx("LX001"):
            connection.execute("select learn.wait_for_lsn('0/1')")


def test_a_standby_takes_over_under_load_and_nothing_is_lost_or_paid_twice(
    laurel: Cluster, amount: Amount, tell: Tell
) -> None:
    """With synchronous replication: what was answered is on both."""
    seed, clients = amount(6, random.randrange(10**6)), 6
    with running(laurel) as primary:
        with primary.connect() as connection:
            place = Place(Learn(connection), users=2 * clients)
        standby = primary.follow(slot="standby")
        try:
            standby.set(cluster_name="standby")
            standby.start()
            with primary.connect() as connection:
                connection.execute("alter system set synchronous_standby_names = 'standby'")
                connection.execute("select pg_reload_conf()")
                until(connection, "select count(*) = 1 from pg_stat_replication where sync_state = 'sync'")
            leader = [primary]
            payers = [
                Payer(lambda: leader[0].connect(), place, place.users[2 * one : 2 * one + 2], seed + one)
                for one in range(clients)
            ]
            with acting(payers):
                have_called(payers, amount(5, 100))
                primary.stop(9)
                with standby.connect() as connection:
                    connection.execute("select pg_promote()")
                leader[0] = standby
                have_called(payers, amount(5, 100))
            with standby.connect() as connection:
                settle(Learn(connection), payers)
            lost = sum(sum(payer.failures.values()) for payer in payers)
            assert lost > 0
            calls = sum(payer.calls for payer in payers)
            tell(f"a standby took over: {calls:,} calls as told, {lost} asked again (seed {seed})")
        finally:
            discard(standby)


def code_of(connection: psycopg.Connection[Any], query: bytes, scene: Any) -> str | None:
    try:
        connection.execute(query, scene).fetchall()
    except psycopg.Error as error:
        return error.sqlstate
    return None


def one(connection: psycopg.Connection[Any], query: str, arguments: Any = ()) -> tuple[Any, ...]:
    found: tuple[Any, ...] | None = connection.execute(query.encode(), arguments).fetchone()
    assert found is not None
    return found


def until(connection: psycopg.Connection[Any], query: str) -> None:
    wait_until(lambda: one(connection, query) == (True,))


def resume(cluster: Cluster) -> None:
    with cluster.connect() as connection:
        connection.execute("select pg_wal_replay_resume()")
