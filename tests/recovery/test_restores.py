"""Dumps, base backups and copies by replication: what comes back is what there was, and calls go on."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.client import Learn
from tests.clusters import Cluster, copy_of, discard, make_cluster, make_folder
from tests.conftest import ROOT
from tests.recovery.conftest import Lived, digest, goes_on, live
from tests.suites.conftest import Tell
from tests.waiting import wait_until

PAGE = (ROOT / "docs/backups.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The block of code on the page below a comment."""
    found = re.search(rf"<!-- {name} -->\n+```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def doctor(cluster: Cluster) -> str:
    """What `dbtool doctor` says of its database, without the learners' data."""
    words = [sys.executable, "-m", "toolkit", "doctor", "--quick", "--database-url", cluster.url()]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode in (0, 6), told.stderr
    return told.stdout


@pytest.fixture
def other(lived: Lived) -> Iterator[Cluster]:
    """A cluster with an empty database `app`, and none of Laurel's roles."""
    made = make_cluster(lived.cluster.binaries)
    try:
        made.start()
        with made.connect("postgres") as connection:
            connection.execute("create database app")
        yield made
    finally:
        discard(made)


@pytest.fixture
def dump(lived: Lived) -> str:
    """A file that pg_dump has written."""
    path = str(lived.cluster.data.parent / "laurel.dump")
    lived.cluster.run("pg_dump", "-Fc", "-f", path, "-d", lived.cluster.url())
    return path


def test_a_dump_with_its_roles_comes_back_as_it_was(lived: Lived, other: Cluster, dump: str) -> None:
    roles = lived.cluster.run("pg_dumpall", "--roles-only", "-d", lived.cluster.url("postgres")).stdout
    other.run("psql", "-Xq", "-d", other.url("postgres"), stdin=roles)
    other.run("pg_restore", "--exit-on-error", "-d", other.url(), dump)
    assert digest(other) == digest(lived.cluster)
    goes_on(other, lived)


def test_without_its_roles_nothing_is_restored_and_the_message_names_them(
    lived: Lived, other: Cluster, dump: str
) -> None:
    words = ["--exit-on-error", "--single-transaction", "-d", other.url(), dump]
    failed = other.run("pg_restore", *words, check=False)
    assert failed.returncode != 0
    assert 'role "learn_owner" does not exist' in failed.stderr
    with other.connect() as connection:
        assert connection.execute("select to_regnamespace('learn')").fetchone() == (None,)
    other.run("pg_restore", "-d", other.url(), dump, check=False)  # goes on regardless
    with other.connect() as connection:
        owner = "select proowner::regrole::text from pg_proc where oid = 'learn.clock'::regproc"
        assert connection.execute(owner.encode()).fetchone() == ("postgres",)  # which is why it must not
    told = doctor(other)
    for role in ("owner", "app", "user", "editor", "readonly"):
        assert f"create role learn_{role} nologin;" in told
    assert "revoke execute on all functions in schema learn from public;" in told
    assert re.search(r"error: grants: postgres: \d+ tables, views and functions belong to it", told)
    with other.connect("postgres") as connection:  # roles that come too late have no rights
        connection.execute(block("roles").encode())
    assert "grant usage on schema learn to learn_app;" in doctor(other)
    with other.connect("postgres") as connection:
        connection.execute("drop database app")
        connection.execute("create database app")
    other.run("pg_restore", *words)
    assert digest(other) == digest(lived.cluster)
    goes_on(other, lived)


def test_rows_alone_come_back_into_a_database_that_migrations_have_built(
    lived: Lived, laurel: Cluster
) -> None:
    built = copy_of(laurel)
    try:
        built.start()
        built.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", built.url(), stdin=block("emptying"))
        path = str(built.data.parent / "rows.dump")
        words = ["--data-only", "--load-via-partition-root", "-n", "learn", "-n", "learn_internal"]
        lived.cluster.run("pg_dump", "-Fc", *words, "-f", path, "-d", lived.cluster.url())
        past_triggers = make_conninfo(built.url(), options="-c session_replication_role=replica")
        built.run("pg_restore", "--data-only", "--exit-on-error", "-d", past_triggers, path)
        assert digest(built) == digest(lived.cluster)
        assert "sequences" not in doctor(built)
        goes_on(built, lived)
    finally:
        discard(built)


def test_rows_are_refused_where_triggers_run(lived: Lived, laurel: Cluster) -> None:
    """Learners would be paid again. That says the database, before anything is changed."""
    built = copy_of(laurel)
    try:
        built.start()
        before = digest(built)
        rows = lived.cluster.run("pg_dump", "--data-only", "-n", "learn", "-d", lived.cluster.url()).stdout
        words = ["-Xq", "-v", "ON_ERROR_STOP=1", "--single-transaction", "-d", built.url()]
        assert built.run("psql", *words, stdin=rows, check=False).returncode != 0
        assert digest(built) == before
    finally:
        discard(built)


def test_an_earlier_point_comes_back_and_calls_after_it_happen_again(laurel: Cluster, tell: Tell) -> None:
    archive = make_folder()
    source, restored = copy_of(laurel), None
    try:
        source.set(archive_mode="on", archive_command=f"cp %p {archive}/%f")
        source.start()
        lived = live(source)
        restored = source.backup()
        with source.connect() as connection:
            learn = Learn(connection)
            user = learn.make_user()
            learn.award_xp(user, 50, key="before")
            then = digest(source)
            connection.execute("select pg_create_restore_point('then')")
            after = learn.award_xp(user, 7, key="after")
            learn.erase_user(lived.place.users[0])
            connection.execute("select pg_switch_wal()")
            wait_for_archive(connection)
        source.stop()
        restored.set(
            archive_mode="off",
            restore_command=f"cp {archive}/%f %p",
            recovery_target_name="then",
            recovery_target_action="promote",
        )
        (restored.data / "recovery.signal").touch()
        restored.start()
        with restored.connect() as connection:
            wait_until(lambda: connection.execute("select pg_is_in_recovery()").fetchone() == (False,))
            assert digest(restored) == then
            learn = Learn(connection)
            assert learn.award_xp(user, 50, key="before").replayed
            again = learn.award_xp(user, 7, key="after")
            assert (again.replayed, again.total_xp) == (False, after.total_xp)
            assert learn.award_xp(user, 7, key="after").replayed
        goes_on(restored, lived)
        tell(f"an earlier point restored from {len([*archive.iterdir()])} archived files")
    finally:
        discard(source, *([restored] if restored else []))
        subprocess.run(["rm", "-rf", str(archive)], check=True)


def wait_for_archive(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    query = "select last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) from pg_stat_archiver"
    wait_until(lambda: connection.execute(query.encode()).fetchone() == (True,))


def test_replication_brings_it_to_another_server(lived: Lived, laurel: Cluster, tell: Tell) -> None:
    """Without a pause but for the moment in which nobody writes."""
    target = copy_of(laurel)
    try:
        target.start()
        with lived.cluster.connect() as connection:
            connection.execute(block("publication").encode())
        target.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", target.url(), stdin=block("emptying"))
        began = time.monotonic()
        with target.connect() as connection:
            source = lived.cluster.url().replace("'", "''")
            connection.execute(
                f"create subscription laurel connection '{source}' publication laurel".encode()
            )
            wait_until(lambda: connection.execute(READY.encode()).fetchone() == (True,))
            with lived.cluster.connect() as writes:
                payer = lived.payers[0]
                for _ in range(10):
                    payer.act()
                payer.close()
                (lsn,) = writes.execute("select pg_current_wal_lsn()").fetchone() or ("",)
                wait_until(lambda: writes.execute(CAUGHT_UP.encode(), [lsn]).fetchone() == (True,))
            connection.execute("drop subscription laurel")
            connection.execute("analyze")
        assert len(re.findall(r"select setval\('learn\w*\.\w+', ", doctor(target))) > 15
        target.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", target.url(), stdin=block("sequences"))
        assert digest(target) == digest(lived.cluster)
        assert "sequences" not in doctor(target)
        goes_on(target, lived)
        tell(f"replicated to another server in {time.monotonic() - began:.0f} s")
    finally:
        discard(target)
        with lived.cluster.connect() as connection:
            connection.execute("drop publication if exists laurel")


CAUGHT_UP = "select bool_and(replay_lsn >= %s) from pg_stat_replication where application_name = 'laurel'"
READY = "select count(*) filter (where srsubstate <> 'r') = 0 and count(*) > 50 from pg_subscription_rel"
