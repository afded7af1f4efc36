"""What a list of scripts builds: its catalog, read from a throwaway database."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.catalog.read import Catalog, read
from toolkit.connection import connect
from toolkit.errors import HistoryProblem, ScriptFailed
from toolkit.history import migrations
from toolkit.history.squashed import fold
from toolkit.live.clone import reworded
from toolkit.project.layout import SCHEMA_ID, Project
from toolkit.sql.script import same_but_comments

if TYPE_CHECKING:
    from toolkit.history.history import Applied
    from toolkit.servers.throwaway import ThrowawayServer

DATABASE = "reference"
OpenServer = Callable[[], "AbstractContextManager[ThrowawayServer]"]


@dataclass(frozen=True)
class Texts:
    """Scripts, given as number (0: the schema) and text."""

    scripts: tuple[tuple[int, str], ...]
    foreign: tuple[str, ...] = ()
    """Which of them only the database has in this wording: whoever can write there may have written them."""
    is_trusted: bool = True
    """Whether all may do what a superuser may on the throwaway server."""


@dataclass(frozen=True)
class Reference:
    """The catalog of a database before and after the scripts, and the role that ran them."""

    empty: Catalog
    built: Catalog
    builder: str
    reworded: tuple[Catalog, ...] = ()
    """What is built, after a dump and a restore; where it was asked for."""


def build(
    server: ThrowawayServer, texts: Texts, *, is_unlike: Callable[[Reference], bool] = lambda _: False
) -> Reference:
    """Runs scripts on a new database of the server.

    When `is_unlike` finds that something is not as expected, it is read a second time as a dump words it.
    Raises ScriptFailed for one that does not run there, HistoryProblem when it is one of the foreign.
    """
    if texts.is_trusted:
        server.create_database(DATABASE)
    url = server.url(DATABASE) if texts.is_trusted else server.create_restricted(DATABASE)
    connect_to = partial(connect, url, application_name="dbtool")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "migrations").mkdir()
        for number, text in texts.scripts:
            path = root / (f"migrations/migration{number}.sql" if number else f"{SCHEMA_ID}.sql")
            path.write_text(text, encoding="utf-8")
        try:
            with connect_to() as connection:
                empty = read(connection)
                migrations.migrate(connect_to, Project.open(root))
                connection.commit()
                built = read(connection, with_needs=True)
                reference = Reference(empty, built, connection.info.user)
            if is_unlike(reference):
                made = [text for _, text in texts.scripts] if texts.is_trusted else []
                again = reworded(url, server, made, is_trusted=texts.is_trusted)
                reference = replace(reference, reworded=(again,) if again else ())
        except ScriptFailed as error:
            if texts.is_trusted:
                raise
            raise HistoryProblem(
                f"what was applied does not run without a superuser's rights: {error.message}",
                detail=error.detail,
                hint=f"The texts of {', '.join(texts.foreign)} are the database's own, so none is run with"
                " such rights. Get the project's files as they were applied; or give --trust-target, if you"
                " trust whoever can write to that database as you trust who may log in on this machine.",
            ) from error
        finally:
            server.drop_database(DATABASE)
    return reference


def build_once(open_server: OpenServer, major: int, texts: Texts, folder: Path) -> Reference:
    """The same as `build` on a server of that version, kept in a folder for other runs with these texts."""
    name = hashlib.sha256(json.dumps([major, texts.is_trusted, texts.scripts]).encode()).hexdigest()
    path = folder / f"{name}.json"
    if not path.exists():
        with open_server() as server:
            found = build(server, texts, is_unlike=lambda _: True)
        draft = path.with_suffix(f".{os.getpid()}")
        parts = [
            [[[*key, facts] for key, facts in each.objects.items()], {k: [*v] for k, v in each.needs.items()}]
            for each in (found.empty, found.built, *found.reworded)
        ]
        draft.write_text(json.dumps([found.builder, *parts]), encoding="utf-8")
        draft.replace(path)
    builder, empty, built, *again = json.loads(path.read_text(encoding="utf-8"))
    return Reference(_catalog(*empty), _catalog(*built), builder, tuple(_catalog(*each) for each in again))


def _catalog(entries: list[tuple[str, str, str]], needs: dict[str, list[str]]) -> Catalog:
    objects = {(kind, identity): facts for kind, identity, facts in entries}
    return Catalog(objects, {user: frozenset(names) for user, names in needs.items()})


def applied_texts(applied: Sequence[Applied], project: Project, *, trust_all: bool = False) -> Texts:
    """The scripts as they were applied: the project's files where they say the same, else the history's.

    Whoever may write to the history's tables may have put anything there, so one such text takes the rights
    of a superuser from all of them, unless `trust_all`. Raises HistoryProblem when a text is nowhere.
    """
    scripts = project.scripts()
    files = {script.number: script.text for script in scripts}
    with suppress(HistoryProblem):  # it has other texts than those that were squashed
        applied = fold(applied, scripts[0])
    unknown = [each.id for each in applied if each.text is None and each.number not in files]
    if unknown:
        raise HistoryProblem(
            f"the text of {', '.join(unknown)} is neither in the history nor in {project.root}",
            hint="Get the file from where the project was when it was applied.",
        )
    texts, foreign = [], []
    for each in applied:
        file = files.get(each.number)
        if each.text is None or (file is not None and _is_same(each.text, file)):
            assert file is not None
            texts.append((each.number, file))
        else:
            texts.append((each.number, each.text))
            foreign.append(each.id)
    return Texts(tuple(texts), tuple(foreign), is_trusted=trust_all or not foreign)


def _is_same(text: str, file: str) -> bool:
    return text == file or same_but_comments(text, file)
