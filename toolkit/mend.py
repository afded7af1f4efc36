"""The SQL that would bring one object of a database to what it should be.

Each statement carries a phase, so that those of several objects can be put into an order that works: what
goes, goes before what comes, and nothing comes before what it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolkit.catalog import Catalog, Difference, Key
from toolkit.mend_parts import COLUMN_OWNERS, alter_column, define_column, parent, split_on
from toolkit.objects import literal

Facts = Mapping[str, Any]
Step = tuple[int, str]
"""Phase and statement."""

# Kinds in the order in which they are made; dropped in the opposite one, before anything is made.
ORDER = (
    "role", "schema", "extension", "enum", "domain", "composite type", "range", "type", "sequence", "table",
    "foreign table", "column", "function", "procedure", "aggregate", "view", "materialized view",
    "constraint", "index", "statistics", "rule", "trigger", "policy", "event trigger", "publication",
    "default privileges", "role setting", "database",
)  # fmt: skip
_TYPES = ("enum", "domain", "composite type", "range", "type")
_OWNED = (
    *("schema", "table", "foreign table", "sequence", "function", "procedure", "aggregate", "view"),
    *("materialized view", "statistics", "event trigger", "publication", *_TYPES),
)
_GRANT_TARGET = {
    "foreign table": "table", "view": "table", "materialized view": "table", "aggregate": "function",
    **dict.fromkeys(_TYPES, "type"),
}  # fmt: skip
_ENABLE = {"O": "enable", "D": "disable", "R": "enable replica", "A": "enable always"}
_LAST = 1000
_GRANT = re.compile(r"(?P<who>.*)=(?P<what>[A-Z ]+?)(?P<option> with grant option)?(?: by (?P<by>.*))?")


def mend(difference: Difference, want: Catalog, have: Catalog) -> list[Step]:
    """What turns the object from what `have` says into what `want` says; nothing when no SQL can do that."""
    key = (difference.kind, difference.identity)
    wanted, had = want.facts(key), have.facts(key)
    if key not in want.objects:
        return [(_dropping(key), text) for text in _drop(key, had, have)]
    if key not in have.objects:
        return _make(key, want)
    if _must_be_made_again(key, want, have):
        return [(_dropping(key), text) for text in _drop(key, had, have)] + _make(key, want)
    steps = [(_making(key, wanted), text) for text in _alter(key, wanted, had)]
    return steps + [(_LAST, text) for text in _common(key, wanted, had)]


def _make(key: Key, want: Catalog) -> list[Step]:
    """What makes an object from nothing, with what belongs to it alone."""
    facts = want.facts(key)
    steps = [(_making(key, facts), text) for text in _create(key, facts, want)]
    steps += [(_LAST, text) for text in _common(key, facts, _bare(key, facts))]
    if key[0] in COLUMN_OWNERS:
        for name, column in columns(key[1], want):
            own = ("column", f"{key[1]}.{name}")
            if key[0] == "table":
                plain = {**column, "compression": "", "statistics target": None, "options": None}
                steps += [(_making(own, column), text) for text in alter_column(own[1], column, plain)]
            steps += [(_LAST, text) for text in _common(own, column, {"comment": None})]
    if key[0] == "materialized view":
        indexes = [
            each for each in want.objects if each[0] == "index" and want.facts(each)["table"] == key[1]
        ]
        steps += [step for index in indexes for step in _make(index, want)]
    return steps


def _making(key: Key, facts: Facts) -> int:
    rank = ORDER.index(key[0]) if key[0] in ORDER else len(ORDER)
    is_late = key[0] == "constraint" and str(facts.get("definition", "")).startswith("FOREIGN KEY")
    return 100 + 10 * rank + (5 if is_late else 0)


def _dropping(key: Key) -> int:
    return len(ORDER) - (ORDER.index(key[0]) if key[0] in ORDER else len(ORDER))


def _must_be_made_again(key: Key, want_all: Catalog, have_all: Catalog) -> bool:
    """Whether what differs cannot be altered in place."""
    kind = key[0]
    want, had = want_all.facts(key), have_all.facts(key)
    if kind == "view":
        new, old = ([(n, c["type"]) for n, c in columns(key[1], each)] for each in (want_all, have_all))
        return new[: len(old)] != old
    if kind in ("constraint", "index", "policy", "rule", "trigger", "statistics", "event trigger"):
        names = {"definition", "command", "permissive", "using", "check", "event", "function", "tags"}
        return any(want.get(name) != had.get(name) for name in names)
    if kind in ("function", "procedure"):
        return _head(want) != _head(had)
    if kind == "column":
        return want["generated"] != had["generated"] or (
            bool(want["generated"]) and want["default"] != had["default"]
        )
    if kind in ("aggregate", "range"):
        return any(want.get(name) != had.get(name) for name in ("aggregate", "range"))
    return kind == "materialized view" and want["definition"] != had["definition"]


def _head(facts: Facts) -> str:
    """A routine's name, arguments and result, which CREATE OR REPLACE cannot change."""
    return str(facts["definition"]).split("\n LANGUAGE", 1)[0]


