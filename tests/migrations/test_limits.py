"""Time limits: how long a run waits for the locks of others, whom it names, and what it does then."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.migrations.conftest import Workshop
from tests.waiting import PATIENCE, wait_until
from toolkit.errors import ScriptFailed
from toolkit.history.lock import Blocker
from toolkit.output import Reporter
from toolkit.sql.limits import Limits

ALTER = "create table shop.early ();\nalter table shop.items add column size int;\n"
WAITING = """
select exists (select from pg_locks l join pg_stat_activity a using (pid)
                where not l.granted and a.application_name = 'dbtool migrate'
                  and a.datname = current_database())
"""


class Listener(Reporter):
    """Keeps the notices of a run."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def notice(self, text: str) -> None:
        self.heard.append(text)


@contextmanager
def holding(workshop: Workshop, lock: str = "lock table shop.items in access share mode") -> Iterator[int]:
    """Another session with an open transaction that holds a lock; gives its pid."""
    with psycopg.connect(workshop.url, application_name="night report") as other:
        other.execute(lock.encode())
        yield other.info.backend_pid


@pytest.fixture
def blocked(workshop: Workshop) -> Workshop:
    """Migration1 needs a lock on shop.items; only the schema is applied."""
    workshop.migrate(to="schema")
    workshop.write("migrations/migration1.sql", ALTER)
    workshop.write("migrations/migration2.sql", "select 1;")
    return workshop


def test_run_that_is_blocked_too_long_is_exit_code_5_and_says_by_whom(blocked: Workshop) -> None:
    with holding(blocked) as pid:
        user = blocked.value("select session_user")
        result = blocked.dbtool("migrate", "--lock-timeout", "0.5", "--lock-retries", "0")
    assert result.exit_code == 5
    said = result.stderr[result.stderr.index("error: ") :]
    for fact in ("migrations/migration1.sql:2: ", f"pid {pid}", "night report", f"user {user}", "since 20"):
        assert fact in said
    assert "AccessExclusiveLock on shop.items" in said
    assert "idle in transaction" in said
    assert "lock table shop.items in access share mode" in said
    assert blocked.states()["migration1"] == "pending"
    assert blocked.value("select to_regclass('shop.early') is null")


def test_whole_file_is_rolled_back_and_tried_again_until_the_lock_is_free(blocked: Workshop) -> None:
    listener = Listener()
    with holding(blocked):
        run = threading.Thread(
            target=lambda: blocked.migrate(limits=Limits(lock=0.2, retries=20), report=listener), daemon=True
        )
        run.start()
        wait_until(lambda: sum("trying again" in text for text in listener.heard) >= 2)
        # Between two tries nothing is held, so that nobody waits behind the migration.
        blocked.query("set lock_timeout = '30s'; insert into shop.items (id, name) values (1, 'pen')")
    run.join(PATIENCE)
    assert not run.is_alive()
    assert set(blocked.states().values()) == {"applied"}
    assert blocked.value("select count(*) from shop.items where size is null") == 1


def test_first_file_is_tried_again_with_the_tables_of_the_history(workshop: Workshop) -> None:
    workshop.query("create table public.old ()")
    workshop.write(
        "schema.sql", "create schema shop; create table shop.items (id int); drop table public.old;"
    )
    with holding(workshop, "lock table public.old in access share mode"):
        run = workshop.start("migrate", "--to", "schema", "--lock-timeout", "1", "--lock-retries", "20")
        assert run.stderr is not None
        assert any("trying again" in line for line in run.stderr)
        since = time.monotonic()
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, err
    assert workshop.states()["schema"] == "applied"
    seconds = workshop.value("select seconds from dbtool.event")
    assert seconds < time.monotonic() - since, "the tries before are not counted"


def test_deadlock_is_tried_again(blocked: Workshop) -> None:
    blocked.query("create table shop.orders ()")
    blocked.write(
        "migrations/migration1.sql", "lock shop.items; select pg_sleep(0.3); lock shop.orders; " + ALTER
    )
    with psycopg.connect(blocked.url) as other:
        # The run, whose deadlock_timeout is the shorter one, is the one that is told of the deadlock.
        other.execute("set deadlock_timeout = '30s'")
        other.execute("lock shop.orders")
        run = blocked.start("migrate", "--lock-timeout", "20")
        blocked.wait_until(
            "select exists (select from pg_locks where relation = 'shop.items'::regclass and granted"
            " and mode = 'AccessExclusiveLock')"
        )
        other.execute("lock shop.items in access share mode")
        other.rollback()
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, err
    assert "trying again" in err
    assert set(blocked.states().values()) == {"applied"}


def test_rollback_has_the_same_limits(workshop: Workshop) -> None:
    workshop.migrate()
    with holding(workshop, "lock table shop.cheap in access share mode") as pid:
        result = workshop.dbtool("rollback", "--yes", "--lock-timeout", "0.3", "--lock-retries", "1")
    assert result.exit_code == 5
    assert result.stderr.count("trying again") == 1
    assert f"pid {pid}" in result.stderr
    assert workshop.states()["migration2"] == "applied"


