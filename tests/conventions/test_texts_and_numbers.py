"""What people see is kept in one form, and numbers are such that no later call fails for them.

Read from the catalog: a new column or function is held to it, too.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import psycopg
import pytest

from tests.calls import CALLS, Scene, statement
from tests.client import Learn
from tests.conventions.test_limits import call, parameters

HOSTILE = [
    "x ",
    " x",
    "\u00a0x",
    "x\u3000",
    "a\u200bb",
    "a\u200db",
    "\u202ex",
    "x\u2066",
    "\ufeff",
    "\u2800",
    "a\u00adb",
    "e\u0301",
    "a\x07b",
    "a\u2028b",
    "x\ufe0f",
]
# Kept as they come: code, secrets, words of machines to machines, staging, and what the engine alone writes.
VERBATIM = {
    "activity_log.activity_type",
    "activity_log.idempotency_key",
    "activity_log.subject_id",
    "activity_log.subject_type",
    "exercises.schema_sql",
    "exercises.solution",
    "faucet_requests.error",
    "idempotency_keys.arguments_hash",
    "idempotency_keys.function_name",
    "idempotency_keys.key",
    "old_progress_table.problem_id",
    "old_progress_table.rejection",
    "outbox.claimed_by",
    "outbox.error",
    "outbox.key",
    "query_submissions.error_message",
    "query_submissions.query_text",
    "transactions.error",
    "user_credentials.password_hash",
    "user_metrics.scope",
    "xp_transactions.activity_type",
    "xp_transactions.description",
    "xp_transactions.source_id",
    "xp_transactions.source_type",
}
# Nothing in the scene, nor a text but keys and words from a list.
NO_NAMES = {
    "closed_periods",
    "discussion_votes",
    "period_rewards",
    "period_standings",
    "rate_limits",
    "user_difficulty_progress",
    "user_track_progress",
}
COLUMNS = """
select c.relname::text, a.attname::text, b.base
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
join pg_type y on y.oid = a.atttypid
cross join lateral format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null) b(base)
where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and b.base = any (%s)
order by 1, 2
"""
REFUSALS = ("23514", "22003", "LX")
# Rules and content: what people set, apart from keys and from what is counted.
RULES = """
select c.relname::text, a.attname::text, (
  select coalesce(array_agg(n[1]), '{}')
  from pg_constraint k
  cross join lateral regexp_matches(pg_get_constraintdef(k.oid), '[0-9]+(?:\\.[0-9]+)?', 'g') n
  where k.conrelid = c.oid and k.contype = 'c' and a.attnum = any (k.conkey))
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attgenerated = '' and a.attidentity = ''
where c.relnamespace = 'learn'::regnamespace and c.relkind = 'r' and c.relname <> all (%s)
  and a.atttypid in ('int4'::regtype, 'int8'::regtype, 'numeric'::regtype) and a.attname not like 'total%%'
  and not exists (select from pg_attribute u where u.attrelid = c.oid and u.attname = 'user_id')
  and not exists (
    select from pg_constraint k
    where k.conrelid = c.oid and k.contype in ('p', 'f') and a.attnum = any (k.conkey))
