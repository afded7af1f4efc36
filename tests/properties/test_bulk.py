"""One statement with many rows leaves what the same rows leave one by one."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client import Connection, Learn, Lesson
from tests.properties.examples import examples
from tests.properties.histories import EXTRA_BADGES, START
from tests.properties.snapshots import Snapshot, differences, snapshot

Row = tuple[Any, ...]

# When a badge was earned is not compared: a statement has one moment for it, that of the user's latest fact.
PASSING = ("id", "earned_at", "evidence", "recorded_at", "created_at")


class Classroom:
    """A few users before a few lessons in tracks and a path, all made before the statements to compare."""

    def __init__(self, learn: Learn, users: int = 4) -> None:
        self.learn = learn
        learn.set_clock(START)
        for slug, badge in EXTRA_BADGES.items():
            learn.make_achievement(badge.criteria, slug=slug, xp_reward=badge.xp_reward)
        self.plain = [learn.make_lesson(0, xp_reward=xp) for xp in (None, 35, 20, None)]
        self.solvable = [learn.make_lesson(number, difficulty="medium") for number in (1, 1, 2, 3)]
        self.tracks = [
            learn.make_track(*self.plain[:2], difficulty="beginner"),
            learn.make_track(*self.plain[1:], self.solvable[0], completion_xp=70),
            learn.make_track(*self.solvable[:3], difficulty="beginner"),
        ]
        learn.make_path(*self.tracks[:2])
        learn.make_path(*self.tracks)
        zones = ("UTC", "Pacific/Kiritimati", "America/New_York", "Asia/Kathmandu")
        self.users = [learn.make_user(timezone=zones[n % len(zones)]) for n in range(users)]

    def exercises(self) -> list[int]:
        """Ids of all exercises."""
        return [exercise for lesson in self.solvable for exercise in lesson.exercises]

    def outcome(self, *writes: Callable[[], object]) -> Snapshot:
        """What the users have after the writes, which are undone; the order of ids says nothing."""
        with self.learn.connection.transaction(force_rollback=True):
            for write in writes:
                write()
            assert self.learn.check_integrity() == []
            return _plain_facts(snapshot(self.learn, self.users, without=PASSING))

    def insert(self, table: str, columns: str, rows: list[Row]) -> Callable[[], object]:
        """One INSERT of all the rows."""
        values = ", ".join("(" + ", ".join(["%s"] * len(row)) + ")" for row in rows)
        statement = f"insert into learn.{table} ({columns}) values {values}"
        return lambda: self.learn.run(statement, [v for row in rows for v in row])


def _plain_facts(rows: Snapshot) -> Snapshot:
    """Facts that a statement sums up in its own time: levels and badges are dated by its latest fact."""
    for fact in rows["learn.activity_log"]:
        if fact["activity_type"] in ("level_reached", "achievement_earned"):
            del fact["occurred_at"], fact["local_date"]
        fact["properties"].pop("submission_id", None)
    for payment in rows["learn.xp_transactions"]:
        if payment["source_type"] == "achievement_earned":
            del payment["earned_on"]
    for table in ("learn.activity_log", "learn.xp_transactions"):
        rows[table].sort(key=repr)
    return rows


@pytest.fixture
def room(db: Connection) -> Classroom:
    """The classroom, in a transaction that is rolled back."""
    return Classroom(Learn(db))


_learners = st.integers(0, 3)
_hours = st.integers(0, 24 * 9)


@settings(max_examples=examples(40))
@given(
    completions=st.lists(
        st.tuples(_learners, st.integers(0, 3), st.sampled_from([None, 60, 100]), _hours),
        min_size=1,
        max_size=16,
        unique_by=lambda row: row[:2],
    )
)
def test_completions_in_one_statement_leave_what_single_ones_do(
    room: Classroom, completions: list[tuple[int, int, int | None, int]]
) -> None:
    completions.sort(key=lambda row: -row[3])  # in the order of time, as a statement takes them
    columns = "user_id, lesson_id, status, score, completed_at"
    rows: list[Row] = [
        (room.users[user], room.plain[lesson].id, "completed", score, START - timedelta(hours=hours))
        for user, lesson, score, hours in completions
    ]
    together = room.outcome(room.insert("user_lesson_progress", columns, rows))
    alone = room.outcome(*(room.insert("user_lesson_progress", columns, [row]) for row in rows))
    called = room.outcome(
        *(lambda row=row: room.learn.complete_lesson(row[0], row[1], row[3], at=row[4]) for row in rows)
    )
    assert differences(together, alone) == {}
    assert differences(together, called) == {}


@settings(max_examples=examples(60))
@given(
    submissions=st.lists(
        st.tuples(
            _learners, st.integers(0, 6), st.sampled_from(["right", "right", "wrong", "failing"]), _hours
        ),
        min_size=1,
        max_size=40,
    )
)
def test_submissions_in_one_statement_leave_what_single_ones_do(
    room: Classroom, submissions: list[tuple[int, int, str, int]]
) -> None:
    columns = "user_id, exercise_id, query_text, is_correct, error_message, submitted_at"
    exercises = room.exercises()
    rows: list[Row] = [
        (
            room.users[user],
            exercises[exercise],
            "select 1",
            outcome == "right",
            "syntax error" if outcome == "failing" else None,
            START - timedelta(hours=hours),
        )
        for user, exercise, outcome, hours in submissions
    ]
    together = room.outcome(room.insert("query_submissions", columns, rows))
    alone = room.outcome(*(room.insert("query_submissions", columns, [row]) for row in rows))
    called = room.outcome(
        *(lambda row=row: room.learn.submit_query(row[0], row[1], row[3], row[4], at=row[5]) for row in rows)
    )
    assert differences(together, alone) == {}
    assert differences(together, called) == {}


_activities = st.lists(
    st.tuples(
        _learners,
        st.sampled_from(
            ["question_answered_correctly", "course_completed", "quiz_completed", "discussion_posted"]
        ),
        st.sampled_from(["1", "2"]),
        _hours,
    ),
    min_size=1,
    max_size=30,
)


def _cap_answers(room: Classroom) -> None:
    room.learn.run(
        "update learn.xp_rules set daily_cap = 25 where activity_type = 'question_answered_correctly'"
    )


@settings(max_examples=examples(60))
@given(activities=_activities, is_capped=st.booleans(), freezes=st.integers(0, 3))
def test_facts_in_one_statement_leave_what_single_ones_do(
    room: Classroom, activities: list[tuple[int, str, str, int]], is_capped: bool, freezes: int
) -> None:
    columns = "user_id, activity_type, subject_type, subject_id, properties, occurred_at"
    rows: list[Row] = [
        (room.users[user], kind, "thing", subject, '{"exam_type": "a"}', START - timedelta(hours=hours))
        for user, kind, subject, hours in activities
    ]
    with room.learn.connection.transaction(force_rollback=True):
        if is_capped:
            _cap_answers(room)
        if freezes:
            for user in room.users:
                room.learn.grant_streak_freezes(user, freezes, at=START - timedelta(days=9))
        together = room.outcome(room.insert("activity_log", columns, rows))
        alone = room.outcome(*(room.insert("activity_log", columns, [row]) for row in rows))
    assert differences(together, alone) == {}


@settings(max_examples=examples(60))
@given(
    activities=_activities, is_capped=st.booleans(), keys=st.lists(st.sampled_from([None, None, "k1", "k2"]))
)
def test_a_batch_of_activities_leaves_what_single_calls_do(
    room: Classroom, activities: list[tuple[int, str, str, int]], is_capped: bool, keys: list[str | None]
) -> None:
    keys = keys[: len(activities)] + [None] * (len(activities) - len(keys))
    batch: list[dict[str, Any]] = []
    first: dict[tuple[int, str], dict[str, Any]] = {}
    for (user, kind, subject, hours), key in zip(activities, keys, strict=True):
        element = {
            "user_id": room.users[user],
            "activity_type": kind,
            "subject_type": "thing",
            "subject_id": subject,
            "properties": {"exam_type": "a"},
            "occurred_at": START - timedelta(hours=hours),
        }
        if key is not None:  # the same key again is a retry of the same call
            element = first.setdefault((user, key), {**element, "idempotency_key": key})
        batch.append(element)

    def call(element: dict[str, Any]) -> Callable[[], object]:
        return lambda: room.learn.record_activity(
            element["user_id"],
            element["activity_type"],
            "thing",
            element["subject_id"],
            {"exam_type": "a"},
            at=element["occurred_at"],
            key=element.get("idempotency_key"),
        )

    with room.learn.connection.transaction(force_rollback=True):
        if is_capped:
            _cap_answers(room)
        together = room.outcome(lambda: room.learn.record_activities(batch))
        alone = room.outcome(*(call(element) for element in batch))
    assert differences(together, alone) == {}


def test_a_batch_answers_what_the_calls_of_each_user_add_up_to(room: Classroom) -> None:
    answers = [(user, str(n)) for n in range(12) for user in (room.users[2], room.users[0])]

    def sums(summaries: list[Any]) -> dict[UUID, tuple[int, int, int, int, bool, frozenset[str]]]:
        """Over all calls of each user."""
        return {
            user: (
                sum(s.xp_awarded for s in summaries if s.user_id == user),
                max(s.total_xp for s in summaries if s.user_id == user),
                max(s.current_level for s in summaries if s.user_id == user),
                max(s.current_streak for s in summaries if s.user_id == user),
                any(s.leveled_up for s in summaries if s.user_id == user),
                frozenset(slug for s in summaries if s.user_id == user for slug in s.new_achievements),
            )
            for user in {s.user_id for s in summaries}
        }

    with room.learn.connection.transaction(force_rollback=True):
        alone = [
            room.learn.record_activity(user, "question_answered_correctly", "question", subject)
            for user, subject in answers
        ]
    together = room.learn.record_activities(
        [
            {
                "user_id": user,
                "activity_type": "question_answered_correctly",
                "subject_type": "question",
                "subject_id": subject,
            }
            for user, subject in answers
        ]
    )
    assert [summary.user_id for summary in together] == [room.users[2], room.users[0]]
    assert sums(together) == sums(alone)


def test_a_statement_over_many_days_spends_freezes_as_single_ones_do(room: Classroom) -> None:
    user = room.users[0]
    room.learn.grant_streak_freezes(user, 3, at=START - timedelta(days=20))
    days = [20, 19, 16, 15, 14, 12, 8, 7]  # misses 18 and 17, then 13, then three at once
    rows: list[Row] = [(user, "question_answered_correctly", START - timedelta(days=day)) for day in days]
    columns = "user_id, activity_type, occurred_at"
    together = room.outcome(room.insert("activity_log", columns, rows))
    alone = room.outcome(*(room.insert("activity_log", columns, [row]) for row in rows))
    assert differences(together, alone) == {}
    (stats,) = [row for row in together["learn.user_stats"] if row["user_id"] == str(user)]
    assert (stats["current_streak"], stats["longest_streak"], stats["streak_freezes"]) == (2, 6, 0)


def test_users_in_one_statement_get_what_single_ones_get(room: Classroom) -> None:
    names = [f"import-{number}" for number in range(20)]

    def counted(*writes: Callable[[], object]) -> list[Row]:
        with room.learn.connection.transaction(force_rollback=True):
            for write in writes:
                write()
            assert room.learn.check_integrity() == []
            return room.learn.tuples(
                "select u.username, s.total_xp, s.current_level, s.active_days, m.metric, m.value, a.slug"
                " from learn.users u"
                " join learn.user_stats s on s.user_id = u.id"
                " join learn.user_metrics m on m.user_id = u.id"
                " join learn.user_achievements e on e.user_id = u.id"
                " join learn.achievements a on a.id = e.achievement_id"
                " where u.username = any (%s) order by 1",
                [names],
            )

    together = counted(room.insert("users", "username", [(name,) for name in names]))
    alone = counted(*(lambda name=name: room.learn.register_user(name) for name in names))
    assert together == alone
    assert together == [(name, 0, 1, 0, "registrations", 1, "welcome-aboard") for name in sorted(names)]


def test_a_hundred_thousand_completions_in_one_statement_pay_each_user_what_is_due(learn: Learn) -> None:
    """Expected by plain arithmetic over the content; the statement takes seconds."""
    lessons: list[Lesson] = [learn.make_lesson(0, xp_reward=n) for n in range(100)]
    learn.make_track(*lessons[:50], completion_xp=1000)
    track = learn.make_track(*lessons, completion_xp=None)
    learn.make_path(track)
    learn.run("insert into learn.users (username) select 'crowd-' || n from generate_series(1, 1000) n")
    rows = [(f"crowd-{user}", lesson.slug) for user in range(1, 1001) for lesson in lessons]
    random.Random(7).shuffle(rows)
    learn.run("create temporary table input (username text, slug text) on commit drop")
    with learn.connection.cursor().copy("copy input from stdin") as copy:
        for row in rows:
            copy.write_row(row)
    learn.run("analyze input")
    learn.run("set local statement_timeout = '600s'")
    learn.run(
        "insert into learn.user_lesson_progress (user_id, lesson_id, status)"
        " select u.id, l.id, 'completed' from input i"
        " join learn.users u on u.username = i.username join learn.lessons l on l.slug = i.slug"
    )
    xp = sum(range(100)) + 1000 + 200
    level = max(level for level in range(1, 101) if 50 * level * (level - 1) <= xp)
    found = learn.tuples(
        "select s.total_xp, s.current_level, s.highest_level, s.current_streak, s.active_days,"
        "   (select count(*) from learn.xp_transactions t where t.user_id = s.user_id),"
        "   (select count(*) from learn.activity_log f where f.user_id = s.user_id"
        "     and f.activity_type = 'lesson_completed'),"
        "   (select m.value from learn.user_metrics m where m.user_id = s.user_id"
        "     and m.metric = 'lessons_completed'),"
        "   (select count(*) from learn.user_track_progress t where t.user_id = s.user_id"
        "     and t.status = 'completed'),"
        "   (select array_agg(a.slug order by a.slug) from learn.user_achievements e"
        "     join learn.achievements a on a.id = e.achievement_id where e.user_id = s.user_id),"
        "   count(*)"
        " from learn.user_stats s join learn.users u on u.id = s.user_id"
        " where u.username like 'crowd-%%' group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
    )
    badges = [
        *("first-lesson", "getting-serious", "halfway-there", "lesson-master", "path-master", "sql-beginner"),
        *("sql-grinder", "track-finisher", "welcome-aboard"),
    ]
    # 99 lessons that pay (the first is worth 0), two tracks; a path pays nothing.
    assert found == [(xp, level, level, 1, 1, 101, 100, 100, 2, badges, 1000)]
