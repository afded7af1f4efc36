"""Courses, and learners who complete them."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from tests.client import Certificate, Learn

_numbers = count(1)


def make_course(learn: Learn, title: str = "Smart Contracts", **columns: Any) -> int:
    values = {"slug": f"credential-course-{next(_numbers)}", "title": title, **columns}
    names = ", ".join(values)
    holders = ", ".join(["%s"] * len(values))
    return int(
        learn.value(
            f"insert into learn.courses ({names}) values ({holders}) returning id", list(values.values())
        )
    )


def issue(learn: Learn, *completions: tuple[UUID, int, datetime]) -> None:
    """What completing courses calls, with nothing else of it."""
    users, courses, times = (list(column) for column in zip(*completions, strict=True))
    learn.run(
        "select learn_internal.issue_certificates(%s::uuid[], %s::bigint[], %s::timestamptz[])",
        [users, courses, times],
    )


def finish(learn: Learn, user: UUID, course: int, at: datetime | None = None) -> Certificate:
    """The user has completed the course, now or then. Returns the certificate."""
    when = at or learn.clock()
    learn.run(
        "insert into learn.user_course_progress (user_id, course_id, enrolled_at, completed_at)"
        " values (%s, %s, %s, %s)"
        " on conflict (user_id, course_id) do update"
        " set completed_at = coalesce(user_course_progress.completed_at, excluded.completed_at)",
        [user, course, when, when],
    )
    issue(learn, (user, course, when))
    (found,) = [row for row in learn.certificates(user) if row.course_id == course]
    return found
