"""Putting schema.sql and the first migrations together into one schema.sql that builds the same.

Statements stay in their order, with their comments. Of a routine, view or trigger that later scripts replace,
only the last text stays, unless something in between needs an earlier one. The result is proven: catalog and
rows of a database that it builds are compared with those that the files build.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..catalog import read as catalog
from ..errors import OWN_RULES, DbtoolError, ScriptFailed, UsageProblem, summed
from ..history import migrations
from ..lint.silences import without_silences
from ..project.layout import Project, Script, Squash, digest, squashes
from ..sql.execute import RESET_SETTINGS
from ..sql.script import TRANSACTION_CONTROL, split
from ..sql.statements import Name, Statement, client_side, concerns, creates, input_types
from .proof import build, database, differences_between, stand_like, what_they_build

if TYPE_CHECKING:
    from ..servers.throwaway import ThrowawayServer

_RESET = "reset session authorization;\nreset role;\nreset all;\n"
_OPEN = "set check_function_bodies = off;\n"
_CLOSE = "reset check_function_bodies;\n"
_ONLY_SAYS = ("create_function_stmt", "view_stmt", "comment_stmt")
_TEMPORARY = re.compile(r"(?i)\btemp(orary)?\b|\bpg_temp\b")
_CONCURRENT = ("index_stmt", "drop_stmt", "reindex_stmt")
_BLANK = re.compile(r"\A(?:[ \t]*\n)+")
_OLD_HEAD = re.compile(r"^-- squashed: .*\n|^-- transactional: .*\n", re.MULTILINE | re.IGNORECASE)
# What one transaction refuses, and as many as there were scripts do not: a new enum label is used, a trigger
# is pending, a DO block commits, a statement stands alone.
_IN_ONE_TRANSACTION = ("55P04", "55006", "2D000", "25001")


@dataclass(frozen=True)
class Unit:
    """One statement with everything between it and the one before: comments, empty lines."""

    script: Script
    label: str
    statement: Statement
    text: str

    @cached_property
    def inside(self) -> str | None:
        """The same as it runs in one transaction with others on an empty database; None where it does not."""
        return self.text if self.script.transactional else _inside(self.statement, self.text)

    @cached_property
    def makes(self) -> Name | None:
        """The routine, view or trigger that it creates."""
        return creates(self.statement)


def units(script: Script, label: str) -> list[Unit]:
    """The statements of a script."""
    text, _ = client_side(_OLD_HEAD.sub("", script.text))
    dropped = script.text.count("\n") - text.count("\n")
    found = []
    previous = 0
    for statement in split(_OLD_HEAD.sub("", script.text), label):
        end = statement.offset + len(statement.text)
        slice_ = _BLANK.sub("", without_silences(text[previous:end], OWN_RULES))
        previous = end + (text[end : end + 1] == ";")
        slice_ += "\n;\n" if "--" in slice_.rsplit("\n", 1)[-1] else ";\n"
        slice_ += "".join(f"{rows}\\.\n" for rows in statement.rows)
        found.append(Unit(script, label, replace(statement, line=statement.line + dropped), slice_))
    return found


def _inside(statement: Statement, text: str) -> str | None:
    """A statement of a script without transaction, as it runs inside one on an empty database."""
    if statement.kind == TRANSACTION_CONTROL:
        begins_or_ends = re.match(r"(?i)(begin|start|commit|end)\b", statement.text)
        return text[: text.rfind(statement.text)] if begins_or_ends else None
    if statement.kind in _CONCURRENT:
        return re.sub(r"\bconcurrently\s+", "", text, flags=re.IGNORECASE)
    return None if statement.is_alone and statement.kind != "do_stmt" else text


@dataclass(frozen=True)
class Text:
    """A script of many, and which of them each of its lines is from."""

    whole: str
    places: tuple[tuple[int, Unit], ...]
    """The first line of each statement's text, counted from 0."""

    def where(self, line: int) -> tuple[str, str]:
        """File and line of the origin of a line, counted from 1, and the statement that stands there."""
        before = [(start, unit) for start, unit in self.places if start < line]
        if not before:
            return f"schema.sql:{line}", ""
        start, unit = before[-1]
        into = max(line - 1 - start - unit.text.split(unit.statement.text)[0].count("\n"), 0)
        return f"{unit.label}:{unit.statement.line + into}", unit.statement.text


