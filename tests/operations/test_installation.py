"""Building the whole database as somebody who is no superuser."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.client import Connection, Learn
from toolkit.errors import DbtoolError
from toolkit.history import migrations, seeds
from toolkit.project.layout import Project
from toolkit.servers.choose import ThrowawayServer

ROOT = Path(__file__).resolve().parents[2]
ROLE = re.compile(r"\blearn_(owner|editor|app|user|readonly)\b")


@dataclass(frozen=True)
class Place:
    """An empty database, a role to migrate as, and the project with role names of its own."""

    url: str
    migrator: str
    password: str
    prefix: str
    project: Project

    def admin(self) -> Connection:
        """As superuser."""
        return psycopg.connect(self.url, autocommit=True)

    def connect(self) -> Connection:
        """As the migrator."""
        return psycopg.connect(self.url, user=self.migrator, password=self.password)

    def role(self, name: str) -> str:
        """The name that learn_owner, … go by here."""
        return ROLE.sub(rf"{self.prefix}_\1", name)

    def migrate(self, connect: Callable[[], Connection] | None = None) -> None:
        """As the migrator, unless told otherwise."""
        connect = connect or self.connect
        migrations.migrate(connect, self.project)
        with closing(connect()) as connection:
            seeds.seed(connection, self.project, ["sql_platform"])


@pytest.fixture
def place(server: ThrowawayServer, tmp_path: Path) -> Iterator[Place]:
    token = secrets.token_hex(4)
    prefix, migrator, password = f"in{token}", f"mi{token}", secrets.token_hex(16)
    copy = tmp_path / "project"
    for name in ("migrations", "seeds"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "schema.sql", copy)
    if (ROOT / "schema.rollback.sql").exists():
        shutil.copy(ROOT / "schema.rollback.sql", copy)
    for path in copy.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        path.write_text(ROLE.sub(rf"{prefix}_\1", text), encoding="utf-8")
    name = f"install_{token}"
    server.create_database(name)
    made = Place(server.url(name), migrator, password, prefix, Project.open(copy))
    with closing(made.admin()) as admin:
        admin.execute(
            sql.SQL("create role {} login password {}").format(
                sql.Identifier(migrator), sql.Literal(password)
            )
        )
        admin.execute(
            sql.SQL("grant create on database {} to {}").format(
                sql.Identifier(admin.info.dbname), sql.Identifier(migrator)
            )
        )
    try:
        yield made
    finally:
        server.drop_database(name)
        with closing(psycopg.connect(server.url(), autocommit=True)) as admin:
            for role in (
                migrator,
                *(f"{prefix}_{kind}" for kind in ("owner", "editor", "app", "user", "readonly")),
            ):
                admin.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


def works(place: Place) -> None:
    """A learner goes through a lesson as the app, and everything belongs to the owner."""
    with closing(place.admin()) as admin:
        learn = Learn(admin)
        lesson = learn.make_lesson(1)
        with learn.role(place.role("learn_app")):
            user = learn.register_user("ada")
            assert learn.solve(user, lesson).total_xp == 85
        assert learn.check_integrity() == []
        owners = learn.tuples(
            "with ours as (select oid from pg_namespace where nspname in ('learn', 'learn_internal'))"
            " select distinct pg_get_userbyid(o) from ("
            " select c.relowner from pg_class c where c.relnamespace in (select oid from ours)"
            " union select p.proowner from pg_proc p where p.pronamespace in (select oid from ours)"
            " union select n.nspowner from pg_namespace n where n.oid in (select oid from ours)) x(o)"
        )
        assert owners == [(place.role("learn_owner"),)]


def test_a_role_that_may_create_roles_and_schemas_builds_the_database(place: Place) -> None:
    with closing(place.admin()) as admin:
        admin.execute(sql.SQL("alter role {} createrole").format(sql.Identifier(place.migrator)))
    place.migrate()
    works(place)


def make_roles(place: Place) -> None:
    with closing(place.admin()) as admin:
        for name in ("learn_owner", "learn_app", "learn_user", "learn_editor", "learn_readonly"):
            admin.execute(sql.SQL("create role {} nologin").format(sql.Identifier(place.role(name))))


def test_a_mere_member_of_the_owner_builds_the_database_where_the_roles_exist(place: Place) -> None:
    make_roles(place)
    with closing(place.admin()) as admin:
        admin.execute(
            sql.SQL("grant {} to {}").format(
                sql.Identifier(place.role("learn_owner")), sql.Identifier(place.migrator)
            )
        )
    place.migrate()
    works(place)


def test_a_member_builds_and_undoes_the_database_without_a_trace(place: Place) -> None:
    make_roles(place)
    with closing(place.admin()) as admin:
        admin.execute(
            sql.SQL("grant {} to {}").format(
                sql.Identifier(place.role("learn_owner")), sql.Identifier(place.migrator)
            )
        )
    place.migrate()
    migrations.rollback(place.connect, place.project, to=0)
    with closing(place.admin()) as admin:
        left = admin.execute(
            "select nspname from pg_namespace where nspname in ('learn', 'learn_internal')"
        ).fetchall()
    assert left == []


def test_without_the_right_to_create_roles_the_refusal_says_what_to_run(place: Place) -> None:
    with pytest.raises(DbtoolError) as caught:
        place.migrate()
    assert place.role("learn_owner") in str(caught.value)
    with closing(place.admin()) as admin:
        assert admin.execute("select 1 from pg_namespace where nspname = 'learn'").fetchall() == []


def test_nobody_but_a_member_of_the_owner_builds_the_database(place: Place) -> None:
    make_roles(place)
    with pytest.raises(DbtoolError) as caught:
        place.migrate()
    assert place.role("learn_owner") in str(caught.value)


def test_a_superuser_builds_the_database_where_the_roles_exist(place: Place) -> None:
    make_roles(place)
    place.migrate(lambda: psycopg.connect(place.url))
    works(place)
