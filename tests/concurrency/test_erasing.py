"""Learners, their rows and content are deleted while all go on: nobody is the victim of a deadlock."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest

from tests.client import Learn
from tests.concurrency.busy import Town, busy, settle
from tests.concurrency.sessions import Task, client, pair, race, session
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE


def delete(*users: UUID) -> Task[object]:
    """Deletes learners in one statement, in whatever order they lie."""
    return lambda learn: learn.run("delete from learn.users where id = any (%s)", [[*users]])


def town_of(fresh: FreshDatabase, users: int) -> Town:
    with client(fresh) as learn:
        return settle(learn, users)


def test_sixty_of_sixty_learners_are_erased_while_they_and_others_go_on(
    fresh: FreshDatabase, learn: Learn
) -> None:
    town = town_of(fresh, 72)
    gone = town.users[:60]
    with busy(fresh, town):
        for user in gone:
            delete(user)(learn)
    assert town.failures == []
    assert town.calls > 60
    assert learn.value("select count(*) from learn.users where id = any (%s)", [gone]) == 0
    assert learn.value("select count(*) from learn.user_stats where user_id = any (%s)", [gone]) == 0


def test_several_statements_erase_several_learners_each(fresh: FreshDatabase) -> None:
    town = town_of(fresh, 60)
    with busy(fresh, town, threads=4):
        outcomes = race(
            fresh,
            [
                delete(*town.users[:16]),
                delete(*town.users[8:24][::-1]),
                delete(*town.users[16:32]),
                *(delete(user) for user in town.users[:4]),
            ],
        )
    assert ({outcome.sqlstate for outcome in outcomes}, town.failures) == ({None}, [])


def test_an_erasure_waits_for_a_transaction_with_a_second_call_to_come(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """The learner's transaction has the learner's lock and goes on to a discussion of theirs."""
    user, other = learn.make_user(), learn.make_user()
    number = learn.make_discussion(other)
    learn.make_reply(user, number)
    with session(fresh) as calling, session(fresh) as erasing:
        calling.step(lambda learn: learn.award_xp(user, 1)).result(PATIENCE)
        erased = erasing.step(delete(user))
        assert not erased.done()
        assert calling.step(lambda learn: learn.make_reply(user, number)).result(PATIENCE).sqlstate is None
        assert calling.commit() is None
        assert (erased.result(PATIENCE).sqlstate, erasing.commit()) == (None, None)


def test_learners_do_not_queue_behind_an_erasure_that_waits(fresh: FreshDatabase, learn: Learn) -> None:
    """A load is under way for longer than an erasure tries at a time: others go on beside it."""
    loading, gone, other = (learn.make_user() for _ in range(3))
    with session(fresh) as load, session(fresh) as erasing:
        load.step(lambda learn: learn.award_xp(loading, 1)).result(PATIENCE)
        erased = erasing.step(delete(gone))
        learn.run("set lock_timeout = '60s'")
        for _ in range(5):
            learn.award_xp(other, 1)
        assert not erased.done()
        assert load.commit() is None
        assert (erased.result(PATIENCE).sqlstate, erasing.commit()) == (None, None)


@pytest.mark.no_integrity
def test_rows_of_learners_are_deleted_while_they_go_on(fresh: FreshDatabase, learn: Learn) -> None:
    """Whatever table they are in, a few learners at a time, by hand: what is untrue then is rebuilt."""
    town = town_of(fresh, 12)
    tables = learn.tuples(
        "select distinct c.conrelid::regclass::text from pg_constraint c"
        " join pg_class t on t.oid = c.conrelid"
        " where c.confrelid = 'learn.users'::regclass and t.relnamespace = 'learn'::regnamespace"
        " and not t.relispartition and t.relname not in ('activity_log', 'xp_transactions', 'user_stats')"
    )
    dice = random.Random(1)

    def clear(learn: Learn) -> bool:
        for (table,) in tables:
            column = "author_id" if table in ("learn.discussions", "learn.replies") else "user_id"
            learn.run(f"delete from {table} where {column} = any (%s)", [dice.sample(town.users, 3)])
        return True

    with busy(fresh, town):
        outcomes = race(fresh, [clear] * 2, rounds=2)
    codes = {outcome.sqlstate for outcome in outcomes}
    assert (codes - {None, "LX009"}, [f for f in town.failures if f.startswith("40P01")]) == (set(), [])


@pytest.mark.no_integrity
@pytest.mark.parametrize(
    "table",
    [
        *("lessons", "courses", "course_levels", "tracks", "learning_paths", "exercises", "questions"),
        *("challenges", "challenge_levels", "daily_challenges", "skills", "avatars", "discussions"),
    ],
)
def test_content_is_deleted_while_learners_go_on(fresh: FreshDatabase, table: str) -> None:
    town = town_of(fresh, 8)

    def shrink(learn: Learn) -> bool:
        learn.run(
            f"delete from learn.{table} where ctid in ("
            f"  select ctid from learn.{table} order by random() limit 2)"
        )
        return True

    with busy(fresh, town, threads=4):
        outcomes = race(fresh, [shrink] * 3, rounds=2)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert [failure for failure in town.failures if not failure.startswith("23503")] == []


def test_learners_are_renamed_hidden_and_deactivated_while_they_go_on(
    fresh: FreshDatabase, learn: Learn
) -> None:
    town = town_of(fresh, 24)
    stop = threading.Event()

    def edit(seed: int) -> None:
        dice = random.Random(seed)
        with client(fresh) as learn:
            while not stop.is_set():
                some = dice.sample(town.users, 6)
                learn.run(
                    "update learn.users set username = md5(random()::text), timezone = %s,"
                    " show_on_leaderboard = not show_on_leaderboard where id = %s",
                    [dice.choice(["UTC", "Asia/Manila"]), some[0]],
                )
                learn.lock_users(some)
                with learn.connection.transaction():
                    learn.lock_users(some)
                    learn.run("update learn.users set is_active = not is_active where id = any (%s)", [some])

    with busy(fresh, town, threads=3), ThreadPoolExecutor(2) as pool:
        editing = [pool.submit(edit, seed) for seed in range(2)]
        for user in town.users[:12]:
            delete(user)(learn)
        stop.set()
        for one in editing:
            one.result(PATIENCE)
    assert town.failures == []


def test_users_who_are_locked_first_meet_in_whatever_order(fresh: FreshDatabase, learn: Learn) -> None:
    """Two transactions that do something for the same learners, in opposite orders, call by call."""
    users = [learn.make_user() for _ in range(6)]

    def serve(order: int) -> Task[object]:
        def run(learn: Learn) -> object:
            with learn.connection.transaction():
                assert learn.lock_users(users) == 6
                for user in users[::order]:
                    learn.award_xp(user, 1)
            return True

        return run

    outcomes = race(fresh, [serve(1), serve(-1), serve(1), serve(-1)], rounds=5)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert {learn.stats(user).total_xp for user in users} == {20}


def test_locking_users_counts_those_there_are(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    assert learn.lock_users([user, user, UUID(int=1)]) == 1
    assert learn.lock_users([]) == 0
    for nonsense in (None, [UUID(int=1)] * 100_001):
        with learn.refuses("LX001"):
            learn.lock_users(nonsense)


def test_an_erasure_from_an_old_snapshot_is_told_to_retry(fresh: FreshDatabase, learn: Learn) -> None:
    user, number = learn.make_user(), learn.make_discussion(learn.make_user())
    with pair(fresh, psycopg.IsolationLevel.REPEATABLE_READ) as both:
        codes = both.interleave(lambda learn: learn.make_reply(user, number), delete(user))
    assert codes == (None, "40001")


def test_whoever_deletes_from_a_table_of_learners_waits_first(fresh: FreshDatabase, learn: Learn) -> None:
    """A new table with rows of learners needs the trigger, or deadlocks with calls now and then."""
    without = learn.tuples(
        "select c.conrelid::regclass::text from pg_constraint c join pg_class t on t.oid = c.conrelid"
        " where c.confrelid = 'learn.users'::regclass and t.relnamespace = 'learn'::regnamespace"
        " and not t.relispartition and not exists ("
        "  select from pg_trigger g join pg_proc p on p.oid = g.tgfoid"
        # before each statement that deletes; or nothing is ever deleted there
        "  where g.tgrelid = t.oid and g.tgtype & 8 = 8 and g.tgtype & 2 = 2"
        "  and (g.tgtype & 1 = 0 and p.proname in ('stop_learners', 'hold_content_first')"
        "    or p.proname = 'refuse_change')) order by 1"
    )
    assert without == []


def test_whoever_writes_for_learners_by_hand_holds_content_first(fresh: FreshDatabase, learn: Learn) -> None:
    """The brother of that: what follows an insert waits for content, after PostgreSQL has locked the user."""
    user = learn.make_user()
    without = learn.tuples(
        "select distinct t.tgrelid::regclass::text from pg_trigger t join pg_proc p on p.oid = t.tgfoid"
        " join pg_constraint c on c.conrelid = t.tgrelid and c.confrelid = 'learn.users'::regclass"
        " where t.tgtype & 6 = 4 and p.prosrc ~ '(hold_content\\(|user_stats .*for no key update)'"
        " and not exists (select from pg_trigger b join pg_proc h on h.oid = b.tgfoid"
        "  where b.tgrelid = t.tgrelid and b.tgtype & 7 = 6"
        "  and h.prosrc ~ 'hold_content|content_lock|refuse_by_hand') order by 1"
    )
    assert without == []
    with session(fresh) as editing, session(fresh) as granting:
        content = "update learn.tracks set is_published = is_published"
        editing.step(lambda learn: learn.run(content)).result(PATIENCE)
        granted = granting.step(
            lambda learn: learn.run(
                "insert into learn.streak_freezes (user_id, granted_on) values (%s, learn.clock()::date)",
                [user],
            )
        )
        with learn.connection.transaction():  # nobody has locked it yet
            learn.run("select from learn.users where id = %s for update nowait", [user])
        editing.commit()
        assert granted.result(PATIENCE).sqlstate is None
        granting.commit()
        assert learn.stats(user).streak_freezes == 1
