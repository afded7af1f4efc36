"""What `status` tells, what `migrate` refuses, and the tables in which it is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.migrations.conftest import Workshop
from toolkit.errors import HistoryProblem

SNAPSHOT = """
select (select json_agg(nspname order by nspname) from pg_namespace where nspname not like 'pg_t%')::text,
       (select json_agg(oid order by oid) from pg_class where oid >= 16384)::text,
       pg_current_xact_id_if_assigned()::text
"""


def yoyo_url(workshop: Workshop) -> str:
    """The URL with which plain yoyo finds the history: its own scheme, and the schema as an option."""
    given: dict[str, Any] = conninfo_to_dict(workshop.url)
    user = given["user"] + (f":{given['password']}" if "password" in given else "")
    host = given.get("host", "")
    if host.startswith("/"):
        options = f"host={host}&port={given.get('port', '')}&schema=dbtool"
        return f"postgresql+psycopg://{user}@/{given['dbname']}?{options}"
    return f"postgresql+psycopg://{user}@{host}:{given['port']}/{given['dbname']}?schema=dbtool"


def test_untouched_database_has_everything_pending_and_stays_untouched(workshop: Workshop) -> None:
    before = workshop.query(SNAPSHOT)
    result = workshop.dbtool("status", code=3)
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["pending", "schema"],
        ["pending", "migration1"],
        ["pending", "migration2"],
    ]
    assert workshop.query(SNAPSHOT) == before


def test_status_works_where_nothing_may_be_written(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.query(
        f"alter database {workshop.value('select current_database()')} set default_transaction_read_only = on"
    )
    assert workshop.dbtool("status").exit_code == 0
    assert workshop.dbtool("migrate").exit_code == 0


def test_everything_applied_is_exit_code_0(workshop: Workshop) -> None:
    workshop.migrate()
    result = workshop.dbtool("status", "--json", code=0)
    scripts = json.loads(result.stdout)["scripts"]
    assert [(entry["id"], entry["number"], entry["state"]) for entry in scripts] == [
        ("schema", 0, "applied"),
        ("migration1", 1, "applied"),
        ("migration2", 2, "applied"),
    ]
    assert all(entry["applied_at"] for entry in scripts)


def test_edited_file_is_shown_as_a_diff_and_refused(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    text = (workshop.root / "migrations/migration1.sql").read_text()
    workshop.write("migrations/migration1.sql", text.replace("numeric", "integer"))

    status = workshop.dbtool("status", "--json")
    migrate = workshop.dbtool("migrate")

    assert (status.exit_code, migrate.exit_code) == (4, 4)
    [edited] = [entry for entry in json.loads(status.stdout)["scripts"] if entry["state"] == "edited"]
    assert edited["id"] == "migration1"
    changed = [
        line for line in edited["diff"].splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed == [f"-{text.rstrip()}", f"+{text.rstrip().replace('numeric', 'integer')}"]
    assert all(line in migrate.stderr for line in changed)
    assert workshop.states()["migration2"] == "pending"


def test_files_that_were_exchanged_are_both_shown_as_edited(workshop: Workshop) -> None:
    workshop.migrate()
    first, second = (workshop.root / f"migrations/migration{number}.sql" for number in (1, 2))
    texts = first.read_text(), second.read_text()
    second.write_text(texts[0])
    first.write_text(texts[1])
    scripts = json.loads(workshop.dbtool("status", "--json").stdout)["scripts"]
    assert [entry["state"] for entry in scripts] == ["applied", "edited", "edited"]
    for entry, text in zip(scripts[1:], texts, strict=True):
        assert all(f"-{line}" in entry["diff"].split("\n") for line in text.rstrip("\n").split("\n"))


def test_edit_of_the_last_line_end_is_visible(workshop: Workshop) -> None:
    workshop.migrate()
    text = (workshop.root / "migrations/migration1.sql").read_text()
    workshop.write("migrations/migration1.sql", text.rstrip("\n"))
    with pytest.raises(HistoryProblem, match="edited") as caught:
        workshop.migrate()
    assert "\n-" in (caught.value.detail or "")


def test_line_ends_and_byte_order_mark_are_no_edit(workshop: Workshop) -> None:
    workshop.write("migrations/migration1.sql", "alter table shop.items\n  add column price numeric;\n")
    workshop.migrate()
    workshop.write(
        "migrations/migration1.sql", "\ufeffalter table shop.items\r\n  add column price numeric;\r\n"
    )
    assert workshop.states()["migration1"] == "applied"
    assert workshop.dbtool("migrate").exit_code == 0


def test_applied_text_is_kept(workshop: Workshop) -> None:
    workshop.migrate()
    kept = dict(
        workshop.query(
            "select migration_id, text from dbtool.applied_script"
            " join dbtool._yoyo_migration using (migration_hash)"
        )
    )
    assert kept == {script.id: script.text for script in workshop.project.scripts()}


def test_missing_file_is_told_and_refused(workshop: Workshop) -> None:
    workshop.migrate()
    (workshop.root / "migrations/migration1.sql").unlink()
    result = workshop.dbtool("status", code=4)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["applied", "missing", "applied"]
    assert workshop.dbtool("migrate").exit_code == 4


def test_late_file_is_told_and_refused_with_a_way_out(workshop: Workshop) -> None:
    late = workshop.root / "migrations/migration1.sql"
    text = late.read_text().replace("price", "cost")
    late.unlink()
    workshop.write("migrations/migration2.sql", "create table shop.two ();")
    workshop.migrate()
    late.write_text(text)

    assert workshop.states() == {"schema": "applied", "migration1": "late", "migration2": "applied"}
    assert workshop.dbtool("status").exit_code == 4
    refused = workshop.dbtool("migrate", code=4)
    assert "migration3.sql" in refused.stderr
    assert workshop.value("select count(*) from pg_attribute where attname = 'cost'") == 0

    late.rename(late.with_name("migration3.sql"))
    assert [script.id for script in workshop.migrate()] == ["migration3"]


def test_every_problem_is_named_at_once(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.write("schema.sql", "create schema other;")
    (workshop.root / "migrations/migration1.sql").unlink()
    workshop.write("migrations/migration3.sql", "select 1")
    with pytest.raises(HistoryProblem, match="1 edited, 1 missing"):
        workshop.migrate()


def test_plain_yoyo_reads_the_same_history(workshop: Workshop) -> None:
    for number in range(3, 12):
        workshop.write(f"migrations/migration{number}.sql", "select 1;")
    workshop.migrate(to=10)

    from yoyo import get_backend, read_migrations

    known = read_migrations(str(workshop.root / "migrations").replace("[", "[[]"))
    with get_backend(yoyo_url(workshop)) as backend:
        pending = [migration.id for migration in backend.to_apply(known)]
        applied = {migration.id for migration in known if backend.is_applied(migration)}
    assert pending == ["migration11"]
    assert applied == {f"migration{number}" for number in range(1, 11)}
    assert set(workshop.states().values()) == {"applied", "pending"}


def test_plain_yoyo_on_the_command_line_lists_the_same(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    options = ["--batch", "--no-config-file", "--database", yoyo_url(workshop)]
    listed = subprocess.run(
        [sys.executable, "-m", "yoyo", "list", *options, workshop.root / "migrations"],
        capture_output=True,
        text=True,
        check=True,
    )
    flags = {line.split()[1]: line.split()[0] for line in listed.stdout.splitlines() if " migration" in line}
    assert flags == {"migration1": "A", "migration2": "U"}


def test_what_plain_yoyo_undoes_and_applies_is_seen(workshop: Workshop) -> None:
    workshop.migrate()

    from yoyo import get_backend, read_migrations

    known = read_migrations(str(workshop.root / "migrations"))
    with get_backend(yoyo_url(workshop)) as backend, backend.lock():
        backend.rollback_migrations(known.filter(lambda migration: migration.id == "migration2"))
    assert workshop.states()["migration2"] == "pending"
    workshop.write("migrations/migration2.sql", "create view shop.cheap as select 1 as one;")
    known = read_migrations(str(workshop.root / "migrations"))
    with get_backend(yoyo_url(workshop)) as backend, backend.lock():
        backend.apply_migrations(backend.to_apply(known))
    # yoyo keeps no text, so that nobody can tell whether the file was edited since.
    assert workshop.states()["migration2"] == "applied"
    workshop.rollback(to=0)
    assert workshop.value("select to_regnamespace('dbtool') is null")


def test_history_that_yoyo_began_is_taken_over(workshop: Workshop) -> None:
    from yoyo import get_backend, read_migrations

    workshop.query("create schema dbtool; create schema shop; create table shop.items (id int, name text)")
    known = read_migrations(str(workshop.root / "migrations"))
    with get_backend(yoyo_url(workshop)) as backend, backend.lock():
        backend.apply_migrations(known[:1])
        backend.mark_migrations(read_migrations(str(workshop.root)).filter(lambda one: one.id == "schema"))
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
    assert [script.id for script in workshop.migrate()] == ["migration2"]


def test_owner_without_right_to_create_schemas_can_go_on(workshop: Workshop) -> None:
    workshop.migrate(to=1)
    with psycopg.connect(workshop.url, autocommit=True) as connection:
        connection.execute("create role dbtool_test_deployer")
        try:
            connection.execute("grant usage, create on schema shop, dbtool to dbtool_test_deployer")
            connection.execute("grant all on all tables in schema shop, dbtool to dbtool_test_deployer")
            with psycopg.connect(workshop.url, options="-c role=dbtool_test_deployer") as limited:
                assert limited.execute("select current_user").fetchone() == ("dbtool_test_deployer",)
            url = (
                f"{workshop.url}{'&' if '?' in workshop.url else '?'}options=-c%20role%3Ddbtool_test_deployer"
            )
            result = workshop.run("--project", workshop.root, "--database-url", url, "migrate")
            assert result.exit_code == 0, result.stderr
            assert workshop.states()["migration2"] == "applied"
        finally:
            connection.execute("drop owned by dbtool_test_deployer")
            connection.execute("drop role dbtool_test_deployer")


def test_history_has_room_for_eighty_columns_whatever_the_files_are_called(workshop: Workshop) -> None:
    name = f"migration3_{'a_long_description_' * 5}"
    workshop.write(f"migrations/{name}.sql", "select 1;")
    workshop.migrate()
    lines = workshop.dbtool("history").stdout.splitlines()
    assert lines[-1].split()[4] == name[:21] + "…"
    assert max(len(line.split("  root")[0]) for line in lines) <= 70
    assert json.loads(workshop.dbtool("history", "--json").stdout)["events"][-1]["script"] == name
