"""`dbtool check`: sources = migrations, every rollback exact, nothing shipped edited."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import RunDbtool
from tests.toolkit.shop import Shop
from toolkit.authoring import checks
from toolkit.connection import connect
from toolkit.errors import Finding, UsageProblem
from toolkit.project.layout import Project
from toolkit.servers.throwaway import ThrowawayServer


def found(shop: Shop, area: str) -> list[tuple[str | None, str | None]]:
    """File and object of the findings of one part of the check."""
    return [(each.file, each.object) for each in shop.check() if each.area == area]


def test_a_project_in_order_has_no_findings(released: Shop) -> None:
    assert released.check() == []
    assert released.value("select count(*) from dbtool._yoyo_migration") == 2


@pytest.mark.parametrize(
    ("file", "old", "new", "object_"),
    [
        ("functions/prices/with_tax.sql", "119", "120", "function shop.with_tax(integer)"),
        ("functions/prices/with_tax.sql", "'Adds the tax.'", "'Other.'", "function shop.with_tax(integer)"),
        ("functions/prices/add_shipping.sql", "grant execute", "--", "function shop.add_shipping(integer)"),
        ("views/items/priced.sql", "grant select", "-- grant", "view shop.priced"),
        ("views/items/priced.sql", "comment on column", "-- comment", "column shop.priced.price"),
        ("triggers/items/check_price.sql", "before", "after", "trigger check_price on shop.items"),
        ("triggers/items/check_price.sql", "comment on trigger", "--", "trigger check_price on shop.items"),
        ("views/items/cheap.sql", "select id", "select id, price", "column shop.cheap.price"),
    ],
)  # fmt: skip
def test_a_source_that_differs_from_the_migrations_is_found(
    released: Shop, file: str, old: str, new: str, object_: str
) -> None:
    released.edit(file, old, new)
    assert (file, object_) in found(released, "drift")


def test_a_changed_return_type_is_found_without_trouble_for_what_uses_it(released: Shop) -> None:
    released.edit("functions/prices/with_tax.sql", "returns integer", "returns bigint")
    released.edit("functions/prices/add_shipping.sql", "returns integer", "returns bigint")
    objects = dict(found(released, "drift"))
    assert objects["functions/prices/with_tax.sql"] == "function shop.with_tax(integer)"
    assert objects["views/items/priced.sql"] == "column shop.priced.price"


def test_changed_arguments_are_found_as_what_is_surplus_and_what_is_missing(released: Shop) -> None:
    released.edit(
        "functions/prices/with_tax.sql", "p_price integer)", "p_price integer, p_rate integer default 19)"
    )
    released.edit("functions/prices/with_tax.sql", "with_tax(integer)", "with_tax(integer, integer)")
    assert found(released, "drift") == [
        ("functions/prices/with_tax.sql", "function shop.with_tax(integer)"),
        ("functions/prices/with_tax.sql", "function shop.with_tax(integer,integer)"),
    ]


def test_an_object_without_source_is_found_with_the_place_of_its_source(released: Shop) -> None:
    released.write({"views/items/cheap.sql": None, "triggers/items/check_price.sql": None})
    messages = {each.object: each.message for each in released.check() if each.area == "drift"}
    assert messages["view shop.cheap"].endswith("it belongs in views/<domain>/cheap.sql")
    assert messages["function shop.check_price()"].endswith("it belongs in triggers/<domain>/check_price.sql")
    assert set(messages) == {
        "view shop.cheap",
        "function shop.check_price()",
        "trigger check_price on shop.items",
    }


def test_a_source_that_no_migration_has_is_found(released: Shop) -> None:
    released.write({"views/items/dear.sql": "create or replace view shop.dear as select 1 as id;"})
    assert ("views/items/dear.sql", "view shop.dear") in found(released, "drift")


def test_a_source_that_cannot_run_is_found_with_its_line(released: Shop) -> None:
    released.write(
        {"views/items/cheap.sql": "create or replace view shop.cheap as\nselect nothing from shop.items;"}
    )
    broken = [each for each in released.check() if each.area == "source"]
    assert [(each.file, each.line) for each in broken] == [("views/items/cheap.sql", 2)]


def test_a_project_without_source_folders_is_checked_for_the_rest(released: Shop) -> None:
    for folder in ("functions", "triggers", "views"):
        shutil.rmtree(released.root / folder)
    assert released.check() == []


def test_default_privileges_of_the_owner_count_as_given_to_a_new_object(released: Shop) -> None:
    revoke = "alter default privileges revoke execute on functions from public;"
    released.edit("schema.sql", "create schema shop;", f"create schema shop;\n{revoke}")
    grant = "alter default privileges grant execute on functions to public;"
    released.edit("schema.rollback.sql", "cascade;", f"cascade;\n{grant}")
    released.edit("functions/prices/with_tax.sql", "revoke all", "-- revoke all")
    assert released.check() == []


ROLLBACKS = [
    ("comment on table shop.items is 'Other.';", "", "table shop.items"),
    ("alter table shop.items add column weight integer;", "", "column shop.items.weight"),
    (
        "alter table shop.items alter name type varchar(9);",
        "alter table shop.items alter name type varchar(8);",
        "column shop.items.name",
    ),
    ("create index items_by_name on shop.items (name);", "", "index shop.items_by_name"),
    ("grant select on shop.items to pg_monitor;", "", "table shop.items"),
    (
        "drop trigger check_price on shop.items;",
        "create trigger check_price before insert on shop.items execute function shop.check_price();",
        "trigger check_price on shop.items",
    ),
    ("create role check_test_role;", "", "role check_test_role"),
    ("create schema more;", "", "schema more"),
]


@pytest.mark.parametrize(("up", "down", "object_"), ROLLBACKS, ids=[row[0] for row in ROLLBACKS])
def test_a_rollback_that_forgets_something_is_found(released: Shop, up: str, down: str, object_: str) -> None:
    released.write({"migrations/migration2.sql": up, "migrations/migration2.rollback.sql": down})
    try:
        assert found(released, "rollback") == [("migrations/migration2.rollback.sql", object_)]
    finally:
        with released.connect() as conn:
            conn.execute("drop role if exists check_test_role")


def test_a_rollback_of_the_schema_that_leaves_something_is_found(released: Shop) -> None:
    released.edit(
        "schema.sql", "create schema shop;", "create schema shop; create table public.stray (id integer);"
    )
    files = {file for file, _ in found(released, "rollback")}
    assert files == {"schema.rollback.sql"}


def test_a_missing_rollback_file_is_found_and_the_rest_is_still_checked(released: Shop) -> None:
    released.write({"migrations/migration2.sql": "create table shop.more (id integer);"})
    findings = released.check()
    assert [(each.area, each.file, each.object) for each in findings] == [
        ("script", "migrations/migration2.sql", None),
        ("convention", "migrations/migration2.sql", "table shop.more"),
    ]


def test_a_rollback_that_fails_is_found_with_its_line(released: Shop) -> None:
    released.edit("migrations/migration1.rollback.sql", "drop view shop.cheap;", "drop view shop.missing;")
    findings = [each for each in released.check() if each.area == "script"]
    assert [each.file for each in findings] == ["migrations/migration1.rollback.sql"]
    assert findings[0].line is not None


def test_a_migration_that_fails_is_found_with_its_line(released: Shop) -> None:
    released.write(
        {
            "migrations/migration2.sql": "select 1;\nselect 1 / 0;",
            "migrations/migration2.rollback.sql": "select 1;",
        }
    )
    findings = released.check()
    assert [(each.area, each.file, each.line) for each in findings] == [
        ("script", "migrations/migration2.sql", 2)
    ]


def test_a_migration_without_transaction_is_walked_too(released: Shop) -> None:
    released.write(
        {
            "migrations/migration2.sql": "-- transactional: false\n"
            "create index concurrently items_by_name on shop.items (name);",
            "migrations/migration2.rollback.sql": "-- transactional: false\n"
            "drop index concurrently shop.items_by_name;",
        }
    )
    assert released.check() == []


def test_a_role_that_another_database_uses_may_stay(released: Shop, server_option: str) -> None:
    released.edit("schema.sql", "create schema shop;", "create role check_test_shared;\ncreate schema shop;")
    released.edit("schema.rollback.sql", "cascade;", "cascade;\nselect 1;")
    released.migrate("schema")
    released.empty()
    with released.connect() as conn:
        conn.execute("drop role check_test_shared")
    assert found(released, "rollback") == [("schema.rollback.sql", "role check_test_shared")]


def git(shop: Shop, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=shop.root, check=True, capture_output=True)


def release(shop: Shop, version: str, *, tag: bool = True) -> None:
    shop.write({"CHANGELOG.md": f"# Changelog\n\n## [Unreleased]\n\n## [{version}] - 2026-01-31\n"})
    git(shop, "init")
    git(shop, "add", "-A")
    git(shop, "commit", "-m", "release")
    if tag:
        git(shop, "tag", f"v{version}")


@pytest.mark.parametrize("tag", [True, False], ids=["tagged", "by the commit of the heading"])
def test_a_shipped_migration_that_was_edited_or_removed_is_found(released: Shop, tag: bool) -> None:
    released.write(
        {"migrations/migration2.sql": "select 1;", "migrations/migration2.rollback.sql": "select 1;"}
    )
    release(released, "1.0.0", tag=tag)
    assert found(released, "shipped") == []
    released.empty()
    released.edit("migrations/migration1.sql", "-- 2026-01-31", "-- 2026-02-01")
    released.write({"migrations/migration2.sql": None, "migrations/migration2.rollback.sql": None})
    git(released, "commit", "-am", "later")
    assert found(released, "shipped") == [
        ("migrations/migration1.sql", None),
        ("migrations/migration2.sql", None),
    ]


def test_before_1_0_0_a_shipped_migration_may_be_regrouped(released: Shop) -> None:
    release(released, "0.9.0")
    released.edit("migrations/migration1.sql", "-- 2026-01-31", "-- 2026-02-01")
    assert found(released, "shipped") == []


def test_line_ends_and_a_byte_order_mark_are_no_edit(released: Shop) -> None:
    release(released, "1.2.3")
    path = released.root / "migrations/migration1.sql"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert found(released, "shipped") == []


def test_a_new_migration_after_a_release_is_no_edit(released: Shop) -> None:
    release(released, "1.0.0")
    released.write(
        {"migrations/migration2.sql": "select 1;", "migrations/migration2.rollback.sql": "select 1;"}
    )
    assert released.check() == []


def test_a_finding_reads_as_one_line_with_its_place() -> None:
    finding = Finding("source", "views/a/v.sql", 3, "view a.v", "is wrong")
    assert str(finding) == "views/a/v.sql:3: view a.v: is wrong"
    assert str(Finding("drift", None, None, "view a.v", "is wrong")) == "view a.v: is wrong"


def test_the_command_exits_with_6_and_lists_every_finding(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.edit("functions/prices/with_tax.sql", "119", "120")
    result = run_dbtool("check", "--project", released.root, "--server", server_option, code=6)
    assert result.stdout.startswith("functions/prices/with_tax.sql: function shop.with_tax(integer): ")
    assert "Traceback" not in result.stderr


def test_the_command_prints_json_for_programs(
    released: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    good = run_dbtool("check", "--json", "--project", released.root, "--server", server_option, code=0)
    assert json.loads(good.stdout)["ok"] is True
    released.write({"migrations/migration2.sql": "select 1;"})
    bad = run_dbtool("check", "--json", "--project", released.root, "--server", server_option, code=6)
    (finding,) = json.loads(bad.stdout)["findings"]
    assert (finding["area"], finding["file"]) == ("script", "migrations/migration2.sql")


SCHEMA = """
    create table public.t (a int, b int, c int, d text); comment on table public.t is 't';
    create type public.e as enum ('a'); create type public.r as range (subtype = int);
    create function public.g() returns bigint language plpgsql set search_path = public, pg_temp
      as $$ begin return (select count(*) from t); end $$;
    comment on function public.g() is 'g'; revoke all on function public.g() from public;
    create table public.p (id int) partition by list (id); comment on table public.p is 'p';
