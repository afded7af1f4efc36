"""A thin client of Laurel: a method per stored function, makers of content, and readers of what came of it.

Nothing here knows a rule: it calls, inserts and selects. Parameters that are None are left to their defaults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
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
class CourseProgress:
    """A row of `learn.user_course_progress`, without its times."""

    status: str
    lessons_completed: int
    total_lessons: int
    levels_completed: int
    total_levels: int
    completion_percentage: Decimal
    mastery_percentage: Decimal
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
class Certificate:
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


@dataclass(frozen=True)
class Verification:
    """A row of `learn.verify_certificate()`."""

    certificate_number: str
    course_title: str
    recipient: str | None
    completed_on: date
    issued_at: datetime
    is_valid: bool
    token_id: str | None


@dataclass(frozen=True)
class Message:
    """A row of `learn.outbox`."""

    id: int
    topic: str
    key: str
    payload: dict[str, Any]
    created_at: datetime
    available_at: datetime
    claimed_at: datetime | None
    claimed_by: str | None
    attempts: int
    completed_at: datetime | None
    failed_at: datetime | None
    error: str | None


@dataclass(frozen=True)
class FoundDiscussion:
    """A row of `learn.search_discussions()`."""

    discussion_id: int
    author_id: UUID
    author: str
    course_id: int | None
    title: str
    category: str
    tags: list[str]
    is_pinned: bool
    is_solved: bool
    view_count: int
    reply_count: int
    upvote_count: int
    downvote_count: int
    created_at: datetime
    updated_at: datetime
    relevance: float
    headline: str


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


@dataclass(frozen=True)
class Course:
    """A course that was made."""

    id: int
    slug: str


@dataclass(frozen=True)
class Challenge:
    """A challenge that was made."""

    id: int
    slug: str


@dataclass(frozen=True)
class CourseLevel:
    """A level of a course that was made."""

    id: int
    slug: str
    course: int


@dataclass(frozen=True)
class ChallengeProgress:
    """A row of `learn.user_challenge_progress`."""

    status: str
    current_level: int
    levels_completed: list[int]
    unlocked_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    total_attempts: int
    time_spent_seconds: int
    best_score: Decimal | None


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

    def enroll_in_course(
        self,
        user: UUID | None,
        course: Course | int | None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        return self._summary("enroll_in_course", {"user_id": user, "course_id": _id(course)}, {}, at, key)

    def rate_course(
        self,
        user: UUID | None,
        course: Course | int | None,
        rating: int | None,
        review: str | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "course_id": _id(course), "rating": rating}
        return self._summary("rate_course", required, {"review": review}, at, key)

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

    def submit_quiz(
        self,
        user: UUID | None,
        exam: str | None,
        answers: Any,
        time_taken_seconds: int | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        """`answers`: elements as JSON data."""
        data = None if answers is None else Jsonb(answers)
        required = {"user_id": user, "exam_type": exam, "answers": data}
        return self._summary("submit_quiz", required, {"time_taken_seconds": time_taken_seconds}, at, key)

    def import_questions(self, questions: Any) -> tuple[int, int, int]:
        """How many were (inserted, updated, unchanged)."""
        data = None if questions is None else Jsonb(questions)
        (found,) = self.tuples("select * from learn.import_questions(%s)", [data])
        inserted, updated, unchanged = found
        return inserted, updated, unchanged

    def questions_from_csv(self, csv: str | None) -> Any:
        return self.value("select learn.questions_from_csv(%s)", [csv])

    def select_avatar(
        self, user: UUID | None, avatar: int | None, *, at: Moment | None = None, key: str | None = None
    ) -> AwardSummary:
        return self._summary("select_avatar", {"user_id": user, "avatar_id": avatar}, {}, at, key)

    def submit_level_attempt(
        self,
        user: UUID | None,
        challenge: Challenge | int | None,
        level: int | None,
        passed: bool | None = True,
        score: float | str | None = 80,
        *,
        design: Any = None,
        results: Any = None,
        time_spent_seconds: int | None = None,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {
            "user_id": user,
            "challenge_id": challenge.id if isinstance(challenge, Challenge) else challenge,
            "level_number": level,
            "score": None if score is None else Decimal(str(score)),
            "passed": passed,
        }
        optional = {
            "design_snapshot": None if design is None else Jsonb(design),
            "test_results": None if results is None else Jsonb(results),
            "time_spent_seconds": time_spent_seconds,
        }
        return self._summary("submit_level_attempt", required, optional, at, key)

    def use_hint(
        self,
        user: UUID | None,
        challenge: Challenge | int | None,
        level: int | None,
        hint: int | None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {
            "user_id": user,
            "challenge_id": challenge.id if isinstance(challenge, Challenge) else challenge,
            "level_number": level,
            "hint_number": hint,
        }
        return self._summary("use_hint", required, {}, at, key)

    def submit_daily_challenge(
        self,
        user: UUID | None,
        score: float | str | None = 80,
        passed: bool | None = True,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        exact = None if score is None else Decimal(str(score))
        required = {"user_id": user, "score": exact, "passed": passed}
        return self._summary("submit_daily_challenge", required, {}, at, key)

    def check_and_unlock_challenges(self, user: UUID | None) -> list[int]:
        found = self.tuples("select * from learn.check_and_unlock_challenges(%s)", [user])
        return [challenge for (challenge,) in found]

    def schedule_daily_challenges(self, days: int | None) -> list[tuple[date, int]]:
        """What was picked: (date, challenge id)."""
        return self.tuples("select * from learn.schedule_daily_challenges(%s)", [days])

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

    # ── community ──────────────────────────────────────────────────────────────────────────────────────────

    def post_discussion(
        self,
        user: UUID | None,
        title: str | None = "How do I deploy?",
        content: str | None = "My contract does not compile.",
        course: int | None = None,
        category: str | None = None,
        tags: Sequence[str | None] | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "title": title, "content": content}
        arguments = {"course_id": course, "category": category, "tags": None if tags is None else list(tags)}
        return self._summary("post_discussion", required, arguments, at, key)

    def post_reply(
        self,
        user: UUID | None,
        discussion: int | None,
        content: str | None = "Try again.",
        parent: int | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        required = {"user_id": user, "discussion_id": discussion, "content": content}
        return self._summary("post_reply", required, {"parent_reply_id": parent}, at, key)

    def make_discussion(self, user: UUID, **arguments: Any) -> int:
        """Posts one; returns its id."""
        return int(self.post_discussion(user, **arguments).unlocked["discussion_id"])

    def make_reply(self, user: UUID, discussion: int, parent: int | None = None, **arguments: Any) -> int:
        """Posts one; returns its id."""
        return int(self.post_reply(user, discussion, parent=parent, **arguments).unlocked["reply_id"])

    def edit_discussion(
        self,
        user: UUID | None,
        discussion: int | None,
        title: str | None = None,
        content: str | None = None,
        category: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        arguments = {"title": title, "content": content, "category": category, "tags": tags}
        self._value("edit_discussion", {"user_id": user, "discussion_id": discussion}, arguments)

    def edit_reply(self, user: UUID | None, reply: int | None, content: str | None) -> None:
        self._value("edit_reply", {"user_id": user, "reply_id": reply, "content": content})

    def delete_discussion(self, user: UUID | None, discussion: int | None) -> None:
        self._value("delete_discussion", {"user_id": user, "discussion_id": discussion})

    def delete_reply(self, user: UUID | None, reply: int | None) -> None:
        self._value("delete_reply", {"user_id": user, "reply_id": reply})

    def vote(
        self,
        user: UUID | None,
        vote_type: str | None = "upvote",
        *,
        discussion: int | None = None,
        reply: int | None = None,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        arguments = {"discussion_id": discussion, "reply_id": reply}
        return self._summary("vote", {"user_id": user, "vote_type": vote_type}, arguments, at, key)

    def accept_solution(
        self, user: UUID | None, reply: int | None, *, at: Moment | None = None, key: str | None = None
    ) -> AwardSummary:
        return self._summary("accept_solution", {"user_id": user, "reply_id": reply}, {}, at, key)

    def unaccept_solution(
        self, user: UUID | None, reply: int | None, *, at: Moment | None = None, key: str | None = None
    ) -> AwardSummary:
        return self._summary("unaccept_solution", {"user_id": user, "reply_id": reply}, {}, at, key)

    def pin_discussion(self, user: UUID | None, discussion: int | None, pinned: bool | None = True) -> None:
        required = {"user_id": user, "discussion_id": discussion, "is_pinned": pinned}
        self._value("pin_discussion", required)

    def view_discussion(self, discussion: int | None) -> int:
        return int(self._value("view_discussion", {"discussion_id": discussion}))

    def search_discussions(
        self,
        query: str | None,
        course: int | None = None,
        category: str | None = None,
        tags: Sequence[str] | None = None,
        *,
        limit: int | None = 20,
        offset: int | None = 0,
    ) -> list[FoundDiscussion]:
        columns = ", ".join(field.name for field in fields(FoundDiscussion))
        return self.rows(
            FoundDiscussion,
            f"select {columns} from learn.search_discussions(%s, %s, %s, %s, %s, %s)",
            [query, course, category, None if tags is None else list(tags), limit, offset],
        )

    # ── credentials and the outbox ─────────────────────────────────────────────────────────────────────────

    def certificates(self, user: UUID | None) -> list[Certificate]:
        return self.rows(Certificate, "select * from learn.certificates(%s)", [user])

    def verify_certificate(self, code: str | None) -> Verification | None:
        found = self.rows(Verification, "select * from learn.verify_certificate(%s)", [code])
        assert len(found) <= 1
        return found[0] if found else None

    def certificate_credential(self, code: str | None) -> dict[str, Any] | None:
        found = self._value("certificate_credential", {"code": code})
        assert found is None or isinstance(found, dict)
        return found

    def achievement_credential(self, user: UUID | None, slug: str | None) -> dict[str, Any] | None:
        found = self._value("achievement_credential", {"user_id": user, "slug": slug})
        assert found is None or isinstance(found, dict)
        return found

    def certificate_minted(
        self,
        certificate_number: str | None,
        token_id: str | None,
        collection_id: str | None = None,
        serial_number: int | None = None,
        metadata_uri: str | None = None,
        tx_id: str | None = None,
    ) -> bool:
        optional = {
            "collection_id": collection_id,
            "serial_number": serial_number,
            "metadata_uri": metadata_uri,
            "tx_id": tx_id,
        }
        required = {"certificate_number": certificate_number, "token_id": token_id}
        return bool(self._value("certificate_minted", required, optional))

    def revoke_certificate(self, certificate_number: str | None, reason: str | None = "a mistake") -> bool:
        required = {"certificate_number": certificate_number, "reason": reason}
        return bool(self._value("revoke_certificate", required))

    def record_transaction(
        self,
        user: UUID | None,
        tx_id: str | None,
        tx_type: str | None = "other",
        amount_hbar: Decimal | str | None = None,
        from_account: str | None = None,
        to_account: str | None = None,
        course: int | None = None,
        achievement: int | None = None,
    ) -> int:
        optional = {
            "amount_hbar": None if amount_hbar is None else Decimal(amount_hbar),
            "from_account": from_account,
            "to_account": to_account,
            "course_id": course,
            "achievement_id": achievement,
        }
        required = {"user_id": user, "tx_id": tx_id, "tx_type": tx_type}
        return int(self._value("record_transaction", required, optional))

    def advance_transaction(
        self,
        tx_id: str | None,
        status: str | None,
        consensus_timestamp: Moment | None = None,
        error: str | None = None,
    ) -> bool:
        optional = {"consensus_timestamp": _moment(consensus_timestamp), "error": error}
        return bool(self._value("advance_transaction", {"tx_id": tx_id, "status": status}, optional))

    def request_faucet(
        self,
        user: UUID | None,
        account: str | None,
        amount: Decimal | str | int | None = 10,
        ip: str | None = None,
        *,
        at: Moment | None = None,
        key: str | None = None,
    ) -> AwardSummary:
        exact = None if amount is None else Decimal(amount)
        required = {"user_id": user, "account": account, "amount": exact}
        return self._summary("request_faucet", required, {"ip": ip and ip_address(ip)}, at, key)

    def advance_faucet_request(
        self,
        user: UUID | None,
        request: int | None,
        status: str | None,
        tx_id: str | None = None,
        error: str | None = None,
    ) -> bool:
        required = {"user_id": user, "request_id": request, "status": status}
        optional = {"tx_id": tx_id, "error": error}
        return bool(self._value("advance_faucet_request", required, optional))

    def claim_outbox(
        self, limit: int | None = 100, topics: list[str] | None = None, worker: str | None = None
    ) -> list[Message]:
        query = "select * from learn.claim_outbox(%s, %s, %s)"
        return self.rows(Message, query, [limit, topics, worker])

    def complete_outbox(self, ids: Sequence[int] | None) -> int:
        return int(self._value("complete_outbox", {"ids": ids}))

    def fail_outbox(
        self, ids: Sequence[int] | None, error: str | None = "no network", worker: str | None = None
    ) -> int:
        return int(self._value("fail_outbox", {"ids": ids, "error": error}, {"worker": worker}))

    def retry_outbox(self, ids: Sequence[int] | None) -> int:
        return int(self._value("retry_outbox", {"ids": ids}))

    def purge_outbox(self, before: Moment | None) -> int:
        return int(self._value("purge_outbox", {"before": _moment(before)}))

    def outbox(self, topic: str | None = None) -> list[Message]:
        """All messages in order, of one topic if given."""
        return self.rows(
            Message,
            "select * from learn.outbox where topic = coalesce(%(topic)s, topic) order by id",
            {"topic": topic},
        )

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

    def avatar_collection(self, user: UUID | None) -> list[dict[str, Any]]:
        return self.dicts("select * from learn.avatar_collection(%s)", [user])

    def challenge_status(self, user: UUID | None) -> list[dict[str, Any]]:
        return self.dicts("select * from learn.challenge_status(%s)", [user])

    def recommend_challenges(self, user: UUID | None, limit: int | None = 5) -> list[str]:
        """Slugs, in the order of the recommendation."""
        found = self.tuples("select slug from learn.recommend_challenges(%s, %s)", [user, limit])
        return [slug for (slug,) in found]

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

    def refresh_analytics(self) -> int:
        return int(self._value("refresh_analytics", {}))

    def refresh_leaderboard(self) -> int:
        return int(self._value("refresh_leaderboard", {}))

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
        course: Course | None = None,
        level: CourseLevel | None = None,
    ) -> Lesson:
        slug = slug or f"lesson-{next(_numbers)}"
        lesson = self.value(
            "insert into learn.lessons"
            " (slug, title, difficulty, xp_reward, is_published, course_id, course_level_id)"
            " values (%s, %s, %s, %s, %s, %s, %s) returning id",
            [slug, slug, difficulty, xp_reward, published, _id(course), _id(level)],
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

    def make_course(
        self,
        lessons: int = 0,
        *,
        slug: str | None = None,
        track: Track | None = None,
        difficulty: str = "beginner",
        category: str = "",
        completion_xp: int = 0,
        published: bool = True,
    ) -> Course:
        """With so many lessons directly in it, without exercises."""
        slug = slug or f"course-{next(_numbers)}"
        course = self.value(
            "insert into learn.courses"
            " (slug, title, track_id, difficulty, category, completion_xp, is_published)"
            " values (%s, %s, %s, %s, %s, %s, %s) returning id",
            [slug, slug, _id(track), difficulty, category, completion_xp, published],
        )
        made = Course(course, slug)
        for _ in range(lessons):
            self.make_lesson(0, course=made)
        return made

    def make_course_level(
        self, course: Course, *, slug: str | None = None, position: int | None = None, published: bool = True
    ) -> CourseLevel:
        """Behind the others, unless a position is given."""
        slug = slug or f"level-{next(_numbers)}"
        level = self.value(
            "insert into learn.course_levels (course_id, slug, title, position, is_published)"
            " values (%(course)s, %(slug)s, %(slug)s, coalesce(%(position)s, (select count(*) + 1"
            " from learn.course_levels where course_id = %(course)s)), %(published)s) returning id",
            {"course": course.id, "slug": slug, "position": position, "published": published},
        )
        return CourseLevel(level, slug, course.id)

    def make_course_prerequisite(self, course: Course, needs: Course, *, required: bool = True) -> None:
        self.connection.execute(
            "insert into learn.course_prerequisites (course_id, prerequisite_course_id, is_required)"
            " values (%s, %s, %s)",
            [course.id, needs.id, required],
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

    def make_exam(self, key: str | None = None, *, questions: int = 0) -> str:
        """Also so many questions of it."""
        key = key or f"exam-{next(_numbers)}"
        self.connection.execute("insert into learn.exam_types (key, name) values (%s, %s)", [key, key])
        for _ in range(questions):
            self.make_question(key)
        return key

    def make_question(self, exam: str, *, correct: str = "A", domain: str = "1.1") -> int:
        """A question with the options A to D."""
        return int(
            self.value(
                "insert into learn.questions (exam_type, domain, question_text, correct_answer, options)"
                " values (%s, %s, 'Which one?', %s, %s) returning id",
                [exam, domain, correct, Jsonb({letter: {"text": f"option {letter}"} for letter in "ABCD"})],
            )
        )

    def questions(self, exam: str) -> list[int]:
        found = self.tuples("select id from learn.questions where exam_type = %s order by id", [exam])
        return [question for (question,) in found]

    def answers(self, exam: str, correct: int, of: int | None = None) -> list[dict[str, Any]]:
        """Answers to the first `of` questions of an exam (None: all), the first `correct` of them right."""
        found = self.tuples(
            "select id, correct_answer from learn.questions where exam_type = %s order by id", [exam]
        )
        wrong = {"A": "B", "B": "C", "C": "D", "D": "A"}
        return [
            {"question_id": question, "answer": letter if number < correct else wrong[letter]}
            for number, (question, letter) in enumerate(found[:of])
        ]

    def make_challenge(
        self,
        levels: Sequence[int] = (10, 20, 30),
        *,
        slug: str | None = None,
        category: str = "caching",
        track: Track | None = None,
        difficulty: str = "beginner",
        xp_base: int = 100,
        position: int = 0,
        hints: Sequence[int] = (),
        active: bool = True,
        needs: Sequence[Challenge] = (),
    ) -> Challenge:
        """`levels`: what each pays; `hints`: the penalty of each hint, the same for every level."""
        slug = slug or f"challenge-{next(_numbers)}"
        challenge = self.value(
            "insert into learn.challenges (slug, title, category, track_id, position, difficulty, xp_base,"
            " is_active) values (%s, %s, %s, %s, %s, %s, %s, %s) returning id",
            [slug, slug, category, track and track.id, position, difficulty, xp_base, active],
        )
        made = Challenge(challenge, slug)
        for number, xp in enumerate(levels, 1):
            self.make_level(made, number, xp=xp, hints=hints)
        for needed in needs:
            self.need_challenge(made, needed)
        return made

    def make_level(
        self, challenge: Challenge, number: int, *, xp: int = 10, hints: Sequence[int] = ()
    ) -> None:
        self.connection.execute(
            "insert into learn.challenge_levels (challenge_id, level_number, level_name, requirements,"
            " test_cases, passing_criteria, xp_reward, hints) values (%s, %s, %s, '{}', '[]', '{}', %s, %s)",
            [
                challenge.id,
                number,
                f"Level {number}",
                xp,
                Jsonb([{"text": f"hint {n}", "xp_penalty": penalty} for n, penalty in enumerate(hints, 1)]),
            ],
        )

    def need_challenge(self, challenge: Challenge, prerequisite: Challenge) -> None:
        self.connection.execute(
            "insert into learn.challenge_prerequisites (challenge_id, prerequisite_challenge_id)"
            " values (%s, %s)",
            [challenge.id, prerequisite.id],
        )

    def make_daily(
        self, challenge: Challenge, day: date | str, *, multiplier: float | str | None = None
    ) -> int:
        return int(
            self.value(
                "insert into learn.daily_challenges (challenge_id, date, xp_multiplier)"
                " values (%s, %s, coalesce(%s, 2.0)) returning id",
                [challenge.id, day, None if multiplier is None else Decimal(str(multiplier))],
            )
        )

    def pass_challenge(self, user: UUID, challenge: Challenge, *, at: Moment | None = None) -> AwardSummary:
        """Passes every level in order. Returns the last summary."""
        numbers = self.tuples(
            "select level_number from learn.challenge_levels where challenge_id = %s order by 1",
            [challenge.id],
        )
        return [self.submit_level_attempt(user, challenge, number, at=at) for (number,) in numbers][-1]

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

    def make_plain_challenge(
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

    def challenge_progress(self, user: UUID, challenge: Challenge) -> ChallengeProgress | None:
        columns = ", ".join(field.name for field in fields(ChallengeProgress))
        found = self.rows(
            ChallengeProgress,
            f"select {columns} from learn.user_challenge_progress where user_id = %s and challenge_id = %s",
            [user, challenge.id],
        )
        return found[0] if found else None

    def unlocked_challenges(self, user: UUID) -> list[str]:
        """Slugs, sorted."""
        found = self.tuples(
            "select c.slug from learn.user_challenge_progress p join learn.challenges c"
            " on c.id = p.challenge_id where p.user_id = %s and p.unlocked_at is not null order by 1",
            [user],
        )
        return [slug for (slug,) in found]

    def path_progress(self, user: UUID, path: Path) -> PathProgress | None:
        found = self.rows(
            PathProgress,
            "select tracks_completed, total_tracks, completed_at from learn.user_path_progress"
            " where user_id = %s and path_id = %s",
            [user, path.id],
        )
        return found[0] if found else None

    def lessons_of(self, course: Course) -> list[Lesson]:
        """The lessons of a course in order of making."""
        found = self.tuples(
            "select l.id, l.slug, array(select e.id from learn.exercises e where e.lesson_id = l.id"
            " order by e.position) from learn.lessons l where l.course_id = %s order by l.id",
            [course.id],
        )
        return [Lesson(number, slug, tuple(exercises)) for number, slug, exercises in found]

    def course_progress(self, user: UUID, course: Course) -> CourseProgress | None:
        columns = ", ".join(field.name for field in fields(CourseProgress))
        found = self.rows(
            CourseProgress,
            f"select {columns} from learn.user_course_progress where user_id = %s and course_id = %s",
            [user, course.id],
        )
        return found[0] if found else None

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

    def dashboard(self, user: UUID) -> dict[str, Any]:
        """The user's row of `learn.user_dashboard`."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute("select * from learn.user_dashboard where user_id = %s", [user]).fetchone()
        assert found is not None
        return found

    def finish(self) -> None:
        """Does now what waits for the transaction to commit."""
        self.connection.execute("set constraints all immediate; set constraints all deferred")

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

    def dicts(self, query: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), arguments).fetchall()

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


def _id(made: Lesson | Track | Course | CourseLevel | int | None) -> int | None:
    return made if made is None or isinstance(made, int) else made.id


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
