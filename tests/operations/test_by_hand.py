"""Rows that the owner writes by hand do all that the functions do, or are refused; never half."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.calls import make_scene
from tests.client import Learn, Lesson, seconds


@pytest.fixture
def app(learn: Learn) -> Learn:
    return Learn(learn.connection, caller="learn_app")


# ── whose a row is, and what it is about ───────────────────────────────────────────────────────────────────

LEARNERS_COLUMNS = """
    select c.oid::regclass::text, a.attname::text
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid and not c.relispartition
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'f' and k.confrelid = 'learn.users'::regclass
      and c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
"""
# What a row of a learner is about: its key, and content with which it goes. What follows the renaming of
# something is left to it, and so are posts that moderators move.
KEYS = """
    select c.oid::regclass::text, a.attname::text
    from pg_class c
    join pg_constraint k on k.conrelid = c.oid and k.contype in ('p', 'f')
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey) and a.attidentity = ''
    where c.oid::regclass::text = any (%s)
      and (k.contype = 'p' or k.confupdtype = 'a' and k.confdeltype = 'c')
      and not exists (
        select from pg_constraint r
        where r.conrelid = c.oid and r.contype = 'f' and a.attnum = any (r.conkey)
          and (r.confupdtype <> 'a' or r.confdeltype = 'n'))