def _create(key: Key, facts: Facts, want: Catalog) -> Iterator[str]:
    kind, identity = key
    if kind in ("function", "procedure"):
        yield f"{facts['definition'].rstrip()};"
    elif kind == "aggregate":
        yield _aggregate(identity, facts["aggregate"])
    elif kind == "view":
        options = f" with ({', '.join(facts['options'])})" if facts["options"] else ""
        yield f"create or replace view {identity}{options} as\n{facts['definition']}"
    elif kind == "materialized view":
        data = "" if facts["populated"] else "\nwith no data"
        yield f"create materialized view {identity} as\n{facts['definition'].rstrip(';')}{data};"
    elif kind == "table":
        yield _table(identity, facts, want)
        yield from _alter(key, facts, {"row security": False, "row security forced": False, **_PLAIN_TABLE})
    elif kind == "column":
        yield from _add_column(identity, facts, want)
    elif kind == "constraint":
        name, on = split_on(identity)
        if not facts["inherited"]:
            yield f"alter {_holder(on, want)} {on} add constraint {name} {facts['definition']};"
    elif kind == "index":
        yield f"{facts['definition']};"
        yield from _alter(key, facts, {**facts, "clustered": False, "replica identity": False})
    elif kind in ("trigger", "rule", "statistics"):
        if not facts.get("cloned"):
            yield f"{facts['definition'].rstrip(';')};"
        yield from _alter(key, facts, {**facts, "enabled": "O", "target": None})
    elif kind == "policy":
        yield _policy(identity, facts)
    elif kind == "schema":
        yield f"create schema {identity};"
    elif kind == "sequence":
        yield f"create sequence {identity} as {facts['type']};"
        yield from _alter(key, facts, {"owned by": None})
    elif kind == "enum":
        yield f"create type {identity} as enum ({', '.join(map(literal, facts['labels']))});"
    elif kind == "domain":
        yield f"create domain {identity} as {facts['base type']};"
        yield from _alter(key, facts, {"not null": False, "default": None})
    elif kind == "composite type":
        attributes = ", ".join(define_column(name, each) for name, each in columns(identity, want))
        yield f"create type {identity} as ({attributes});"
    elif kind == "range":
        yield f"create type {identity} as range (subtype = {facts['range']['of']});"
    elif kind == "event trigger":
        tags = f" when tag in ({', '.join(map(literal, facts['tags']))})" if facts["tags"] else ""
        yield f"create event trigger {identity} on {facts['event']}{tags} execute function {facts['function']};"
        yield from _alter(key, facts, {"enabled": "O"})
    elif kind == "publication":
        yield f"create publication {identity};"
        yield from _publication(identity, facts, {"tables": None, "schemas": None})
    elif kind == "extension":
        yield f"create extension {identity} with schema {facts['schema']};"
    elif kind == "role":
        yield f"create role {identity};"
        yield from _alter(key, facts, {})
    elif kind in ("role setting", "default privileges"):
        yield from _alter(key, facts, {})


def _drop(key: Key, facts: Facts, have: Catalog) -> Iterator[str]:
    kind, identity = key
    if kind == "column":
        table, name = parent(identity), identity.removeprefix(parent(identity) + ".")
        is_composite = ("composite type", table) in have.objects
        yield f"alter {'type' if is_composite else 'table'} {table} drop {'attribute' if is_composite else 'column'} {name};"
    elif kind == "constraint":
        name, on = split_on(identity)
        if not facts["inherited"]:
            yield f"alter {_holder(on, have)} {on} drop constraint {name};"
    elif kind == "aggregate":
        yield f"drop aggregate {re.sub(r'[(][)]$', '(*)', identity)};"
    elif kind in _TYPES and kind != "domain":
        yield f"drop type {identity};"
    elif kind == "trigger" and facts["cloned"]:
        return
    elif kind == "default privileges":
        yield from _default_privileges(identity, [], facts["grants"])
    elif kind == "operator":
        yield f"drop operator {re.sub('NONE', 'none', identity)};"
    elif kind in ORDER and kind not in ("database", "role", "role setting", "default privileges"):
        yield f"drop {kind} {identity};"


def _alter(key: Key, want: Facts, had: Facts) -> Iterator[str]:
    """What brings one object's own facts, all but its owner, grants and comment, to what they should be."""
    kind, identity = key

    def differs(name: str) -> bool:
        return bool(want.get(name) != had.get(name))

    if kind in ("function", "procedure", "view") and (differs("definition") or differs("options")):
        if kind == "view" and had["options"]:
            yield f"alter view {identity} reset ({_names(had['options'])});"
        yield from _create(key, want, Catalog({}))
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
        yield f"alter policy {identity} to {_roles(want['roles'])};"
    elif kind == "statistics" and differs("target"):
        yield f"alter statistics {identity} set statistics {-1 if want['target'] is None else want['target']};"
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
        yield from _default_privileges(identity, want["grants"], had.get("grants", []))


