"""One command on many databases: which, how many at a time, what is said, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import ROOT, Result, RunDbtool
from tests.waiting import PATIENCE, wait_until
from toolkit import fleet
from toolkit.errors import UsageProblem
from toolkit.servers.throwaway import ThrowawayServer

_numbers = count(1)


class Databases:
    """Some empty databases, and a project to apply to them."""

    def __init__(self, server: ThrowawayServer, project: Path, run: RunDbtool, folder: Path) -> None:
        prefix = f"fleet{next(_numbers)}_"
        self.names = [f"{prefix}{letter}" for letter in "abc"]
        self.server, self.project, self.run_dbtool = server, project, run
        for name in self.names:
            server.create_database(name)
        self.file = folder / "targets"
        self.write(*(f"{name[-1]} = {server.url(name)}" for name in self.names))

    def write(self, *lines: str) -> None:
        self.file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, command: str, *args: str | Path) -> Result:
        return self.run_dbtool("--project", self.project, command, "--targets", self.file, *args)

    def execute(self, name: str, statement: str) -> None:
        with psycopg.connect(self.server.url(name), autocommit=True) as conn:
            conn.execute(statement.encode())


@pytest.fixture
def databases(
    server: ThrowawayServer, sample_project: Path, run_dbtool: RunDbtool, tmp_path: Path
) -> Iterator[Databases]:
    """Three empty databases, listed in a file as a, b and c."""
    made = Databases(server, sample_project, run_dbtool, tmp_path)
    yield made
    for name in made.names:
        server.drop_database(name)


def last_words(result: Result) -> dict[str, str]:
    """What was said of each database, by name."""
    lines = [line.split("] ", 1)[1] for line in result.stdout.splitlines() if line.startswith("[")]
    return dict(line.split(": ", 1) for line in lines)


def test_every_database_of_the_file_is_migrated_and_has_its_line(databases: Databases) -> None:
    result = databases.run("migrate")
    assert result.exit_code == 0, result.stderr
    assert {name: said.split(" (")[0] for name, said in last_words(result).items()} == dict.fromkeys(
        "abc", "applied schema, migration1, migration2"
    )
    assert databases.run("status").exit_code == 0
    assert databases.run("verify", "--server", databases.server.url(), "--jobs", "2").exit_code == 0


def test_one_that_fails_does_not_hold_up_the_others_and_decides_the_exit_code(databases: Databases) -> None:
    databases.execute(databases.names[1], "create schema shop")
    result = databases.run("migrate")
    assert result.exit_code == 1
    said = last_words(result)
    assert said["a"].startswith("applied")
    assert said["b"].startswith("exit code 1: schema.sql:1: ")
    assert said["c"].startswith("applied")
    assert "1 of 3 databases: b" in result.stderr


def test_stop_on_first_begins_no_further_one(databases: Databases) -> None:
    databases.execute(databases.names[0], "create schema shop")
    result = databases.run("migrate", "--stop-on-first", "--jobs", "1")
    assert result.exit_code == 1
    assert {name: said for name, said in last_words(result).items() if name != "a"} == {
        "b": "not run",
        "c": "not run",
    }
    assert databases.run("status").exit_code == 3


def test_json_has_every_database_in_the_order_of_the_file(databases: Databases) -> None:
    databases.run("migrate", "--to", "1")
    databases.execute(databases.names[2], "drop schema shop cascade")
    result = databases.run("verify", "--json", "--server", databases.server.url())
    assert result.exit_code == 4
    listed = json.loads(result.stdout)["databases"]
    assert [(each["name"], each["exit_code"]) for each in listed] == [("a", 0), ("b", 0), ("c", 4)]
    assert listed[0]["answer"]["version"] == "migration1"
    assert {each["identity"] for each in listed[2]["answer"]["differences"]} >= {"shop", "shop.items"}


def test_what_is_compared_with_is_built_once_for_databases_with_the_same_history(
    databases: Databases, tmp_path: Path
) -> None:
    databases.run("migrate")
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in databases.names:
        options = ("--server", databases.server.url(), "--kept-in", kept)
        url = databases.server.url(name)
        result = databases.run_dbtool(
            "--project", databases.project, "--database-url", url, "verify", *options
        )
        assert result.exit_code == 0, result.stderr
        databases.server.drop_database(name)
        assert len(list(kept.iterdir())) == 1


def test_a_history_problem_weighs_more_than_pending_migrations(databases: Databases) -> None:
    databases.run("migrate", "--to", "1")
    databases.execute(databases.names[0], "update dbtool.applied_script set checksum = 'x'")
    assert databases.run("status").exit_code == 4


def test_a_query_lists_the_databases(databases: Databases, run_dbtool: RunDbtool) -> None:
    real = [conninfo_to_dict(databases.server.url(name))["dbname"] for name in databases.names[:2]]
    query = f"select datname from pg_database where datname in ('{real[0]}', '{real[1]}') order by 1"
    options = ("--project", databases.project, "--database-url", databases.server.url())
    result = run_dbtool("migrate", *options, "--targets-query", query, code=0)
    assert set(last_words(result)) == set(real)


def test_no_password_is_shown(databases: Databases) -> None:
    databases.write("postgresql://ann:s3cret@127.0.0.1:1/shop", "host=127.0.0.1 port=1 password=s3cret")
    result = databases.run("status")
    assert result.exit_code == 1
    assert "s3cret" not in result.stdout + result.stderr
    assert "postgresql://ann@127.0.0.1:1/shop: exit code 1: cannot connect" in result.stdout


def test_ctrl_c_ends_every_run_and_leaves_nothing_half_applied(databases: Databases) -> None:
    slow = databases.project / "migrations/migration1.sql"
    slow.write_text("create table shop.slow (id integer); select pg_sleep(600);", encoding="utf-8")
    running = (
        "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
    )
    words = [sys.executable, "-m", "toolkit", "--project", str(databases.project), "migrate", "--targets"]
    process = subprocess.Popen(
        [*words, str(databases.file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with psycopg.connect(databases.server.url(), autocommit=True) as conn:

        def wait_for(number: int) -> None:
            wait_until(lambda: conn.execute(running.encode()).fetchone() == (number,))

        wait_for(3)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
        wait_for(0)
    assert process.returncode == 130
    assert stderr.strip().splitlines()[-1].startswith("interrupted")
    with psycopg.connect(databases.server.url(databases.names[0])) as conn:
        assert conn.execute("select to_regclass('shop.slow')").fetchone() == (None,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "mysql://x/y",
        "a = postgresql:///x\na = postgresql:///y",
        "postgresql:///x\npostgresql:///x",
    ],
)
def test_a_file_that_lists_nothing_useful_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "targets"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem):
        fleet.read_targets(path)


def test_lines_may_be_urls_or_key_values_with_or_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "targets"
    path.write_text("postgresql:///x\n\n eu-1 = host=h dbname=d\nhost = h dbname=e\n", encoding="utf-8")
    assert [(each.name, each.url) for each in fleet.read_targets(path)] == [
        ("postgresql:///x", "postgresql:///x"),
        ("eu-1", "host=h dbname=d"),
        ("postgresql://h/e", "host = h dbname=e"),
    ]


def test_the_command_line_of_one_database_chooses_no_databases() -> None:
    line = ["--database-url", "x", "migrate", "--to", "3", "--targets=f", "--jobs", "2", "--stop-on-first"]
    assert fleet.own_arguments(line) == ["migrate", "--to", "3", "--json"]
