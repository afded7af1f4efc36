"""What migrations find around their database: the role as which they run, roles, tablespaces, its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import RunDbtool
from toolkit.sql.outside import Surroundings, surroundings

ROLE = "around test Röle"
LOGIN = "around_test_login"
SCHEMA = """
create schema app;
create table app.t (a int);
create view app.v as select 1 as one;
create function app.f() returns int language sql return 1;
create type app.e as enum ('a');
create sequence app.s;
alter default privileges in schema app grant select on tables to pg_monitor;
grant usage on schema app to pg_monitor;
"""


@pytest.fixture
def around(empty_database: str) -> Iterator[str]:
    """An empty database that a role owns, as which somebody else may work."""
    with psycopg.connect(empty_database, autocommit=True) as conn:
        conn.execute(f'drop role if exists "{ROLE}", {LOGIN}'.encode())
        conn.execute(f"create role \"{ROLE}\"; create role {LOGIN} login password 'x'".encode())
        conn.execute(f'grant "{ROLE}" to {LOGIN}'.encode())
        conn.execute(f'alter database {conn.info.dbname} owner to "{ROLE}"'.encode())
        yield empty_database
        conn.execute(f'drop owned by "{ROLE}", {LOGIN} cascade'.encode())
        conn.execute(f"alter database {conn.info.dbname} owner to current_user".encode())
        conn.execute(f'drop role "{ROLE}", {LOGIN}'.encode())


@pytest.mark.parametrize(
    ("setting", "options", "words", "script"),
    [
        ("", f"-c role={ROLE}".replace("test Röle", "test\\ Röle").replace("around ", "around\\ "), (), ""),
        ("", "", ("--role", ROLE), ""),
        (f'alter role {LOGIN} set role = "{ROLE}"', "", (), ""),
        (f'alter role {LOGIN} in database %s set role = "{ROLE}"', "", (), ""),
        (f'alter database %s set role = "{ROLE}"', "", (), ""),
        ("", "", (), f'set role "{ROLE}";'),
    ],
)
def test_whoever_works_as_a_role_finds_what_it_made_as_it_should_be(
    around: str,
    setting: str,
    options: str,
    words: tuple[str, ...],
    script: str,
    tmp_path: Path,
    run_dbtool: RunDbtool,
    server_option: str,
) -> None:
    (tmp_path / "p/migrations").mkdir(parents=True)
    (tmp_path / "p/schema.sql").write_text(script + SCHEMA)
    (tmp_path / "p/schema.rollback.sql").write_text("drop schema app cascade;")
    with psycopg.connect(around, autocommit=True) as conn:
        if setting:
            conn.execute(setting.replace("%s", conn.info.dbname).encode())
    url = make_conninfo(around, user=LOGIN, password="x", **({"options": options} if options else {}))
    mine = ("--project", tmp_path / "p", "--database-url", url, *words)
    run_dbtool("migrate", *mine, code=0)
    for who in (mine, ("--project", tmp_path / "p", "--database-url", around)):
        done = run_dbtool("verify", *who, "--server", server_option)
        assert done.exit_code == 0, done.stdout + done.stderr
    run_dbtool("rollback", "--to", "0", "--yes", *mine, code=0)
    with psycopg.connect(around) as conn:
        schemas = "select nspname from pg_namespace where nspname in ('app', 'dbtool')"
        assert conn.execute(schemas).fetchall() == []


def test_what_statements_name_and_do_not_make_is_seen() -> None:
    found = surroundings(
        [
            'create role own; grant select on t to own, "Te am"; alter table t owner to boss; -- for nobody',
            "create policy p on t to reader;",
            "alter default privileges for role maker grant select on tables to taker;",
            "grant parent to child; set role worker; create schema s authorization author; drop role gone;",
            "create table u (a int primary key using index tablespace one) tablespace two; set role none;",
            "alter table u set tablespace three; set default_tablespace = four; grant pg_monitor to own;",
            "alter database shop set work_mem = '4MB'; comment on database shop is 'x';",
            "do $$ begin execute format('create role %I', 'dynamic'); end $$; grant dynamic to own;",
            "this is no sql; grant a to b",
        ]
    )
    roles = ("Te am", "author", "boss", "child", "maker", "parent", "reader", "taker", "worker")
    assert found == Surroundings(roles, ("four", "one", "three", "two"), "shop", roles)


def test_check_new_and_squash_have_what_the_files_name(tmp_path: Path, run_dbtool: RunDbtool) -> None:
    root = tmp_path / "p"
    (root / "migrations").mkdir(parents=True)
    (root / "dbtool.toml").write_text('setup = "setup.sql"')
    (root / "setup.sql").write_text(
        "create role setup_role; create schema theirs; create table theirs.users (id int);"
        " create function theirs.whose() returns int language sql return 1;"
        " create procedure theirs.work() language sql as '';"
    )
    (root / "schema.sql").write_text(
        "create table public.t (a int) tablespace fast; comment on table public.t is 'x';\n"
        "grant select on public.t to around_team, setup_role;\nset role around_maker;\ncreate schema made;\n"
        "reset role;\nalter database around_shop set work_mem = '4MB';"
    )
    (root / "schema.rollback.sql").write_text(
        "alter database around_shop reset work_mem; drop schema made; drop table public.t;"
    )
    (root / "migrations/migration1.sql").write_text("create sequence public.s;")
    (root / "migrations/migration1.rollback.sql").write_text("drop sequence public.s;")
    (root / "views").mkdir()
    (root / "views/v.sql").write_text(
        "create or replace view public.v as select a from public.t;\ncomment on view public.v is 'v';"
    )
    run_dbtool("new", "a view", "--project", root, "--server", "embedded", code=0)
    assert "theirs" not in (root / "migrations/migration2.sql").read_text()
    done = run_dbtool("check", "--project", root, "--server", "embedded")
    assert done.exit_code == 0, done.stdout
    assert "role around_maker, role around_team, tablespace fast" in done.stderr
    run_dbtool("squash", "2", "--project", root, "--server", "embedded", code=0)
