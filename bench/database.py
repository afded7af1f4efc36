"""What the measurements share: a throwaway database with Laurel in it, and whether they left it whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from toolkit.connection import forget_environment
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import EmbeddedServer, open_throwaway

HERE = Path(__file__).resolve().parent
DISK = "/var/tmp"
Connection = psycopg.Connection[tuple[Any, ...]]

# What initdb writes and what says where the server is are no choice of anybody.
FACTS = """
    select format('jit %s, fsync %s, %s',
      case when pg_jit_available() then current_setting('jit') else 'none' end, current_setting('fsync'),
      coalesce('set: ' || string_agg(format('%s = %s', name, current_setting(name)), ', ' order by name)
        filter (where setting is distinct from boot_val), 'nothing set'))
    from pg_settings
    where source in ('configuration file', 'command line') and name !~*
      '^(lc_|listen_|unix_|log_timezone|timezone|datestyle|default_text|dynamic_sh|m.*_wal_size|max_conn|port|data_d)'
      and (name, current_setting(name)) <> ('shared_buffers', '128MB')
"""


@contextmanager
def open_server(*, durable: bool = False, kind: str | None = None) -> Iterator[tuple[str, str]]:
    """(URL of an empty database, description) of the server to measure on.

    It is `kind`, else `$DBTOOL_TEST_SERVER`, else the embedded one: for tests, or `durable`, as `dbtool up`
    starts it, which flushes every commit to disk.
    """
    kind = kind or os.environ.get("DBTOOL_TEST_SERVER")
    if kind is None or "://" not in kind:
        forget_environment()
    if kind and durable:
        os.environ.setdefault("DBTOOL_PG_TMP", DISK)  # in memory, to flush would take no time
    if kind or not durable:
        with open_throwaway(kind or "embedded") as throwaway:
            throwaway.create_database("bench")
            url = throwaway.url("bench")
            yield url, f"{throwaway.description}: {_facts(url)}"
        return
    server = EmbeddedServer(Project.find(HERE).root / ".dbtool" / "bench")
    server.destroy()
    try:
        server.start()
        description = f"embedded PostgreSQL {server.binaries.version} as dbtool up starts it"
        yield server.url(), f"{description}: {_facts(server.url())}"
    finally:
        server.destroy()


@contextmanager
def open_database(*systems: str, durable: bool = False, kind: str | None = None) -> Iterator[tuple[str, str]]:
    """(URL, description of the server) of a database with the seeds of these systems."""
    with open_server(durable=durable, kind=kind) as (url, description):
        fill(url, Project.find(HERE), *systems)
        yield url, description


def fill(url: str, project: Project, *systems: str) -> None:
    """Build a project's schema in an empty database, with the seeds of these systems."""
    migrations.migrate(lambda: psycopg.connect(url), project)
    with psycopg.connect(url) as connection:
        seeds.seed(connection, project, systems)


def _facts(url: str) -> str:
    with psycopg.connect(url) as connection:
        (facts,) = connection.execute(FACTS.encode()).fetchone() or ("",)
    return str(facts)


def processor_time(connection: Connection) -> float:
    """Microseconds that the server's process has worked; 0 where the system does not say."""
    try:
        spent = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(spent.split()[0]) / 1e3


def is_whole(connection: Connection) -> bool:
    """Whether check_integrity() finds nothing; what it finds goes to stderr."""
    damage = connection.execute(
        "select check_name, count(*) from learn.check_integrity() group by 1"
    ).fetchall()
    for name, number in damage:
        print(f"check_integrity(): {name}, {number} rows", file=sys.stderr)
    return not damage
