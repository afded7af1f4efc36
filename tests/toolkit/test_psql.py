"""`dbtool psql`: the right server, psql's own exit code, and no password where others can see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import RunDbtool
from toolkit.errors import UsageProblem
from toolkit.servers.binaries import psql_call
from toolkit.servers.embedded import EmbeddedServer

FAKE = """#!/usr/bin/env python3
import json, os
words = open("/proc/self/cmdline").read().split("\\0")[:-1]
names = ("PGPASSWORD", "PGHOST")
print(json.dumps([words, {name: os.environ.get(name) for name in names}]))
"""


@pytest.fixture
def fake_psql(tmp_path: Path) -> dict[str, str]:
    """An environment in which psql only tells how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "psql").write_text(FAKE)
    (folder / "psql").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_psql_reaches_the_target_and_passes_its_exit_code(
    sample_project: Path, run_dbtool: RunDbtool, empty_database: str
) -> None:
    args = ("--database-url", empty_database, "psql", "--")
    done = run_dbtool(*args, "-tA", "-c", "select 40 + 2", cwd=sample_project)
    assert (done.exit_code, done.stdout) == (0, "42\n")
    failed = run_dbtool(
        *args, "-v", "ON_ERROR_STOP=1", "-f", "-", cwd=sample_project, stdin="select 1/0;", code=3
    )
    assert "division by zero" in failed.stderr


def test_psql_reads_its_script_from_standard_input(
    sample_project: Path, run_dbtool: RunDbtool, empty_database: str
) -> None:
    done = run_dbtool("psql", "--database-url", empty_database, cwd=sample_project, stdin="\\echo hello\n")
    assert (done.exit_code, done.stdout) == (0, "hello\n")


def test_psql_starts_the_embedded_server_and_uses_its_own_psql(
    sample_project: Path, run_dbtool: RunDbtool, fake_psql: dict[str, str]
) -> None:
    try:
        done = run_dbtool(
            "psql", "--", "-tAc", "select current_database()", cwd=sample_project, env=fake_psql
        )
        assert (done.exit_code, done.stdout) == (0, "app\n")
    finally:
        EmbeddedServer(sample_project / ".dbtool").destroy()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret%20%40@db.example:5433/shop?application_name=x&sslmode=require",
        "postgres://me@db.example:5433/shop?password=s3cret%20%40&application_name=x&sslmode=require",
        "host=db.example port=5433 user=me password='s3cret @' dbname=shop sslmode=require",
    ],
)
def test_password_is_not_on_the_command_line(
    url: str, sample_project: Path, run_dbtool: RunDbtool, fake_psql: dict[str, str]
) -> None:
    done = run_dbtool(
        "psql",
        "--",
        "-c",
        "select 1",
        cwd=sample_project,
        env={**fake_psql, "DBTOOL_DATABASE_URL": url},
        code=0,
    )
    words, environment = json.loads(done.stdout)
    assert "s3cret" not in " ".join(words)
    assert environment["PGPASSWORD"] == "s3cret @"
    assert words[-2:] == ["-c", "select 1"]
    connection = words[words.index("-d") + 1]
    for part in ("host=db.example", "port=5433", "user=me", "dbname=shop", "sslmode=require"):
        assert part in connection


def test_url_without_password_leaves_the_users_own_in_place() -> None:
    words, environment = psql_call("psql", "service=prod", [], {"PGPASSWORD": "mine", "HOME": "/h"})
    assert words == ["psql", "-d", "service=prod"]
    assert environment == {"PGPASSWORD": "mine", "HOME": "/h"}


def test_secret_that_psql_would_show_is_refused() -> None:
    with pytest.raises(UsageProblem) as caught:
        psql_call("psql", "postgresql://h/d?sslpassword=hush", [], {})
    assert "hush" not in "\n".join(caught.value.lines())


def test_invalid_url_is_a_usage_error(sample_project: Path, run_dbtool: RunDbtool) -> None:
    done = run_dbtool("psql", "--database-url", "mysql://u:hush@h/d", cwd=sample_project, code=2)
    assert "hush" not in done.stdout + done.stderr
