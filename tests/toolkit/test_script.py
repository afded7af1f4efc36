"""Splitting text with PostgreSQL's parser."""

from __future__ import annotations

from functools import partial

import pytest

from toolkit.errors import DbtoolError, ScriptFailed
from toolkit.sql.script import refuse_unfit, split


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
    assert kinds == ["select_stmt", "transaction_stmt", "copy_stmt", "copy_stmt", "do_stmt"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("select 1;\nselect from from x", 2),
        ("select 'é€😀';\n\n select 1 1", 3),
        ("select 1;\nselect 'never\nending", 2),
        ("select 1;\n/* never\nending", 2),
        ("select 1;\n\\i other.sql", 2),
        ("copy t from stdin;\n1\tx\n", 2),
        ("select 'copy t from stdin;\n1\n\\.\n';\nselect 1 1", 5),
    ],
)
def test_syntax_error_names_source_and_line(text: str, line: int) -> None:
    for read in (split, partial(refuse_unfit, transactional=True)):
        with pytest.raises(ScriptFailed, match=rf"^some\.sql:{line}: ") as caught:
            read(text, "some.sql")
        assert (caught.value.source, caught.value.line, caught.value.sqlstate) == ("some.sql", line, "42601")


@pytest.mark.parametrize(
    "statement",
    [
        "begin",
        "BEGIN isolation level serializable",
        "Start transaction read only",
        "commit",
        "END",
        "abort",
        "rollback",
        "rollback and chain",
        "prepare transaction 'a'",
        "commit prepared 'a'",
        "rollback prepared 'a'",
    ],
)
@pytest.mark.parametrize("before", ["", "select 1;\n", "/* a /* b */ */\n", "-- a\n", "select ';';;\n"])
def test_transaction_control_is_refused_only_where_it_would_break_a_promise(
    statement: str, before: str
) -> None:
    text = f"{before}{statement} -- after\n; select 2"
    refuse_unfit(text, "x", transactional=False)
    with pytest.raises(
        DbtoolError, match=rf"^x:{before.count(chr(10)) + 1}: {statement.split()[0].upper()} "
    ):
        refuse_unfit(text, "x", transactional=True)


@pytest.mark.parametrize(
    "text",
    [
        "create function f() returns int language plpgsql as $$\nbegin\n  commit;\nend;\n$$",
        "create function f() returns int begin atomic select 1; end",
        "prepare p as select 1; copy t from '/x'; copy t to program 'x'; do $$ begin rollback; end $$",
        "savepoint a; select 1; rollback to a; release a",
        "-- commit;\nselect 'commit;', \"end\" from t /* ; commit; */ where a = ';commit'",
    ],
)
def test_what_only_looks_like_transaction_control_is_fit(text: str) -> None:
    refuse_unfit(text, "x", transactional=True)


@pytest.mark.parametrize("text", ["copy t from stdin", "select 1;\nCOPY t (a) to stdout"])
@pytest.mark.parametrize("transactional", [True, False])
def test_rows_that_a_client_would_have_to_send_are_refused(text: str, transactional: bool) -> None:
    with pytest.raises(DbtoolError, match=rf"^x:{text.count(chr(10)) + 1}: COPY "):
        refuse_unfit(text, "x", transactional=transactional)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select :'name';", "psql's variables"),
        ("copy t from stdin;\n1\n2\n", "a line of"),
        ("copy t to stdout;", "SELECT"),
        ("\\i other.sql", "Only SQL"),
    ],
)
def test_what_a_client_would_have_done_is_said_with_a_way_out(text: str, said: str) -> None:
    with pytest.raises(DbtoolError) as refused:
        refuse_unfit(text, "x", transactional=True)
    assert said in (refused.value.hint or "")


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
