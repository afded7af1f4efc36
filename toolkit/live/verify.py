"""Whether a live database is what the scripts that were applied to it build, and what would mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..catalog import read as catalog
from ..catalog.observe import Observer
from ..catalog.read import Catalog, Difference, parent, split_on
from ..connection import connect as connect_url
from ..errors import Drift, HistoryProblem, counted
from ..history.history import ADOPTED, Applied, History, fold
from ..history.lock import exclusive, of, stand_on
from ..history.migrations import LIMITS, migrate, scripts_up_to
from ..history.run import Connect, session
from ..output import Onlooker, Reporter
from ..project.layout import Project, Script
from ..servers.choose import open_like
from ..sql.execute import Connection
from ..sql.script import extensions_in, same_but_comments
from . import mend
from .mend import Mending
from .plan import reworded, settings_of
from .scope import LiveDatabase, Reference, Texts, build, build_once, comparable, perhaps_theirs

AT_MOST = 20
"""How many differences are shown of a database that is to be adopted."""
_WORDS = {
    "added": "is not of the project",
    "removed": "is missing",
    "changed": "differs from what the project builds",
}
# The history's tables belong to the role as which scripts run, whoever logs in.
_APPLIED_BY = """
select pg_get_userbyid(relowner) from pg_class where oid = 'dbtool.applied_script'::regclass
union all (select applied_by from dbtool.applied_script order by applied_at)
"""
_OWNERS = """
select pg_get_userbyid(d.datdba) from pg_database d where d.datname = current_database()
union all (select pg_get_userbyid(n.nspowner) from pg_namespace n
            where n.oid >= 16384 and n.nspname !~ '^dbtool(_|$)' order by 1)
union all select current_user
"""


@dataclass(frozen=True)
class Drifted:
    """One object that is not what it should be, and what would mend it."""

    difference: Difference
    mending: Mending

    @property
    def sql(self) -> list[str]:
        return [text for _, text in sorted(self.mending.steps, key=lambda step: step[0])]

    def __str__(self) -> str:
        each = self.difference
        lines = [f"{each.kind} {each.identity}: {_WORDS[each.change]}", *each.details]
        lines += [f"mend: {text}".replace("\n", "\n    ") for text in self.sql]
        lines += [f"cannot be mended by a statement: {text}" for text in self.mending.words]
        return "\n  ".join(lines)

    def as_json(self) -> dict[str, Any]:
        each = self.difference
        words = {"added": "extra", "removed": "missing", "changed": "changed"}
        return {
            "kind": each.kind,
            "identity": each.identity,
            "state": words[each.change],
            "details": list(each.details),
            "sql": self.sql,
            "not_mended": self.mending.words,
        }


def verify(
    conn: Connection,
    project: Project,
    server: str | None = None,
    kept_in: Path | None = None,
    *,
    url: str | None = None,
    trust_target: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> tuple[list[Applied], list[Drifted]]:
    """The scripts that were applied, and where the database is not what they build. Writes nothing there.

    `server` is the kind of throwaway server, which has to be of the same major version. The scripts' texts
    are those that were applied; where the project's files say something else, `notice` is called, and they
    are run without rights unless `trust_target`. `url`, the connection's, lets it see whether the database
    says the same in other words, as one does that was built by hand from a dump. A folder `kept_in` saves
    many runs from building the same. Raises HistoryProblem when nothing was applied, or a text is not known.
    """
    conn.execute("set transaction isolation level repeatable read, read only")
    histories = [(each, History(conn, each.history).read()) for each in project.stack]
    histories = [(each, found) for each, found in histories if found]
    if not histories:
        raise HistoryProblem(
            "there is nothing to verify: dbtool has applied nothing to this database",
            hint="`dbtool migrate` builds it; `dbtool baseline N` adopts one that was built by other means.",
        )
    rows = [
        row
        for each, found in histories
        for row in (conn.execute(of(each.history, _APPLIED_BY)).fetchall() if found[0].text else ())
    ]
    owners = tuple(dict.fromkeys(name for (name,) in rows)) or (conn.info.user,)
    texts = applied_texts(histories, trust_all=trust_target).surrounded_like(conn)
    for script in texts.foreign:
        notice(f"warning: the history's text of {script} is not that of a file of the project")
    live = read_live(conn, owners)
    texts = replace(texts, settings=settings_of(conn))
    return histories[-1][1], _compared(conn, texts, live, server, url, kept_in)


def applied_texts(
    histories: Sequence[tuple[Project, Sequence[Applied]]], *, trust_all: bool = False
) -> Texts:
    """The scripts as they were applied: the projects' files where they say the same, else the history's.

    Those of several projects come as they were applied, numbered anew, after the schema of the first.

    Whoever may write to the history's tables may have put anything there, so one such text takes the rights
    of a superuser from all of them, unless `trust_all`. Raises HistoryProblem when a text is nowhere.
    """
    found: list[tuple[Applied, str]] = []
    foreign: list[str] = []
    for project, applied in histories:
        scripts = project.scripts()
        files = {script.number: script.text for script in scripts}
        with suppress(HistoryProblem):  # it has other texts than those that were squashed
            applied = fold(applied, scripts[0])
        unknown = [each.id for each in applied if each.text is None and each.number not in files]
        if unknown:
            raise HistoryProblem(
                f"the text of {', '.join(unknown)} is neither in the history nor in {project.root}",
                hint="Get the file from where the project was when it was applied.",
            )
        for each in applied:
            file = files.get(each.number)
            if each.text is None or (file is not None and same_but_comments(each.text, file)):
                assert file is not None
                found.append((each, file))
            else:
                found.append((each, each.text))
                foreign.append(project.prefix + each.id)
    texts = [(each.number, text) for each, text in found]
    if len(histories) > 1:
        later = sorted(found[1:], key=lambda one: one[0].applied_at)
        texts = list(enumerate(text for _, text in [*found[:1], *later]))
    setup = histories[-1][0].setup
    return Texts(tuple(texts), tuple(foreign), setup, is_trusted=trust_all or not foreign)


def differences_from(
    conn: Connection,
    texts: list[tuple[int, str]],
    server: str | None = None,
    url: str | None = None,
    setup: str = "",
) -> list[Drifted]:
    """Where a database that dbtool has not built is not what the project's scripts build, whoever owns it."""
    names = [name for (name,) in conn.execute(_OWNERS).fetchall()]
    live = read_live(conn, tuple(name for at, name in enumerate(names) if name not in names[at + 1 :]))
    around = Texts(tuple(texts), setup=setup, settings=settings_of(conn)).surrounded_like(conn)
    return _compared(conn, around, live, server, url)


