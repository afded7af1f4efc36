"""Amending migrations that no release has: each object has one text there, that of its source file.

Such a migration is a list of blocks, one for each source that it holds, and of what people wrote between
them. A block begins with a comment that names the source. Amending brings each block to its source's text,
puts new sources where their domain is, and takes away what has no source any more; what people wrote stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ..catalog.objects import Live, live
from ..catalog.read import Catalog, Key, diff
from ..catalog.read import read as read_catalog
from ..errors import DbtoolError, Finding, UsageProblem
from ..history import migrations
from ..history.run import Connect
from ..project import sources
from ..project.layout import ROLLBACK_SUFFIX, Project, Script
from ..project.sources import Piece
from ..sql.execute import RESET_SETTINGS, Connection, send
from ..sql.script import split
from ..sql.statements import Name, Statement, concerns, creates, input_types, parse, table_of
from . import drift
from .drift import failure
from .generate import FrozenTexts, renderer, undo_text

_LABEL = re.compile(r"^-- (?:functions|triggers|views)/\S+\.sql$", re.MULTILINE)
_DROPS_OBJECT = re.compile(r"drop (function|procedure|aggregate|view|trigger)\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(r"\bconcurrently\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Amended:
    """What was written."""

    files: tuple[Path, ...]
    changed: tuple[str, ...]
    """Sources whose text is another one in its migration."""
    added: tuple[str, ...]
    removed: tuple[str, ...]
    """Objects that no source defines any more."""
    is_all: bool
    """Whether the migrations, amended, build what the sources say."""


NOTHING = Amended((), (), (), (), is_all=False)


@dataclass(frozen=True)
class Part:
    """A stretch of a script: a block with the text of one source, or what people wrote."""

    text: str
    names: tuple[Name, ...] = ()
    piece: Piece | None = None

    def __str__(self) -> str:
        return f"-- {self.piece.label}\n\n{self.piece.text.strip()}" if self.piece else self.text


def unreleased(project: Project) -> list[Script]:
    """The scripts that no release has, by the project's `released`; none where it does not say."""
    released = project.released
    return [] if released is None else [each for each in project.scripts() if each.number > released]


def second_texts(project: Project) -> Iterator[Finding]:
    """Objects that the unreleased scripts create twice, or with text that they create again later."""
    home: dict[tuple[Name, object], str] = {}
    for script in unreleased(project):
        label = project.relative(script.path)
        for statement in parse(script.text):
            name = creates(statement)
            if name is None or name.kind == "event trigger":
                continue
            key = (name, input_types(statement))
            if key in home:
                message = f"{home[key]} has a text of it: one text until a release (dbtool new --amend)"
                yield Finding("script", label, statement.line, str(name), message)
            home.setdefault(key, label)


def amend(connect: Connect, project: Project, *, with_new: bool) -> Amended:
    """Brings the unreleased scripts to the sources, and writes those that change, with their rollbacks.

    `connect` leads to an empty throwaway database, which holds what is released at the end. With `with_new`
    objects of which there is no text yet are put in, too, and nothing may be left over. Every script was run
    before it is written, and its rollback was found exact. Raises DbtoolError, writing nothing, when that
    fails, and UsageProblem when the project does not say what is released.
    """
    if project.released is None:
        raise UsageProblem(
            "the project does not say which migration was released last",
            hint='Write `released = 0` (or N, or "schema") below [tool.dbtool] in pyproject.toml.',
        )
    if project.is_packaged:
        raise UsageProblem(
            "the installed package is not to be written to", hint="Name a project with --project DIR."
        )
    found = sources.read(project)
    found.require_readable()
    scripts = unreleased(project)
    layouts, removed = _layouts(project, scripts, found)
    fresh = _fresh(project, scripts, layouts, found) if with_new else []
    for piece in fresh:
        home = _home(piece, layouts)
        layouts[home] = _insert(layouts[home], Part("", piece.defines, piece))
    with connect() as conn:
        given = live(conn).keys()  # by the project's setup
    if project.released >= 0:
        migrations.migrate(connect, project, to=project.released or "schema")
    elif project.base:
        migrations.migrate(connect, project.base)
    texts: dict[Path, str] = {}
    with connect() as conn, conn.transaction(force_rollback=True):
        waiting: list[Part] = []
        for script, parts in zip(scripts, layouts, strict=True):
            if not waiting and _join(parts) == script.text and _runs(conn, script.text):
                conn.execute(RESET_SETTINGS)  # a role or setting that the script leaves is its own
                continue
            before, base = live(conn), read_catalog(conn)
            done, waiting = _run(conn, script, _insert(parts, *waiting))
            text = _join(done)
            if text != script.text:
                texts[script.path] = text
                texts |= _rollback(conn, project, script, base, before)
        if waiting:
            raise _stuck(conn, waiting)
        left = drift.compare(conn, found, read_catalog(conn), given).findings if found.in_use else ()
    if left and with_new:
        raise DbtoolError(
            "what a release has can only be changed by a new migration; nothing was written",
            detail="\n".join(map(str, left)),
            hint='Write one: dbtool new "what it is for".',
        )
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    old = "\n".join(script.text for script in scripts)
    known = {part.piece for parts in layouts for part in parts if part.piece} - set(fresh)
    changed = sorted(piece.label for piece in known if piece.text.strip() not in old)
    added = sorted(piece.label for piece in fresh)
    return Amended(
        tuple(texts), tuple(changed), tuple(added), tuple(sorted(removed)), bool(texts) and not left
    )


