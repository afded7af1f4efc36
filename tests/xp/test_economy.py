"""No call pays without bound, however often it is made: the bounds are those of the view economy."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.calls import Scene, callable_by, make_scene, statement
from tests.client import Learn

TIMES = 6


@pytest.fixture
def scene(learn: Learn) -> Scene:
    """With bounds that a few calls reach."""
    scene = make_scene(learn)
    learn.set_setting("recorded_payments_per_day", 3)
    learn.set_setting("quiz_perfect_payments_per_day", 2)
    awarded = paid(learn)[scene["user"], "xp_awarded"]
    learn.run(
        "insert into learn.xp_rules (activity_type, amount, daily_cap)"
        " values ('xp_awarded', 0, %s), ('solution_accepted', 5, 10), ('reply_posted', 2, 6),"
        " ('discussion_posted', 2, 6)",
        [awarded + 400],
    )
    return scene


def paid(learn: Learn) -> Counter[Any]:
    """XP that users got, by type: all of it today, by the clock."""
    rows = learn.tuples("select user_id, activity_type, amount from learn.xp_transactions where amount > 0")
    total: Counter[Any] = Counter()
    for user, activity_type, amount in rows:
        total[user, activity_type] += amount
    return total


def bounds(learn: Learn) -> dict[str, int | None]:
    """XP that a type pays a user at most on a day; None: nothing bounds it."""
    return dict(
        learn.tuples(
            "select e.activity_type, case when bool_and(e.xp_a_day is not null) then"
            " least(sum(e.xp_a_day), max(r.daily_cap)) end::bigint"
            " from learn.economy e left join learn.xp_rules r on r.activity_type = e.activity_type group by 1"
        )
    )


def fresh(call: bytes, number: int) -> bytes:
    """The call with another key, and about something else where it says what."""
    for old in (b"'one good call'", b"'prize'", b"'12'", b"'Gas?'", b"'Use a faucet.'"):
        call = call.replace(old, old[:-1] + b" %d'" % number)
    return call


def attempt(learn: Learn, call: bytes, scene: Scene) -> bool:
    """Makes a call as a backend does; whether it was accepted. Laurel's refusals are as good."""
    try:
        with learn.connection.transaction():
            learn.run("set local role learn_app")
            learn.connection.execute(call, scene)
            learn.run("reset role")
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith("LX"):
            raise
        return False
    return True


def test_no_call_mints_without_bound(learn: Learn, scene: Scene) -> None:
    tried = 0
    for name in callable_by(learn.connection, "learn_app"):
        with learn.connection.transaction(force_rollback=True):
            for number in range(TIMES):
                for call in (statement(name), fresh(statement(name), number)):
                    tried += attempt(learn, call, scene)
            limits = bounds(learn)
            for (user, activity_type), xp in paid(learn).items():
                limit = limits.get(activity_type, 0)
                assert limit is not None, (name, activity_type)
                assert xp <= limit, (name, activity_type, user)
    assert tried > 300


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("grant_achievement", "revoke_achievement"),
        ("accept_solution", "unaccept_solution"),
        ("enroll_in_course", "reset_progress"),
        ("complete_lesson", "reset_progress"),
    ],
)
def test_to_and_fro_does_not_either(learn: Learn, scene: Scene, first: str, second: str) -> None:
    names = {*callable_by(learn.connection, "learn_app")}
    if second not in names:
        pytest.skip(f"there is no {second}()")
    after_one: Counter[Any] = Counter()
    for number in range(TIMES):
        for name in (first, second):
            attempt(learn, fresh(statement(name), number), scene)
        if number == 0:
            after_one = paid(learn)
    assert paid(learn) == after_one


def test_what_a_backend_records_pays_so_often_a_day(learn: Learn) -> None:
    learn.set_setting("recorded_payments_per_day", 3)
    user = learn.make_user(timezone="Asia/Manila")
    learn.set_clock("2035-06-13 15:00")
    assert [learn.record_activity(user, "exercise_solved").xp_awarded for _ in range(5)] == [10, 10, 10, 0, 0]
    assert learn.record_activity(user, "lesson_perfect").xp_awarded == 20
    assert learn.record_activity(user, "exercise_solved", at="2035-06-12 12:00").xp_awarded == 0
    assert learn.metric(user, "exercises_solved") == 6
    learn.run("update learn.users set timezone = 'Pacific/Honolulu' where id = %s", [user])
    assert learn.record_activity(user, "exercise_solved").xp_awarded == 0
    learn.set_clock("2035-06-14 15:00")
    batch = [{"user_id": user, "activity_type": "exercise_solved"} for _ in range(5)]
    assert [summary.xp_awarded for summary in learn.record_activities(batch)] == [30]


def test_awards_within_a_cap(learn: Learn, user: UUID) -> None:
    learn.run("insert into learn.xp_rules (activity_type, amount, daily_cap) values ('xp_awarded', 0, 100)")
    assert [learn.award_xp(user, 60).xp_awarded for _ in range(3)] == [60, 40, 0]


def test_perfect_quizzes_pay_so_often_a_day(learn: Learn) -> None:
    learn.set_setting("quiz_perfect_payments_per_day", 2)
    user, exam = learn.make_user(), learn.make_exam(questions=5)
    quizzes = [learn.submit_quiz(user, exam, learn.answers(exam, 5)).xp_awarded for _ in range(4)]
    assert quizzes == [70, 20, 0, 0]
    assert learn.metric(user, "perfect_quizzes") == 4


@pytest.mark.parametrize(
    ("base", "levels", "multiplier"),
    [(100, (20, 60, 40), "0.60"), (150, (100,), "0.66"), (10, (500,), "2.00"), (0, (5,), "2.00")],
)
def test_a_daily_challenge_pays_as_much_as_its_highest_level(
    learn: Learn, base: int, levels: tuple[int, ...], multiplier: str
) -> None:
    challenge = learn.make_challenge(levels, xp_base=base)
    ((day, picked),) = learn.schedule_daily_challenges(1)
    assert picked == challenge.id
    found = learn.value("select xp_multiplier::text from learn.daily_challenges where date = %s", [day])
    assert found == multiplier
    assert learn.submit_daily_challenge(learn.make_user()).xp_awarded <= max(levels)


def test_a_batch_pays_more_than_an_integer_holds(learn: Learn) -> None:
    """What it awards is cut to the largest one; the total is not."""
    learn.set_setting("recorded_payments_per_day", 10_000)
    user, kind = learn.make_user(), learn.make_activity_type(xp=1_000_000)
    batch = [{"user_id": user, "activity_type": kind} for _ in range(2200)]
    (summary,) = learn.record_activities(batch)
    assert (summary.xp_awarded, summary.total_xp) == (2**31 - 1, 2_200_000_000)
