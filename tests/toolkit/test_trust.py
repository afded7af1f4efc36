"""What a target database holds is run on the operator's machine without rights there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests.conftest import RunDbtool
from tests.toolkit.shop import Shop
from toolkit.errors import HistoryProblem
from toolkit.live.plan import plan
from toolkit.live.scope import Texts, build
from toolkit.servers.choose import open_throwaway
from toolkit.servers.throwaway import ThrowawayServer

# Each would write the file {mark} on the machine of who verifies, or give itself the rights to.
ATTACKS = {
    "program": "copy (select 1) to program 'cat > {mark}'",
    "reset role": "reset role; copy (select 1) to program 'cat > {mark}'",
    "session": "reset session authorization; reset all; copy (select 1) to program 'cat > {mark}'",
    "set role": "set role postgres; copy (select 1) to program 'cat > {mark}'",
    "become": "set session authorization postgres; copy (select 1) to program 'cat > {mark}'",
    "file": "copy (select 1) to '{mark}'",
    "read": "create table public.stolen as select pg_read_file('/etc/passwd')",
    "directory": "select pg_ls_dir('/')",
    "large object": "select lo_export(lo_from_bytea(0, 'x'), '{mark}')",
    "configuration": "select set_config('log_min_messages', 'error', false)",
    "preload": "alter database reference set session_preload_libraries = 'evil'",
    "do": "do $$ begin execute 'copy (select 1) to program ''cat > {mark}'''; end $$",
    "function": "create function public.evil() returns int language plpgsql as "
    "$$ begin copy (select 1) to program 'cat > {mark}'; return 1; end $$; select public.evil()",
    "definer": "create function public.evil() returns void language plpgsql security definer as "
    "$$ begin copy (select 1) to program 'cat > {mark}'; end $$; alter function public.evil()"
    " owner to postgres; select public.evil()",
    "grant": "grant pg_execute_server_program to current_user; copy (select 1) to program 'cat > {mark}'",
    "new role": "create role evil; grant pg_execute_server_program to evil; grant evil to current_user;"
    " set role evil; copy (select 1) to program 'cat > {mark}'",
    "in role": "create role evil in role pg_write_server_files; set role evil; copy (select 1) to '{mark}'",
    "superuser": "alter role current_user superuser; copy (select 1) to program 'cat > {mark}'",
    "new superuser": "create role evil superuser",
    "password": "alter role postgres password 'mine'",
    "plpython": "create extension plpython3u",
    "file_fdw": "create extension file_fdw",
    "dblink": "create extension dblink",
    "language c": "create function public.evil() returns int language c as '{mark}', 'evil'",
    "internal": "create function public.evil(text) returns text language internal as 'pg_read_file'",
    "load": "load '{mark}'",
    "event trigger": "create function public.evil() returns event_trigger language plpgsql as "
    "$$ begin copy (select 1) to program 'cat > {mark}'; end $$;"
    " create event trigger evil on ddl_command_end execute function public.evil()",
    "subscription": "create subscription evil connection 'dbname=x' publication x with (connect = false)",
    "tablespace": "create tablespace evil location '/tmp'",
    "catalog": "update pg_catalog.pg_authid set rolsuper = true",
}
SWALLOWED = ("program", "grant", "new role", "file", "catalog")


def plant(shop: Shop, text: str) -> None:
    """Appends to the text of the newest script in the history of the database."""
    with psycopg.connect(shop.url) as conn:
        done = conn.execute(
            "update dbtool.applied_script set text = text || %s where migration_hash ="
            " (select migration_hash from dbtool._yoyo_migration where migration_id = 'migration1')",
            [text],
        )
        assert done.rowcount == 1


@pytest.fixture
def mark() -> Iterator[Path]:
    """A file in a folder in which the server's user may write, whoever that is."""
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder) / "pwned"


def test_planted_texts_do_nothing_on_the_machine_of_who_verifies(mark: Path) -> None:
    schema = (0, "create table public.one (id int)")
    attacks = {name: text.replace("{mark}", str(mark)) for name, text in ATTACKS.items()}
    with open_throwaway("embedded") as server:
        for name, text in attacks.items():
            with pytest.raises(HistoryProblem) as caught:
                build(server, Texts((schema, (1, text)), foreign=("migration1",), is_trusted=False))
            assert (caught.value.exit_code, mark.exists()) == (4, False), name
        for name in SWALLOWED:
            text = f"do $o$ begin execute $i${attacks[name]}$i$; exception when others then null; end $o$"
            build(server, Texts((schema, (1, text)), foreign=("migration1",), is_trusted=False))
            assert not mark.exists(), name
        with psycopg.connect(server.url()) as conn:
            assert conn.execute("select rolname from pg_roles where rolsuper").fetchall() == [("postgres",)]
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute(attacks["program"].encode())
        assert mark.exists(), "the attacks are none"


