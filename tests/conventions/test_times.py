"""No row dates what happens to a learner in the future, or absurdly far back, however it is written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.calls import CALLS, Scene, make_scene, statement
from tests.client import Learn, days, moment
from tests.conventions.test_limits import call, parameters

# Refused as a time; as a row that is never changed, or that Laurel alone writes.
REFUSED = {"LX001", "23514", "LX009", "LX010"}
# What lies ahead by its nature.
AHEAD = {
    "drawn_quizzes.ends_at",  # when the time is up
    "faucet_requests.limited_until",  # when the user may ask again
}
# What a row says otherwise than the one of the scene that it is a copy of.
OTHERWISE: dict[str, dict[str, Any]] = {
    "activity_log": {"local_date": None, "is_qualifying": None},
    "users": {"id": "00000000-0000-0000-0000-00000000000a", "username": "newer", "email": None},
    "faucet_requests": {"hedera_account_id": "0.0.99"},
}
COLUMNS = """
select c.relname::text, a.attname::text, a.atttypid = 'date'::regtype
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and c.relname <> 'xp_transactions'  -- which has one writer
  and a.atttypid in ('date'::regtype, 'timestamptz'::regtype)
  and (c.relname = 'users' or exists (
    select from pg_attribute u
    where u.attrelid = c.oid and u.attname in ('user_id', 'author_id') and not u.attisdropped))
order by 1, 2
"""
WRITABLE = """
select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
from pg_attribute a
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  and a.attidentity = ''
"""


# What fills the tables that the scene leaves empty.
MORE = (
    *("submit_assessment", "submit_quiz", "rate_course", "use_hint", "submit_level_attempt"),
    *("submit_daily_challenge", "allocate_skill_points", "import_old_progress", "grant_streak_freezes"),
    *("revoke_achievement", "close_period"),
)


@pytest.fixture
def scene(learn: Learn) -> Scene:
    scene = make_scene(learn)
    user, avatar = scene["user"], learn.make_avatar()
    learn.run(
        "update learn.achievements set unlocks_avatar_id = %s where slug = %s", [avatar, scene["secret"]]
    )
    learn.grant_achievement(user, scene["secret"])
    learn.run("update learn.users set timezone = 'Asia/Tokyo' where id = %s", [user])
    lesson, course = learn.make_lesson(0), learn.make_course()
    learn.make_lesson(0, course=course, level=learn.make_course_level(course))
    learn.enroll_in_course(user, course)
    learn.make_path(learn.make_track(lesson, difficulty="systems"))
    learn.complete_lesson(user, lesson)
    for function in MORE:
        learn.connection.execute(statement(function).replace(b"one good call", function.encode()), scene)
    learn.connection.execute(statement("start_quiz"), scene)
    learn.run("update learn.drawn_quizzes set closed_at = started_at")
    return scene


def attempt(learn: Learn, statement: str, values: list[Any]) -> str:
    """The SQLSTATE of a statement that is undone; it returns whether the value was kept as it was given."""
    try:
        with learn.connection.transaction(force_rollback=True):
            kept = learn.tuples(statement, values)
            return "accepted" if any(is_kept for (is_kept,) in kept) or not kept else "LX001"
    except psycopg.Error as error:
        return error.sqlstate or str(error)


@pytest.mark.no_integrity
@pytest.mark.parametrize("clock", [None, "2035-06-13 12:00", "2020-06-13 12:00"])
def test_no_row_is_dated_ahead_or_absurdly_far_back(learn: Learn, scene: Scene, clock: str | None) -> None:
    """By insert and by update of the owner, for every time and date of every table of learners."""
    newcomer = learn.make_user()
    columns = learn.tuples(COLUMNS)
    assert len(columns) > 60
    now = learn.set_clock(clock)
    wrong: list[tuple[str, ...]] = []
    for table, column, is_date in columns:
        if f"{table}.{column}" in AHEAD:
            continue
        rows = learn.tuples(f"select to_jsonb(t) from learn.{table} t limit 1")
        if not rows:
            wrong.append((table, column, "the scene has no row", "", ""))
            continue
        row = {
            **rows[0][0],
            **dict.fromkeys(("user_id", "author_id"), str(newcomer)),
            **OTHERWISE.get(table, {}),
        }
        ahead = (now + days(2)).date() if is_date else now + days(1) / 24
        for value in ["infinity", "-infinity", "2206-03-01", "0001-01-01", str(ahead)]:
            writable = learn.value(WRITABLE, [f"learn.{table}"])
            kept = f"returning {column} = '{value}' as is_kept"
            inserting = attempt(
                learn,
                f"insert into learn.{table} ({writable}) select {writable}"
                f" from jsonb_populate_record(null::learn.{table}, %s::jsonb) {kept}",
                [Jsonb({**row, column: value})],
            )
            updating = attempt(learn, f"update learn.{table} set {column} = '{value}' {kept}", [])
            if not {inserting, updating} <= REFUSED:
                wrong.append((table, column, value, inserting, updating))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.no_integrity
def test_no_function_takes_a_time_ahead_or_absurdly_far_back(learn: Learn, scene: Scene) -> None:
    """But where the future is meant: what is to be purged before a time, partitions made until a day."""
    meant = {
        ("ensure_partitions", "p_until"),
        ("purge_notifications", "p_before"),
        ("purge_outbox", "p_before"),
    }
    found = []
    for function, parameter, kind in parameters(learn, "^date$|^timestamp with time zone$"):
        for value in ["infinity", "-infinity", "5874897-12-31", "0001-01-01"]:
            if value.startswith("5") and kind != "date":
                value = "2206-03-01"
            error = call(learn, scene, function, parameter, kind, value)
            if (function, parameter) not in meant and (error is None or error.sqlstate != "LX001"):
                found.append((function, parameter, value, error and error.sqlstate))
    assert not found, "\n".join(map(str, found))
    assert {function for function, _ in meant} <= set(CALLS)


def test_no_plan_is_for_a_day_that_never_comes(learn: Learn) -> None:
    challenge = learn.value("insert into learn.challenges (slug, title) values ('c', 'C') returning id", [])
    for day in ("infinity", "-infinity", "0001-01-01", "5874897-12-31"):
        with learn.fails("23514"):
            learn.run(
                "insert into learn.daily_challenges (challenge_id, date) values (%s, %s::date)",
                [challenge, day],
            )


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-01T00:00:00+25:00",
        "2026-01-01T00:00:00-16:00",
        "infinity",
        "5874897-12-31",
        "2206-01-01",
        "J99",
    ],
)
def test_no_batch_takes_a_time_that_is_none(learn: Learn, user: UUID, at: str) -> None:
    kind = learn.make_activity_type()
    with learn.refuses("LX001"):
        learn.record_activities([{"user_id": user, "activity_type": kind, "occurred_at": at}])


def test_five_minutes_ahead_are_taken_and_not_more(learn: Learn) -> None:
    learn.set_clock("2035-06-13 12:00")
    user, lessons = learn.make_user(), [learn.make_lesson(0).id for _ in range(2)]
    statement = (
        "insert into learn.user_lesson_progress (user_id, lesson_id, completed_at) values (%s, %s, %s)"
    )
    learn.run(statement, [user, lessons[0], moment("2035-06-13 12:05")])
    with learn.refuses("LX001"):
        learn.run(statement, [user, lessons[1], moment("2035-06-13 12:05:00.000001")])
