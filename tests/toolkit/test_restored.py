"""A database that was dumped and restored is what its migrations build, though it is worded otherwise."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import ROOT, RunDbtool
from tests.toolkit.shop import Shop
from toolkit.servers.binaries import find_clients
from toolkit.servers.throwaway import ThrowawayServer

WORDED = """
    create type shop.kind as enum ('a', 'b');
    create table shop.orders (
      id bigint primary key, state varchar(9) default lower('NEW'), kind shop.kind, amount numeric,
      constraint state_is_known check (state in ('new', 'paid')),
      constraint amount_fits check (amount between 1 and 10 and not (amount = 3 or amount = 4)));
    create index orders_open on shop.orders (lower(state)) where state in ('new', 'paid');
    create domain shop.word as varchar(9) constraint word_is_known check (value in ('x', 'y'));
    alter table shop.orders enable row level security;
    create policy own on shop.orders using (state in ('new', 'paid') and amount > 1)
      with check (state not in ('x', 'y'));
    create view shop.all_orders as
      select o.id, i.name from shop.orders o left join (shop.items i join shop.items j using (id)) using (id)
       where o.state in ('new', 'paid') and (o.amount > 1 or o.amount < 0) and o.kind = any ('{a}');
    create view shop.both as
      select id from shop.items union all (select id from shop.orders order by id limit 1);
    create trigger check_state before update on shop.items for each row
      when (old.name is distinct from new.name and (new.price > 1 or new.name in ('a', 'b')))
      execute function shop.check_price();
    create rule nothing as on delete to shop.orders where old.state in ('new', 'paid') do instead nothing;
"""


def dumped(url: str, *options: str) -> str:
    """What the first pg_dump says that can read this server."""
    return next(
        done.stdout
        for program in find_clients("pg_dump")
        if (
            done := subprocess.run(
                [program, *options, "-d", url], capture_output=True, text=True, check=False
            )
        ).returncode
        == 0
    )


def copy(server: ThrowawayServer, url: str, name: str) -> str:
    """What `pg_dump | psql` makes of a database."""
    server.create_database(name)
    psql = find_clients("psql")[0]
    subprocess.run(
        [psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", server.url(name)],
        input=dumped(url),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
    )
    return server.url(name)


@pytest.fixture
def restored(server: ThrowawayServer) -> Iterator[str]:
    """The name for a copy, which is dropped afterwards."""
    yield "restored"
    server.drop_database("restored")


def test_a_restored_laurel_is_what_its_migrations_build(
    server: ThrowawayServer, template: str, restored: str, run_dbtool: RunDbtool, server_option: str
) -> None:
    options = ("--project", ROOT, "--server", server_option, "--database-url")
    url = copy(server, server.url(template), restored)
    done = run_dbtool("verify", *options, url)
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop view learn_internal.board_values cascade")
    assert run_dbtool("verify", *options, url).exit_code == 4


def test_every_kind_of_condition_may_be_worded_otherwise_and_drift_is_still_found(
    released: Shop, server: ThrowawayServer, restored: str, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.write({"migrations/migration2.sql": WORDED})
    released.migrate()
    url = copy(server, released.url, restored)
    options = ("--project", released.root, "--server", server_option)
    done = run_dbtool("verify", *options, "--database-url", url)
    assert (done.exit_code, done.stderr) == (0, ""), done.stdout
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("alter table shop.orders drop constraint state_is_known")
        conn.execute("alter table shop.orders add constraint state_is_known check (state in ('new'))")
    done = run_dbtool("verify", *options, "--database-url", url, code=4)
    assert done.stdout.startswith("constraint state_is_known on shop.orders")
    assert "1 difference " in done.stderr


def test_a_dump_that_became_the_schema_is_adopted_by_the_database_that_it_was_made_of(
    released: Shop, server: ThrowawayServer, restored: str, run_dbtool: RunDbtool, server_option: str
) -> None:
    released.write({"migrations/migration2.sql": WORDED})
    released.migrate()
    with psycopg.connect(copy(server, released.url, restored), autocommit=True) as conn:
        conn.execute("drop schema dbtool cascade")
    with psycopg.connect(released.url, autocommit=True) as conn:
        conn.execute("drop schema dbtool cascade")
    kept = [
        line
        for line in dumped(server.url(restored), "--schema-only").splitlines()
        if not line.startswith(("\\", "SET transaction_timeout"))
    ]
    released.write({"schema.sql": "\n".join(kept), "migrations/migration1.sql": None})
    released.write({"migrations/migration1.rollback.sql": None, "migrations/migration2.sql": None})
    options = ("--project", released.root, "--database-url", released.url, "--server", server_option)
    run_dbtool("baseline", "schema", *options, code=0)
    assert run_dbtool("verify", *options).exit_code == 0