def compare(reference: Reference, live: LiveDatabase) -> list[Drifted]:
    """Every difference within the project's scope. What comes or goes with another object is not listed."""
    want, have = comparable(reference, live)
    found = catalog.diff(want, have)
    parts = {each for each in found if _is_part(each, found, want, have)}
    grants = [
        live.catalog.facts(key)["grants"] for key in live.catalog.objects if key[0] == "default privileges"
    ]
    roles = mend.Roles(live.roles, {line.split("=")[0] for lines in grants for line in lines})
    mended = mend.mend(found, parts, want, have, roles, perhaps_theirs(reference, want, have))
    return [Drifted(each, mending) for each, mending in mended.items()]


def script(drifted: Iterable[Drifted]) -> str:
    """One script that mends what statements can mend, in an order that works."""
    return mend.script(each.mending for each in drifted)


def read_live(conn: Connection, owners: tuple[str, ...]) -> LiveDatabase:
    """The database as the open transaction sees it."""
    roles = frozenset(name for (name,) in conn.execute("select quote_ident(rolname) from pg_roles"))
    return LiveDatabase(catalog.read(conn, with_needs=True), roles, owners)


def _compared(
    conn: Connection,
    texts: Texts,
    live: LiveDatabase,
    server: str | None,
    url: str | None,
    kept_in: Path | None = None,
) -> list[Drifted]:
    """The differences that are left when both databases were also read as a dump words them."""
    major = conn.info.server_version // 10_000
    extensions = extensions_in(text for _, text in texts.scripts)
    open_server = partial(open_like, major, server, extensions)
    if kept_in is not None:
        return compare(build_once(open_server, major, texts, kept_in), live)
    with open_server() as throwaway:
        reference = build(throwaway, texts, is_unlike=lambda built: bool(compare(built, live)))
        found = compare(reference, live)
        if found and url is not None:
            made = [text for _, text in texts.scripts] if texts.is_trusted else []
            again = reworded(url, throwaway, made, is_trusted=False, target=conn)
            found = compare(reference, replace(live, reworded=(again,) if again else ()))
    return found