order by 1, 2
"""
NO_RULES = ["discussions", "replies", "outbox", "closed_periods", "old_progress_table", "platform_settings"]


def attempt(learn: Learn, table: str, column: str, value: Any) -> Any:
    """What the column of some row is after it was set to the value; an exception, when that was refused."""
    try:
        with learn.connection.transaction(force_rollback=True):
            return learn.run(
                f"update learn.{table} t set {column} = %s where t.ctid ="
                f" (select min(r.ctid) from learn.{table} r) returning {column}",
                [value],
            ).fetchone()
    except psycopg.Error as error:
        return error


def is_canonical(text: str | None) -> bool:
    if text is None:
        return True
    hidden = [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")]
    return (
        text == unicodedata.normalize("NFC", text).strip("\u2800 \u00a0\u3000")
        and not hidden
        and "\ufe0f" not in text
    )


def test_no_column_keeps_a_text_that_looks_like_another_one(learn: Learn, scene: Scene) -> None:
    learn.make_course_level(learn.make_course())
    for name in (each for each in CALLS if each not in ("erase_user", "unenroll")):
        run(learn, statement(name).decode().replace("one good call", name), scene)
    learn.finish()
    wrong, empty = [], []
    for table, column, _ in learn.tuples(COLUMNS, [["text"]]):
        if f"{table}.{column}" in VERBATIM:
            continue
        for value in HOSTILE:
            found = attempt(learn, table, column, value)
            if found is None:
                empty.append(table)
                break
            refused = isinstance(found, psycopg.Error)
            if refused and not (found.sqlstate or "").startswith((*REFUSALS, "23503", "23505")):
                wrong.append((table, column, value, found.sqlstate))
            elif not refused and not is_canonical(found[0]):
                wrong.append((table, column, value, found[0]))
    assert wrong == []
    assert set(empty) <= NO_NAMES


@pytest.mark.no_integrity
def test_every_function_keeps_texts_as_people_see_them_or_refuses_them(learn: Learn, scene: Scene) -> None:
    """What it keeps is canonical: the columns see to that. So no call may run into them."""
    wrong = []
    for function, parameter, kind in parameters(learn, r"^text"):
        for text in HOSTILE:
            error = call(learn, scene, function, parameter, kind, [text] if kind == "text[]" else text)
            if error is not None and not (error.sqlstate or "").startswith("LX"):
                wrong.append((function, parameter, text, error.sqlstate, str(error)[:100]))
    assert not wrong, "\n".join(map(str, wrong))


def test_no_column_keeps_a_number_that_is_none(learn: Learn, scene: Scene) -> None:
    wrong = []
    for table, column, _ in learn.tuples(COLUMNS, [["numeric", "double precision", "real"]]):
        for value in ("NaN", "Infinity", "-Infinity"):
            found = attempt(learn, table, column, value)
            refused = isinstance(found, psycopg.Error)
            if refused and not (found.sqlstate or "").startswith(REFUSALS):
                wrong.append((table, column, value, found.sqlstate))
            elif (
                not refused and found is not None and not str(found[0]).strip("-").replace(".", "").isdigit()
            ):
                wrong.append((table, column, value, found[0]))
    assert wrong == []


def run(learn: Learn, query: str, values: Any = None) -> str | None:
    """Runs it; the SQLSTATE where it fails, in which case nothing has changed."""
    try:
        with learn.connection.transaction():
            learn.run(query, values)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def largest(learn: Learn, table: str, column: str, candidates: list[str]) -> str | None:
    """Sets the column to the largest of these that it takes, in all rows or, where it is unique, in one."""
    tried = {*candidates, *(str(10**digits) for digits in range(11)), "2147483647", "9223372036854775807"}
    for value in sorted(tried, key=float, reverse=True):
        for which in ("", f" where t.ctid = (select max(r.ctid) from learn.{table} r)"):
            code = run(learn, f"update learn.{table} t set {column} = {value}{which}")
            if code is None:
                return value
            assert code in ("23514", "22003", "23505", "LX001"), (table, column, value, code)
    return None


@pytest.mark.no_integrity
def test_with_the_largest_numbers_that_rules_take_every_call_goes_on(learn: Learn, scene: Scene) -> None:
    found = {
        (table, column): largest(learn, table, column, numbers)
        for table, column, numbers in learn.tuples(RULES, [NO_RULES])
    }
    assert [rule for rule, value in found.items() if value is None] == []
    assert found["difficulties", "xp_multiplier"] == "100"
    assert found["lessons", "xp_reward"] == found["xp_rules", "amount"] == "1000000"
    wrong = []
    for bound in ("maximum", "minimum"):
        learn.run(f"update learn.platform_settings set value = to_jsonb({bound}) where value_type = 'number'")
        for name in CALLS:
            with learn.connection.transaction(force_rollback=True):
                code = run(learn, statement(name).decode(), scene)
                if code is not None and not code.startswith("LX"):
                    wrong.append((bound, name, code))
    assert wrong == []


def test_nobody_is_given_an_array_or_a_row_of_domains(learn: Learn) -> None:
    """Drivers see the base type of a domain that is a column, not those of an array's elements or a row's."""
    found = learn.tuples(
        "select distinct f.object || ': ' || format_type(f.type, null) from ("
        "  select c.oid::regclass::text, a.atttypid from pg_class c join pg_attribute a on a.attrelid = c.oid"
        "  where c.relnamespace = 'learn'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0"
        "  union all"
        "  select p.oid::regprocedure::text, r.type from pg_proc p"
        "  cross join unnest(p.prorettype || coalesce(p.proallargtypes, '{}')) r (type)"
        "  where p.pronamespace = 'learn'::regnamespace"
        ") f (object, type)"
        " left join pg_type c on c.oid = f.type and c.typtype = 'c'"
        " left join pg_attribute a on a.attrelid = c.typrelid and a.attnum > 0"
        " join pg_type t on t.oid in (f.type, a.atttypid)"
        " left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'"
        " where e.typtype = 'd' or t.oid = a.atttypid and t.typtype = 'd' order by 1"
    )
    assert found == []
