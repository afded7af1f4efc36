"""Putting schema.sql and the first migrations together into one schema.sql that builds the same.

Statements stay in their order, with their comments. Of a routine, view or trigger that later scripts replace,
only the last text stays, unless something in between needs an earlier one. The result is proven: catalog and
rows of a database that it builds are compared with those that the files build.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from toolkit.authoring.proof import build, database, differences_between, what_they_build
from toolkit.catalog import read as catalog
from toolkit.errors import DbtoolError, ScriptFailed, UsageProblem
from toolkit.findings import OWN_RULES
from toolkit.history import migrations
from toolkit.lint.silences import without_silences
from toolkit.project.layout import Project, Script, Squash, digest, squashes
from toolkit.sql.execute import RESET_SETTINGS
from toolkit.sql.script import split
from toolkit.sql.statements import Name, Statement, concerns, creates, input_types

if TYPE_CHECKING:
    from toolkit.servers.throwaway import ThrowawayServer

_RESET = "reset session authorization;\nreset role;\nreset all;\n"
_OPEN = "set check_function_bodies = off;\n"
_CLOSE = "reset check_function_bodies;\n"
_SETTINGS = ("variable_set_stmt",)
_ALONE = ("index_stmt", "drop_stmt", "reindex_stmt")
_OLD_HEAD = re.compile(r"^-- squashed: .*\n|^-- transactional: .*\n", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """One statement with everything between it and the one before: comments, empty lines."""

    script: Script
    statement: Statement
    text: str
    makes: Name | None
    about: tuple[Name, ...]
    signature: tuple[str, ...] | None


def units(script: Script, label: str) -> list[Unit]:
    """The statements of a script. Raises DbtoolError for one that can only run without transaction."""
    text = _OLD_HEAD.sub("", script.text)
    found = []
    previous = 0
    for statement in split(text, label):
        end = statement.offset + len(statement.text)
        slice_ = text[previous:end]
        previous = end + (text[end : end + 1] == ";")
        if not script.transactional:
            slice_ = _in_transaction(statement, slice_, script)
        slice_ = without_silences(slice_, OWN_RULES)
        about = tuple(concerns(statement) or ())
        makes = creates(statement)
        unit = Unit(script, statement, slice_.strip("\n") + ";\n", makes, about, input_types(statement))
        found.append(unit)
    return found


def assemble(parts: Sequence[Sequence[Unit]], kept: set[Name], head: str) -> str:
    """One script of all; objects in `kept` have all their texts, the others only the last one."""
    last: dict[Name, tuple[int, int]] = {}
    signatures: dict[Name, set[object]] = defaultdict(set)
    dropped: set[str] = set()
    for number, part in enumerate(parts):
        for place, unit in enumerate(part):
            if unit.makes is not None:
                last[unit.makes] = (number, place)
                signatures[unit.makes].add(unit.signature)
            if unit.statement.kind == "drop_stmt":
                dropped.add(" ".join(unit.statement.text.split()))

    def stays(name: Name, at: tuple[int, int]) -> bool:
        simple = name.identity.split(" on ")[0].split(".")[-1]
        is_dropped = any(re.search(rf"\b{re.escape(simple)}\b", text) for text in dropped)
        return name in kept or is_dropped or len(signatures[name]) > 1 or at >= last[name]

    lines = [head, _OPEN]
    for number, part in enumerate(parts):
        chosen = [
            unit.text
            for place, unit in enumerate(part)
            if all(
                name not in last or stays(name, (number, place))
                for name in ((unit.makes,) if unit.makes else unit.about)
            )
        ]
        if number and chosen:
            lines.append(f"\n-- ── {part[0].script.id} {'─' * (80 - len(part[0].script.id))}\n")
        lines += chosen
        if any(unit.statement.kind in _SETTINGS for unit in part):
            lines += [_RESET, _OPEN]
    return "\n".join(lines) + f"\n{_CLOSE}"


def _in_transaction(statement: Statement, text: str, script: Script) -> str:
    """A statement of a script without transaction, as it runs inside one on an empty database."""
    if statement.kind not in _ALONE and not _is_plain(statement):
        raise DbtoolError(
            f"{script.path.name}:{statement.line}: cannot be squashed: it does not run in a transaction",
            hint=f"Squash up to migration {script.number - 1} only.",
        )
    return re.sub(r"\bconcurrently\s+", "", text, flags=re.IGNORECASE)


def _is_plain(statement: Statement) -> bool:
    """Whether a statement may stand in a transaction as well as outside."""
    return statement.kind not in ("transaction_stmt", "vacuum_stmt", "alter_system_stmt", "createdb_stmt")


@dataclass(frozen=True)
class Squashed:
    """The new texts of schema.sql and its rollback, and the migrations that they replace."""

    schema: str
    rollback: str
    replaced: Sequence[Script]


def squash(project: Project, version: int | str, server: ThrowawayServer) -> Squashed:
    """One schema.sql for the schema and the migrations up to `version`, proven on the server; writes nothing.

    Raises UsageProblem for a version without migrations, DbtoolError when a rollback file is missing, when a
    migration cannot run in a transaction, or when no text builds the same.
    """
    scripts = migrations.scripts_up_to(project, version)
    if len(scripts) < 2:
        raise UsageProblem("there is no migration to squash", hint="Name the number of the last one.")
    missing = [script.id for script in scripts if script.rollback_text is None]
    if missing:
        raise DbtoolError(f"{', '.join(missing)} cannot be squashed without its rollback file")
    parts = [units(script, project.relative(script.path)) for script in scripts]
    with TemporaryDirectory() as folder:
        wanted, varying = what_they_build(server, scripts, Path(folder))
        kept: set[Name] = set()
        while True:
            text = assemble(parts, kept, _head(scripts))
            try:
                built = build(server, [text], Path(folder), varying)
                break
            except ScriptFailed as error:
                needed = _needed(error, text, parts) - kept
                if not needed:
                    raise DbtoolError(
                        "the squashed schema.sql does not run",
                        detail=f"{error.message}\n{error.detail or ''}",
                    ) from error
                kept |= needed
        differences = differences_between(wanted, built)
        if differences:
            raise DbtoolError(
                "the squashed schema.sql does not build the same; nothing was written",
                detail="\n".join(differences),
            )
        rollback = _rollback(server, scripts, text, Path(folder))
    return Squashed(text, rollback, scripts[1:])


def write(project: Project, squashed: Squashed) -> None:
    """Writes schema.sql and its rollback, and removes the files that they replace."""
    project.schema_file.write_text(squashed.schema, encoding="utf-8")
    project.schema_file.with_suffix(".rollback.sql").write_text(squashed.rollback, encoding="utf-8")
    for script in squashed.replaced:
        script.path.unlink()
        if script.rollback_path is not None:
            script.rollback_path.unlink()


def _head(scripts: Sequence[Script]) -> str:
    """The lines that tell for which histories the file stands."""
    through = scripts[-1].number
    checksums = [(script.number, script.checksum) for script in scripts]
    found = [Squash(through, digest(checksums))]
    found += [Squash(through, digest(checksums[1:], each.digest)) for each in squashes(scripts[0])]
    return "\n".join(map(str, found)) + "\n"


def _needed(error: ScriptFailed, text: str, parts: Iterable[Sequence[Unit]]) -> set[Name]:
    """The names that the statement that failed uses, and whose earlier texts were left out."""
    line = text.split("\n")[max((error.line or 1) - 1, 0) :]
    statement = "\n".join(line).split(";\n", 1)[0]
    said = f"{statement}\n{error.message}\n{error.detail or ''}"
    names = {unit.makes for part in parts for unit in part if unit.makes}
    return {name for name in names if name.identity in said or name.identity.split(".")[-1] in error.message}


def _rollback(server: ThrowawayServer, scripts: Sequence[Script], schema: str, folder: Path) -> str:
    """The schema's own rollback where that leaves no trace, else all of them from the newest down."""
    own = scripts[0].rollback_text or ""
    all_ = "\n".join(
        f"-- Undoes {script.id}.\n\n{script.rollback_text}\n{RESET_SETTINGS};\n"
        for script in reversed(scripts)
    )
    for text in (own, all_):
        with database(server, [schema], folder, text) as (connect_to, project):
            with connect_to() as conn:
                empty = catalog.read(conn)
            migrations.migrate(connect_to, project)
            try:
                migrations.rollback(connect_to, project, to=0)
            except ScriptFailed:
                continue
            with connect_to() as conn:
                if catalog.diff(empty, catalog.read(conn)) == []:
                    return text
    raise DbtoolError("the rollbacks of these scripts, one after another, leave something behind")
