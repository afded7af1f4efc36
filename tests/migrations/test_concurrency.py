"""Several runs at once, runs that are killed, and runs that are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.migrations.conftest import Workshop
from tests.waiting import PATIENCE, wait_until
from toolkit.errors import DbtoolError, LockTimeout
from toolkit.history.lock import exclusive, is_held
from toolkit.output import Reporter

SLEEP = "create table shop.half (); select pg_sleep(600) as sleeping_beauty;"
SESSIONS = """
select count(*) = 0 from pg_stat_activity
 where application_name like 'dbtool%' and datname = current_database()
"""


@contextmanager
def holding(workshop: Workshop, **parameters: Any) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Another session that has the lock of the database."""
    with (
        closing(psycopg.connect(workshop.url, autocommit=True, **parameters)) as holder,
        exclusive(holder, 0),
    ):
        yield holder


def wait_until_asleep(workshop: Workshop) -> None:
    """Wait until SLEEP runs in the server."""
    workshop.wait_until(
        "select count(*) > 0 from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'"
        " and datname = current_database()"
    )


def test_four_runs_at_once_apply_everything_once(workshop: Workshop) -> None:
    workshop.write(
        "schema.sql",
        "create schema shop; create table shop.runs (id serial); select pg_advisory_xact_lock(77);",
    )
    for number in range(1, 6):
        workshop.write(f"migrations/migration{number}.sql", "insert into shop.runs values (1);")

    with workshop.gate():
        runs = [workshop.start("migrate", "--lock-timeout", "0") for _ in range(4)]
        said: list[str] = []
        listening = [threading.Thread(target=said.extend, args=(run.stderr,)) for run in runs]
        for each in listening:
            each.start()
        wait_until(lambda: sum("waiting for the lock" in line for line in said) == 3)
    for each in listening:
        each.join(PATIENCE)
    outs = [run.stdout.read() for run in runs if run.stdout]

    assert [run.wait(PATIENCE) for run in runs] == [0, 0, 0, 0]
    assert workshop.value("select count(*) from shop.runs") == 5
    assert set(workshop.states().values()) == {"applied"}
    assert sum("applied migration5" in out for out in outs) == 1
    assert sum("nothing to apply" in out for out in outs) == 3
    assert sum("waiting for the lock" in line for line in said) == 3


def test_run_that_waited_too_long_says_who_holds_the_lock(workshop: Workshop) -> None:
    with holding(workshop, application_name="night shift") as holder:
        pid, user = holder.info.backend_pid, holder.info.user
        result = workshop.dbtool("migrate", "--wait", "0.3")
    assert result.exit_code == 5
    for fact in (str(pid), "night shift", user):
        assert fact in result.stderr
    assert workshop.value("select to_regnamespace('shop') is null")


def test_role_that_may_see_little_of_other_sessions_is_told_who_holds_the_lock(workshop: Workshop) -> None:
    workshop.query("create role dbtool_test_humble")
    try:
        with holding(workshop, application_name="night shift") as holder:
            workshop.query("grant usage on schema dbtool to dbtool_test_humble")
            workshop.query("grant select, update on dbtool.run_lock to dbtool_test_humble")
            humble = make_conninfo(workshop.url, options="-c role=dbtool_test_humble")
            target = ("--project", workshop.root, "--database-url", humble)
            pid = holder.info.backend_pid
            result = workshop.run(*target, "migrate", "--wait", "0")
        assert result.exit_code == 5
        assert str(pid) in result.stderr
    finally:
        workshop.query("drop owned by dbtool_test_humble")
        workshop.query("drop role dbtool_test_humble")


@pytest.mark.parametrize("command", [("rollback", "--yes"), ("seed",)])
def test_every_writing_command_waits_for_the_lock(workshop: Workshop, command: tuple[str, ...]) -> None:
    workshop.migrate()
    with holding(workshop):
        assert workshop.dbtool(*command, "--wait", "0").exit_code == 5