def assemble(parts: Sequence[Sequence[Unit]], kept: set[Name], head: str, *, is_one: bool = True) -> Text:
    """One script of all; objects in `kept` have all their texts, the others only the last one.

    `is_one`: it runs in one transaction; else in as many as there are scripts.
    """
    last: dict[Name, tuple[int, int]] = {}
    signatures: dict[Name, set[object]] = defaultdict(set)
    dropped: set[str] = set()
    for number, part in enumerate(parts):
        for place, unit in enumerate(part):
            if unit.makes is not None:
                last[unit.makes] = (number, place)
                signatures[unit.makes].add(input_types(unit.statement))
            if unit.statement.kind == "drop_stmt":
                dropped.add(" ".join(unit.statement.text.split()))

    def stays(name: Name, at: tuple[int, int]) -> bool:
        simple = name.identity.split(" on ")[0].split(".")[-1]
        is_dropped = any(re.search(rf"\b{re.escape(simple)}\b", text) for text in dropped)
        return name in kept or is_dropped or len(signatures[name]) > 1 or at >= last[name]

    lines: list[str] = []
    places: list[tuple[int, Unit]] = []

    def add(text: str, unit: Unit | None = None) -> None:
        if unit:
            places.append((sum(each.count("\n") for each in lines), unit))
        lines.append(text + "\n")

    add(head if is_one else f"{head}-- transactional: false\n")
    add(_OPEN)
    for number, part in enumerate(parts):
        chosen = [
            unit
            for place, unit in enumerate(part)
            if all(
                name not in last or stays(name, (number, place))
                for name in ([unit.makes] if unit.makes else concerns(unit.statement) or ())
            )
        ]
        if number and chosen:
            add(f"\n-- ── {part[0].script.id} {'─' * (80 - len(part[0].script.id))}\n")
        is_block = not is_one and bool(chosen) and part[0].script.transactional
        if is_block:
            add("begin;\n")
        for unit in chosen:
            add(unit.inside or "" if is_one else unit.text, unit)
        if is_block:
            add("commit;\n")
        if left := _left(part):
            add(left)
    return Text("".join(lines) + _CLOSE, tuple(places))


def _left(part: Sequence[Unit]) -> str:
    """What takes back what a script leaves in its session, as `migrate` does before the next one."""
    kinds = {unit.statement.kind for unit in part}
    runs = "\n".join(unit.statement.text for unit in part if unit.statement.kind not in _ONLY_SAYS)
    forget = [_RESET + _OPEN] * ("variable_set_stmt" in kinds or "set_config" in runs)
    forget += ["discard temp;\n"] * bool(_TEMPORARY.search(runs))
    forget += ["deallocate all;\n"] * ("prepare_stmt" in kinds)
    return "".join(forget + ["close all;\n"] * ("declare_cursor_stmt" in kinds))


@dataclass(frozen=True)
class Squashed:
    """The new texts of schema.sql and its rollback, and the migrations that they replace."""

    schema: str
    rollback: str | None
    replaced: Sequence[Script]
    notes: Sequence[str] = ()
    """What is different from how it was, for people."""


