"""A file that cannot be applied: where it says the fault is, and what is left."""

from __future__ import annotations

import pytest

from tests.migrations.conftest import Workshop
from toolkit.errors import DbtoolError, ScriptFailed
from toolkit.sql.limits import Limits


def failure(workshop: Workshop, text: str | bytes) -> ScriptFailed:
    """How applying this text as migration1 fails."""
    workshop.write("migrations/migration1.sql", text)
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate(limits=Limits(retries=0))
    assert caught.value.source == "migrations/migration1.sql"
    return caught.value


FUNCTION = "create function shop.{name}() returns int language plpgsql as $$\nbegin\n  retrun 1;\nend $$;\n"


@pytest.mark.parametrize(
    ("text", "line", "sqlstate"),
    [
        ("select 1;\n\nselect from from x;", 3, "42601"),
        ("select 'é€😀';\n/* ü\n */ select\n  nothing from shop.nowhere;", 4, "42P01"),
        ("select 1;\n" + FUNCTION.format(name="f"), 4, "42601"),
        (
            "-- é\n" + FUNCTION.format(name="f").replace("retrun", "return") + FUNCTION.format(name="g"),
            8,
            "42601",
        ),
        # The same body twice: the server cannot tell which and reports the body on its own.
        (FUNCTION.format(name="f") + "\n" + FUNCTION.format(name="g"), 3, "42601"),
        (
            "create function shop.f() returns int language sql as $$\n  select 1;\n  select * from no $$;",
            3,
            "42P01",
        ),
        ("do $$\nbegin\n  perform 1;\n  raise exception 'no';\nend $$;", 4, "P0001"),
        ("select 1;\n\ndo language plpgsql\n  'begin\n    perform 1/0;\n  end';", 5, "22012"),
        ("insert into shop.items\nvalues (1, 'a');\n\ninsert into shop.items\nvalues (1, 'b');", 4, "23505"),
        ("\ufeff-- comment\r\n\r\ncreate table shop.t (\r\n  id no_such_type\r\n);", 4, "42704"),
        ("create table shop.t (id int);\nselect 'a\nb';\nselect 'unterminated\n\n\n", 4, "42601"),
        ("create index concurrently on shop.items (name);", 1, "25001"),
    ],
)
def test_failure_names_file_line_and_sqlstate(
    workshop: Workshop, text: str, line: int, sqlstate: str
) -> None:
    error = failure(workshop, text)
    assert (error.line, error.sqlstate) == (line, sqlstate)
    assert error.message.startswith(f"migrations/migration1.sql:{line}: ")


def test_detail_and_hint_of_the_server_are_passed_on(workshop: Workshop) -> None:
    error = failure(
        workshop,
        "do $$ begin raise 'no' using errcode = 'LX001', detail = 'facts', hint = 'way out'; end $$",
    )
    assert error.sqlstate == "LX001"
    assert "facts" in (error.detail or "")
    assert error.hint == "way out"


def test_a_database_that_was_built_without_dbtool_is_one_to_adopt(workshop: Workshop) -> None:
    workshop.query("create schema shop")
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate()
    assert (caught.value.sqlstate, "`dbtool baseline`" in (caught.value.hint or "")) == ("42P06", True)


def test_nothing_of_a_failed_file_is_kept_and_the_files_before_it_stay(workshop: Workshop) -> None:
    workshop.write("migrations/migration2.sql", "create table shop.half (); select 1/0; select 2;")
    workshop.write("migrations/migration3.sql", "create table shop.never ();")

    result = workshop.dbtool("migrate", code=1)

    assert "Traceback" not in result.stderr
    assert "migrations/migration2.sql:1: " in result.stderr
    assert workshop.states() == {
        "schema": "applied",
        "migration1": "applied",
        "migration2": "pending",
        "migration3": "pending",
    }
    assert workshop.value("select to_regclass('shop.half') is null and to_regclass('shop.never') is null")


def test_failed_first_file_leaves_no_trace(workshop: Workshop) -> None:
    workshop.write("schema.sql", "create schema shop; select 1/0;")
    with pytest.raises(ScriptFailed):
        workshop.migrate()
    assert workshop.query("select nspname from pg_namespace where nspname in ('shop', 'dbtool')") == []


def test_constraint_that_fails_at_commit_undoes_file_and_mark(workshop: Workshop) -> None:
    error = failure(
        workshop,
        "create table shop.child (id bigint references shop.items deferrable initially deferred);\n"
        "insert into shop.child values (99);",
    )
    assert error.sqlstate == "23503"
    assert workshop.states()["migration1"] == "pending"
    assert workshop.value("select to_regclass('shop.child') is null")


