"""What users of other migration tools, of pg_dump and of psql bring along and expect."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.migrations.conftest import Workshop
from toolkit.errors import DbtoolError, HistoryProblem, ScriptFailed, grant_hint
from toolkit.history import migrations
from toolkit.project.layout import Project

# As pg_dump writes it, but for the header.
DUMP = r"""\restrict k
-- transactional: true
SET client_encoding = 'UTF8';
create table public.notes (id integer, text text);
COPY public.notes (id, text) FROM stdin;
1	one; 'two' $$ \\ -- no comment
2	\N
\.

create function public.f() returns text language sql as $$ select '
copy x from stdin;
\.
'::text $$;

COPY public.notes (id, text) FROM stdin;
\.
-- copy public.notes from stdin;
set work_mem = '4MB'; COPY public.notes FROM stdin WITH (format csv, quote '"', delimiter ';');
3;"a
b"
\.
\unrestrict k
"""


@pytest.mark.parametrize("first", ["", "-- transactional: false\n"])
def test_a_dump_runs_as_in_psql(workshop: Workshop, first: str) -> None:
    workshop.write(
        "schema.sql", first + (DUMP if not first else DUMP.replace("-- transactional: true\n", ""))
    )
    workshop.migrate(to="schema")
    rows = [(1, "one; 'two' $$ \\ -- no comment"), (2, None), (3, "a\nb")]
    assert workshop.query("select * from public.notes order by id") == rows
    assert workshop.states()["schema"] == "applied"
    assert workshop.value("select text from dbtool.applied_script").startswith(first + "\\restrict k")


def test_rows_that_do_not_fit_name_the_line_and_leave_nothing(workshop: Workshop) -> None:
    workshop.write("schema.sql", DUMP.replace("2\t\\N", "two\t\\N"))
    with pytest.raises(DbtoolError, match=r'schema\.sql:5: invalid input syntax .*"two"') as caught:
        workshop.migrate()
    assert "COPY notes, line 2" in (caught.value.detail or "")
    assert workshop.value("select to_regclass('public.notes')") is None


def test_an_edit_of_rows_is_an_edit(workshop: Workshop) -> None:
    workshop.write("schema.sql", DUMP)
    workshop.migrate(to="schema")
    workshop.write("schema.sql", DUMP.replace("1\tone", "1\tTWO"))
    assert workshop.states()["schema"] == "edited"
    assert workshop.dbtool("repair", "--yes").exit_code == 4


def test_savepoints_may_be_in_a_file(workshop: Workshop) -> None:
    workshop.write(
        "migrations/migration1.sql",
        "create table shop.t (a int); savepoint a; insert into shop.t values (1); rollback to a; release a;"
        "alter table shop.items add price int;",
    )
    workshop.migrate()
    assert workshop.value("select count(*) from shop.t") == 0


def test_isolation_has_a_hint_that_leads_somewhere(workshop: Workshop) -> None:
    text = "set transaction isolation level serializable;\nalter table shop.items add price int;"
    workshop.write("migrations/migration1.sql", text)
    with pytest.raises(DbtoolError) as caught:
        workshop.migrate()
    assert "begin isolation level" in (caught.value.hint or "")
    workshop.write(
        "migrations/migration1.sql",
        "-- transactional: false\nbegin isolation level serializable;\n"
        "alter table shop.items add price int;\ncommit;",
    )
    workshop.migrate()


def test_irreversible_says_why_and_how_far_one_can_go(workshop: Workshop) -> None:
    (workshop.root / "migrations/migration2.rollback.sql").unlink()
    workshop.write("migrations/migration2.sql", "-- irreversible: the mails are sent\nselect 1;")
    workshop.migrate()
    done = workshop.dbtool("rollback", "--yes", "--to", "0", code=1)
    assert "migration2 cannot be undone: the mails are sent" in done.stderr
    assert "--to 2" in done.stderr


def test_seventy_missing_files_are_summed_up(workshop: Workshop) -> None:
    for number in range(3, 73):
        workshop.write(f"migrations/migration{number}.sql", "select 1;")
    workshop.migrate()
    done = workshop.dbtool("rollback", "--yes", "--to", "2")
    assert "70 rollback files are missing: migrations/migration72.rollback.sql," in done.stderr
    assert "and 65 more" in done.stderr
    for number in range(3, 73):
        (workshop.root / f"migrations/migration{number}.sql").unlink()
    done = workshop.dbtool("migrate")
    assert "migration3, migration4, migration5, migration6, migration7 and 65 more" in done.stderr


def test_file_names_may_describe(workshop: Workshop) -> None:
    folder = workshop.root / "migrations"
    for ending in (".sql", ".rollback.sql"):
        (folder / f"migration2{ending}").rename(folder / f"migration2_cheap-things{ending}")
    workshop.migrate()
    shown = json.loads(workshop.dbtool("status", "--json").stdout)
    assert [entry["description"] for entry in shown["scripts"]] == ["", "", "cheap things"]
    assert "cheap things" in workshop.dbtool("status").stdout
    assert [each.id for each in workshop.rollback()] == ["migration2"]
    workshop.migrate()
    for ending in (".sql", ".rollback.sql"):  # a name that changes later is the same migration
        (folder / f"migration2_cheap-things{ending}").rename(folder / f"migration2{ending}")
    assert workshop.states()["migration2"] == "applied"
    assert [each.id for each in workshop.rollback()] == ["migration2"]


def test_a_file_has_its_own_limits(workshop: Workshop) -> None:
    shown = "current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')"
    limits = "-- lock_timeout: 250ms\n-- statement_timeout: 2min\n"
    text = f"{limits}create table shop.seen as select {shown} as seen;"
    workshop.write("migrations/migration2.sql", text)
    assert workshop.dbtool("migrate", "--lock-timeout", "9").exit_code == 0
    assert workshop.value("select seen from shop.seen") == "250ms 2min"


def test_an_older_checkout_tolerates_a_newer_database_when_told(workshop: Workshop) -> None:
    workshop.migrate()
    (workshop.root / "migrations/migration2.sql").unlink()
    refused = workshop.dbtool("migrate")
    assert (refused.exit_code, "--allow-newer" in refused.stderr) == (4, True)
    for command in ("migrate", "status"):
        assert workshop.dbtool(command, "--allow-newer").exit_code == 0
    (workshop.root / "migrations/migration1.sql").unlink()
    workshop.write("migrations/migration2.sql", "select 1;")
    assert workshop.dbtool("migrate", "--allow-newer").exit_code == 4  # a gap is none


def test_dump_after_migrate_is_the_same_text_for_the_same_schema(workshop: Workshop) -> None:
    if shutil.which("pg_dump") is None:
        pytest.skip("no pg_dump here")
    file = workshop.root / "now.sql"
    assert workshop.dbtool("migrate", "--dump", str(file)).exit_code == 0
    text = file.read_text()
    assert "CREATE VIEW shop.cheap" in text
    assert not {"\\restrict", "dbtool", "-- Dumped"} & set(text.split())
    workshop.dbtool("rollback", "--yes")
    assert workshop.dbtool("migrate", "--dump", str(file)).exit_code == 0
    assert file.read_text() == text


OTHER: Mapping[str, str] = {
    "dbtool.toml": 'history = "face"\n',
    "schema.sql": "create schema face;\n",
    "schema.rollback.sql": "drop schema face;\n",
    "migrations/migration1.sql": "create table face.page (id bigint);\n",
    "migrations/migration1.rollback.sql": "drop table face.page;\n",
}


@pytest.fixture
def other(tmp_path: Path) -> Project:
    """A second project for the same database."""
    for name, text in OTHER.items():
        path = tmp_path / "other" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Project.open(tmp_path / "other")


def test_projects_share_a_database_each_with_its_history(workshop: Workshop, other: Project) -> None:
    workshop.migrate(to=1)
    migrations.migrate(workshop.connect, other)
    assert workshop.states() == {"schema": "applied", "migration1": "applied", "migration2": "pending"}
    workshop.migrate()
    assert workshop.value("select count(*) from dbtool_face.applied_script") == 2
    arguments = ("--project", other.root, "--database-url", workshop.url)
    for words, exit_code in ((["status"], 0), (["verify"], 0), (["history"], 0), (["rollback", "--yes"], 0)):
        assert workshop.run(*words, *arguments).exit_code == exit_code
    assert workshop.dbtool("verify").exit_code == 0
    migrations.rollback(workshop.connect, other, to=0)
    assert workshop.value(
        "select to_regnamespace('dbtool_face') is null and to_regclass('dbtool.event') is not null"
    )


@pytest.mark.parametrize("name", ['""', '"a b"', '"A"', "7", '"x; drop schema shop"'])
def test_a_history_needs_a_plain_name(workshop: Workshop, other: Project, name: str) -> None:
    (other.root / "dbtool.toml").write_text(f"history = {name}\n")
    done = workshop.run("status", "--project", other.root, "--database-url", workshop.url)
    assert (done.exit_code, "history" in done.stderr) == (2, True)


def test_baseline_finds_out_the_version(workshop: Workshop, server_url: str) -> None:
    for text in ("schema.sql", "migrations/migration1.sql"):
        workshop.query((workshop.root / text).read_text())
    done = workshop.dbtool("baseline", "--server", server_url, "--json")
    assert json.loads(done.stdout)["adopted"] == ["schema", "migration1"], done.stderr


def test_baseline_shows_twenty_differences_and_never_guesses(workshop: Workshop, server_url: str) -> None:
    for text in ("schema.sql", "migrations/migration1.sql"):
        workshop.query((workshop.root / text).read_text())
    workshop.query("".join(f"create table shop.t{number} ();" for number in range(30)))
    done = workshop.dbtool("baseline", "1", "--server", server_url)
    assert (done.exit_code, "30 differences" in done.stderr, "and 10 more" in done.stderr) == (4, True, True)
    shown = json.loads(workshop.dbtool("baseline", "1", "--server", server_url, "--json").stdout)
    assert (shown["ok"], len(shown["differences"]), shown["adopted"]) == (False, 30, [])
    workshop.write("migrations/migration2.sql", "insert into shop.items values (1, 'x');")
    done = workshop.dbtool("baseline", "--server", server_url)
    assert (done.exit_code, "migration1 or migration2" in done.stderr) == (4, True), done.stderr


def test_privileges_that_are_missing_are_named_with_the_grant(workshop: Workshop) -> None:
    workshop.query("create role peers_low login")
    try:
        low = {"PGOPTIONS": "-c role=peers_low"}
        refused = workshop.dbtool("migrate", env=low)
        assert "grant create on database" in refused.stderr, refused.stderr
        workshop.migrate()
        refused = workshop.dbtool("status", env=low)
        assert "grant usage on schema dbtool to" in refused.stderr, refused.stderr
        assert "None" not in refused.stderr
    finally:
        workshop.query("drop role peers_low")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://localhost/x?schema=public", ("schema", "search_path")),
        ("postgresql://localhost/x?sslmod=require", ("sslmod", "Did you mean sslmode")),
        ("host=localhost dbnam=x", ("dbnam", "Did you mean dbname")),
    ],
)
def test_parameters_of_a_url_are_named(workshop: Workshop, url: str, words: tuple[str, ...]) -> None:
    done = workshop.run("status", "--project", workshop.root, "--database-url", url)
    assert done.exit_code == 2
    assert all(word in done.stderr for word in words), done.stderr


def test_the_target_is_never_shown_without_its_database(workshop: Workshop) -> None:
    env = {"PGDATABASE": "somewhere", "PGHOST": "/nowhere", "PGPORT": "1"}
    for url in ("postgresql://", "postgresql:///", "port=1"):
        done = workshop.run("migrate", "--project", workshop.root, "--database-url", url, env=env)
        assert "/somewhere?host=/nowhere" in done.stderr.splitlines()[0], done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("migrat",), "Did you mean migrate"),
        (("migrate", "--dryrun"), "--dry-run"),
        (("migrate", "--to", "migraton2"), "Did you mean migration2"),
        (("repair", "--forget", "migratoin1"), "Did you mean migration1"),
    ],
)
def test_what_is_nearly_right_is_said(workshop: Workshop, words: tuple[str, ...], said: str) -> None:
    done = workshop.dbtool(*words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")], done.stderr
    assert "Usage" not in done.stderr


@pytest.mark.parametrize(
    "command", ["migrate", "status", "history", "verify", "rollback", "seed", "repair", "baseline"]
)
def test_json_has_one_shape_also_on_errors(workshop: Workshop, command: str) -> None:
    words = [command, "--yes"] if command in ("rollback", "repair") else [command]
    good = workshop.dbtool(*words, "--json")
    other = workshop.run(
        *words, "--json", "--project", workshop.root, "--database-url", "postgresql://nobody@/x?host=/nowhere"
    )
    shown = json.loads(other.stdout)
    assert (shown["ok"], shown["error"]["exit_code"]) == (False, other.exit_code)
    assert set(json.loads(good.stdout)) == set(shown)
    typo = workshop.dbtool(command, "--jsn", "--json")
    assert json.loads(typo.stdout)["error"]["exit_code"] == 2


def test_what_was_done_before_a_failure_is_in_the_json(workshop: Workshop) -> None:
    workshop.write("migrations/migration2.sql", "select 1 / 0;")
    shown = json.loads(workshop.dbtool("migrate", "--json").stdout)
    assert (shown["applied"], shown["ok"]) == (["schema", "migration1"], False)


def test_history_is_readable_at_eighty_columns(workshop: Workshop) -> None:
    workshop.migrate()
    workshop.rollback()
    lines = workshop.dbtool("history").stdout.splitlines()
    assert max(map(len, lines)) <= 80, lines


def test_the_error_of_a_newer_history_names_the_option(workshop: Workshop) -> None:
    workshop.migrate()
    (workshop.root / "migrations/migration2.sql").unlink()
    with pytest.raises(HistoryProblem, match="1 missing"):
        workshop.migrate()
    assert workshop.migrate(allow_newer=True) == []


@pytest.mark.parametrize(
    ("message", "grant"),
    [
        ("permission denied for database shop", "grant create on database shop to ann;"),
        ("permission denied for tablespace fast", "grant create on tablespace fast to ann;"),
        ("permission denied for schema app", "grant usage, create on schema app to ann;"),
        ("permission denied for table app.t", "grant select on app.t to ann;"),
        ("permission denied for schema dbtool_face", "grant usage on schema dbtool_face to ann;"),
        ("permission denied for tablespace fast disk", 'grant create on tablespace "fast disk" to ann;'),
        ("permission denied for type mood", "grant usage on type mood to ann;"),
        ("permission denied for sequence s", "grant usage on sequence s to ann;"),
        ("permission denied for language c", "grant usage on language c to ann;"),
        ("permission denied for foreign server s", "grant usage on foreign server s to ann;"),
        (
            'permission denied to set parameter "log_statement"',
            "grant set on parameter log_statement to ann;",
        ),
        ('must be member of role "owner"', "grant owner to ann;"),
        ('must be able to SET ROLE "owner"', "grant owner to ann;"),
        ('permission denied to set role "owner"', "grant owner to ann;"),
        ("permission denied to create role", "alter role ann createrole;"),
    ],
)
def test_each_privilege_has_its_grant(message: str, grant: str) -> None:
    assert grant in (grant_hint(message, "ann") or "")
    assert '"An n"' in (grant_hint(message, "An n") or "")
    assert grant_hint("must be owner of table t", "ann") is None


def test_another_project_is_told_of_its_own_history(workshop: Workshop, other: Project) -> None:
    workshop.migrate()
    (other.root / "dbtool.toml").unlink()
    done = workshop.run("migrate", "--project", other.root, "--database-url", workshop.url)
    assert (done.exit_code, 'history = "NAME"' in done.stderr) == (4, True)


def test_who_needs_a_grant_is_the_role_that_the_file_has_set(workshop: Workshop) -> None:
    workshop.migrate(to="schema")
    workshop.write(
        "migrations/migration1.sql", "select 1;\nset local role pg_monitor;\ncreate table shop.x ();"
    )
    with pytest.raises(ScriptFailed) as refused:
        workshop.migrate()
    assert refused.value.line == 3
    assert "on schema shop to pg_monitor;" in (refused.value.hint or "")
