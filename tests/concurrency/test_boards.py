"""Boards while many write: every rank answered is the one that a recount in the same snapshot gives."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.client import Learn
from tests.concurrency.sessions import client, connect, session
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE

WRITERS = 8
ROUNDS = 40
# The rank of everybody by the ledger, the log and the active days: without any table of boards.
RECOUNTS = {
    ("xp", "all_time"): "select user_id, sum(amount) as value from learn.xp_transactions group by 1",
    ("xp", "week"): "select user_id, sum(amount) as value from learn.xp_transactions"
    " where earned_on >= date_trunc('week', learn.clock())::date group by 1",
    ("lessons_completed", "all_time"): "select user_id, count(*) as value from learn.activity_log"
    " where activity_type = 'lesson_completed' group by 1",
    ("current_streak", "all_time"): "select user_id, learn.calculate_user_streak(user_id) as value"
    " from learn.user_stats where active_days > 0",
}
WRONG = """
    with truth as (
      select r.user_id, lower(u.username) as name, r.value, rank() over (order by r.value desc) as rank
      from ({recount}) r
      join learn.users u on u.id = r.user_id and u.is_active and u.show_on_leaderboard
      where r.value > 0
    ), page as (
      select * from learn.leaderboard('{period}', '{metric}', 20)
    ), asked as (
      select u.id, learn.user_rank(u.id, '{period}', '{metric}') as rank
      from learn.users u
      where u.id = any (%(users)s)
    )
    select 'page', p.rank::text, t.rank::text, p.username
    from page p
    full join (select * from truth order by rank, name limit 20) t using (user_id)
    where (p.rank, p.value) is distinct from (t.rank, t.value)
    union all
    select 'rank', a.rank::text, t.rank::text, a.id::text
    from asked a
    left join truth t on t.user_id = a.id
    where a.rank is distinct from t.rank
    union all
    select 'around', n.rank::text, t.rank::text, n.username
    from asked a
    cross join lateral learn.leaderboard_around(a.id, '{period}', '{metric}', 3) n
    left join truth t on t.user_id = n.user_id
    where (n.rank, n.value) is distinct from (t.rank, t.value)
