"""Source files: what they define, in which order they can be run, and what their form must be."""

from __future__ import annotations

import pytest

from tests.toolkit.shop import Shop
from toolkit.errors import DbtoolError
from toolkit.project import sources
from toolkit.sql.statements import Name, parse


def messages(shop: Shop, label: str) -> list[tuple[int | None, str]]:
    """Line and text of what is wrong with one file."""
    found = sources.read(shop.project)
    return [(each.line, each.message) for each in (*found.unreadable, *found.findings) if each.file == label]


def test_every_file_of_the_three_folders_is_read_with_what_it_defines(shop: Shop) -> None:
    found = sources.read(shop.project)
    assert found.findings == ()
    assert found.unreadable == ()
    assert {piece.label: piece.defines for piece in found.pieces} == {
        "functions/prices/add_shipping.sql": (Name("routine", "shop.add_shipping"),),
        "functions/prices/with_tax.sql": (Name("routine", "shop.with_tax"),),
        "triggers/items/check_price.sql": (
            Name("routine", "shop.check_price"),
            Name("trigger", "check_price on shop.items"),
        ),
        "views/items/cheap.sql": (Name("relation", "shop.cheap"),),
        "views/items/priced.sql": (Name("relation", "shop.priced"),),
    }


def test_what_a_file_uses_comes_before_it(shop: Shop) -> None:
    ordered = [piece.label for piece in sources.in_order(list(sources.read(shop.project).pieces))]
    assert ordered.index("functions/prices/with_tax.sql") < ordered.index("functions/prices/add_shipping.sql")
    assert ordered.index("functions/prices/with_tax.sql") < ordered.index("views/items/priced.sql")
    assert ordered.index("views/items/priced.sql") < ordered.index("views/items/cheap.sql")


def test_files_that_name_one_another_are_put_in_the_order_of_their_paths(shop: Shop) -> None:
    for one, other in (("ping", "pong"), ("pong", "ping")):
        body = f"as $$ begin perform shop.{other}(); end $$"
        create = f"create or replace function shop.{one}() returns void language plpgsql {body};"
        shop.write({f"functions/a/{one}.sql": create})
    ordered = [piece.label for piece in sources.in_order(list(sources.read(shop.project).pieces))]
    assert sorted(ordered) == sorted(piece.label for piece in sources.read(shop.project).pieces)


def test_a_syntax_error_names_file_and_line(shop: Shop) -> None:
    shop.write(
        {"views/items/cheap.sql": "create or replace view shop.cheap as\nselect id\nform shop.priced x y;"}
    )
    found = sources.read(shop.project)
    assert [(each.file, each.line) for each in found.unreadable] == [("views/items/cheap.sql", 3)]
    with pytest.raises(DbtoolError) as caught:
        found.require_readable()
    assert caught.value.message.startswith("views/items/cheap.sql:3: ")


def test_a_file_that_is_not_utf8_is_reported_and_the_others_are_read(shop: Shop) -> None:
    (shop.root / "views/items/cheap.sql").write_bytes(b"-- caf\xe9\n")
    found = sources.read(shop.project)
    assert [each.file for each in found.unreadable] == ["views/items/cheap.sql"]
    assert len(found.pieces) == 4


def test_a_byte_order_mark_and_crlf_make_no_difference(shop: Shop) -> None:
    before = sources.read(shop.project).pieces
    for piece in before:
        path = shop.root / piece.label
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert sources.read(shop.project).pieces == before


