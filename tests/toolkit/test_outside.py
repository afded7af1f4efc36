"""On throwaway servers migrations run for real, and yet nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import Result, RunDbtool
from toolkit.servers import throwaway
from toolkit.servers.choose import open_throwaway
from toolkit.servers.throwaway import ThrowawayServer

TO_PUBLISHER = "connection '{url}' publication changes"


@pytest.fixture(scope="module")
def publisher() -> Iterator[ThrowawayServer]:
    """A server that somebody might subscribe to, with the slot of a real subscription."""
    settings = {**throwaway.SETTINGS, "wal_level": "logical", "max_wal_senders": "4"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(throwaway, "SETTINGS", settings)
        with open_throwaway("embedded") as server, closing(psycopg.connect(server.url())) as conn:
            conn.execute("create table items (id int); create publication changes for table items")
            conn.commit()
            conn.execute("select pg_create_logical_replication_slot('real', 'pgoutput')")
            conn.commit()
            yield server


def keywords(url: str) -> str:
    """A URL as key=value, which no quote of SQL is in the way of."""
    return " ".join(f"{key}={value}" for key, value in conninfo_to_dict(url).items())


def slots(publisher: ThrowawayServer) -> list[Any]:
    with psycopg.connect(publisher.url()) as conn:
        return conn.execute("select slot_name, active from pg_replication_slots").fetchall()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "schema.sql").write_text("create table public.items (id int);\n")
    (tmp_path / "schema.rollback.sql").write_text("drop table public.items;\n")
    return tmp_path


@pytest.fixture
def check(project: Path, run_dbtool: RunDbtool) -> Any:
    """Checks the project on a server of its own, with this migration and rollback."""

    def check(up: str, down: str = "select 1;") -> Result:
        (project / "migrations/migration1.sql").write_text(up)
        (project / "migrations/migration1.rollback.sql").write_text(down)
        return run_dbtool("check", "--project", project, "--server", "embedded")

    return check


@pytest.mark.parametrize(
    ("made", "options"),
    [
        ("feed", ""),
        ("feed", " with (copy_data = true, enabled = true)"),
        ("real", " with (create_slot = false, slot_name = 'real')"),
        ("feed", " with (connect = false, slot_name = 'real')"),
    ],
)
def test_no_subscription_reaches_its_publisher(
    check: Any, publisher: ThrowawayServer, made: str, options: str
) -> None:
    create = f"create subscription {made} " + TO_PUBLISHER.format(url=keywords(publisher.url())) + options
    more = f"alter subscription {made} set publication changes, changes2;\nalter subscription {made} disable;"
    checked = check(
        f"-- transactional: false\n{create};\n{more}", f"-- transactional: false\ndrop subscription {made};"
    )
    assert "script" not in checked.stdout, checked.stdout
    assert "migration1.sql:2: create subscription" in checked.stderr
    assert slots(publisher) == [("real", False)]


@pytest.mark.parametrize(
    "text",
    [
        "copy public.items from program 'touch {mark}';",
        "copy public.items to '{mark}';",
        "do $$ begin execute 'copy public.items to program ''touch {mark}'''; end $$;",
        "create or replace function public.f() returns void language plpgsql as"
        " $$ begin copy public.items to program 'touch {mark}'; end $$;\nselect public.f();",
        "create function public.f() returns trigger language plpgsql as"
        " $$ begin copy public.items to program 'touch {mark}'; return new; end $$;"
        " create trigger t before insert on public.items for each row execute function public.f();"
        " insert into public.items values (1);",
    ],
)
def test_no_program_is_run_and_no_file_written(check: Any, text: str) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        mark = Path(folder) / "mark"
        checked = check(text.replace("{mark}", str(mark)))
        assert (checked.exit_code, mark.exists()) == (6, False)
        line = len(text.splitlines())
        assert f"migrations/migration1.sql:{line}: this would reach outside" in checked.stdout


def test_what_is_only_defined_is_no_harm(check: Any) -> None:
    function = (
        "create function public.f() returns void language plpgsql set search_path = pg_catalog, pg_temp as"
        " $$ begin copy public.items to program 'cat'; end $$;\ncomment on function public.f() is 'f';"
    )
    checked = check(function, "drop function public.f();")
    assert "outside" not in checked.stdout + checked.stderr


@pytest.mark.parametrize("extension", ["dblink", "postgres_fdw"])
def test_a_backend_reaches_no_other_server(publisher: ThrowawayServer, extension: str) -> None:
    text = {
        "dblink": "select dblink_exec('{url}', 'drop table items')",
        "postgres_fdw": "create server s foreign data wrapper postgres_fdw options (host '{host}',"
        " port '{port}', dbname 'postgres');"
        " create user mapping for current_user server s options (user 'postgres');"
        " create foreign table far (id int) server s options (table_name 'items'); delete from far",
    }[extension]
    given = conninfo_to_dict(publisher.url())
    with open_throwaway("embedded") as server, psycopg.connect(server.url(), autocommit=True) as conn:
        if (
            conn.execute("select from pg_available_extensions where name = %s", [extension]).fetchone()
            is None
        ):
            pytest.skip(f"these programs have no {extension}")
        conn.execute(f"create extension {extension}".encode())
        with pytest.raises(psycopg.errors.SqlclientUnableToEstablishSqlconnection):
            conn.execute(text.format(url=keywords(publisher.url()), **given).encode())
    with psycopg.connect(publisher.url()) as conn:
        assert conn.execute("select to_regclass('items')::text").fetchone() == ("items",)