"""


def crowd(learn: Learn, number: int) -> list[UUID]:
    """Users of whom most have some XP: boards large enough to be counted in stretches."""
    learn.run(
        "insert into learn.users (username) select 'crowd-' || n from generate_series(1, %s) n", [number]
    )
    learn.run(
        "insert into learn.activity_log"
        " (user_id, activity_type, properties, xp, occurred_at, local_date, is_qualifying)"
        " select id, 'xp_awarded', '{\"source_type\": \"test\"}', 1 + right(username, 3)::integer %% 60,"
        "   learn.clock(), learn.clock()::date, false"
        " from learn.users where length(username) > 8 and username like %s",
        ["crowd-%"],
    )
    return [user for (user,) in learn.tuples("select id from learn.users order by random()")]


def write(learn: Learn, dice: random.Random, users: list[UUID], lessons: list[int]) -> None:
    """Something that moves a board, in a transaction of its own; what meets a deleted user is refused."""
    user = dice.choice(users)
    act = dice.random()
    try:
        if act < 0.5:
            learn.award_xp(user, dice.choice([1, 10, 40, 200]))
        elif act < 0.8:
            learn.run(
                "select learn.complete_lesson(%s, %s, p_occurred_at => now() - %s * interval '1 day')",
                [user, dice.choice(lessons), dice.choice([0, 0, 1, 2])],
            )
        elif act < 0.9:
            learn.run(
                "update learn.users set show_on_leaderboard = not show_on_leaderboard where id = %s", [user]
            )
        elif act < 0.95:
            learn.run(
                "update learn.users set username = %s where id = %s", [f"renamed {dice.random()}", user]
            )
        else:
            learn.run("delete from learn.users where id = %s", [dice.choice(users[:20])])
    except psycopg.Error as error:
        if error.sqlstate != "LX002":  # gone by now
            raise


@pytest.mark.parametrize("scheduled", [True, False])
def test_every_answer_is_the_recount_of_its_snapshot(
    fresh: FreshDatabase, learn: Learn, scheduled: bool
) -> None:
    """Boards are merged by a scheduler or, a little by each that commits, by the writers."""
    if not scheduled:
        learn.set_setting("leaderboard_gains_waiting", 60)
    users = crowd(learn, 4000)[:150]
    lessons = [learn.make_lesson(0, xp_reward=n).id for n in range(10)]
    done = threading.Event()
    checks: list[Any] = []

    def writer(seed: int) -> None:
        with client(fresh) as learn:
            dice = random.Random(seed)
            for _ in range(ROUNDS):
                write(learn, dice, users, lessons)

    def reader(seed: int) -> int:
        learn = connect(fresh)
        learn.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        dice, rounds = random.Random(seed), 0
        while not done.is_set() or rounds < 5:
            (metric, period), recount = dice.choice(list(RECOUNTS.items()))
            query = WRONG.format(metric=metric, period=period, recount=recount)
            checks.extend(learn.tuples(query, {"users": dice.sample(users, 15)}))
            learn.connection.rollback()
            rounds += 1
        learn.connection.close()
        return rounds

    def refresher() -> None:
        with client(fresh) as learn:
            while scheduled and not done.wait(0.2):
                learn.refresh_leaderboard()

    with ThreadPoolExecutor(WRITERS + 3) as pool:
        readers = [pool.submit(reader, seed) for seed in range(2)]
        refreshing = pool.submit(refresher)
        for writing in [pool.submit(writer, seed) for seed in range(WRITERS)]:
            writing.result()
        done.set()
        assert min(future.result() for future in readers) >= 5
        refreshing.result()
    assert checks == []
    assert learn.value("select count(*) from learn_internal.board_gains") < 600
    learn.refresh_leaderboard()
    assert learn.tuples("select * from learn_internal.board_gains") == []


def test_who_finds_too_much_waiting_waits_for_no_merge(fresh: FreshDatabase, learn: Learn) -> None:
    users = [learn.register_user(f"user-{number}") for number in range(20)]
    learn.set_setting("leaderboard_gains_waiting", 0)
    with session(fresh) as merging:
        learn.award_xp(users[0], 5)
        merging.step(lambda one: one.run("select learn_internal.try_merge_boards()")).result(30)
        learn.run("set lock_timeout = '1s'")
        for user in users:
            learn.award_xp(user, 30)
        assert learn.value("select count(*) from learn_internal.board_gains") >= 20
        assert merging.commit() is None
        for user in users:
            learn.award_xp(user, 1)
        assert learn.value("select count(*) from learn_internal.board_gains") < 20
        assert {learn.value("select learn.user_rank(%s)", [user]) for user in users} == {1, 2}


def test_nobody_waits_for_a_merge_that_is_not_over(fresh: FreshDatabase, learn: Learn) -> None:
    """One transaction merges and stays open: others earn, read and are right; a refresh waits for it."""
    first, second = learn.register_user("first"), learn.register_user("second")
    with session(fresh) as merging, session(fresh) as refreshing:
        merging.step(lambda one: one.award_xp(first, 30)).result(PATIENCE)
        merging.step(lambda one: one.run("select learn_internal.try_merge_boards()")).result(30)
        learn.award_xp(second, 20)
        assert learn.value("select learn.user_rank(%s)", [second]) == 1
        waiting = refreshing.step(lambda one: one.refresh_leaderboard())
        assert not waiting.done()
        learn.award_xp(second, 5)
        assert (
            merging.step(lambda one: one.value("select learn.user_rank(%s)", [second]))
            .result(PATIENCE)
            .result
            == 2
        )
        assert merging.commit() is None
        assert waiting.result(PATIENCE).result > 0
        assert refreshing.commit() is None
        assert learn.tuples("select rank, username, value from learn.leaderboard()") == [
            (1, "first", 30),
            (2, "second", 25),
        ]


def test_a_long_transaction_merges_at_its_end_and_keeps_nobody_from_merging(
    fresh: FreshDatabase, learn: Learn
) -> None:
    crowd(learn, 200)
    other = learn.register_user("other")
    with session(fresh) as loading:
        loading.step(
            lambda one: one.run(
                "insert into learn.activity_log (user_id, activity_type, properties, xp, occurred_at)"
                " select id, 'xp_awarded', '{\"source_type\": \"test\"}', 9, learn.clock() from learn.users"
                " where username <> 'other'"
            )
        ).result(PATIENCE)
        learn.award_xp(other, 5)
        learn.run("set lock_timeout = '60s'")
        assert learn.refresh_leaderboard() > 0
        assert learn.tuples("select * from learn_internal.board_gains") == []
        assert loading.commit() is None
        assert learn.tuples("select * from learn_internal.board_gains") == []
        assert learn.tuples("select * from learn_internal.merge_requests") == []
        assert learn.value("select learn.user_rank(%s)", [other]) == 201


def test_a_refresh_that_is_killed_leaves_everything_to_the_next(fresh: FreshDatabase, learn: Learn) -> None:
    users = crowd(learn, 2500)
    learn.refresh_leaderboard()
    for user in users[:50]:
        learn.award_xp(user, 70)
    learn.run("update learn.users set is_active = false where id = %s", [users[60]])
    expected = learn.tuples("select * from learn.leaderboard(p_limit => 100)")
    doomed = connect(fresh)
    doomed.award_xp(users[70], 10_000)
    doomed.run("select learn.refresh_leaderboard()")  # done, and not committed
    learn.run("select pg_terminate_backend(%s, 60000)", [doomed.connection.info.backend_pid])
    doomed.connection.close()
    assert learn.tuples("select * from learn.leaderboard(p_limit => 100)") == expected
    learn.refresh_leaderboard()
    assert learn.tuples("select * from learn_internal.board_gains") == []
    assert learn.tuples("select * from learn.leaderboard(p_limit => 100)") == expected
