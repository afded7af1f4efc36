"""The conventions: each is found when broken, and what keeps them is left alone."""

from __future__ import annotations

import os
import re
import shutil

import psycopg
import pytest

from tests.conftest import ROOT
from tests.toolkit.shop import Shop
from tests.toolkit.test_check import release
from toolkit.authoring import checks
from toolkit.errors import UsageProblem
from toolkit.lint import rules
from toolkit.project.layout import Project


def found(shop: Shop, area: str = "convention") -> set[tuple[str | None, str | None, str]]:
    """File, object and the first words of the findings."""
    return {
        (each.file, each.object, " ".join(each.message.split()[:3]))
        for each in shop.check()
        if each.area == area
    }


def test_a_project_that_keeps_the_conventions_has_no_findings(released: Shop) -> None:
    assert found(released) == set()


FUNCTION = """
create or replace function shop.one() returns integer language sql {attributes} as $$ select 1 $$;
comment on function shop.one() is 'One.';
revoke all on function shop.one() from public;
"""
PATH = "set search_path = pg_catalog, pg_temp"


BROKEN = [
    (FUNCTION.format(attributes=PATH).replace("comment on", "-- comment on"), "has no comment"),
    (FUNCTION.format(attributes=""), "has no search_path"),
    (FUNCTION.format(attributes="security definer"), "is SECURITY DEFINER"),
    (
        "-- no search_path: is inlined\n" + FUNCTION.format(attributes="security definer"),
        "is SECURITY DEFINER",
    ),
    *(
        (FUNCTION.format(attributes=f"set search_path = {path}"), "does not name")
        for path in (
            "''",
            "pg_catalog",
            "pg_temp, pg_catalog",
            "pg_temp, pg_catalog, pg_temp",
            "'pg_temp2'",
        )
    ),
    (
        FUNCTION.format(attributes="security definer set search_path = ''"),
        "does not name",
    ),
    (FUNCTION.format(attributes=PATH).replace("revoke", "-- revoke"), "may be executed"),
    (
        FUNCTION.format(attributes=f"{PATH} set enable_seqscan = off set jit = on"),
        "sets enable_seqscan =",
    ),
]


def test_a_function_that_breaks_a_convention_is_found_with_its_file(shop: Shop) -> None:
    expected = set()
    for number, (text, message) in enumerate(BROKEN):
        file = f"functions/a/one_{number}.sql"
        shop.write({file: text.replace("shop.one()", f"shop.one_{number}()")})
        expected.add((file, f"function shop.one_{number}()", message))
    shop.new()
    shop.empty()
    assert found(shop) == expected


def test_a_function_may_go_without_search_path_when_its_file_says_why(shop: Shop) -> None:
    text = "-- no search_path: is inlined into an index\n" + FUNCTION.format(attributes="immutable")
    shop.write({"functions/a/one.sql": text})
    shop.new()
    shop.empty()
    assert found(shop) == set()


def test_a_function_may_switch_plans_off_when_it_switches_compiling_off_too(shop: Shop) -> None:
    text = FUNCTION.format(attributes=f"{PATH} set enable_sort = off set jit = off")
    shop.write({"functions/a/one.sql": text})
    shop.new()
    shop.empty()
    assert found(shop) == set()


def test_a_path_that_ends_with_pg_temp_is_good(shop: Shop) -> None:
    path = """security definer set search_path = "$user", 'shop', "pg_temp\""""
    shop.write({"functions/a/one.sql": FUNCTION.format(attributes=path)})
    shop.new()
    shop.empty()
    assert found(shop) == set()


def test_a_trigger_function_with_an_empty_path_is_found(shop: Shop) -> None:
    shop.edit("triggers/items/check_price.sql", PATH, "set search_path = ''")
    shop.new()
    shop.empty()
    assert found(shop) == {("triggers/items/check_price.sql", "function shop.check_price()", "does not name")}


def test_an_overload_is_found(shop: Shop) -> None:
    other = (
        FUNCTION.format(attributes=PATH)
        .replace("one()", "one(p_value integer)")
        .replace("$$ select 1", "$$ select 2")
    )
    other = other.replace("function shop.one(p_value integer) is", "function shop.one(integer) is")
    shop.write({"functions/a/one.sql": FUNCTION.format(attributes=PATH) + other})
    shop.new()
    shop.empty()
    assert {(file, words) for file, _, words in found(shop)} == {
        ("functions/a/one.sql", "has 1 overload(s):")
    }


