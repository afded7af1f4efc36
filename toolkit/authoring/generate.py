"""Writing files of a project: the next migration with what undoes it, or those with which one starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalog.objects import Live, comment_sql, definition, live, parts, privileges_sql
from ..catalog.read import Catalog, Key, diff
from ..catalog.read import read as read_catalog
from ..errors import DbtoolError, ScriptFailed, UsageProblem
from ..project import sources
from ..project.layout import PACKAGED, Project, Script, squashed_through
from ..project.sources import Piece, Sources
from ..sql.execute import Connection, failure, run_whole, send, value
from ..sql.statements import Name, creates, parse, replaces
from . import drift
from .drift import NOTHING_SETTLED, Settled, Unsettled, owner_sql, settle

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class FrozenTexts:
    """The last text, in the scripts, that creates each routine, view and trigger."""

    texts: Mapping[Name, str]

    @classmethod
    def read(cls, scripts: Iterable[Script]) -> FrozenTexts:
        """Of scripts in the order in which a database runs them, all of which PostgreSQL's parser accepts."""
        texts: dict[Name, str] = {}
        for script in scripts:
            for statement in parse(script.text):
                name = creates(statement)
                if name is None:
                    continue
                text = statement.text
                if not replaces(statement):
                    text = re.sub(r"^create\b", "create or replace", text, count=1, flags=re.IGNORECASE)
                texts[name] = f"{statement.comment}\n{text};".lstrip()
        return cls(texts)

    def piece(self, catalog: Catalog, item: Live, *, as_catalog: bool = False) -> Piece:
        """What makes the object as it is in a database of this catalog: its text, comments and grants.

        The text is the scripts', or, with `as_catalog` or where they have none, PostgreSQL's wording. Raises
        DbtoolError when there is neither (an aggregate made by dynamic SQL).
        """
        text = None if as_catalog else self.texts.get(item.name)
        if text is None and (text := definition(item.key, catalog)):
            text = "\n".join([text, *parts(item.identity, catalog, "index", "rule")])
        if text is None:
            raise DbtoolError(
                f"{item.kind} {item.identity}: cannot find the text that made it",
                hint="Write this migration by hand (dbtool new --empty).",
            )
        said = [comment_sql(item, part, comment) for part, comment in item.comments.items()]
        lines = [text, *said, *privileges_sql(item, item.bare, item.grants)]
        return Piece(f"{item.kind} {item.identity}", "\n".join(lines) + "\n", (item.name,))


TEMPLATE = "migration.sql.j2"
_ROLE_PROBE = "select set_config('dbtool.role', quote_ident(current_user), true);"


@dataclass(frozen=True)
class NewMigration:
    """A pair of files and what is in it."""

    number: int
    path: Path
    rollback_path: Path
    sources: tuple[str, ...]
    """The source files whose text was copied."""
    dropped: tuple[str, ...]
    """The objects that are dropped and not made again."""


@dataclass(frozen=True)
class _Texts:
    body: str = ""
    undo: str = ""
    settled: Settled = NOTHING_SETTLED


def new_migration(
    conn: Connection,
    project: Project,
    description: str,
    today: date,
    *,
    empty: bool = False,
    given: Container[Key] = (),
) -> NewMigration:
    """Writes the next migration and its rollback; never overwrites.

    `conn` is to a throwaway database that holds all migrations, and before them what was `given`; it is left
    as it was. With `empty`, or when
    no source changed, the files hold only the header. What is written was run both ways before and found
    exact. Raises DbtoolError, writing nothing, when a source cannot be run or the pair is not exact.
    """
    if project.is_packaged:
        raise UsageProblem(
            "the installed package is not to be written to", hint="Name a project with --project DIR."
        )
    number = max(project.scripts()[-1].number, squashed_through(project.scripts()[0])) + 1
    render = renderer(project, number, description, today)
    found = sources.read(project)
    by_hand = empty or not found.in_use
    with conn.transaction(force_rollback=True):
        texts = _Texts() if by_hand else _texts(conn, project, found, render, given)
        files = {is_undo: render(texts.undo if is_undo else texts.body, is_undo) for is_undo in (False, True)}
        _verify(conn, files, None if by_hand else found, given)
    path = project.migrations_dir / f"migration{number}.sql"
    rollback_path = project.migrations_dir / f"migration{number}.rollback.sql"
    _write({path: files[False], rollback_path: files[True]})
    made = {name for piece in texts.settled.applied for name in piece.defines}
    return NewMigration(
        number,
        path,
        rollback_path,
        tuple(piece.label for piece in texts.settled.applied),
        tuple(f"{item.kind} {item.identity}" for item in texts.settled.dropped if item.name not in made),
    )


