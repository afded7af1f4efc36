"""The text of a squashed schema.sql: the statements of several scripts, each object's last text only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.errors import DbtoolError
from toolkit.findings import OWN_RULES
from toolkit.lint.silences import without_silences
from toolkit.project.layout import Script
from toolkit.sql.script import split
from toolkit.sql.statements import Name, Statement, concerns, creates, input_types, parse

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
    for statement, piece in zip(parse(text), split(text, label), strict=True):
        end = piece.offset + len(piece.text)
        start = max(text.rfind(piece.text, previous, end), previous)
        slice_ = text[previous : start + len(piece.text)]
        previous = start + len(piece.text)
        previous += text[previous : previous + 1] == ";"
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
