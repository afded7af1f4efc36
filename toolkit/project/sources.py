"""Today's text of every function, trigger and view: one object per file below functions/, triggers/, views/.

A function file holds `create or replace function` with its comments, revokes and grants; a view file holds
one view. A trigger file is named after its table and holds all its triggers with their own functions, in the
order in which they fire; or it holds one trigger function with its triggers, or triggers of one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import DbtoolError, Finding
from ..sql.statements import (
    Name,
    Statement,
    SyntaxProblem,
    concerns,
    creates,
    input_types,
    parse,
    replaces,
    simple_name,
    split_qualified,
    table_of,
    unquote,
)
from .layout import Project, read_sql

ON_BASE = "base-object"
"""The rule that a project leaves alone what it stands on."""
NAMED = ("routine", "relation")
"""The kinds of objects that other objects name."""
_HOOK = re.compile(r"comment on function ([^\s(]+)\([^)]*\)\s+is\s+'Hook: ")
_WHAT = {"functions": "function", "triggers": "trigger", "views": "view"}
_BELONGS = {"routine": "functions", "relation": "views", "trigger": "triggers", "event trigger": "triggers"}


@dataclass(frozen=True)
class Piece:
    """Text that is run as one: a source file, or the frozen text of one object."""

    label: str
    text: str
    defines: tuple[Name, ...]
    signatures: tuple[tuple[str, ...] | None, ...] = ()
    """The input types of each routine that the text creates, as far as the text says."""


@dataclass(frozen=True)
class Sources:
    """The sources that can be read, and what is wrong with the others and with their form."""

    pieces: tuple[Piece, ...]
    findings: tuple[Finding, ...]
    unreadable: tuple[Finding, ...]
    in_use: bool = True
    """False for a project with none of the three folders: its functions live in migrations alone."""
    beneath: frozenset[Name] = frozenset()
    """What the project makes on which this one stands: none of this one's business, but for hooks."""

    def by_name(self) -> dict[Name, Piece]:
        """The file that defines each object; of two, the first."""
        return {name: piece for piece in reversed(self.pieces) for name in piece.defines}

    def require_readable(self) -> None:
        """Raises DbtoolError, naming file and line, when a file cannot be read or two define one object."""
        if self.unreadable:
            lines = [str(finding) for finding in self.unreadable]
            raise DbtoolError(lines[0], detail="\n".join(lines[1:]) or None)


def read(project: Project) -> Sources:
    """Every source file of the project, in the order of their paths."""
    pieces: list[Piece] = []
    findings: list[Finding] = []
    unreadable: list[Finding] = []
    home: dict[Name, str] = {}
    for folder in project.source_dirs:
        for path in sorted(folder.rglob("*.sql")) if folder.is_dir() else []:
            label = project.relative(path)
            try:
                text = read_sql(path)
                statements = parse(text)
            except SyntaxProblem as problem:
                unreadable.append(Finding("source", label, problem.line, None, problem.message))
                continue
            except DbtoolError as error:
                unreadable.append(Finding("source", label, None, None, error.message))
                continue
            made = [(name, statement) for statement in statements if (name := creates(statement))]
            names = tuple(dict.fromkeys(name for name, _ in made))
            for name in names:
                if name in home:
                    message = f"{home[name]} defines it already"
                    unreadable.append(Finding("source", label, dict(made)[name].line, str(name), message))
                home.setdefault(name, label)
            findings += _form(label, folder.name, path.stem, statements, names)
            signatures = tuple(input_types(each) for name, each in made if name.kind == "routine")
            pieces.append(Piece(label, text.strip() + "\n", names, signatures))
    beneath: set[Name] = set()
    if project.base:
        below = read(project.base)
        hooks = hooks_of(below)
        texts = (script.text for script in project.base.scripts())
        beneath = {name for text in texts for each in parse(text) if (name := creates(each))}
        beneath |= set(below.by_name())
        for name in home.keys() & beneath - hooks:
            message = f"is {project.base}'s; what may be replaced: {', '.join(sorted(map(str, hooks)))}"
            unreadable.append(Finding("source", home[name], None, str(name), message, ON_BASE))
    in_use = any(folder.is_dir() for folder in project.source_dirs)
    return Sources(tuple(pieces), tuple(findings), tuple(unreadable), in_use, frozenset(beneath))


def hooks_of(sources: Sources) -> set[Name]:
    """The functions that projects on top may replace: their comment says so, it begins with `Hook: `."""
    marked = {name for piece in sources.pieces for name in _HOOK.findall(piece.text)}
    names = (name for piece in sources.pieces for name in piece.defines)
    return {name for name in names if name.kind == "routine" and name.identity in marked}


