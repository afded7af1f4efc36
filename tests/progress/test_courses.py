"""Enrolment in courses, prerequisites, live percentages, mastery, completion; courses as items of tracks."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.client import Course, CourseProgress, Learn, Lesson, PathProgress, TrackProgress, moment
from tests.properties.snapshots import Snapshot, differences, snapshot

NOON = moment("2035-06-13 12:00")
LATER = "2035-06-14 12:00"


def progress(learn: Learn, user: UUID, course: Course) -> CourseProgress:
    return learn.course_progress(user, course)


def lessons(learn: Learn, course: Course) -> list[Lesson]:
    return learn.lessons_of(course)


def complete_course(learn: Learn, user: UUID, course: Course) -> None:
    for lesson in learn.lessons_of(course):
        learn.complete_lesson(user, lesson)


def insert_completions(learn: Learn, rows: list[tuple[UUID, Lesson]]) -> None:
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
        " select u, l, 'completed' from unnest(%s::uuid[], %s::bigint[]) with ordinality t(u, l, n)"
        " order by n",
        [[user for user, _ in rows], [lesson.id for _, lesson in rows]],
    )


def everything(learn: Learn, users: list[UUID]) -> Snapshot:
    """What users have, without what differs between one statement and several."""
    rows = snapshot(
        learn, users, without=("id", "earned_at", "evidence", "recorded_at", "created_at", "unlocked_at")
    )
    for table in ("learn.activity_log", "learn.xp_transactions"):
        rows[table].sort(key=repr)
    return rows


# ── enrolment ──────────────────────────────────────────────────────────────────────────────────────────────


def test_enrolling_makes_a_row_and_a_fact_and_pays_nothing(learn: Learn, user: UUID) -> None:
    course = learn.make_course(2)
    summary = learn.enroll_in_course(user, course)
    assert (summary.xp_awarded, summary.unlocked, summary.current_streak) == (0, {}, 0)
    assert progress(learn, user, course) == CourseProgress(
        "not_started", 0, 2, 0, 0, Decimal(0), Decimal(0), None
    )
    assert learn.facts(user, "course_enrolled") == [("course_enrolled", "course", str(course.id))]


def test_enrolling_again_changes_nothing(learn: Learn, user: UUID) -> None:
    course = learn.make_course(2)
    learn.enroll_in_course(user, course)
    before = everything(learn, [user])
    learn.set_clock(LATER)
    summary = learn.enroll_in_course(user, course)
    assert (summary.xp_awarded, summary.replayed) == (0, False)
    assert differences(everything(learn, [user]), before) == {}


def test_enrolling_again_does_not_ask_for_a_prerequisite_that_came_later(learn: Learn, user: UUID) -> None:
    course = learn.make_course(2)
    learn.enroll_in_course(user, course)
    learn.make_course_prerequisite(course, learn.make_course(1))
    learn.enroll_in_course(user, course)
    complete_course(learn, user, course)
    assert progress(learn, user, course).status == "completed"


def test_an_enrolment_has_the_time_of_the_call(learn: Learn, user: UUID) -> None:
    course = learn.make_course(1)
    learn.enroll_in_course(user, course, at="2035-06-01 08:00")
    assert learn.value("select enrolled_at from learn.user_course_progress") == moment("2035-06-01 08:00")


def test_refusals_of_enrolment(learn: Learn, user: UUID) -> None:
    course, hidden = learn.make_course(1), learn.make_course(1, published=False)
    with learn.refuses("LX002"):
        learn.enroll_in_course(uuid4(), course)
    for unknown in (999_999_999, None):
        with learn.refuses("LX003"):
            learn.enroll_in_course(user, unknown)
    with learn.refuses("LX004"):
        learn.enroll_in_course(user, hidden)
    for at in ("2035-06-13 12:06", "2035-05-01 12:00"):
        with learn.refuses("LX001"):
            learn.enroll_in_course(user, course, at=at)
    learn.run("update learn.users set is_active = false where id = %s", [user])
    with learn.refuses("LX004"):
        learn.enroll_in_course(user, course)


def test_a_retried_enrolment_returns_the_first_answer(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    level = learn.make_course_level(course)
    learn.make_lesson(0, level=level)
    first = learn.enroll_in_course(user, course, key="enrol")
    again = learn.enroll_in_course(user, course, key="enrol")
    assert first.unlocked == {"levels": [{"course": course.slug, "level": level.slug}]}
    assert (again.replayed, again.unlocked) == (True, first.unlocked)
    with learn.refuses("LX013"):
        learn.enroll_in_course(user, learn.make_course(1), key="enrol")
    with learn.refuses("LX013"):
        learn.complete_lesson(user, learn.make_lesson(0), key="enrol")


def test_completing_a_lesson_enrols(learn: Learn, user: UUID) -> None:
    course = learn.make_course(2)
    learn.complete_lesson(user, lessons(learn, course)[0], at="2035-06-12 10:00")
    assert progress(learn, user, course) == CourseProgress(
        "in_progress", 1, 2, 0, 0, Decimal(50), Decimal(50), None
    )
    assert [kind for kind, _, _ in learn.facts(user)] == [
        "user_registered",
        "achievement_earned",
        "lesson_completed",
        "achievement_earned",
        "course_enrolled",
    ]
    assert learn.tuples("select enrolled_at, last_activity_at from learn.user_course_progress") == [
        (moment("2035-06-12 10:00"), moment("2035-06-12 10:00"))
    ]


def test_solving_the_exercises_of_a_lesson_enrols(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    lesson = learn.make_lesson(2, course=course)
    learn.submit_query(user, lesson.exercises[0])
    assert learn.course_progress(user, course) is None
    learn.submit_query(user, lesson.exercises[1])
    assert progress(learn, user, course).status == "completed"


def test_starting_a_lesson_does_not_enrol(learn: Learn, user: UUID) -> None:
    course = learn.make_course(1)
    learn.start_lesson(user, lessons(learn, course)[0])
    assert learn.course_progress(user, course) is None


def test_enrolling_counts_lessons_that_were_completed_before_they_were_in_the_course(
    learn: Learn, user: UUID
) -> None:
    lesson, course = learn.make_lesson(0, difficulty="hard"), learn.make_course(1)
    learn.complete_lesson(user, lesson, time_spent_seconds=90)
    learn.run("update learn.lessons set course_id = %s where id = %s", [course.id, lesson.id])
    assert learn.course_progress(user, course) is None
    learn.enroll_in_course(user, course)
    assert progress(learn, user, course) == CourseProgress(
        "in_progress", 1, 2, 0, 0, Decimal(50), Decimal(75), None
    )
    assert learn.value("select time_spent_seconds from learn.user_course_progress") == 90


def test_enrolling_in_a_course_that_is_complete_already_completes_it(learn: Learn, user: UUID) -> None:
    lesson, course = learn.make_lesson(0), learn.make_course(completion_xp=30)
    learn.complete_lesson(user, lesson)
    learn.run("update learn.lessons set course_id = %s where id = %s", [course.id, lesson.id])
    learn.set_clock(LATER)
    assert learn.enroll_in_course(user, course).xp_awarded == 30
    assert progress(learn, user, course).completed_at == NOON


def test_a_row_written_by_the_owner_enrols(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    level = learn.make_course_level(course)
    learn.make_lesson(0, level=level)
    learn.run(
        "insert into learn.user_course_progress (user_id, course_id, enrolled_at, lessons_completed,"
        " total_lessons) values (%s, %s, '2035-01-01', 5, 9)",
        [user, course.id],
    )
    assert progress(learn, user, course) == CourseProgress(
        "not_started", 0, 1, 0, 1, Decimal(0), Decimal(0), None
    )
    assert learn.unlocked_levels(user) == [(level.slug, False)]
    assert learn.facts(user, "course_enrolled") != []


def test_an_imported_completion_pays_counts_and_moves_the_track(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    course = learn.make_course(3, track=track, completion_xp=30)
    learn.run(
        "insert into learn.user_course_progress (user_id, course_id, enrolled_at, completed_at)"
        " values (%s, %s, '2035-01-01', '2035-02-01 12:00+0')",
        [user, course.id],
    )
    assert progress(learn, user, course) == CourseProgress(
        "completed", 0, 3, 0, 0, Decimal(0), Decimal(0), moment("2035-02-01 12:00")
    )
    assert learn.ledger(user) == [
        (30, "course_completed", str(course.id)),
        (200, "track_completed", str(track.id)),
    ]


def bulk_users(learn: Learn, count: int) -> list[UUID]:
    return sorted(learn.make_user() for _ in range(count))


def test_a_hundred_users_in_three_courses_by_one_statement_are_as_one_by_one(learn: Learn) -> None:
    track = learn.make_track()
    courses = [learn.make_course(2, completion_xp=5), learn.make_course(1, track=track), learn.make_course()]
    for _ in range(3):
        level = learn.make_course_level(courses[2])
        for difficulty in ("easy", "hard"):
            learn.make_lesson(0, level=level, difficulty=difficulty)
    users = bulk_users(learn, 100)
    for user in users[::10]:
        learn.complete_lesson(user, lessons(learn, courses[0])[0])
    pairs = [
        (user, course) for user in users for course in courses if not learn.course_progress(user, course)
    ]

    def enrol(rows: list[tuple[UUID, Course]]) -> None:
        learn.run(
            "insert into learn.user_course_progress (user_id, course_id) select * from unnest(%s, %s)",
            [[user for user, _ in rows], [course.id for _, course in rows]],
        )

    with learn.connection.transaction(force_rollback=True):
        enrol(pairs)
        together = everything(learn, users)
        assert learn.check_integrity() == []
    with learn.connection.transaction(force_rollback=True):
        for pair in pairs:
            enrol([pair])
        alone = everything(learn, users)
    with learn.connection.transaction(force_rollback=True):
        for user, course in pairs:
            learn.enroll_in_course(user, course)
        called = everything(learn, users)
    assert differences(together, alone) == {}
    assert differences(together, called) == {}
    assert len(together["learn.user_course_progress"]) == 300
    assert len(together["learn.user_level_unlocks"]) == 100


def test_completions_of_many_users_by_one_statement_are_as_one_by_one(learn: Learn) -> None:
    track = learn.make_track()
    courses = [learn.make_course(2, completion_xp=5, track=track), learn.make_course(completion_xp=7)]
    for _ in range(3):
        level = learn.make_course_level(courses[1])
        for difficulty in ("easy", "hard"):
            learn.make_lesson(0, level=level, difficulty=difficulty)
    users = bulk_users(learn, 12)
    for user in users[::2]:
        learn.enroll_in_course(user, courses[1])
    rows = [(user, lesson) for course in courses for lesson in lessons(learn, course) for user in users]
    with learn.connection.transaction(force_rollback=True):
        insert_completions(learn, rows)
        together = everything(learn, users)
        assert learn.check_integrity() == []
    with learn.connection.transaction(force_rollback=True):
        for row in rows:
            insert_completions(learn, [row])
        alone = everything(learn, users)
    assert differences(together, alone) == {}
    assert {row["status"] for row in together["learn.user_course_progress"]} == {"completed"}


@pytest.mark.parametrize("leveled", [True, False])
@pytest.mark.parametrize("enrolled", [True, False])
@pytest.mark.parametrize("begun", [0, 1, 3])
def test_an_upsert_of_some_new_and_some_begun_lessons_counts_each_once(
    learn: Learn, user: UUID, leveled: bool, enrolled: bool, begun: int
) -> None:
    course = learn.make_course()
    level = learn.make_course_level(course) if leveled else None
    made = [learn.make_lesson(0, course=course, level=level, difficulty=key) for key in ("easy", "medium")]
    made += [learn.make_lesson(0, course=course) for _ in range(6)]
    if enrolled:
        learn.enroll_in_course(user, course)
    for lesson in made[:begun]:
        learn.start_lesson(user, lesson)
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status, time_spent_seconds)"
        " select %s, l, 'completed', 10 from unnest(%s) with ordinality t(l, n) order by n"
        " on conflict (user_id, lesson_id) do update"
        " set status = 'completed', time_spent_seconds = excluded.time_spent_seconds",
        [user, [lesson.id for lesson in made[:4]]],
    )
    now = progress(learn, user, course)
    assert (now.lessons_completed, now.mastery_percentage) == (4, Decimal("55.56"))
    assert activity(learn, user)[0] == 40
    learn.complete_lesson(user, made[4], time_spent_seconds=10)
    assert (progress(learn, user, course).lessons_completed, activity(learn, user)[0]) == (5, 50)


# ── prerequisites ──────────────────────────────────────────────────────────────────────────────────────────


def test_enrolment_waits_for_required_prerequisites(learn: Learn, user: UUID) -> None:
    course, one, two, tip = (learn.make_course(1) for _ in range(4))
    learn.make_course_prerequisite(course, one)
    learn.make_course_prerequisite(course, two)
    learn.make_course_prerequisite(course, tip, required=False)
    with learn.refuses("LX006") as refusal:
        learn.enroll_in_course(user, course)
    assert one.slug in refusal.detail
    assert two.slug in refusal.detail
    assert tip.slug not in refusal.detail
    complete_course(learn, user, one)
    with learn.refuses("LX006") as refusal:
        learn.enroll_in_course(user, course)
    assert one.slug not in refusal.detail
    complete_course(learn, user, two)
    learn.enroll_in_course(user, course)
    assert progress(learn, user, course).status == "not_started"


def test_completing_a_lesson_of_a_course_waits_for_its_prerequisites(learn: Learn, user: UUID) -> None:
    course, needed = learn.make_course(1), learn.make_course(1)
    learn.make_course_prerequisite(course, needed)
    (lesson,) = lessons(learn, course)
    with learn.refuses("LX006"):
        learn.complete_lesson(user, lesson)
    with learn.refuses("LX006"):
        insert_completions(learn, [(user, lesson)])
    complete_course(learn, user, needed)
    assert learn.complete_lesson(user, lesson).xp_awarded == 50


@pytest.mark.parametrize("way", ["unpublished", "empty", "emptied", "deleted", "recommended"])
def test_a_prerequisite_that_nobody_can_complete_keeps_nobody_out(learn: Learn, user: UUID, way: str) -> None:
    course, needed = learn.make_course(1), learn.make_course(0 if way == "empty" else 1)
    learn.make_course_prerequisite(course, needed)
    statement = {
        "unpublished": "update learn.courses set is_published = false where id = %s",
        "emptied": "delete from learn.lessons where course_id = %s",
        "deleted": "delete from learn.courses where id = %s",
        "recommended": "update learn.course_prerequisites set is_required = false"
        " where prerequisite_course_id = %s",
    }
    if way != "empty":
        with learn.refuses("LX006"):
            learn.enroll_in_course(user, course)
        learn.run(statement[way], [needed.id])
    learn.enroll_in_course(user, course)
    assert learn.course_progress(user, course) is not None


def test_a_completed_prerequisite_that_grew_since_is_still_completed(learn: Learn, user: UUID) -> None:
    course, needed = learn.make_course(1), learn.make_course(1)
    learn.make_course_prerequisite(course, needed)
    complete_course(learn, user, needed)
    learn.make_lesson(0, course=needed)
    learn.enroll_in_course(user, course)


def test_prerequisites_are_not_asked_for_beyond_the_next(learn: Learn, user: UUID) -> None:
    """Of a chain a → b → c, whoever completed b before b needed c may go on with a."""
    first, second, third = (learn.make_course(1) for _ in range(3))
    learn.make_course_prerequisite(first, second)
    complete_course(learn, user, second)
    learn.make_course_prerequisite(second, third)
    learn.enroll_in_course(user, first)


def test_one_statement_may_bring_what_enrolment_asks_for(learn: Learn, user: UUID) -> None:
    """One by one, in this order, it is fine; and so it is at once, enrolled in the first or not."""
    third, second, first = (learn.make_course(1) for _ in range(3))
    learn.make_course_prerequisite(third, second)
    learn.make_course_prerequisite(second, first)
    other = learn.make_user()
    learn.enroll_in_course(other, first)
    for who in (user, other):
        insert_completions(learn, [(who, lessons(learn, course)[0]) for course in (first, second, third)])
        assert {progress(learn, who, course).status for course in (first, second, third)} == {"completed"}


def test_one_learner_without_prerequisites_makes_the_whole_statement_fail(learn: Learn, user: UUID) -> None:
    course, needed, other = learn.make_course(1), learn.make_course(1), learn.make_user()
    learn.make_course_prerequisite(course, needed)
    complete_course(learn, user, needed)
    with learn.refuses("LX006") as refusal:
        insert_completions(learn, [(who, lessons(learn, course)[0]) for who in (user, other)])
    assert str(other) in refusal.detail


def test_an_editor_is_not_kept_from_a_change_by_prerequisites_of_learners(learn: Learn, user: UUID) -> None:
    """What a change of content leaves solved completes when its learner may enrol, and does."""
    course, needed = learn.make_course(), learn.make_course(1)
    lesson = learn.make_lesson(2, course=course)
    learn.submit_query(user, lesson.exercises[0])
    learn.make_course_prerequisite(course, needed)
    learn.run("delete from learn.exercises where id = %s", [lesson.exercises[1]])
    assert learn.facts(user, "lesson_completed") == []
    complete_course(learn, user, needed)
    learn.enroll_in_course(user, course)
    assert progress(learn, user, course).status == "completed"


def test_the_last_exercise_solved_before_the_prerequisites_completes_the_lesson_with_the_enrolment(
    learn: Learn, user: UUID
) -> None:
    course, needed = learn.make_course(1), learn.make_course(1)
    lesson = learn.make_lesson(1, course=course)
    learn.make_course_prerequisite(course, needed)
    assert learn.solve(user, lesson).xp_awarded == 15
    assert learn.course_progress(user, course) is None
    complete_course(learn, user, needed)
    assert learn.enroll_in_course(user, course).xp_awarded == 50 + 20
    assert progress(learn, user, course).lessons_completed == 1


# ── numbers ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_course_counts_its_completed_lessons_and_completes_with_the_last(learn: Learn, user: UUID) -> None:
    course = learn.make_course(3, completion_xp=40)
    expected = [
        CourseProgress("in_progress", 1, 3, 0, 0, Decimal("33.33"), Decimal("33.33"), None),
        CourseProgress("in_progress", 2, 3, 0, 0, Decimal("66.67"), Decimal("66.67"), None),
        CourseProgress("completed", 3, 3, 0, 0, Decimal(100), Decimal(100), NOON),
    ]
    for lesson, now in zip(lessons(learn, course), expected, strict=True):
        learn.complete_lesson(user, lesson)
        learn.complete_lesson(user, lesson)  # again: counts once
        assert progress(learn, user, course) == now
    assert learn.facts(user, "course_completed") == [("course_completed", "course", str(course.id))]
    assert learn.ledger(user)[-1] == (40, "course_completed", str(course.id))
    assert learn.metric(user, "courses_completed") == 1


def test_a_course_pays_nothing_unless_it_says_so(learn: Learn, user: UUID) -> None:
    course = learn.make_course(1)
    assert learn.complete_lesson(user, lessons(learn, course)[0]).xp_awarded == 50
    assert progress(learn, user, course).status == "completed"


def test_mastery_is_the_share_of_the_multipliers(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    tiers = [learn.make_lesson(0, course=course, difficulty=key) for key in ("easy", "medium", "hard")]
    seen = []
    for lesson in tiers[::-1]:
        learn.complete_lesson(user, lesson)
        seen.append(progress(learn, user, course).mastery_percentage)
    assert seen == [Decimal("50.00"), Decimal("83.33"), Decimal("100.00")]


def test_mastery_follows_a_multiplier_that_changes(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    easy, _ = (learn.make_lesson(0, course=course, difficulty=key) for key in ("easy", "hard"))
    learn.complete_lesson(user, easy)
    assert progress(learn, user, course).mastery_percentage == Decimal("25.00")
    learn.run("update learn.difficulties set xp_multiplier = 1.5 where key = 'hard'")
    assert progress(learn, user, course).mastery_percentage == Decimal("40.00")
    learn.run("update learn.difficulties set xp_multiplier = 0 where key = 'easy'")
    assert progress(learn, user, course).mastery_percentage == Decimal(0)
    learn.run("update learn.difficulties set xp_multiplier = 0")
    assert progress(learn, user, course).mastery_percentage == Decimal(0)
    learn.run("update learn.difficulties set xp_multiplier = 1, key = key || '-x'")
    assert progress(learn, user, course).mastery_percentage == Decimal(50)


def test_mastery_follows_a_lesson_whose_difficulty_changes(learn: Learn, user: UUID) -> None:
    course = learn.make_course()
    lesson = learn.make_lesson(0, course=course, difficulty="easy")
    learn.make_lesson(0, course=course, difficulty="easy")
    learn.complete_lesson(user, lesson)
    learn.run("update learn.lessons set difficulty = 'hard' where id = %s", [lesson.id])
    assert progress(learn, user, course).mastery_percentage == Decimal(75)


def activity(learn: Learn, user: UUID) -> tuple[int, datetime | None]:
    ((spent, at),) = learn.tuples(
        "select time_spent_seconds, last_activity_at from learn.user_course_progress where user_id = %s",
        [user],
    )
    return spent, at


def test_time_and_last_activity_are_those_of_the_lessons(learn: Learn, user: UUID) -> None:
    course = learn.make_course(3)
    one, two, three = lessons(learn, course)
    learn.enroll_in_course(user, course)
    assert activity(learn, user) == (0, None)
    learn.complete_lesson(user, one, time_spent_seconds=60, at="2035-06-10 09:00")
    assert activity(learn, user) == (60, moment("2035-06-10 09:00"))
    learn.start_lesson(user, two, at="2035-06-11 09:00")
    assert activity(learn, user) == (60, moment("2035-06-11 09:00"))
    learn.complete_lesson(user, three, at="2035-06-09 09:00")  # told late
    assert activity(learn, user) == (60, moment("2035-06-11 09:00"))
    learn.complete_lesson(user, two, time_spent_seconds=15)
    assert activity(learn, user) == (75, NOON)
    learn.set_clock(LATER)
    learn.complete_lesson(user, one, time_spent_seconds=5)
    assert activity(learn, user) == (80, moment(LATER))
    learn.run("update learn.user_lesson_progress set time_spent_seconds = 20")
    assert activity(learn, user)[0] == 60
    learn.run("delete from learn.user_lesson_progress where lesson_id = %s", [one.id])
    assert activity(learn, user)[0] == 40


def test_time_in_a_lesson_that_is_not_completed_counts_too(learn: Learn, user: UUID) -> None:
    course = learn.make_course(1)
    (lesson,) = lessons(learn, course)
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status, time_spent_seconds)"
        " values (%s, %s, 'in_progress', 30)",
        [user, lesson.id],
    )
    learn.enroll_in_course(user, course)
    learn.run("update learn.user_lesson_progress set time_spent_seconds = 45")
    assert activity(learn, user)[0] == 45


def test_progress_of_one_user_is_no_others(learn: Learn, user: UUID) -> None:
    course, other = learn.make_course(2), learn.make_user()
    learn.enroll_in_course(other, course)
    learn.complete_lesson(user, lessons(learn, course)[0])
    assert progress(learn, other, course).lessons_completed == 0


def test_deleted_lesson_progress_lowers_the_numbers_and_keeps_the_completion(
    learn: Learn, user: UUID
) -> None:
    track = learn.make_track()
    course = learn.make_course(2, track=track, completion_xp=40)
    complete_course(learn, user, course)
    learn.run("delete from learn.user_lesson_progress where lesson_id = %s", [lessons(learn, course)[0].id])
    now = progress(learn, user, course)
    assert (now.status, now.lessons_completed, now.completion_percentage) == ("completed", 1, Decimal(50))
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 1, Decimal(100), NOON)
    assert learn.stats(user).total_xp == 100 + 40 + 200


def test_a_deleted_enrolment_leaves_the_track_without_it(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    course = learn.make_course(1, track=track)
    complete_course(learn, user, course)
    learn.run("delete from learn.user_course_progress where user_id = %s", [user])
    assert learn.track_progress(user, track) == TrackProgress("completed", 0, 1, Decimal(0), NOON)


# ── courses in tracks ──────────────────────────────────────────────────────────────────────────────────────


def test_a_course_is_an_item_of_its_track_like_a_lesson(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    track = learn.make_track(lesson)
    path = learn.make_path(track)
    course = learn.make_course(2, track=track)
    learn.complete_lesson(user, lesson)
    learn.complete_lesson(user, lessons(learn, course)[0])
    assert learn.track_progress(user, track) == TrackProgress("in_progress", 1, 2, Decimal(50), None)
    summary = learn.complete_lesson(user, lessons(learn, course)[1])
    assert summary.xp_awarded == 50 + 200
    assert learn.track_progress(user, track) == TrackProgress("completed", 2, 2, Decimal(100), NOON)
    assert learn.path_progress(user, path) == PathProgress(1, 1, NOON)


@pytest.mark.parametrize("way", ["empty", "unpublished"])
def test_a_course_that_nobody_can_complete_does_not_block_its_track(
    learn: Learn, user: UUID, way: str
) -> None:
    lesson = learn.make_lesson(0)
    track = learn.make_track(lesson)
    learn.make_course(0 if way == "empty" else 2, track=track, published=way == "empty")
    learn.complete_lesson(user, lesson)
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 1, Decimal(100), NOON)


@pytest.mark.parametrize("way", ["deleted", "unpublished", "emptied", "moved"])
def test_losing_the_last_missing_course_completes_the_track(learn: Learn, user: UUID, way: str) -> None:
    lesson = learn.make_lesson(0)
    track, other = learn.make_track(lesson), learn.make_track()
    course = learn.make_course(1, track=track)
    learn.complete_lesson(user, lesson)
    statement = {
        "deleted": "delete from learn.courses where id = %s",
        "unpublished": "update learn.courses set is_published = false where id = %s",
        "emptied": "update learn.lessons set is_published = false where course_id = %s",
        "moved": f"update learn.courses set track_id = {other.id} where id = %s",
    }
    learn.run(statement[way], [course.id])
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 1, Decimal(100), NOON)


def test_a_course_moved_to_another_track_moves_both(learn: Learn, user: UUID) -> None:
    one, two = learn.make_track(learn.make_lesson(0)), learn.make_track(learn.make_lesson(0))
    course = learn.make_course(1, track=one)
    complete_course(learn, user, course)
    assert learn.track_progress(user, one) == TrackProgress("in_progress", 1, 2, Decimal(50), None)
    learn.run("update learn.courses set track_id = %s where id = %s", [two.id, course.id])
    assert learn.track_progress(user, one) == TrackProgress("not_started", 0, 1, Decimal(0), None)
    assert learn.track_progress(user, two) == TrackProgress("in_progress", 1, 2, Decimal(50), None)
    learn.run("update learn.courses set track_id = null where id = %s", [course.id])
    assert learn.track_progress(user, two) == TrackProgress("not_started", 0, 1, Decimal(0), None)


def test_a_completed_course_put_into_a_track_completes_it(learn: Learn, user: UUID) -> None:
    course, track = learn.make_course(1), learn.make_track()
    complete_course(learn, user, course)
    learn.run("update learn.courses set track_id = %s where id = %s", [track.id, course.id])
    assert learn.track_progress(user, track) == TrackProgress("completed", 1, 1, Decimal(100), NOON)
    assert learn.ledger(user)[-1] == (200, "track_completed", str(track.id))


# ── what is read ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_dashboard_tells_the_courses_under_way(learn: Learn, user: UUID) -> None:
    done, begun, new, hidden = (learn.make_course(2) for _ in range(4))
    complete_course(learn, user, done)
    learn.enroll_in_course(user, new)
    learn.complete_lesson(user, lessons(learn, begun)[0])
    learn.enroll_in_course(user, hidden)
    learn.run("update learn.courses set is_published = false where id = %s", [hidden.id])
    board = learn.dashboard(user)
    assert (board["courses_enrolled"], board["courses_completed"]) == (4, 1)
    assert [(row["slug"], row["completion_percentage"]) for row in board["current_courses"]] == [
        (begun.slug, 50.0),
        (new.slug, 0.0),
    ]


def test_completion_facts_name_the_course(learn: Learn, user: UUID) -> None:
    course = learn.make_course(1, category="web", difficulty="advanced", track=learn.make_track(slug="t"))
    learn.run("update learn.courses set language = 'python' where id = %s", [course.id])
    complete_course(learn, user, course)
    found: Any = learn.value(
        "select properties from learn.activity_log where user_id = %s and activity_type = 'course_completed'",
        [user],
    )
    assert found == {
        "slug": course.slug,
        "category": "web",
        "difficulty": "advanced",
        "language": "python",
        "track": "t",
    }


def test_a_badge_for_courses_of_a_category_is_a_row(learn: Learn, user: UUID) -> None:
    learn.run(
        "insert into learn.metrics (key, activity_type, aggregate, filter, scope_property)"
        " values ('courses_by_category', 'course_completed', 'count', %s, 'category')",
        [Jsonb({})],
    )
    badge = learn.make_achievement({"metric": "courses_by_category", "scope": "web", "at_least": 2})
    for category in ("web", "art", "web"):
        assert badge not in learn.badges(user)
        complete_course(learn, user, learn.make_course(1, category=category))
    assert badge in learn.badges(user)


def test_a_rebuild_leaves_what_live_processing_left(learn: Learn, user: UUID) -> None:
    track = learn.make_track()
    course = learn.make_course(completion_xp=10, track=track)
    levels = [learn.make_course_level(course) for _ in range(3)]
    made = [learn.make_lesson(0, level=level, difficulty="hard") for level in levels]
    for lesson in made[:2]:
        learn.complete_lesson(user, lesson, time_spent_seconds=10)
    learn.enroll_in_course(user, learn.make_course(2))
    complete_course(learn, user, learn.make_course(2, track=track))
    learn.run("update learn.course_levels set is_published = false where id = %s", [levels[1].id])
    before = snapshot(learn, [user])
    learn.rebuild_user(user)
    assert differences(snapshot(learn, [user]), before) == {}
    learn.rebuild_whoever()
    assert differences(snapshot(learn, [user]), before) == {}


# ── the tier that a learner has chosen ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def tiered(learn: Learn) -> Course:
    course = learn.make_course()
    for tier in ("easy", "hard"):
        learn.make_lesson(0, level=learn.make_course_level(course), difficulty=tier)
    learn.make_lesson(0, course=course, difficulty="medium", published=False)
    return course


def preference(learn: Learn, user: UUID) -> str | None:
    found: str | None = learn.value(
        "select preferred_difficulty from learn.user_course_progress where user_id = %s", [user]
    )
    return found


def test_a_chosen_tier_is_kept_with_the_enrolment(learn: Learn, user: UUID, tiered: Course) -> None:
    learn.caller = "learn_app"
    learn.enroll_in_course(user, tiered)
    assert preference(learn, user) is None
    for tier in ("hard", "easy", None, "easy"):
        learn.choose_difficulty(user, tiered, tier)
        assert preference(learn, user) == tier
    before = everything(learn, [user])
    learn.rebuild_user(user)
    assert differences(everything(learn, [user]), before) == {}
    with learn.refuses("LX001"):
        learn.choose_difficulty(user, tiered, "medium")
    with learn.refuses("LX001"):
        learn.choose_difficulty(user, tiered, "unheard-of")
    with learn.fails("23503"):
        learn.run("update learn.user_course_progress set preferred_difficulty = 'x'")
    with learn.refuses("LX010"):
        learn.choose_difficulty(learn.make_user(), tiered, "easy")
    with learn.refuses("LX003"):
        learn.choose_difficulty(user, 0, "easy")
    with learn.refuses("LX002"):
        learn.choose_difficulty(uuid4(), tiered, "easy")
    learn.run("update learn.courses set is_published = false where id = %s", [tiered.id])
    with learn.refuses("LX004"):
        learn.choose_difficulty(user, tiered, "easy")


def test_choosing_a_tier_locks_no_other(learn: Learn, user: UUID, tiered: Course) -> None:
    learn.enroll_in_course(user, tiered)
    learn.choose_difficulty(user, tiered, "hard")
    assert learn.complete_lesson(user, lessons(learn, tiered)[0]).xp_awarded > 0