def test_tables_and_views_without_comment_are_found_but_not_partitions(released: Shop) -> None:
    released.write(
        {
            "migrations/migration2.sql": """
                create table shop.bare (id integer);
                create table shop.events (at date) partition by range (at);
                comment on table shop.events is 'What happened.';
                create table shop.events_2026 partition of shop.events
                for values from ('2026-01-01') to ('2027-01-01');
            """,
            "migrations/migration2.rollback.sql": "drop table shop.bare, shop.events;",
        }
    )
    released.edit("views/items/cheap.sql", "comment on", "-- comment on")
    released.edit("migrations/migration1.sql", "comment on view shop.cheap", "-- comment on view shop.cheap")
    assert found(released) == {
        ("migrations/migration2.sql", "table shop.bare", "has no comment"),
        ("views/items/cheap.sql", "view shop.cheap", "has no comment"),
    }


# What may follow a foreign key, and whether it is enough.
INDEXES = [
    ("", False),
    ("create index on shop.lines (item_id);", True),
    ("create index on shop.lines (item_id, id);", True),
    ("create index on shop.lines (id, item_id);", False),
    ("create index on shop.lines (item_id) where item_id is not null;", True),
    ("create index on shop.lines (item_id) where id > 1;", False),
    ("create index on shop.lines ((item_id + 1));", False),
    (
        "comment on constraint lines_item_id_fkey on shop.lines is 'Small; no index: never deleted.';",
        True,
    ),
    ("comment on constraint lines_item_id_fkey on shop.lines is 'The item.';", False),
]


def test_a_foreign_key_needs_an_index_that_begins_with_its_columns(released: Shop) -> None:
    tables, drops, expected = [], [], set()
    for number, (index, is_enough) in enumerate(INDEXES):
        name = f"lines_{number}"
        tables.append(
            f"create table shop.{name} (id integer, item_id integer references shop.items);\n"
            f"comment on table shop.{name} is 'Lines.';\n" + re.sub(r"\blines", name, index)
        )
        drops.append(f"drop table shop.{name};")
        if not is_enough:
            expected.add((MIGRATION, f"table shop.{name}", "the foreign key"))
    released.write(
        {MIGRATION: "\n".join(tables), "migrations/migration2.rollback.sql": "\n".join(drops)},
    )
    assert found(released) == expected


def test_a_foreign_key_of_two_columns_is_served_in_any_order(released: Shop) -> None:
    released.write(
        {
            "migrations/migration2.sql": """
                create table shop.pairs (a integer, b integer, primary key (a, b));
                comment on table shop.pairs is 'Pairs.';
                create table shop.uses (b integer, a integer, foreign key (a, b) references shop.pairs);
                comment on table shop.uses is 'Uses of pairs.';
                create index on shop.uses (b, a);
            """,
            "migrations/migration2.rollback.sql": "drop table shop.uses, shop.pairs;",
        }
    )
    assert found(released) == set()


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("migrations/migration2.sql", "select 1;\n\\i other.sql", 2),
        ("migrations/migration2.sql", "\nbegin;\nselect 1;\ncommit;", 1),
        ("migrations/migration2.sql", "select 1;\nselect form from from;", 2),
        ("migrations/migration2.rollback.sql", "select 1;\nrollback;", 2),
    ],
)
def test_a_script_that_cannot_run_as_promised_is_found_with_its_line(
    released: Shop, file: str, text: str, line: int
) -> None:
    released.write(
        {"migrations/migration2.sql": "select 1;", "migrations/migration2.rollback.sql": "select 1;"}
    )
    released.write({file: text})
    assert [(each.file, each.line) for each in released.check()] == [(file, line)]


def test_two_files_with_one_number_are_found(released: Shop) -> None:
    released.write({"migrations/migration01.sql": "select 1;"})
    (finding,) = released.check()
    assert finding.area == "script"


def lint(shop: Shop) -> list[tuple[str | None, int | None, str | None]]:
    """File, line and rule of what the rules find; plpgsql_check is not on every server."""
    return [
        (each.file, each.line, each.rule)
        for each in shop.check()
        if each.area == "lint" and each.rule != "plpgsql"
    ]


def second_migration(shop: Shop, text: str) -> None:
    shop.write({"migrations/migration2.sql": text, "migrations/migration2.rollback.sql": "select 1;"})


INDEX = "create index items_by_name on shop.items (name);"
RISK = "require-concurrent-index-creation"
MIGRATION = "migrations/migration2.sql"


def test_squawk_finds_what_blocks_a_database_in_use(released: Shop) -> None:
    second_migration(released, f"select 1;\n\n{INDEX}")
    assert lint(released) == [(MIGRATION, 3, RISK)]


def test_squawk_knows_which_migrations_run_without_transaction(released: Shop) -> None:
    second_migration(released, "-- transactional: false\n" + INDEX.replace("index", "index concurrently"))
    assert lint(released) == []