def test_lock_row_that_a_killed_yoyo_left_does_not_matter(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    workshop.query("insert into dbtool.yoyo_lock (locked, ctime, pid) values (1, now(), 4711)")
    assert workshop.dbtool("migrate", "--wait", "0").exit_code == 0
    assert workshop.dbtool("rollback", "--yes", "--wait", "0").exit_code == 0


def test_file_that_changes_while_a_run_waits_is_applied_as_it_is_then(workshop: Workshop) -> None:
    with holding(workshop):
        run = workshop.start("migrate")
        workshop.wait_until(f"select not ({SESSIONS.strip()})")
        workshop.write("migrations/migration2.sql", "select 1;\n\nselect nothing;")
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1
    assert "migrations/migration2.sql:3: " in err


def test_a_run_that_did_nothing_takes_the_table_of_the_lock_away_while_others_look(
    workshop: Workshop,
) -> None:
    def come_and_go() -> None:
        for _ in range(60):
            with holding(workshop):
                pass

    with ThreadPoolExecutor(1) as pool, closing(psycopg.connect(workshop.url, autocommit=True)) as other:
        running = pool.submit(come_and_go)
        while not running.done():
            is_held(other)
    assert workshop.query("select to_regnamespace('dbtool')::text") == [(None,)]


def test_lock_of_another_database_does_not_matter(workshop: Workshop) -> None:
    with holding(workshop, dbname="postgres"):
        assert workshop.dbtool("migrate", "--wait", "0").exit_code == 0


def test_nobody_else_can_hold_the_lock_up(workshop: Workshop) -> None:
    """Who may only connect takes every key seen in pg_locks, during a run and after; no row, no table."""
    workshop.migrate(to="schema")
    workshop.query("create role dbtool_test_humble login password 'humble'")
    try:
        stranger = psycopg.connect(
            workshop.url, user="dbtool_test_humble", password="humble", autocommit=True
        )
        with closing(stranger):
            with holding(workshop) as holder:
                seen = stranger.execute(
                    "select (classid::bigint << 32) + objid::bigint from pg_locks where locktype = 'advisory'"
                    " and pid = %s",
                    [holder.info.backend_pid],
                ).fetchall()
                assert len(seen) == 1
                for statement in ("lock table dbtool.run_lock", "select from dbtool.run_lock"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege), stranger.transaction():
                        stranger.execute(statement.encode())
                assert stranger.execute("select pg_try_advisory_lock(%s)", seen[0]).fetchone() == (False,)
            assert stranger.execute("select pg_try_advisory_lock(%s)", seen[0]).fetchone() == (True,)
            stranger.execute("select pg_advisory_lock(%s)", (0x6462746F6F6C,))
            assert workshop.dbtool("migrate", "--wait", "0").exit_code == 0
            assert workshop.dbtool("rollback", "--yes", "--wait", "0").exit_code == 0
    finally:
        workshop.query("drop role dbtool_test_humble")


def test_the_key_of_a_run_that_was_killed_holds_nobody_up(workshop: Workshop) -> None:
    """Even where another session has it by now: the row says whose it was."""
    workshop.migrate(to="schema")
    with closing(psycopg.connect(workshop.url, autocommit=True)) as stranger:
        with holding(workshop) as holder:
            ((key,),) = workshop.query("select key from dbtool.run_lock")
            workshop.query(f"select pg_terminate_backend({holder.info.backend_pid}, 5000)")
        stranger.execute("select pg_advisory_lock(%s)", (key,))
        assert workshop.dbtool("migrate", "--wait", "0").exit_code == 0


def test_a_run_that_did_nothing_leaves_no_trace(workshop: Workshop) -> None:
    workshop.write("schema.sql", "select nothing;")
    assert workshop.dbtool("migrate").exit_code == 1
    assert workshop.value("select to_regnamespace('dbtool') is null")


def test_a_schema_that_an_administrator_made_stays(workshop: Workshop) -> None:
    workshop.query("create schema dbtool")
    workshop.write("schema.sql", "select nothing;")
    assert workshop.dbtool("migrate").exit_code == 1
    assert workshop.value("select to_regclass('dbtool.run_lock') is null")
    assert workshop.value("select to_regnamespace('dbtool') is not null")


def test_waiting_run_does_not_block_create_index_concurrently(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    workshop.write(
        "migrations/migration2.sql",
        "-- transactional: false\nselect pg_sleep(1);\n"
        "create index concurrently items_name on shop.items (name);\nselect pg_sleep(0.5)",
    )
    runs = [workshop.start("migrate") for _ in range(3)]
    assert [run.wait(PATIENCE) for run in runs] == [0, 0, 0]
    assert workshop.value("select indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")


class LockThief(Reporter):
    """Takes the lock in another session as soon as migration1 is about to run."""

    def __init__(self, workshop: Workshop, until: ExitStack) -> None:
        self._workshop, self._until = workshop, until

    def step(self, doing: str, done: str, name: str) -> AbstractContextManager[None]:
        if name == "migration1":
            self._until.enter_context(holding(self._workshop))
        return super().step(doing, done, name)


def test_script_that_gives_the_lock_away_cannot_let_a_second_run_in(workshop: Workshop) -> None:
    workshop.write("schema.sql", "create schema shop; select pg_advisory_unlock_all();")
    with ExitStack() as until, pytest.raises(LockTimeout):
        workshop.migrate(report=LockThief(workshop, until))
    assert workshop.states() == {"schema": "applied", "migration1": "pending", "migration2": "pending"}


def test_kill_9_in_the_middle_leaves_nothing_half_applied(workshop: Workshop) -> None:
    workshop.migrate(to="schema")
    workshop.write("migrations/migration1.sql", SLEEP)
    workshop.write("migrations/migration2.sql", "create table shop.two ();")
    run = workshop.start("migrate")
    wait_until_asleep(workshop)

    run.send_signal(signal.SIGKILL)
    run.wait(PATIENCE)
    workshop.wait_until(SESSIONS)

    assert workshop.value("select to_regclass('shop.half') is null")
    assert workshop.states() == {"schema": "applied", "migration1": "pending", "migration2": "pending"}
    workshop.write("migrations/migration1.sql", SLEEP.replace("600", "0"))
    assert workshop.dbtool("migrate", "--wait", "0").exit_code == 0
    assert set(workshop.states().values()) == {"applied"}


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_at_any_moment_never_applies_twice(workshop: Workshop, seed: int) -> None:
    workshop.write("schema.sql", "create schema shop; create table shop.ran (number int);")
    for number in range(1, 21):
        workshop.write(
            f"migrations/migration{number}.sql",
            f"select pg_sleep(0.01); insert into shop.ran values ({number}); select pg_sleep(0.01);"
            + (" select pg_advisory_xact_lock(77);" if number == 20 else ""),
        )
    done = 3 * seed + 1
    with workshop.gate():  # it does not come to its end before it is killed
        run = workshop.start("migrate")
        workshop.wait_until("select to_regclass('shop.ran') is not null")
        workshop.wait_until(f"select count(*) >= {done} from shop.ran")
        run.kill()
        run.wait(PATIENCE)
        workshop.wait_until(SESSIONS)

    states = workshop.states()
    rows = {number for (number,) in workshop.query("select number from shop.ran")}
    assert {f"migration{number}" for number in rows} | {"schema"} == {
        id for id, state in states.items() if state == "applied"
    }
    assert done <= len(rows) < 20
    assert workshop.dbtool("migrate").exit_code == 0
    assert [number for (number,) in workshop.query("select number from shop.ran order by 1")] == list(
        range(1, 21)
    )


def test_killed_run_that_waited_leaves_nothing_behind(workshop: Workshop) -> None:
    with holding(workshop):
        run = workshop.start("migrate")
        workshop.wait_until(f"select not ({SESSIONS})")
        run.kill()
        run.wait(PATIENCE)
        workshop.wait_until(SESSIONS)
    assert workshop.dbtool("migrate", "--wait", "0").exit_code == 0


def test_kill_9_while_waiting_for_a_table_leaves_nobody_waiting_behind_it(workshop: Workshop) -> None:
    workshop.migrate(to="schema")
    with psycopg.connect(workshop.url) as other:
        other.execute("lock table shop.items in access share mode")
        run = workshop.start("migrate", "--lock-timeout", "0")
        workshop.wait_until(
            "select exists (select from pg_locks where not granted and relation = 'shop.items'::regclass)"
        )
        run.kill()
        run.wait(PATIENCE)
        workshop.wait_until(SESSIONS)
        workshop.query("set lock_timeout = '60s'; select from shop.items")


def test_server_looks_whether_the_client_is_alive_whatever_a_file_has_reset(workshop: Workshop) -> None:
    workshop.write("migrations/migration1.sql", "reset all;")
    workshop.write(
        "migrations/migration2.sql",
        "create table shop.seen as select current_setting('client_connection_check_interval')",
    )
    workshop.migrate()
    assert workshop.value("select * from shop.seen") == "1s"


@pytest.mark.parametrize(
    ("how", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_interrupted_run_leaves_no_query_running(
    workshop: Workshop, how: signal.Signals, exit_code: int
) -> None:
    workshop.migrate(to="schema")
    # Else the server would look by itself, once a second, whether the client is alive.
    workshop.write("migrations/migration1.sql", f"set client_connection_check_interval = 0; {SLEEP}")
    run = workshop.start("migrate")
    wait_until_asleep(workshop)

    os.kill(run.pid, how)
    out, err = run.communicate(timeout=PATIENCE)

    assert run.returncode == exit_code
    assert "Traceback" not in out + err
    workshop.wait_until(SESSIONS)
    assert workshop.states()["migration1"] == "pending"
    assert workshop.value("select to_regclass('shop.half') is null")


def test_interrupted_wait_for_the_lock_ends_at_once(workshop: Workshop) -> None:
    with holding(workshop):
        run = workshop.start("migrate", "--wait", "600")
        workshop.wait_until(f"select not ({SESSIONS})")
        run.send_signal(signal.SIGINT)
        try:
            assert run.wait(PATIENCE) == 130
        except subprocess.TimeoutExpired:
            run.kill()
            raise


def test_history_that_changes_while_rollback_asks_undoes_nothing(workshop: Workshop) -> None:
    workshop.migrate()
    with pytest.raises(DbtoolError, match="changed"):
        workshop.rollback(steps=2, confirm=lambda _: workshop.rollback() and None)
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
