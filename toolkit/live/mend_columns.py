"""Columns: their definition, and the SQL that changes one in place. And how identities are taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.sql.statements import split_qualified

Facts = Mapping[str, Any]

COLUMN_OWNERS = ("table", "foreign table", "view", "materialized view", "composite type")
_STORAGE = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_COMPRESSION = {"p": "pglz", "l": "lz4", "": "default"}


def parent(identity: str) -> str:
    """What a qualified name stands in: the relation of a column, the schema of a relation."""
    return ".".join(split_qualified(identity)[:-1])


def split_on(identity: str) -> tuple[str, str]:
    """Name and relation (or domain) of a constraint, trigger, policy or rule."""
    name, _, on = identity.partition(" on ")
    return name, on


def define_column(name: str, facts: Facts) -> str:
    """A column as CREATE TABLE and ADD COLUMN define it."""
    parts = [name, facts["type"]]
    parts += [f"collate {facts['collation']}"] if facts["collation"] else []
    if facts["identity"]:
        parts.append(f"generated {_when(facts)} as identity")
    elif facts["generated"]:
        kind = "stored" if facts["generated"] == "s" else "virtual"
        parts.append(f"generated always as ({facts['default']}) {kind}")
    elif facts["default"] is not None:
        parts.append(f"default {facts['default']}")
    parts += ["not null"] if facts["not null"] and not facts["identity"] else []
    return " ".join(parts)


def alter_column(identity: str, want: Facts, had: Facts) -> Iterator[str]:
    """What changes a table's column in place; a generated one is made again instead."""
    table = parent(identity)
    name = identity.removeprefix(table + ".")
    alter = f"alter table {table} alter column {name}"

    def differs(fact: str) -> bool:
        return bool(want.get(fact) != had.get(fact))

    if had["identity"] and not want["identity"]:
        yield f"{alter} drop identity;"
    retyped = differs("type") or differs("collation")
    if retyped:
        if had["default"] is not None and not had["generated"]:
            yield f"{alter} drop default;"
        collation = f" collate {want['collation']}" if want["collation"] else ""
        yield f"{alter} type {want['type']}{collation} using {name}::{want['type']};"
    if differs("not null"):
        yield f"{alter} {'set' if want['not null'] else 'drop'} not null;"
    if want["identity"] and not had["identity"]:
        if had["default"] is not None:
            yield f"{alter} drop default;"
        yield f"{alter} add generated {_when(want)} as identity;"
    elif want["identity"] and differs("identity"):
        yield f"{alter} set generated {_when(want)};"
    elif not want["generated"] and not want["identity"] and (differs("default") or retyped):
        default = want["default"]
        yield f"{alter} {'drop default' if default is None else f'set default {default}'};"
    if differs("storage"):
        yield f"{alter} set storage {_STORAGE[want['storage']]};"
    if differs("compression"):
        yield f"{alter} set compression {_COMPRESSION[want['compression']]};"
    if differs("statistics target"):
        target = -1 if want["statistics target"] is None else want["statistics target"]
        yield f"{alter} set statistics {target};"
    if differs("options"):
        if had["options"]:
            yield f"{alter} reset ({', '.join(option.split('=', 1)[0] for option in had['options'])});"
        if want["options"]:
            yield f"{alter} set ({', '.join(want['options'])});"


def _when(facts: Facts) -> str:
    return "always" if facts["identity"] == "a" else "by default"
