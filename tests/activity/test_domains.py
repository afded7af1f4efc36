"""What values of learners' tables keep to, whoever writes: refused by domains, and where two do not fit."""

from __future__ import annotations

import psycopg
import pytest

from tests.client import Learn

# Written by every completion: PostgreSQL would read a CHECK of theirs from text in every statement.
HOT = (
    "activity_log",
    "user_exercise_progress",
    "user_lesson_progress",
    "user_metrics",
    "user_stats",
    "user_track_progress",
    "users",
    "xp_transactions",
)
FACT = (
    "insert into learn.activity_log (user_id, activity_type, subject_type, subject_id, properties,"
    " occurred_at, local_date, is_qualifying, idempotency_key)"
    " values (%(user)s, 'lesson_repeated', {}, {}, {}, learn.clock(), {}, true, {})"
)
LARGE = "jsonb_build_object('x', (select string_agg(md5(g::text), '') from generate_series(1, 3000) g))"
GOOD = ("'lesson'", "'7'", "'{}'", "(learn.clock() at time zone 'UTC')::date", "null")


def fact(place: int, value: str) -> str:
    return FACT.format(*(value if place == number else good for number, good in enumerate(GOOD)))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (fact(0, "repeat('x', 201)"), "23514"),
        (fact(1, "repeat('x', 501)"), "23514"),
        (fact(2, LARGE), "23514"),
        (fact(4, "repeat('x', 201)"), "23514"),
        ("update learn.user_stats set total_xp = -1 where user_id = %(user)s", "23514"),
        ("update learn.user_stats set current_level = 0 where user_id = %(user)s", "23514"),
        ("update learn.user_stats set active_days = -1 where user_id = %(user)s", "23514"),
        ("update learn.user_lesson_progress set score = 100.5 where user_id = %(user)s", "23514"),
        ("update learn.user_lesson_progress set score = 'NaN' where user_id = %(user)s", "23514"),
        ("update learn.user_lesson_progress set time_spent_seconds = -1 where user_id = %(user)s", "23514"),
        ("update learn.user_lesson_progress set status = 'done' where user_id = %(user)s", "23514"),
        ("update learn.user_track_progress set items_completed = -1 where user_id = %(user)s", "23514"),
        ("update learn.user_track_progress set total_items = 0 where user_id = %(user)s", "LX001"),
        ("update learn.user_metrics set scope = repeat('x', 201) where user_id = %(user)s", "23514"),
    ],
)
def test_a_value_out_of_bounds_is_refused(learn: Learn, statement: str, code: str) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson, learn.make_lesson(0))
    learn.complete_lesson(user, lesson)
    learn.run(fact(0, GOOD[0]), {"user": user})
    with pytest.raises(psycopg.Error) as raised, learn.connection.transaction():
        learn.run(statement, {"user": user})
    assert raised.value.sqlstate == code


def test_tables_that_a_completion_writes_have_no_checks(learn: Learn) -> None:
    assert (
        learn.tuples(
            "select conrelid::regclass::text, conname::text from pg_constraint"
            " where contype = 'c' and conrelid = any (%s::regclass[])",
            [[f"learn.{table}" for table in HOT]],
        )
        == []
    )