FUNCTION = "create or replace function shop.{name}() returns integer language sql as $$ select 1 $$;"
TRIGGER = "create or replace trigger {name} before insert on shop.items execute function shop.check_price();"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("functions/a/one.sql", FUNCTION.format(name="two"), (None, "the file should be called two.sql")),
        (
            "functions/a/one.sql",
            FUNCTION.format(name="one") + FUNCTION.format(name="two"),
            (None, "defines 2 objects; one object per file: shop.one, shop.two"),
        ),
        ("functions/a/one.sql", "-- nothing yet", (None, "defines no function")),
        (
            "functions/a/one.sql",
            FUNCTION.format(name="one").replace("or replace ", ""),
            (1, "should say `create or replace`"),
        ),
        (
            "functions/a/one.sql",
            FUNCTION.format(name="one") + "\ninsert into shop.items values (1);",
            (2, "a function file may not hold this statement (insert)"),
        ),
        (
            "functions/a/one.sql",
            FUNCTION.format(name="one") + "\ncomment on function shop.with_tax(integer) is 'Other.';",
            (2, "is about an object that this file does not define"),
        ),
        (
            "functions/a/one.sql",
            FUNCTION.format(name="one") + "\ngrant select on shop.items to pg_monitor;",
            (2, "is about an object that this file does not define"),
        ),
        ("functions/a/one.sql", "create view shop.one as select 1;", (1, "belongs below views/")),
        ("views/a/one.sql", FUNCTION.format(name="one"), (1, "belongs below functions/")),
        (
            "triggers/a/one.sql",
            TRIGGER.format(name="one") + TRIGGER.format(name="two"),
            (
                None,
                "defines 2 objects; one object per file:"
                " trigger one on shop.items, trigger two on shop.items",
            ),
        ),
        (
            "functions/a/with_tax.sql",
            FUNCTION.format(name="with_tax"),
            (None, "functions/prices/with_tax.sql defines it already"),
        ),
    ],
)
def test_the_form_of_a_source_is_checked(
    shop: Shop, path: str, text: str, expected: tuple[int | None, str]
) -> None:
    shop.write({path: text})
    if expected[1].endswith("defines it already"):
        found = sources.read(shop.project).unreadable
        assert [(each.file, each.message) for each in found] == [
            ("functions/prices/with_tax.sql", f"{path} defines it already")
        ]
    else:
        assert expected in messages(shop, path)


def test_triggers_of_one_name_on_several_tables_may_share_a_file(shop: Shop) -> None:
    shop.write(
        {
            "triggers/a/keep_price.sql": """
                create or replace trigger keep_price before update on shop.items
                for each row execute function shop.check_price();
                comment on trigger keep_price on shop.items is 'On items.';
                alter table shop.items enable always trigger keep_price;
                create or replace trigger keep_price before update on shop.parts
                for each row execute function shop.check_price();
                comment on trigger keep_price on shop.parts is 'On parts.';
            """
        }
    )
    assert messages(shop, "triggers/a/keep_price.sql") == []


def test_a_trigger_file_named_after_its_table_holds_all_its_triggers(shop: Shop) -> None:
    text = TRIGGER.format(name="one") + TRIGGER.format(name="two") + FUNCTION.format(name="check_size")
    shop.write({"triggers/a/items.sql": text})
    assert messages(shop, "triggers/a/items.sql") == []
    shop.write({"triggers/a/items.sql": text.replace("shop.items", "shop.parts")})
    assert messages(shop, "triggers/a/items.sql") == [(None, "the file should be called check_size.sql")]


def test_names_are_quoted_as_the_server_prints_them() -> None:
    statements = parse('create view "My Schema"."user" as select 1; create view plain as select 1;')
    assert [statement.line for statement in statements] == [1, 1]
    from toolkit.sql.statements import creates

    assert [creates(statement) for statement in statements] == [
        Name("relation", '"My Schema"."user"'),
        Name("relation", "public.plain"),
    ]


def test_the_comment_right_above_a_statement_belongs_to_it() -> None:
    text = "-- header\n\n-- why é\n/* more */\nselect 1; -- tail\n-- next\nselect 2;\nselect 3;"
    assert [(each.line, each.comment) for each in parse(text)] == [
        (5, "-- why é\n/* more */"),
        (7, "-- next"),
        (8, ""),
    ]
