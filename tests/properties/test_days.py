"""A day is one thing: what is limited by day, and what counts days, has as many as there are active days."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.client import Connection, Learn
from tests.properties.examples import examples
from tests.properties.histories import START, ZONES


class Hop(NamedTuple):
    """A learner moves, and learns so many minutes later."""

    zone: str
    minutes: int
    hour: int = 0


class Limits(NamedTuple):
    """What pays once a day or a few times, each by a rule of its own, and what counts days."""

    capped: str
    recorded: str
    exam: str
    metric: str


@pytest.fixture
def learn(db: Connection) -> Learn:
    return Learn(db)


@pytest.fixture
def limits(learn: Learn) -> Limits:
    learn.set_clock(START)
    learn.set_setting("recorded_payments_per_day", 5)  # more than hops need to reach the cap again
    capped = learn.make_activity_type(qualifying=True, xp=7, daily_cap=7)
    recorded = learn.make_activity_type(qualifying=True, xp=5)
    return Limits(capped, recorded, learn.make_exam(questions=1), learn.make_metric(capped, "distinct_days"))


def act(learn: Learn, limits: Limits, user: UUID, by: str) -> None:
    answers = learn.answers(limits.exam, 1, 1)
    if by == "learn_app":
        with learn.role("learn_app"):
            for kind in (limits.capped, *[limits.recorded] * 5):
                learn.record_activity(user, kind)
            learn.submit_quiz(user, limits.exam, answers)
        return
    for kind in (limits.capped, *[limits.recorded] * 5):
        learn.run("insert into learn.activity_log (user_id, activity_type) values (%s, %s)", [user, kind])
    learn.run(
        "with t as (insert into learn.quiz_attempts (user_id, exam_type, total_questions, correct_answers)"
        " values (%s, %s, 1, 1) returning user_id, id)"
        " insert into learn.user_answers (user_id, quiz_attempt_id, position, question_id, user_answer)"
        " select t.user_id, t.id, 1, (%s::jsonb -> 0 ->> 'question_id')::bigint, 'A' from t",
        [user, limits.exam, Jsonb(answers)],
    )


_hops = st.lists(
    st.builds(
        Hop,
        st.sampled_from([*ZONES, "Etc/GMT+12", "Pacific/Auckland"]),
        st.one_of(st.integers(1, 300), st.integers(1, 30 * 60)),
        st.sampled_from([0, 0, 0, 6]),
    ),
    min_size=2,
    max_size=12,
)


@settings(max_examples=examples(40))
@given(hops=_hops, by=st.sampled_from(["learn_app", "owner"]))
@example([Hop(zone, 1) for zone in ("Etc/GMT+12", "UTC", "Pacific/Kiritimati")], "learn_app")
@example([Hop("Pacific/Honolulu", 1), Hop("Asia/Tokyo", 14 * 60), Hop("Asia/Tokyo", 5 * 60)], "owner")
@example([Hop("Pacific/Kiritimati", 1), Hop("UTC", 22 * 60), Hop("UTC", 14 * 60)], "learn_app")
@example([Hop("UTC", 1), Hop("Pacific/Kiritimati", 1), Hop("UTC", 715)], "learn_app")
def test_hops_bring_no_day_that_is_not_an_active_day(
    learn: Learn, limits: Limits, hops: list[Hop], by: str
) -> None:
    with learn.connection.transaction(force_rollback=True):
        learn.set_clock(START)
        user = learn.make_user()
        for hop in hops:
            learn.advance(timedelta(minutes=1))
            learn.run(
                "update learn.users set timezone = %s, day_starts_at = make_time(%s, 0, 0) where id = %s",
                [hop.zone, hop.hour, user],
            )
            learn.advance(timedelta(minutes=hop.minutes))
            for _ in range(2):
                act(learn, limits, user, by)
            days = learn.stats(user).active_days
            paid = dict(
                learn.tuples(
                    "select activity_type, sum(amount)::integer from learn.xp_transactions where user_id = %s"
                    " group by 1",
                    [user],
                )
            )
            assert paid == {
                limits.capped: 7 * days,
                limits.recorded: 5 * 5 * days,
                "question_answered_correctly": 10 * days,
            }
            assert learn.metric(user, limits.metric) == days
        assert learn.check_integrity() == []