"""
MOVABLE = {
    ("learn.replies", "discussion_id"),
    ("learn.replies", "parent_reply_id"),
    ("learn_internal.integrity_findings", "about_user"),  # a note of the checks, no fact
}


def test_every_key_of_a_learners_row_is_kept(learn: Learn) -> None:
    """By the catalog: so for tables that are yet to come, too."""
    kept = set(
        learn.tuples(
            "select t.tgrelid::regclass::text, a.attname::text from pg_trigger t"
            " join pg_proc p on p.oid = t.tgfoid"
            " join pg_attribute a on a.attrelid = t.tgrelid"
            "   and (a.attnum = any (t.tgattr) or cardinality(t.tgattr::int2[]) = 0)"
            " where p.proname = any (%s) and t.tgtype & 16 = 16",  # on update
            [["keep_keys", "refuse_change", "keep_certificates"]],
        )
    )
    tables = sorted({table for table, _ in learn.tuples(LEARNERS_COLUMNS)})
    keys = {*learn.tuples(KEYS, [tables]), *learn.tuples(LEARNERS_COLUMNS)} - MOVABLE
    assert len(keys) > 70
    assert sorted(keys - kept) == []


def test_no_row_moves_to_another_learner(learn: Learn) -> None:
    """Tried on the rows of a learner with something of everything."""
    scene = make_scene(learn)
    tried = 0
    for table, column in learn.tuples(LEARNERS_COLUMNS):
        name = sql.SQL("{} set {} = %s where {} = %s").format(
            sql.SQL(table), sql.Identifier(column), sql.Identifier(column)
        )
        try:
            with learn.connection.transaction():
                moved = learn.connection.execute(
                    sql.SQL("update {}").format(name), [scene["moderator"], scene["user"]]
                ).rowcount
        except psycopg.Error as error:
            # 23505: the other one has such a row; 23503: other rows are of it
            if error.sqlstate not in ("LX009", "LX010", "23503", "23505"):
                raise
            tried += 1
        else:
            assert moved == 0, table
    assert tried > 15


# ── what only Laurel writes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "statement",
    [
        "insert into learn.xp_transactions (user_id, amount, activity_type, source_type, earned_on)"
        " values ({user}, 5, 'xp_awarded', 'manual', '2035-06-13')",
        "insert into learn.xp_transactions_default (user_id, amount, activity_type, source_type, earned_on)"
        " values ({user}, 5, 'xp_awarded', 'manual', '2035-06-13')",
        "insert into learn.user_challenge_progress (user_id, challenge_id, current_level, levels_completed)"
        " values ({user}, {challenge}, 2, '{{1,2}}')",
        "insert into learn.user_challenge_progress (user_id, challenge_id, completed_at)"
        " values ({user}, {challenge}, now())",
        "update learn.user_challenge_progress set levels_completed = '{{1,2}}' where user_id = {user}",
        "update learn.user_challenge_progress set completed_at = now() where user_id = {user}",
        "insert into learn.user_exercise_progress (user_id, exercise_id, submissions, wrong_submissions,"
        " failed_submissions, is_first_try, solved_at) values ({user}, {exercise}, 1, 0, 0, true, now())",
        "insert into learn.user_track_progress (user_id, track_id, total_items, completed_at)"
        " values ({user}, {track}, 1, now())",
        "insert into learn.user_path_progress (user_id, path_id, total_tracks) values ({user}, {path}, 1)",
        "insert into learn.user_difficulty_progress values ({user}, 'hard', now())",
        "insert into learn.user_level_unlocks (user_id, course_level_id) values ({user}, {level})",
        "update learn.user_level_unlocks set completed_at = now() where user_id = {user}",
        "update learn.user_course_progress set completed_at = now() where user_id = {user}",
    ],
)
def test_what_follows_from_something_else_is_not_written_by_hand(
    learn: Learn, user: UUID, statement: str
) -> None:
    lesson = learn.make_lesson(1)
    track = learn.make_track(lesson)
    path, course = learn.make_path(track), learn.make_course(0)
    level = learn.make_course_level(course)
    learn.make_lesson(0, course=course, level=level)
    challenge = learn.make_challenge((5, 5, 5))
    learn.submit_level_attempt(user, challenge, 1)
    learn.enroll_in_course(user, course)
    text = statement.format(
        user=f"'{user}'", challenge=challenge.id, exercise=lesson.exercises[0], track=track.id, path=path.id,
        level=level.id,
    )  # fmt: skip
    with learn.refuses("LX010"):
        learn.run(text)
    with learn.refuses("LX010"):
        learn.run(f"do $$ begin {text}; end $$")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("query_submissions", "is_correct = not is_correct"),
        ("query_submissions", "submitted_at = submitted_at - interval '1 day'"),
        ("level_attempts", "passed = not passed"),
        ("level_attempts", "score = 1"),
        ("daily_challenge_attempts", "passed = not passed"),
        ("hint_usage", "xp_penalty = 0"),
        ("user_course_progress", "completed_at = null"),
        ("user_course_progress", "completed_at = completed_at - interval '1 day'"),
        ("user_level_unlocks", "completed_at = null"),
        ("user_track_progress", "completed_at = null"),
        ("user_path_progress", "completed_at = null"),
        ("user_challenge_progress", "completed_at = null"),
        ("user_lesson_progress", "status = 'in_progress', completed_at = null"),
    ],
)
def test_what_was_judged_or_completed_stays_so(learn: Learn, user: UUID, table: str, change: str) -> None:
    lesson, course = learn.make_lesson(1), learn.make_course(0)
    learn.make_path(learn.make_track(lesson, difficulty="concepts"))
    learn.make_lesson(0, course=course, level=learn.make_course_level(course))
    learn.solve(user, lesson)
    learn.complete_lesson(user, learn.lessons_of(course)[0])
    challenge = learn.make_challenge((50,), hints=[5])
    learn.make_daily(challenge, learn.clock().date())
    learn.check_and_unlock_challenges(user)
    learn.use_hint(user, challenge, 1, 1)
    learn.pass_challenge(user, challenge)
    learn.submit_daily_challenge(user)
    with pytest.raises(psycopg.Error) as caught, learn.connection.transaction():
        learn.run(f"update learn.{table} set {change}")
    assert caught.value.sqlstate in ("LX009", "LX010")


def test_a_started_lesson_stays_started(learn: Learn, user: UUID) -> None:
    lesson = learn.make_lesson(0)
    learn.start_lesson(user, lesson)
    learn.run("update learn.user_lesson_progress set started_at = null, status = 'not_started'")
    learn.start_lesson(user, lesson)
    assert len(learn.facts(user, "lesson_started")) == 1


# ── quality needs submissions ──────────────────────────────────────────────────────────────────────────────

QUALITY = ["lessons_clean", "lessons_first_try", "lessons_fast", "lesson_solve_run"]


def by_hand(learn: Learn, user: UUID, lessons: list[Lesson], **columns: Any) -> None:
    names = ["user_id", "lesson_id", "status", *columns]
    for lesson in lessons:
        learn.connection.execute(
            sql.SQL("insert into learn.user_lesson_progress ({}) values ({})").format(
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            ),
            [user, lesson.id, "completed", *columns.values()],
        )


@pytest.mark.parametrize("tried", [False, True])
def test_completions_without_submissions_count_and_earn_no_quality(
    learn: Learn, user: UUID, tried: bool
) -> None:
    lessons = [learn.make_lesson(2) for _ in range(10)]
    if tried:  # half of each
        for lesson in lessons:
            learn.submit_query(user, lesson.exercises[0])
    now = learn.clock()
    for lesson in lessons:
        learn.run(
            "insert into learn.user_lesson_progress"
            " (user_id, lesson_id, status, started_at, completed_at, score)"
            " values (%s, %s, 'completed', %s, %s, 100) on conflict (user_id, lesson_id)"
            " do update set status = 'completed', started_at = excluded.started_at, score = 100",
            [user, lesson.id, now - seconds(5), now],
        )
    assert learn.metric(user, "lessons_completed") == 10
    assert [learn.metric(user, metric) for metric in QUALITY] == [0, 0, 0, 0]
    assert learn.facts(user, "lesson_perfect") == []
    assert {"clean-query", "one-shot", "speed-runner", "accuracy-king"}.isdisjoint(learn.badges(user))


def test_a_text_that_is_clicked_through_is_no_speed(learn: Learn, app: Learn, user: UUID) -> None:
    lesson, solved = learn.make_lesson(0), learn.make_lesson(1)
    app.start_lesson(user, lesson)
    learn.advance(seconds(5))
    app.complete_lesson(user, lesson)
    assert learn.metric(user, "lessons_fast") == 0
    app.start_lesson(user, solved)
    learn.advance(seconds(5))
    app.solve(user, solved)
    assert learn.metric(user, "lessons_fast") == 1


# ── pass marks ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def quiz(learn: Learn) -> Lesson:
    lesson = learn.make_lesson(0, course=learn.make_course(0, completion_xp=30))
    learn.run("update learn.lessons set pass_score = 60 where id = %s", [lesson.id])
    return lesson


@pytest.mark.parametrize("by_call", [True, False])
@pytest.mark.parametrize("score", [0, 59.99, None])
def test_a_score_below_the_pass_mark_is_kept_and_completes_nothing(
    learn: Learn, app: Learn, user: UUID, quiz: Lesson, score: float | None, by_call: bool
) -> None:
    if by_call:
        assert app.complete_lesson(user, quiz, score, 40).xp_awarded == 0
    else:
        by_hand(learn, user, [quiz], score=score, time_spent_seconds=40)
    found = learn.lesson_progress(user, quiz)
    assert (found.status, found.completed_at) == ("in_progress", None)
    assert found.score == (None if score is None else Decimal(str(score)))
    assert (learn.stats(user).total_xp, learn.metric(user, "lessons_completed")) == (0, 0)
    assert learn.value("select count(*) from learn.user_course_progress") == 0
    if by_call:
        assert app.complete_lesson(user, quiz, 60).xp_awarded == 80
    else:
        learn.run("update learn.user_lesson_progress set status = 'completed', score = 60")
        assert learn.stats(user).total_xp == 80
    app.complete_lesson(user, quiz, 10)
    found = learn.lesson_progress(user, quiz)
    assert (found.status, found.score) == ("completed", Decimal(60))
    assert learn.value("select time_spent_seconds from learn.user_lesson_progress") == 40


@pytest.mark.parametrize("by_call", [True, False])
def test_beyond_a_hard_limit_nothing_is_completed(
    learn: Learn, app: Learn, user: UUID, by_call: bool
) -> None:
    lesson = learn.make_lesson(0)
    learn.run("update learn.lessons set time_limit_seconds = 60, time_limit_is_hard = true")
    if by_call:
        assert app.complete_lesson(user, lesson, 100, 61).xp_awarded == 0
        assert app.complete_lesson(user, lesson, 90, 60).xp_awarded == 50
    else:
        by_hand(learn, user, [lesson], score=100, time_spent_seconds=61)
        assert learn.stats(user).total_xp == 0
        learn.run("update learn.user_lesson_progress set status = 'completed', time_spent_seconds = 121")
    assert learn.stats(user).total_xp == 50
    assert learn.value("select time_spent_seconds from learn.user_lesson_progress") == 121


def test_the_best_score_counts(learn: Learn, app: Learn, user: UUID, quiz: Lesson) -> None:
    app.complete_lesson(user, quiz, 50)
    app.complete_lesson(user, quiz, 40)
    assert learn.value("select score from learn.user_lesson_progress") == 50
    learn.run("update learn.lessons set pass_score = 50")
    assert app.complete_lesson(user, quiz).xp_awarded == 80


@pytest.mark.parametrize("mark", [-1, 100.01])
def test_a_pass_mark_is_a_percentage(learn: Learn, mark: float) -> None:
    learn.make_lesson(0)
    with learn.fails("23514"):
        learn.run("update learn.lessons set pass_score = %s", [mark])


@pytest.mark.parametrize("by_call", [True, False])
def test_a_level_is_passed_from_its_mark_on(learn: Learn, app: Learn, user: UUID, by_call: bool) -> None:
    challenge = learn.make_challenge((40,))
    learn.run("""update learn.challenge_levels set passing_criteria = '{"min_score": 60}'""")
    daily = learn.make_daily(challenge, learn.clock().date())

    def attempt(score: float) -> list[bool]:
        if by_call:
            app.submit_level_attempt(user, challenge, 1, True, score)
            app.submit_daily_challenge(user, score, True)
        else:
            learn.run(
                "insert into learn.level_attempts (user_id, challenge_id, level_number, score, passed)"
                " values (%s, %s, 1, %s, true)",
                [user, challenge.id, score],
            )
            learn.insert("daily_challenge_attempts", "passed", user_id=user, daily_challenge_id=daily,
                         score=score, passed=True)  # fmt: skip
        passed = learn.values("select passed from learn.level_attempts order by id desc limit 1")
        passed += learn.values("select passed from learn.daily_challenge_attempts")
        learn.run("delete from learn.daily_challenge_attempts")
        return passed

    assert [attempt(10), attempt(59.9)] == [[False, False]] * 2
    assert learn.stats(user).total_xp == 0
    learn.run("update learn.daily_challenges set difficulty_modifier = 1.5")
    assert attempt(60) == [True, False]
    assert attempt(90) == [True, True]
    assert learn.stats(user).total_xp == 40 + 100 + 200
    with learn.fails("23514"):
        learn.run("""update learn.challenge_levels set passing_criteria = '{"min_score": 101}'""")
