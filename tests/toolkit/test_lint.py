"""The conventions: each is found when broken, and what keeps them is left alone."""

from __future__ import annotations

import pytest

from tests.toolkit.shop import Shop


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
PATH = "set search_path = ''"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FUNCTION.format(attributes=PATH).replace("comment on", "-- comment on"), "has no comment"),
        (FUNCTION.format(attributes=""), "has no search_path"),
        (FUNCTION.format(attributes="security definer"), "is SECURITY DEFINER"),
        (
            "-- no search_path: is inlined\n" + FUNCTION.format(attributes="security definer"),
            "is SECURITY DEFINER",
        ),
        (FUNCTION.format(attributes=PATH).replace("revoke", "-- revoke"), "may be executed"),
    ],
)
def test_a_function_that_breaks_a_convention_is_found_with_its_file(
    shop: Shop, text: str, message: str
) -> None:
    shop.write({"functions/a/one.sql": text})
    shop.new()
    shop.empty()
    assert {
        (file, object_)
        for file, object_, words in found(shop)
        if words.startswith(message) or message in words
    } == {("functions/a/one.sql", "function shop.one()")}


def test_a_function_may_go_without_search_path_when_its_file_says_why(shop: Shop) -> None:
    text = "-- no search_path: is inlined into an index\n" + FUNCTION.format(attributes="immutable")
    shop.write({"functions/a/one.sql": text})
    shop.new()
    shop.empty()
    assert found(shop) == set()


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
        (None, "table shop.bare", "has no comment"),
        ("views/items/cheap.sql", "view shop.cheap", "has no comment"),
    }


@pytest.mark.parametrize(
    ("index", "is_enough"),
    [
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
    ],
)
def test_a_foreign_key_needs_an_index_that_begins_with_its_columns(
    released: Shop, index: str, is_enough: bool
) -> None:
    released.write(
        {
            "migrations/migration2.sql": f"""
                create table shop.lines (id integer, item_id integer references shop.items);
                comment on table shop.lines is 'Lines.';
                {index}
            """,
            "migrations/migration2.rollback.sql": "drop table shop.lines;",
        }
    )
    assert bool(found(released)) is not is_enough


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
