"""Statements over many users meet calls for single ones, and each other: they wait, and none is a victim."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from uuid import UUID

from tests.client import Learn, Lesson
from tests.concurrency.sessions import Task, race, session
from tests.conftest import FreshDatabase
from tests.properties.snapshots import differences, snapshot
from tests.waiting import PATIENCE

ANSWER = "question_answered_correctly"


def users_in_key_order(learn: Learn, number: int) -> list[UUID]:
    """New users, by id: the order in which statements lock them."""
    return sorted(learn.make_user() for _ in range(number))


def completions(users: list[UUID], lesson: Lesson) -> Task[object]:
    """One INSERT that completes a lesson for users in the given order."""
    return lambda learn: learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
        " select u, %s, 'completed' from unnest(%s) with ordinality t(u, n) order by n"
        " on conflict (user_id, lesson_id) do update set status = 'completed'",
        [lesson.id, users],
    )


def submissions(users: list[UUID], lesson: Lesson) -> Task[object]:
    """One INSERT that solves all exercises of a lesson for users in the given order."""
    return lambda learn: learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " select u, e, 'select 1', true from unnest(%s) with ordinality t(u, n), unnest(%s) e order by n",
        [users, list(lesson.exercises)],
    )


def batch(users: list[UUID]) -> Task[object]:
    """One batch of activities for users in the given order."""
    return lambda learn: learn.record_activities(
        [{"user_id": user, "activity_type": ANSWER} for user in users]
    )


def test_statements_over_the_same_users_in_opposite_order_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    users = users_in_key_order(learn, 20)
    lessons = [learn.make_lesson(0) for _ in range(2)]
    solvable = learn.make_lesson(2)
    learn.make_track(*lessons, solvable)
    backwards = users[::-1]
    outcomes = race(
        fresh,
        [
            batch(users),
            batch(backwards),
            completions(users, lessons[0]),
            completions(backwards, lessons[1]),
            submissions(users, solvable),
            submissions(backwards, solvable),
        ],
        rounds=5,
    )
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    # Ten batches, three lessons, one of them perfect with two exercises solved at once, the track.
    due = 10 * 10 + 3 * 50 + 20 + 2 * 15 + 200
    assert {learn.stats(user).total_xp for user in users} == {due}


def test_statements_over_many_users_and_single_calls_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    users = users_in_key_order(learn, 12)
    plain, solvable, own = learn.make_lesson(0), learn.make_lesson(1), learn.make_lesson(0)
    learn.make_track(plain, solvable)

    def single(learn: Learn) -> object:
        for user in reversed(users):
            learn.complete_lesson(user, own)
            learn.submit_query(user, solvable.exercises[0])
            learn.record_activity(user, ANSWER)
            learn.award_xp(user, 1)
        return True

    outcomes = race(
        fresh,
        [batch(users), submissions(users[::-1], solvable), completions(users, plain), single, single],
        rounds=3,
    )
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    due = 3 * 10 + 10 + 5 + 3 * 50 + 20 + 200 + 6 * 10 + 6
    assert {learn.stats(user).total_xp for user in users} == {due}


def test_a_statement_and_a_call_that_solve_the_same_exercise_wait_for_each_other(
    fresh: FreshDatabase, learn: Learn
) -> None:
    users = users_in_key_order(learn, 3)
    lesson = learn.make_lesson(1)
    with session(fresh) as one, session(fresh) as two:
        one.step(lambda learn: learn.record_activity(users[1], ANSWER)).result(PATIENCE)
        bulk = two.step(submissions(users, lesson))
        call = one.step(lambda learn: learn.submit_query(users[1], lesson.exercises[0]))
        assert (call.result(PATIENCE).sqlstate, one.commit()) == (None, None)
        assert (bulk.result(PATIENCE).sqlstate, two.commit()) == (None, None)
    due = 10 + 5 + 50 + 20
    assert [learn.stats(user).total_xp for user in users] == [due, due + 10, due]


def test_a_statement_and_a_call_that_complete_the_same_lesson_wait_where_users_are_locked_first(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """Without lock_users() the statement would write the row first, and then wait for the user."""
    users = users_in_key_order(learn, 3)
    lesson = learn.make_lesson(0)
    statement = completions(users, lesson)

    def complete(learn: Learn) -> object:
        return learn.complete_lesson(users[1], lesson)

    with session(fresh) as one, session(fresh) as two:
        one.step(lambda learn: learn.award_xp(users[1], 1, key="award")).result(PATIENCE)
        locked = two.step(lambda learn: learn.lock_users(users[::-1]))
        call = one.step(complete)
        assert (call.result(PATIENCE).sqlstate, one.commit()) == (None, None)
        assert locked.result(PATIENCE).result == 3
        assert (two.step(statement).result(PATIENCE).sqlstate, two.commit()) == (None, None)
    assert [learn.stats(user).total_xp for user in users] == [50, 51, 50]


def test_a_rebuild_keeps_the_order_in_which_racing_submissions_were_graded(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """A statement writes a correct submission first, but is graded second: after a call's wrong one."""
    user = learn.make_user()
    lesson = learn.make_lesson(1)
    with session(fresh) as one, session(fresh) as two:
        one.step(lambda learn: learn.record_activity(user, ANSWER)).result(PATIENCE)
        statement = two.step(submissions([user], lesson))
        one.step(lambda learn: learn.submit_query(user, lesson.exercises[0], correct=False)).result(PATIENCE)
        assert (one.commit(), statement.result(PATIENCE).sqlstate, two.commit()) == (None, None, None)
    before = snapshot(learn, [user])
    assert [amount for amount, _, _ in learn.ledger(user)] == [10, 10, 50]  # no first try, not perfect
    learn.rebuild_user(user)
    assert differences(snapshot(learn, [user]), before) == {}