def _texts(
    conn: Connection,
    project: Project,
    found: Sources,
    render: Callable[[str, bool], str],
    given: Container[Key],
) -> _Texts:
    """What the next migration does and what its rollback does; the database is left as it was."""
    found.require_readable()
    base = read_catalog(conn)
    changes = drift.compare(conn, found, base, given)
    if not changes.changed and not changes.surplus:
        return _Texts()
    role = _role(conn, render(_ROLE_PROBE, False))
    before = live(conn)
    frozen = FrozenTexts.read(project.scripts())
    by_name = found.by_name()
    doubted: set[Key] = set()
    while True:
        old = {key: frozen.piece(base, item, as_catalog=key in doubted) for key, item in before.items()}
        with conn.transaction(force_rollback=True):
            settled, body = _transition(
                conn,
                changes.changed,
                changes.surplus,
                lambda item: by_name.get(item.name),
                changes.wanted,
                role,
            )
            wrong, undo = _undo(conn, base, before, _finder(old), role)
        if wrong <= doubted:
            return _Texts(body, undo, settled)
        # The scripts' text of these is not what the database has (made by dynamic SQL, say): take
        # the catalog's.
        doubted |= wrong


def _finder(old: Mapping[Key, Piece]) -> Callable[[Live], Piece]:
    return lambda item: old[item.key]


def undo_text(
    conn: Connection,
    base: Catalog,
    before: Mapping[Key, Live],
    frozen: FrozenTexts,
    render: Callable[[str], str],
) -> str:
    """What leads back to `before`, of routines, views and triggers; the database is left as it is.

    `render` makes the text of the rollback file from what it should do.
    """
    role = _role(conn, render(_ROLE_PROBE))
    with conn.transaction(force_rollback=True):
        return _undo(conn, base, before, lambda item: frozen.piece(base, item), role)[1]


def _undo(
    conn: Connection, base: Catalog, before: Mapping[Key, Live], old: Callable[[Live], Piece], role: str
) -> tuple[set[Key], str]:
    """What leads back to `before`, and the objects whose old text turns out to be wrong."""
    now = live(conn)
    touched = [item for key, item in before.items() if key not in now or now[key].version != item.version]
    gone = [item for key, item in now.items() if key not in before]
    try:
        _, text = _transition(
            conn,
            map(old, touched),
            gone,
            lambda item: old(before[item.key]) if item.key in before else None,
            before,
            role,
        )
    except Unsettled as error:
        failed = {finding.file for finding in error.findings}
        wrong = {key for key in before if " ".join(key) in failed}
        if not wrong:
            raise
        return wrong, ""
    now_catalog = read_catalog(conn)
    known = {**live(conn), **before}
    names = {
        drift.part_of((each.kind, each.identity), known, base, now_catalog)
        for each in diff(base, now_catalog)
    }
    return {key for key, item in before.items() if item.name in names}, text


def _transition(
    conn: Connection,
    pieces: Iterable[Piece],
    gone: Iterable[Live],
    library: Callable[[Live], Piece | None],
    wanted: Mapping[Key, Live],
    role: str,
) -> tuple[Settled, str]:
    """Does it, and returns the SQL that does it: drops, the pieces, and what their text does not say.

    That is what stands on an object already and is not wanted: a grant, a comment.
    """
    settled = settle(conn, list(pieces), gone, library)
    now = live(conn)
    dropped = {item.key: item for item in settled.dropped}
    parts = ["\n".join(item.drop for item in settled.dropped)] if dropped else []
    for piece in settled.applied:
        extra = []
        for key, item in now.items():
            if item.name not in piece.defines or key not in wanted:
                continue
            if key in dropped and item.owner not in (role, ""):  # triggers have none
                extra.append(owner_sql(dropped[key]))
            extra += privileges_sql(item, item.grants, wanted[key].grants)
            extra += [
                comment_sql(item, part, None) for part in item.comments if part not in wanted[key].comments
            ]
        conn.execute("\n".join(extra).encode())
        parts.append("\n".join([f"-- {piece.label}", "", piece.text.strip(), *extra]))
    return settled, "\n\n".join(parts)


