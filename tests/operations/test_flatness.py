"""Calls cost the same whatever a session saw first.

Plans are made once per session. One that has begun in a nearly empty database, and has seen its statistics,
keeps plans for tables of a few rows; they must be good for many, too: in an import, nobody analyzes between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from tests.client import Challenge, Course, Learn, Lesson
from tests.conftest import FreshDatabase

CROWD = 2000
FEW = 300
"""Rows that a call may read of a table: a full scan reads as many as the crowd at least."""

KNOWN = {("solve", "user_track_progress")}
"""Before PostgreSQL 17, to look up an array of unknown length seems to cost more than to read a short index
from end to end. Only where tracks complete paths and difficulties: planning that anew would cost more."""

pytestmark = pytest.mark.stock

READ = """
    select relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
    from pg_stat_xact_user_tables
    where schemaname in ('learn', 'learn_internal')
"""


class Content(NamedTuple):
    lesson: Lesson
    course: Course
    exam: str
    challenge: Challenge
    skill: int
    discussion: int
    reply: int


def make_content(learn: Learn) -> Content:
    lesson = learn.make_lesson(2)
    learn.make_path(learn.make_track(lesson, difficulty="beginner"))
    author = learn.make_user()
    discussion = learn.make_discussion(author)
    challenge = learn.make_challenge(())
    for number in (1, 2, 3):
        learn.make_level(challenge, number, hints=[5])
    learn.make_daily(challenge, learn.clock().date() + timedelta(days=1))
    return Content(
        lesson,
        learn.make_course(2),
        learn.make_exam(questions=4),
        challenge,
        learn.make_skill(),
        discussion,
        learn.make_reply(author, discussion),
    )


def calls(learn: Learn, content: Content) -> Iterator[tuple[str, Callable[[], object]]]:
    """What a learner does in two days, call by call."""
    user = learn.make_user()
    first = learn.lessons_of(content.course)[0]
    yield "register", learn.make_user
    yield "solve", lambda: learn.solve(user, content.lesson, mistakes=1)
    yield "enroll", lambda: learn.enroll_in_course(user, content.course)
    yield "start a lesson", lambda: learn.start_lesson(user, first)
    for lesson in learn.lessons_of(content.course):
        yield "complete a lesson", lambda lesson=lesson: learn.complete_lesson(user, lesson, 100, 60)  # type: ignore[misc]
    yield "rate", lambda: learn.rate_course(user, content.course, 5)
    yield "quiz", lambda: learn.submit_quiz(user, content.exam, learn.answers(content.exam, 4))
    yield "use a hint", lambda: learn.use_hint(user, content.challenge, 1, 1)
    yield "challenge", lambda: learn.pass_challenge(user, content.challenge)
    yield "record", lambda: learn.record_activity(user, "exercise_solved")
    yield "award", lambda: learn.award_xp(user, 5000)
    yield "skill", lambda: learn.allocate_skill_points(user, content.skill, 1)
    yield "reply", lambda: learn.post_reply(user, content.discussion)
    yield "vote", lambda: learn.vote(user, reply=content.reply)
    yield "discuss", lambda: learn.post_discussion(user)
    yield "freeze", lambda: learn.grant_streak_freezes(user, 1)
    yield "session", lambda: learn.end_session(user, learn.start_session(user, "quiz").id)
    learn.advance(timedelta(days=1))
    yield "next day", lambda: learn.record_activity(user, "exercise_solved")
    yield "daily challenge", lambda: learn.submit_daily_challenge(user)
    yield "check achievements", lambda: learn.check_achievements(user)
    yield "mark read", lambda: learn.mark_read(user)
    yield "grant", lambda: learn.grant_achievement(user, "first-query")
    yield "rank", lambda: learn.value("select learn.user_rank(%s)", [user])
    yield "dashboard", lambda: learn.dashboard(user)
    learn.advance(timedelta(days=-1))


@pytest.fixture
def aged(fresh: FreshDatabase) -> Iterator[tuple[Learn, Content]]:
    """A session that has planned everything for a few rows, and then sees a crowd come, unanalyzed."""
    with fresh.connect() as connection:
        connection.autocommit = True
        learn = Learn(connection)
        learn.set_clock("2035-05-02 12:00")
        content = make_content(learn)
        for _ in range(2):
            for _name, call in calls(learn, content):
                call()
            connection.execute("vacuum analyze")
        for _name, call in calls(learn, content):
            call()
        yield learn, content


def test_a_call_reads_few_rows_in_a_session_that_knew_few_users(aged: tuple[Learn, Content]) -> None:
    learn, content = aged
    with learn.connection.transaction():
        learn.run(
            "insert into learn.users (username) select 'crowd-' || n from generate_series(1, %s) n", [CROWD]
        )
        learn.run(
            "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
            " select id, %s, 'completed' from learn.users where username like 'crowd-%%'",
            [content.lesson.id],
        )
        learn.finish()
        too_many: dict[tuple[str, str], int] = {}
        for name, call in calls(learn, content):
            before = dict(learn.tuples(READ))
            call()
            for table, rows in learn.tuples(READ):
                if rows - before.get(table, 0) > FEW and (name, table) not in KNOWN:
                    too_many[name, table] = rows - before.get(table, 0)
        assert not too_many, "\n".join(f"{k} {v}" for k, v in too_many.items())


LOAD = """
    insert into learn.user_lesson_progress (user_id, lesson_id, status)
    select u.id, l.id, 'completed'
    from (select id from learn.users where username like 'crowd-%%' order by username limit %s / 20) u
    cross join unnest(%s::bigint[]) l(id)
