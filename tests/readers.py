"""What came of it: rows of learners' tables and answers of functions, as tests compare them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from tests.content import Challenge, Course, Lesson, Path, Track
from tests.queries import Queries


class AwardSummary(NamedTuple):
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


class Stats(NamedTuple):
    """Of a row of `learn.user_stats`."""

    total_xp: int
    current_level: int
    highest_level: int
    current_streak: int
    longest_streak: int
    active_days: int
    last_activity_date: date | None
    streak_freezes: int


class LessonProgress(NamedTuple):
    """Of a row of `learn.user_lesson_progress`."""

    status: str
    score: Decimal | None
    time_spent_seconds: int | None
    started_at: datetime | None
    completed_at: datetime | None


class TrackProgress(NamedTuple):
    """Of a row of `learn.user_track_progress`."""

    status: str
    items_completed: int
    total_items: int
    progress_percentage: Decimal
    completed_at: datetime | None


class PathProgress(NamedTuple):
    """Of a row of `learn.user_path_progress`."""

    tracks_completed: int
    total_tracks: int
    completed_at: datetime | None


class CourseProgress(NamedTuple):
    """Of a row of `learn.user_course_progress`."""

    status: str
    lessons_completed: int
    total_lessons: int
    levels_completed: int
    total_levels: int
    completion_percentage: Decimal
    mastery_percentage: Decimal
    completed_at: datetime | None


class ChallengeProgress(NamedTuple):
    """Of a row of `learn.user_challenge_progress`."""

    status: str
    current_level: int
    levels_completed: list[int]
    unlocked_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    total_attempts: int
    time_spent_seconds: int
    best_score: Decimal | None


class Certificate(NamedTuple):
    """A row of `learn.certificates()`."""

    course_id: int | None
    certificate_number: str
    verify_code: str
    course_title: str
    completed_on: date
    issued_at: datetime
    is_valid: bool
    revoked_reason: str | None
    token_id: str | None
    collection_id: str | None
    serial_number: int | None
    metadata_uri: str | None
    tx_id: str | None
    hashscan_url: str | None


class Verification(NamedTuple):
    """A row of `learn.verify_certificate()`."""

    certificate_number: str
    course_title: str
    recipient: str | None
    completed_on: date
    issued_at: datetime
    is_valid: bool
    token_id: str | None


class Readers(Queries):
    """Readers of what came of it."""

    if TYPE_CHECKING:

        def call(self, function: str, *arguments: Any, **named: Any) -> Any: ...

    # ── answers of functions, by what tests look them up ───────────────────────────────────────────────────

    def achievement_progress(self, user: UUID | None) -> dict[str, Any]:
        """By slug."""
        return {row.slug: row for row in self.call("achievement_progress", user)}

    def avatar_collection(self, user: UUID | None) -> list[dict[str, Any]]:
        return [row._asdict() for row in self.call("avatar_collection", user)]

    def challenge_status(self, user: UUID | None) -> list[dict[str, Any]]:
        return [row._asdict() for row in self.call("challenge_status", user)]

    def recommend_challenges(self, user: UUID | None, *limit: int | None) -> list[str]:
        """Slugs, in the order of the recommendation."""
        return [row.slug for row in self.call("recommend_challenges", user, *limit)]

    def skill_tree(self, user: UUID | None) -> dict[str, dict[str, Any]]:
        """By slug."""
        return {row.slug: row._asdict() for row in self.call("skill_tree", user)}

    def verify_certificate(self, code: str | None) -> Any:
        """None for a code that nobody has."""
        found = self.call("verify_certificate", code)
        assert len(found) <= 1
        return found[0] if found else None

    def import_old_progress(self) -> Any:
        """(imported, unchanged, rejected)."""
        (found,) = self.call("import_old_progress")
        return found

    def check_integrity(self, *user: UUID) -> list[Any]:
        """Sorted."""
        return sorted(self.call("check_integrity", *user), key=lambda row: tuple(map(str, row)))

    # ── rows of tables ─────────────────────────────────────────────────────────────────────────────────────

    def stats(self, user: UUID) -> Stats:
        return Stats(*self._row(Stats, "user_stats", user_id=user))

    def lesson_progress(self, user: UUID, lesson: Lesson) -> Any:
        return self._row(LessonProgress, "user_lesson_progress", user_id=user, lesson_id=lesson.id)

    def track_progress(self, user: UUID, track: Track) -> Any:
        return self._row(TrackProgress, "user_track_progress", user_id=user, track_id=track.id)

    def path_progress(self, user: UUID, path: Path) -> Any:
        return self._row(PathProgress, "user_path_progress", user_id=user, path_id=path.id)

    def course_progress(self, user: UUID, course: Course) -> Any:
        return self._row(CourseProgress, "user_course_progress", user_id=user, course_id=course.id)

    def challenge_progress(self, user: UUID, challenge: Challenge) -> Any:
        key = {"user_id": user, "challenge_id": challenge.id}
        return self._row(ChallengeProgress, "user_challenge_progress", **key)

    def _row(self, kind: Any, table: str, **key: Any) -> Any:
        """The columns that a kind names; None where there is no row."""
        where = " and ".join(f"{column} = %({column})s" for column in key)
        found = self.rows(f"select {', '.join(kind._fields)} from learn.{table} where {where}", key)
        return found[0] if found else None

    def ledger(self, user: UUID) -> list[tuple[int, str, str | None]]:
        """(amount, source_type, source_id) in order of writing."""
        return self.tuples(
            "select amount, source_type, source_id from learn.xp_transactions where user_id = %s order by id",
            [user],
        )

    def transactions(self, user: UUID) -> list[int]:
        """Ids of the ledger rows in order of writing."""
        return self.values("select id from learn.xp_transactions where user_id = %s order by id", [user])

    def facts(self, user: UUID, activity_type: str | None = None) -> list[tuple[str, str | None, str | None]]:
        """(activity_type, subject_type, subject_id) in order of writing, of one type if given."""
        return self.tuples(
            "select activity_type, subject_type, subject_id from learn.activity_log"
            " where user_id = %(user)s and activity_type = coalesce(%(type)s, activity_type) order by id",
            {"user": user, "type": activity_type},
        )

    def badges(self, user: UUID) -> list[str]:
        """Slugs of the achievements that a user has, in the order in which they were earned."""
        return self.values(
            "select a.slug from learn.user_achievements u"
            " join learn.achievements a on a.id = u.achievement_id where u.user_id = %s order by u.id",
            [user],
        )

    def avatars(self, user: UUID) -> list[str]:
        """Slugs, sorted."""
        return self.values(
            "select a.slug from learn.user_avatars u join learn.avatars a on a.id = u.avatar_id"
            " where u.user_id = %s order by a.slug",
            [user],
        )

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

    def unlocked_challenges(self, user: UUID) -> list[str]:
        """Slugs, sorted."""
        return self.values(
            "select c.slug from learn.user_challenge_progress p join learn.challenges c"
            " on c.id = p.challenge_id where p.user_id = %s and p.unlocked_at is not null order by 1",
            [user],
        )

    def lessons_of(self, course: Course) -> list[Lesson]:
        """The lessons of a course in order of making."""
        found = self.tuples(
            "select l.id, l.slug, array(select e.id from learn.exercises e where e.lesson_id = l.id"
            " order by e.position) from learn.lessons l where l.course_id = %s order by l.id",
            [course.id],
        )
        return [Lesson(number, slug, tuple(exercises)) for number, slug, exercises in found]

    def unlocked_levels(self, user: UUID) -> list[tuple[str, bool]]:
        """(slug, whether it is completed) in order of unlocking."""
        return self.tuples(
            "select v.slug, u.completed_at is not null from learn.user_level_unlocks u"
            " join learn.course_levels v on v.id = u.course_level_id where u.user_id = %s order by u.id",
            [user],
        )

    def notices(self, user: UUID) -> list[tuple[str, str, str | None]]:
        """(type, title, message) of the user's notifications in order of writing."""
        return self.tuples(
            "select type, title, message from learn.notifications where user_id = %s order by id", [user]
        )

    def outbox(self, topic: str | None = None) -> list[Any]:
        """All messages in order, of one topic if given."""
        return self.rows(
            "select * from learn.outbox where topic = coalesce(%(topic)s, topic) order by id",
            {"topic": topic},
        )

    def dashboard(self, user: UUID) -> dict[str, Any]:
        """The user's row of `learn.user_dashboard`."""
        (found,) = self.dicts("select * from learn.user_dashboard where user_id = %s", [user])
        return found
