"""A project that stands on another (`extends`): two histories in one database, upgrades of the one below."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import psycopg
import pytest

from tests.conftest import ROOT, RunDbtool
from tests.toolkit.shop import Shop
from toolkit.authoring import squash
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.history import migrations
from toolkit.project.layout import Project
from toolkit.servers.throwaway import ThrowawayServer

SQL = ("schema.sql", "schema.rollback.sql", "migrations", "functions", "triggers", "views", "seeds")
OWN = {
    "dbtool.toml": 'extends = "../a"\n',
    "schema.sql": "create schema acme;\n",
    "schema.rollback.sql": "drop schema acme;\n",
    "seeds/seeds.toml": 'default = "acme"\n',
    "seeds/acme/1_badges.sql": """
        select learn_internal.use_product('acme');
        insert into learn.achievements (slug, name, description, criteria, system)
        values ('hello', 'Hello', 'Finish one.', '{"metric": "lessons_completed", "at_least": 1}', 'acme')
        on conflict (slug) do nothing;
    """,
    **{
        f"migrations/migration{number}.sql": f"""
            create table acme.notes_{number} (
              user_id uuid primary key references learn.users on delete cascade, note text
            );
        """
        for number in range(1, 10)
    },
    **{
        f"migrations/migration{number}.rollback.sql": f"drop table acme.notes_{number};\n"
        for number in range(1, 11)
    },
    "migrations/migration10.sql": """
        create or replace function learn_internal.public_name(p_user_id uuid)
        returns text language sql stable set search_path = pg_catalog, pg_temp
        as $$ select 'Fellow of Acme' $$;
        create table acme.notes_10 (note text);
    """,
}
NEW_IN_B = "create table learn.moods (mood text primary key);\ncomment on table learn.moods is 'Moods.';\n"


TEXTS = "select migration_hash, checksum, applied_at from dbtool_own.applied_script order by 1"


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip())


def test_project_with_ten_migrations_goes_to_the_next_version_of_its_base(
    tmp_path: Path, empty_database: str, run_dbtool: RunDbtool, server_option: str
) -> None:
    def run(*words: str, code: int = 0) -> str:
        where = ("--server", server_option) if words[0] in ("verify", "plan") else ()
        done = run_dbtool(*words, *where, "--database-url", empty_database, cwd=tmp_path / "own")
        assert done.exit_code == code, done.stdout + done.stderr
        return done.stdout

    def rows(query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(empty_database) as connection:
            return connection.execute(query.encode()).fetchall()

    (tmp_path / "a").mkdir()
    for name in SQL:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / "a" / name)
    write(tmp_path / "own", OWN)

    applied = [line.split()[1] for line in run("migrate").splitlines()]
    below = len(Project.open(ROOT).scripts())
    assert (applied[0], applied[below:]) == ("a:schema", ["schema", *(f"migration{n}" for n in range(1, 11))])
    run("seed")
    assert rows("select slug from learn.achievements where system <> 'core'") == [("hello",)]
    history = rows(TEXTS)
    assert len(history) == 11

    shutil.copytree(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "b/migrations", {f"migration{below}.sql": NEW_IN_B})
    write(tmp_path / "b/migrations", {f"migration{below}.rollback.sql": "drop table learn.moods;\n"})
    write(tmp_path / "own", {"dbtool.toml": 'extends = "../b"\n'})
    states = [line.split()[:2] for line in run("status", code=3).splitlines()]
    assert [each for each in states if each[0] != "applied"] == [["pending", f"b:migration{below}"]]
    assert "create table learn.moods" in run("plan", "--verbose")
    assert [line.split()[1] for line in run("migrate").splitlines()] == [f"b:migration{below}"]
    assert rows(TEXTS) == history
    run("status")
    run("verify")
    assert rows("select learn_internal.public_name(gen_random_uuid())") == [("Fellow of Acme",)]
    assert rows("select * from learn.check_integrity()") == []

    run("rollback", "--base", "--yes")  # newest down: this came after all that is the project's
    run("rollback", "--base", "--yes", code=1)  # and this before
    run("rollback", "--steps", "1", "--yes")
    assert rows("select count(*) from dbtool_own.applied_script") == [(10,)]


@pytest.fixture
def above(shop: Shop) -> Shop:
    """A project that stands on the shop, one of whose functions is a hook, and replaces that."""
    hook = shop.read("functions/prices/with_tax.sql").replace("is 'Adds", "is 'Hook: adds")
    shop.write({"functions/prices/with_tax.sql": hook})
    shop.new("everything")
    shop.empty()
    made = Shop(shop.root.parent / "above", shop.url)
    for folder in ("functions", "triggers", "views"):
        shutil.rmtree(made.root / folder)
    own = hook.replace("119", "107")
    files = {"schema.sql": "create schema own;", "schema.rollback.sql": "drop schema own;"}
    files |= {"functions/prices/with_tax.sql": own, "dbtool.toml": f'extends = "../{shop.root.name}"'}
    made.write(files)
    made.new("our tax")
    made.empty()
    return made


def test_hook_is_replaced_and_put_back(above: Shop) -> None:
    assert above.check() == []
    assert above.value("select shop.with_tax(100)") == 107
    above.empty()
    assert above.value("select shop.with_tax(100)") == 119


def test_new_holds_what_is_changed_of_the_project_alone(above: Shop) -> None:
    above.edit("functions/prices/with_tax.sql", "107", "108")
    assert above.new("more tax").sources == ("functions/prices/with_tax.sql",)
    text = above.read("migrations/migration2.sql")
    assert "108" in text
    assert "add_shipping" not in text


def test_a_project_on_another_is_squashed_on_it(above: Shop, server: ThrowawayServer) -> None:
    above.migrate()
    squashed = squash.squash(above.project, 1, server)
    assert squashed.rollback is not None
    squash.write(above.project, squashed)
    with above.connect() as conn:
        assert [each.state for each in migrations.status(conn, above.project)] == ["applied"]
    above.empty()
    assert above.check() == []
    assert above.value("select shop.with_tax(100)") == 107


def test_check_refuses_what_changes_the_base(above: Shop) -> None:
    undone = "-- irreversible: not needed here\n"
    above.write({"migrations/migration2.rollback.sql": undone})
    above.write(
        {
            "migrations/migration2.sql": f"""{undone}
                alter table shop.items add column hat text, alter column price set not null;
                alter function shop.add_shipping(integer) cost 7;
                create table shop.hats (id integer primary key);
                comment on table shop.hats is 'Hats.';
                drop trigger check_price on shop.items;
                create index items_names on shop.items (name);
                grant select on shop.priced to pg_read_all_stats;
            """
        }
    )
    found = {str(each.object) for each in above.check() if each.rule == "base-object"}
    assert {name for name in found if not name.startswith(("column shop.hats", "constraint"))} == {
        "column shop.items.hat",
        "column shop.items.price",
        "function shop.add_shipping(integer)",
        "table shop.hats",
        "trigger check_price on shop.items",
    }


def test_source_of_an_object_of_the_base_is_refused(above: Shop) -> None:
    text = above.read("functions/prices/with_tax.sql").replace("with_tax", "add_shipping")
    above.write({"functions/prices/add_shipping.sql": text})
    assert ("shop.add_shipping", "base-object") in [(e.object, e.rule) for e in above.check()]
    with pytest.raises(DbtoolError):
        above.new("mine")


def test_text_of_a_hook_stays(shop: Shop) -> None:
    hook = shop.read("functions/prices/with_tax.sql").replace("is 'Adds", "is 'Hook: adds")
    shop.write({"functions/prices/with_tax.sql": hook})
    shop.new("everything")
    shop.write({"functions/prices/with_tax.sql": hook.replace("119", "120")})
    shop.new("another tax")
    shop.empty()
    assert [(each.object, each.rule) for each in shop.check()] == [("shop.with_tax", "base-object")]


@pytest.mark.parametrize(
    "said", ['extends = "../nothing"', 'extends = "."', 'extends = "../shop"\nhistory = "x"']
)
def test_what_is_no_base_is_refused(shop: Shop, said: str) -> None:
    shop.write({"dbtool.toml": 'history = "x"'})
    above = Shop(shop.root.parent / "above", shop.url)
    above.write({"dbtool.toml": said})
    with pytest.raises(UsageProblem):
        above.project.stack  # noqa: B018
