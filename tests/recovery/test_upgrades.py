"""A database of PostgreSQL 15 becomes one of 18: by pg_upgrade, and by dump and restore."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clusters import Cluster, discard, make_cluster, make_laurel, programs
from tests.recovery.conftest import Lived, digest, goes_on, live

OLD, NEW = 15, 18


@pytest.fixture(scope="module")
def old(laurel: Cluster) -> Iterator[Lived]:
    """One that has been lived in; it runs."""
    programs(NEW)
    made = make_laurel(programs(OLD))
    try:
        made.start()
        yield live(made)
    finally:
        discard(made)


@pytest.fixture
def new(old: Lived) -> Iterator[Cluster]:
    """An empty cluster, which does not run."""
    made = make_cluster(programs(NEW))
    yield made
    discard(made)


def test_a_dump_of_an_old_version_is_restored_in_a_new_one(old: Lived, new: Cluster) -> None:
    new.start()
    path = str(new.data.parent / "laurel.dump")
    roles = new.run("pg_dumpall", "--roles-only", "-d", old.cluster.url("postgres")).stdout
    new.run("psql", "-Xq", "-d", new.url("postgres"), stdin=roles)
    new.run("pg_dump", "-Fc", "-f", path, "-d", old.cluster.url())
    with new.connect("postgres") as connection:
        connection.execute("create database app")
    new.run("pg_restore", "--exit-on-error", "--single-transaction", "-d", new.url(), path)
    assert digest(new) == digest(old.cluster)
    goes_on(new, old)


def test_pg_upgrade_brings_everything_along(old: Lived, new: Cluster) -> None:
    """The last test of the file: the old cluster stops."""
    before = digest(old.cluster)
    old.cluster.stop()
    bins = ["-b", str(old.cluster.binaries.bin), "-B", str(new.binaries.bin)]
    folders = ["-d", str(old.cluster.data), "-D", str(new.data), "--socketdir", str(new.data.parent)]
    new.run("pg_upgrade", *bins, *folders, "-U", "postgres", "--no-sync")
    new.start()
    new.run("vacuumdb", "--all", "--analyze-only", "-h", str(new.data.parent), "-U", "postgres", "-q")
    assert digest(new) == before
    goes_on(new, old)
