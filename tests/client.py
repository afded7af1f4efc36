"""A thin client of Laurel: a method per stored function, makers of content, and readers of what came of it.

Nothing here knows a rule: it calls, inserts and selects. Parameters that are None are left to their defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[tuple[Any, ...]]
Row = TypeVar("Row")
Moment = datetime | str
_numbers = count(1)


def moment(text: str, zone: str = "UTC") -> datetime:
    """A point in time by the wall clock of a time zone: `moment("2035-03-25 00:30", "Europe/Paris")`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    return timedelta(days=number)


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)


@dataclass(frozen=True)
class AwardSummary:
    """`learn.award_summary`: what a call did for a user."""

    user_id: UUID
    xp_awarded: int
    total_xp: int
    current_level: int
    leveled_up: bool
    current_streak: int
    new_achievements: list[str]
    unlocked: dict[str, Any]
    replayed: bool


@dataclass(frozen=True)
class Stats:
    """A row of `learn.user_stats`."""

    total_xp: int
    current_level: int
    highest_level: int
    current_streak: int
    longest_streak: int
    active_days: int
    last_activity_date: date | None
    streak_freezes: int


@dataclass(frozen=True)
class Progress:
    """A row of `learn.achievement_progress()`."""

    slug: str
    name: str
    category: str
    value: int
    target: int
    percentage: Decimal
    earned_at: datetime | None


@dataclass(frozen=True)
class LessonProgress:
    """A row of `learn.user_lesson_progress`."""

    status: str
    score: Decimal | None
    time_spent_seconds: int | None
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True)
class TrackProgress:
    """A row of `learn.user_track_progress`."""

    status: str
    items_completed: int
    total_items: int
    progress_percentage: Decimal
    completed_at: datetime | None


@dataclass(frozen=True)
class PathProgress:
    """A row of `learn.user_path_progress`."""

    tracks_completed: int
    total_tracks: int
    completed_at: datetime | None


@dataclass(frozen=True)
class LearningSession:
    """A row of `learn.learning_sessions`."""

    user_id: UUID
    id: int
    session_type: str
    resource_id: str | None
    started_at: datetime
    ended_at: datetime | None
    duration_seconds: int | None
    xp_at_start: int | None
    xp_earned: int
    is_completed: bool
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Damage:
    """A row of `learn.check_integrity()`."""

    check_name: str
    user_id: UUID | None
    expected: str | None
    actual: str | None


@dataclass(frozen=True)
class Lesson:
    """A lesson that was made, with the ids of its exercises in order of position."""

    id: int
    slug: str
    exercises: tuple[int, ...]


@dataclass(frozen=True)
class Track:
    """A track that was made."""

    id: int
    slug: str


@dataclass(frozen=True)
class Path:
    """A learning path that was made."""

    id: int
    slug: str


class Refusal:
    """What a refused call said: filled when the `with` block of `raises_lx` is over."""

    detail: str = ""
    hint: str = ""


@contextmanager
def raises_lx(code: str) -> Iterator[Refusal]:
    """Expects an error with this SQLSTATE whose DETAIL and HINT say something.

    The transaction is aborted afterwards, as ever; `Learn.refuses` keeps it.
    """
    refusal = Refusal()
    with pytest.raises(psycopg.Error) as caught:
        yield refusal
    error = caught.value
    assert error.sqlstate == code, f"{error.sqlstate} instead of {code}: {error}"
    assert (error.diag.message_detail or "").strip(), f"no DETAIL: {error}"
    assert (error.diag.message_hint or "").strip(), f"no HINT: {error}"
    refusal.detail = error.diag.message_detail or ""
    refusal.hint = error.diag.message_hint or ""