"""
DOWN = "drop table public.p, public.t cascade; drop function public.g(); drop type public.e, public.r;"
WHY = "-- lint: ignore ban-drop-column because nobody reads it\n"
IN_ORDER = {
    "a column that comes back last": (
        f"{WHY}alter table public.t drop b;",
        "alter table public.t add b int;",
    ),
    "a label that stays": ("alter type public.e add value 'b' after 'a';", "-- irreversible: a label stays"),
    "no rollback, with a reason": ("-- irreversible: mails are sent\nselect 1;", None),
    "an index on a partitioned table": ("create index p_id on public.p (id);", "drop index p_id;"),
    "a function that is replaced": (
        "create or replace function public.g() returns bigint language plpgsql set search_path = pg_catalog,"
        " pg_temp as $$ begin return (select count(*) from public.t); end $$;",
        "create or replace function public.g() returns bigint language plpgsql set search_path = public,"
        " pg_temp as $$ begin return (select count(*) from t); end $$;",
    ),
}


@pytest.fixture
def plain(shop: Shop) -> Shop:
    """A project of schema.sql and migrations alone."""
    for folder in ("functions", "triggers", "views"):
        shutil.rmtree(shop.root / folder)
    shop.write({"schema.sql": SCHEMA, "schema.rollback.sql": DOWN})
    return shop


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_nobody_can_do_otherwise_is_in_order(plain: Shop, name: str) -> None:
    up, down = IN_ORDER[name]
    plain.write({"migrations/migration1.sql": up, "migrations/migration2.sql": "select 1;"})
    plain.write({"migrations/migration2.rollback.sql": "select 1;"})
    if down is not None:
        plain.write({"migrations/migration1.rollback.sql": down})
    assert plain.check() == []


def test_rollbacks_below_an_irreversible_migration_are_tried_too(plain: Shop) -> None:
    plain.write(
        {
            "migrations/migration1.sql": "alter table public.t add f int;",
            "migrations/migration1.rollback.sql": "select 1;",
            "migrations/migration2.sql": "-- irreversible: mails are sent\nselect 1;",
        }
    )
    files = [each.file for each in plain.check()]
    assert files[0] == "migrations/migration1.rollback.sql"


def test_every_rule_can_be_switched_off_with_a_reason(plain: Shop) -> None:
    plain.write(
        {
            "migrations/migration1.sql": "create table public.bare (id int);",
            "migrations/migration2.sql": "create table public.more (id int);",
            "migrations/migration2.rollback.sql": "select 1;",
        }
    )
    assert {each.rule for each in plain.check()} == {"table-comment", "rollback-missing", "rollback-exact"}
    plain.write({"schema.rollback.sql": "drop table if exists public.bare, public.more;" + DOWN})
    with plain.connect() as conn:
        conn.execute("drop schema public cascade; create schema public; drop schema dbtool cascade")
    rules = ("table-comment", "rollback-missing", "rollback-exact")
    plain.write({"dbtool.toml": "[lint.exclude]\n" + "".join(f'{rule} = "not here"\n' for rule in rules)})
    assert plain.check() == []


def test_a_rule_that_there_is_none_of_is_told_with_what_may_be_meant(plain: Shop) -> None:
    plain.write({"migrations/migration1.sql": "-- irreversible: x\nselect 1;"})
    plain.write({"dbtool.toml": '[lint.exclude]\ntable-coment = "not here"\n'})
    with pytest.raises(UsageProblem, match="table-coment") as caught:
        plain.check()
    assert "table-comment" in (caught.value.hint or "")


def test_what_is_older_than_told_only_has_to_run(plain: Shop) -> None:
    plain.write(
        {
            "migrations/migration1.sql": "create table public.old (id int);",
            "migrations/migration2.sql": "create table public.young (id int);",
            "migrations/migration2.rollback.sql": "drop table public.young;",
        }
    )
    found_ = checks.check(plain.connect, plain.project, since=2)
    assert [(each.rule, each.object) for each in found_] == [("table-comment", "table public.young")]


def test_setup_comes_before_the_schema_on_throwaway_servers(
    plain: Shop, run_dbtool: RunDbtool, server_option: str
) -> None:
    plain.write(
        {
            "dbtool.toml": 'setup = "roles.sql"',
            "roles.sql": "create schema theirs; create table theirs.users (id int primary key);"
            "comment on table theirs.users is 'Whoever logs in.'",
            "migrations/migration1.sql": "-- irreversible: x\nalter table theirs.users add more int;",
        }
    )
    done = run_dbtool("check", "--project", plain.root, "--server", server_option)
    assert done.exit_code == 0, done.stdout
    with plain.connect() as conn:
        conn.execute(plain.read("roles.sql").encode())
    arguments = ("--project", plain.root, "--database-url", plain.url)
    assert run_dbtool("migrate", *arguments).exit_code == 0
    done = run_dbtool("verify", "--server", server_option, *arguments)
    assert done.exit_code == 0, done.stdout


def test_the_work_of_a_check_grows_with_the_number_of_files(tmp_path: Path, server: ThrowawayServer) -> None:
    def work(files: int) -> float:
        """The CPU seconds of dbtool."""
        root = tmp_path / str(files)
        (root / "migrations").mkdir(parents=True)
        (root / "schema.sql").write_text("create schema app;")
        (root / "schema.rollback.sql").write_text("drop schema app;")
        for n in range(1, files + 1):
            text = f"create table app.t{n} (a int); comment on table app.t{n} is 'x';"
            (root / f"migrations/migration{n}.sql").write_text(text)
            (root / f"migrations/migration{n}.rollback.sql").write_text(f"drop table app.t{n};")
        server.create_database("linear")
        began = time.process_time()
        assert checks.check(lambda: connect(server.url("linear")), Project.open(root)) == []
        took = time.process_time() - began
        server.drop_database("linear")
        return took

    few, many = work(30), work(120)
    assert many < 8 * few  # 16 times would be quadratic


def test_a_rollback_that_stops_halfway_is_found_and_ends_the_walk(
    tmp_path: Path, empty_database: str
) -> None:
    (tmp_path / "migrations").mkdir()
    files = {
        "schema.sql": "create schema app; create table app.t (a int);",
        "schema.rollback.sql": "drop schema app cascade;",
        "migrations/migration1.sql": "alter table app.t add b int;",
        "migrations/migration1.rollback.sql": "-- transactional: false\nselect 1;\nselect nothing;",
        "migrations/migration2.sql": "-- irreversible: gone\ndrop table app.t;",
        "migrations/migration3.sql": "create table app.u (a int);",
        "migrations/migration3.rollback.sql": "drop table app.u;",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = checks.check(lambda: connect(empty_database), Project.open(tmp_path))
    stopped = [(each.file, each.line) for each in found if each.area == "script"]
    assert stopped == [("migrations/migration1.rollback.sql", 3)]