def _is_part(difference: Difference, all_: list[Difference], want: Catalog, have: Catalog) -> bool:
    """Whether another difference, and its mending, says it already."""
    kind, identity, change = difference.kind, difference.identity, difference.change
    same = {(each.kind, each.identity) for each in all_ if each.change == change}
    changed = {(each.kind, each.identity) for each in all_ if each.change == "changed"}
    facts = (have if change == "added" else want).facts((kind, identity))
    if kind == "column":
        table, name = parent(identity), identity.removeprefix(parent(identity))
        remade = bool({("view", table), ("materialized view", table)} & changed) and change != "changed"
        inherited = not facts["local"] and any(
            each[0] == "column" and each[1] != identity and each[1].endswith(name) for each in same
        )
        return remade or inherited or any(each == table for _, each in _relations(same))
    is_inherited = facts.get("inherited") or facts.get("cloned") or not facts.get("local", True)
    if kind in ("constraint", "trigger") and change != "changed" and is_inherited:
        return True
    if kind in ("trigger", "policy", "rule", "constraint") and change == "added":
        return any(on == split_on(identity)[1] for _, on in _relations(same))
    if kind == "index":
        gone = change == "added" and any(on == facts["table"] for _, on in _relations(same))
        name = identity.removeprefix(parent(identity) + ".")
        backs = ("constraint", f"{name} on {facts['table']}") in same
        made = ("materialized view", facts["table"]) in same
        return gone or backs or made or (bool(facts["part of"]) and change != "changed")
    if kind == "function" and change != "changed":
        return bool(facts["of type"])  # such as a range's constructors
    if kind == "sequence" and facts.get("owned by"):
        owner = facts["owned by"]
        columns = {("column", owner)} | {(each, parent(owner)) for each in ("table", "foreign table")}
        is_identity = (have if change == "added" else want).facts(("column", owner)).get("identity")
        return bool(columns & (same | changed)) and (change == "added" or bool(is_identity))
    return False


def _relations(keys: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    kinds = ("table", "foreign table", "view", "materialized view", "composite type")
    return [key for key in keys if key[0] in kinds]


@dataclass(frozen=True)
class Adopted:
    """The scripts that count as applied from now on, and what was wrong and let pass."""

    scripts: Sequence[Script]
    ignored: Sequence[Drifted]


def baseline(
    connect: Connect,
    project: Project,
    version: int | str | None = None,
    *,
    force: bool = False,
    server: str | None = None,
    url: str | None = None,
    wait: float = LIMITS.wait,
    report: Reporter | None = None,
) -> Adopted:
    """Marks the schema and the migrations up to `version`, else those that are found out, as applied.

    Raises HistoryProblem when dbtool has applied anything already, and Drift, naming every difference,
    when the catalog is not that of the version, unless `force`. What the tables hold is not compared.
    """
    report = report or Reporter()
    scripts = project.scripts() if version is None else scripts_up_to(project, version)
    with session(connect, report) as connection:
        _refuse_history(connection, project)
        if version is None:
            nearest = _most_alike(connection, project, server)
            if len(nearest) > 1:
                raise HistoryProblem(
                    f"the database may be {' or '.join(each.id for each in nearest)}: they build the same",
                    hint="Name the one up to which the migrations were run, for the rows that they write.",
                )
            scripts = [each for each in scripts if each.number <= nearest[0].number]
            report.notice(f"it is {scripts[-1].id}, or nearest to that")
        texts = project.texts(scripts)
        found = differences_from(connection, texts, server, url, project.setup)
        if found and not force:
            rest = len(found) - AT_MOST
            more = [f"… and {rest} more: --json has all"] if rest > 0 else []
            drift = Drift(
                f"the database is not {scripts[-1].id}: {counted(len(found), 'difference')}",
                detail="\n".join([*map(str, found[:AT_MOST]), *more]),
                hint="Name the version that it is (without a name it is found out), mend the database, or"
                " adopt it as it is with --force.",
            )
            drift.found = found
            raise drift
        history = History(connection, project.history)
        with exclusive(connection, wait, report.waiting, project.history), history.transaction():
            _refuse_history(connection, project)
            if project.base:
                stand_on(connection, project.history, project.base.history)
            for script in scripts:
                history.mark(script, 0, ADOPTED)
    return Adopted(scripts, found)


def _most_alike(conn: Connection, project: Project, server: str | None) -> list[Script]:
    """The scripts after which a database of the project is most like this one; more only if all build it."""
    live = catalog.read(conn).objects
    distances: list[int] = []
    with open_like(conn.info.server_version // 10_000, server) as throwaway:
        throwaway.setup = project.setup
        throwaway.create_database("detect")
        connect_to = partial(connect_url, throwaway.url("detect"), application_name="dbtool baseline")
        try:
            if project.base:
                migrate(connect_to, project.base)
            with closing(connect_to(autocommit=True)) as observer:
                seen = Observer(observer)

                def look(_: str) -> None:
                    built = seen.read().objects
                    unlike = sum(live.get(key) != facts for key, facts in built.items() if key in live)
                    distances.append(1000 * len(built.keys() ^ live.keys()) + unlike)

                migrate(connect_to, project, report=Onlooker(look))
        finally:
            throwaway.drop_database("detect")
    pairs = zip(project.scripts(), distances, strict=True)
    return [script for script, distance in pairs if distance == min(distances)]


def _refuse_history(connection: Connection, project: Project) -> None:
    applied = History(connection, project.history).read()
    if applied:
        raise HistoryProblem(
            f"dbtool knows this database already: {applied[-1].id} is the newest script applied",
            hint="`dbtool status` shows all; `dbtool verify` compares it with what they build.",
        )
