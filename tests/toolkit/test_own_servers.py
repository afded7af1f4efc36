"""Which server, which database, which project: never another one than was meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import RunDbtool
from toolkit.connection import connect, own_server
from toolkit.errors import DbtoolError
from toolkit.servers.choose import open_throwaway
from toolkit.servers.cluster import KEPT_CLUSTERS
from toolkit.servers.throwaway import ThrowawayServer

# Each of them leads libpq to another server, or has it send something there.
ELSEWHERE = {
    "PGHOSTADDR": "127.0.0.1",
    "PGHOST": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGDATABASE": "elsewhere",
    "PGSERVICE": "elsewhere",
    "PGOPTIONS": "-c search_path=elsewhere -c role=elsewhere",
    "PGPASSWORD": "secret",
    "PGSSLMODE": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
}


def test_environment_leads_no_command_to_another_server(sample_project: Path, run_dbtool: RunDbtool) -> None:
    for words in (
        ["check", "--server", "embedded"],
        ["up"],
        ["status"],
        ["verify"],
        ["psql", "--", "-c", "select 1"],
    ):
        done = run_dbtool(words[0], "--project", sample_project, *words[1:], env=ELSEWHERE)
        # The sample has neither comments nor everything else that `check` asks for.
        assert done.exit_code == (6 if words[0] == "check" else 0), done.stderr
    assert run_dbtool("down", "--destroy", "--yes", "--project", sample_project).exit_code == 0


def test_environment_leads_no_throwaway_server_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    with open_throwaway("embedded") as own:
        own.create_database("mine")
        with connect(own.url("mine")) as conn:
            assert conn.info.dbname == "mine"
            assert conn.execute("show timezone").fetchone() == ("UTC",)
        connect(own.create_restricted("other")).close()
    assert os.environ["PGHOSTADDR"] == "127.0.0.1"


def data_of(server: ThrowawayServer) -> Path:
    with connect(server.url()) as conn:
        row = conn.execute("select current_setting('data_directory')").fetchone()
    assert row is not None
    return Path(row[0])


def test_another_server_in_the_place_of_an_own_one_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Known by the number of its cluster, whatever answers at the address."""
    monkeypatch.delenv(KEPT_CLUSTERS)  # copies have one number
    with open_throwaway("embedded") as own, open_throwaway("embedded") as other:
        own_server(own.url(), data_of(own))
        connect(own.url()).close()
        for data in (data_of(other), data_of(other).with_name("nowhere")):
            own_server(own.url(), data)
            with pytest.raises(DbtoolError):
                connect(own.url())


@pytest.mark.parametrize(
    "option", ["--database-url", "--target", "--project", "--targets", "--targets-query", "--yes-production"]
)
@pytest.mark.parametrize("value", ["", " \t"])
def test_empty_option_is_a_usage_error(
    option: str, value: str, sample_project: Path, run_dbtool: RunDbtool
) -> None:
    where = [] if option == "--project" else ["--project", sample_project]
    command = "rollback" if option == "--yes-production" else "migrate"
    done = run_dbtool(command, *where, option, value, cwd=sample_project, code=2)
    assert "empty" in done.stderr
    assert not (sample_project / ".dbtool").exists()


@pytest.mark.parametrize("name", ["DATABASE_URL", "DBTOOL_DATABASE_URL"])
@pytest.mark.parametrize("value", ["", "  "])
def test_empty_variable_is_a_usage_error(
    name: str, value: str, sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    done = run_dbtool("migrate", "--project", sample_project, env={name: value})
    assert (done.exit_code, name in done.stderr) == (2, True)
    assert not (sample_project / ".dbtool").exists()
    given = ("--project", sample_project, "--database-url", empty_database)
    assert run_dbtool("migrate", *given, env={name: value}).exit_code == 0


@pytest.mark.parametrize("gone", ["schema.sql", "migrations"])
@pytest.mark.parametrize("inside", [".", "migrations", "seeds/core"])
def test_half_a_project_is_never_taken_for_the_one_in_the_package(
    gone: str, inside: str, sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    (sample_project / gone).rename(sample_project / f"{gone}.away")
    folder = sample_project / inside
    if not folder.is_dir():
        folder = sample_project
    done = run_dbtool("status", "--database-url", empty_database, cwd=folder)
    assert (done.exit_code, "half a project" in done.stderr) == (2, True)


def test_production_is_known_whatever_the_url_looks_like(
    sample_project: Path, empty_database: str, server: ThrowawayServer, run_dbtool: RunDbtool
) -> None:
    with connect(empty_database) as conn:
        host, port, name = conn.info.host, conn.info.port, conn.info.dbname
    (sample_project / "dbtool.toml").write_text('[targets.live]\nurl = "${LIVE}"\nproduction = true\n')
    again = f"dbname={name} user=postgres host={host}/. port={port}"
    options = ("--project", sample_project, "--database-url")
    env = {"LIVE": empty_database}
    if server.url().startswith("postgresql://postgres@/"):
        assert run_dbtool("migrate", *options, empty_database, env=env).exit_code == 0
        refused = run_dbtool("rollback", *options, again, "--yes", env=env, code=2)
        assert "production" in refused.stderr


def test_a_project_that_was_found_is_named(
    sample_project: Path, empty_database: str, run_dbtool: RunDbtool
) -> None:
    options = ("migrate", "--dry-run", "--database-url", empty_database)
    inside = run_dbtool(*options, cwd=sample_project / "migrations")
    assert f"project: {sample_project}" in inside.stderr
    assert f"project: {sample_project}" in run_dbtool(*options, cwd=sample_project).stderr
    assert "project: " in run_dbtool(*options).stderr
    assert "project:" not in run_dbtool(*options, "--project", sample_project).stderr  # its user has named it
