"""The SQL that changes an object in place: everything but its owner, grants and comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolkit.catalog.objects import literal
from toolkit.catalog.read import Key
from toolkit.live.mend_columns import alter_column, parent, split_on
from toolkit.sql.statements import quote

Facts = Mapping[str, Any]

# Settings whose value is a list of names, quoted where that is needed.
_LISTS = (
    *("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"),
    *("shared_preload_libraries", "unix_socket_directories"),
)
_ENABLE = {"O": "enable", "D": "disable", "R": "enable replica", "A": "enable always"}


def alter(key: Key, want: Facts, had: Facts) -> Iterator[str]:
    """What brings one object's own facts, all but its owner, grants and comment, to what they should be."""
    kind, identity = key

    def differs(name: str) -> bool:
        return bool(want.get(name) != had.get(name))

    if kind in ("function", "procedure") and differs("definition"):
        yield f"{want['definition'].rstrip()};"
    elif kind == "view" and (differs("definition") or differs("options")):
        if had["options"]:
            yield f"alter view {identity} reset ({_names(had['options'])});"
        yield define_view(identity, want)
    elif kind in ("table", "materialized view"):
        yield from _alter_table(kind, identity, want, had)
    elif kind == "column":
        yield from alter_column(identity, want, had)
    elif kind == "constraint":
        name, on = split_on(identity)
        if want["validated"] and not had["validated"]:
            yield f"alter table {on} validate constraint {name};"
    elif kind == "index":
        if want["valid"] and not had["valid"]:
            yield f"reindex index {identity};"
        if differs("clustered"):
            name = identity.removeprefix(parent(identity) + ".")
            how = f"cluster on {name}" if want["clustered"] else "set without cluster"
            yield f"alter table {want['table']} {how};"
        if want["replica identity"] and not had["replica identity"]:
            name = identity.removeprefix(parent(identity) + ".")
            yield f"alter table {want['table']} replica identity using index {name};"
    elif kind in ("trigger", "rule", "event trigger") and differs("enabled"):
        if kind == "event trigger":
            yield f"alter event trigger {identity} {_ENABLE[want['enabled']]};"
        else:
            name, on = split_on(identity)
            yield f"alter table {on} {_ENABLE[want['enabled']]} {kind} {name};"
    elif kind == "policy" and differs("roles"):
        yield f"alter policy {identity} to {roles(want['roles'])};"
    elif kind == "statistics" and differs("target"):
        target = -1 if want["target"] is None else want["target"]
        yield f"alter statistics {identity} set statistics {target};"
    elif kind == "sequence":
        yield from _alter_sequence(identity, want, had)
    elif kind == "enum":
        yield from _alter_enum(identity, want["labels"], had["labels"])
    elif kind == "publication":
        yield from _publication(identity, want, had)
    elif kind == "domain":
        if differs("default"):
            default = want["default"]
            yield f"alter domain {identity} {f'set default {default}' if default else 'drop default'};"
        if differs("not null"):
            yield f"alter domain {identity} {'set' if want['not null'] else 'drop'} not null;"
    elif kind == "role":
        yield from _alter_role(identity, want, had)
    elif kind in ("role setting", "database") and differs("settings"):
        yield from _settings(key, want.get("settings") or [], had.get("settings") or [])
    elif kind == "default privileges":
        yield from default_privileges(identity, want["grants"], had.get("grants", []))


def define_view(identity: str, facts: Facts) -> str:
    """The statement that makes or replaces a view."""
    options = f" with ({', '.join(facts['options'])})" if facts["options"] else ""
    return f"create or replace view {identity}{options} as\n{facts['definition']}"


def _alter_table(kind: str, identity: str, want: Facts, had: Facts) -> Iterator[str]:
    alter = f"alter {kind} {identity}"
    if want.get("persistence") != had.get("persistence"):
        yield f"{alter} set {'unlogged' if want['persistence'] == 'u' else 'logged'};"
    if want.get("row security") != had.get("row security"):
        yield f"{alter} {'enable' if want['row security'] else 'disable'} row level security;"
    if want.get("row security forced") != had.get("row security forced"):
        yield f"{alter} {'' if want['row security forced'] else 'no '}force row level security;"
    if want["options"] != had.get("options"):
        yield from _options(alter, want["options"], had.get("options"))
    if want.get("replica identity") != had.get("replica identity") and want["replica identity"] in "dfn":
        how = {"d": "default", "f": "full", "n": "nothing"}[want["replica identity"]]
        yield f"{alter} replica identity {how};"
    if want["tablespace"] != had.get("tablespace"):
        yield f"{alter} set tablespace {want['tablespace'] or 'pg_default'};"
    if kind == "materialized view" and want["populated"] != had["populated"]:
        yield f"refresh {kind} {identity}{'' if want['populated'] else ' with no data'};"
    if want.get("parents") != had.get("parents") and want.get("partition bound") and "parents" in had:
        yield f"alter table {want['parents'][0]} attach partition {identity} {want['partition bound']};"


def _options(alter: str, want: list[str] | None, had: list[str] | None) -> Iterator[str]:
    if had:
        yield f"{alter} reset ({_names(had)});"
    if want:
        yield f"{alter} set ({', '.join(want)});"


def _names(options: Iterable[str]) -> str:
    return ", ".join(option.split("=", 1)[0] for option in options)


