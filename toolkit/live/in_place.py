"""The texts of statements that mend: those that make, and those that change one fact and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..catalog.objects import literal
from ..catalog.read import Key, parent, split_on
from ..sql.statements import quote

Facts = Mapping[str, Any]
Change = Callable[[str, Facts, Facts], list[str] | None]
"""From identity, wanted facts and those that are there; None where no statement does it."""

_STORAGE = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
_COMPRESSION = {"": "default", "p": "pglz", "l": "lz4"}
_REPLICA_IDENTITY = {"d": "default", "f": "full", "n": "nothing"}
_SEQUENCE = ("type", "start", "increment", "minimum", "maximum", "cache", "cycle")
_COMMANDS = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}
_PUBLISHED = ("insert", "update", "delete", "truncate")


def statements(key: Key, fact: str, want: Facts, had: Facts) -> list[str] | None:
    """What gives the object this fact, or None."""
    if (key[0], fact) in _IN_ONE:
        return [_IN_ONE[key[0], fact](key[1], want) + ";"]
    change = _CHANGES.get((key[0], fact))
    return change(key[1], want, had) if change else None


def is_late(key: Key, fact: str) -> bool:
    """Whether rows, or where a sequence stands, may refuse it."""
    return fact in ("not null", "not null constraint") or key[0] in ("sequence", "enum")


def policy(identity: str, facts: Facts) -> str:
    parts = [
        f"create policy {identity} as {'permissive' if facts['permissive'] else 'restrictive'}",
        f"for {_COMMANDS[facts['command']]} to {roles(facts['roles'])}",
        f"using ({facts['using']})" if facts["using"] else "",
        f"with check ({facts['check']})" if facts["check"] else "",
    ]
    return " ".join(part for part in parts if part) + ";"


def column(facts: Facts) -> str:
    collation = f" collate {facts['collation']}" if facts["collation"] else ""
    default = "" if facts["default"] is None else f" default {facts['default']}"
    return f"{facts['type']}{collation}{default}{' not null' if facts['not null'] else ''}"


def roles(names: Iterable[str]) -> str:
    return ", ".join("public" if name == "PUBLIC" else quote(name) for name in names)


def publication(identity: str, facts: Facts) -> str:
    """Makes a publication again, with its column lists and filters."""
    to = _published(facts)
    what = f" for {to}" if to else ""
    return f"create publication {identity}{what} with ({_parameters(facts)});"


def tables_of(facts: Facts) -> list[str]:
    """The tables that a publication names."""
    return [each["table"] for each in facts.get("tables") or ()]


def _published(facts: Facts) -> str:
    if facts["puballtables"]:
        return "all tables"
    parts = []
    for each in facts["tables"] or ():
        columns = f" ({', '.join(each['columns'])})" if each["columns"] else ""
        where = f" where ({each['filter']})" if each["filter"] else ""
        parts.append(f"table {each['table']}{columns}{where}")
    parts += [f"tables in schema {quote(name)}" for name in facts["schemas"] or ()]
    return ", ".join(parts)


def _parameters(facts: Facts) -> str:
    kinds = ", ".join(kind for kind in _PUBLISHED if facts[f"pub{kind}"])
    via_root = str(facts["pubviaroot"]).lower()
    return f"publish = {literal(kinds)}, publish_via_partition_root = {via_root}"


def _publish(identity: str, want: Facts, had: Facts) -> list[str] | None:
    if want["puballtables"] or had["puballtables"] or not _published(want):
        return None
    return [f"alter publication {identity} set {_published(want)};"]


def _labels(identity: str, want: Facts, had: Facts) -> list[str] | None:
    """Labels that are missing are added; none is taken away or moved."""
    there = iter(want["labels"])
    if not all(label in there for label in had["labels"]):
        return None
    made: list[str] = []
    for at, label in enumerate(want["labels"]):
        if label not in had["labels"]:
            after = f" after {literal(want['labels'][at - 1])}" if at else ""
            before = f" before {literal(had['labels'][0])}" if not at and had["labels"] else ""
            made.append(f"alter type {identity} add value {literal(label)}{after}{before};")
    return made


def _options(kind: str) -> Change:
    def change(identity: str, want: Facts, had: Facts) -> list[str] | None:
        old, new = had["options"] or [], want["options"] or []
        gone = [each.partition("=")[0] for each in old if each not in new]
        start = f"alter {kind} {identity} "
        if kind == "column":
            start = f"{_column(identity)} "
        found = [f"{start}reset ({', '.join(gone)});"] * bool(gone)
        return found + [f"{start}set ({', '.join(new)});"] * bool(new)

    return change


def _column(identity: str) -> str:
    table = parent(identity)
    return f"alter table {table} alter column {identity.removeprefix(table + '.')}"


def not_null(identity: str, want: Facts) -> list[str]:
    """Makes a column NOT NULL, by a constraint of that name where constraints have names."""
    named = want.get("not null constraint")
    if not named or named["inherited"]:
        return [f"{_column(identity)} set not null;"]
    table = parent(identity)
    column = identity.removeprefix(table + ".")
    more = " no inherit" * named["no inherit"] + " not valid" * (not named["validated"])
    name = quote(named["name"])
    found = [f"alter table {table} add constraint {name} not null {column}{more};"]
    if named["comment"]:
        found.append(f"comment on constraint {name} on {table} is {literal(named['comment'])};")
    return found


def _not_null_constraint(identity: str, want: Facts, had: Facts) -> list[str] | None:
    new, old, table = want["not null constraint"], had["not null constraint"], parent(identity)
    if not new or not old:
        return [] if want["not null"] != had["not null"] else None
    if new["inherited"] != old["inherited"] or old["validated"] > new["validated"]:
        return None
    name, found = quote(new["name"]), []
    if new["name"] != old["name"]:
        found.append(f"alter table {table} rename constraint {quote(old['name'])} to {name};")
    if new["no inherit"] != old["no inherit"]:
        how = "no inherit" if new["no inherit"] else "inherit"
        found.append(f"alter table {table} alter constraint {name} {how};")
    if new["validated"] != old["validated"]:
        found.append(f"alter table {table} validate constraint {name};")
    if new["comment"] != old["comment"]:
        found.append(f"comment on constraint {name} on {table} is {literal(new['comment'])};")
    return found


def _mappings(identity: str, want: Facts, had: Facts) -> list[str] | None:
    old, new = (dict(line.split(": ", 1) for line in each["mappings"] or ()) for each in (had, want))
    found = []
    for token in sorted(old.keys() | new.keys()):
        if old.get(token) != new.get(token):
            start = f"alter text search configuration {identity}"
            found.append(f"{start} drop mapping if exists for {token};")
            if token in new:
                found.append(f"{start} add mapping for {token} with {new[token]};")
    return found


def domain_constraint(identity: str, facts: Facts | None) -> str:
    """Adds a domain's constraint, or drops it."""
    name, domain = split_on(identity)
    if facts is None:
        return f"alter domain {domain} drop constraint {name};"
    return f"alter domain {domain} add constraint {name} {facts['definition']};"