"""
SOME, MANY = 1000, 4000


def rows_read_by_a_load(learn: Learn, rows: int, lessons: list[int]) -> int:
    """Of all tables together, until its commit; it is rolled back."""
    with learn.connection.transaction(force_rollback=True):
        before = sum(number for _, number in learn.tuples(READ))
        learn.run(LOAD, [rows, lessons])
        learn.finish()
        return sum(number for _, number in learn.tuples(READ)) - before


@pytest.mark.parametrize("queues", ["never analyzed", "vacuumed", "seen empty", "seen full"])
def test_a_load_of_four_times_as_many_rows_reads_four_times_as_many(
    fresh: FreshDatabase, queues: str
) -> None:
    """Queues have statistics of another moment, if any; plans are good all the same.

    Empty means no row in pages that there are: PostgreSQL then expects none, however many come. Vacuumed,
    with no page: then to look up one column of a key seems to cost as little as both.
    """
    with fresh.connect() as connection:
        connection.autocommit = True
        learn = Learn(connection)
        lessons = [learn.make_lesson(0) for _ in range(20)]
        learn.make_path(learn.make_track(*lessons[:10], difficulty="beginner"))
        ids = [lesson.id for lesson in lessons]
        connection.execute(
            "insert into learn.users (username) select 'crowd-' || n from generate_series(1, %s) n",
            [MANY // 20],
        )
        if queues == "vacuumed":
            connection.execute("vacuum analyze")
        rows_read_by_a_load(learn, 20, ids)  # a session that has made its plans for one learner
        if queues == "seen empty":
            connection.execute(
                "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
                " select id, %s, 'completed' from learn.users where username like 'crowd-%%'",
                [learn.make_lesson(0).id],
            )
            connection.execute("select learn.refresh_leaderboard()")
            connection.execute("analyze")
            assert learn.tuples(
                "select reltuples, relpages > 0 from pg_class where relname = 'board_gains'"
            ) == [(0, True)]
        elif queues == "seen full":
            with connection.transaction(force_rollback=True):
                connection.execute(LOAD, [MANY, ids])
                connection.execute("analyze")
        assert rows_read_by_a_load(learn, MANY, ids) <= 5 * rows_read_by_a_load(learn, SOME, ids)


def test_to_check_a_learner_reads_little_but_that_learner(fresh: FreshDatabase) -> None:
    with fresh.connect() as connection:
        connection.autocommit = True
        learn = Learn(connection)
        content = make_content(learn)
        for _name, call in calls(learn, content):
            call()
        user = learn.make_user("the-checked")
        learn.run(
            "insert into learn.users (username) select 'crowd-' || n from generate_series(1, %s) n",
            [CROWD // 2],
        )
        learn.run(
            "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
            " select id, %s, 'completed' from learn.users on conflict do nothing",
            [content.lesson.id],
        )
        connection.execute("vacuum analyze")
        read = []
        for whom in (user, None):
            with connection.transaction():
                before = sum(rows for _, rows in learn.tuples(READ))
                assert learn.tuples("select * from learn.check_integrity(%s)", [whom]) == []
                read.append(sum(rows for _, rows in learn.tuples(READ)) - before)
        assert read[0] * 400 < read[1]
