"""A thin client of Laurel. It knows no rule and no signature: what functions take and return says `pg_proc`.

`learn.complete_lesson(user, lesson, score=90)` is `learn.call("complete_lesson", user, lesson, score=90)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row, tuple_row
from psycopg.types.json import Jsonb

Moment = datetime | str
Arguments = Sequence[Any] | Mapping[str, Any]
SIGNATURE = """
    select p.proargnames[1:p.pronargs], p.proargtypes::regtype[]::text[], p.pronargdefaults, p.proretset,
      p.prorettype = 'void'::regtype,
      p.prorettype = 'record'::regtype or exists (
        select from pg_type t where t.oid = p.prorettype and t.typtype = 'c'),
      case when %(caller)s::text is null then false
        else has_function_privilege(%(caller)s::text, p.oid, 'execute') end
    from pg_proc p where p.pronamespace = 'learn'::regnamespace and p.proname = %(name)s
"""


def moment(text: str, zone: str = "UTC") -> datetime:
    """A point in time by the wall clock of a time zone: `moment("2035-03-25 00:30", "Europe/Paris")`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def to_moment(at: Moment | None) -> datetime | None:
    """A text is a time in UTC."""
    return moment(at) if isinstance(at, str) else at


def plain(value: Any) -> Any:
    """JSON data with UUIDs and datetimes as text."""
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


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
        """The parameter that a caller means: `user` is `p_user_id`, `error` is `p_error_message`."""
        word = "occurred_at" if word == "at" else word
        for name in (f"p_{word}", f"p_{word}_id"):
            if name in self.parameters:
                return name
        (found,) = [name for name in self.parameters if word in name.split("_")] or [f"p_{word}"]
        return found


class Client:
    """The stored functions of the schema learn, over one connection. Commits nothing by itself."""

    caller_by_default: str | None = None
    usual: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """What a call of a function says where its caller does not care."""
    orders: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Where positional arguments come in another order than the function has them."""

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
        and what has an `id` stands for it. Returns a value, a row with named columns, or a list of these.
        """
        signature = self._signature(function)
        order = self.orders.get(function) or tuple(signature.parameters)
        given = dict(zip(order, arguments, strict=False)) | {
            signature.parameter(word): value for word, value in named.items()
        }
        if len(given) < len(arguments) + len(named):
            raise TypeError(f"{function}({', '.join(signature.parameters)}) got {arguments}, {named}")
        for word, value in self.usual.get(function, {}).items():
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

    def value(self, query: str, arguments: Arguments = ()) -> Any:
        """The only column of the only row."""
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            ((found,),) = cursor.execute(query.encode(), arguments).fetchall()
        return found

    def rows(self, query: str, arguments: Arguments = ()) -> list[Any]:
        """Rows with named columns; equal to plain tuples of the same values."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return list(cursor.execute(query.encode(), arguments).fetchall())

    def insert(self, table: str, returning: str = "id", **columns: Any) -> Any:
        """Inserts a row into a table, of learn unless it is `schema.table`; returns its id."""
        query = sql.SQL("insert into {} ({}) values ({}) returning {}").format(
            sql.Identifier(*(table if "." in table else f"learn.{table}").split(".")),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(map(sql.Placeholder, columns)),
            sql.SQL(returning),
        )
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            ((made,),) = cursor.execute(query, columns).fetchall()
        return made

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
    def fails(self, sqlstate: str) -> Iterator[None]:
        """Expects an error with this SQLSTATE, such as LX001 or 23514; the transaction goes on."""
        found = None
        try:
            with self.connection.transaction():
                yield
        except psycopg.Error as error:
            found = error
        assert found is not None, f"nothing failed, let alone with {sqlstate}"
        assert found.sqlstate == sqlstate, f"{found.sqlstate} instead of {sqlstate}: {found}"


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
