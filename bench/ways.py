"""One completion of a lesson with all that follows, written in six ways, and how long each takes.

In Python it is as the quiz document describes: one query for the stats, and checks in Python. With objects of
SQLAlchemy, and by psycopg alone, with prepared statements, which is as quick as Python gets.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy
from database import HERE, Connection
from run import rows
from sqlalchemy.orm import Session, registry

if TYPE_CHECKING:
    from typing_extensions import LiteralString

DEPTHS = (0, 500, 5000)
EACH = 12  # learners of each depth
COMPLETE: LiteralString = "select learn.complete_lesson(%(user)s, %(lesson)s)"
WAYS: dict[str, LiteralString | None] = {
    "bare insert": "insert into bench.lesson_progress (user_id, lesson_id, status, completed_at)"
    " values (%(user)s, %(lesson)s, 'completed', now())",
    "hand-written function": "select bench.complete(%(user)s, %(lesson)s, %(track)s)",
    "complete_lesson()": COMPLETE,
    "naive triggers": "insert into naive.progress (user_id, lesson_id) values (%(user)s, %(lesson)s)",
    "in Python, SQLAlchemy": None,
    "in Python, psycopg": None,
}
BY_CALL: LiteralString = "select id from learn.lessons where slug like 'bench-%%' and id %% 4 > 0 order by id"

MAPPED = ("progress", "activity", "xp", "stats", "user_achievements")

STATS = """
    select (select count(*) from app.progress p where p.user_id = %(user)s),
      (select coalesce(sum(x.amount), 0)::bigint from app.xp x where x.user_id = %(user)s),
      array(select distinct a.at::date from app.activity a where a.user_id = %(user)s order by 1 desc),
      (select jsonb_object_agg(k.kind, k.number) from (
        select a.kind, count(*) as number from app.activity a where a.user_id = %(user)s group by a.kind) k),
      (select count(*) from app.tracks t where t.user_id = %(user)s and t.done = t.total)
"""
TRACK = """
    insert into app.tracks (user_id, track_id, done, total)
    select %(user)s, k.track_id,
      (select count(*) from learn.track_lessons o
        join app.progress p on p.lesson_id = o.lesson_id and p.user_id = %(user)s
        where o.track_id = k.track_id),
      (select count(*) from learn.track_lessons o where o.track_id = k.track_id)
    from learn.track_lessons k where k.lesson_id = %(lesson)s
    on conflict (user_id, track_id) do update set done = excluded.done, total = excluded.total
"""
LEFT = """
    select c.slug, c.metric, c.threshold from app.achievements c
    where not exists (select from app.user_achievements u where u.user_id = %(user)s and u.slug = c.slug)
"""


def complete_in_python(connection: Connection, user: Any, lesson: int) -> None:
    """A completed lesson and all that follows."""
    given = {"user": user, "lesson": lesson, "subject": str(lesson)}
    run = connection.execute
    with connection.transaction():
        run("insert into app.progress (user_id, lesson_id) values (%(user)s, %(lesson)s)", given)
        run(
            "insert into app.activity (user_id, kind, subject)"
            " values (%(user)s, 'lesson_completed', %(subject)s)",
            given,
        )
        run("insert into app.xp (user_id, amount) values (%(user)s, 50)", given)
        run(TRACK.encode(), given)
        values = _values(*(run(STATS.encode(), given).fetchone() or (0, 0, [], {}, 0)))
        run(
            "insert into app.stats (user_id, total_xp, level, streak)"
            " values (%(user)s, %(xp)s, %(level)s, %(streak)s)"
            " on conflict (user_id) do update"
            " set total_xp = excluded.total_xp, level = excluded.level, streak = excluded.streak",
            {
                **given,
                "xp": values["xp"],
                "level": values["level_reached"],
                "streak": values["current_streak"],
            },
        )
        for slug, metric, threshold in run(LEFT.encode(), given).fetchall():
            if values.get(metric, 0) >= threshold:
                run(
                    "insert into app.user_achievements (user_id, slug) values (%(user)s, %(slug)s)",
                    {**given, "slug": slug},
                )


def complete_with_sqlalchemy(connection: Connection) -> Callable[[Any, int], None]:
    """The same with SQLAlchemy: rows are objects of a session, which flushes and commits."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: connection, poolclass=sqlalchemy.StaticPool
    )
    tables = sqlalchemy.MetaData()
    tables.reflect(engine, schema="app")
    classes: dict[str, Any] = {name: type(name, (), {}) for name in MAPPED}
    for name, mapped in classes.items():
        registry().map_imperatively(mapped, tables.tables[f"app.{name}"])
    track, stats, left = (
        sqlalchemy.text(re.sub(r"::", r"\\:\\:", re.sub(r"%\((\w+)\)s", r":\1", query)))
        for query in (TRACK, STATS, LEFT)
    )

    def row(table: str, **values: object) -> Any:
        made = classes[table]()
        for column, value in values.items():
            setattr(made, column, value)
        return made

    def complete(user: Any, lesson: int) -> None:
        given = {"user": user, "lesson": lesson}
        with Session(engine) as session:
            session.add(row("progress", user_id=user, lesson_id=lesson))
            session.add(row("activity", user_id=user, kind="lesson_completed", subject=str(lesson)))
            session.add(row("xp", user_id=user, amount=50))
            session.flush()
            session.execute(track, given)
            values = _values(*session.execute(stats, given).one())
            found = session.get(classes["stats"], user) or row("stats", user_id=user)
            session.add(found)
            found.total_xp, found.level = values["xp"], values["level_reached"]
            found.streak = values["current_streak"]
            for slug, metric, threshold in session.execute(left, given):
                if values.get(metric, 0) >= threshold:
                    session.add(row("user_achievements", user_id=user, slug=slug))
            session.commit()

    return complete


