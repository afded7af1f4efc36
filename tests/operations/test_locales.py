"""A database of another locale: in Turkish, the small letter of I is not i."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.calls import CALLS, make_scene, statement
from tests.client import Connection, Learn
from toolkit.connection import with_database
from toolkit.errors import ScriptFailed
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import ThrowawayServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def turkish(server: ThrowawayServer) -> Iterator[Connection]:
    """Built and seeded in Turkish where the server has ICU; elsewhere in C, where only A to Z have a case."""
    name = f"turkish_{secrets.token_hex(4)}"
    with closing(psycopg.connect(server.url(), autocommit=True)) as admin:
        icu = admin.execute("select 1 from pg_collation where collname = 'tr-TR-x-icu'").fetchone()
        how = sql.SQL("locale_provider icu icu_locale 'tr-TR'" if icu else "locale 'C'")
        admin.execute(
            sql.SQL("create database {} template template0 encoding 'UTF8' {}").format(
                sql.Identifier(name), how
            )
        )
        try:
            url = with_database(server.url(), name)
            migrations.migrate(lambda: psycopg.connect(url), Project.find(ROOT))
            with closing(psycopg.connect(url)) as connection:
                seeds.seed(connection, Project.find(ROOT), ["web3versity"])
                yield connection
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_every_call_is_answered_in_turkish(turkish: Connection) -> None:
    learn = Learn(turkish)
    scene = make_scene(learn)
    for name in CALLS:
        with turkish.transaction(force_rollback=True):
            turkish.execute(statement(name), scene)
    learn.register_user("IRMAK", email="INFO@example.org")
    with learn.refuses("LX001"):
        learn.register_user("irmak")
    with learn.refuses("LX001"):
        learn.register_user("other", email="info@example.org")
    filipino = """select learn.localized('{"fil": {"title": "Aralin"}}', 'FIL-PH', 'title', 'Lesson')"""
    assert learn.value(filipino) == "Aralin"
    assert learn.check_integrity() == []


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding_is_refused_with_the_way_out(
    server: ThrowawayServer, encoding: str
) -> None:
    name = f"latin_{secrets.token_hex(4)}"
    with closing(psycopg.connect(server.url(), autocommit=True)) as admin:
        admin.execute(
            sql.SQL("create database {} template template0 encoding {} locale 'C'").format(
                sql.Identifier(name), encoding
            )
        )
        try:
            with pytest.raises(ScriptFailed) as caught:
                migrations.migrate(
                    lambda: psycopg.connect(with_database(server.url(), name)), Project.find(ROOT)
                )
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    assert (caught.value.sqlstate, "encoding 'UTF8'" in (caught.value.hint or "")) == ("0A000", True)


def test_no_function_puts_the_name_of_an_operation_in_lower_case_as_the_locale_does(learn: Learn) -> None:
    lowered = "select proname from pg_proc where prosrc ~ 'lower[(]tg_op[)]'"
    assert learn.tuples(lowered) == []
