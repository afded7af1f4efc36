"""Files that run without transaction: split by PostgreSQL's parser, one statement after another."""

from __future__ import annotations

import pytest

from tests.migrations.conftest import Workshop
from toolkit.errors import ScriptFailed

FALSE = "-- transactional: false\n"


@pytest.mark.parametrize(
    "head",
    [
        FALSE,
        "\ufeff" + FALSE,
        "/* licence /* nested */ */\n\n-- why\n" + FALSE,
        "--   Transactional : FALSE  \r\n",
    ],
)
def test_directive_is_found_among_the_leading_comments(workshop: Workshop, head: str) -> None:
    workshop.write(
        "migrations/migration1.sql", head + "create index concurrently items_name on shop.items (name);"
    )
    workshop.migrate(to=1)
    assert workshop.value("select indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")


@pytest.mark.parametrize(
    "head", ["select 1;\n" + FALSE, "/*\n" + FALSE + "*/\n", "-- transactional: true\n", ""]
)
def test_directive_elsewhere_does_not_count(workshop: Workshop, head: str) -> None:
    workshop.write(
        "migrations/migration1.sql", head + "create index concurrently items_name on shop.items (name);"
    )
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate()
    assert caught.value.sqlstate == "25001"
    assert "transactional: false" in (caught.value.hint or "")


def test_statements_are_told_apart_by_the_parser(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql",
        FALSE
        + "insert into shop.items (id, name) values (1, 'C:\\'); /* ; /* ; */ ; */\n"
        + 'alter table shop.items add column begin text; alter table shop.items add column "end;" text;\n'
        + "create function shop.two() returns int begin atomic select 1; select 2; end;\n"
        + "create function shop.three() returns int language plpgsql as $a$ begin return 3; --$$;\nend $a$;\n"
        + "insert into shop.items (id, name, begin) values (2, E'\\';', $$; %s$$)",
    )
    workshop.migrate(to=1)
    assert workshop.query("select id, name, begin from shop.items order by id") == [
        (1, "C:\\", None),
        (2, "';", "; %s"),
    ]
    assert workshop.query("select shop.two(), shop.three()") == [(2, 3)]


def test_failure_says_what_ran_and_leaves_the_file_unfinished(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql",
        FALSE
        + "create table shop.a ();\n\ncreate table shop.b ();\ninsert into shop.items\nvalues (1, nothing);\n"
        "create table shop.c ();",
    )
    result = workshop.dbtool("migrate", code=1)
    assert "migrations/migration1.sql:6: " in result.stderr
    assert "2 of the 4 statements ran and stay, those that begin on line 2, 4" in result.stderr
    assert workshop.states()["migration1"] == "unfinished"
    tables = (
        "select to_regclass('shop.a') is null, to_regclass('shop.b') is null, to_regclass('shop.c') is null"
    )
    assert workshop.query(tables) == [(False, False, True)]


def test_runtime_failure_names_the_line_inside_the_statement(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql", FALSE + "select 1;\ndo $$\nbegin\n  perform 1/0;\nend $$;\nselect 2;"
    )
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate()
    assert (caught.value.line, caught.value.sqlstate) == (5, "22012")


def test_syntax_error_at_the_end_is_found_before_anything_runs(workshop: Workshop) -> None:
    workshop.write("migrations/migration1.sql", FALSE + "create table shop.a ();\nselect from from;")
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate()
    assert caught.value.line == 3
    assert workshop.value("select to_regnamespace('shop') is null")


def test_transaction_inside_the_file_counts_as_a_whole(workshop: Workshop) -> None:
    text = FALSE + "create table shop.a ();\nbegin;\ncreate table shop.b ();\nselect 1/0;\ncommit;\n"
    workshop.write("migrations/migration1.sql", text)
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate()
    assert "1 of the 5 statements ran and stay, those that begin on line 2" in (caught.value.detail or "")
    assert workshop.query("select to_regclass('shop.a') is null, to_regclass('shop.b') is null") == [
        (False, True)
    ]

    workshop.write("migrations/migration1.sql", text.replace("1/0", "1"))
    assert workshop.dbtool("repair", "--yes").exit_code == 0
    assert workshop.states()["migration1"] == "applied"
    assert workshop.value("select to_regclass('shop.b') is not null")


def test_transaction_left_open_is_an_error(workshop: Workshop) -> None:
    workshop.write("migrations/migration1.sql", FALSE + "select 1;\nbegin;\ncreate table shop.b ();")
    with pytest.raises(ScriptFailed) as caught:
        workshop.migrate()
    assert caught.value.line == 3
    assert workshop.states()["migration1"] == "unfinished"
    assert workshop.value("select to_regclass('shop.b') is null")


def test_settings_last_for_the_file_and_not_longer(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql",
        FALSE + "set search_path = shop;\ncreate table here ();\nset role pg_monitor;",
    )
    workshop.write("migrations/migration2.sql", "create table there ();")
    workshop.migrate()
    assert workshop.query("select to_regclass('shop.here') is null, to_regclass('public.there') is null") == [
        (False, False)
    ]


def test_rollback_file_decides_for_itself(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql", FALSE + "create index concurrently items_name on shop.items (name);"
    )
    workshop.write("migrations/migration1.rollback.sql", FALSE + "drop index concurrently shop.items_name;")
    workshop.migrate(to=1)
    workshop.rollback()
    assert workshop.value("select to_regclass('shop.items_name') is null")
    assert workshop.states()["migration1"] == "pending"