def squash(project: Project, version: int | str, server: ThrowawayServer) -> Squashed:
    """One schema.sql for the schema and the migrations up to `version`, proven on the server; writes nothing.

    Raises UsageProblem for a version without migrations, DbtoolError when no text builds the same or the
    rollbacks leave something.
    """
    scripts = migrations.scripts_up_to(project, version)
    if len(scripts) < 2:
        raise UsageProblem("there is no migration to squash", hint="Name the number of the last one.")
    parts = [units(script, project.relative(script.path)) for script in scripts]
    alone = next((unit for part in parts for unit in part if unit.inside is None), None)
    why = f"{alone.label}:{alone.statement.line} does not run in a transaction" if alone else ""
    with TemporaryDirectory() as folder:
        stand_like(project, Path(folder))
        wanted, varying = what_they_build(server, scripts, Path(folder))
        kept: set[Name] = set()
        while True:
            text = assemble(parts, kept, _head(scripts), is_one=not why)
            try:
                built = build(server, [text.whole], Path(folder), varying)
                break
            except ScriptFailed as error:
                where, statement = text.where(error.line or 1)
                needed = _needed(error, statement, parts) - kept
                if not needed and error.sqlstate in _IN_ONE_TRANSACTION and not why:
                    why = f"{where} does not run in one transaction with the others"
                elif not needed:
                    raise DbtoolError(
                        f"{where}: it does not run behind the others: {error.message.split(': ', 1)[-1]}",
                        detail=f"{statement}\nnothing was written",
                        hint=error.hint or f"Squash up to an earlier one than {scripts[-1].id}.",
                    ) from error
                kept |= needed
        differences = differences_between(wanted, built)
        if differences:
            raise DbtoolError(
                "the squashed schema.sql does not build the same; nothing was written",
                detail="\n".join(differences),
            )
        rollback, note = _rollback(server, scripts, text.whole, Path(folder))
    notes = [f"{why}: schema.sql runs script by script, not as a whole"] * bool(why) + [note] * bool(note)
    return Squashed(text.whole, rollback, scripts[1:], notes)


def write(project: Project, squashed: Squashed) -> None:
    """Writes schema.sql and its rollback, and removes the files that they replace."""
    project.schema_file.write_text(squashed.schema, encoding="utf-8")
    rollback = project.schema_file.with_suffix(".rollback.sql")
    if squashed.rollback is None:
        rollback.unlink(missing_ok=True)
    else:
        rollback.write_text(squashed.rollback, encoding="utf-8")
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


def _needed(error: ScriptFailed, statement: str, parts: Iterable[Sequence[Unit]]) -> set[Name]:
    """The names that the statement that failed uses, and whose earlier texts were left out."""
    said = f"{statement}\n{error.message}\n{error.detail or ''}"
    names = {unit.makes for part in parts for unit in part if unit.makes}
    return {name for name in names if name.identity in said or name.identity.split(".")[-1] in error.message}


def _rollback(
    server: ThrowawayServer, scripts: Sequence[Script], schema: str, folder: Path
) -> tuple[str | None, str]:
    """The schema's own rollback where that leaves no trace, else all of them from the newest down.

    None, and why, where some script has none. Raises DbtoolError, which names what is left behind.
    """
    missing = [each.id for each in scripts if each.rollback_text is None or each.irreversible]
    texts = [scripts[0].rollback_text] if scripts[0].rollback_text is not None else []
    if not missing:
        texts.append(
            "\n".join(
                f"-- Undoes {script.id}.\n\n{script.rollback_text}\n;\n{RESET_SETTINGS};\n"
                for script in reversed(scripts)
            )
        )
    left: list[str] = []
    for text in texts:
        with database(server, [schema], folder, text) as (connect_to, project):
            if project.base:
                migrations.migrate(connect_to, project.base)
            with connect_to() as conn:
                empty = catalog.read(conn)
            migrations.migrate(connect_to, project)
            try:
                migrations.rollback(connect_to, project, to=0)
            except ScriptFailed as error:
                where = _undoing(text, error.line or 1, scripts)
                left = [f"{where}: {error.message.split(': ', 1)[-1]}"]
                continue
            with connect_to() as conn:
                left = [str(each) for each in catalog.diff(empty, catalog.read(conn))]
            if not left:
                return text, ""
    if missing:
        return (
            None,
            f"schema.sql has no rollback, since there is none, or no exact one, of {summed(missing, 3)}",
        )
    raise DbtoolError(
        "the rollbacks of these scripts, one after another, leave something behind; nothing was written",
        detail="\n".join(left[:20]),
        hint="`dbtool check` says which file; correct it, or remove the rollbacks that are not exact.",
    )


def _undoing(text: str, line: int, scripts: Sequence[Script]) -> str:
    """File and line of the origin of a line in the rollbacks of all, or in that of the schema."""
    before = text.split("\n")[:line]
    for at, each in enumerate(reversed(before)):
        if each.startswith("-- Undoes "):
            path = next(
                (script.rollback_path for script in scripts if each == f"-- Undoes {script.id}."), None
            )
            return f"{path.name}:{at - 1}" if path else each
    return f"schema.rollback.sql:{line}"
