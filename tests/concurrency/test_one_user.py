"""Many connections act for one user at once: the user's row makes them take turns."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import psycopg
import pytest

from tests.client import AwardSummary, Learn
from tests.concurrency.sessions import Task, interleave, pair, race
from tests.conftest import FreshDatabase

CONNECTIONS = 16


def test_sixteen_connections_of_one_user_pay_each_fact_once(fresh: FreshDatabase, learn: Learn) -> None:
    """Each solves the same exercises, completes the same and its own lessons, answers, and is awarded XP."""
    user = learn.make_user()
    common = learn.make_lesson(2)
    plain = learn.make_lesson(0)
    own = [learn.make_lesson(0) for _ in range(CONNECTIONS)]
    learn.make_track(common, plain, *own)

    def act(number: int) -> Task[AwardSummary]:
        def run(learn: Learn) -> AwardSummary:
            learn.submit_query(user, common.exercises[number % 2])
            learn.complete_lesson(user, plain)
            learn.record_activity(user, "question_answered_correctly", "question", str(number))
            learn.record_activity(user, "course_completed", "course", "the same")
            learn.award_xp(user, 5, "prize", "the same")
            learn.award_xp(user, 1)
            learn.submit_query(user, common.exercises[(number + 1) % 2])
            return learn.complete_lesson(user, own[number])

        return run

    outcomes = race(fresh, [act(number) for number in range(CONNECTIONS)])
    assert [outcome.sqlstate for outcome in outcomes] == [None] * CONNECTIONS
    # Two exercises on the first try, 18 lessons, one of them perfect, the track, 16 answers, the awards.
    paid = Counter(source for _, source, _ in learn.ledger(user))
    assert paid == {
        "exercise_solved": 2,
        "exercise_solved_first_try": 2,
        "lesson_completed": 2 + CONNECTIONS,
        "lesson_perfect": 1,
        "track_completed": 1,
        "question_answered_correctly": CONNECTIONS,
        "prize": 1,
        "manual": CONNECTIONS,
    }
    stats = learn.stats(user)
    assert (stats.total_xp, stats.current_streak, stats.active_days) == (
        30 + 50 * (2 + CONNECTIONS) + 20 + 200 + 10 * CONNECTIONS + 5 + CONNECTIONS,
        1,
        1,
    )
    assert learn.metric(user, "queries_executed") == 2 * CONNECTIONS
    assert learn.metric(user, "courses_completed") == 1


def test_answers_of_racing_calls_add_up_to_the_total(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    outcomes = race(
        fresh,
        [lambda learn: learn.record_activity(user, "question_answered_correctly")] * CONNECTIONS,
        rounds=4,
    )
    answers = [outcome.result for outcome in outcomes]
    assert sorted(answer.total_xp for answer in answers) == [10 * n for n in range(1, 4 * CONNECTIONS + 1)]
    assert {answer.xp_awarded for answer in answers} == {10}
    # Level 2 at 100, 3 at 300, 4 at 600: each is reached in one call.
    assert sum(answer.leveled_up for answer in answers) == 3


def test_one_of_two_calls_with_the_same_key_acts_and_the_other_repeats_its_answer(
    fresh: FreshDatabase, learn: Learn
) -> None:
    user = learn.make_user()
    lesson = learn.make_lesson(1)
    plain = learn.make_lesson(0)
    calls: list[Task[AwardSummary]] = [
        lambda learn: learn.submit_query(user, lesson.exercises[0], key="submit"),
        lambda learn: learn.complete_lesson(user, plain, 100, key="complete"),
        lambda learn: learn.award_xp(user, 7, key="award"),
        lambda learn: learn.record_activity(user, "question_answered_correctly", key="record"),
        lambda learn: learn.start_lesson(user, plain, key="start"),
        lambda learn: learn.grant_streak_freezes(user, 2, key="freeze"),
        lambda learn: learn.grant_achievement(user, "never-quit", key="grant"),
    ]
    for call in calls:
        answers = [outcome.result for outcome in race(fresh, [call] * 8)]
        assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
        assert len({repr({**answer._asdict(), "replayed": None}) for answer in answers}) == 1
    assert learn.value("select count(*) from learn.idempotency_keys where user_id = %s", [user]) == len(calls)
    assert learn.stats(user).total_xp == 10 + 5 + 50 + 20 + 50 + 20 + 7 + 10
    assert learn.stats(user).streak_freezes == 2


def test_a_failed_call_leaves_its_key_to_the_one_that_waited(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()

    def fail(learn: Learn) -> object:
        learn.award_xp(user, 9, key="key")
        return learn.run("select 1 / 0")

    assert interleave(fresh, fail, lambda learn: learn.award_xp(user, 9, key="key")) == ("22012", None)
    assert learn.ledger(user) == [(9, "manual", None)]


@pytest.mark.parametrize("repetition", range(3))
def test_a_completion_that_is_submitted_twice_counts_once(
    fresh: FreshDatabase, learn: Learn, repetition: int
) -> None:
    user = learn.make_user()
    lessons = [learn.make_lesson(0) for _ in range(5)]
    track = learn.make_track(*lessons)

    def complete_all(learn: Learn) -> bool:
        for lesson in lessons:
            learn.complete_lesson(user, lesson)
        return True

    outcomes = race(fresh, [complete_all] * 8)
    assert {outcome.sqlstate for outcome in outcomes} == {None}
    progress = learn.track_progress(user, track)
    assert (progress.status, progress.items_completed, progress.total_items) == ("completed", 5, 5)
    assert learn.stats(user).total_xp == 5 * 50 + 200
    assert learn.badges(user) == ["welcome-aboard", "first-lesson", "sql-beginner", "track-finisher"]


def test_a_transaction_reversed_twice_at_once_is_taken_back_once(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    learn.award_xp(user, 50)
    learn.award_xp(user, 30)
    transaction = learn.transactions(user)[0]
    outcomes = race(fresh, [lambda learn: learn.reverse_xp(user, transaction)] * 8)
    assert sorted(outcome.result.xp_awarded for outcome in outcomes) == [-50] + [0] * 7
    assert learn.stats(user).total_xp == 30


def test_racing_reversals_never_take_more_than_there_is(fresh: FreshDatabase, learn: Learn) -> None:
    user = learn.make_user()
    for _ in range(8):
        learn.award_xp(user, 10)
    learn.reverse_xp(user, learn.transactions(user)[0])
    transactions = learn.transactions(user)[1:8]

    def reverse(transaction: int) -> Task[AwardSummary]:
        return lambda learn: learn.reverse_xp(user, transaction)

    race(fresh, [*(reverse(number) for number in transactions), lambda learn: learn.award_xp(user, 3)])
    total = learn.stats(user).total_xp
    assert total == sum(amount for amount, _, _ in learn.ledger(user))
    assert 0 <= total <= 3


@pytest.mark.parametrize(
    "isolation",
    [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE],
    ids=["repeatable read", "serializable"],
)
def test_a_caller_with_an_old_snapshot_is_told_to_retry_or_is_right(
    fresh: FreshDatabase, learn: Learn, isolation: psycopg.IsolationLevel
) -> None:
    """Each call against each other of the same user, the second from a snapshot older than the first."""
    lesson, plain = learn.make_lesson(1), learn.make_lesson(0)
    track = learn.make_track(lesson, plain)
    learn.make_path(track)

    calls: dict[str, Task[object]] = {}
    user: UUID

    def call(name: str) -> None:
        def run(learn: Learn) -> object:
            if name == "answer":
                return learn.record_activity(user, "question_answered_correctly")
            if name == "post":
                return learn.record_activity(user, "discussion_posted", "discussion", "1")
            if name == "post with a key":
                return learn.record_activity(user, "reply_posted", "reply", "1", key="key")
            if name == "visit with a key":  # nothing of the user's is updated but the key
                return learn.record_activity(user, "reply_posted", key="key 2")
            if name == "batch with a key":
                element = {"user_id": user, "activity_type": "reply_posted"}
                return learn.record_activities(
                    [{**element, "subject_type": "reply", "subject_id": "1", "idempotency_key": "key"}]
                )
            if name == "award":
                return learn.award_xp(user, 3, "prize", "1")
            if name == "start":
                return learn.start_lesson(user, plain)
            if name == "complete":
                return learn.complete_lesson(user, plain)
            if name == "wrong":
                return learn.submit_query(user, lesson.exercises[0], False)
            if name == "solve":
                return learn.submit_query(user, lesson.exercises[0])
            if name == "freeze":
                return learn.grant_streak_freezes(user)
            return learn.grant_achievement(user, "never-quit")

        calls[name] = run

    for name in (
        *(
            "answer",
            "post",
            "post with a key",
            "visit with a key",
            "batch with a key",
            "award",
            "start",
            "complete",
        ),
        *("wrong", "solve", "freeze", "grant"),
    ):
        call(name)

    found: dict[tuple[str, str], tuple[str | None, str | None]] = {}
    with pair(fresh, isolation) as both:
        for first, second in ((a, b) for a in calls for b in calls):
            user = learn.make_user()
            found[first, second] = both.interleave(calls[first], calls[second])
    assert {
        pair: codes for pair, codes in found.items() if codes not in ((None, None), (None, "40001"))
    } == {}
    assert learn.check_integrity() == []
    assert (
        learn.tuples(
            "select user_id, source_type, source_id from learn.xp_transactions"
            " where source_id is not null group by 1, 2, 3 having count(*) > 1"
        )
        == []
    )
