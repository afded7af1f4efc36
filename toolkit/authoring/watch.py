"""Replacing objects in a development database whenever their sources are saved; nothing is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psycopg

from ..catalog.objects import live
from ..catalog.read import read as read_catalog
from ..history.run import Connect
from ..project import sources
from ..project.layout import Project
from ..project.sources import Sources
from ..sql.statements import Name
from . import drift
from .drift import Unsettled, settle
from .generate import FrozenTexts

PAUSE = 0.2
"""Seconds between two looks at the folders: hundreds of files take a few milliseconds."""
Stamps = Mapping[Path, tuple[int, int]]


class Watcher:
    """A database that follows the files of a project. `say` gets what was done, `complain` what is wrong."""

    def __init__(
        self, connect: Connect, project: Project, say: Callable[[str], None], complain: Callable[[str], None]
    ) -> None:
        self._connect, self._project, self._say, self._complain = connect, project, say, complain
        self._stamps: Stamps = {}
        self._names: set[Name] = set()
        """What the sources defined at the last look."""

    def start(self) -> None:
        """Brings the database to the sources as they are now. Raises DbtoolError when they do not run."""
        self._stamps = _stamps(self._project)
        found = sources.read(self._project)
        found.require_readable()
        by_name = found.by_name()
        self._names = set(by_name)
        known = FrozenTexts.read(self._project.scripts()).texts
        with self._connect() as conn:
            changes = drift.compare(conn, found, read_catalog(conn))
            gone = [item for item in changes.surplus if item.name in known or item.name in by_name]
            settle(conn, changes.changed, gone, lambda item: by_name.get(item.name))
        for piece in changes.changed:
            self._say(f"replaced {piece.label}")

    def look(self) -> bool:
        """Does what files that were saved or deleted since ask for; whether there was something to do."""
        before, now = self._stamps, _stamps(self._project)
        self._stamps = now
        saved = {path for path, stamp in now.items() if before.get(path) != stamp}
        if not saved and before.keys() <= now.keys():
            return False
        started = time.perf_counter()
        found = sources.read(self._project)
        labels = {self._project.relative(path) for path in saved}
        for finding in (*found.unreadable, *found.findings):
            if finding.file in labels:
                self._complain(str(finding))
        try:
            done = self._bring(found, labels)
        except (Unsettled, psycopg.Error) as error:
            detail = error.detail if isinstance(error, Unsettled) else None
            self._complain("\n".join(filter(None, (str(error), detail))))
        else:
            for line in done:
                self._say(f"{line} ({(time.perf_counter() - started) * 1000:.0f} ms)")
        return True

    def _bring(self, found: Sources, labels: Iterable[str]) -> list[str]:
        """Runs the pieces of these files, and drops what no source defines any more."""
        pieces = [piece for piece in found.pieces if piece.label in labels]
        by_name = found.by_name()
        with self._connect() as conn:
            items = [] if found.unreadable else live(conn).values()
            gone = [item for item in items if item.name in self._names and item.name not in by_name]
            settle(conn, pieces, gone, lambda item: by_name.get(item.name))
        self._names = self._names if found.unreadable else set(by_name)
        dropped = [f"dropped {item.kind} {item.identity}" for item in gone]
        return [f"replaced {piece.label}" for piece in pieces] + dropped


def _stamps(project: Project) -> dict[Path, tuple[int, int]]:
    """Time and size of every source file."""
    found = {}
    for folder in project.source_dirs:
        for path in folder.rglob("*.sql") if folder.is_dir() else ():
            try:
                stat = path.stat()
            except FileNotFoundError:  # an editor that writes a new file over the old one
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
    return found