def meet(fresh: FreshDatabase, change: Task[object], users: list[UUID]) -> None:
    """The change waits for the second user; a statement with the first waits behind it; both are let go."""
    with session(fresh) as holder, session(fresh) as changer, session(fresh) as statement:
        holder.step(lambda learn: learn.award_xp(users[1], 1)).result(PATIENCE)
        changed = changer.step(change)
        written = statement.step(batch(users))
        assert holder.commit() is None
        # The one that is served first has to commit before the other can go on.
        wait([changed, written], timeout=PATIENCE, return_when=FIRST_COMPLETED)
        turns = [(changer, changed), (statement, written)]
        for one, pending in turns if changed.done() else turns[::-1]:
            sqlstate = pending.result(PATIENCE).sqlstate
            assert (sqlstate, one.commit()) == (None, None)


def test_a_content_change_and_a_statement_over_many_users_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """The change concerns one user for the track's sake, and then the other for the path's."""
    users = users_in_key_order(learn, 2)
    lessons = [learn.make_lesson(0) for _ in range(3)]
    first, second = learn.make_track(lessons[0]), learn.make_track(*lessons[1:])
    learn.make_path(first, second)
    learn.complete_lesson(users[0], lessons[0])
    learn.complete_lesson(users[1], lessons[1])
    meet(
        fresh,
        lambda learn: learn.run("update learn.tracks set is_published = false where id = %s", [second.id]),
        users,
    )


def test_a_new_level_curve_and_a_statement_over_many_users_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    """Both users change level; their rows lie in the other order than their keys."""
    users = users_in_key_order(learn, 2)
    for user in reversed(users):
        learn.award_xp(user, 60)
    meet(
        fresh,
        lambda learn: learn.run("update learn.level_thresholds set min_xp = 50 where level = 2"),
        users,
    )
    assert [learn.stats(user).current_level for user in users] == [2, 2]


def test_content_changes_and_statements_in_a_free_race_do_not_deadlock(
    fresh: FreshDatabase, learn: Learn
) -> None:
    users = users_in_key_order(learn, 16)
    lessons = [learn.make_lesson(0) for _ in range(4)]
    first, second = learn.make_track(*lessons[:1]), learn.make_track(*lessons[1:])
    learn.make_path(first, second)
    for user in users[::2]:
        learn.complete_lesson(user, lessons[0])
    for user in users[1::2]:
        learn.complete_lesson(user, lessons[1])

    def edit(learn: Learn) -> object:
        for _ in range(2):
            learn.run("update learn.tracks set is_published = not is_published where id = %s", [second.id])
            learn.run(
                "update learn.lessons set is_published = not is_published where id = %s", [lessons[2].id]
            )
        return True

    tasks = [edit, edit, batch(users), batch(users[::-1]), completions(users, lessons[3])]
    assert {outcome.sqlstate for outcome in race(fresh, tasks, rounds=6)} == {None}


def test_rebuilding_everybody_while_everybody_learns_changes_nothing(
    fresh: FreshDatabase, learn: Learn
) -> None:
    users = users_in_key_order(learn, 8)
    lessons = [learn.make_lesson(1) for _ in range(4)]
    learn.make_track(*lessons)

    def study(user: UUID) -> Task[object]:
        def run(learn: Learn) -> object:
            for lesson in lessons:
                learn.submit_query(user, lesson.exercises[0], correct=False)
                learn.solve(user, lesson)
            return True

        return run

    def rebuild(learn: Learn) -> object:
        return [learn.rebuild_whoever() for _ in range(4)]

    outcomes = race(fresh, [*(study(user) for user in users), rebuild, rebuild])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert {learn.stats(user).total_xp for user in users} == {4 * (10 + 50) + 200}


def test_rebuilding_all_waits_for_nobody_who_is_well(fresh: FreshDatabase, learn: Learn) -> None:
    well, wrong = users_in_key_order(learn, 2)
    lesson = learn.make_lesson(0)
    learn.complete_lesson(wrong, lesson)
    before = learn.stats(wrong)
    learn.run("set session_replication_role = replica")
    learn.run("update learn.user_stats set total_xp = 1 where user_id = %s", [wrong])
    learn.run("reset session_replication_role")
    assert learn.check_integrity()
    with session(fresh) as other:
        other.step(lambda it: it.complete_lesson(well, lesson)).result(PATIENCE)
        assert learn.rebuild_all() == 2
        assert learn.stats(wrong) == before
        assert other.commit() is None
    assert learn.stats(well).total_xp == before.total_xp
