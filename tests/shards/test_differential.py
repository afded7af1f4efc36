"""The same random calls on one database and on four shards end in the same state, whatever breaks."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.shards.conftest import SHARDS, Shards, running_shards
from tests.shards.twins import Twins
from tests.suites.conftest import Amount, Tell
from tests.suites.conftest import amount as amount
from tests.suites.conftest import tell as tell

LEARNERS = 24
REPORTS = (
    *("daily_active_learners", "weekly_active_learners", "daily_xp_by_source", "cohort_retention"),
    *("achievement_rarity", "course_funnel", "track_funnel", "exam_stats", "question_stats"),
    *("streak_distribution", "course_catalog"),
)


@pytest.fixture
def apart() -> Iterator[Shards]:
    """A cluster of this file's own: its boards are compared whole, and its servers killed."""
    with running_shards("sql_platform", "web3versity", "comptia_quiz") as made:
        yield made
        assert made.ails() == []


def compare(twins: Twins) -> None:
    """Rows of learners, posts, boards, reports."""
    expected = twins.state("plain")
    found: Counter[str] = Counter()
    for name in SHARDS:
        found += twins.state(name)
    assert sum(expected.values()) > 500
    assert (sorted((expected - found).elements())[:5], sorted((found - expected).elements())[:5]) == (
        [],
        [],
    )
    for query in (
        "select title, is_solved, reply_count, upvote_count, is_pinned,"
        " (select username from learn.users where id = author_id)"
        " from learn.discussions order by id",
        "select content, is_solution, upvote_count, (select username from learn.users where id = author_id)"
        " from learn.replies order by id",
    ):
        assert twins._as_owner("home", query) == twins._as_owner("plain", query)
    for metric in ("xp", "lessons_completed", "current_streak"):
        for period in ("day", "week", "month", "all_time") if metric == "xp" else ("all_time",):
            query = f"select rank, username, value from learn.leaderboard('{period}', '{metric}', 1000)"
            here, there = (twins.run(name, query.encode()) for name in ("plain", "proxy"))
            assert [(row["rank"], row["username"], row["value"]) for row in there] == [
                (row["rank"], row["username"], row["value"]) for row in here
            ]
            assert not (metric == "xp" and period == "all_time" and len(there) < 5)
    for report in REPORTS:
        query = f"select * from learn.{report} order by 1, 2, 3"
        here, there = (sorted(map(shown, twins.run(name, query.encode()))) for name in ("plain", "proxy"))
        assert there == here, report


def shown(row: dict[str, Any]) -> str:
    return str({name: str(getattr(value, "obj", value)) for name, value in row.items()})


def play(twins: Twins, calls: int, name: str = "twin") -> None:
    twins.set_time()
    for number in range(LEARNERS):
        twins.register(f"{name} {number}")
    turns = itertools.count()
    while twins.done.total() + twins.refused.total() < calls:
        if next(turns) % 40 == 0:
            twins.set_time()
        twins.call()
        if twins.done["post_discussion"] or twins.done["post_reply"]:
            twins.note_posts()
    twins.shards.drain()


@contextmanager
def seeded(usual: int, amount: Amount, tell: Tell) -> Iterator[int]:
    """A seed: `$LAUREL_SEED`, or the usual one, or with --large a new one. Whoever fails says it."""
    seed = int(os.environ.get("LAUREL_SEED") or amount(usual, random.randrange(10**6)))
    try:
        yield seed
    except BaseException:
        tell(f"FAILED with LAUREL_SEED={seed}")
        raise


def test_the_same_calls_end_in_the_same_state(apart: Shards, amount: Amount, tell: Tell) -> None:
    with seeded(19, amount, tell) as seed:
        twins = Twins(apart, seed)
        play(twins, amount(500, 10_000))
        compare(twins)
        assert len(twins.done) > 20
        assert twins.done["merge_users"]
        assert twins.refused
        tell(f"{twins.told()} (seed {seed})")


def breaking(shards: Shards, stop: threading.Event, dice: random.Random, killed: Counter[str]) -> None:
    """Ends sessions of the router at random, now and then a server process the hard way."""
    while not stop.wait(0.3 + dice.random()):
        try:
            with shards.cluster.connect("postgres", connect_timeout=5) as connection:
                rows = connection.execute(
                    "select pid from pg_stat_activity where usename = 'learn_router' and datname = any (%s)",
                    [["home", *SHARDS]],
                ).fetchall()
                if not rows:
                    continue
                (pid,) = dice.choice(rows)
                if dice.random() < 0.05:
                    os.kill(pid, signal.SIGKILL)
                    killed["process"] += 1
                else:
                    connection.execute("select pg_terminate_backend(%s)", [pid])
                    killed["session"] += 1
        except (psycopg.OperationalError, ProcessLookupError):
            time.sleep(0.1)


def test_the_same_calls_end_in_the_same_state_when_shards_die(
    apart: Shards, amount: Amount, tell: Tell
) -> None:
    """Clients come again with the same key: nothing is lost or doubled.

    What an accepted solution pays to somebody else may reach that shard later, so only the end is compared.
    """
    with seeded(20, amount, tell) as seed:
        twins = Twins(apart, seed, is_alike=False)
        stop, killed = threading.Event(), Counter[str]()
        breaker = threading.Thread(target=breaking, args=(apart, stop, random.Random(seed), killed))
        breaker.start()
        try:
            play(twins, amount(100, 5_000), "survivor")
            while killed["session"] <= 3 or twins.retries <= 3:
                twins.call()
                if twins.done["post_discussion"] or twins.done["post_reply"]:
                    twins.note_posts()
        finally:
            stop.set()
            breaker.join()
        twins.shards.drain()
        compare(twins)
        ended = f"{killed['session']} sessions ended, {killed['process']} processes killed"
        tell(f"{twins.told()}; {ended}, {twins.retries} retries (seed {seed})")
