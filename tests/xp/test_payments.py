"""What learning pays: the documented table, once for each fact."""

from __future__ import annotations

from uuid import UUID

import pytest

from tests.client import Learn


def rule(learn: Learn, activity_type: str) -> tuple[int, int | None]:
    ((amount, cap),) = learn.tuples(
        "select amount, daily_cap from learn.xp_rules where activity_type = %s", [activity_type]
    )
    return amount, cap


@pytest.mark.parametrize(
    ("activity_type", "amount"),
    [
        ("exercise_solved", 10),
        ("exercise_solved_first_try", 5),
        ("lesson_completed", 50),
        ("lesson_perfect", 20),
        ("track_completed", 200),
        ("question_answered_correctly", 10),
        ("quiz_perfect", 20),
    ],
)
def test_the_seeded_rules_are_those_of_the_products(learn: Learn, activity_type: str, amount: int) -> None:
    assert rule(learn, activity_type) == (amount, None)


def test_a_problem_solved_on_the_first_try_pays_ten_and_five(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    (exercise, _) = lesson.exercises
    assert learn.submit_query(user, exercise).xp_awarded == 15
    assert learn.ledger(user) == [
        (10, "exercise_solved", str(exercise)),
        (5, "exercise_solved_first_try", str(exercise)),
    ]


def test_a_problem_solved_later_pays_ten(learn: Learn) -> None:
    user, (exercise, _) = learn.make_user(), learn.make_lesson(2).exercises
    assert learn.submit_query(user, exercise, False).xp_awarded == 0
    assert learn.submit_query(user, exercise).xp_awarded == 10


def test_a_first_try_is_the_first_submission_also_when_it_failed(learn: Learn) -> None:
    user, (exercise, _) = learn.make_user(), learn.make_lesson(2).exercises
    learn.submit_query(user, exercise, False, "syntax error")
    assert learn.submit_query(user, exercise).xp_awarded == 10


def test_solving_a_problem_again_pays_nothing(learn: Learn) -> None:
    user, (exercise, _) = learn.make_user(), learn.make_lesson(2).exercises
    learn.submit_query(user, exercise)
    learn.submit_query(user, exercise, False)
    assert learn.submit_query(user, exercise).xp_awarded == 0
    assert learn.stats(user).total_xp == 15


def test_a_lesson_pays_fifty_and_twenty_more_when_perfect(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    learn.solve(user, lesson)
    assert learn.ledger(user)[-2:] == [
        (50, "lesson_completed", str(lesson.id)),
        (20, "lesson_perfect", str(lesson.id)),
    ]
    assert learn.stats(user).total_xp == 2 * 15 + 50 + 20


def test_a_lesson_with_a_wrong_submission_is_not_perfect(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(2)
    learn.solve(user, lesson, mistakes=1)
    assert learn.stats(user).total_xp == 10 + 15 + 50


@pytest.mark.parametrize(("score", "paid"), [(None, 50), (0, 50), (99.99, 50), (100, 70)])
def test_a_lesson_without_exercises_is_perfect_at_a_score_of_100(
    learn: Learn, score: float | None, paid: int
) -> None:
    assert learn.complete_lesson(learn.make_user(), learn.make_lesson(0), score).xp_awarded == paid


def test_a_score_just_below_100_is_not_rounded_to_a_perfect_one(learn: Learn) -> None:
    assert learn.complete_lesson(learn.make_user(), learn.make_lesson(0), 99.996).xp_awarded == 50


def test_second_completion_of_a_lesson_pays_nothing(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.complete_lesson(user, lesson, 80)
    assert learn.complete_lesson(user, lesson, 100).xp_awarded == 0
    assert learn.ledger(user) == [(50, "lesson_completed", str(lesson.id))]


@pytest.mark.parametrize(
    ("xp_reward", "difficulty", "multiplier", "paid"),
    [
        (None, None, None, 50),
        (None, "beginner", None, 50),
        (None, "medium", None, 100),
        (None, "hard", None, 150),
        (30, "hard", None, 90),
        (0, "hard", None, None),
        (5, "easy", "0.5", 3),  # 2.5, rounded half up
        (5, "easy", "0.49", 2),
        (7, "easy", "1.5", 11),  # 10.5
        (1, "easy", "0.49", None),
        (40, "easy", "0", None),
    ],
)
def test_a_lesson_pays_its_reward_times_the_difficulty_rounded_half_up(
    learn: Learn, xp_reward: int | None, difficulty: str | None, multiplier: str | None, paid: int | None
) -> None:
    if multiplier is not None:
        learn.run(
            "update learn.difficulties set xp_multiplier = %s::numeric where key = %s",
            [multiplier, difficulty],
        )
    user, lesson = learn.make_user(), learn.make_lesson(0, xp_reward=xp_reward, difficulty=difficulty)
    learn.complete_lesson(user, lesson)
    expected = [] if paid is None else [(paid, "lesson_completed", str(lesson.id))]
    assert learn.ledger(user) == expected


def test_the_difficulty_multiplies_neither_problems_nor_the_perfect_bonus(learn: Learn, user: UUID) -> None:
    learn.solve(user, learn.make_lesson(1, difficulty="hard"))
    assert [amount for amount, _, _ in learn.ledger(user)] == [10, 5, 150, 20]


@pytest.mark.parametrize(("completion_xp", "paid"), [(None, 200), (75, 75), (0, None)])
def test_a_track_pays_its_own_reward_or_the_rule(
    learn: Learn, completion_xp: int | None, paid: int | None
) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    track = learn.make_track(lesson, completion_xp=completion_xp)
    learn.complete_lesson(user, lesson)
    expected = [] if paid is None else [(paid, "track_completed", str(track.id))]
    assert learn.ledger(user)[1:] == expected


def test_a_changed_rule_applies_from_then_on(learn: Learn) -> None:
    user, first, second = learn.make_user(), learn.make_lesson(0), learn.make_lesson(0)
    learn.complete_lesson(user, first)
    learn.run("update learn.xp_rules set amount = 60 where activity_type = 'lesson_completed'")
    assert learn.complete_lesson(user, second).xp_awarded == 60
    assert learn.stats(user).total_xp == 110


def test_without_a_rule_a_fact_pays_nothing(learn: Learn) -> None:
    learn.run("delete from learn.xp_rules where activity_type = 'lesson_completed'")
    user = learn.make_user()
    assert learn.complete_lesson(user, learn.make_lesson(0)).xp_awarded == 0
    assert learn.complete_lesson(user, learn.make_lesson(0, xp_reward=30)).xp_awarded == 30


def test_a_lesson_in_two_tracks_moves_both_and_pays_once(learn: Learn) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(0)
    learn.make_track(lesson)
    learn.make_track(lesson)
    assert learn.complete_lesson(user, lesson).xp_awarded == 50 + 200 + 200


@pytest.mark.parametrize("is_completed_first", [True, False])
def test_a_completion_told_by_record_activity_as_well_is_one_completion(
    learn: Learn, is_completed_first: bool
) -> None:
    user, lesson = learn.make_user(), learn.make_lesson(1)
    track = learn.make_track(lesson)
    told = [
        ("exercise_solved", "exercise", str(lesson.exercises[0])),
        ("exercise_solved_first_try", "exercise", str(lesson.exercises[0])),
        ("lesson_completed", "lesson", str(lesson.id)),
        ("lesson_perfect", "lesson", str(lesson.id)),
        ("track_completed", "track", str(track.id)),
        ("difficulty_completed", "difficulty", "intermediate"),
    ]
    if is_completed_first:
        learn.solve(user, lesson)
    for activity, subject_type, subject_id in told:
        learn.record_activity(user, activity, subject_type, subject_id)
    if not is_completed_first:
        learn.solve(user, lesson)
    assert sorted(learn.ledger(user)) == [
        (5, "exercise_solved_first_try", str(lesson.exercises[0])),
        (10, "exercise_solved", str(lesson.exercises[0])),
        (20, "lesson_perfect", str(lesson.id)),
        (50, "lesson_completed", str(lesson.id)),
        (200, "track_completed", str(track.id)),
    ]
    for activity, subject_type, subject_id in told:
        assert learn.facts(user, activity) == [(activity, subject_type, subject_id)]
    assert learn.metric(user, "lessons_completed") == 1
    assert learn.metric(user, "tracks_completed") == 1


# ── daily caps ─────────────────────────────────────────────────────────────────────────────────────────────


def paid_each(learn: Learn, summaries: int, user: object, activity: str) -> list[int]:
    return [learn.record_activity(user, activity).xp_awarded for _ in range(summaries)]


def test_a_daily_cap_cuts_what_a_day_pays(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=25), learn.make_user()
    assert paid_each(learn, 4, user, activity) == [10, 10, 5, 0]
    assert learn.ledger(user) == [(10, activity, None), (10, activity, None), (5, activity, None)]


def test_a_cap_of_nothing_pays_nothing(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=0), learn.make_user()
    assert paid_each(learn, 2, user, activity) == [0, 0]


def test_a_cap_holds_for_one_type_and_one_user(learn: Learn) -> None:
    capped, other = (
        learn.make_activity_type(xp=10, daily_cap=10),
        learn.make_activity_type(xp=10, daily_cap=10),
    )
    user, neighbour = learn.make_user(), learn.make_user()
    assert paid_each(learn, 2, user, capped) == [10, 0]
    assert paid_each(learn, 1, user, other) == [10]
    assert paid_each(learn, 1, neighbour, capped) == [10]


def test_the_next_day_has_a_cap_of_its_own(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=10), learn.make_user()
    learn.set_clock("2035-06-13 23:59:59")
    assert paid_each(learn, 2, user, activity) == [10, 0]
    learn.set_clock("2035-06-14 00:00:00")
    assert paid_each(learn, 2, user, activity) == [10, 0]


def test_the_day_of_a_cap_is_the_learners(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=10), learn.make_user(timezone="Asia/Tokyo")
    learn.set_clock("2035-06-13 14:59:59")  # 23:59:59 in Tokyo
    assert paid_each(learn, 2, user, activity) == [10, 0]
    learn.set_clock("2035-06-13 15:00:00")
    assert paid_each(learn, 1, user, activity) == [10]


def test_facts_that_are_dated_back_use_up_the_cap_of_today(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=15), learn.make_user()
    assert learn.record_activity(user, activity, at="2035-05-20 12:00").xp_awarded == 10
    assert learn.record_activity(user, activity, at="2035-05-21 13:00").xp_awarded == 5
    assert learn.record_activity(user, activity, at="2035-05-22 14:00").xp_awarded == 0
    assert paid_each(learn, 1, user, activity) == [0]


@pytest.mark.parametrize("days", [[0, 1, 0, 2], [3, 2, 1, 0], [0, 0, 1, 1]])
def test_in_one_statement_the_cap_goes_by_the_order_of_facts(learn: Learn, days: list[int]) -> None:
    """Whatever days they are dated: what single calls would pay."""
    activity, user = learn.make_activity_type(xp=10, daily_cap=25), learn.make_user()
    batch = [
        {"user_id": user, "activity_type": activity, "occurred_at": f"2035-06-{10 - day:02}T12:00:00Z"}
        for day in days
    ]
    learn.record_activities(batch)
    rows = learn.tuples(
        "select extract(day from earned_on)::integer, amount from learn.xp_transactions"
        " where user_id = %s order by id",
        [user],
    )
    assert rows == [(10 - day, paid) for day, paid in zip(days, [10, 10, 5], strict=False)]


def test_a_batch_over_the_cap_pays_up_to_it(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=25), learn.make_user()
    paid_each(learn, 1, user, activity)
    batch = [{"user_id": user, "activity_type": activity} for _ in range(4)]
    batch.append({"user_id": user, "activity_type": activity, "occurred_at": "2035-06-12T12:00:00Z"})
    (summary,) = learn.record_activities(batch)
    assert summary.xp_awarded == 15
    assert [amount for amount, _, _ in learn.ledger(user)] == [10, 10, 5]


def test_a_cap_holds_also_for_what_content_pays_itself(learn: Learn) -> None:
    learn.run("update learn.xp_rules set daily_cap = 60 where activity_type = 'lesson_completed'")
    user = learn.make_user()
    assert learn.complete_lesson(user, learn.make_lesson(0, xp_reward=45)).xp_awarded == 45
    assert learn.complete_lesson(user, learn.make_lesson(0, xp_reward=45)).xp_awarded == 15


def test_a_reversal_does_not_make_room_under_the_cap(learn: Learn) -> None:
    activity, user = learn.make_activity_type(xp=10, daily_cap=10), learn.make_user()
    paid_each(learn, 1, user, activity)
    learn.reverse_xp(user, learn.transactions(user)[0])
    assert paid_each(learn, 1, user, activity) == [0]