def test_what_deployments_need_may_be_had_without_rights() -> None:
    text = """
        create role trust_owner; create role trust_app nologin;
        grant trust_owner to current_user;
        create schema app authorization trust_owner;
        do $$ begin
          if exists (select from pg_available_extensions where name = 'citext') then
            create extension citext;
          end if;
        end $$;
        set role trust_owner;
        create table app.t (id bigint generated always as identity primary key, name text);
        grant select on app.t to trust_app;
        alter default privileges in schema app grant select on tables to trust_app;
        reset role;
        create publication changes for table app.t;
        alter database reference set timezone = 'UTC';
    """
    texts = Texts(((0, "create schema more"), (1, text)), foreign=("migration1",), is_trusted=False)
    with open_throwaway("embedded") as server:
        found = build(server, texts)
    assert found.builder == "dbtool_guest"
    table = found.built.facts(("table", "app.t"))
    assert (table["owner"], "trust_app=SELECT" in table["grants"]) == ("trust_owner", True)
    assert found.built.facts(("publication", "changes"))["owner"] == "dbtool_guest"


def test_history_with_a_text_of_its_own_is_run_without_rights_and_warned_of(
    released: Shop, run_dbtool: RunDbtool, mark: Path
) -> None:
    options = ("verify", "--project", released.root, "--database-url", released.url)
    released.migrate()
    clean = run_dbtool(*options)
    assert (clean.exit_code, clean.stderr) == (0, "")
    plant(released, "\n-- only a comment\n")
    assert run_dbtool(*options).stderr == ""
    plant(released, "\n;select 1;\n")
    harmless = run_dbtool(*options, code=0)
    assert "migration1" in harmless.stderr
    # What reads a file needs a superuser: it succeeds where it is trusted, also on a server in a container.
    plant(released, "select pg_read_file('PG_VERSION');")
    assert run_dbtool(*options).exit_code == 4
    assert run_dbtool(*options, "--trust-target").exit_code == 0
    plant(released, f"reset role; copy (select 1) to program 'cat > {mark}';")
    planted = run_dbtool(*options)
    assert (planted.exit_code, planted.stdout, mark.exists()) == (4, "", False)
    assert "migration1" in planted.stderr
    assert "--trust-target" in planted.stderr


def test_existing_server_keeps_no_role_of_a_run_without_rights(server: ThrowawayServer) -> None:
    texts = Texts(((0, "create schema app"),), foreign=("schema",), is_trusted=False)
    with psycopg.connect(server.url(), autocommit=True) as conn:
        before = conn.execute("select rolname from pg_roles order by 1").fetchall()
        with open_throwaway(server.url()) as guest:
            assert build(guest, texts).builder.endswith("_guest")
        assert conn.execute("select rolname from pg_roles order by 1").fetchall() == before


@pytest.mark.parametrize("trusted", [False, True])
def test_functions_and_triggers_of_a_target_have_no_rights_when_a_plan_runs_them(
    released: Shop, server: ThrowawayServer, mark: Path, trusted: bool
) -> None:
    released.migrate()
    with psycopg.connect(released.url) as conn:
        conn.execute(
            "create function shop.evil() returns trigger language plpgsql as $$ begin"
            f" copy (select 1) to '{mark}'; return new; end $$;"
            " create trigger evil before insert on shop.items for each row execute function shop.evil()"
        )
    released.write({"migrations/migration2.sql": "insert into shop.items (id, price) values (1, 2);"})
    with open_throwaway("embedded") as own:
        made = plan(released.connect, released.url, released.project, own, trust_target=trusted)
    assert mark.exists() == trusted
    assert bool(made.forecasts[0].error) != trusted
    assert any("--trust-target" in note for note in made.notes) != trusted


def test_plan_clones_what_other_roles_own(released: Shop, server: ThrowawayServer) -> None:
    released.migrate()
    with psycopg.connect(released.url, autocommit=True) as conn:
        conn.execute("drop role if exists trust_test_owner; create role trust_test_owner")
        conn.execute(
            "alter schema shop owner to trust_test_owner;"
            " alter table shop.items owner to trust_test_owner;"
            " grant select on shop.items to trust_test_owner"
        )
        try:
            released.write({"migrations/migration2.sql": "alter table shop.items add column more text;"})
            with open_throwaway("embedded") as own:
                made = plan(released.connect, released.url, released.project, own)
                versions = int(own.major != server.major)  # a note says so
            assert (made.forecasts[0].error, len(made.notes)) == (None, 1 + versions)
        finally:
            conn.execute("reassign owned by trust_test_owner to current_user; drop owned by trust_test_owner")
            conn.execute("drop role trust_test_owner")