def of_new_column(identity: str, facts: Facts) -> list[str]:
    """What the statement that adds a column does not say."""
    said = {"compression": "", "statistics target": None, "storage": None}
    unsaid = [fact for fact, usual in said.items() if facts[fact] != usual]
    return [f"{_IN_ONE['column', fact](identity, facts)};" for fact in unsaid]


def _number(value: int | None) -> int:
    return -1 if value is None else value


def _estimator(name: str | None) -> str:
    return "none" if name in (None, "-") else str(name)


def _operator(identity: str) -> str:
    name, arguments = identity[:-1].split("(", 1)
    return f"{name} ({arguments})"


_IN_ONE: Mapping[tuple[str, str], Callable[[str, Facts], str]] = {
    ("column", "storage"): lambda name, want: f"{_column(name)} set storage {_STORAGE[want['storage']]}",
    ("column", "compression"): lambda name, want: (
        f"{_column(name)} set compression {_COMPRESSION[want['compression']]}"
    ),
    ("column", "statistics target"): lambda name, want: (
        f"{_column(name)} set statistics {_number(want['statistics target'])}"
    ),
    ("statistics", "target"): lambda name, want: (
        f"alter statistics {name} set statistics {_number(want['target'])}"
    ),
    **{
        ("sequence", fact): lambda name, want: (
            f"alter sequence {name} as {want['type']} increment {want['increment']}"
            f" minvalue {want['minimum']} maxvalue {want['maximum']} start {want['start']}"
            f" cache {want['cache']}{' no' * (not want['cycle'])} cycle"
        )
        for fact in _SEQUENCE
    },
    ("sequence", "owned by"): lambda name, want: (
        f"alter sequence {name} owned by {want['owned by'] or 'none'}"
    ),
    ("domain", "default"): lambda name, want: (
        f"alter domain {name} drop default"
        if want["default"] is None
        else f"alter domain {name} set default {want['default']}"
    ),
    ("domain", "not null"): lambda name, want: (
        f"alter domain {name} {'set' if want['not null'] else 'drop'} not null"
    ),
    **{
        ("publication", f"pub{kind}"): lambda name, want: (
            f"alter publication {name} set ({_parameters(want)})"
        )
        for kind in (*_PUBLISHED, "viaroot")
    },
    **{
        ("operator", fact): lambda name, want: (
            f"alter operator {_operator(name)} set (restrict = {_estimator(want['restrict'])},"
            f" join = {_estimator(want['join'])})"
        )
        for fact in ("restrict", "join")
    },
}
_CHANGES: Mapping[tuple[str, str], Change] = {
    ("column", "options"): _options("column"),
    ("column", "not null constraint"): _not_null_constraint,
    ("table", "options"): _options("table"),
    ("table", "replica identity"): lambda name, want, had: (
        [f"alter table {name} replica identity {_REPLICA_IDENTITY[want['replica identity']]};"]
        if "i" not in (want["replica identity"], had["replica identity"])
        else None
    ),
    ("materialized view", "options"): _options("materialized view"),
    ("enum", "labels"): _labels,
    **{("publication", fact): _publish for fact in ("tables", "schemas")},
    ("text search configuration", "mappings"): _mappings,
}