def _fresh(
    project: Project, scripts: Sequence[Script], layouts: Sequence[Sequence[Part]], found: sources.Sources
) -> list[Piece]:
    """The sources of which no script has a text. Raises UsageProblem when there is none to put them into."""
    known = {part.piece for parts in layouts for part in parts if part.piece}
    held = FrozenTexts.read(each for each in project.scripts() if each not in scripts).texts
    fresh = [
        piece
        for piece in found.pieces
        if piece not in known and not any(name in held for name in piece.defines)
    ]
    if fresh and not scripts:
        raise UsageProblem(
            "there is no unreleased migration to amend", hint='Write one: dbtool new "what it is for".'
        )
    return sources.in_order(fresh)


def _layouts(
    project: Project, scripts: Sequence[Script], found: sources.Sources
) -> tuple[list[list[Part]], set[str]]:
    """The parts of each script, with today's sources; of an object with two texts, where the first stands."""
    by_name = found.by_name()
    seen: set[str] = set()
    removed: set[str] = set()
    layouts = []
    for script in scripts:
        kept: list[Part] = []
        for part in parts_of(script, project.relative(script.path)):
            if not part.names:
                kept.append(part)
                continue
            pieces = {piece.label: piece for name in part.names if (piece := by_name.get(name))}
            if not pieces and not found.in_use:
                kept.append(part)
            elif not pieces:
                removed |= {str(name) for name in part.names}
            for label, piece in pieces.items():
                if label not in seen:
                    kept.append(Part("", piece.defines, piece))
                seen.add(label)
        layouts.append(kept)
    return layouts, removed


def parts_of(script: Script, label: str) -> list[Part]:
    """The script taken apart. What a script makes and drops again by itself counts as written by people."""
    stretches, rest = _stretches(script.text, label)
    dropped = " ".join(each.text for each, _ in stretches if each.kind == "drop_stmt")
    found: list[tuple[list[str], list[Name]]] = []
    """Texts, and what they create: nothing when people wrote them."""

    def by_hand(text: str) -> None:
        if not found or found[-1][1]:
            found.append(([], []))
        found[-1][0].append(text)

    for statement, own in stretches:
        names = found[-1][1] if found else []
        name = creates(statement)
        simple = name and name.identity.split(" on ")[0].split(".")[-1]
        if name is not None and not re.search(rf"\b{re.escape(str(simple))}\b", dropped):
            head = _LABEL.search(own)
            if head or not names or not _belongs(name, names):
                if head and own[: head.start()].strip():
                    by_hand(own[: head.start()])
                    own = own[head.start() :]
                found.append(([own], [name]))
            else:
                found[-1][0].append(own)
                names.append(name)
        elif names and _is_about(statement, names):
            found[-1][0].append(own)
        else:
            by_hand(own)
    if rest.strip():
        by_hand(rest)
    parts = [Part("".join(texts).strip("\n"), tuple(names)) for texts, names in found]
    return [part for part in parts if part.text]


def _stretches(text: str, label: str) -> tuple[list[tuple[Statement, str]], str]:
    """Each statement with all of the text behind the one before it, its `;` included; and the rest."""
    found, end = [], 0
    for statement in split(text, label):
        start, end = end, statement.offset + len(statement.text)
        end += len(text[end:]) - len(text[end:].lstrip())
        end += text[end : end + 1] == ";"
        found.append((statement, text[start:end]))
    return found, text[end:]


def _belongs(name: Name, names: Sequence[Name]) -> bool:
    """Whether an object is made by the block before it: a trigger of its trigger function's file."""
    return name in names or (name.kind == "trigger" and any(each.kind != "relation" for each in names))


def _is_about(statement: Statement, names: Sequence[Name]) -> bool:
    about = concerns(statement)
    tables = {table_of(name) for name in names if name.kind == "trigger"}
    return bool(about) and all(
        each in names or (statement.kind == "alter_table_stmt" and each.identity in tables)
        for each in about or ()
    )


def _home(piece: Piece, layouts: Sequence[Sequence[Part]]) -> int:
    """Which script a new source belongs to: the one with most of its domain, else the last."""

    def domain(label: str) -> str:
        return label.split("/")[-2]

    counts = [
        sum(1 for part in parts if part.piece and domain(part.piece.label) == domain(piece.label))
        for parts in layouts
    ]
    return counts.index(max(counts)) if any(counts) else len(layouts) - 1


