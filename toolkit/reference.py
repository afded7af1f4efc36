"""What a list of scripts builds: its catalog, read from a throwaway database."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit import migrations
from toolkit.catalog import Catalog, read
from toolkit.context import connect
from toolkit.errors import HistoryProblem
from toolkit.project import SCHEMA_ID, Project

if TYPE_CHECKING:
    from toolkit.history import Applied
    from toolkit.throwaway import ThrowawayServer

DATABASE = "reference"
OpenServer = Callable[[], "AbstractContextManager[ThrowawayServer]"]


@dataclass(frozen=True)
class Reference:
    """The catalog of a database before and after the scripts, and the role that ran them."""

    empty: Catalog
    built: Catalog
    builder: str


def build(server: ThrowawayServer, texts: Sequence[tuple[int, str]]) -> Reference:
    """Runs scripts, given as number (0: the schema) and text, on a new database of the server.

    Raises ScriptFailed for one that does not run there.
    """
    server.create_database(DATABASE)
    connect_to = partial(connect, server.url(DATABASE), application_name="dbtool")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "migrations").mkdir()
        for number, text in texts:
            path = root / (f"migrations/migration{number}.sql" if number else f"{SCHEMA_ID}.sql")
            path.write_text(text, encoding="utf-8")
        with connect_to() as connection:
            empty = read(connection)
            migrations.migrate(connect_to, Project.open(root))
            connection.commit()
            reference = Reference(empty, read(connection), connection.info.user)
    server.drop_database(DATABASE)
    return reference


def build_once(
    open_server: OpenServer, major: int, texts: Sequence[tuple[int, str]], folder: Path
) -> Reference:
    """The same as `build` on a server of that version, kept in a folder for other runs with these texts."""
    name = hashlib.sha256(json.dumps([major, list(texts)]).encode()).hexdigest()
    path = folder / f"{name}.json"
    if not path.exists():
        with open_server() as server:
            found = build(server, texts)
        draft = path.with_suffix(f".{os.getpid()}")
        parts = [
            [[*key, facts] for key, facts in each.objects.items()] for each in (found.empty, found.built)
        ]
        draft.write_text(json.dumps([*parts, found.builder]), encoding="utf-8")
        draft.replace(path)
    empty, built, builder = json.loads(path.read_text(encoding="utf-8"))
    return Reference(_catalog(empty), _catalog(built), builder)


def _catalog(entries: list[tuple[str, str, str]]) -> Catalog:
    return Catalog({(kind, identity): facts for kind, identity, facts in entries})


def applied_texts(applied: Sequence[Applied], project: Project) -> list[tuple[int, str]]:
    """The scripts as they were applied; the project's files for those that plain yoyo marked.

    Raises HistoryProblem when a text is to be had from neither.
    """
    files = {script.number: script for script in project.scripts()}
    unknown = [each.id for each in applied if each.text is None and each.number not in files]
    if unknown:
        raise HistoryProblem(
            f"the text of {', '.join(unknown)} is neither in the history nor in {project.root}",
            hint="Get the file from where the project was when it was applied.",
        )
    return [(each.number, files[each.number].text if each.text is None else each.text) for each in applied]
