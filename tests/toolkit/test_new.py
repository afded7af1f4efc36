"""`dbtool new`: the next migration holds the changed sources, its rollback puts back what was there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import psycopg
import pytest

from tests.conftest import RunDbtool
from tests.toolkit.shop import Shop
from toolkit.authoring import generate
from toolkit.catalog import read as catalog
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.history import migrations
from toolkit.project.layout import Project


def undo_restores(shop: Shop, before: catalog.Catalog) -> bool:
    """Whether undoing the newest migration leads back to that catalog."""
    migrations.rollback(shop.connect, shop.project)
    return catalog.diff(before, shop.catalog()) == []


def test_new_sources_are_copied_in_an_order_that_works(shop: Shop) -> None:
    made = shop.new("All of it")
    assert made.number == 1
    assert sorted(made.sources) == [
        "functions/prices/add_shipping.sql",
        "functions/prices/with_tax.sql",
        "triggers/items/check_price.sql",
        "views/items/cheap.sql",
        "views/items/priced.sql",
    ]
    text = made.path.read_text()
    assert text.startswith("-- migration1: All of it\n-- 2026-01-31\n")
    assert all(shop.read(label).strip() in text for label in made.sources)
    assert shop.value("select shop.add_shipping(100)") == 124


def test_the_rollback_of_new_objects_drops_them(shop: Shop) -> None:
    shop.migrate("schema")
    before = shop.catalog()
    shop.new()
    assert undo_restores(shop, before)


def test_only_the_changed_source_is_copied(released: Shop) -> None:
    released.edit("functions/prices/with_tax.sql", "119", "120")
    released.migrate()
    before = released.catalog()
    made = released.new("more tax")
    assert made.sources == ("functions/prices/with_tax.sql",)
    assert released.value("select shop.with_tax(100)") == 120
    assert "-- Rounds down.\ncreate or replace function" in made.rollback_path.read_text()
    assert undo_restores(released, before)


def test_without_a_changed_source_the_pair_is_empty(released: Shop) -> None:
    made = released.new("by hand")
    assert made.path.read_text() == "-- migration2: by hand\n-- 2026-01-31\n"
    assert made.rollback_path.read_text() == "-- migration2: by hand\n-- 2026-01-31, undoes migration2.sql\n"


def test_empty_leaves_changed_and_even_broken_sources_out(released: Shop) -> None:
    released.write({"views/items/cheap.sql": "create view nonsense is;"})
    assert released.new("table first", empty=True).sources == ()


def test_a_project_without_source_folders_gets_an_empty_pair_and_keeps_its_views(
    sample_project: Path, empty_database: str
) -> None:
    project = Project.open(sample_project)
    migrations.migrate(lambda: psycopg.connect(empty_database), project)
    with psycopg.connect(empty_database) as conn:
        made = generate.new_migration(conn, project, "more", date(2026, 1, 31))
    assert (made.sources, made.dropped) == ((), ())
    assert made.path.read_text() == "-- migration3: more\n-- 2026-01-31\n"


def test_a_change_of_a_header_comment_alone_is_no_change(released: Shop) -> None:
    released.edit("functions/prices/with_tax.sql", "-- Rounds down.", "-- Rounds towards zero.")
    assert released.new().sources == ()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("functions/prices/with_tax.sql", "'Adds the tax.'", "'Adds it.'"),
        ("functions/prices/with_tax.sql", "comment on function", "-- comment"),
        (
            "functions/prices/with_tax.sql",
            "from public;",
            "from public;\ngrant execute on function shop.with_tax(integer) to pg_monitor with grant option;",
        ),
        ("functions/prices/with_tax.sql", "revoke all on function shop.with_tax(integer) from public;", ""),
        (
            "functions/prices/add_shipping.sql",
            "grant execute on function shop.add_shipping(integer) to pg_monitor;",
            "",
        ),
        ("functions/prices/with_tax.sql", "immutable", "stable security definer"),
        ("functions/prices/with_tax.sql", "p_price", "p_amount"),
        ("functions/prices/add_shipping.sql", "p_price integer", "p_price integer default 1"),
        ("triggers/items/check_price.sql", "before insert", "before insert or update of price"),
        ("triggers/items/check_price.sql", "comment on trigger check_price", "-- comment"),
        (
            "triggers/items/check_price.sql",
            "comment on trigger check_price",
            "alter table shop.items enable always trigger check_price;\ncomment on trigger check_price",
        ),
        ("views/items/priced.sql", "shop.with_tax(price) as price", "shop.with_tax(price) as price, name"),
        ("views/items/priced.sql", "comment on column shop.priced.price is 'With tax.';", ""),
        ("views/items/priced.sql", "grant select on shop.priced", "grant select (id) on shop.priced"),
        ("views/items/priced.sql", "view shop.priced as", "view shop.priced with (security_barrier) as"),
    ],
)  # fmt: skip
def test_a_change_goes_there_and_back_exactly(released: Shop, name: str, old: str, new: str) -> None:
    released.migrate()
    before = released.catalog()
    released.edit(name, old, new)
    made = released.new()
    assert name in made.sources
    assert undo_restores(released, before)


def test_a_changed_return_type_makes_what_uses_the_function_again(released: Shop) -> None:
    released.migrate()
    before = released.catalog()
    released.edit("functions/prices/with_tax.sql", "returns integer", "returns bigint")
    released.edit("functions/prices/add_shipping.sql", "returns integer", "returns bigint")
    made = released.new()
    assert set(made.sources) == {
        "functions/prices/with_tax.sql",
        "functions/prices/add_shipping.sql",
        "views/items/priced.sql",
        "views/items/cheap.sql",
    }
    assert made.dropped == ()
    assert (
        released.value("select pg_typeof(price)::text from shop.priced union all select 'bigint'") == "bigint"
    )
    assert undo_restores(released, before)


def test_a_changed_argument_list_replaces_the_function_instead_of_adding_another(released: Shop) -> None:
    released.migrate()
    before = released.catalog()
    released.edit(
        "functions/prices/with_tax.sql", "p_price integer)", "p_price integer, p_rate integer default 19)"
    )
    released.edit("functions/prices/with_tax.sql", "with_tax(integer)", "with_tax(integer, integer)")
    made = released.new()
    assert made.dropped == ()
    assert released.value("select count(*) from pg_proc where proname = 'with_tax'") == 1
    assert undo_restores(released, before)


def test_a_source_that_is_gone_is_dropped_and_comes_back_with_comments_and_grants(released: Shop) -> None:
    released.migrate()
    before = released.catalog()
    released.write({"views/items/cheap.sql": None, "views/items/priced.sql": None})
    made = released.new()
    assert set(made.dropped) == {"view shop.cheap", "view shop.priced"}
    assert undo_restores(released, before)


def test_a_trigger_that_is_gone_from_its_file_is_dropped(released: Shop) -> None:
    released.migrate()
    before = released.catalog()
    text = released.read("triggers/items/check_price.sql")
    released.write({"triggers/items/check_price.sql": text[: text.index("create or replace trigger")]})
    assert released.new().dropped == ("trigger check_price on shop.items",)
    assert undo_restores(released, before)


def test_a_trigger_that_gets_another_function_is_made_again(released: Shop) -> None:
    released.migrate()
    before = released.catalog()
    source = "triggers/items/check_price.sql"
    released.write({"triggers/items/positive.sql": released.read(source), source: None})
    released.edit("triggers/items/positive.sql", "shop.check_price()", "shop.positive()")
    assert released.new().dropped == ("function shop.check_price()",)
    assert undo_restores(released, before)


def test_objects_of_every_other_kind_go_there_and_back(released: Shop) -> None:
    released.migrate()
    before = released.catalog()
    released.write(
        {
            "functions/a/work.sql": """
                create or replace procedure shop.work()
                language plpgsql set search_path = pg_catalog, pg_temp as $$ begin null; end $$;
                comment on procedure shop.work() is 'Works.';
                revoke all on procedure shop.work() from public;
            """,
            "functions/a/total.sql": """
                create or replace aggregate shop.total(integer) (sfunc = pg_catalog.int4pl, stype = integer);
                comment on aggregate shop.total(integer) is 'Sums.';
            """,
            "views/a/totals.sql": """
                create materialized view shop.totals as
                select name, shop.total(price) as price from shop.items group by 1;
                create unique index totals_by_name on shop.totals (name);
                comment on materialized view shop.totals is 'Sums by name.';
                grant select on shop.totals to pg_monitor;
            """,
            "triggers/a/watch.sql": """
                create or replace function shop.watch() returns event_trigger
                language plpgsql set search_path = pg_catalog, pg_temp as $$ begin null; end $$;
                create event trigger watch on ddl_command_end when tag in ('DROP TABLE')
                execute function shop.watch();
                comment on event trigger watch is 'Watches.';
            """,
        }
    )
    assert len(released.new().sources) == 4
    first = released.catalog()
    released.edit("functions/a/total.sql", "stype = integer", "stype = integer, initcond = '1'")
    released.edit("functions/a/work.sql", "null;", "return;")
    released.edit("views/a/totals.sql", "group by 1", "where price > 1 group by 1")
    released.edit("triggers/a/watch.sql", "'DROP TABLE'", "'DROP TABLE', 'DROP VIEW'")
    assert len(released.new().sources) == 4
    assert undo_restores(released, first)
    assert undo_restores(released, before)


def test_text_that_no_script_holds_is_restored_from_the_catalog(shop: Shop) -> None:
    create = "create view shop.cheap with (security_barrier) as select id from shop.items where price < 1"
    shop.write({"views/items/cheap.sql": None, "views/items/priced.sql": None})
    shop.write(
        {
            "migrations/migration1.sql": f"""
                create function shop.with_tax(integer) returns integer language sql as 'select 1';
                do $do$ begin execute $$ {create} $$; end $do$;
                do $do$ begin
                  execute $$ create or replace function shop.with_tax(integer) returns integer
                             language sql as 'select 2' $$;
                end $do$;
                comment on view shop.cheap is 'It''s \\ cheap.';
            """,
            "migrations/migration1.rollback.sql": "drop view shop.cheap; drop function shop.with_tax;",
        }
    )
    shop.migrate()
    before = shop.catalog()
    made = shop.new()
    assert "view shop.cheap" in made.dropped
    assert undo_restores(shop, before)


def test_overloads_that_the_migrations_left_are_replaced_and_restored(released: Shop) -> None:
    released.write(
        {
            "migrations/migration2.sql": """
                create function shop.add_shipping(p_price text) returns text
                language sql as $$ select p_price $$;
                comment on function shop.add_shipping(text) is 'An overload.';
            """,
            "migrations/migration2.rollback.sql": "drop function shop.add_shipping(text);",
        }
    )
    released.migrate()
    before = released.catalog()
    made = released.new()
    assert made.dropped == ("function shop.add_shipping(text)",)
    assert undo_restores(released, before)


def test_a_function_that_a_constraint_uses_is_left_to_the_author(released: Shop) -> None:
    released.write(
        {
            "migrations/migration2.sql": "alter table shop.items"
            " add constraint is_taxed check (shop.with_tax(price) > 0);",
            "migrations/migration2.rollback.sql": "alter table shop.items drop constraint is_taxed;",
        }
    )
    released.edit("functions/prices/with_tax.sql", "returns integer", "returns bigint")
    with pytest.raises(DbtoolError) as caught:
        released.new()
    assert "constraint is_taxed on table" in caught.value.message
    assert not (released.root / "migrations/migration3.sql").exists()


def test_a_source_that_needs_a_column_that_no_migration_makes_is_refused_with_its_line(
    released: Shop,
) -> None:
    released.edit("views/items/priced.sql", "shop.with_tax(price) as price from", "\nweight from")
    with pytest.raises(DbtoolError) as caught:
        released.new()
    assert caught.value.message.startswith("views/items/priced.sql:2: column")
    assert not (released.root / "migrations/migration2.sql").exists()


def test_sources_that_need_one_another_are_named(released: Shop) -> None:
    released.write(
        {
            "views/a/one.sql": "create or replace view shop.one as select * from shop.two;",
            "views/a/two.sql": "create or replace view shop.two as select * from shop.one;",
        }
    )
    with pytest.raises(DbtoolError) as caught:
        released.new()
    assert "need one another" in (caught.value.detail or "")


def test_plpgsql_functions_that_call_one_another_are_fine(released: Shop) -> None:
    for one, other in (("ping", "pong"), ("pong", "ping")):
        body = f"language plpgsql as $$ begin perform shop.{other}(); end $$"
        released.write(
            {f"functions/a/{one}.sql": f"create or replace function shop.{one}() returns void {body};"}
        )
    assert len(released.new().sources) == 2


def test_the_projects_template_gives_header_and_role(shop: Shop) -> None:
    shop.edit("schema.sql", "create schema shop;", "create role new_test_owner; create schema shop;")
    shop.edit(
        "schema.sql", "comment on", "alter table shop.items owner to new_test_owner;\n"
        "grant usage, create on schema shop to new_test_owner;\ncomment on"
    )  # fmt: skip
    shop.edit("schema.rollback.sql", "cascade;", "cascade; drop role new_test_owner;")
    shop.write(
        {
            "migrations/migration.sql.j2": """
                -- {{ number }} {{ description }} {{ 'undo' if is_rollback else 'do' }}
                set role new_test_owner;

                {{ body }}

                reset role;
            """
        }
    )
    made = shop.new("with a role")
    assert made.path.read_text().startswith("-- 1 with a role do\nset role new_test_owner;\n")
    owner = "select pg_get_userbyid(proowner) from pg_proc where proname = 'with_tax'"
    assert shop.value(owner) == "new_test_owner"
    before = shop.catalog()
    shop.edit("functions/prices/with_tax.sql", "returns integer", "returns bigint")
    shop.edit("functions/prices/add_shipping.sql", "returns integer", "returns bigint")
    shop.new()
    assert shop.value(owner) == "new_test_owner"
    assert undo_restores(shop, before)
    shop.empty()


def test_an_owner_is_written_only_where_it_is_another_than_who_migrates(released: Shop) -> None:
    released.edit("views/items/cheap.sql", "select id from", "select price, id from")
    made = released.new()
    texts = made.path.read_text() + made.rollback_path.read_text()
    assert ("drop view shop.cheap" in texts, "owner to" in texts) == (True, False)
    released.write({"migrations/migration3.sql": "alter view shop.cheap owner to pg_monitor;"})
    released.write({"migrations/migration3.rollback.sql": "alter view shop.cheap owner to current_user;"})
    released.edit("views/items/cheap.sql", "select price, id from", "select id, price from")
    assert "alter view shop.cheap owner to pg_monitor;" in released.new().path.read_text()


def test_a_broken_template_is_named(released: Shop) -> None:
    released.write({"migrations/migration.sql.j2": "{{ nothing_known }}"})
    with pytest.raises(DbtoolError, match=r"migrations/migration\.sql\.j2"):
        released.new()


def test_a_migration_that_does_not_lead_to_the_sources_is_not_written(released: Shop) -> None:
    released.write({"migrations/migration.sql.j2": "{% if is_rollback %}{{ body }}{% endif %}"})
    released.edit("functions/prices/with_tax.sql", "119", "120")
    with pytest.raises(DbtoolError) as caught:
        released.new()
    assert "functions/prices/with_tax.sql" in (caught.value.detail or "")
    assert not (released.root / "migrations/migration2.sql").exists()


def test_a_file_that_is_there_is_never_overwritten(released: Shop) -> None:
    released.write({"migrations/migration2.rollback.sql": "-- mine"})
    with pytest.raises(DbtoolError):
        released.new()
    assert released.read("migrations/migration2.rollback.sql") == "-- mine\n"
    assert not (released.root / "migrations/migration2.sql").exists()


def test_the_installed_package_is_not_written_to(released: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.project.layout.Project.is_packaged", True)
    with pytest.raises(UsageProblem):
        released.new()


def test_the_command_says_what_it_wrote(released: Shop, run_dbtool: RunDbtool, server_option: str) -> None:
    released.edit("functions/prices/with_tax.sql", "119", "120")
    released.write({"views/items/cheap.sql": None})
    result = run_dbtool("new", "more tax", "--project", released.root, "--server", server_option, code=0)
    assert result.stdout.splitlines() == [
        "wrote migrations/migration2.sql",
        "wrote migrations/migration2.rollback.sql",
        "  with functions/prices/with_tax.sql",
        "  drops view shop.cheap",
    ]


def test_the_command_fails_with_the_line_of_a_broken_source(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.write(
        {"views/items/cheap.sql": "create or replace view shop.cheap as\nselect nothing from shop.items;"}
    )
    result = run_dbtool("new", "broken", "--project", released.root, "--server", server_option, code=1)
    assert "views/items/cheap.sql:2: " in result.stderr
    assert "Traceback" not in result.stderr
