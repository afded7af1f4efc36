"""Splitting text with PostgreSQL's parser."""

from __future__ import annotations

import pytest

from toolkit.errors import DbtoolError, ScriptFailed
from toolkit.script import prepare, split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("-- nothing; here\n/* ; */ ;;", []),
        ("select 1", ["select 1"]),
        ("select 1;;\n;select 2;", ["select 1", "select 2"]),
        ("select ';'; select 'C:\\'; select E'\\';'", ["select ';'", "select 'C:\\'", "select E'\\';'"]),
        ("select $$;$$; select $a$ $$;$$ ; $a$", ["select $$;$$", "select $a$ $$;$$ ; $a$"]),
        ("/* a; /* b; */ c; */ select 1 /* ; */ + 1; select 2", ["select 1 /* ; */ + 1", "select 2"]),
        ('alter table t rename begin to "e;"; end', ['alter table t rename begin to "e;"', "end"]),
        (
            "create function f() returns int begin atomic select 1; select 2; end; select 3",
            ["create function f() returns int begin atomic select 1; select 2; end", "select 3"],
        ),
        ("create rule r as on insert to t do (select 1; select 2); select 3;",
         ["create rule r as on insert to t do (select 1; select 2)", "select 3"]),
    ],
)  # fmt: skip
def test_statements_end_where_postgresql_says(text: str, expected: list[str]) -> None:
    assert [statement.text for statement in split(text)] == expected


def test_line_and_offset_are_those_of_the_first_token() -> None:
    text = "-- é€😀\nselect 'é😀';\n\n/* ü\n */ select\n 2;select 3"
    statements = split(text)
    assert [statement.line for statement in statements] == [2, 5, 6]
    assert all(text[one.offset :].startswith(one.text) for one in statements)


def test_kind_is_the_parsers_name() -> None:
    kinds = [one.kind for one in split("select 1; commit; copy t from stdin; copy t from '/x'; do $$ $$")]
    assert kinds == ["select_stmt", "transaction_stmt", "copy_through_client", "copy_stmt", "do_stmt"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("select 1;\nselect from from x", 2),
        ("select 'é€😀';\n\n select 1 1", 3),
        ("select 1;\nselect 'never\nending", 2),
        ("select 1;\n/* never\nending", 2),
        ("select 1;\n\\i other.sql", 2),
        ("copy t from stdin;\n1\tx\n\\.\n", 2),
    ],
)
def test_syntax_error_names_source_and_line(text: str, line: int) -> None:
    with pytest.raises(ScriptFailed, match=rf"^some\.sql:{line}: ") as caught:
        split(text, "some.sql")
    assert (caught.value.source, caught.value.line, caught.value.sqlstate) == ("some.sql", line, "42601")


def test_prepare_refuses_transaction_control_only_where_it_would_break_a_promise() -> None:
    text = "select 1;\nbegin;\ncommit"
    assert len(prepare(text, "x", transactional=False)) == 3
    with pytest.raises(DbtoolError, match=r"^x:2: BEGIN"):
        prepare(text, "x", transactional=True)


def test_twenty_thousand_statements_are_split() -> None:
    statements = split("insert into t values (1, 'x;');\n" * 20_000)
    assert len(statements) == 20_000
    assert statements[-1].line == 20_000


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("create index concurrently a on b (c)", True),
        ("create index a on b (c)", False),
        ("drop index concurrently a", True),
        ("drop index a", False),
        ("reindex index concurrently a", True),
        ("reindex schema s", True),
        ("reindex table t", False),
        ("refresh materialized view concurrently m", False),
        ("alter table a detach partition b concurrently", True),
        ("alter table a detach partition b", False),
        ("vacuum a", True),
        ("analyze a", False),
        ("cluster", True),
        ("cluster a", False),
        ("discard all", True),
        ("discard temp", False),
        ("do $$ begin end $$", True),
        ("call p()", True),
        ("begin", True),
        ("alter system set work_mem = '8MB'", True),
        ("create database d", True),
        ("alter type t add value 'x'", False),
        ("set role r", False),
    ],
)
def test_statements_that_postgresql_may_refuse_in_a_transaction_are_known(text: str, alone: bool) -> None:
    assert [statement.is_alone for statement in split(text)] == [alone]
