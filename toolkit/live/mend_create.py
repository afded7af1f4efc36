"""The SQL that makes an object, or takes it away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.catalog.objects import literal
from toolkit.catalog.read import Catalog, Key
from toolkit.live.mend_alter import alter, default_privileges, define_view, roles
from toolkit.live.mend_columns import COLUMN_OWNERS, define_column, parent, split_on
from toolkit.live.mend_kinds import ORDER, TYPES

Facts = Mapping[str, Any]

_PLAIN_TABLE: Facts = {"persistence": "p", "options": None, "replica identity": "d", "tablespace": None}


def create(key: Key, facts: Facts, want: Catalog) -> Iterator[str]:
    """What makes an object, without owner, grants and comment."""
    kind, identity = key
    if kind in ("function", "procedure"):
        yield f"{facts['definition'].rstrip()};"
    elif kind == "aggregate":
        yield _aggregate(identity, facts["aggregate"])
    elif kind == "view":
        yield define_view(identity, facts)
    elif kind == "materialized view":
        data = "" if facts["populated"] else "\nwith no data"
        yield f"create materialized view {identity} as\n{facts['definition'].rstrip(';')}{data};"
    elif kind == "table":
        yield _table(identity, facts, want)
        yield from alter(key, facts, {"row security": False, "row security forced": False, **_PLAIN_TABLE})
    elif kind == "column":
        yield from _add_column(identity, facts, want)
    elif kind == "constraint":
        name, on = split_on(identity)
        if not facts["inherited"]:
            yield f"alter {_holder(on, want)} {on} add constraint {name} {facts['definition']};"
    elif kind == "index":
        yield f"{facts['definition']};"
        yield from alter(key, facts, {**facts, "clustered": False, "replica identity": False})
    elif kind in ("trigger", "rule", "statistics"):
        if not facts.get("cloned"):
            yield f"{facts['definition'].rstrip(';')};"
        yield from alter(key, facts, {**facts, "enabled": "O", "target": None})
    elif kind == "policy":
        yield _policy(identity, facts)
    elif kind == "schema":
        yield f"create schema {identity};"
    elif kind == "sequence":
        yield f"create sequence {identity} as {facts['type']};"
        yield from alter(key, facts, {"owned by": None})
    elif kind == "enum":
        yield f"create type {identity} as enum ({', '.join(map(literal, facts['labels']))});"
    elif kind == "domain":
        yield f"create domain {identity} as {facts['base type']};"
        yield from alter(key, facts, {"not null": False, "default": None})
    elif kind == "composite type":
        attributes = ", ".join(define_column(name, each) for name, each in columns(identity, want))
        yield f"create type {identity} as ({attributes});"
    elif kind == "range":
        yield f"create type {identity} as range (subtype = {facts['range']['of']});"
    elif kind == "event trigger":
        tags = f" when tag in ({', '.join(map(literal, facts['tags']))})" if facts["tags"] else ""
        call = f"execute function {facts['function']}"
        yield f"create event trigger {identity} on {facts['event']}{tags} {call};"
        yield from alter(key, facts, {"enabled": "O"})
    elif kind == "publication":
        yield f"create publication {identity};"
        yield from alter(key, facts, {"tables": None, "schemas": None})
    elif kind == "extension":
        yield f"create extension {identity} with schema {facts['schema']};"
    elif kind == "role":
        yield f"create role {identity};"
        yield from alter(key, facts, {})
    elif kind in ("role setting", "default privileges"):
        yield from alter(key, facts, {})


def drop(key: Key, facts: Facts, have: Catalog) -> Iterator[str]:
    """What takes an object away; nothing for what goes with another one, and for roles."""
    kind, identity = key
    if kind == "column":
        table, name = parent(identity), identity.removeprefix(parent(identity) + ".")
        is_composite = ("composite type", table) in have.objects
        words = ("type", "attribute") if is_composite else ("table", "column")
        yield f"alter {words[0]} {table} drop {words[1]} {name};"
    elif kind == "constraint":
        name, on = split_on(identity)
        if not facts["inherited"]:
            yield f"alter {_holder(on, have)} {on} drop constraint {name};"
    elif kind == "aggregate":
        yield f"drop aggregate {re.sub(r'[(][)]$', '(*)', identity)};"
    elif kind in TYPES and kind != "domain":
        yield f"drop type {identity};"
    elif kind == "trigger" and facts["cloned"]:
        return
    elif kind == "default privileges":
        yield from default_privileges(identity, [], facts["grants"])
    elif kind == "operator":
        yield f"drop operator {re.sub('NONE', 'none', identity)};"
    elif kind in ORDER and kind not in ("database", "role", "role setting"):
        yield f"drop {kind} {identity};"


def _table(identity: str, facts: Facts, want: Catalog) -> str:
    if facts["partition bound"]:
        start = f"create table {identity} partition of {facts['parents'][0]} {facts['partition bound']}"
    else:
        defined = ",\n  ".join(define_column(name, each) for name, each in columns(identity, want))
        inherits = f" inherits ({', '.join(facts['parents'])})" if facts["parents"] else ""
        start = f"create table {identity} (\n  {defined}\n){inherits}"
    return start + (f" partition by {facts['partition key']}" if facts["partition key"] else "") + ";"


def columns(identity: str, want: Catalog) -> list[tuple[str, Facts]]:
    """The columns of a relation with their names, in their order."""
    found = [
        (each.removeprefix(identity + "."), want.facts((kind, each)))
        for kind, each in want.objects
        if kind == "column" and parent(each) == identity
    ]
    return sorted(found, key=lambda pair: int(pair[1]["position"]))


def _add_column(identity: str, facts: Facts, want: Catalog) -> Iterator[str]:
    table = parent(identity)
    owner = next((kind for kind in COLUMN_OWNERS if (kind, table) in want.objects), "table")
    name = identity.removeprefix(table + ".")
    if owner == "composite type":
        yield f"alter type {table} add attribute {name} {facts['type']};"
    elif owner == "table":
        yield f"alter table {table} add column {define_column(name, facts)};"


def _holder(identity: str, catalog: Catalog) -> str:
    """What a constraint stands on."""
    return "domain" if ("domain", identity) in catalog.objects else "table"


def _policy(identity: str, facts: Facts) -> str:
    command = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}[facts["command"]]
    parts = [
        f"create policy {identity} as {'permissive' if facts['permissive'] else 'restrictive'}",
        f"for {command} to {roles(facts['roles'])}",
        f"using ({facts['using']})" if facts["using"] else "",
        f"with check ({facts['check']})" if facts["check"] else "",
    ]
    return " ".join(part for part in parts if part) + ";"


def _aggregate(identity: str, facts: Facts) -> str:
    parts = [f"sfunc = {facts['aggtransfn']}", f"stype = {facts['state']}"]
    parts += [f"finalfunc = {facts['aggfinalfn']}"] if facts["aggfinalfn"] != "-" else []
    parts += [f"initcond = {literal(facts['agginitval'])}"] if facts["agginitval"] is not None else []
    return f"create or replace aggregate {identity} ({', '.join(parts)});"
