"""Which objects of a live database are the project's, and what of them may differ without being wrong."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog.read import ON_RELATION, Catalog, Key, parent, read, relation_of, split_on
from ..connection import connect
from ..errors import DbtoolError, HistoryProblem, ScriptFailed
from ..history import migrations
from ..project.layout import SCHEMA_ID, Project
from ..sql.outside import Surroundings, made_roles
from ..sql.statements import quote, split_qualified, unquote
from .plan import LACKING, reworded, surroundings_of

if TYPE_CHECKING:
    from ..servers.throwaway import ThrowawayServer
    from ..sql.execute import Connection

DATABASE = "reference"
OpenServer = Callable[[], "AbstractContextManager[ThrowawayServer]"]


@dataclass(frozen=True)
class Texts:
    """Scripts, given as number (0: the schema) and text."""

    scripts: tuple[tuple[int, str], ...]
    foreign: tuple[str, ...] = ()
    """Which of them only the database has in this wording: whoever can write there may have written them."""
    setup: str = ""
    """What the database gets before them."""
    settings: str = ""
    """With which they are run, as options of the connection: what the target's database and role have set."""
    is_trusted: bool = True
    """Whether all may do what a superuser may on the throwaway server."""
    around: Surroundings = field(default_factory=Surroundings)
    """What they find outside of the database: roles that they do not make, tablespaces, its own name."""

    def surrounded_like(self, conn: Connection) -> Texts:
        """The same, with what they find around the connection's database: roles, tablespaces, its name."""
        there = surroundings_of(conn)
        all_ = "\n".join(text for _, text in self.scripts)
        made, name = made_roles(all_, there.roles), there.database
        around = Surroundings(
            tuple(name for name in there.roles if name not in made and _word(name, all_)),
            tuple(name for name in there.tablespaces if _word(name, all_)),
            name if name and _word(name, all_) else None,
            there.creators,
        )
        return replace(self, around=around)


@dataclass(frozen=True)
class Reference:
    """The catalog of a database before and after the scripts, and the role that ran them."""

    empty: Catalog
    built: Catalog
    builder: str
    given: frozenset[str] = frozenset()
    """The roles (quoted) that were there before the scripts."""
    unnamed: frozenset[str] = frozenset()
    """Partitions whose names stand in no script: they are named after the day on which they were made."""
    names_builder: bool = False
    """Whether the scripts themselves call the role that ran them an owner."""
    reworded: tuple[Catalog, ...] = ()
    """What is built, after a dump and a restore; where it was asked for."""


def build(
    server: ThrowawayServer, texts: Texts, *, is_unlike: Callable[[Reference], bool] = lambda _: False
) -> Reference:
    """Runs scripts on a new database of the server.

    When `is_unlike` finds that something is not as expected, it is read a second time as a dump words it.
    Raises ScriptFailed for one that does not run there, HistoryProblem when it is one of the foreign.
    """
    server.setup = texts.setup
    name = texts.around.database or DATABASE
    given = server.provide(texts.around)
    if texts.is_trusted:
        server.create_database(name)
    url = server.url(name) if texts.is_trusted else server.create_restricted(name)
    if not texts.is_trusted:
        server.lend(texts.around.roles)
    connect_to = partial(connect, url, application_name="dbtool", options=texts.settings)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "migrations").mkdir()
        for number, text in texts.scripts:
            path = root / (f"migrations/migration{number}.sql" if number else f"{SCHEMA_ID}.sql")
            path.write_text(text, encoding="utf-8")
        try:
            with connect_to() as connection:
                empty = read(connection)
                migrations.migrate(connect_to, Project.open(root))
                connection.commit()
                built = read(connection, with_needs=True)
                builder = connection.info.user
                all_ = "\n".join(text for _, text in texts.scripts)
                unnamed = {
                    identity
                    for kind, identity in built.objects
                    if kind == "table" and built.facts((kind, identity))["partition bound"]
                    if not _word(unquote(split_qualified(identity)[-1]), all_)
                }
                owner = re.search(rf'(?i)\bowner\s+to\s+"?{re.escape(builder)}\b', all_)
                reference = Reference(
                    empty, built, builder, frozenset(map(quote, given)), frozenset(unnamed), bool(owner)
                )
            if is_unlike(reference):
                made = [text for _, text in texts.scripts] if texts.is_trusted else []
                again = reworded(url, server, made, is_trusted=texts.is_trusted)
                reference = replace(reference, reworded=(again,) if again else ())
        except ScriptFailed as error:
            if texts.is_trusted:
                raise _does_not_run(server, error) from error
            raise HistoryProblem(
                f"what was applied does not run without a superuser's rights: {error.message}",
                detail=error.detail,
                hint=f"The texts of {', '.join(texts.foreign)} are the database's own, so none is run with"
                " such rights. Get the project's files as they were applied; or give --trust-target, if you"
                " trust whoever can write to that database as you trust who may log in on this machine.",
            ) from error
        finally:
            server.drop_database(name)
    return reference


