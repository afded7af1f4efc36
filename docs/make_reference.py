"""Writes docs/reference.md from the comments in the database: `python docs/make_reference.py [URL]`.

Without a URL it builds the database on a throwaway server. tests/conventions/test_reference.py fails when the
page is not what this script would write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from toolkit.project import sources
from toolkit.project.layout import Project

Connection = psycopg.Connection[tuple[Any, ...]]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"

HEAD = """\
# Reference

Everything public in the schema `learn`, by domain. Written by `docs/make_reference.py` from the comments
in the database: to change a text here, change the comment there. Errors are in [errors.md](errors.md).
"""
FUNCTIONS_HEAD = """\
Backends with the role `learn_app` may call a *function*, `learn_readonly` those marked °, and `learn_user`
those marked ¹, for its own learner; a *function for operators* is for `learn_owner` alone.

Functions that change a learner's state return an `award_summary`. Their last two parameters are written `…`
here: `p_occurred_at timestamptz default null`, for what happened earlier, and
`p_idempotency_key text default null`, for calls that may be repeated. What has a default may be left out:
`learn.complete_lesson(:user, :lesson, p_score => 90)`.
"""
GROUPS = (("Function", "learn_app"), ("Function for operators", "learn_owner"))

_TAIL = "p_occurred_at timestamptz default null, p_idempotency_key text default null"
_TYPES = {"timestamp with time zone": "timestamptz", "character varying": "varchar"}

_FUNCTIONS = """
select p.proname::text,
       (select coalesce(string_agg(
                 concat(n, ' ', format_type(t, null),
                   ' default ' || pg_get_function_arg_default(p.oid, i::integer)), ', ' order by i), '')
          from unnest(p.proargnames[1:p.pronargs], p.proargtypes) with ordinality a (n, t, i)),
       pg_get_function_result(p.oid),
       obj_description(p.oid, 'pg_proc'),
       has_function_privilege('learn_app', p.oid, 'execute'),
       has_function_privilege('learn_readonly', p.oid, 'execute'),
       has_function_privilege('learn_user', p.oid, 'execute')
  from pg_proc p
 where p.pronamespace = 'learn'::regnamespace
 order by p.proname
"""

_RELATIONS = """
select c.relname::text,
       case c.relkind
         when 'c' then obj_description(c.reltype, 'pg_type')
         else obj_description(c.oid, 'pg_class')
       end,
       c.oid,
       has_any_column_privilege('learn_app', c.oid, 'select')
  from pg_class c
 where c.relnamespace = 'learn'::regnamespace and c.relkind = any (%s) and not c.relispartition
 order by c.relname
"""

_COLUMNS = """
select a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       case when a.attidentity <> '' then 'identity' else pg_get_expr(d.adbin, d.adrelid) end,
       col_description(a.attrelid, a.attnum)
  from pg_attribute a
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = %s and a.attnum > 0 and not a.attisdropped
 order by a.attnum
"""


def render(connection: Connection) -> str:
    """The page, from the catalog of a database with every migration applied: domain by domain."""
    functions, relations = _functions(connection), _relations(connection)
    found = domains()
    placeless = sorted((functions.keys() | relations.keys()) - found.keys())
    if placeless:
        raise LookupError(f"of no domain, by folder or by section of schema.sql: {', '.join(placeless)}")
    contents, parts = [], []
    for domain in dict.fromkeys(found.values()):
        names = sorted(name for name, where in found.items() if where == domain)
        section = []
        for title, role in GROUPS:
            rows = [functions[name][1:] for name in names if name in functions and functions[name][0] == role]
            section += [_table((title, "Returns", "What it does"), rows)] if rows else []
        section += [relations[name] for name in names if name in relations]
        if section:
            title = domain.strip("_").capitalize().replace("Xp", "XP")
            contents.append(f"[{title}](#{title.lower()})")
            parts += [f"## {title}\n", *section]
    return "\n".join([HEAD, " · ".join(contents) + "\n", FUNCTIONS_HEAD, *parts])


def domains() -> dict[str, str]:
    """The domain of each function, view, table and type of the schema learn."""
    found = sources.domains(Project.open(ROOT))
    return {name.removeprefix("learn."): where for name, where in found.items() if name.startswith("learn.")}


def _functions(connection: Connection) -> dict[str, tuple[str, str, str, str]]:
    """Of each function: the role that may call it, and the cells of its row."""
    return {
        name: (
            "learn_app" if app else "learn_owner",
            _signature(name, arguments)
            + ("°" if readonly and app else "")
            + ("¹" if learner and app else ""),
            _code(result),
            comment,
        )
        for name, arguments, result, comment, app, readonly, learner in connection.execute(
            _FUNCTIONS
        ).fetchall()
    }


def _relations(connection: Connection) -> dict[str, str]:
    """The text about each table, view and type."""
    found = {}
    for word, kinds in (("type", "c"), ("view", "v"), ("table", "rp")):
        for name, comment, oid, is_readable in connection.execute(_RELATIONS, [list(kinds)]).fetchall():
            secret = "" if is_readable or word == "type" else " Readable by no app role."
            columns = [
                (f"`{column}`", _type(kind, not_null or word != "table"), _code(default), meaning or "")
                for column, kind, not_null, default, meaning in connection.execute(_COLUMNS, [oid]).fetchall()
            ]
            if word == "table":
                table = _table(("Column", "Type", "Default", "Meaning"), columns)
            else:
                table = _table(("Column", "Type", "Meaning"), [(c[0], c[1], c[3]) for c in columns])
            found[name] = f"### {name}\n\n*{word}.* {comment}{secret}\n\n{table}"
    return found


def _signature(name: str, arguments: str) -> str:
    return _code(f"{name}({arguments})").replace(f", {_TAIL})", ", …)")


def _short(text: str) -> str:
    """A signature without what says nothing: casts of defaults and the name of the schema."""
    for long, short in _TYPES.items():
        text = text.replace(long, short)
    for cast in ("::text", "::jsonb", "::timestamptz", "::integer", "::numeric", "learn."):
        text = text.replace(cast, "")
    return text.replace("NULL", "null").replace("TABLE(", "table(").replace("SETOF", "setof")


def _type(text: str, is_required: bool) -> str:
    return _short(text) + ("" if is_required else ", null")


def _code(default: str | None) -> str:
    return f"`{_short(default)}`" if default else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def main(arguments: list[str]) -> None:
    """Writes the page from the database at a URL, or from one built for it."""
    if arguments:
        with psycopg.connect(arguments[0]) as connection:
            PAGE.write_text(render(connection), encoding="utf-8")
        return
    from toolkit.history import migrations
    from toolkit.project.layout import Project
    from toolkit.servers.choose import open_throwaway

    with open_throwaway("embedded") as server:
        server.create_database("reference")
        url = server.url("reference")
        migrations.migrate(lambda: psycopg.connect(url), Project.open(ROOT))
        with psycopg.connect(url) as connection:
            PAGE.write_text(render(connection), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
