"""The statements that would bring a database to what it should be, and in words what none brings back.

Definitions are PostgreSQL's own (`pg_get_functiondef` and the like), so that nothing is lost that they say.
What holds rows is neither made nor dropped. Nothing is taken away that others need, and nothing is made that
needs what stays missing: no statement fails for another object. One that rows may refuse runs by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from ..catalog import objects
from ..catalog.objects import literal
from ..catalog.read import Catalog, Difference, Key, parent, split_on
from ..sql.statements import quote
from . import in_place

Facts = Mapping[str, Any]
Step = tuple[int, str]
"""Place in the order, and statement."""

_NONE: frozenset[str] = frozenset()
LATE = 1_000_000
"""From this place on the steps of each place are a transaction of their own: rows may refuse them."""
TYPES = ("enum", "domain", "composite type", "range", "type")
_DROPPED = (
    *("function", "procedure", "aggregate", "view", "materialized view", "index", "trigger", "policy"),
    *("rule", "statistics", "event trigger"),
)
_BY_DEFINITION = (
    *("function", "procedure", "trigger", "rule", "statistics", "view", "materialized view"),
    "event trigger",
)
_REMADE_FOR = {
    "policy": ("command", "permissive", "using", "check", "roles"),
    **dict.fromkeys(("constraint", "index", "materialized view"), ("definition",)),
    **dict.fromkeys(("trigger", "rule", "statistics"), ("definition",)),
}
_OWNED = (
    *("schema", "table", "foreign table", "sequence", "function", "procedure", "aggregate", "view"),
    *("materialized view", "statistics", "event trigger", "publication", *TYPES),
)
_COMMENTED = (*_OWNED, "column", "constraint", "index", "trigger", "rule", "policy", "extension", "role")
_GRANTED = {
    **dict.fromkeys(("table", "foreign table", "view", "materialized view"), "table"),
    **dict.fromkeys(("function", "aggregate"), "function"),
    **dict.fromkeys(TYPES, "type"),
    **{kind: kind for kind in ("schema", "sequence", "procedure")},
}
_TAKEN = ("column", *TYPES)
"""Kinds that others take as they are."""


@dataclass(frozen=True)
class Roles:
    """The roles of a cluster, and those to whom default privileges of the database give something."""

    there: Collection[str]
    """Quoted."""
    given: Collection[str]


@dataclass
class Mending:
    """What mends one difference."""

    drop: str | None = None
    takes_away: bool = False
    """Whether something goes, if only to be made again."""
    make: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    """Owner, grants, comments: when everything is made."""
    is_late: bool = False
    words: list[str] = field(default_factory=list)
    """What no statement mends, and why."""
    steps: list[Step] = field(default_factory=list)

    def give_up(self, why: str) -> None:
        """Leaves it to the reader."""
        self.drop, self.takes_away, self.make, self.after, self.is_late = None, False, [], [], False
        self.words = [why]


def mend(
    found: Sequence[Difference],
    parts: Collection[Difference],
    want: Catalog,
    have: Catalog,
    roles: Roles,
    theirs: Collection[Key] = (),
) -> dict[Difference, Mending]:
    """What mends each difference but the `parts`, which come and go with others.

    `theirs` are objects that may be somebody else's, and are never dropped.
    """
    mender = _Mender(want, have, roles)
    mendings = {each: mender.mending(each) for each in found if each not in parts}
    for each, mending in mendings.items():
        if (each.kind, each.identity) in theirs:
            mending.give_up("it may be somebody else's; drop it by hand when nobody needs it")
    _leave_what_cannot(mendings, parts, want, have)
    _put_in_order(mendings, want, have)
    return mendings


def script(mendings: Iterable[Mending]) -> str:
    """One script: a transaction that cannot fail for rows, then what they may refuse, each by itself."""
    steps = sorted((step for each in mendings for step in each.steps), key=lambda step: step[0])
    safe = dict.fromkeys(text for place, text in steps if place < LATE)
    lines = ["begin;", "set local check_function_bodies = off;", *safe, "commit;"] if safe else []
    late: dict[int, list[str]] = {}
    for place, text in steps:
        if place >= LATE:
            late.setdefault(place, []).append(text)
    if late:
        lines.append("-- Rows may refuse what follows; each stands alone.")
    blocks = (texts if len(texts) == 1 else ["begin;", *texts, "commit;"] for texts in late.values())
    lines += dict.fromkeys("\n".join(block) for block in blocks)
    return "\n".join(lines)


class _Mender:
    """Knows what the database should be and what it is."""

    def __init__(self, want: Catalog, have: Catalog, roles: Roles) -> None:
        self.want, self.have, self.roles = want, have, roles

    def mending(self, each: Difference) -> Mending:
        """What mends one difference, whatever it depends on."""
        key = (each.kind, each.identity)
        wanted, had = self.want.facts(key), self.have.facts(key)
        found = Mending()
        if each.change == "added":
            found.drop = self._drop(key)
            found.takes_away = found.drop is not None
            if found.drop is None:
                found.words = ["somebody may need it; drop it by hand when nobody does"]
        elif each.change == "removed":
            self._make(key, wanted, found)
        elif self._is_remade(key, wanted, had):
            found.drop, found.takes_away = self._drop(key), True
            self._make(key, wanted, found)
            if each.kind == "index" and not found.drop:
                found.give_up("a constraint needs the one that is there")
        else:
            self._alter(key, wanted, had, found)
        return found

    # -- making and dropping ---------------------------------------------------------------------------------

    def _drop(self, key: Key) -> str | None:
        kind, identity = key
        if kind == "constraint":
            name, on = split_on(identity)
            if self._is_domain(on):
                return in_place.domain_constraint(identity, None)
            return f"alter table {on} drop constraint {name};"
        if kind == "aggregate" and identity.endswith("()"):
            identity = f"{identity[:-1]}*)"
        if kind == "index" and self._backs_constraint(key):
            return None
        return f"drop {kind} {identity};" if kind in _DROPPED else None

    def _backs_constraint(self, index: Key) -> bool:
        table = self.have.facts(index).get("table")
        return (
            "constraint",
            f"{index[1].removeprefix(parent(index[1]) + '.')} on {table}",
        ) in self.have.objects

    def _make(self, key: Key, facts: Facts, found: Mending) -> None:
        """Makes an object from nothing, with what belongs to it alone."""
        kind, identity = key
        definition = str(facts.get("definition") or "").rstrip(" ;\n")
        if kind in _BY_DEFINITION and (made := objects.definition(key, self.want)):
            found.make, found.is_late = [made], kind == "materialized view"
            if found.is_late:
                found.make += objects.parts(identity, self.want, "index")
        elif kind == "index" and not (facts["clustered"] or facts["replica identity"]):
            found.make = [f"{definition.replace(' ON ONLY ', ' ON ', 1)};"]
            found.is_late = definition.startswith("CREATE UNIQUE")
        elif kind == "constraint" and self._is_domain(split_on(identity)[1]):
            found.make, found.is_late = [in_place.domain_constraint(identity, facts)], True
        elif kind == "publication" and self._can_publish(facts):
            found.make = [in_place.publication(identity, facts)]
        elif kind == "constraint":
            name, on = split_on(identity)
            drop = f"drop constraint {name}, " if found.drop else ""
            found.drop, found.is_late = None, True
            found.make = [f"alter table {on} {drop}add constraint {name} {definition};"]
        elif kind == "policy" and self._knows(facts["roles"]):
            found.make = [in_place.policy(identity, facts)]
        elif kind == "column" and self._is_plain(identity, facts, facts):
            start = f"alter table {parent(identity)} add column "
            found.make = [f"{start}{identity.removeprefix(parent(identity) + '.')} {in_place.column(facts)};"]
            found.make += in_place.of_new_column(identity, facts)
            found.is_late = facts["not null"] and facts["default"] is None
        else:
            found.give_up("take the statement that makes it from the migration that does")
            return
        grants = [line for line in facts.get("grants") or () if line.startswith(f"{facts.get('owner')}=")]
        self._common(key, facts, {"owner": None, "comment": None, "grants": grants}, found, is_new=True)
        if kind in ("view", "materialized view"):
            for column in self._columns(identity):
                self._common(column, self.want.facts(column), {"comment": None}, found)

    def _is_remade(self, key: Key, want: Facts, had: Facts) -> bool:
        """Whether what differs cannot be altered in place."""
        kind, identity = key
        if not want.get("local", True) or want.get("inherited") or want.get("cloned"):
            return False
        if kind == "view":
            old, new = ([self._types(identity, each)] for each in (self.have, self.want))
            return new[0][: len(old[0])] != old[0]
        if kind in ("function", "procedure"):  # CREATE OR REPLACE changes neither arguments nor result
            return _head(want) != _head(had)
        return any(want.get(name) != had.get(name) for name in _REMADE_FOR.get(kind, ()))

    def _types(self, view: str, catalog: Catalog) -> list[tuple[str, str]]:
        columns = sorted((catalog.facts(key)["position"], key) for key in self._columns(view, catalog))
        return [(key[1], catalog.facts(key)["type"]) for _, key in columns]

    # -- altering --------------------------------------------------------------------------------------------

    def _alter(self, key: Key, want: Facts, had: Facts, found: Mending) -> None:
        """Changes in place what statements can change, and says the rest."""
        kind, identity = key
        differs = {name for name in {*want, *had} if want.get(name) != had.get(name)}
        differs -= {"position"} if kind == "column" else set()
        for name in sorted(differs - {"owner", "grants", "comment"}):
            if kind in ("function", "procedure") and name == "definition":
                found.make.append(f"{want['definition'].rstrip()};")
            elif kind == "view" and name in ("definition", "options"):
                found.make = [str(objects.definition(key, self.want))]
            elif kind == "table" and name.startswith("row security"):
                verb = ("enable", "disable") if name == "row security" else ("force", "no force")
                found.make.append(f"alter table {identity} {verb[not want[name]]} row level security;")
            elif kind == "column" and name in ("default", "not null") and self._is_plain(identity, want, had):
                self._alter_column(identity, name, want, found)
            elif name == "enabled" and self._on_table(key):
                found.make.append(objects.enable(key, want["enabled"]))
            elif kind == "index" and name == "valid" and want["valid"]:
                found.make, found.is_late = [f"reindex index {identity};"], True
            elif kind == "constraint" and name == "validated" and want["validated"]:
                short, on = split_on(identity)
                found.make, found.is_late = [f"alter table {on} validate constraint {short};"], True
            elif (
                self._may_alter(key, want) and (made := in_place.statements(key, name, want, had)) is not None
            ):
                found.make += [text for text in made if text not in found.make]
                found.is_late |= in_place.is_late(key, name)
            else:
                found.words.append(name)
        if found.words:
            found.words = [f"its {', '.join(found.words)}"]
        self._common(key, want, had, found)

    def _alter_column(self, identity: str, name: str, want: Facts, found: Mending) -> None:
        table = parent(identity)
        start = f"alter table {table} alter column {identity.removeprefix(table + '.')}"
        if name == "default":
            default = want["default"]
            found.make.append(f"{start} {'drop default' if default is None else f'set default {default}'};")
        elif want[name]:
            found.make += in_place.not_null(identity, want)
            found.is_late = True
        else:
            found.make.append(f"{start} drop not null;")

    def _is_plain(self, identity: str, want: Facts, had: Facts) -> bool:
        """Whether default and NOT NULL of a column can be set by themselves."""
        tables = [self.have.facts((kind, parent(identity))) for kind in ("table", "foreign table")]
        is_table = any(each and not each["of type"] for each in tables)
        special = [each.get(name) for each in (want, had) for name in ("identity", "generated")]
        return is_table and not any(special) and want["type"] == had["type"]

    def _may_alter(self, key: Key, want: Facts) -> bool:
        """Whether what a change in place needs is there."""
        if key[0] == "column":
            name, table = _not_null(want), parent(key[1])
            others = [self.have.facts(each) for each in self._columns(table, self.have) if each != key]
            is_taken = bool(name) and any(_not_null(each) == name for each in others)
            return not is_taken and any(
                (kind, table) in self.have.objects for kind in ("table", "foreign table")
            )
        return key[0] != "publication" or self._can_publish(want)

    def _can_publish(self, facts: Facts) -> bool:
        """Whether the tables are there, with all columns that a list or a filter may name."""
        columns = [key for table in in_place.tables_of(facts) for key in self._columns(table)]
        schemas = [("schema", quote(name)) for name in facts["schemas"] or ()]
        return all(key in self.have.objects for key in [*columns, *schemas])

    def _on_table(self, key: Key) -> bool:
        return key[0] == "event trigger" or ("table", split_on(key[1])[1]) in self.have.objects

    # -- owner, grants, comment ------------------------------------------------------------------------------

    def _common(self, key: Key, want: Facts, had: Facts, found: Mending, *, is_new: bool = False) -> None:
        kind, identity = key
        called = "type" if kind in TYPES and kind != "domain" else kind
        granted = set(had.get("grants") or ())
        if want.get("owner") != had.get("owner") and not want.get("owned by"):  # else: with its table
            if kind in _OWNED and self._knows([want["owner"]]):
                found.after.append(f"alter {called} {identity} owner to {in_place.roles([want['owner']])};")
                old, new = f"{had.get('owner')}=", f"{want['owner']}="
                granted = {new + line.removeprefix(old) if line.startswith(old) else line for line in granted}
            else:
                found.words.append(f"its owner should be {want['owner']}")
        if "grants" in want and (is_new or set(want["grants"] or ()) != granted):
            self._grant(key, set(want["grants"] or ()), granted, found, is_new=is_new)
        if want.get("comment") != had.get("comment"):
            name, on = split_on(identity)
            target = f"{called} {f'{name} on domain {on}' if on and self._is_domain(on) else identity}"
            if kind in _COMMENTED:
                found.after.append(f"comment on {target} is {literal(want['comment'])};")
            else:
                found.words.append(f"its comment should be {literal(want['comment'])}")

    def _grant(self, key: Key, want: set[str], had: set[str], found: Mending, *, is_new: bool) -> None:
        """Grants of the owner alone: those that others have passed on hang together in ways of their own."""
        kind, identity = key
        table = parent(identity) if kind == "column" else ""
        column = f" ({identity.removeprefix(table + '.')})" if table else ""
        lines = {line for line in want | had if " by " in line}
        if lines or (kind not in _GRANTED and not table) or not self._knows(_grantees(want)):
            found.words.append(f"its grants should be {', '.join(sorted(want)) or 'none'}")
            return
        target = f"table {table}" if table else f"{_GRANTED[kind]} {identity}"
        changed = {*_grantees(want ^ had)}
        if is_new:  # what the server's default privileges give to it is not known to be right
            changed |= {"PUBLIC", *self.roles.given} - {self.want.facts(key).get("owner")}
        for who in sorted(changed):
            to = in_place.roles([who])
            found.after.append(f"revoke all{column} on {target} from {to};")
            given = [(line, column) for line in sorted(want) if line.startswith(f"{who}=")]
            for each in () if table else self._columns(identity):  # REVOKE took these as well
                own = [line for line in self.want.facts(each)["grants"] or () if line.startswith(f"{who}=")]
                given += [(line, f" ({each[1].removeprefix(identity + '.')})") for line in own]
            for line, place in given:
                what, with_, option = line.removeprefix(f"{who}=").partition(" with ")
                found.after.append(f"grant {what.lower()}{place} on {target} to {to}{with_}{option};")

    # -- looking things up -----------------------------------------------------------------------------------

    def _knows(self, names: Iterable[str]) -> bool:
        """Whether the roles are there."""
        return all(name == "PUBLIC" or quote(name) in self.roles.there for name in names)

    def _is_domain(self, identity: str) -> bool:
        return any(("domain", identity) in each.objects for each in (self.want, self.have))

    def _columns(self, relation: str, catalog: Catalog | None = None) -> list[Key]:
        objects = (catalog or self.want).objects
        return [key for key in objects if key[0] == "column" and parent(key[1]) == relation]


def _leave_what_cannot(
    mendings: Mapping[Difference, Mending], parts: Collection[Difference], want: Catalog, have: Catalog
) -> None:
    """Gives up what needs something that stays missing, and what something else needs that stays."""
    users = have.users()
    missing = {each.identity for each in mendings if each.change == "removed"}
    lost = {
        each.identity for each in parts if each.change == "removed" and each.kind in ("column", "sequence")
    }
    given_up = True
    while given_up:
        given_up = False
        gone = {each.identity for each in parts if each.change == "added"}
        gone |= {each.identity for each, mending in mendings.items() if mending.takes_away}
        made = {each.identity for each, mending in mendings.items() if mending.make}
        lacking = missing - made | {name for name in lost if parent(name) not in made}
        lacking |= {each.identity for each in mendings if each.kind in _TAKEN and mendings[each].words}
        for each, mending in mendings.items():
            needed = want.needs.get(each.identity, _NONE) & lacking - {each.identity}
            needing = users.get(each.identity, _NONE) - gone - {each.identity}
            # when they are made what they should be, these need it no more
            needing -= {user for user in needing & made if each.identity not in want.needs.get(user, _NONE)}
            if mending.make and needed:
                mending.give_up(f"it needs {', '.join(sorted(needed))}")
            elif mending.takes_away and needing:
                mending.give_up(f"{', '.join(sorted(needing))} needs it as it is")
            else:
                continue
            given_up = True


def _put_in_order(mendings: Mapping[Difference, Mending], want: Catalog, have: Catalog) -> None:
    """Gives every statement its place: users go before what they use, and come after it."""
    there = {each.identity: mending for each, mending in mendings.items() if mending.make or mending.drop}
    needs, needed = (
        {name: catalog.needs.get(name, _NONE) & there.keys() for name in there} for catalog in (want, have)
    )
    up, down = ([*TopologicalSorter(graph).static_order()] for graph in (needs, needed))
    for name in up:
        there[name].is_late |= any(there[other].is_late for other in needs[name])
    users = have.users()
    # REVOKE on a table takes grants of its columns, which come last.
    for number, each in enumerate(sorted(mendings, key=lambda each: each.kind == "column")):
        mending = mendings[each]
        drops = [mending.drop] if mending.drop else []
        if mending.is_late and each.identity in there:
            place = LATE + up.index(each.identity)
            mending.steps = [(place, text) for text in (*drops, *mending.make, *mending.after)]
            continue
        if drops:
            kept = [name for name in users.get(each.identity, _NONE) & there.keys() if there[name].make]
            is_last = any(name != each.identity and not there[name].takes_away for name in kept)
            place = LATE // 2 - 1 if is_last else len(down) - down.index(each.identity)
            mending.steps = [(place, mending.drop or "")]
        mending.steps += [(len(down) + 1 + up.index(each.identity), text) for text in mending.make]
        mending.steps += [(LATE // 2 + number, text) for text in mending.after]


def _not_null(facts: Facts) -> str | None:
    """The name of a column's NOT NULL constraint, which PostgreSQL lists since 18."""
    return (facts.get("not null constraint") or {}).get("name")


def _head(facts: Facts) -> str:
    return str(facts["definition"]).split("\n LANGUAGE", 1)[0]


def _grantees(lines: Iterable[str]) -> Iterator[str]:
    return (line.split("=")[0] for line in lines)
