"""Whatever is sent has a limit, in functions and in tables; extreme values are answered or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import psycopg
import pytest

from tests.calls import CALLS, Scene
from tests.client import Learn

# Twice the largest limits that there are, of JSON some more: one that is higher is reported.
HUGE, MANY = 2_000_000, 200_000
HUGE_JSON, MANY_JSON = 10_000_000, 1_000_000
# Neither keep nor look up what they are given.
PURE = {"localized"}

EXTREMES: dict[str, list[Any]] = {
    "date": ["infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "0001-01-01", None],
    "timestamp with time zone": [
        *(
            "infinity",
            "-infinity",
            "294276-12-31 23:59:59.999999Z",
            "4713-01-01 00:00Z BC",
            "0001-01-01Z",
            None,
        )
    ],
    "integer": [-(2**31), -1, 0, 2**31 - 1, None],
    "bigint": [-(2**63), -1, 0, 2**63 - 1, None],
    "numeric": ["NaN", "Infinity", "-Infinity", "1e1000", "1e-1000", "-1", None],
    "double precision": ["NaN", "Infinity", "-Infinity", "1e308", "1e-308", "-1", None],
}
UNBOUNDED_COLUMNS = """
select c.relname || '.' || a.attname
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  and a.attgenerated = ''
join pg_type y on y.oid = a.atttypid
where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and coalesce(nullif(y.typbasetype, 0), a.atttypid) in ('text'::regtype, 'varchar'::regtype,
    'jsonb'::regtype, 'text[]'::regtype, 'jsonb[]'::regtype)
  and not exists (
    select from pg_constraint d
    where d.contypid = a.atttypid and (
      pg_get_constraintdef(d.oid) ~ '\\m(length|pg_column_size)\\(VALUE\\) <= [0-9]+'
      or pg_get_constraintdef(d.oid) ~ '\\mVALUE = ANY \\(ARRAY\\['))
  and not exists (
    select from pg_constraint k
    where k.conrelid = c.oid and k.convalidated and (
      k.contype = 'c' and (
        pg_get_constraintdef(k.oid) ~ format('\\m(length|pg_column_size)\\(%%1$s\\) <= [0-9]+', a.attname)
        or pg_get_constraintdef(k.oid) ~ format('is_tag_list\\(%%1$s\\)', a.attname)
        -- one of a list of words, or none that is longer than its pattern
        or pg_get_constraintdef(k.oid) ~ format('\\m%%1$s = ANY \\(ARRAY\\[', a.attname)
          and pg_get_constraintdef(k.oid) !~ ' OR '
        or pg_get_constraintdef(k.oid) ~ format('\\(%%1$s ~ ''\\^[^*+]*\\$''', a.attname))
      -- that of another table, which has a limit itself
      or k.contype = 'f' and a.attnum = any (k.conkey)))
order by 1
"""


def parameters(learn: Learn, kinds: str) -> Iterator[tuple[str, str, str]]:
    """(function, parameter, type) of all public functions, of types that match."""
    yield from learn.tuples(
        "select p.proname::text, a.name, format_type(a.type, null) from pg_proc p"
        " cross join lateral unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) a(name, type)"
        " where p.pronamespace = 'learn'::regnamespace and p.prokind = 'f' and format_type(a.type, null) ~ %s"
        " order by 1, 2",
        [kinds],
    )


def call(
    learn: Learn, scene: Scene, function: str, parameter: str, kind: str, value: Any
) -> psycopg.Error | None:
    """Calls the function as in the scene, but for one argument; undoes it and returns how it failed."""
    arguments = dict(one.split(" => ", 1) for one in re.split(r", (?=p_\w+ => )", CALLS[function]) if one)
    arguments[parameter] = f"%(value)s::{kind}"
    said = ", ".join(f"{name} => {text}" for name, text in arguments.items())
    try:
        with learn.connection.transaction(force_rollback=True):
            learn.run(f"select * from learn.{function}({said})", {**scene, "value": value}).fetchall()
    except psycopg.Error as error:
        return error
    return None


@cache
def oversized(kind: str) -> list[str]:
    """Values that are too large for any parameter of this type, as PostgreSQL reads them."""
    if kind == "jsonb":
        text = "x" * HUGE_JSON
        return [f'{{"a": "{text}"}}', f'["{text}"]', f"[{','.join(['1'] * MANY_JSON)}]"]
    text = "x" * HUGE
    if kind == "text":
        return [text]
    element = {"text[]": "x", "uuid[]": "00000000-0000-0000-0000-000000000001", "bigint[]": "7"}[kind]
    return [f"{{{','.join([element] * MANY)}}}", *([f"{{{text}}}"] if kind == "text[]" else [])]


@pytest.mark.no_integrity
def test_every_function_refuses_what_is_too_large_and_says_the_limit(learn: Learn, scene: Scene) -> None:
    wrong = []
    for function, parameter, kind in parameters(learn, r"^text|^jsonb|\[\]$"):
        for value in oversized(kind) if function not in PURE else []:
            error = call(learn, scene, function, parameter, kind, value)
            detail = (error.diag.message_detail or "") if error else ""
            if error is None or error.sqlstate != "LX001" or not re.search(r"at most [\d,]+", detail):
                wrong.append(
                    (function, parameter, kind, error and error.sqlstate, detail[:100] or str(error)[:100])
                )
            elif len(detail) > 1000:
                wrong.append((function, parameter, kind, "a long DETAIL", detail[:50]))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.no_integrity
def test_every_function_answers_or_refuses_extreme_values(learn: Learn, scene: Scene) -> None:
    """None of them overflows, and no answer is one that a driver cannot read."""
    wrong = []
    for function, parameter, kind in parameters(learn, "|".join(f"^{kind}$" for kind in EXTREMES)):
        for value in EXTREMES[kind]:
            error = call(learn, scene, function, parameter, kind, value)
            if error is not None and not (error.sqlstate or "").startswith("LX"):
                wrong.append((function, parameter, value, error.sqlstate, str(error)[:100]))
    assert not wrong, "\n".join(map(str, wrong))


def test_every_column_of_text_or_json_has_a_limit(learn: Learn) -> None:
    assert [column for (column,) in learn.tuples(UNBOUNDED_COLUMNS)] == []


def test_no_table_or_view_tells_of_infinity(learn: Learn, scene: Scene) -> None:
    """No driver can read it. The boards, the views and what is behind them are all filled by the scene."""
    learn.refresh_leaderboard()
    learn.refresh_analytics()
    columns = learn.tuples(
        "select c.oid::regclass::text, quote_ident(a.attname) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0"
        " and not a.attisdropped"
        " and a.atttypid in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)"
    )
    assert len(columns) > 100
    found = [
        f"{table}.{column}"
        for table, column in columns
        if learn.value(f"select count(*) from {table} where not isfinite({column})")
    ]
    assert found == []