def _does_not_run(server: ThrowawayServer, error: ScriptFailed) -> DbtoolError:
    """The error of a throwaway server, which is not taken for one of the target's."""
    lacks = LACKING.search(error.message)
    hint = f"Name one that has the extension {lacks[1]} with --server." if lacks else error.hint
    kept = [line for line in (error.detail or "").split("\n") if not line.startswith("nothing of ")]
    return DbtoolError(
        f"what was applied does not run on the throwaway server ({server.description}): {error.message}",
        detail="\n".join([*kept, "nothing was done to any database of yours"]),
        hint=hint
        or "What it needs may be data, or something of the target's cluster; --server names another.",
    )


def _word(name: str, text: str) -> bool:
    """Whether a text names something."""
    return re.search(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", text) is not None


def build_once(open_server: OpenServer, major: int, texts: Texts, folder: Path) -> Reference:
    """The same as `build` on a server of that version, kept in a folder for other runs with these texts."""
    key = [major, *astuple(texts)]
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    path = folder / f"{name}.json"
    if not path.exists():
        with open_server() as server:
            found = build(server, texts, is_unlike=lambda _: True)
        draft = path.with_suffix(f".{os.getpid()}")
        parts = [
            [[[*key, facts] for key, facts in each.objects.items()], {k: [*v] for k, v in each.needs.items()}]
            for each in (found.empty, found.built, *found.reworded)
        ]
        about = [found.builder, [*found.given], [*found.unnamed], found.names_builder]
        draft.write_text(json.dumps([*about, *parts]), encoding="utf-8")
        draft.replace(path)
    builder, given, unnamed, named, *catalogs = json.loads(path.read_text(encoding="utf-8"))
    empty, built, *again = (_catalog(*each) for each in catalogs)
    return Reference(empty, built, builder, frozenset(given), frozenset(unnamed), bool(named), tuple(again))


def _catalog(entries: list[tuple[str, str, str]], needs: dict[str, list[str]]) -> Catalog:
    objects = {(kind, identity): facts for kind, identity, facts in entries}
    return Catalog(objects, {user: frozenset(names) for user, names in needs.items()})


# Facts that PostgreSQL prints from what it has parsed.
_WORDED = ("definition", "default", "using", "check", "partition key", "partition bound")
_WITHOUT_SCHEMA = (
    *("role", "role setting", "database", "event trigger", "publication", "extension"),
    *("cast", "transform", "language", "access method", "foreign data wrapper", "foreign server"),
    *("subscription", "user mapping"),
)
_OF_ANOTHER = ("cast", "transform", "event trigger", "user mapping")
"""What stands in no schema, and is the project's when it is for something of the project's."""


@dataclass(frozen=True)
class LiveDatabase:
    """A live database: its catalog, the roles of its cluster (quoted), who may own what is the project's."""

    catalog: Catalog
    roles: frozenset[str]
    owners: tuple[str, ...]
    """Those that applied the scripts, the last one at the end."""
    reworded: tuple[Catalog, ...] = ()
    """The catalog after a dump and a restore; where it was asked for."""


def comparable(reference: Reference, live: LiveDatabase) -> tuple[Catalog, Catalog]:
    """What the database should be and what it is, both without what does not concern the project.

    The project's are the objects that its scripts make or change, and everything else in the schemas and on
    the tables that they make. Left out are partitions that came later, columns' positions in tables,
    versions and owners of extensions, and what else is set or granted on the database itself.
    """
    built = _renamed(reference, live)
    made = {
        key
        for key, facts in reference.built.objects.items()
        if reference.empty.objects.get(key) != facts or key[0] == "extension"
    }
    made = {_renamed_key(key, reference.builder, live) for key in made}
    made -= {("role", quote(name)) for name in (*live.owners, reference.builder)}
    made -= {("role", name) for name in reference.given}
    gone = {name for name in reference.unnamed if ("table", name) not in live.catalog.objects}
    made -= {key for key in made if key[1] in gone or _relation(key, reference.built) in gone}
    # A role is listed where it has something; one that has lost its last grant exists nevertheless.
    made -= {
        key for key in made if key[0] == "role" and key not in live.catalog.objects and key[1] in live.roles
    }
    made |= {key for key in reference.empty.objects if key not in reference.built.objects}
    schemas = {key[1] if key[0] == "schema" else _schema(key) for key in made} - {None}
    relations = {identity for kind, identity in made if kind in ("table", "foreign table")}
    identities = {identity for kind, identity in made if kind != "role"}
    later = _later_partitions(live.catalog, built)
    ours = {
        key
        for key in live.catalog.objects
        if key in made
        or (
            key not in reference.built.objects  # else it was there before the scripts
            and (
                _schema(key) in schemas
                or _relation(key, live.catalog) in relations
                or (key[0] in _OF_ANOTHER and live.catalog.needs.get(key[1], frozenset()) & identities)
            )
            and not {_relation(key, live.catalog), key[1]} & later
        )
    }
    want = {key: _facts(key, built, {}) for key in made if key in built.objects}
    have = {key: _facts(key, live.catalog, built.facts(key)) for key in ours}
    for key in want:
        if key[0] in ("database", "role setting"):
            want[key], have[key] = _of_whole_database(key, reference, built, live.catalog)
        elif key[0] == "user mapping" and not live.catalog.facts(key).get("options") and key in have:
            want[key] = have[key]  # there are none, or they may not be seen
    for key in want.keys() & have.keys():
        if want[key] != have[key]:
            want[key] = _in_words_of(have[key], want[key], key, reference, live)
    return Catalog(want, reference.built.needs), Catalog(have, live.catalog.needs)


def perhaps_theirs(reference: Reference, want: Catalog, have: Catalog) -> set[Key]:
    """What the project does not know, in schemas that it uses without having made them, such as public."""
    own = {key[1] for key in want.objects if key[0] == "schema" and key not in reference.empty.objects}
    return {
        key
        for key in have.objects.keys() - want.objects.keys()
        if _schema(key) not in own and not {("table", _relation(key, have))} & want.objects.keys()
    }


def _in_words_of(have: str, want: str, key: Key, reference: Reference, live: LiveDatabase) -> str:
    """The facts that are wanted, worded as the database has them where both say the same after a restore."""
    found, wanted = json.loads(have), json.loads(want)
    for name in _WORDED:
        if isinstance(found.get(name), str) and isinstance(wanted.get(name), str):
            theirs = {found[name], *(each.facts(key).get(name) for each in live.reworded)} - {None}
            ours = {wanted[name], *(each.facts(key).get(name) for each in reference.reworded)} - {None}
            if ours & theirs:
                wanted[name] = found[name]
    return json.dumps(wanted, sort_keys=True)


def _later_partitions(live: Catalog, built: Catalog) -> set[str]:
    """Partitions of the project's tables that were made while it runs, and theirs."""
    found: set[str] = set()
    while True:
        more = {
            identity
            for kind, identity in live.objects
            if kind == "table" and (kind, identity) not in built.objects and identity not in found
            if (facts := live.facts((kind, identity)))["partition bound"]
            if any(("table", each) in built.objects or each in found for each in facts["parents"] or [])
        }
        if not more:
            return found
        found |= more


def _relation(key: Key, catalog: Catalog) -> str | None:
    return relation_of(*key, catalog.objects.get(key, ""))


def _schema(key: Key) -> str | None:
    kind, identity = key
    if kind == "default privileges":
        return next(iter(re.findall(r" in (\S+) for ", identity)), None)
    if kind == "schema" or kind in _WITHOUT_SCHEMA:
        return None
    if kind in ON_RELATION:
        identity = split_on(identity)[1]
    parts = split_qualified(identity)
    return parts[0] if len(parts) > 1 else None


def _renamed(reference: Reference, live: LiveDatabase) -> Catalog:
    """The catalog as if the role that owns the live objects had run the scripts."""
    if live.owners == (reference.builder,):
        return reference.built
    objects = {}
    for key, text in reference.built.objects.items():
        owner = live.catalog.facts(key).get("owner")
        allowed = (*live.owners, *([reference.builder] if reference.names_builder else []))
        to = str(owner) if owner in allowed else live.owners[-1]
        facts = json.loads(text)
        if facts.get("owner") == reference.builder:
            facts["owner"] = to
        if facts.get("grants"):
            pattern = re.compile(rf"(^| by ){re.escape(reference.builder)}(?==|$)")
            facts["grants"] = sorted(pattern.sub(rf"\g<1>{to}", line) for line in facts["grants"])
        objects[_renamed_key(key, reference.builder, live)] = json.dumps(facts)
    return Catalog(objects)


def _renamed_key(key: Key, builder: str, live: LiveDatabase) -> Key:
    """The key of what belongs to the role that ran the scripts: of the last owner who has such a thing."""
    kind, identity = key
    for which, start in (
        ("default privileges", f"of {quote(builder)} "),
        ("user mapping", f"{quote(builder)} on "),
    ):
        if kind == which and identity.startswith(start):
            keys = [(kind, identity.replace(quote(builder), quote(name), 1)) for name in live.owners]
            return next((each for each in reversed(keys) if each in live.catalog.objects), keys[-1])
    return key


def _facts(key: Key, catalog: Catalog, wanted: Mapping[str, Any]) -> str:
    """The facts that count, in one form for both databases."""
    facts = catalog.facts(key)
    if key[0] == "column" and ("composite type", parent(key[1])) not in catalog.objects and wanted:
        facts["position"] = wanted["position"]
    if key[0] == "extension":
        facts = {"schema": facts["schema"], "comment": facts["comment"]}
    if facts.get("grants"):
        facts["grants"] = sorted(facts["grants"])
    return json.dumps(facts, sort_keys=True)


def _of_whole_database(key: Key, reference: Reference, built: Catalog, have: Catalog) -> tuple[str, str]:
    """What the scripts set and grant on the database, and how much of it holds; others may do so too."""
    before, after, found = reference.empty.facts(key), built.facts(key), have.facts(key)
    wanted: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for name in ("settings", "grants"):
        old, new = set(before.get(name) or ()), set(after.get(name) or ())
        names = {line.split("=")[0] for line in new - old} if name == "settings" else set()
        wanted[name] = sorted(new - old)
        held[name] = sorted(
            line for line in found.get(name) or () if line in old ^ new or line.split("=")[0] in names
        )
    if after.get("comment") != before.get("comment"):
        wanted["comment"], held["comment"] = after["comment"], found.get("comment")
    return json.dumps(wanted), json.dumps(held)
