"""Connecting: every way to name a database, one clear message when it fails, and no password anywhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.migrations.conftest import Workshop

SECRET = "s3cr3t-p4ss"

RunDbtool = Callable[..., Any]


@pytest.fixture
def refusing_server() -> Iterator[int]:
    """The port of a server that refuses every password as PostgreSQL does."""
    fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "bob"\0\0'
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    length = int.from_bytes(client.recv(4), "big")
                    startup = client.recv(length - 4)
                    while startup[:2] == b"\x04\xd2":  # SSL or GSS request
                        client.sendall(b"N")
                        length = int.from_bytes(client.recv(4), "big")
                        startup = client.recv(length - 4)
                    client.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
                    client.recv(1024)
                    client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def fails_cleanly(run_dbtool: RunDbtool, project: Path, url: str, exit_code: int) -> str:
    """Check both ways to give the URL, and a traceback; return what the last one said."""
    calls: list[tuple[list[str], dict[str, str]]] = [
        (["status"], {"DATABASE_URL": url}),
        (["migrate", "--database-url", url], {}),
        (["--debug", "seed", "--database-url", url], {}),
    ]
    said = ""
    for command, env in calls:
        result = run_dbtool("--project", project, *command, env=env)
        assert result.exit_code == exit_code, result
        assert SECRET not in result.stdout + result.stderr
        assert ("Traceback" in result.stderr) == ("--debug" in command)
        assert result.stderr.count("error: ") >= 1
        said = result.stderr
    return said


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://bob:{secret}@127.0.0.1:{port}/db",
        "host=127.0.0.1 port={port} user=bob password='{secret}' dbname=db",
        "postgres:///db?host=127.0.0.1&port={port}&user=bob&password={secret}",
    ],
)
def test_wrong_password(sample_project: Path, run_dbtool: RunDbtool, refusing_server: int, form: str) -> None:
    url = form.format(secret=SECRET, port=refusing_server)
    said = fails_cleanly(run_dbtool, sample_project, url, 1)
    assert "password authentication failed" in said
    assert "postgresql://bob@127.0.0.1" in said


def test_unknown_host(sample_project: Path, run_dbtool: RunDbtool) -> None:
    said = fails_cleanly(run_dbtool, sample_project, f"postgresql://bob:{SECRET}@no-such-host.invalid/db", 1)
    assert "no-such-host.invalid" in said


def test_closed_port(sample_project: Path, run_dbtool: RunDbtool) -> None:
    fails_cleanly(run_dbtool, sample_project, f"postgresql://bob:{SECRET}@127.0.0.1:1/db", 1)


def test_unknown_database(workshop: Workshop) -> None:
    url = make_conninfo(workshop.url, dbname="no_such_database")
    result = workshop.run("--project", workshop.root, "--database-url", url, "status")
    assert result.exit_code == 1
    assert "no_such_database" in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error:")]) == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://bob:{secret}@localhost/db",
        "mysql://bob:{secret}@localhost/db",
        "postgresql://bob:x@{secret}@localhost/db",
        "postgresql://bob:x/{secret}@localhost/db",
        "postgresql://bob:{secret}%zz@localhost/db",
        "postgresql://bob:x@localhost:{secret}x/db?sslmode",
        "password=x {secret} host=localhost",
        "host=localhost pasword={secret}",
        "{secret}",
    ],
)
def test_url_that_is_not_valid_is_a_usage_error_that_repeats_nothing_of_it(
    sample_project: Path, run_dbtool: RunDbtool, url: str
) -> None:
    fails_cleanly(run_dbtool, sample_project, url.format(secret=SECRET), 2)


def test_every_form_of_a_libpq_connection_string_works(workshop: Workshop) -> None:
    given = {name: str(value) for name, value in conninfo_to_dict(workshop.url).items()}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    several = {**given, "host": f"127.0.0.2,{given['host']}", "port": f"1,{given.get('port', '5432')}"}
    forms = [
        workshop.url,
        workshop.url.replace("postgresql://", "postgres://"),
        make_conninfo(**given),
        f"postgresql://?{query}",
        f"postgresql:///{given['dbname']}?{query}&options=-c%20statement_timeout%3D60s&sslmode=prefer",
        make_conninfo(**several),
        make_conninfo(workshop.url, connect_timeout=30, keepalives=1),
    ]
    for number, form in enumerate(forms):
        result = workshop.run("--project", workshop.root, "--database-url", form, "migrate")
        assert result.exit_code == 0, (number, result.stderr)
    assert set(workshop.states().values()) == {"applied"}


def test_service_file_works(workshop: Workshop, tmp_path: Path) -> None:
    settings = "\n".join(f"{name}={value}" for name, value in conninfo_to_dict(workshop.url).items())
    (tmp_path / "services").write_text(f"[laurel]\n{settings}\n")
    env = {"PGSERVICEFILE": str(tmp_path / "services"), "DBTOOL_DATABASE_URL": "service=laurel"}
    assert workshop.run("--project", workshop.root, "migrate", env=env).exit_code == 0
    assert set(workshop.states().values()) == {"applied"}


def test_variable_of_dbtool_wins_over_the_common_one_and_the_option_over_both(workshop: Workshop) -> None:
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    run, project = workshop.run, ("--project", workshop.root)
    env = {"DATABASE_URL": nowhere, "DBTOOL_DATABASE_URL": workshop.url}
    assert run(*project, "status", env=env).exit_code == 3
    env = {"DATABASE_URL": workshop.url, "DBTOOL_DATABASE_URL": nowhere}
    assert run(*project, "status", env=env).exit_code == 1
    assert run(*project, "status", "--database-url", workshop.url, env=env).exit_code == 3


SEES_NAME = "create schema shop; create table shop.seen as select current_setting('application_name') name;"


@pytest.mark.parametrize(
    ("extra", "env", "name"),
    [
        ({}, {}, "dbtool migrate"),
        ({"application_name": "night"}, {}, "night"),
        ({}, {"PGAPPNAME": "nightly"}, "nightly"),
    ],
)
def test_connection_is_named_after_the_command_unless_the_caller_names_it(
    workshop: Workshop, extra: dict[str, str], env: dict[str, str], name: str
) -> None:
    workshop.write("schema.sql", SEES_NAME)
    url = make_conninfo(workshop.url, **extra)
    arguments = ("--project", workshop.root, "--database-url", url, "migrate", "--to", "schema")
    assert workshop.run(*arguments, env=env).exit_code == 0
    assert workshop.value("select name from shop.seen") == name


def test_client_encoding_of_the_environment_does_not_matter(workshop: Workshop) -> None:
    workshop.write("migrations/migration1.sql", "insert into shop.items values (1, 'Ł€😀');")
    assert workshop.dbtool("migrate", "--to", "1", env={"PGCLIENTENCODING": "LATIN1"}).exit_code == 0
    assert workshop.value("select name from shop.items") == "Ł€😀"


def test_status_and_migrate_show_the_target_without_its_password(workshop: Workshop) -> None:
    workshop.query(f"create role dbtool_test_bob superuser login password '{SECRET}'")
    try:
        url = make_conninfo(workshop.url, user="dbtool_test_bob", password=SECRET)
        for command in (["status"], ["status", "--json"], ["migrate"], ["migrate"], ["migrate", "--json"]):
            result = workshop.run("--project", workshop.root, "--database-url", url, *command)
            assert result.exit_code in (0, 3)
            assert SECRET not in result.stdout + result.stderr
    finally:
        workshop.query("drop owned by dbtool_test_bob cascade; drop role dbtool_test_bob")
