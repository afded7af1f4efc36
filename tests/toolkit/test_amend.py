"""`dbtool new` where a project says what is released: an object has one text until then."""

from __future__ import annotations

import subprocess

import pytest

from tests.conftest import RunDbtool
from tests.toolkit.shop import Shop
from toolkit.authoring import amending
from toolkit.errors import DbtoolError, UsageProblem

TAX = "functions/prices/with_tax.sql"
TWICE = """
    create or replace function shop.twice(p_price integer) returns integer
    language sql immutable set search_path = pg_catalog, pg_temp
    as $$ select 2 * shop.with_tax(p_price) $$;
    comment on function shop.twice(integer) is 'Two of them.';
    revoke all on function shop.twice(integer) from public;
"""


@pytest.fixture
def open_shop(released: Shop) -> Shop:
    """One migration, with all sources; no release has it, nor the schema."""
    released.write({"pyproject.toml": "[tool.dbtool]\nreleased = 0\n"})
    return released


def amend(shop: Shop, *, with_new: bool = True) -> amending.Amended:
    """`dbtool new --amend` on the shop's database, which is empty before and after."""
    amended = amending.amend(shop.connect, shop.project, with_new=with_new)
    shop.empty()
    return amended


def test_without_a_change_nothing_is_written(open_shop: Shop) -> None:
    assert amend(open_shop).files == ()


def test_a_changed_source_is_rewritten_where_it_stands(open_shop: Shop) -> None:
    before = open_shop.read("migrations/migration1.rollback.sql")
    open_shop.edit(TAX, "119", "120")
    amended = amend(open_shop)
    assert amended.changed == (TAX,)
    text = open_shop.read("migrations/migration1.sql")
    assert "* 120 /" in text
    assert "* 119 /" not in text
    assert open_shop.read("migrations/migration1.rollback.sql") == before
    assert open_shop.check() == []


def test_a_new_source_joins_its_domain_and_its_rollback_drops_it(open_shop: Shop) -> None:
    open_shop.write({"functions/prices/twice.sql": TWICE})
    assert amend(open_shop).added == ("functions/prices/twice.sql",)
    assert "drop function shop.twice(integer);" in open_shop.read("migrations/migration1.rollback.sql")
    assert open_shop.check() == []


def test_a_source_that_is_gone_leaves_the_migration(open_shop: Shop) -> None:
    open_shop.write({"views/items/cheap.sql": None})
    assert amend(open_shop).removed == ("shop.cheap",)
    assert "shop.cheap" not in open_shop.read("migrations/migration1.sql")
    assert open_shop.check() == []


def test_another_signature_is_another_text(open_shop: Shop) -> None:
    open_shop.edit(
        "functions/prices/add_shipping.sql", "p_price integer)", "p_price integer, p_more integer)"
    )
    open_shop.edit("functions/prices/add_shipping.sql", "(integer)", "(integer, integer)")
    amend(open_shop)
    assert "shop.add_shipping(integer,integer)" in open_shop.read("migrations/migration1.rollback.sql")
    assert open_shop.check() == []


def test_what_people_wrote_stays_in_both_files(open_shop: Shop) -> None:
    body = (
        open_shop.read("migrations/migration1.sql") + "\n-- All have one.\nupdate shop.items set price = 1;\n"
    )
    head = "-- migration1: everything\n"
    assert body.startswith(head)
    table = (
        f"{head}\ncreate table shop.notes (id integer primary key);\ncomment on table shop.notes is 'N.';\n"
    )
    body = body.replace(head, table)
    undo = open_shop.read("migrations/migration1.rollback.sql") + "\ndrop table shop.notes;\n"
    open_shop.write({"migrations/migration1.sql": body, "migrations/migration1.rollback.sql": undo})
    open_shop.write({"functions/prices/twice.sql": TWICE})
    open_shop.edit(TAX, "119", "120")
    amend(open_shop)
    text = open_shop.read("migrations/migration1.sql")
    assert text.index("create table shop.notes") < text.index("* 120 /") < text.index("shop.twice(")
    assert text.rstrip().endswith("-- All have one.\nupdate shop.items set price = 1;")
    assert "drop table shop.notes;" in open_shop.read("migrations/migration1.rollback.sql")
    assert open_shop.check() == []


def test_a_source_that_needs_a_later_table_moves_there(open_shop: Shop) -> None:
    open_shop.write(
        {
            "migrations/migration2.sql": """
                create table shop.notes (id integer primary key);
                comment on table shop.notes is 'Notes.';
            """,
            "migrations/migration2.rollback.sql": "drop table shop.notes;",
        }
    )
    open_shop.edit(TAX, "p_price * 119 / 100", "p_price + count(*)::integer from shop.notes")
    open_shop.edit(TAX, "immutable", "stable")
    amend(open_shop)
    assert "shop.with_tax" not in open_shop.read("migrations/migration1.sql")
    assert "from shop.notes" in open_shop.read("migrations/migration2.sql")
    assert open_shop.check() == []


