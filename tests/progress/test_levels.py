"""Levels of courses: unlocked in order, completed by policy, refused while locked; tiers pay once each."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest

from tests.client import Course, CourseLevel, CourseProgress, Learn, Lesson, moment
from tests.properties.snapshots import Snapshot, differences, snapshot

NOON = moment("2035-06-13 12:00")


class Leveled:
    """A course of levels, each with lessons of the given tiers."""

    def __init__(self, learn: Learn, *tiers: tuple[str, ...], exercises: int = 0, completion_xp: int = 0):
        self.course: Course = learn.make_course(completion_xp=completion_xp)
        self.levels: list[CourseLevel] = []
        self.lessons: list[list[Lesson]] = []
        for keys in tiers:
            self.levels.append(learn.make_course_level(self.course))
            self.lessons.append(
                [
                    learn.make_lesson(exercises, level=self.levels[-1], difficulty=key, xp_reward=20)
                    for key in keys
                ]
            )

    def named(self, unlocked: list[tuple[str, bool]]) -> list[tuple[int, bool]]:
        """Numbers of the levels, for their slugs."""
        slugs = [level.slug for level in self.levels]
        return [(slugs.index(slug) + 1, done) for slug, done in unlocked]


TIERS = ("easy", "medium", "hard")


def flip(learn: Learn, table: str, row: int, published: bool = False) -> None:
    learn.run(f"update learn.{table} set is_published = %s where id = %s", [published, row])


def insert_completions(learn: Learn, user: UUID, *lessons: Lesson) -> None:
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
        " select %s, l, 'completed' from unnest(%s) with ordinality t(l, n) order by n",
        [user, [lesson.id for lesson in lessons]],
    )


def insert_solutions(learn: Learn, user: UUID, *exercises: int) -> None:
    learn.run(
        "insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct)"
        " select %s, e, 'select 1', true from unnest(%s) with ordinality t(e, n) order by n",
        [user, list(exercises)],
    )


# ── unlocking ──────────────────────────────────────────────────────────────────────────────────────────────


def test_enrolling_unlocks_the_first_level_and_says_so(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, TIERS, TIERS)
    summary = learn.enroll_in_course(user, c.course)
    assert summary.unlocked == {"levels": [{"course": c.course.slug, "level": c.levels[0].slug}]}
    assert c.named(learn.unlocked_levels(user)) == [(1, False)]
    assert learn.enroll_in_course(user, c.course).unlocked == {}


def test_completing_a_level_unlocks_the_next_and_the_last_completes_the_course(
    learn: Learn, user: UUID
) -> None:
    c = Leveled(learn, TIERS, TIERS, TIERS, completion_xp=100)
    learn.enroll_in_course(user, c.course)
    for number, lessons in enumerate(c.lessons, 1):
        summary = learn.complete_lesson(user, lessons[0])
        following = c.levels[number : number + 1]
        assert summary.unlocked.get("levels", []) == [
            {"course": c.course.slug, "level": level.slug} for level in following
        ]
        assert summary.xp_awarded == 20 + (0 if following else 100)
        done = [(n, n <= number) for n in range(1, min(number + 1, 3) + 1)]
        assert c.named(learn.unlocked_levels(user)) == done
    assert [subject for _, _, subject in learn.facts(user, "level_completed")] == [
        str(level.id) for level in c.levels
    ]
    assert learn.course_progress(user, c.course) == CourseProgress(
        "completed", 3, 9, 3, 3, Decimal(100), Decimal("16.67"), NOON
    )


def test_levels_follow_their_positions_then_their_ids(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    last, first, second = (learn.make_course_level(course, position=position) for position in (7, -1, -1))
    for level in (last, first, second):
        learn.make_lesson(0, level=level)
    lessons = {lesson.id: lesson for lesson in learn.lessons_of(course)}
    learn.enroll_in_course(user, course)
    for expected in (first, second, last):
        slug, _ = learn.unlocked_levels(user)[-1]
        assert slug == expected.slug
        (lesson,) = (
            lessons[number]
            for (number,) in learn.tuples(
                "select id from learn.lessons where course_level_id = %s", [expected.id]
            )
        )
        learn.complete_lesson(user, lesson)


@pytest.mark.parametrize("between", ["empty", "unpublished", "lessons unpublished", "several"])
def test_a_level_with_nothing_to_complete_keeps_nobody_from_the_next(
    learn: Learn, user: UUID, between: str
) -> None:
    c = Leveled(learn, ("easy",), () if between == "empty" else ("easy",), ("easy",))
    if between in ("unpublished", "several"):
        flip(learn, "course_levels", c.levels[1].id)
    if between == "several":
        for _ in range(2):
            learn.make_course_level(c.course, position=2)
    if between == "lessons unpublished":
        flip(learn, "lessons", c.lessons[1][0].id)
    learn.complete_lesson(user, c.lessons[0][0])
    assert c.levels[2].slug in [slug for slug, _ in learn.unlocked_levels(user)]
    learn.complete_lesson(user, c.lessons[2][0])
    progress = learn.course_progress(user, c.course)
    assert (progress.levels_completed, progress.total_levels, progress.status) == (2, 2, "completed")


def test_an_empty_first_level_and_the_one_behind_it_are_open(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, (), ("easy",), ("easy",))
    learn.enroll_in_course(user, c.course)
    assert c.named(learn.unlocked_levels(user)) == [(1, False), (2, False)]
    learn.complete_lesson(user, c.lessons[1][0])
    assert c.named(learn.unlocked_levels(user)) == [(1, False), (2, True), (3, False)]


def test_a_course_without_levels_unlocks_nothing(learn: Learn, user: UUID) -> None:
    course = learn.make_course(2)
    assert learn.enroll_in_course(user, course).unlocked == {}
    assert learn.unlocked_levels(user) == []


def test_lessons_directly_in_a_course_with_levels_count_for_mastery_only(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",))
    direct = learn.make_lesson(0, course=c.course, difficulty="hard")
    learn.complete_lesson(user, direct)
    assert learn.course_progress(user, c.course) == CourseProgress(
        "in_progress", 1, 2, 0, 1, Decimal(0), Decimal(75), None
    )
    learn.complete_lesson(user, c.lessons[0][0])
    assert learn.course_progress(user, c.course) == CourseProgress(
        "completed", 2, 2, 1, 1, Decimal(100), Decimal(100), NOON
    )


def test_levels_of_two_courses_are_independent(learn: Learn, user: UUID) -> None:
    one, two = Leveled(learn, ("easy",), ("easy",)), Leveled(learn, ("easy",), ("easy",))
    learn.complete_lesson(user, one.lessons[0][0])
    with learn.refuses("LX005"):
        learn.complete_lesson(user, two.lessons[1][0])


# ── locked ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("enrolled", [True, False])
def test_a_lesson_of_a_locked_level_is_refused_whoever_writes_it(
    learn: Learn, user: UUID, enrolled: bool
) -> None:
    c = Leveled(learn, ("easy",), ("easy", "hard"), exercises=0)
    exercise = learn.make_exercise(c.lessons[1][1])
    if enrolled:
        learn.enroll_in_course(user, c.course)
    with learn.refuses("LX005") as refusal:
        learn.complete_lesson(user, c.lessons[1][0])
    assert c.levels[1].slug in refusal.detail
    assert c.levels[0].slug in refusal.hint
    with learn.refuses("LX005"):
        learn.start_lesson(user, c.lessons[1][0])
    with learn.refuses("LX005"):
        learn.submit_query(user, exercise)
    with learn.refuses("LX005"):
        insert_completions(learn, user, c.lessons[1][0])
    with learn.refuses("LX005"):
        insert_completions(learn, user, c.lessons[1][0], learn.make_lesson(0))


def test_a_row_that_is_updated_to_completed_in_a_locked_level_is_refused(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",), ("easy",))
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status) values (%s, %s, 'in_progress')",
        [user, c.lessons[1][0].id],
    )
    with learn.refuses("LX005"):
        learn.run("update learn.user_lesson_progress set status = 'completed'")


def test_another_user_s_unlock_opens_nothing(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",), ("easy",))
    learn.complete_lesson(learn.make_user(), c.lessons[0][0])
    with learn.refuses("LX005"):
        learn.complete_lesson(user, c.lessons[1][0])


def test_the_first_level_is_open_without_enrolment(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",), ("easy",))
    learn.start_lesson(user, c.lessons[0][0])
    learn.complete_lesson(user, c.lessons[0][0])
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, False)]


def test_a_completed_lesson_may_be_completed_again_behind_a_lock(learn: Learn, user: UUID) -> None:
    """It was completed before it was put into the level."""
    c = Leveled(learn, ("easy",), ("easy",))
    lesson = learn.make_lesson(0)
    learn.complete_lesson(user, lesson)
    learn.run("update learn.lessons set course_level_id = %s where id = %s", [c.levels[1].id, lesson.id])
    assert learn.complete_lesson(user, lesson, time_spent_seconds=3).xp_awarded == 0
    assert learn.start_lesson(user, lesson).xp_awarded == 0


def test_a_retried_call_of_a_level_that_is_locked_by_now_repeats_its_answer(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",))
    first = learn.complete_lesson(user, c.lessons[0][0], key="k")
    before = learn.make_course_level(c.course, position=0)
    learn.make_lesson(0, level=before)
    again = learn.complete_lesson(user, c.lessons[0][0], key="k")
    assert (again.replayed, again.xp_awarded) == (True, first.xp_awarded)


def test_a_statement_that_completes_levels_in_a_row_is_as_one_by_one(learn: Learn) -> None:
    c = Leveled(learn, TIERS, TIERS, TIERS, completion_xp=30)
    user, other = learn.make_user(), learn.make_user()
    learn.enroll_in_course(other, c.course)
    chosen = [lessons[n] for n, lessons in enumerate(c.lessons)]

    def state() -> Snapshot:
        rows = snapshot(
            learn,
            [user, other],
            without=("id", "evidence", "earned_at", "recorded_at", "created_at", "unlocked_at"),
        )
        for table in ("learn.activity_log", "learn.xp_transactions"):
            rows[table].sort(key=repr)
        return rows

    with learn.connection.transaction(force_rollback=True):
        for who in (user, other):
            insert_completions(learn, who, *chosen)
        together = state()
        assert learn.check_integrity() == []
    with learn.connection.transaction(force_rollback=True):
        for who in (user, other):
            insert_completions(learn, who, *chosen[::-1])  # whatever the order of its rows
        backwards = state()
    with learn.connection.transaction(force_rollback=True):
        for who in (user, other):
            for lesson in chosen:
                learn.complete_lesson(who, lesson)
        called = state()
    assert differences(together, called) == {}
    assert differences(together, backwards) == {}
    assert {row["completed_at"] is not None for row in together["learn.user_level_unlocks"]} == {True}


def test_a_statement_that_skips_a_level_is_refused_whole(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",), ("easy",), ("easy",))
    with learn.refuses("LX005"):
        insert_completions(learn, user, c.lessons[0][0], c.lessons[2][0])


# ── solved behind a lock ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("enrolled", [True, False])
def test_exercises_solved_behind_a_lock_complete_their_lesson_when_it_opens(
    learn: Learn, user: UUID, enrolled: bool
) -> None:
    """Such as submissions that were imported."""
    c = Leveled(learn, ("easy",), ("easy",), ("easy",), exercises=1, completion_xp=9)
    if enrolled:
        learn.enroll_in_course(user, c.course)
    insert_solutions(learn, user, c.lessons[1][0].exercises[0], c.lessons[2][0].exercises[0])
    assert learn.facts(user, "lesson_completed") == []
    summary = learn.solve(user, c.lessons[0][0])
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, True), (3, True)]
    assert summary.xp_awarded == 15 + 3 * (20 + 20) + 9
    assert learn.course_progress(user, c.course) == CourseProgress(
        "completed", 3, 3, 3, 3, Decimal(100), Decimal(100), NOON
    )


def test_a_statement_that_solves_levels_in_any_order_completes_them_all(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",), ("easy",), ("easy",), exercises=2)
    exercises = [exercise for (lesson,) in c.lessons for exercise in lesson.exercises]
    insert_solutions(learn, user, *exercises[::-1])
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, True), (3, True)]
    assert len(learn.facts(user, "lesson_completed")) == 3


def test_a_solved_lesson_moved_out_from_behind_a_lock_completes(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, ("easy",), ("easy",), exercises=1)
    insert_solutions(learn, user, c.lessons[1][0].exercises[0])
    learn.run(
        "update learn.lessons set course_id = null, course_level_id = null where id = %s",
        [c.lessons[1][0].id],
    )
    assert len(learn.facts(user, "lesson_completed")) == 1


# ── policy ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_by_the_policy_all_a_level_asks_for_every_published_tier(learn: Learn, user: UUID) -> None:
    learn.set_setting("level_completion_policy", "all")
    c = Leveled(learn, TIERS, ("easy",))
    flip(learn, "lessons", c.lessons[0][1].id)
    learn.complete_lesson(user, c.lessons[0][2])
    assert c.named(learn.unlocked_levels(user)) == [(1, False)]
    learn.complete_lesson(user, c.lessons[0][0])
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, False)]


def test_turning_to_any_completes_levels_that_are_so_by_now_in_a_chain(learn: Learn, user: UUID) -> None:
    learn.set_setting("level_completion_policy", "all")
    c = Leveled(learn, TIERS, ("easy",), completion_xp=70)
    extra = learn.make_lesson(0)
    learn.complete_lesson(user, extra)
    learn.run("update learn.lessons set course_level_id = %s where id = %s", [c.levels[1].id, extra.id])
    learn.complete_lesson(user, c.lessons[0][2])
    learn.set_setting("level_completion_policy", "any")
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, True)]
    assert learn.ledger(user)[-1] == (70, "course_completed", str(c.course.id))


def test_turning_to_all_takes_no_completed_level_away(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, TIERS, TIERS, TIERS)
    learn.complete_lesson(user, c.lessons[0][0])
    learn.set_setting("level_completion_policy", "all")
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, False)]
    learn.complete_lesson(user, c.lessons[1][0])
    assert c.named(learn.unlocked_levels(user)) == [(1, True), (2, False)]
    progress = learn.course_progress(user, c.course)
    assert progress.completion_percentage == Decimal("33.33")


def test_other_settings_and_the_same_policy_again_change_nothing(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, TIERS)
    learn.complete_lesson(user, c.lessons[0][0])
    facts = learn.facts(user)
    learn.set_setting("level_completion_policy", "any")
    learn.set_setting("speed_runner_seconds", 30)
    assert learn.facts(user) == facts


# ── tiers ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_tier_pays_once_times_one_two_and_three(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, TIERS)
    assert [learn.complete_lesson(user, lesson).xp_awarded for lesson in c.lessons[0]] == [20, 40, 60]
    assert [learn.complete_lesson(user, lesson).xp_awarded for lesson in c.lessons[0]] == [0, 0, 0]
    assert learn.stats(user).total_xp == 120
    assert len(learn.facts(user, "level_completed")) == 1


def test_tiers_of_a_completed_level_raise_mastery_only(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, TIERS, TIERS)
    seen = []
    for lesson in (*c.lessons[0], *c.lessons[1]):
        learn.complete_lesson(user, lesson)
        progress = learn.course_progress(user, c.course)
        seen.append((progress.completion_percentage, progress.mastery_percentage))
    assert seen == [
        (Decimal(completion), Decimal(mastery))
        for completion, mastery in (
            *(("50", "8.33"), ("50", "25.00"), ("50", "50.00")),
            *(("100", "58.33"), ("100", "75.00"), ("100", "100.00")),
        )
    ]


def test_a_level_is_completed_when_its_lesson_was(learn: Learn, user: UUID) -> None:
    c = Leveled(learn, TIERS)
    learn.complete_lesson(user, c.lessons[0][0], at="2035-06-10 09:00")
    assert learn.tuples(
        "select unlocked_at, completed_at from learn.user_level_unlocks where user_id = %s", [user]
    ) == [(moment("2035-06-10 09:00"), moment("2035-06-10 09:00"))]
