"""The client of the tests: that of toolkit/client.py, which calls any function by what `pg_proc` says.

Content is made by `tests/content.py`, and `tests/readers.py` reads what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.content import Challenge as Challenge
from tests.content import Content
from tests.content import Course as Course
from tests.content import CourseLevel as CourseLevel
from tests.content import Lesson as Lesson
from tests.content import Path as Path
from tests.content import Track as Track
from tests.queries import Connection as Connection
from tests.queries import days as days
from tests.queries import moment as moment
from tests.queries import seconds as seconds
from tests.readers import AwardSummary as AwardSummary
from tests.readers import Certificate as Certificate
from tests.readers import ChallengeProgress as ChallengeProgress
from tests.readers import CourseProgress as CourseProgress
from tests.readers import LessonProgress as LessonProgress
from tests.readers import PathProgress as PathProgress
from tests.readers import Readers
from tests.readers import Stats as Stats
from tests.readers import TrackProgress as TrackProgress
from tests.readers import Verification as Verification

# What a call says where a test does not care.
USUAL: dict[str, dict[str, Any]] = {
    "fail_outbox": {"error": "no network"},
    "post_discussion": {"title": "How do I deploy?", "content": "My contract does not compile."},
    "post_reply": {"content": "Try again."},
    "record_transaction": {"tx_type": "other"},
    "request_faucet": {"amount": 10},
    "reverse_xp": {"reason": "a mistake"},
    "revoke_achievement": {"reason": "a mistake"},
    "revoke_certificate": {"reason": "a mistake"},
    "submit_daily_challenge": {"score": 80, "passed": True},
    "submit_level_attempt": {"score": 80, "passed": True},
    "submit_query": {"query_text": "select 1", "is_correct": True},
    "vote": {"vote_type": "upvote"},
}
# Where tests give positional arguments in another order than the function has them.
ORDERS = {
    "submit_query": ("p_user_id", "p_exercise_id", "p_is_correct", "p_error_message"),
    "submit_level_attempt": ("p_user_id", "p_challenge_id", "p_level_number", "p_passed", "p_score"),
}


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


class Learn(Content, Readers):
    """The client of the tests: with content to make, and readers of what came of it."""

    usual = USUAL
    orders = ORDERS

    @contextmanager
    def refuses(self, code: str) -> Iterator[Refusal]:
        """Like `raises_lx`; the transaction goes on, and no table may have another number of rows."""
        before = self.row_counts()
        with raises_lx(code) as refusal, self.connection.transaction():
            yield refusal
        assert self.row_counts() == before

    def rebuild_whoever(self) -> int:
        """Rebuilds all users, also those in whom `rebuild_all()` finds nothing to mend. Returns how many."""
        users: list[Any] = self.value("select array(select id from learn.users order by id)")
        self.connection.execute("select learn_internal.rebuild_users(%s)", [users])
        assert self.rebuild_all() == len(users)
        return len(users)