def test_a_setting_that_a_script_leaves_does_not_reach_the_next(open_shop: Shop) -> None:
    schema = open_shop.read("schema.sql") + "set search_path = nowhere;\nset role pg_monitor;\n"
    open_shop.write({"schema.sql": schema})
    open_shop.edit(TAX, "119", "120")
    assert amend(open_shop).changed == (TAX,)


def test_of_two_texts_the_first_place_remains(open_shop: Shop) -> None:
    open_shop.edit(TAX, "119", "120")
    made = open_shop.new("more tax")
    open_shop.empty()
    assert [each.message for each in open_shop.check()] == [
        "migrations/migration1.sql has a text of it: one text until a release (dbtool new --amend)"
    ]
    open_shop.empty()
    amend(open_shop)
    assert "120" in open_shop.read("migrations/migration1.sql")
    assert "with_tax" not in made.path.read_text()
    assert open_shop.check() == []


def test_a_released_object_is_left_to_a_new_migration(open_shop: Shop) -> None:
    open_shop.write({"pyproject.toml": "[tool.dbtool]\nreleased = 1\n"})
    open_shop.edit(TAX, "119", "120")
    before = open_shop.read("migrations/migration1.sql")
    with pytest.raises(DbtoolError) as raised:
        amend(open_shop)
    assert TAX in (raised.value.detail or "")
    assert open_shop.read("migrations/migration1.sql") == before


def test_a_source_that_does_not_run_changes_no_file(open_shop: Shop) -> None:
    before = open_shop.read("migrations/migration1.sql")
    open_shop.edit(TAX, "p_price * 119", "p_prise * 119")
    with pytest.raises(DbtoolError) as raised:
        amend(open_shop)
    assert f"{TAX}:" in (raised.value.detail or "")
    assert open_shop.read("migrations/migration1.sql") == before


def test_without_the_setting_there_is_nothing_to_amend(shop: Shop) -> None:
    with pytest.raises(UsageProblem):
        amending.amend(shop.connect, shop.project, with_new=True)


@pytest.mark.parametrize("value", ["-1", "true", '"yes"', "1.5"])
def test_a_setting_that_is_no_migration_is_refused(shop: Shop, value: str) -> None:
    shop.write({"pyproject.toml": f"[tool.dbtool]\nreleased = {value}\n"})
    with pytest.raises(UsageProblem):
        _ = shop.project.released


def test_the_command_amends_and_writes_what_is_left(open_shop: Shop, run_dbtool: RunDbtool) -> None:
    """A new object goes into a new migration when there is a description, what is unreleased is amended."""
    open_shop.edit(TAX, "119", "120")
    open_shop.write({"functions/prices/twice.sql": TWICE})
    project = ("--project", str(open_shop.root))
    done = run_dbtool("new", "twice", *project, code=0)
    assert done.stdout.splitlines() == [
        "amended migrations/migration1.sql",
        "wrote migrations/migration2.sql",
        "wrote migrations/migration2.rollback.sql",
        f"  with {TAX}",
        "  with functions/prices/twice.sql",
    ]
    again = run_dbtool("new", "--amend", *project)
    assert again.stdout.startswith("nothing to amend")
    assert open_shop.check() == []


@pytest.mark.parametrize("arguments", [(), ("a", "--amend"), ("--amend", "--empty")])
def test_the_command_wants_a_description_or_amend(
    open_shop: Shop, run_dbtool: RunDbtool, arguments: tuple[str, ...]
) -> None:
    assert run_dbtool("new", *arguments, "--project", str(open_shop.root)).exit_code == 2


def test_a_released_file_that_was_edited_is_found_by_the_setting(open_shop: Shop) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
                       cwd=open_shop.root, check=True, capture_output=True)  # fmt: skip

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "nothing released")
    open_shop.write({"pyproject.toml": "[tool.dbtool]\nreleased = 1\n"})
    git("commit", "-qam", "released")
    assert open_shop.check() == []
    open_shop.empty()
    open_shop.edit("migrations/migration1.sql", "119", "120")
    open_shop.edit(TAX, "119", "120")
    git("commit", "-qam", "edited, which nobody may")
    (finding,) = open_shop.check()
    assert (finding.area, finding.file) == ("shipped", "migrations/migration1.sql")
