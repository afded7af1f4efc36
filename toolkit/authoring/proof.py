"""Proof that two lists of scripts build the same: the catalogs and rows of what they build are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psycopg

from toolkit.catalog import contents
from toolkit.catalog import read as catalog
from toolkit.connection import connect
from toolkit.history import migrations
from toolkit.project.layout import Project, Script

if TYPE_CHECKING:
    from toolkit.servers.throwaway import ThrowawayServer


@dataclass(frozen=True)
class Built:
    """A database: what it consists of, what its tables hold."""

    catalog: catalog.Catalog
    rows: contents.Contents


def differences(server: ThrowawayServer, project: Project, other: Project) -> list[str]:
    """What is different in a database that `project` builds from one that `other` builds, a line for each."""
    with TemporaryDirectory() as folder:
        wanted, varying = what_they_build(server, other.scripts(), Path(folder))
        texts = [script.text for script in project.scripts()]
        return differences_between(wanted, build(server, texts, Path(folder), varying))


def differences_between(wanted: Built, built: Built) -> list[str]:
    """The same of two databases that were read."""
    found = [str(each) for each in catalog.diff(wanted.catalog, built.catalog)]
    return found + contents.diff(wanted.rows, built.rows)


def what_they_build(
    server: ThrowawayServer, scripts: Sequence[Script], folder: Path
) -> tuple[Built, frozenset[tuple[str, str]]]:
    """What the files build, and the columns that are different every time."""
    texts = [script.text for script in scripts]
    first = build(server, texts, folder, frozenset())
    varying = contents.varying(first.rows, build(server, texts, folder, frozenset()).rows)
    return build(server, texts, folder, varying), varying


def build(
    server: ThrowawayServer, texts: Sequence[str], folder: Path, varying: frozenset[tuple[str, str]]
) -> Built:
    """What these texts build, the first of which is the schema's."""
    with database(server, texts, folder) as (connect_to, project):
        migrations.migrate(connect_to, project)
        with connect_to() as conn:
            return Built(catalog.read(conn), contents.read(conn, varying))


class database:  # noqa: N801  a context manager
    """A new database and a project of these texts, whose first is the schema."""

    def __init__(
        self, server: ThrowawayServer, texts: Sequence[str], folder: Path, rollback: str | None = None
    ) -> None:
        self._server, self._texts, self._root, self._rollback = server, texts, folder, rollback

    def __enter__(self) -> tuple[Callable[[], psycopg.Connection[tuple[object, ...]]], Project]:
        (self._root / "migrations").mkdir(exist_ok=True)
        for old in (self._root / "migrations").iterdir():
            old.unlink()
        for number, text in enumerate(self._texts):
            name = f"migrations/migration{number}.sql" if number else "schema.sql"
            (self._root / name).write_text(text, encoding="utf-8")
        if self._rollback is not None:
            (self._root / "schema.rollback.sql").write_text(self._rollback, encoding="utf-8")
        self._server.create_database("squash")
        url = self._server.url("squash")
        return partial(connect, url, application_name="dbtool squash"), Project.open(self._root)

    def __exit__(self, *_: object) -> None:
        self._server.drop_database("squash")
