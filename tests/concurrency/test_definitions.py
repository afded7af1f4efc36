"""Definitions change while facts are written: metrics, achievements and prerequisites."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.client import Learn
from tests.concurrency.sessions import Task, client, interleave, pair, race, session
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE

ANSWER = "question_answered_correctly"


def test_two_prerequisites_that_close_a_cycle_together_are_not_both_written(
    fresh: FreshDatabase, learn: Learn
) -> None:
    a, b, c = (learn.make_track() for _ in range(3))
    learn.make_prerequisite(b, c)
    assert interleave(
        fresh,
        lambda learn: learn.make_prerequisite(a, b),
        lambda learn: learn.make_prerequisite(c, a),
    ) == (None, "LX012")
    assert learn.tuples(
        "select track_id, prerequisite_track_id from learn.track_prerequisites order by 1"
    ) == [
        (a.id, b.id),
        (b.id, c.id),
    ]


def test_of_many_prerequisites_that_form_a_ring_one_is_refused(fresh: FreshDatabase, learn: Learn) -> None:
    for _ in range(3):
        tracks = [learn.make_track() for _ in range(6)]

        def link(number: int, tracks: list[Any] = tracks) -> Task[bool]:
            def run(learn: Learn) -> bool:
                learn.make_prerequisite(tracks[number], tracks[(number + 1) % len(tracks)])
                return True

            return run

        outcomes = race(fresh, [link(number) for number in range(len(tracks))])
        assert sorted(str(outcome.sqlstate) for outcome in outcomes) == ["LX012"] + ["None"] * 5


@pytest.mark.parametrize(
    "isolation",
    [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE],
    ids=["repeatable read", "serializable"],
)
def test_a_cycle_is_not_closed_from_an_old_snapshot(
    fresh: FreshDatabase, learn: Learn, isolation: psycopg.IsolationLevel
) -> None:
    a, b = learn.make_track(), learn.make_track()
    with pair(fresh, isolation) as both:
        codes = both.interleave(
            lambda learn: learn.make_prerequisite(a, b), lambda learn: learn.make_prerequisite(b, a)
        )
    assert codes in ((None, "40001"), (None, "LX012"))


def redefine(learn: Learn) -> object:
    """The answers to questions count in another metric too, and correct_answers counts something else."""
    learn.make_metric(ANSWER, key="answers")
    return learn.run(
        "update learn.metrics set filter = '{\"is_counted\": true}' where key = 'correct_answers'"
    )


def answer(user: Any) -> Task[object]:
    """A fact that the new definitions count."""
    return lambda learn: learn.record_activity(user, ANSWER, properties={"is_counted": True})


@pytest.mark.parametrize("redefined_first", [True, False])
@pytest.mark.parametrize("has_facts", [True, False])
def test_facts_written_while_metrics_are_redefined_are_counted_once(
    fresh: FreshDatabase, learn: Learn, redefined_first: bool, has_facts: bool
) -> None:
    user = learn.make_user()
    if has_facts:
        answer(user)(learn)
    tasks = (redefine, answer(user)) if redefined_first else (answer(user), redefine)
    assert interleave(fresh, *tasks) == (None, None)
    counted = 1 + has_facts
    assert learn.metric(user, "answers") == learn.metric(user, "correct_answers") == counted


@pytest.mark.parametrize("redefined_first", [True, False])
def test_a_user_who_signs_up_while_metrics_are_redefined_is_counted(
    fresh: FreshDatabase, learn: Learn, redefined_first: bool
) -> None:
    learn.make_user("somebody")

    def sign_up(learn: Learn) -> object:
        return answer(learn.make_user("late"))(learn)

    def define(learn: Learn) -> object:
        redefine(learn)
        return learn.make_metric("user_registered", key="sign_ups")

    tasks = (define, sign_up) if redefined_first else (sign_up, define)
    assert interleave(fresh, *tasks) == (None, None)
    late = learn.value("select id from learn.users where username = 'late'")
    assert [learn.metric(late, key) for key in ("answers", "correct_answers", "sign_ups")] == [1, 1, 1]


def test_facts_from_a_snapshot_before_the_redefinition_are_counted_or_retried(fresh: FreshDatabase) -> None:
    with client(fresh) as learn, pair(fresh, psycopg.IsolationLevel.REPEATABLE_READ) as both:
        users = [learn.make_user() for _ in range(2)]
        answer(users[1])(learn)
        code = both.interleave(redefine, answer(users[0]))[1]
        assert code in (None, "40001")
        assert learn.metric(users[0], "answers") == (0 if code else 1)


def test_metrics_redefined_in_a_free_race_count_every_fact(fresh: FreshDatabase, learn: Learn) -> None:
    users = [learn.make_user() for _ in range(4)]

    def define(learn: Learn) -> object:
        for number in range(6):
            learn.run(
                "update learn.metrics set filter = %s where key = 'correct_answers'",
                ['{"is_counted": true}' if number % 2 == 0 else "{}"],
            )
        return True

    def study(user: Any) -> Task[object]:
        def run(learn: Learn) -> object:
            for number in range(10):
                learn.record_activity(user, ANSWER, properties={"is_counted": number % 2 == 0})
            return True

        return run

    outcomes = race(fresh, [define, *(study(user) for user in users)])
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert {learn.metric(user, "correct_answers") for user in users} == {10}


@pytest.mark.parametrize("backfilled_first", [True, False])
def test_an_achievement_earned_during_its_backfill_is_earned_once(
    fresh: FreshDatabase, learn: Learn, backfilled_first: bool
) -> None:
    users = sorted(learn.make_user() for _ in range(3))
    for user in users[:2]:
        answer(user)(learn)
    slug = learn.make_achievement({"metric": "correct_answers", "at_least": 1}, xp_reward=40)

    with session(fresh) as one, session(fresh) as two:
        earned: Task[object] = answer(users[2])
        tasks: tuple[Task[object], Task[object]] = (lambda learn: learn.backfill_achievement(slug), earned)
        first, second = tasks if backfilled_first else tasks[::-1]
        one.step(first).result(PATIENCE)
        pending = two.step(second)
        assert (one.commit(), pending.result(PATIENCE).sqlstate, two.commit()) == (None, None, None)
    learn.backfill_achievement(slug)
    for user in users:
        assert [source for _, source, _ in learn.ledger(user)].count("achievement_earned") == 1
        assert learn.badges(user).count(slug) == 1


def test_backfills_and_earners_in_a_free_race_pay_once(fresh: FreshDatabase, learn: Learn) -> None:
    users = [learn.make_user() for _ in range(6)]
    for user in users:
        answer(user)(learn)
    slug = learn.make_achievement(
        {
            "any": [
                {"metric": "correct_answers", "at_least": 1},
                {"metric": "correct_answers", "at_least": 2},
            ]
        },
        xp_reward=40,
    )
    outcomes = race(
        fresh,
        [
            *(answer(user) for user in users),
            *[lambda learn: learn.backfill_achievement(slug)] * 3,
            *[lambda learn: learn.check_achievements(users[0])] * 2,
        ],
    )
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    assert [learn.stats(user).total_xp for user in users] == [10 + 10 + 40] * len(users)


def test_a_badge_revoked_while_it_is_backfilled_stays_revoked(fresh: FreshDatabase, learn: Learn) -> None:
    """The backfill has found the user deserving, and waits for the user's row, when the badge is revoked."""
    user = learn.make_user()
    answer(user)(learn)
    slug = learn.make_achievement({"metric": "correct_answers", "at_least": 1}, xp_reward=40)

    def grant_and_revoke(learn: Learn) -> object:
        learn.grant_achievement(user, slug)
        return learn.revoke_achievement(user, slug)

    assert interleave(fresh, grant_and_revoke, lambda learn: learn.backfill_achievement(slug)) == (None, None)
    assert learn.badges(user) == ["welcome-aboard"]
    assert learn.stats(user).total_xp == 10


@pytest.mark.parametrize("defined_first", [True, False])
def test_an_achievement_defined_while_it_is_reached_is_no_damage(
    fresh: FreshDatabase, learn: Learn, defined_first: bool
) -> None:
    """Who reaches it meanwhile either has it, or reached it before it was there: the backfill grants it."""
    user = learn.make_user()

    def define(learn: Learn) -> object:
        return learn.make_achievement({"metric": "correct_answers", "at_least": 1}, slug="new")

    tasks = (define, answer(user)) if defined_first else (answer(user), define)
    assert interleave(fresh, *tasks) == (None, None)
    assert learn.check_integrity() == []
    learn.backfill_achievement("new")
    assert learn.badges(user) == ["welcome-aboard", "new"]
