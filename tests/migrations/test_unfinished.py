"""Files without transaction that stop on their way: what is known of them, and how `repair` ends it."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import psycopg
import pytest

from tests.migrations.conftest import Workshop
from tests.waiting import PATIENCE
from toolkit.errors import DbtoolError, HistoryProblem, ScriptFailed

FALSE = "-- transactional: false\n"
GONE = """
select count(*) = 0 from pg_stat_activity
 where application_name like 'dbtool%' and datname = current_database()
"""
UNIQUE = (
    FALSE + "create table shop.before ();\n"
    "create unique index concurrently items_name on shop.items (name);\ncreate table shop.after ();\n"
)


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """The schema is applied, and shop.items has a name twice, which no unique index takes."""
    workshop.migrate(to="schema")
    workshop.query("insert into shop.items values (1, 'pen'), (2, 'pen')")
    workshop.write("migrations/migration2.sql", "create table shop.two ();")
    return workshop


def unfinished(workshop: Workshop) -> dict[str, Any]:
    """What `status` knows of the one unfinished script."""
    result = workshop.dbtool("status", "--json", code=4)
    [entry] = [entry for entry in json.loads(result.stdout)["scripts"] if entry["state"] == "unfinished"]
    found = entry["unfinished"]
    assert isinstance(found, dict)
    return found


def kill_during(workshop: Workshop, statement: str, how: signal.Signals = signal.SIGKILL) -> None:
    """Kill `dbtool migrate` while a statement with this text runs, and wait until its session is gone."""
    run = workshop.start("migrate")
    pattern = statement.replace("'", "''")
    workshop.wait_until(
        "select count(*) > 0 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
        f" and application_name = 'dbtool migrate' and query like '%{pattern}%'"
    )
    run.send_signal(how)
    run.wait(PATIENCE)
    workshop.wait_until(GONE)


def test_failure_is_told_by_status_history_and_migrate(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    failed = shop.dbtool("migrate")
    assert failed.exit_code == 1
    assert "migrations/migration1.sql:3: " in failed.stderr
    assert "index shop.items_name of shop.items is invalid" in failed.stderr
    assert "dbtool repair" in failed.stderr

    found = unfinished(shop)
    assert (found["statement"], found["statements"], found["kept"], found["line"]) == (2, 3, 1, 3)
    assert "items_name" in found["error"]
    plain = shop.dbtool("status")
    assert "(statement 2 of 3)" in plain.stdout
    assert "drop index concurrently shop.items_name" in plain.stderr
    history = json.loads(shop.dbtool("history", "--json").stdout)["events"]
    assert [(event["operation"], event["script"]) for event in history][-1] == ("stopped", "migration1")
    assert "migration1.sql:3" in history[-1]["detail"]

    again = shop.dbtool("migrate")
    assert again.exit_code == 4
    assert "statement 2 of 3" in again.stderr
    assert shop.value("select to_regclass('shop.two') is null")


def test_repair_drops_the_invalid_index_and_goes_on_behind_what_ran(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    shop.query("update shop.items set name = 'desk' where id = 2")

    shown = shop.dbtool("repair", "--dry-run")
    assert shown.exit_code == 0
    assert "drop index concurrently shop.items_name;" in shown.stdout
    assert "run statements 2 to 3, from migrations/migration1.sql:3" in shown.stdout
    assert shop.value("select not indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")

    assert shop.dbtool("repair").exit_code == 2, "it asks, and there is no terminal"
    repaired = shop.dbtool("repair", "--yes")
    assert repaired.exit_code == 0, repaired.stderr
    assert shop.value("select indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")
    assert shop.value("select to_regclass('shop.after') is not null")
    assert shop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
    assert shop.dbtool("migrate").exit_code == 0


def test_repair_that_fails_again_can_be_repeated(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    for _ in range(2):
        assert shop.dbtool("repair", "--yes").exit_code == 1
        assert unfinished(shop)["statement"] == 2
        assert shop.value("select count(*) from pg_index where not indisvalid") == 1
    shop.query("delete from shop.items")
    assert shop.dbtool("repair", "--yes").exit_code == 0


def test_failed_statement_may_be_corrected_in_the_file(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    shop.write("migrations/migration1.sql", UNIQUE.replace("create unique", "-- plain\ncreate"))
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select indisvalid and not indisunique from pg_index"
                      " where indexrelid = 'shop.items_name'::regclass")  # fmt: skip
    assert shop.states()["migration1"] == "applied"


@pytest.mark.parametrize(
    ("old", "new"), [("shop.before", "shop.earlier"), (FALSE, ""), (UNIQUE[len(FALSE) :], "")]
)
def test_what_ran_already_may_not_be_edited(shop: Workshop, old: str, new: str) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    shop.write("migrations/migration1.sql", UNIQUE.replace(old, new))
    assert shop.dbtool("repair", "--yes").exit_code == 1
    assert unfinished(shop)["statement"] == 2


def test_repair_undoes_by_the_rollback_file(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    shop.write(
        "migrations/migration1.rollback.sql",
        FALSE + "drop index concurrently if exists shop.items_name;\ndrop table if exists shop.before;\n",
    )
    assert shop.dbtool("repair", "--undo", "--yes").exit_code == 0
    assert shop.states() == {"schema": "applied", "migration1": "pending", "migration2": "pending"}
    assert shop.query("select to_regclass('shop.before'), to_regclass('shop.items_name')") == [(None, None)]
    assert shop.dbtool("status").exit_code == 3


def test_undo_without_a_rollback_file_changes_nothing(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    (shop.root / "migrations/migration1.rollback.sql").unlink()
    result = shop.dbtool("repair", "--undo", "--yes")
    assert result.exit_code == 1
    assert "migration1.rollback.sql" in result.stderr
    assert unfinished(shop)["kept"] == 1


def test_undo_of_the_first_script_leaves_no_trace(workshop: Workshop) -> None:
    workshop.write("schema.sql", FALSE + "create schema shop;\nvacuum shop.nothing;")
    with pytest.raises(ScriptFailed):
        workshop.migrate()
    assert workshop.dbtool("repair", "--undo", "--yes").exit_code == 0
    assert workshop.query("select nspname from pg_namespace where nspname in ('shop', 'dbtool')") == []


def test_rollback_is_refused_while_something_is_unfinished(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    shop.dbtool("migrate")
    with pytest.raises(HistoryProblem):
        shop.rollback()


def test_first_statement_that_fails_as_a_whole_leaves_the_file_pending(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", FALSE + "create table shop.items ();\nselect 1;")
    with pytest.raises(ScriptFailed):
        shop.migrate()
    assert shop.states()["migration1"] == "pending"


def test_kill_9_during_a_statement_is_known_and_nothing_runs_twice(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "insert into shop.items values (3, 'lamp');\n"
        "insert into shop.items select 4, 'chair' from pg_sleep(600);\ncreate table shop.after ();",
    )
    kill_during(shop, "'chair'")

    found = unfinished(shop)
    assert (found["statement"], found["kept"], found["error"]) == (2, 1, None)
    text = (shop.root / "migrations/migration1.sql").read_text()
    shop.write("migrations/migration1.sql", text.replace("600", "0"))
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select array_agg(id::int order by id) from shop.items") == [1, 2, 3, 4]
    assert shop.states()["migration1"] == "applied"


@pytest.mark.parametrize("kills", [range(1, 9, 2)])
def test_kill_9_again_and_again_applies_every_statement_once(shop: Workshop, kills: range) -> None:
    rows = [f"insert into shop.items select {n}, 'row' from pg_sleep(0.05);\n" for n in range(10, 20)]
    rows[-1] = rows[-1].replace("pg_sleep(0.05)", "pg_advisory_xact_lock(77)")
    shop.write("migrations/migration1.sql", FALSE + "".join(rows))
    with shop.gate():  # it does not come to its end before it is killed
        for attempt, number in enumerate(kills):
            run = shop.start("migrate") if attempt == 0 else shop.start("repair", "--yes")
            shop.wait_until(f"select count(*) >= {number} from shop.items where id >= 10")
            run.kill()
            run.wait(PATIENCE)
            shop.wait_until(GONE)
            kept = shop.value("select count(*) from shop.items where id >= 10")
            assert unfinished(shop)["kept"] == kept
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select array_agg(id::int order by id) from shop.items") == [1, 2, *range(10, 20)]


def test_kill_9_during_a_concurrent_index_is_repaired(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "set search_path = shop;\ncreate index concurrently items_name on items (name);\n"
        "create table here ();",
    )
    with shop.connect() as other:
        other.execute("update shop.items set name = name")  # the index waits for it
        kill_during(shop, "create index concurrently")
    assert shop.value("select not indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")

    shown = shop.dbtool("repair", "--dry-run").stdout
    assert "drop index concurrently shop.items_name;" in shown
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select indisvalid from pg_index where indexrelid = 'shop.items_name'::regclass")
    assert shop.value("select to_regclass('shop.here') is not null"), "the setting was made again"
    assert shop.states()["migration1"] == "applied"


def test_index_that_was_finished_when_the_kill_came_is_not_built_again(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "create index concurrently items_name on shop.items (name);\nselect pg_sleep(600);",
    )
    kill_during(shop, "pg_sleep")
    # As it is when the kill comes between the end of the statement and the note of it.
    shop.query("update dbtool.unfinished_script set reached = 1, kept = 0")
    oid = shop.value("select 'shop.items_name'::regclass::oid")
    text = (shop.root / "migrations/migration1.sql").read_text()
    shop.write("migrations/migration1.sql", text.replace("600", "0"))
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select 'shop.items_name'::regclass::oid") == oid


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_cancelled_run_says_what_it_reached(shop: Workshop, how: signal.Signals) -> None:
    shop.write("migrations/migration1.sql", FALSE + "select 1;\nselect pg_sleep(601);\nselect 2;")
    kill_during(shop, "pg_sleep(601)", how)
    found = unfinished(shop)
    assert (found["statement"], found["error"]) == (2, "interrupted")
    [last] = json.loads(shop.dbtool("history", "--json", "--limit", "1").stdout)["events"]
    assert (last["operation"], last["detail"]) == ("stopped", "interrupted")


def test_statement_that_may_have_ended_can_be_skipped(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql",
        FALSE + "do $$ begin create table shop.once (); commit; perform pg_sleep(602); end $$;\n"
        "create table shop.after ();",
    )
    kill_during(shop, "pg_sleep(602)")
    assert "may have ended" in shop.dbtool("repair", "--dry-run").stdout
    assert shop.dbtool("repair", "--yes").exit_code == 1, "shop.once is there already"
    assert shop.dbtool("repair", "--skip", "--yes").exit_code == 0
    assert shop.states()["migration1"] == "applied"


def test_kill_inside_a_transaction_of_the_files_own_goes_on_at_its_beginning(shop: Workshop) -> None:
    text = (
        FALSE + "create table shop.a ();\nbegin;\ninsert into shop.items values (5, 'x');\nsavepoint s;\n"
        "select pg_sleep(603);\ncommit;\ncreate table shop.z ();"
    )
    shop.write("migrations/migration1.sql", text)
    kill_during(shop, "pg_sleep(603)")
    assert unfinished(shop)["kept"] == 1
    assert shop.dbtool("repair", "--skip", "--yes").exit_code == 2
    shop.write("migrations/migration1.sql", text.replace("603", "0"))
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select count(*) from shop.items where id = 5") == 1
    assert shop.states()["migration1"] == "applied"


def test_role_that_a_file_sets_does_not_reach_the_journal(shop: Workshop) -> None:
    shop.query("grant usage, create on schema shop to pg_monitor")
    shop.write(
        "migrations/migration1.sql",
        FALSE + "set role pg_monitor;\ncreate table shop.theirs ();\nvacuum;\nselect 1/0;",
    )
    with pytest.raises(ScriptFailed) as caught:
        shop.migrate()
    assert caught.value.sqlstate == "22012"
    assert unfinished(shop)["kept"] == 3
    shop.write(
        "migrations/migration1.sql",
        FALSE + "set role pg_monitor;\ncreate table shop.theirs ();\nvacuum;\ncreate table shop.more ();",
    )
    assert shop.dbtool("repair", "--yes").exit_code == 0
    owners = (
        "select array_agg(distinct tableowner::text) from pg_tables where tablename in ('theirs', 'more')"
    )
    assert shop.value(owners) == ["pg_monitor"]


def test_rollback_file_without_transaction_that_stops_is_finished(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", "create table shop.a (); create table shop.b ();")
    shop.write(
        "migrations/migration1.rollback.sql", FALSE + "drop table shop.a;\nselect 1/0;\ndrop table shop.b;"
    )
    shop.migrate(to=1)
    with pytest.raises(ScriptFailed):
        shop.rollback()
    found = unfinished(shop)
    assert (found["is_undo"], found["kept"]) == (True, 1)
    shop.write("migrations/migration1.rollback.sql", FALSE + "drop table shop.a;\ndrop table shop.b;")
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.states()["migration1"] == "pending"
    assert shop.query("select to_regclass('shop.a'), to_regclass('shop.b')") == [(None, None)]


def test_last_rollback_that_stopped_leaves_no_trace_when_it_is_finished(shop: Workshop) -> None:
    shop.write("schema.rollback.sql", FALSE + "drop table shop.items;\nselect 1/0;\ndrop schema shop;")
    with pytest.raises(ScriptFailed):
        shop.rollback(to=0)
    shop.write("schema.rollback.sql", FALSE + "drop table shop.items;\ndrop schema shop;")
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.query("select nspname from pg_namespace where nspname in ('shop', 'dbtool')") == []


def test_lock_that_cannot_be_had_is_exit_code_5_and_repaired_later(shop: Workshop) -> None:
    shop.write(
        "migrations/migration1.sql", FALSE + "create table shop.a ();\nalter table shop.items add size int;"
    )
    with psycopg.connect(shop.url, application_name="night report") as other:
        other.execute("lock table shop.items in access share mode")
        result = shop.dbtool("migrate", "--lock-timeout", "0.4", "--lock-retries", "1")
    assert result.exit_code == 5
    assert result.stderr.count("trying again") == 1
    assert "night report" in result.stderr
    assert "dbtool repair" in result.stderr
    assert unfinished(shop)["kept"] == 1
    assert shop.dbtool("repair", "--yes").exit_code == 0


def test_run_under_way_is_no_problem_of_the_history(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", FALSE + "select 1;\nselect pg_advisory_xact_lock(77);")
    with shop.gate():
        run = shop.start("migrate", "--lock-timeout", "0")
        shop.wait_until("select count(*) > 0 from pg_locks where locktype = 'advisory' and not granted")
        status = shop.dbtool("status")
        assert status.exit_code == 3
        assert "running" in status.stdout
        second = shop.start("migrate")
    assert [run.wait(PATIENCE), second.wait(PATIENCE)] == [0, 0]
    assert shop.states()["migration1"] == "applied"
    for each in (run, second):
        assert isinstance(each, subprocess.Popen)
        each.communicate()


def test_invalid_index_of_another_origin_is_reported_and_left_alone(shop: Workshop) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        shop.query("create unique index concurrently mine on shop.items (name)")
    shop.write("migrations/migration1.sql", "select 1;")
    shop.migrate()
    result = shop.dbtool("status", "--json")
    assert result.exit_code == 0
    assert [each["index"] for each in json.loads(result.stdout)["invalid_indexes"]] == ["shop.mine"]
    assert shop.dbtool("repair", "--yes").exit_code == 0
    assert shop.value("select count(*) from pg_index where not indisvalid") == 1


def test_nothing_unfinished_is_nothing_to_skip_or_undo(shop: Workshop) -> None:
    assert shop.dbtool("repair", "--undo", "--yes").exit_code == 2
    assert shop.dbtool("repair", "--skip", "--yes").exit_code == 2
    assert shop.dbtool("repair", "--yes").exit_code == 0


def test_file_of_an_unfinished_script_must_be_there(shop: Workshop) -> None:
    shop.write("migrations/migration1.sql", UNIQUE)
    with pytest.raises(DbtoolError):
        shop.migrate()
    (shop.root / "migrations/migration1.sql").unlink()
    result = shop.dbtool("repair", "--yes")
    assert result.exit_code == 1
    assert "migration1" in result.stderr
