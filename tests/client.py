"""A thin client of Laurel. It knows no rule and no signature: what functions take and return says `pg_proc`.

`learn.complete_lesson(user, lesson, score=90)` is `learn.call("complete_lesson", user, lesson, score=90)`.
Content is made by `tests/content.py`, and `tests/readers.py` reads what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import namedtuple_row, tuple_row
from psycopg.types.json import Jsonb

from tests.content import Challenge as Challenge
from tests.content import Content
from tests.content import Course as Course
from tests.content import CourseLevel as CourseLevel
from tests.content import Lesson as Lesson
from tests.content import Path as Path
from tests.content import Track as Track
from tests.queries import Connection as Connection
from tests.queries import Moment, plain, to_moment
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

SIGNATURE = """
    select p.proargnames[1:p.pronargs], p.proargtypes::regtype[]::text[], p.pronargdefaults, p.proretset,
      p.prorettype = 'void'::regtype,
      p.prorettype = 'record'::regtype or exists (
        select from pg_type t where t.oid = p.prorettype and t.typtype = 'c'),
      case when %(caller)s::text is null then false
        else has_function_privilege(%(caller)s::text, p.oid, 'execute') end
    from pg_proc p where p.pronamespace = 'learn'::regnamespace and p.proname = %(name)s
"""
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


class Signature(NamedTuple):
    """What `pg_proc` says of a function."""

    parameters: dict[str, str]
    """Their types by name, in order."""
    defaults: int
    """How many of the last parameters have a default."""
    is_set: bool
    is_void: bool
    is_row: bool
    is_callers: bool
    """Whether the role that calls may execute it."""

    def parameter(self, word: str) -> str:
        """The parameter that a test means: `user` is `p_user_id`, `error` is `p_error_message`."""
        word = "occurred_at" if word == "at" else word
        for name in (f"p_{word}", f"p_{word}_id"):
            if name in self.parameters:
                return name
        (found,) = [name for name in self.parameters if word in name.split("_")] or [f"p_{word}"]
        return found


class Learn(Content, Readers):
    """The stored functions of the schema learn, over one connection. Commits nothing by itself."""

    caller_by_default: str | None = None

    def __init__(self, connection: psycopg.Connection[Any], *, caller: str | None = None) -> None:
        """`caller`: the role that calls the functions which it may execute, else the connection's own."""
        self.connection = connection
        self.caller = caller or self.caller_by_default
        self._signatures: dict[str, Signature] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *arguments, **named: self.call(name, *arguments, **named)

    def call(self, function: str, *arguments: Any, **named: Any) -> Any:
        """Call `learn.<function>`: arguments in its order, or by their names without `p_` (see `parameter`).

        None is null; what is not given is left to its default. `at` may be a text in UTC, JSON is plain data,
        and what was made stands for its id. Returns a value, a row with named columns, or a list of these.
        """
        signature = self._signature(function)
        order = ORDERS.get(function) or tuple(signature.parameters)
        given = dict(zip(order, arguments, strict=False)) | {
            signature.parameter(word): value for word, value in named.items()
        }
        if len(given) < len(arguments) + len(named):
            raise TypeError(f"{function}({', '.join(signature.parameters)}) got {arguments}, {named}")
        for word, value in USUAL.get(function, {}).items():
            given.setdefault(f"p_{word}", value)
        values = {name: _adapt(value, signature.parameters.get(name, "")) for name, value in given.items()}
        query = sql.SQL("select * from {}({})").format(
            sql.Identifier("learn", function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
            ),
        )
        if self.caller is not None and signature.is_callers:
            with self.role(self.caller):
                return self._run(query, values, signature)
        return self._run(query, values, signature)

    def _run(self, query: sql.Composed, values: dict[str, Any], signature: Signature) -> Any:
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            found: list[Any] = cursor.execute(query, values).fetchall()
        if not signature.is_row:
            found = [value for (value,) in found]
        if signature.is_set:
            return found
        return None if signature.is_void else found[0]

    def _signature(self, function: str) -> Signature:
        known = self._signatures.get(function)
        if known is None:
            with self.connection.cursor(row_factory=tuple_row) as cursor:
                found = cursor.execute(SIGNATURE, {"name": function, "caller": self.caller}).fetchall()
            if not found:
                raise AttributeError(f"there is no function learn.{function}()")
            ((names, types, *rest),) = found
            known = Signature(dict(zip(names or [], types, strict=True)), *rest)
            self._signatures[function] = known
        return known

    # ── the clock, roles and refusals ──────────────────────────────────────────────────────────────────────

    def set_clock(self, at: Moment | None) -> datetime:
        """Stops Laurel's clock at a moment (a text is UTC); None lets it run again. Returns what it shows."""
        self.connection.execute("select learn_internal.set_clock(%s)", [to_moment(at)])
        shown: datetime = self.clock()
        return shown

    def advance(self, step: timedelta) -> datetime:
        """Moves the clock on, stopping it where it runs; returns what it shows then."""
        return self.set_clock(self.clock() + step)

    @contextmanager
    def role(self, name: str) -> Iterator[None]:
        """Acts as another role."""
        self.connection.execute(sql.SQL("set role {}").format(sql.Identifier(name)))
        caller, self.caller = self.caller, None
        try:
            yield
        finally:
            self.caller = caller
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


def _adapt(value: Any, type_name: str) -> Any:
    """A Python value as psycopg sends it for a parameter of this type."""
    if value is None:
        return None
    if type_name == "jsonb":
        return Jsonb(plain(value))
    if type_name == "numeric" and not isinstance(value, str):
        return Decimal(str(value))
    if type_name == "timestamp with time zone":
        return to_moment(value)
    if type_name.endswith("[]") and not isinstance(value, Mapping | str):
        return list(value)
    return getattr(value, "id", value)