_PLAIN_TABLE: Facts = {"persistence": "p", "options": None, "replica identity": "d", "tablespace": None}


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
        f"for {command} to {_roles(facts['roles'])}",
        f"using ({facts['using']})" if facts["using"] else "",
        f"with check ({facts['check']})" if facts["check"] else "",
    ]
    return " ".join(part for part in parts if part) + ";"


def _roles(names: Iterable[str]) -> str:
    return ", ".join("public" if name == "PUBLIC" else name for name in names)


def _aggregate(identity: str, facts: Facts) -> str:
    parts = [f"sfunc = {facts['aggtransfn']}", f"stype = {facts['state']}"]
    parts += [f"finalfunc = {facts['aggfinalfn']}"] if facts["aggfinalfn"] != "-" else []
    parts += [f"initcond = {literal(facts['agginitval'])}"] if facts["agginitval"] is not None else []
    return f"create or replace aggregate {identity} ({', '.join(parts)});"


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
        yield f"alter publication {identity} set (publish_via_partition_root = {str(want['pubviaroot']).lower()});"


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
        change = f"reset {name}" if verb == "reset" else f"set {name} = {value or literal('')}"
        if kind == "role":
            yield f"alter {who} {change};"
            continue
        start = "database %I" if kind == "database" else f"{who.replace('%', '%%')} in database %I"
        text = literal(f"alter {start} {change.replace('%', '%%')}")
        yield f"do $do$ begin execute format({text}, current_database()); end $do$;"


def _default_privileges(identity: str, want: list[str], had: list[str]) -> Iterator[str]:
    match = re.fullmatch(r"of (?P<role>.*?)(?: in (?P<schema>\S+))? for (?P<what>[a-z ]+)", identity)
    if match is None:
        return
    place = f" in schema {match['schema']}" if match["schema"] else ""
    start = f"alter default privileges for role {match['role']}{place}"
    for verb, lines in (("revoke", set(had) - set(want)), ("grant", set(want) - set(had))):
        for line in sorted(lines):
            who, what = line.split(" by ")[0].split("=")
            to = "to" if verb == "grant" else "from"
            yield f"{start} {verb} {what.lower()} on {match['what']} {to} {_roles([who])};"


def _bare(key: Key, want: Facts) -> Facts:
    """Owner, grants and comment of an object that has just been made by somebody."""
    bare: dict[str, Any] = {"owner": None, "comment": None}
    if want.get("grants"):
        is_public = key[0] in ("function", "procedure", "aggregate", *_TYPES)
        privilege = "USAGE" if key[0] in _TYPES else "EXECUTE"
        own = [line for line in want["grants"] if line.startswith(f"{want.get('owner')}=")]
        bare["grants"] = own + [f"PUBLIC={privilege}"] * is_public
    return bare


def _common(key: Key, want: Facts, had: Facts) -> Iterator[str]:
    """Owner, grants and comment."""
    kind, identity = key
    called = "type" if kind in _TYPES and kind != "domain" else kind
    granted = set(had.get("grants") or [])
    if kind in _OWNED and want.get("owner") != had.get("owner"):
        yield f"alter {called} {identity} owner to {want['owner']};"
        old = f"{had['owner']}="
        granted = {f"{want['owner']}={g[len(old) :]}" if g.startswith(old) else g for g in granted}
        granted = {g.removesuffix(f" by {want['owner']}") for g in granted}
    if "grants" in want and kind != "default privileges":
        yield from _grants(key, set(want["grants"] or []), granted)
    if want.get("comment") != had.get("comment"):
        target = f"{called} {identity}"
        if kind == "database":
            text = literal(f"comment on database %I is {literal(want['comment'])}")
            yield f"do $do$ begin execute format({text}, current_database()); end $do$;"
        else:
            yield f"comment on {target} is {literal(want['comment'])};"


def _grants(key: Key, want: set[str], had: set[str]) -> Iterator[str]:
    kind, identity = key
    target = f"{_GRANT_TARGET.get(kind, kind)} {identity}"
    column = ""
    if kind == "column":
        table = parent(identity)
        target, column = f"table {table}", f" ({identity.removeprefix(table + '.')})"
    for verb, lines in (("revoke", had - want), ("grant", want - had)):
        for line in sorted(lines):
            match = _GRANT.fullmatch(line)
            assert match is not None
            who = _roles([match["who"]])
            option = " with grant option" if match["option"] and verb == "grant" else ""
            text = f"{verb} {match['what'].lower()}{column} on {target} {'to' if verb == 'grant' else 'from'} {who}"
            if kind == "database":
                text = text.replace("this database", "%I")
                yield f"do $do$ begin execute format({literal(text + option)}, current_database()); end $do$;"
            elif match["by"]:
                yield f"set role {match['by']}; {text}{option}; reset role;"
            else:
                yield f"{text}{option};"
    # Taking away a grant option takes the grant as well.
    for line in sorted(want & {each.replace(" with grant option", "") for each in had - want}):
        match = _GRANT.fullmatch(line)
        assert match is not None
        yield f"grant {match['what'].lower()}{column} on {target} to {_roles([match['who']])};"
