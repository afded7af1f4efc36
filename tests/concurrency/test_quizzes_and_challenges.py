"""Quizzes and challenges by many connections at once."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.client import AwardSummary, Challenge, Learn
from tests.concurrency.sessions import Task, interleave, race
from tests.conftest import FreshDatabase

CONNECTIONS = 16


def test_sixteen_connections_pass_the_same_levels_and_each_pays_once(
    fresh: FreshDatabase, learn: Learn
) -> None:
    user = learn.make_user()
    track = learn.make_track(completion_xp=70)
    first = learn.make_challenge((10, 20), track=track, hints=(3,))
    second = learn.make_challenge((5,), track=track, needs=(first,))

    def act(learn: Learn) -> AwardSummary:
        learn.use_hint(user, first, 2, 1)
        learn.submit_level_attempt(user, first, 1)
        learn.submit_level_attempt(user, first, 2)
        return learn.submit_level_attempt(user, second, 1)

    outcomes = race(fresh, [act] * CONNECTIONS)
    assert [outcome.sqlstate for outcome in outcomes] == [None] * CONNECTIONS
    paid = sorted((amount, source) for amount, source, _ in learn.ledger(user))
    assert paid == [
        (5, "challenge_level_passed"),
        (10, "challenge_level_passed"),
        (17, "challenge_level_passed"),
        (70, "track_completed"),
        (100, "challenge_completed"),
        (100, "challenge_completed"),
    ]
    numbers = learn.tuples(
        "select challenge_id, level_number, array_agg(attempt_number order by id)"
        " from learn.level_attempts group by 1, 2"
    )
    assert len(numbers) == 3
    assert all(counted == list(range(1, CONNECTIONS + 1)) for _, _, counted in numbers)
    assert learn.value("select sum(xp_earned) from learn.level_attempts") == 32
    progress = learn.challenge_progress(user, first)
    assert progress.total_attempts == 2 * CONNECTIONS


def test_sixteen_connections_take_quizzes_within_the_cap(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    exam = learn.make_exam(questions=5)
    quiz = learn.answers(exam, 5)
    learn.run("update learn.xp_rules set daily_cap = 33 where activity_type = 'question_answered_correctly'")
    outcomes = race(fresh, [lambda learn: learn.submit_quiz(user, exam, quiz)] * CONNECTIONS)
    assert sum(outcome.result.xp_awarded for outcome in outcomes) == 33 + 20 * CONNECTIONS
    assert learn.stats(user).total_xp == 33 + 20 * CONNECTIONS
    assert learn.value("select sum(xp_earned) from learn.quiz_attempts") == 33 + 20 * CONNECTIONS
    assert learn.metric(user, "perfect_quizzes") == CONNECTIONS


def test_one_of_many_calls_with_the_same_key_acts(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    exam = learn.make_exam(questions=5)
    quiz = learn.answers(exam, 4)
    challenge = learn.make_challenge((10, 20), hints=(3,))
    avatar = learn.make_avatar(default=True)
    learn.make_daily(challenge, learn.value("select (learn.clock() at time zone 'UTC')::date"))
    calls: list[Task[AwardSummary]] = [
        lambda learn: learn.submit_quiz(user, exam, quiz, key="quiz"),
        lambda learn: learn.use_hint(user, challenge, 1, 1, key="hint"),
        lambda learn: learn.submit_level_attempt(user, challenge, 1, key="attempt"),
        lambda learn: learn.submit_daily_challenge(user, key="daily"),
        lambda learn: learn.select_avatar(user, avatar, key="avatar"),
    ]
    for call in calls:
        answers = [outcome.result for outcome in race(fresh, [call] * CONNECTIONS)]
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * (CONNECTIONS - 1)
        assert len({repr({**answer._asdict(), "replayed": None}) for answer in answers}) == 1
    assert learn.stats(user).total_xp == 40 + 7 + 200
    counts = learn.row_counts()
    assert counts["learn.quiz_attempts"] == counts["learn.level_attempts"] == 1


def test_the_daily_challenge_is_attempted_once(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    learn.make_daily(
        learn.make_challenge((5,)), learn.value("select (learn.clock() at time zone 'UTC')::date")
    )
    outcomes = race(fresh, [lambda learn: learn.submit_daily_challenge(user)] * CONNECTIONS)
    codes = [outcome.sqlstate for outcome in outcomes]
    assert (codes.count(None), codes.count("LX008")) == (1, CONNECTIONS - 1)
    assert learn.stats(user).total_xp == 200


def test_days_scheduled_twice_at_once_get_one_challenge_each(fresh: FreshDatabase, learn: Learn) -> None:
    for _ in range(20):
        learn.make_challenge((5,))
    outcomes = race(fresh, [lambda learn: learn.schedule_daily_challenges(15)] * 8)
    picked = [pick for outcome in outcomes for pick in outcome.result]
    assert len(picked) == 15
    rows = learn.tuples("select date, challenge_id from learn.daily_challenges order by date")
    assert rows == sorted(picked)
    assert len({challenge for _, challenge in rows}) == 15


def test_a_scheduler_that_waits_sees_what_the_other_has_picked(fresh: FreshDatabase, learn: Learn) -> None:
    for _ in range(3):
        learn.make_challenge((5,))
    assert interleave(
        fresh,
        lambda learn: learn.schedule_daily_challenges(2),
        lambda learn: learn.schedule_daily_challenges(3),
    ) == (None, None)
    assert learn.value("select count(distinct challenge_id) from learn.daily_challenges") == 3


def test_learners_attempt_while_content_changes(fresh: FreshDatabase, learn: Learn) -> None:
    """Levels come and go, challenges are switched off and on: nobody is measured half by each."""
    users = [learn.make_user() for _ in range(6)]
    track = learn.make_track(completion_xp=70)
    challenges = [learn.make_challenge((5, 6), track=track) for _ in range(4)]

    def attempt(user: UUID) -> Task[bool]:
        def run(learn: Learn) -> bool:
            for challenge in challenges:
                for level in (1, 2):
                    try_one(learn, user, challenge, level)
            return True

        return run

    def try_one(learn: Learn, user: UUID, challenge: Challenge, level: int) -> None:
        try:
            learn.submit_level_attempt(user, challenge, level)
        except psycopg.Error as error:
            if error.sqlstate not in ("LX003", "LX004", "LX005"):
                raise

    def edit(number: int) -> Task[bool]:
        challenge = challenges[number]

        def run(learn: Learn) -> bool:
            for _ in range(3):
                learn.run(
                    "update learn.challenges set is_active = not is_active where id = %s", [challenge.id]
                )
                learn.make_level(challenge, 3)
                learn.run(
                    "delete from learn.challenge_levels where challenge_id = %s and level_number = 3",
                    [challenge.id],
                )
                learn.run("update learn.challenges set is_active = true where id = %s", [challenge.id])
            return True

        return run

    outcomes = race(fresh, [*(attempt(user) for user in users), edit(0), edit(1)])
    assert [outcome.sqlstate for outcome in outcomes] == [None] * len(outcomes)


@pytest.mark.parametrize("change", ["a prerequisite", "inactive"])
def test_an_attempt_waits_for_a_change_of_content_and_goes_by_it(
    fresh: FreshDatabase, learn: Learn, change: str
) -> None:
    user = learn.make_user()
    first, second = learn.make_challenge((5,)), learn.make_challenge((5,))

    def edit(learn: Learn) -> object:
        if change == "inactive":
            return learn.run("update learn.challenges set is_active = false where id = %s", [second.id])
        learn.need_challenge(second, first)
        return None

    codes = interleave(fresh, edit, lambda learn: learn.submit_level_attempt(user, second, 1))
    assert codes == (None, "LX004" if change == "inactive" else "LX005")
