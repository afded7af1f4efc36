"""A proxy, home and four shards in one cluster of PostgreSQL 15: made once, all tests use them.

Learners of a test are its own, and nothing is rolled back: what a call does on a shard stays. After each file
`check_integrity()` must be empty everywhere.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import clusters
from tests.client import Learn
from tests.conftest import ROOT
from toolkit.history import migrations, seeds
from toolkit.output import Reporter
from toolkit.project.layout import Project
from toolkit.shards import content, setup
from toolkit.shards.cluster import ClusterMember, members

MAJOR = 15
SHARDS = ("one", "two", "three", "four")
SETTINGS = {
    "max_replication_slots": "40",
    "max_wal_senders": "40",
    "max_worker_processes": "40",
    "max_connections": "200",
    "max_prepared_transactions": "10",
}


class Shards:
    """The cluster, and sessions in its databases."""

    def __init__(self, cluster: clusters.Cluster) -> None:
        self.cluster = cluster
        self.project = Project.find(ROOT)
        self._checkers: dict[str, psycopg.Connection[Any]] = {}

    def url(self, database: str = "proxy") -> str:
        """As superuser."""
        return self.cluster.url(database)

    @contextlib.contextmanager
    def open(self, database: str = "proxy", role: str | None = None) -> Iterator[Learn]:
        """A client that commits each call; as a role, as which backends call: learn_app."""
        with self.cluster.connect(database) as connection:
            if role:
                connection.execute(f"set role {role}".encode())
            yield Learn(connection)

    def members(self) -> list[ClusterMember]:
        with self.cluster.connect("proxy") as proxy:
            return members(proxy, self.url())

    def sync(self) -> int:
        """What was changed on home, on the shards."""
        with contextlib.ExitStack() as stack:
            found = self.members()
            opened = [stack.enter_context(each.open()) for each in found]
            return content.sync(opened[0], list(zip(found, opened, strict=True))[1:])

    def drain(self, seconds: float = 0) -> int:
        with self.cluster.connect("proxy") as proxy:
            proxy.execute("set role learn_owner")
            row = proxy.execute("select learn_proxy.drain(make_interval(secs => %s))", [seconds]).fetchone()
        assert row is not None
        return int(row[0])

    def shard_of(self, user: Any) -> str:
        """The database in which a learner is."""
        query = (
            "select n from unnest(%s::text[]) with ordinality s(n, number) join learn_proxy.buckets b"
            " on b.shard = s.number where b.bucket = uuid_hash(%s)"
            " & (select count(*) - 1 from learn_proxy.buckets)"
        )
        with self.cluster.connect("proxy") as proxy:
            row = proxy.execute(query, [list(SHARDS), user]).fetchone()
        assert row is not None
        return str(row[0])

    def ails(self) -> list[tuple[Any, ...]]:
        """What check_integrity() finds, and what home has not told yet, with the name of the database."""
        found = []
        for database in ("plain", "home", *SHARDS):
            connection = self._checkers.get(database)
            if connection is None or connection.closed:
                connection = self._checkers[database] = self.cluster.connect(database)
            rows = connection.execute("select * from learn.check_integrity()").fetchall()
            if database == "plain":
                found += [(database, *row) for row in rows]
                continue
            rows += connection.execute("select kind, user_id, payload::text, '' from learn_shard.forwards")
            rows += connection.execute("select 'claim', user_id, '', '' from learn_shard.claims")
            found += [(database, *row) for row in rows]
        return found


def require_plproxy(binaries: Any) -> None:
    """Leaves the test out where there is no PL/Proxy, unless it must be there."""
    required = os.environ.get("DBTOOL_REQUIRE_PLPROXY") == "1"
    if os.environ.get("CI") and not required:
        pytest.skip("these run in another of CI's runs")
    config = [binaries.program("pg_config"), "--pkglibdir"]
    done = subprocess.run(config, capture_output=True, text=True, check=True)
    if not Path(done.stdout.strip(), "plproxy.so").exists():
        assert not required, "PL/Proxy is not there"
        pytest.skip("PostgreSQL 15 has no PL/Proxy here (Debian: postgresql-15-plproxy)")


@contextlib.contextmanager
def running_shards(*systems: str) -> Iterator[Shards]:
    """A cluster with the content of these products, and `plain`: one database with the same content."""
    binaries = clusters.programs(MAJOR)
    require_plproxy(binaries)
    made = clusters.make_cluster(binaries, SETTINGS)
    try:
        made.start()
        project = Project.find(ROOT)
        with made.connect("postgres") as connection:
            for name in ("home", "proxy"):
                connection.execute(f"create database {name}".encode())
            migrations.migrate(lambda: psycopg.connect(made.url("home")), project)
            for name in SHARDS:
                connection.execute(f"create database {name} template home".encode())
            with psycopg.connect(made.url("home")) as home:
                seeds.seed(home, project, systems, demo=True, mix=True)
                home.execute("delete from learn.users")
            connection.execute("create database plain template home")
            connection.execute("checkpoint")  # until then a crash sets the sequences of a copy back
        urls = [made.url(name) for name in SHARDS]
        setup.init(project, made.url("proxy"), made.url("home"), urls, 64, Reporter())
        yield Shards(made)
    finally:
        clusters.discard(made)


@pytest.fixture(scope="session")
def made_shards() -> Iterator[Shards]:
    """Made once in a run; `shards` looks after what each file does."""
    with running_shards("sql_platform") as made:
        yield made


@pytest.fixture(scope="module")
def shards(made_shards: Shards) -> Iterator[Shards]:
    """The cluster. Integrity is checked in all databases at the end."""
    yield made_shards
    assert made_shards.ails() == []


@pytest.fixture
def proxy(shards: Shards) -> Iterator[Learn]:
    """The proxy, as backends call it."""
    with shards.open("proxy", "learn_app") as client:
        yield client