def _insert(parts: Sequence[Part], *new: Part) -> list[Part]:
    """The parts with others behind the last block, or before `reset role` where there is none yet."""
    place = max((at for at, part in enumerate(parts) if part.piece), default=-1) + 1
    if place == 0 and parts:
        head, reset, tail = parts[-1].text.rpartition("reset role")
        cut = [Part(head.rstrip("\n")), *new, Part(reset + tail)] if reset else [parts[-1], *new]
        return [*parts[:-1], *(part for part in cut if str(part))] if new else list(parts)
    return [*parts[:place], *new, *parts[place:]]


def _run(conn: Connection, script: Script, parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Runs a script's parts; a block that does not run yet is tried again behind the others.

    Returns the parts in the order in which they ran, and the blocks that need something of a later script.
    Raises DbtoolError when what people wrote does not run.
    """
    last = max((at for at, part in enumerate(parts) if part.piece), default=-1)
    done: list[Part] = []
    waiting: list[Part] = []
    for part in parts[: last + 1]:
        if part.piece is None:
            _write_run(conn, script, part)
        (done if part.piece is None or _runs(conn, part) else waiting).append(part)
    while waiting:
        ran = [part for part in waiting if _runs(conn, part)]
        if not ran:
            break
        done += ran
        waiting = [part for part in waiting if part not in ran]
    for part in parts[last + 1 :]:
        _write_run(conn, script, part)
        done.append(part)
    conn.execute(RESET_SETTINGS)
    return done, waiting


def _join(parts: Iterable[Part]) -> str:
    return "\n\n".join(map(str, parts)).strip("\n") + "\n"


def _runs(conn: Connection, part: Part | str) -> bool:
    try:
        with conn.transaction():
            send(conn, str(part)).require()
    except psycopg.Error:
        return False
    return True


def _write_run(conn: Connection, script: Script, part: Part) -> None:
    text = part.text if script.transactional else _CONCURRENTLY.sub("", part.text)
    outcome = send(conn, text)
    if outcome.error is not None:
        place = f"{script.path.name}: {outcome.error.diag.message_primary or outcome.error}"
        raise DbtoolError(f"{place}; nothing was written", detail=outcome.error.diag.message_detail)


def _stuck(conn: Connection, waiting: Iterable[Part]) -> DbtoolError:
    """What keeps blocks from running at the end of all scripts."""
    findings = []
    for part in waiting:
        assert part.piece is not None
        with conn.transaction(force_rollback=True):
            findings.append(failure(part.piece, send(conn, part.piece.text)))
    return DbtoolError(
        "the sources do not run in any order; nothing was written", detail="\n".join(map(str, findings))
    )


def _rollback(
    conn: Connection, project: Project, script: Script, base: Catalog, before: Mapping[Key, Live]
) -> dict[Path, str]:
    """The rollback file that has to change with a script: nothing while the old text is exact still.

    What people wrote in it stays; the statements about functions, views and triggers are written again.
    """

    def left_by(text: str) -> list[str]:
        with conn.transaction(force_rollback=True):
            outcome = send(conn, f"{text}\n;{RESET_SETTINGS}")
            if outcome.error is not None:
                return [outcome.error.diag.message_primary or str(outcome.error)]
            return [str(each) for each in diff(base, read_catalog(conn))]

    old = script.rollback_text
    if old is not None and not left_by(old):
        return {}
    scripts = [each for each in project.scripts() if each.number < script.number]
    hand = [part for part in _plain(old or "", project.relative(script.path)) if part]
    code = [re.sub(r"--[^\n]*", "", part).strip().lower() for part in hand]
    place = next((at for at, each in enumerate(code) if each and not each.startswith("set ")), 0)

    def render(undo: str) -> str:
        if old is None:
            return renderer(project, script.number, "")(undo, True)
        return "\n\n".join([*hand[:place], undo, *hand[place:]]).strip("\n") + "\n"

    text = render(undo_text(conn, base, before, FrozenTexts.read(scripts), render))
    wrong = left_by(text)
    if wrong:
        raise DbtoolError(
            f"no exact rollback of {script.path.name} could be made; nothing was written",
            detail="\n".join(wrong),
            hint=f"Correct {script.stem}{ROLLBACK_SUFFIX} by hand for what people wrote in the migration.",
        )
    return {script.path.with_name(f"{script.stem}{ROLLBACK_SUFFIX}"): text}


def _plain(text: str, label: str) -> list[str]:
    """The statements of a rollback file that are not about functions, views and triggers."""
    found: list[str] = []
    stretches, rest = _stretches(text, label)
    for statement, stretch in stretches:
        own, about = stretch.strip("\n"), concerns(statement)
        if creates(statement) or _DROPS_OBJECT.match(statement.text):
            lead = own[: own.rfind(statement.text)].rstrip()
            if lead and not found:
                found.append(lead)  # the file's heading
        elif not (about and all(each.kind in ("routine", "trigger") for each in about)):
            found.append(own)
    return [*found, rest.strip("\n")]