def test_limit_of_zero_waits_for_ever(blocked: Workshop) -> None:
    with holding(blocked):
        run = blocked.start("migrate", "--lock-timeout", "0")
        blocked.wait_until(WAITING)
        time.sleep(1.5)
        assert run.poll() is None
        assert blocked.value(WAITING)
    assert run.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("options", "pgoptions", "expected"),
    [
        ((), "", "5s"),
        ((), "-c lock_timeout=700ms", "700ms"),
        (("--lock-timeout", "2"), "-c lock_timeout=700ms", "2s"),
        (("--lock-timeout", "0"), "-c lock_timeout=700ms", "0"),
        (("--lock-timeout", "0.0001"), "", "1ms"),
    ],
)
@pytest.mark.parametrize("head", ["", "-- transactional: false\n"])
def test_limit_is_the_option_else_the_connections_else_five_seconds(
    workshop: Workshop, options: tuple[str, ...], pgoptions: str, expected: str, head: str
) -> None:
    workshop.write(
        "migrations/migration1.sql",
        head + "create table shop.seen as select current_setting('lock_timeout') as limit;",
    )
    workshop.dbtool("migrate", "--to", "1", *options, env={"PGOPTIONS": pgoptions}, code=0)
    assert workshop.value("select * from shop.seen") == expected


def test_limit_that_a_file_sets_goes_first(blocked: Workshop) -> None:
    blocked.write("migrations/migration1.sql", "set local lock_timeout = '100ms';\n" + ALTER)
    started = time.monotonic()
    with holding(blocked), pytest.raises(ScriptFailed) as caught:
        blocked.migrate(limits=Limits(lock=300, retries=0))
    assert caught.value.exit_code == 5
    assert time.monotonic() - started < 200


@pytest.mark.parametrize("head", ["", "-- transactional: false\n"])
def test_statement_that_runs_too_long_is_cancelled(blocked: Workshop, head: str) -> None:
    blocked.write("migrations/migration1.sql", head + "select 1;\nselect pg_sleep(300);")
    with pytest.raises(ScriptFailed) as caught:
        blocked.migrate(limits=Limits(statement=1))
    assert (caught.value.sqlstate, caught.value.line) == ("57014", 2 + bool(head))


def test_concurrent_index_waits_without_limit_and_says_for_whom(blocked: Workshop) -> None:
    blocked.write(
        "migrations/migration1.sql",
        "-- transactional: false\ncreate index concurrently items_name on shop.items (name);\n"
        "create table shop.seen as select current_setting('lock_timeout') as limit;",
    )
    with holding(blocked, "insert into shop.items (id, name) values (1, 'pen')") as pid:
        run = blocked.start("migrate", "--lock-timeout", "0.2")
        blocked.wait_until(WAITING)
        time.sleep(1)
        assert run.poll() is None
        assert blocked.value(WAITING)
    _, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, err
    assert f"pid {pid}" in err
    assert blocked.value("select indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")
    assert blocked.value("select * from shop.seen") == "200ms"


def test_prepared_transaction_is_named_as_what_blocks() -> None:
    # The tests' servers allow none; pg_blocking_pids() gives 0 for one.
    assert "pg_prepared_xacts" in str(Blocker(0, None, None, None, None, None))


def test_pauses_grow_and_vary() -> None:
    pauses = [list(Limits(retries=9).pauses()) for _ in range(20)]
    for attempt, found in enumerate(zip(*pauses, strict=True)):
        middle = min(0.5 * 2**attempt, 30)
        assert all(0.5 * middle <= pause <= 1.5 * middle for pause in found)
        assert len(set(found)) > 1
    assert all(len(each) == 9 for each in pauses)
    assert list(Limits(retries=0).pauses()) == []
    assert all(a != b for a, b in itertools.pairwise(pauses))


def test_fast_run_opens_no_second_connection(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.history.lock.FIRST_LOOK_SECONDS", 300)
    opened = []

    def connect() -> psycopg.Connection[tuple[object, ...]]:
        opened.append(1)
        return psycopg.connect(workshop.url)

    from toolkit.history import migrations

    migrations.migrate(connect, workshop.project)
    assert len(opened) == 1


@pytest.mark.parametrize("option", ["--lock-timeout", "--statement-timeout", "--lock-retries", "--wait"])
def test_negative_limit_is_a_usage_error(workshop: Workshop, option: str) -> None:
    assert workshop.dbtool("migrate", option, "-1").exit_code == 2


def test_json_stays_json_while_a_run_is_tried_again(blocked: Workshop) -> None:
    with holding(blocked):
        run = blocked.start("migrate", "--lock-timeout", "0.2", "--lock-retries", "30", "--json")
        assert run.stderr is not None
        assert any("trying again" in line for line in run.stderr)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0, err
    assert json.loads(out)["applied"] == ["migration1", "migration2"]