def _alter_sequence(identity: str, want: Facts, had: Facts) -> Iterator[str]:
    words = {"increment": "increment by", "minimum": "minvalue", "maximum": "maxvalue", "start": "start with",
             "cache": "cache"}  # fmt: skip
    parts = [f"{word} {want[name]}" for name, word in words.items() if want[name] != had.get(name)]
    if want["cycle"] != had.get("cycle", False):
        parts.append("cycle" if want["cycle"] else "no cycle")
    if parts:
        yield f"alter sequence {identity} {' '.join(parts)};"
    if want["owned by"] != had.get("owned by"):
        yield f"alter sequence {identity} owned by {want['owned by'] or 'none'};"


def _alter_enum(identity: str, want: list[str], had: list[str]) -> Iterator[str]:
    """New labels in their place, or new names; a label that is too many cannot be taken away."""
    if set(had) <= set(want):
        for position, label in enumerate(want):
            if label not in had:
                place = f" after {literal(want[position - 1])}" if position else f" before {literal(had[0])}"
                yield f"alter type {identity} add value {literal(label)}{place};"
    elif len(want) == len(had):
        for old, new in zip(had, want, strict=True):
            if old != new:
                yield f"alter type {identity} rename value {literal(old)} to {literal(new)};"


def _publication(identity: str, want: Facts, had: Facts) -> Iterator[str]:
    """Its tables and schemas as a whole, and what it publishes."""
    parts = [
        f"table {each['table']}" + (f" where {each['filter']}" if each["filter"] else "")
        for each in want["tables"] or []
    ]
    parts += [f"tables in schema {name}" for name in want["schemas"] or []]
    if parts and (want["tables"], want["schemas"]) != (had["tables"], had["schemas"]):
        yield f"alter publication {identity} set {', '.join(parts)};"
    words = ("insert", "update", "delete", "truncate")
    if any(want[f"pub{word}"] != had.get(f"pub{word}", True) for word in words):
        published = ", ".join(word for word in words if want[f"pub{word}"])
        yield f"alter publication {identity} set (publish = {literal(published)});"
    if want["pubviaroot"] != had.get("pubviaroot", False):
        via_root = str(want["pubviaroot"]).lower()
        yield f"alter publication {identity} set (publish_via_partition_root = {via_root});"


def _alter_role(identity: str, want: Facts, had: Facts) -> Iterator[str]:
    words = {"superuser": "superuser", "inherit": "inherit", "create role": "createrole", "login": "login",
             "create database": "createdb", "replication": "replication",
             "bypass row security": "bypassrls"}  # fmt: skip
    default = {"inherit": True}
    parts = [
        word if want[name] else f"no{word}"
        for name, word in words.items()
        if want[name] != had.get(name, default.get(name, False))
    ]
    if want["connections"] != had.get("connections", -1):
        parts.append(f"connection limit {want['connections']}")
    if parts:
        yield f"alter role {identity} {' '.join(parts)};"
    groups, member = want["member of"] or [], had.get("member of") or []
    for group in sorted(set(member) - set(groups)):
        yield f"revoke {group.removesuffix(' with admin')} from {identity};"
    for group in sorted(set(groups) - set(member)):
        option = " with admin option" if group.endswith(" with admin") else ""
        yield f"grant {group.removesuffix(' with admin')} to {identity}{option};"
    yield from _settings(("role", identity), want.get("settings") or [], had.get("settings") or [])


def _settings(key: Key, want: list[str], had: list[str]) -> Iterator[str]:
    """ALTER ROLE or DATABASE … SET; the name of this database is not known before the statement runs."""
    kind, identity = key
    who = f"role {identity.removesuffix(' in this database')}"
    for verb, setting in [("reset", each) for each in had if each.split("=")[0] not in _names(want)] + [
        ("set", each) for each in want if each not in had
    ]:
        name, value = setting.split("=", 1)
        to = value if value and name in _LISTS else literal(value)
        change = f"reset {name}" if verb == "reset" else f"set {name} = {to}"
        if kind == "role":
            yield f"alter {who} {change};"
            continue
        start = "database %I" if kind == "database" else f"{who.replace('%', '%%')} in database %I"
        text = literal(f"alter {start} {change.replace('%', '%%')}")
        yield f"do $do$ begin execute format({text}, current_database()); end $do$;"


def default_privileges(identity: str, want: list[str], had: list[str]) -> Iterator[str]:
    """What turns one entry of ALTER DEFAULT PRIVILEGES into another."""
    match = re.fullmatch(r"of (?P<role>.*?)(?: in (?P<schema>\S+))? for (?P<what>[a-z ]+)", identity)
    if match is None:
        return
    place = f" in schema {match['schema']}" if match["schema"] else ""
    start = f"alter default privileges for role {match['role']}{place}"
    for verb, lines in (("revoke", set(had) - set(want)), ("grant", set(want) - set(had))):
        for line in sorted(lines):
            who, what = line.split(" by ")[0].split("=")
            to = "to" if verb == "grant" else "from"
            yield f"{start} {verb} {what.lower()} on {match['what']} {to} {roles([who])};"


def roles(names: Iterable[str]) -> str:
    """Role names as GRANT and CREATE POLICY list them."""
    return ", ".join("public" if name == "PUBLIC" else quote(name) for name in names)