def _verify(
    conn: Connection, files: Mapping[bool, str], found: Sources | None, given: Container[Key]
) -> None:
    """Runs the pair as it will be written. Raises DbtoolError unless it leads to the sources and back."""
    base = read_catalog(conn)
    with conn.transaction(force_rollback=True):
        try:
            _run(conn, files[False], "the new migration")
            there = drift.compare(conn, found, read_catalog(conn), given).findings if found else ()
            _run(conn, files[True], "the new rollback")
            back = diff(base, read_catalog(conn))
        except ScriptFailed as error:
            raise DbtoolError(
                "the migration made from the sources does not run; nothing was written",
                detail="\n".join(part for part in (error.message, error.detail) if part),
                hint=error.hint,
            ) from error
    if there or back:
        lines = [f"after the migration: {finding}" for finding in there]
        lines += [f"after its rollback: {difference}" for difference in back]
        raise DbtoolError(
            "the migration made from the sources is not exact; nothing was written",
            detail="\n".join(lines),
            hint="Write this migration by hand (dbtool new --empty).",
        )


def _run(conn: Connection, text: str, label: str) -> None:
    run_whole(conn, text, label)
    conn.execute("reset role; reset search_path")


def _role(conn: Connection, probe: str) -> str:
    """The role, quoted, in which a script runs that holds the probe."""
    with conn.transaction(force_rollback=True):
        outcome = send(conn, probe)  # not run_whole(), which resets every setting at the end
        if outcome.error is not None:
            raise failure(outcome.error, f"migrations/{TEMPLATE}", probe, None)
        query = "select coalesce(nullif(current_setting('dbtool.role', true), ''), quote_ident(current_user))"
        return str(value(conn, query))


def _environment(*folders: Path) -> Environment:
    """The templates of these folders; a file of an earlier one goes first."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  SQL, not HTML
    )


def renderer(
    project: Project, number: int, description: str, today: date | None = None
) -> Callable[[str, bool], str]:
    """Makes a file's text from its body: with the project's template, or with dbtool's own."""
    import jinja2

    environment = _environment(project.migrations_dir, Path(__file__).parent)

    def render(body: str, is_rollback: bool) -> str:
        try:
            text = environment.get_template(TEMPLATE).render(
                number=number,
                description=" ".join(description.split()),
                date=(today or date.today()).isoformat(),
                body=body,
                is_rollback=is_rollback,
            )
        except jinja2.TemplateError as error:
            line = f":{error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise DbtoolError(f"migrations/{TEMPLATE}{line}: {error}") from error
        return text.strip() + "\n"

    return render


def _write(texts: Mapping[Path, str]) -> None:
    """Writes all files or none. Raises DbtoolError when one is there already."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink()
        raise DbtoolError(f"cannot write {error.filename}: {error.strerror}") from error


_STARTER = Path(__file__).resolve().parents[1] / "starter"
_TAKEN = re.compile(r"public|learn|learn_internal|information_schema|core|(pg|dbtool)(_.*)?")


def start(folder: Path, extends: str | None, name: str | None = None) -> list[Path]:
    """Writes a project into a folder; the files that were written. Overwrites nothing.

    `name` is that of its schema, its history and its seeds; else that of the folder. Raises UsageProblem for
    a name that is none, and for a folder that has one of the files.
    """
    name = name or re.sub(r"\W+", "_", folder.resolve().name.lower())
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) or _TAKEN.fullmatch(name):
        raise UsageProblem(f"{name!r} cannot be the name of a project's schema", hint="Give another: --name.")
    root = _STARTER / (PACKAGED if extends else "plain")
    environment = _environment(root)
    texts = {}
    for path in sorted(root.rglob("*.j2")):
        label = path.relative_to(root).as_posix()
        text = environment.get_template(label).render(name=name).strip() + "\n"
        texts[folder / label.removesuffix(".j2").replace("NAME", name)] = text
    there = [path.relative_to(folder).as_posix() for path in texts if path.exists()]
    if there:
        raise UsageProblem(f"{folder} has {', '.join(there)}; nothing was written", hint="Name a new folder.")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(texts)
