"""What the tests of the community share: readers of posts and votes, and a course to talk about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.client import Learn


def make_course(learn: Learn, *, published: bool = True) -> int:
    number = learn.value("select count(*) from learn.courses")
    return int(
        learn.value(
            "insert into learn.courses (slug, title, is_published) values (%s, 'Solidity', %s) returning id",
            [f"course-to-discuss-{number}", published],
        )
    )


def make_moderator(learn: Learn, role: str = "moderator") -> UUID:
    user = learn.make_user()
    learn.run("update learn.users set role = %s where id = %s", [role, user])
    return user


def discussion(learn: Learn, number: int) -> tuple[Any, ...]:
    """(reply_count, upvote_count, downvote_count, is_solved)."""
    (row,) = learn.tuples(
        "select reply_count, upvote_count, downvote_count, is_solved from learn.discussions where id = %s",
        [number],
    )
    return row


def reply(learn: Learn, number: int) -> tuple[Any, ...]:
    """(parent_reply_id, is_solution, upvote_count, downvote_count)."""
    (row,) = learn.tuples(
        "select parent_reply_id, is_solution, upvote_count, downvote_count from learn.replies where id = %s",
        [number],
    )
    return row


def votes(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """(discussion_id, reply_id, vote_type) in the order of casting."""
    return learn.tuples(
        "select discussion_id, reply_id, vote_type from learn.discussion_votes where user_id = %s"
        " order by created_at, id",
        [user],
    )


def posts(learn: Learn, user: UUID) -> list[tuple[Any, ...]]:
    """Facts of the community: (activity_type, subject_id)."""
    return [
        (kind, subject)
        for kind, _, subject in learn.facts(user)
        if kind in ("discussion_posted", "reply_posted", "solution_accepted")
    ]