def test_squawk_finds_nothing_about_a_table_that_the_same_file_makes(released: Shop) -> None:
    table = (
        "create table shop.more (id bigint primary key, name text);\ncomment on table shop.more is 'More.';"
    )
    second_migration(released, f"{table}\n{INDEX.replace('items', 'more')}")
    assert lint(released) == []


# Texts of migrations, and line and rule of what is found in them.
SILENCES: list[tuple[str, list[tuple[int, str]]]] = [
    (f"-- lint: ignore {RISK} because it is small\n{INDEX}", []),
    (f"{INDEX}  -- lint: ignore {RISK} because it is small", []),
    (f"-- lint: ignore {RISK}, ban-drop-table because it is small\n-- More about it.\n{INDEX}", []),
    (f"-- lint: ignore {RISK}\n{INDEX}", [(1, "silence")]),
    (f"-- lint: ignore {RISK} because\n{INDEX}", [(1, "silence")]),
    (
        f"-- lint: ignore ban-drop-table because it is small\n{INDEX}",
        [(2, RISK), (1, "silence")],
    ),
    (
        f"-- lint: ignore {RISK} because it is small\nselect 1;\n{INDEX}",
        [(3, RISK), (1, "silence")],
    ),
]


def test_a_finding_is_silenced_by_a_comment_with_a_reason(released: Shop) -> None:
    expected = []
    for number, (text, found_) in enumerate(SILENCES, 2):
        name = f"items_by_name_{number}"
        released.write(
            {
                f"migrations/migration{number}.sql": text.replace("items_by_name", name),
                f"migrations/migration{number}.rollback.sql": f"drop index shop.{name};",
            }
        )
        expected += [(f"migrations/migration{number}.sql", line, rule) for line, rule in found_]
    assert sorted(lint(released)) == sorted(expected)


def test_a_rule_of_squawk_can_be_switched_off_with_a_reason(released: Shop) -> None:
    second_migration(released, INDEX)
    released.write({"pyproject.toml": f"[tool.dbtool.lint.exclude]\n{RISK} = 'Tables are small here.'"})
    assert lint(released) == []


@pytest.mark.parametrize("text", ["[tool.dbtool.lint]\nno = 1", "[tool.dbtool.lint.exclude]\nx = ''", "["])
def test_wrong_settings_are_a_usage_error(released: Shop, text: str) -> None:
    released.write({"pyproject.toml": text})
    with pytest.raises(UsageProblem):
        released.check()


def test_a_shipped_migration_is_not_asked_for_changes(released: Shop) -> None:
    second_migration(released, INDEX)
    release(released, "1.0.0")
    assert lint(released) == []


BODY = """
create or replace function shop.one(p_value integer) returns integer language {language} {path} as $$
{body}
$$;
comment on function shop.one(integer) is 'One.';
revoke all on function shop.one(integer) from public;
"""


BODIES: list[tuple[str, str, list[int]]] = [
    ("sql", "select count(*)::integer\nfrom items", [3]),
    ("sql", "select with_tax(p_value)", [2]),
    ("sql", "select null::priced::text::integer", [2]),
    ("sql", "with items as (select 1 as id) select id from items", []),
    ("sql", "select max(i.id) from shop.items i, unnest(array[1]) items (id) where i.id is not null", []),
    ("plpgsql", "begin\n  update items set price = 1;\n  return 1;\nend", [3]),
    ("plpgsql", "begin\n  return with_tax(\n    p_value);\nend", [3]),
    ("plpgsql", "begin\n  insert into items (id)\n  select 1 from items, shop.priced;\nend", [3, 4]),
    ("plpgsql", "begin\n  return (select 1 from shop.items, items limit 1);\nend", [3]),
    (
        "plpgsql",
        "declare v_now timestamptz := now();\nbegin\n  create temp table scratch (id integer);\n"
        "  with found as (select id from shop.items), more (a) as materialized (select 1)\n"
        "  insert into shop.items (id) select id from found, more\n"
        "  on conflict (id) do update set name = 'x';\n"
        "  if (p_value is distinct from extract(year from v_now)) then delete from scratch; end if;\n"
        "  for p_value in select id from shop.items for update loop null; end loop;\n"
        "  return 'from items';\nend",
        [],
    ),
]  # fmt: skip


@pytest.mark.parametrize("path", ["pg_catalog, pg_temp", "shop, pg_temp"])
def test_a_name_without_schema_in_a_function_is_found_with_its_line(shop: Shop, path: str) -> None:
    unchecked(shop)  # so that the functions can be made
    expected = []
    for number, (language, body, lines) in enumerate(BODIES, 10):
        text = BODY.format(language=language, path=f"set search_path = {path}", body=body)
        shop.write({f"functions/a/one_{number}.sql": text.replace("shop.one", f"shop.one_{number}")})
        if path.startswith("pg_catalog"):
            expected += [(f"functions/a/one_{number}.sql", line, "unqualified-name") for line in lines]
    shop.new()
    shop.empty()
    assert sorted(each for each in lint(shop) if each[2] == "unqualified-name") == expected