def _values(
    lessons: int, xp: int, days: list[date], kinds: dict[str, int] | None, tracks: int
) -> dict[str, int]:
    return {
        **(kinds or {}),
        "lessons_completed": lessons,
        "xp": xp,
        "level_reached": _level(xp),
        "active_days": len(days),
        "current_streak": _streak(days),
        "tracks_completed": tracks,
    }


def _streak(days: list[date]) -> int:
    streak = 0
    while streak < len(days) and days[streak] == days[0] - timedelta(days=streak):
        streak += 1
    return streak


def _level(xp: int) -> int:
    level = 1
    while level < 100 and 50 * (level + 1) * level <= xp:
        level += 1
    return level


def one(connection: Connection, query: str, *arguments: object) -> Any:
    """The first column of the first row."""
    row = connection.execute(query.encode(), arguments).fetchone()
    return row[0] if row else None


def build_ways(connection: Connection) -> None:
    """The tables of the other ways, and learners with so much behind them, in all ways."""
    connection.execute((HERE / "handwritten.sql").read_bytes())
    naive = (HERE / "naive.sql").read_text(encoding="utf-8")
    connection.execute(f"create schema naive; {naive}".encode())
    connection.execute(
        f"create schema app; {naive.partition('-- triggers')[0].replace('naive.', 'app.')}".encode()
    )
    connection.execute("alter table naive.progress disable trigger user")
    for depth in DEPTHS:
        users = rows(
            connection,
            "insert into learn.users (username) select 'depth-' || %s || '-' || g"
            " from generate_series(1, %s) g returning id",
            *(depth, EACH),
        )
        past = f"""
            create temporary table past as
            select u.id as user_id, l.id as lesson_id, now() - (25 + l.place / 20) * interval '1 day' as at
            from unnest(%s::uuid[]) u(id)
            cross join (select l.id, row_number() over (order by l.id desc) as place
              from ({BY_CALL} limit {depth}) l) l
        """
        connection.execute(past.encode(), (users,))
        for statement in (
            "insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)"
            " select user_id, lesson_id, 'completed', at from past order by user_id, at",
            "insert into bench.lesson_progress (user_id, lesson_id, status, completed_at)"
            " select user_id, lesson_id, 'completed', at from past",
            "insert into bench.written_progress select * from bench.lesson_progress"
            " where user_id in (select user_id from past)",
        ):
            connection.execute(statement.encode())
        for schema in ("naive", "app"):
            for statement in (
                "insert into {0}.progress select user_id, lesson_id, at from past",
                "insert into {0}.activity (user_id, kind, subject, at)"
                " select user_id, 'lesson_completed', lesson_id::text, at from past",
                "insert into {0}.xp (user_id, amount, created_at) select user_id, 50, at from past",
            ):
                connection.execute(statement.format(schema).encode())
        connection.execute("drop table past")
    connection.execute("alter table naive.progress enable trigger user")
    connection.execute(
        "insert into bench.stats (user_id) select id from learn.users where username like 'depth%'"
    )
    connection.execute("vacuum analyze")


def time_ways(connection: Connection, rounds: int, run: int) -> dict[str, dict[str, dict[int, float]]]:
    """Median milliseconds of a completion, flushed and not, by way and by how many are behind the learner.

    Each `run` (from 1) takes lessons of its own.
    """
    lessons = rows(connection, BY_CALL)
    learners = {
        depth: rows(connection, "select id from learn.users where username like %s", f"depth-{depth}-%")
        for depth in DEPTHS
    }
    times: dict[str, dict[str, dict[int, list[float]]]] = {
        mode: {way: {depth: [] for depth in DEPTHS} for way in WAYS} for mode in ("flushed", "not flushed")
    }
    mapped = psycopg.connect(connection.info.dsn, password=connection.info.password or None)
    with_sqlalchemy = complete_with_sqlalchemy(mapped)
    for number in range(rounds + 1):
        for mode, setting in (("flushed", "on"), ("not flushed", "off")):
            for each in (connection, mapped):
                each.execute(f"set synchronous_commit = {setting}".encode())
            mapped.commit()
            for depth, users in learners.items():
                place = depth + (run * (rounds + 1) + number) * 2 + (mode == "flushed")
                lesson = lessons[place]
                track = one(
                    connection, "select track_id from learn.track_lessons where lesson_id = %s", lesson
                )
                for user in users:
                    given = {"user": user, "lesson": lesson, "track": track}
                    for way, statement in WAYS.items():
                        begun = time.perf_counter()
                        if way == "in Python, SQLAlchemy":
                            with_sqlalchemy(user, lessons[place + 400])  # in the same tables
                        elif statement is None:
                            complete_in_python(connection, user, lesson)
                        else:
                            connection.execute(statement, given, prepare=True)
                        if number:  # the first round makes plans
                            times[mode][way][depth].append((time.perf_counter() - begun) * 1e3)
    connection.execute("reset synchronous_commit")
    mapped.close()
    return {
        mode: {
            way: {depth: round(statistics.median(values), 3) for depth, values in by_depth.items()}
            for way, by_depth in by_way.items()
        }
        for mode, by_way in times.items()
    }