def in_order(pieces: list[Piece]) -> list[Piece]:
    """The pieces, each after those it names where that is possible: a good first order, not a proof.

    Names in comments do not count; where pieces name one another, the order of their paths decides.
    """
    defined = {name.identity: piece for piece in pieces for name in piece.defines if name.kind in NAMED}
    pattern = re.compile(r'(?:"(?:[^"]|"")+"|[\w$]+)\.(?:"(?:[^"]|"")+"|[\w$]+)')
    needs = {}
    for piece in pieces:
        code = re.sub(r"--[^\n]*|/\*.*?\*/", " ", piece.text, flags=re.DOTALL)
        used = (defined.get(match[0]) or defined.get(match[0].lower()) for match in pattern.finditer(code))
        needs[piece.label] = list(dict.fromkeys(other for other in used if other and other != piece))
    ordered: dict[str, Piece] = {}
    open_: set[str] = set()

    def visit(piece: Piece) -> None:
        if piece.label in ordered or piece.label in open_:
            return
        open_.add(piece.label)
        for other in needs[piece.label]:
            visit(other)
        ordered[piece.label] = piece

    for piece in pieces:
        visit(piece)
    return list(ordered.values())


def file_for(name: Name, returns_trigger: bool) -> str:
    """Where the source of an object should be."""
    folder = "triggers" if returns_trigger else _BELONGS[name.kind]
    return f"{folder}/<domain>/{simple_name(name)}.sql"


def domains(project: Project) -> dict[str, str]:
    """The domain of each object, by its name with the schema: the folder of its source, else its section.

    Sections of schema.sql begin with a comment `-- ── name`. Domains come in the order of the sections.
    """
    section, found = "", {}
    for line in read_sql(project.root / "schema.sql").splitlines():
        heading = re.match(r"-- ── (\w+)", line)
        section = heading[1] if heading else section
        made = re.match(r"create (?:table|type|domain) ([\w.]+)", line)
        if made and section:
            found[made[1]] = section
    order = list(dict.fromkeys(found.values()))
    for piece in read(project).pieces:
        parts = piece.label.split("/")
        if len(parts) == 3:
            found |= {name.identity: parts[1] for name in piece.defines if name.kind in NAMED}
    last = len(order)
    return dict(sorted(found.items(), key=lambda each: order.index(each[1]) if each[1] in order else last))


def errors(project: Project) -> dict[str, str]:
    """What the sources say after `-- Errors:` in the comment before a function, by its name."""
    header = re.compile(r"((?:^--.*\n)+)create (?:or replace )?function\s+([\w.]+)", re.MULTILINE)
    return {
        name: " ".join(comment.partition("-- Errors:")[2].replace("\n--", "").split())
        for piece in read(project).pieces
        for comment, name in header.findall(piece.text)
        if "-- Errors:" in comment
    }


def _form(
    label: str, folder: str, stem: str, statements: list[Statement], names: tuple[Name, ...]
) -> Iterator[Finding]:
    """What is wrong with the form of a file: its name, more than one object, statements about others."""

    def finding(message: str, line: int | None = None, name: Name | None = None) -> Finding:
        return Finding("source", label, line, str(name) if name else None, message, "source-form")

    main = _main_names(folder, names)
    tables = {table_of(name) for name in names if name.kind == "trigger"}
    if not main:
        yield finding(f"defines no {_WHAT[folder]}")
    elif {unquote(split_qualified(table)[-1]) for table in tables} == {stem}:
        pass  # all that happens to a table: its triggers in firing order, with their functions
    elif len({simple_name(name) for name in main}) > 1 or (folder != "triggers" and len(main) > 1):
        yield finding(f"defines {len(main)} objects; one object per file: {', '.join(map(str, main))}")
    elif simple_name(main[0]) != stem:
        yield finding(f"the file should be called {simple_name(main[0])}.sql", name=main[0])
    for statement in statements:
        name = creates(statement)
        if name is not None:
            if _BELONGS[name.kind] != folder and not (folder == "triggers" and name.kind == "routine"):
                yield finding(f"belongs below {_BELONGS[name.kind]}/", statement.line, name)
            if not replaces(statement):
                yield finding("should say `create or replace`", statement.line, name)
            continue
        about = concerns(statement)
        if about is None:
            kind = statement.kind.removesuffix("_stmt").replace("_", " ")
            yield finding(f"a {_WHAT[folder]} file may not hold this statement ({kind})", statement.line)
            continue
        for other in about:
            if other not in names and not (statement.kind == "alter_table_stmt" and other.identity in tables):
                yield finding("is about an object that this file does not define", statement.line, other)


def _main_names(folder: str, names: tuple[Name, ...]) -> list[Name]:
    """The objects after which the file is named: the routine of a trigger file, or else its triggers."""
    routines = [name for name in names if name.kind == "routine"]
    return routines if folder == "triggers" and routines else list(names)
