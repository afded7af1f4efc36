"""A question pays a learner once a local day, whatever quizzes ask it; small quizzes count in no metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.client import Learn, moment

Take = Callable[..., int]


@pytest.fixture
def exam(learn: Learn) -> str:
    return learn.make_exam(questions=6)


@pytest.fixture(params=["by the function", "by one statement", "answers after the quiz"])
def take(request: pytest.FixtureRequest, learn: Learn) -> Take:
    """Takes a quiz of the first questions of an exam, the first of them right; returns what it paid."""

    def by_function(user: UUID, exam: str, correct: int, of: int, at: Any = None) -> int:
        return int(learn.submit_quiz(user, exam, learn.answers(exam, correct, of), at=at).xp_awarded)

    def by_insert(user: UUID, exam: str, correct: int, of: int, at: Any = None) -> int:
        before = learn.stats(user).total_xp
        answers = Jsonb(learn.answers(exam, correct, of))
        quiz = (
            "insert into learn.quiz_attempts"
            " (user_id, exam_type, total_questions, correct_answers, completed_at)"
            " values (%s, %s, %s, %s, coalesce(%s, learn.clock())) returning user_id, id"
        )
        rows = (
            "insert into learn.user_answers (user_id, quiz_attempt_id, position, question_id, user_answer)"
            " select {}, a.n, (a.a ->> 'question_id')::bigint, a.a ->> 'answer'"
            " from jsonb_array_elements(%s) with ordinality a(a, n) {}"
        )
        given = [user, exam, of, correct, at]
        if request.param == "by one statement":
            statement = f"with t as ({quiz}) {rows.format('t.user_id, t.id', 'cross join t')}"
            learn.run(statement, [*given, answers])
        else:
            made = learn.tuples(quiz, given)[0]
            learn.run(rows.format("%s, %s", ""), [*made, answers])
        return learn.stats(user).total_xp - before

    return by_function if request.param == "by the function" else by_insert


def test_one_question_as_often_as_one_likes_pays_once_and_counts_in_no_metric(
    learn: Learn, user: UUID, exam: str, take: Take
) -> None:
    for metric in ("quizzes_completed", "correct_answers"):
        learn.make_achievement({"metric": metric, "at_least": 1}, xp_reward=5)
    assert [take(user, exam, 1, 1) for _ in range(20)] == [10] + [0] * 19
    metrics = ("quizzes_completed", "correct_answers", "perfect_quizzes", "high_score_quizzes")
    assert [learn.metric(user, metric) for metric in metrics] == [0] * 4
    assert learn.active_days(user) == [(learn.clock().date(), False)]


def test_another_quiz_pays_for_the_questions_that_are_new_today(
    learn: Learn, user: UUID, exam: str, take: Take
) -> None:
    assert take(user, exam, 2, 5) == 20
    assert take(user, exam, 4, 6) == 20
    assert take(user, exam, 6, 6) == 20 + 20  # two more, and perfect
    assert take(learn.make_user(), exam, 6, 6) == 80
    assert learn.metric(user, "correct_answers") == 12


def test_the_next_local_day_pays_again(learn: Learn, exam: str, take: Take) -> None:
    user = learn.make_user(timezone="Asia/Manila")  # 8 hours ahead
    learn.set_clock("2035-06-13 15:00")
    assert take(user, exam, 3, 5) == 30
    learn.set_clock("2035-06-13 15:59:59")
    assert take(user, exam, 3, 5) == 0
    learn.set_clock("2035-06-13 16:00")
    assert take(user, exam, 3, 5) == 30


def test_a_day_begins_when_the_learner_says(learn: Learn, user: UUID, exam: str, take: Take) -> None:
    learn.run("update learn.users set day_starts_at = '04:00' where id = %s", [user])
    learn.set_clock("2035-06-13 23:00")
    assert take(user, exam, 3, 5) == 30
    learn.set_clock("2035-06-14 03:59")
    assert take(user, exam, 3, 5) == 0
    learn.set_clock("2035-06-14 04:00")
    assert take(user, exam, 3, 5) == 30


def test_dates_of_the_past_are_no_second_day(learn: Learn, user: UUID, exam: str, take: Take) -> None:
    """Neither by the clock nor on the day of the quiz."""
    learn.set_clock("2035-06-13 12:00")
    assert take(user, exam, 3, 5) == 30
    assert [take(user, exam, 3, 5, moment(f"2035-06-{day} 12:00")) for day in (12, 11, 10)] == [0, 0, 0]
    learn.set_clock("2035-06-14 12:00")
    assert take(user, exam, 3, 5, moment("2035-06-13 12:00")) == 0
    assert take(user, exam, 3, 5) == 30


def test_moving_between_zones_is_no_second_day(learn: Learn, exam: str, take: Take) -> None:
    user = learn.make_user(timezone="UTC")
    learn.set_clock("2035-06-13 12:00")
    assert take(user, exam, 5, 5) == 70
    for zone in ("Pacific/Kiritimati", "Pacific/Honolulu", "Asia/Tokyo", "UTC"):
        learn.run("update learn.users set timezone = %s where id = %s", [zone, user])
        assert take(user, exam, 4, 5) == 0
    learn.set_clock("2035-06-14 00:00")
    assert take(user, exam, 4, 5) == 40


@pytest.mark.parametrize(
    ("before", "after", "times"),
    [
        (
            ("Pacific/Honolulu", "00:00"),
            ("Asia/Tokyo", "00:00"),
            ("13 20:00", "13 20:10", "13 20:20", "14 12:00"),
        ),
        (("UTC", "05:00"), ("UTC", "00:00"), ("13 03:00", "13 03:30", "13 04:00", "13 12:00")),
    ],
    ids=["west to east", "day starts earlier"],
)
def test_a_date_that_began_before_a_move_pays_for_a_question_once(
    learn: Learn,
    exam: str,
    take: Take,
    before: tuple[str, str],
    after: tuple[str, str],
    times: tuple[str, str, str, str],
) -> None:
    """The day of the first zone ends while the date of the second one goes on."""
    change = "update learn.users set timezone = %s, day_starts_at = %s where id = %s"
    first, moved, second, later = (f"2035-06-{time}" for time in times)
    learn.set_clock("2035-06-01")
    user = learn.make_user(timezone=before[0])
    learn.run(change, [*before, user])
    learn.set_clock(first)
    assert take(user, exam, 1, 3) == 10
    learn.set_clock(moved)
    learn.run(change, [*after, user])
    learn.set_clock(second)
    assert take(user, exam, 2, 3) == 10
    learn.set_clock(later)
    assert take(user, exam, 3, 3) == 20  # for the second it has paid on this date


def test_deleting_quizzes_brings_no_second_payment(learn: Learn, user: UUID, exam: str, take: Take) -> None:
    assert take(user, exam, 4, 5) == 40
    learn.run("delete from learn.quiz_attempts where user_id = %s", [user])
    assert take(user, exam, 4, 5) == 0


@pytest.mark.parametrize(("total", "paid"), [(4, 40), (5, 70)])
def test_being_perfect_takes_enough_questions(
    learn: Learn, user: UUID, exam: str, take: Take, total: int, paid: int
) -> None:
    assert take(user, exam, total, total) == paid
    assert learn.metric(user, "quizzes_completed", exam) == (total == 5)


def test_metrics_of_ones_own_do_not_count_small_quizzes_either(learn: Learn, user: UUID, exam: str) -> None:
    """However they count, live, recounted and on boards."""
    kinds: list[dict[str, Any]] = [
        {"aggregate": "count", "scope_property": "domain"},
        {"aggregate": "max", "property": "question_id"},
        {"aggregate": "distinct_days"},
    ]
    keys = [learn.make_metric("question_answered_correctly", **kind) for kind in kinds]
    learn.submit_quiz(user, exam, learn.answers(exam, 4, 4))
    assert [learn.metric(user, key) for key in keys] == [0, 0, 0]
    assert learn.leaderboard("day", "correct_answers") == []
    learn.submit_quiz(user, exam, learn.answers(exam, 5, 5))
    largest = max(learn.questions(exam)[:5])
    assert [learn.metric(user, key) for key in keys] == [5, largest, 1]
    assert [row.value for row in learn.leaderboard("day", "correct_answers")] == [5]
    learn.rebuild_user(user)
    assert [learn.metric(user, key) for key in keys] == [5, largest, 1]


def test_a_quiz_without_answers_is_taken_for_questions_that_have_paid(
    learn: Learn, user: UUID, exam: str
) -> None:
    """Nobody knows which they were: so they are none that would pay twice."""
    insert = (
        "insert into learn.quiz_attempts (user_id, exam_type, total_questions, correct_answers)"
        " values (%s, %s, 6, %s) returning id"
    )
    learn.submit_quiz(user, exam, learn.answers(exam, 2, 5))
    for correct, total in ((2, 20), (5, 50), (5, 50), (4, 50)):
        learn.value(insert, [user, exam, correct])
        assert learn.stats(user).total_xp == total


def test_what_the_writer_of_a_quiz_says_of_its_answers_is_overruled(
    learn: Learn, user: UUID, exam: str
) -> None:
    learn.run(
        "with t as (insert into learn.quiz_attempts (user_id, exam_type, total_questions, correct_answers)"
        " values (%s, %s, 9, 9) returning user_id, id)"
        " insert into learn.user_answers"
        " (user_id, quiz_attempt_id, position, question_id, user_answer, correct_answer, is_correct)"
        " select t.user_id, t.id, row_number() over (order by q.id), q.id, 'B', 'B', true"
        " from learn.questions q cross join t where q.exam_type = %s",
        [user, exam, exam],
    )
    assert learn.stats(user).total_xp == 0
    assert learn.tuples("select total_questions, correct_answers from learn.quiz_attempts") == [(6, 0)]


def test_answers_to_another_exam_are_refused(learn: Learn, user: UUID, exam: str, take: Take) -> None:
    learn.run("delete from learn.user_answers")
    other = learn.make_question(learn.make_exam())
    take(user, exam, 1, 5)
    with learn.refuses("LX001"):
        learn.run(
            "insert into learn.user_answers (user_id, quiz_attempt_id, position, question_id, user_answer)"
            " select user_id, id, 9, %s, 'A' from learn.quiz_attempts",
            [other],
        )