class Learn:
    """The stored functions of the schema learn, over one connection. Commits nothing by itself."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    # ── calls that change a learner's state ────────────────────────────────────────────────────────────────

    def register_user(
        self,
        username: str | None,
        *,
        email: str | None = None,
        timezone: str | None = None,
        locale: str | None = None,
        display_name: str | None = None,
    ) -> UUID:
        arguments = {"email": email, "timezone": timezone, "locale": locale, "display_name": display_name}
        user = self._value("register_user", {"username": username}, arguments)
        assert isinstance(user, UUID)
        return user

    def set_password_hash(self, user: UUID | None, password_hash: str | None) -> None:
        self._value("set_password_hash", {"user_id": user, "password_hash": password_hash})

    def get_password_hash(self, user: UUID) -> str | None:
        found = self._value("get_password_hash", {"user_id": user})
        assert found is None or isinstance(found, str)
        return found

    def start_lesson(
        self,
        user: UUID | None,
        lesson: Lesson | int | None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        return self._summary("start_lesson", {"user_id": user, "lesson_id": _id(lesson)}, {}, at, key)

    def complete_lesson(
        self,
        user: UUID | None,
        lesson: Lesson | int | None,
        score: float | None = None,
        time_spent_seconds: int | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        exact = None if score is None else Decimal(str(score))
        arguments = {"score": exact, "time_spent_seconds": time_spent_seconds}
        return self._summary(
            "complete_lesson", {"user_id": user, "lesson_id": _id(lesson)}, arguments, at, key
        )

    def submit_query(
        self,
        user: UUID | None,
        exercise: int | None,
        correct: bool | None = True,
        error: str | None = None,
        *,
        query: str | None = "select 1",
        duration_ms: int | None = None,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "exercise_id": exercise, "query_text": query, "is_correct": correct}
        return self._summary(
            "submit_query", required, {"error_message": error, "duration_ms": duration_ms}, at, key
        )

    def record_activity(
        self,
        user: UUID | None,
        activity_type: str | None,
        subject_type: str | None = None,
        subject_id: str | None = None,
        properties: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        arguments = {
            "subject_type": subject_type,
            "subject_id": subject_id,
            "properties": None if properties is None else Jsonb(properties),
        }
        return self._summary(
            "record_activity", {"user_id": user, "activity_type": activity_type}, arguments, at, key
        )

    def record_activities(self, batch: Any) -> list[AwardSummary]:
        """`batch`: elements as JSON data; UUIDs and datetimes in them are written as text."""
        data = None if batch is None else Jsonb(_plain(batch))
        return self.rows(AwardSummary, "select * from learn.record_activities(%s)", [data])

    def award_xp(
        self,
        user: UUID | None,
        amount: int | None,
        source_type: str | None = None,
        source_id: str | None = None,
        description: str | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        arguments = {"source_type": source_type, "source_id": source_id, "description": description}
        return self._summary("award_xp", {"user_id": user, "amount": amount}, arguments, at, key)

    def reverse_xp(
        self,
        user: UUID | None,
        transaction: int | None,
        reason: str | None = "a mistake",
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "transaction_id": transaction, "reason": reason}
        return self._summary("reverse_xp", required, {}, at, key)

    def grant_streak_freezes(
        self,
        user: UUID | None,
        number: int | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        return self._summary("grant_streak_freezes", {"user_id": user}, {"count": number}, at, key)

    def check_achievements(self, user: UUID | None) -> list[str]:
        found = self.connection.execute("select learn.check_achievements(%s)", [user]).fetchall()
        return [slug for (slug,) in found]

    def grant_achievement(
        self, user: UUID | None, slug: str | None, *, at: Moment | None = None, key: str | None = None
    ) -> AwardSummary:
        return self._summary("grant_achievement", {"user_id": user, "slug": slug}, {}, at, key)

    def revoke_achievement(
        self,
        user: UUID | None,
        slug: str | None,
        reason: str | None = "a mistake",
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "slug": slug, "reason": reason}
        return self._summary("revoke_achievement", required, {}, at, key)

    def backfill_achievement(self, slug: str | None) -> int:
        return int(self._value("backfill_achievement", {"slug": slug}))

    def allocate_skill_points(
        self,
        user: UUID | None,
        skill: int | None,
        points: int | None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "skill_id": skill, "points": points}
        return self._summary("allocate_skill_points", required, {}, at, key)

    def submit_assessment(
        self,
        user: UUID | None,
        kind: str | None,
        questions: Any,
        responses: Any,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {
            "user_id": user,
            "assessment_type": kind,
            "questions": None if questions is None else Jsonb(questions),
            "responses": None if responses is None else Jsonb(responses),
        }
        return self._summary("submit_assessment", required, {}, at, key)

    def start_session(
        self,
        user: UUID | None,
        kind: str | None,
        resource: str | None = None,
        metadata: Any = None,
        *,
        at: Moment | None = None,
    ) -> LearningSession:
        arguments = {
            "resource_id": resource,
            "metadata": None if metadata is None else Jsonb(metadata),
            "occurred_at": _moment(at),
        }
        return self._session("start_session", {"user_id": user, "session_type": kind}, arguments)

    def end_session(
        self,
        user: UUID | None,
        session: int | None,
        completed: bool | None = True,
        *,
        at: Moment | None = None,
    ) -> LearningSession:
        required = {"user_id": user, "session_id": session, "is_completed": completed}
        return self._session("end_session", required, {"occurred_at": _moment(at)})

    def close_abandoned_sessions(self) -> int:
        return int(self._value("close_abandoned_sessions", {}))

    def mark_read(self, user: UUID | None, ids: Sequence[int] | None = None) -> int:
        arguments = {"ids": None if ids is None else list(ids)}
        return int(self._value("mark_read", {"user_id": user}, arguments))

    # ── calls that read, and those of operators ────────────────────────────────────────────────────────────

    def achievement_progress(self, user: UUID | None) -> dict[str, Progress]:
        """By slug."""
        found = self.rows(Progress, "select * from learn.achievement_progress(%s)", [user])
        return {row.slug: row for row in found}

    def skill_tree(self, user: UUID | None) -> dict[str, dict[str, Any]]:
        """By slug."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("select * from learn.skill_tree(%s)", [user]).fetchall()
        return {row["slug"]: row for row in found}

    def unread_count(self, user: UUID | None) -> int:
        return int(self._value("unread_count", {"user_id": user}))

    def purge_notifications(self, before: Moment | None) -> int:
        return int(self._value("purge_notifications", {"before": _moment(before)}))

    def import_old_progress(self) -> tuple[int, int, int]:
        """(imported, unchanged, rejected)."""
        (found,) = self.tuples("select imported, unchanged, rejected from learn.import_old_progress()")
        return found[0], found[1], found[2]

    def calculate_level_from_xp(self, xp: int | None) -> int:
        return int(self._value("calculate_level_from_xp", {"xp": xp}))

    def xp_for_level(self, level: int | None) -> int:
        return int(self._value("xp_for_level", {"level": level}))

    def calculate_user_streak(self, user: UUID | None) -> int:
        return int(self._value("calculate_user_streak", {"user_id": user}))

    def clock(self) -> datetime:
        now = self._value("clock", {})
        assert isinstance(now, datetime)
        return now

    def check_integrity(self) -> list[Damage]:
        return self.rows(Damage, "select * from learn.check_integrity() order by 1, 2, 3, 4")

    def rebuild_user(self, user: UUID | None) -> None:
        self._value("rebuild_user", {"user_id": user})

    def rebuild_all(self) -> int:
        return int(self._value("rebuild_all", {}))

    def ensure_partitions(self, until: date | None) -> int:
        return int(self._value("ensure_partitions", {"until": until}))

    # ── the clock, roles and refusals ──────────────────────────────────────────────────────────────────────

    def set_clock(self, at: Moment | None) -> datetime:
        """Stops Laurel's clock at a moment (a text is UTC); None lets it run again. Returns what it shows."""
        self.connection.execute("select learn_internal.set_clock(%s)", [_moment(at)])
        return self.clock()

    def advance(self, step: timedelta) -> datetime:
        """Moves the clock on, stopping it where it runs; returns what it shows then."""
        return self.set_clock(self.clock() + step)

    @contextmanager
    def role(self, name: str) -> Iterator[None]:
        """Acts as another role."""
        self.connection.execute(sql.SQL("set role {}").format(sql.Identifier(name)))
        try:
            yield
        finally:
            if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
                self.connection.execute("reset role")

    @contextmanager
    def refuses(self, code: str) -> Iterator[Refusal]:
        """Like `raises_lx`; the transaction goes on, and no table may have another number of rows."""
        before = self.row_counts()
        with raises_lx(code) as refusal, self.connection.transaction():
            yield refusal
        assert self.row_counts() == before

    @contextmanager
    def fails(self, sqlstate: str) -> Iterator[None]:
        """Expects an error of PostgreSQL itself, such as 23514 or 42501; the transaction goes on."""
        with pytest.raises(psycopg.Error) as caught, self.connection.transaction():
            yield
        assert caught.value.sqlstate == sqlstate, f"{caught.value.sqlstate}: {caught.value}"

    # ── makers ─────────────────────────────────────────────────────────────────────────────────────────────

    def make_user(self, name: str | None = None, *, timezone: str | None = None) -> UUID:
        return self.register_user(name or f"learner-{next(_numbers)}", timezone=timezone)

    def make_lesson(
        self,
        exercises: int = 2,
        *,
        slug: str | None = None,
        difficulty: str | None = None,
        xp_reward: int | None = None,
        published: bool = True,
    ) -> Lesson:
        slug = slug or f"lesson-{next(_numbers)}"
        lesson = self.value(
            "insert into learn.lessons (slug, title, difficulty, xp_reward, is_published)"
            " values (%s, %s, %s, %s, %s) returning id",
            [slug, slug, difficulty, xp_reward, published],
        )
        made = tuple(self.make_exercise(lesson, position=position) for position in range(1, exercises + 1))
        return Lesson(lesson, slug, made)

    def make_exercise(self, lesson: Lesson | int, *, position: int = 1, published: bool = True) -> int:
        return int(
            self.value(
                "insert into learn.exercises (lesson_id, position, prompt, is_published)"
                " values (%s, %s, 'Select one.', %s) returning id",
                [_id(lesson), position, published],
            )
        )

    def make_track(
        self,
        *lessons: Lesson,
        slug: str | None = None,
        difficulty: str = "intermediate",
        completion_xp: int | None = None,
        published: bool = True,
    ) -> Track:
        slug = slug or f"track-{next(_numbers)}"
        track = self.value(
            "insert into learn.tracks (slug, title, difficulty, completion_xp, is_published)"
            " values (%s, %s, %s, %s, %s) returning id",
            [slug, slug, difficulty, completion_xp, published],
        )
        made = Track(track, slug)
        self.add_to_track(made, *lessons)
        return made

    def add_to_track(self, track: Track, *lessons: Lesson) -> None:
        for lesson in lessons:
            self.connection.execute(
                "insert into learn.track_lessons (track_id, lesson_id, position)"
                " select %s, %s, count(*) + 1 from learn.track_lessons where track_id = %s",
                [track.id, lesson.id, track.id],
            )

    def make_path(self, *tracks: Track, slug: str | None = None, published: bool = True) -> Path:
        slug = slug or f"path-{next(_numbers)}"
        path = self.value(
            "insert into learn.learning_paths (slug, title, is_published) values (%s, %s, %s) returning id",
            [slug, slug, published],
        )
        made = Path(path, slug)
        self.add_to_path(made, *tracks)
        return made

    def add_to_path(self, path: Path, *tracks: Track) -> None:
        for track in tracks:
            self.connection.execute(
                "insert into learn.learning_path_tracks (path_id, track_id, position)"
                " select %s, %s, count(*) + 1 from learn.learning_path_tracks where path_id = %s",
                [path.id, track.id, path.id],
            )

    def make_prerequisite(self, track: Track, prerequisite: Track) -> None:
        self.connection.execute(
            "insert into learn.track_prerequisites (track_id, prerequisite_track_id) values (%s, %s)",
            [track.id, prerequisite.id],
        )

    def make_activity_type(
        self,
        key: str | None = None,
        *,
        qualifying: bool = False,
        happens_once: bool = False,
        internal: bool = False,
        xp: int | None = None,
        daily_cap: int | None = None,
    ) -> str:
        """Also its XP rule, when `xp` is given."""
        key = key or f"activity_{next(_numbers)}"
        self.connection.execute(
            "insert into learn.activity_types (key, is_qualifying, happens_once, is_internal)"
            " values (%s, %s, %s, %s)",
            [key, qualifying, happens_once, internal],
        )
        if xp is not None:
            self.connection.execute(
                "insert into learn.xp_rules (activity_type, amount, daily_cap) values (%s, %s, %s)",
                [key, xp, daily_cap],
            )
        return key

    def make_metric(
        self,
        activity_type: str,
        aggregate: str = "count",
        *,
        key: str | None = None,
        property: str | None = None,
        filter: Mapping[str, Any] | None = None,
        scope_property: str | None = None,
        reset_activity_type: str | None = None,
        reset_filter: Mapping[str, Any] | None = None,
    ) -> str:
        key = key or f"metric_{next(_numbers)}"
        self.connection.execute(
            "insert into learn.metrics (key, activity_type, aggregate, property, filter, scope_property,"
            " reset_activity_type, reset_filter) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                key,
                activity_type,
                aggregate,
                property,
                Jsonb(filter or {}),
                scope_property,
                reset_activity_type,
                Jsonb(reset_filter or {}),
            ],
        )
        return key

    def make_achievement(
        self,
        criteria: Any,
        *,
        slug: str | None = None,
        xp_reward: int = 0,
        avatar: int | None = None,
        hidden: bool = False,
        active: bool = True,
        display_order: int = 1000,
    ) -> str:
        slug = slug or f"achievement-{next(_numbers)}"
        self.connection.execute(
            "insert into learn.achievements (slug, name, category, system, criteria, xp_reward,"
            " unlocks_avatar_id, is_hidden, is_active, display_order)"
            " values (%s, %s, 'Test', 'core', %s, %s, %s, %s, %s, %s)",
            [slug, slug, Jsonb(criteria), xp_reward, avatar, hidden, active, display_order],
        )
        return slug

    def make_avatar(self, slug: str | None = None, *, default: bool = False) -> int:
        slug = slug or f"avatar-{next(_numbers)}"
        return int(
            self.value(
                "insert into learn.avatars (slug, name, image_url, is_default)"
                " values (%s, %s, %s, %s) returning id",
                [slug, slug, f"/avatars/{slug}.svg", default],
            )
        )

    def make_skill(
        self,
        slug: str | None = None,
        *,
        parent: int | None = None,
        needs: Sequence[int] = (),
        max_level: int = 5,
        xp_per_level: int = 100,
        category: str = "",
    ) -> int:
        """`needs`: the skills that are its prerequisites."""
        slug = slug or f"skill-{next(_numbers)}"
        skill = int(
            self.value(
                "insert into learn.skills (slug, name, parent_skill_id, max_level, xp_per_level, category)"
                " values (%s, %s, %s, %s, %s, %s) returning id",
                [slug, slug, parent, max_level, xp_per_level, category],
            )
        )
        for other in needs:
            self.connection.execute(
                "insert into learn.skill_prerequisites (skill_id, prerequisite_skill_id) values (%s, %s)",
                [skill, other],
            )
        return skill

    def make_challenge(
        self,
        slug: str | None = None,
        *,
        levels: int = 5,
        difficulty: str = "beginner",
        category: str = "caching",
        track: Track | None = None,
        needs: Sequence[int] = (),
        active: bool = True,
    ) -> int:
        """Each level pays 20 XP, all of them 100. `needs`: the challenges that are its prerequisites."""
        slug = slug or f"challenge-{next(_numbers)}"
        challenge = int(
            self.value(
                "insert into learn.challenges (slug, title, category, difficulty, track_id, is_active)"
                " values (%s, %s, %s, %s, %s, %s) returning id",
                [slug, slug.title(), category, difficulty, track.id if track else None, active],
            )
        )
        self.connection.execute(
            "insert into learn.challenge_levels (challenge_id, level_number, level_name, requirements,"
            " test_cases, passing_criteria, xp_reward)"
            " select %s, l, 'Level ' || l, '{}', '[]', '{}', 20 from generate_series(1, %s) l",
            [challenge, levels],
        )
        for other in needs:
            self.connection.execute(
                "insert into learn.challenge_prerequisites (challenge_id, prerequisite_challenge_id)"
                " values (%s, %s)",
                [challenge, other],
            )
        return challenge

    def pass_level(
        self, user: UUID, challenge: int, level: int, *, passed: bool = True, at: Moment | None = None
    ) -> AwardSummary:
        required = {
            "user_id": user,
            "challenge_id": challenge,
            "level_number": level,
            "score": Decimal(100 if passed else 0),
            "passed": passed,
        }
        return self._summary("submit_level_attempt", required, {}, at, None)

    def set_setting(self, key: str, value: Any) -> None:
        self.connection.execute(
            "update learn.platform_settings set value = %s where key = %s", [Jsonb(value), key]
        )

    def solve(
        self,
        user: UUID,
        lesson: Lesson,
        *,
        mistakes: int = 0,
        error: str | None = None,
        at: Moment | None = None,
    ) -> AwardSummary:
        """Solves every exercise of a lesson (one without any: completes it). Returns the last summary.

        Wrong submissions, as many as `mistakes`, come before the first; they fail with `error`, if given.
        """
        if not lesson.exercises:
            return self.complete_lesson(user, lesson, at=at)
        for _ in range(mistakes):
            self.submit_query(user, lesson.exercises[0], False, error, at=at)
        return [self.submit_query(user, exercise, at=at) for exercise in lesson.exercises][-1]

    # ── readers ────────────────────────────────────────────────────────────────────────────────────────────

    def stats(self, user: UUID) -> Stats:
        columns = ", ".join(field.name for field in fields(Stats))
        return self._one(Stats, f"select {columns} from learn.user_stats where user_id = %s", [user])

    def ledger(self, user: UUID) -> list[tuple[int, str, str | None]]:
        """(amount, source_type, source_id) in order of writing."""
        return self.tuples(
            "select amount, source_type, source_id from learn.xp_transactions where user_id = %s order by id",
            [user],
        )

    def transactions(self, user: UUID) -> list[int]:
        """Ids of the ledger rows in order of writing."""
        found = self.tuples("select id from learn.xp_transactions where user_id = %s order by id", [user])
        return [number for (number,) in found]

    def facts(self, user: UUID, activity_type: str | None = None) -> list[tuple[str, str | None, str | None]]:
        """(activity_type, subject_type, subject_id) in order of writing, of one type if given."""
        return self.tuples(
            "select activity_type, subject_type, subject_id from learn.activity_log"
            " where user_id = %(user)s and activity_type = coalesce(%(type)s, activity_type) order by id",
            {"user": user, "type": activity_type},
        )

    def badges(self, user: UUID) -> list[str]:
        """Slugs of the achievements that a user has, in the order in which they were earned."""
        found = self.tuples(
            "select a.slug from learn.user_achievements u"
            " join learn.achievements a on a.id = u.achievement_id where u.user_id = %s order by u.id",
            [user],
        )
        return [slug for (slug,) in found]

    def avatars(self, user: UUID) -> list[str]:
        found = self.tuples(
            "select a.slug from learn.user_avatars u join learn.avatars a on a.id = u.avatar_id"
            " where u.user_id = %s order by a.slug",
            [user],
        )
        return [slug for (slug,) in found]

    def metric(self, user: UUID, key: str, scope: str = "") -> int:
        """0 where there is no row."""
        return int(
            self.value(
                "select coalesce(sum(value), 0) from learn.user_metrics"
                " where user_id = %s and metric = %s and scope = %s",
                [user, key, scope],
            )
        )

    def active_days(self, user: UUID) -> list[tuple[date, bool]]:
        """(day, whether a freeze covers it) in order."""
        return self.tuples(
            "select activity_date, is_freeze from learn.user_activity_days where user_id = %s order by 1",
            [user],
        )

    def lesson_progress(self, user: UUID, lesson: Lesson) -> LessonProgress | None:
        found = self.rows(
            LessonProgress,
            "select status, score, time_spent_seconds, started_at, completed_at"
            " from learn.user_lesson_progress where user_id = %s and lesson_id = %s",
            [user, lesson.id],
        )
        return found[0] if found else None

    def track_progress(self, user: UUID, track: Track) -> TrackProgress | None:
        found = self.rows(
            TrackProgress,
            "select status, items_completed, total_items, progress_percentage, completed_at"
            " from learn.user_track_progress where user_id = %s and track_id = %s",
            [user, track.id],
        )
        return found[0] if found else None

    def path_progress(self, user: UUID, path: Path) -> PathProgress | None:
        found = self.rows(
            PathProgress,
            "select tracks_completed, total_tracks, completed_at from learn.user_path_progress"
            " where user_id = %s and path_id = %s",
            [user, path.id],
        )
        return found[0] if found else None

    def notices(self, user: UUID) -> list[tuple[str, str, str | None]]:
        """(type, title, message) of the user's notifications in order of writing."""
        return self.tuples(
            "select type, title, message from learn.notifications where user_id = %s order by id", [user]
        )

    def dashboard(self, user: UUID) -> dict[str, Any]:
        """The user's row of `learn.user_dashboard`."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("select * from learn.user_dashboard where user_id = %s", [user]).fetchone()
        assert found is not None
        return found

    def row_counts(self) -> dict[str, int]:
        """Number of rows of every table, by name; partitions within their table."""
        tables = self.tuples(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('learn', 'learn_internal') and c.relkind in ('r', 'p')"
            " and not c.relispartition order by 1, 2"
        )
        counts = sql.SQL(" union all ").join(
            sql.SQL("select {}, count(*) from {}").format(
                sql.Literal(f"{schema}.{table}"), sql.Identifier(schema, table)
            )
            for schema, table in tables
        )
        return dict(self.connection.execute(counts).fetchall())

    # ── plumbing ───────────────────────────────────────────────────────────────────────────────────────────

    def value(self, query: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """The only column of the only row."""
        found = self.tuples(query, arguments)
        assert len(found) == 1
        return found[0][0]

    def tuples(self, query: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(query.encode(), arguments).fetchall())

    def rows(
        self, kind: type[Row], query: str, arguments: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[Row]:
        with self.connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query.encode(), arguments).fetchall()

    def _one(self, kind: type[Row], query: str, arguments: Sequence[Any]) -> Row:
        (found,) = self.rows(kind, query, arguments)
        return found

    def _summary(
        self,
        function: str,
        required: Mapping[str, Any],
        optional: Mapping[str, Any],
        at: Moment | None,
        key: str | None,
    ) -> AwardSummary:
        times = {"occurred_at": _moment(at), "idempotency_key": key}
        query, arguments = _call(function, required, {**optional, **times})
        with self.connection.cursor(row_factory=class_row(AwardSummary)) as cursor:
            (found,) = cursor.execute(query, arguments).fetchall()
        return found

    def _session(
        self, function: str, required: Mapping[str, Any], optional: Mapping[str, Any]
    ) -> LearningSession:
        query, arguments = _call(function, required, optional)
        with self.connection.cursor(row_factory=class_row(LearningSession)) as cursor:
            (found,) = cursor.execute(query, arguments).fetchall()
        return found

    def _value(
        self, function: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None
    ) -> Any:
        query, arguments = _call(function, required, optional or {})
        ((found,),) = self.connection.execute(query, arguments).fetchall()
        return found


def _call(
    function: str, required: Mapping[str, Any], optional: Mapping[str, Any]
) -> tuple[sql.Composed, dict[str, Any]]:
    arguments = {**required, **{name: value for name, value in optional.items() if value is not None}}
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(f"p_{name}"), sql.Placeholder(name)) for name in arguments
    )
    return sql.SQL("select * from {}({})").format(sql.Identifier("learn", function), named), arguments


def _id(lesson: Lesson | int | None) -> int | None:
    return lesson.id if isinstance(lesson, Lesson) else lesson


def _moment(at: Moment | None) -> datetime | None:
    return moment(at) if isinstance(at, str) else at


def _plain(value: Any) -> Any:
    """JSON data with UUIDs and datetimes as text."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