def unchecked(shop: Shop) -> None:
    with shop.connect() as conn:
        conn.execute(f'alter database "{conn.info.dbname}" set check_function_bodies = off'.encode())


def test_a_name_in_a_migration_counts_where_there_are_no_sources(released: Shop) -> None:
    for folder in ("functions", "triggers", "views"):
        shutil.rmtree(released.root / folder)
    body = "select shop.with_tax(p_price) + 5"
    released.edit("migrations/migration1.sql", body, body.replace("shop.", ""))
    unchecked(released)
    assert [(file, rule) for file, _, rule in lint(released)] == [
        ("migrations/migration1.sql", "unqualified-name")
    ]


def test_the_leading_column_comes_first_in_the_key_of_every_table_that_has_it(released: Shop) -> None:
    released.write({"pyproject.toml": '[tool.dbtool.lint]\nleading_column = "user_id"'})
    second_migration(
        released,
        """
        create table shop.good (user_id bigint, id bigint, primary key (user_id, id));
        create table shop.lost (user_id bigint not null);
        create table shop.late (id bigint, user_id bigint, primary key (id, user_id));
        create table shop.loose (user_id bigint, id bigint primary key);
        """,
    )
    led = [(each.line, each.object) for each in released.check() if each.rule == "leading-column"]
    assert led == [(3, "table shop.late"), (2, "table shop.lost")]


def test_a_convention_is_silenced_where_the_object_is_made(released: Shop) -> None:
    second_migration(
        released,
        "-- lint: ignore table-comment because the name says all\ncreate table shop.bare (id bigint);",
    )
    assert found(released) == set()
    assert lint(released) == []


def has_plpgsql_check(shop: Shop) -> bool:
    query = "select exists (select from pg_available_extensions where name = 'plpgsql_check')"
    return bool(shop.value(query))


def test_plpgsql_check_finds_what_only_fails_when_it_runs(shop: Shop) -> None:
    if not has_plpgsql_check(shop):
        assert "DBTOOL_REQUIRE_PLPGSQL_CHECK" not in os.environ
        pytest.skip("the server has no plpgsql_check")
    body = "begin\n  perform id\n  from shop.missing;\n  return 1;\nend"
    shop.write({"functions/a/one.sql": BODY.format(language="plpgsql", path=PATH, body=body)})
    shop.edit("triggers/items/check_price.sql", "new.price :=", "new.prise :=")
    shop.new()
    shop.empty()
    by_check = {(each.file, each.line) for each in shop.check() if each.rule == "plpgsql"}
    assert {("functions/a/one.sql", 3), ("triggers/items/check_price.sql", 3)} <= by_check
    assert shop.value("select count(*)::integer from pg_extension where extname = 'plpgsql_check'") == 0


def test_plpgsql_check_takes_a_trigger_function_by_all_its_triggers(shop: Shop) -> None:
    if not has_plpgsql_check(shop):
        assert "DBTOOL_REQUIRE_PLPGSQL_CHECK" not in os.environ
        pytest.skip("the server has no plpgsql_check")
    shop.write(
        {
            "triggers/items/count_items.sql": """
            create or replace function shop.count_items() returns trigger
            language plpgsql set search_path = pg_catalog, pg_temp as $$
            begin
              if tg_op = 'DELETE' then
                perform from gone;
              else
                perform from come;
              end if;
              perform from shop.nowhere;
              return null;
            end $$;
            create or replace trigger items_come after insert on shop.items referencing new table as come
              for each statement execute function shop.count_items();
            create or replace trigger items_gone after delete on shop.items referencing old table as gone
              for each statement execute function shop.count_items();
            """
        }
    )
    shop.new()
    shop.empty()
    told = [each.message for each in shop.check() if each.rule == "plpgsql"]
    assert [text for text in told if "shop.nowhere" in text] == told != []


def test_plpgsql_check_finds_nothing_in_laurel(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        if not rules.has_plpgsql_check(connection):
            assert "DBTOOL_REQUIRE_PLPGSQL_CHECK" not in os.environ
            pytest.skip("the server has no plpgsql_check")
    found = checks.check(lambda: psycopg.connect(empty_database), Project.find(ROOT))
    assert found == []


def test_a_server_without_plpgsql_check_is_told(shop: Shop, released: Shop) -> None:
    if has_plpgsql_check(shop):
        pytest.skip("the server has plpgsql_check")
    told: list[str] = []
    checks.check(released.connect, released.project, told.append)
    assert [text for text in told if "plpgsql_check" in text] == told != []