def test_mended_file_is_applied_by_the_next_run(workshop: Workshop) -> None:
    failure(workshop, "select nothing from nowhere")
    workshop.write("migrations/migration1.sql", "alter table shop.items add column price numeric;")
    assert [script.id for script in workshop.migrate()] == ["migration1", "migration2"]


def test_table_lock_that_is_waited_for_too_long_is_exit_code_5(workshop: Workshop) -> None:
    workshop.migrate(to="schema")
    workshop.write(
        "migrations/migration1.sql", "set lock_timeout = '100ms';\nalter table shop.items add price int;"
    )
    with workshop.connect() as other:
        other.execute("lock table shop.items in access share mode")
        error = failure(workshop, (workshop.root / "migrations/migration1.sql").read_text())
    assert (error.sqlstate, error.exit_code, error.line) == ("55P03", 5, 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("begin;\ncreate table shop.t ();\ncommit;", 1),
        ("create table shop.t ();\n\nCOMMIT;\nselect 1", 3),
        ("create table shop.t ();\nrollback", 2),
        ("create table shop.t ();\nend", 2),
        ("create table shop.t (a int);\ncopy shop.t from stdin;", 2),
        ("create table shop.t (a int);\ncopy shop.t from stdin;\n1\n", 3),
        ("-- transactional: false\nset local work_mem = '3MB';", 2),
        ("-- transactional: false\nselect 1;\nset transaction read only;", 3),
        ("-- transactional: false\nset constraints all deferred;", 2),
        ("-- transactional: false\nbegin;\nselect 1;\ncommit;\nlock table shop.items;", 5),
        ("-- irreversible:\nselect 1", 1),
        ("-- lock_timeout: soon\nselect 1", 1),
        ("create table shop.t (a int);\ncopy shop.t to stdout;", 2),
        ("create table shop.t ();\n\\i other.sql\n", 2),
        ("create table shop.t ();\n\n\\connect other", 3),
        (b"create table shop.t ();\nselect 'caf\xe9';", 2),
        (b"create table shop.t ();\nselect 1;\nselect '\0';", 3),
        ("-- transactional: maybe\ncreate table shop.t ();", 1),
    ],
)
def test_file_that_cannot_be_run_as_promised_is_refused_before_anything_runs(
    workshop: Workshop, text: str | bytes, line: int
) -> None:
    workshop.write("migrations/migration2.sql", text)
    with pytest.raises(DbtoolError, match=rf"migration2\.sql:{line}: "):
        workshop.migrate()
    assert workshop.query("select nspname from pg_namespace where nspname in ('shop', 'dbtool')") == []


@pytest.mark.parametrize(
    "text",
    [
        "create function shop.f() returns int language plpgsql as $$ begin return 1; end; $$;",
        "create function shop.f() returns int begin atomic select 1; select 2; end;",
        "create table shop.begin (begin text, \"commit\" int); insert into shop.begin values ('commit;', 1);",
        "create procedure shop.p() language plpgsql as $$ begin commit; rollback; end; $$;",
        "select 'C:\\'; -- commit;\n/* begin; /* nested */ commit; */ select $x$ commit; $$ $x$;",
    ],
)
def test_words_that_only_look_like_transaction_control_are_fine(workshop: Workshop, text: str) -> None:
    workshop.write("migrations/migration2.sql", text)
    workshop.migrate()
    assert workshop.states()["migration2"] == "applied"


def test_script_cannot_commit_behind_the_tools_back(workshop: Workshop) -> None:
    error = failure(workshop, "create table shop.t ();\ndo $$\nbegin\n  commit;\nend $$;")
    assert (error.sqlstate, error.line) == ("2D000", 4)
    assert workshop.value("select to_regclass('shop.t') is null")


def test_backend_that_is_terminated_leaves_nothing_and_gives_one_message(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql", "create table shop.t ();\nselect pg_terminate_backend(pg_backend_pid());"
    )
    result = workshop.dbtool("migrate", code=1)
    assert "Traceback" not in result.stderr
    assert "migrations/migration1.sql:2: " in result.stderr
    assert workshop.states()["migration1"] == "pending"
    assert workshop.value("select to_regclass('shop.t') is null")


def test_connection_that_breaks_during_the_commit_is_not_said_to_have_kept_nothing(
    workshop: Workshop,
) -> None:
    workshop.migrate(to="schema")
    workshop.write(
        "migrations/migration1.sql",
        "create function shop.die() returns trigger language plpgsql as\n"
        "  $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;\n"
        "create constraint trigger die after insert on shop.items initially deferred\n"
        "  for each row execute function shop.die();\n"
        "insert into shop.items values (1, 'a');",
    )
    result = workshop.dbtool("migrate", code=1)
    assert "Traceback" not in result.stderr
    assert "nothing of" not in result.stderr
    assert "dbtool status" in result.stderr
    assert workshop.states()["migration1"] == "pending"
