"""Where objects are made: the file and the line of the statement that a finding is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from postgast import pg_query_pb2 as pg

from toolkit.project.layout import Project, Script
from toolkit.project.sources import Sources
from toolkit.sql.statements import Name, Statement, creates, parse, qualified, routine_body


@dataclass(frozen=True)
class Place:
    """The statement that makes an object, and its file."""

    file: str
    statement: Statement
    around: str
    """The text in which a comment is about the object: the whole source, or in a script the statement's."""

    @property
    def line(self) -> int:
        return self.statement.line

    def body_line(self, number: int) -> int:
        """The line of the file that a function's body calls `number`."""
        body = routine_body(self.statement)
        return self.line + (body.lines_before if body else 0) + number - 1


@dataclass(frozen=True)
class Files:
    """Every file that makes something, taken apart: the scripts in their order, then the sources."""

    scripts: Mapping[str, list[Statement]]
    sources: Mapping[str, list[Statement]]
    texts: Mapping[str, str]

    @property
    def functions(self) -> Mapping[str, list[Statement]]:
        """The files with today's functions: the sources, or the scripts of a project that has none."""
        return self.sources or self.scripts

    def places(self) -> dict[Name, Place]:
        """Where each routine, view, trigger and table is made: its source, else the last script that does."""
        found = {}
        for files in (self.scripts, self.sources):
            for label, statements in files.items():
                for statement in statements:
                    name = creates(statement) or _table(statement)
                    if name is not None:
                        own = f"{statement.comment}\n{statement.text}"
                        around = self.texts[label] if files is self.sources else own
                        found[name] = Place(label, statement, around)
        return found


def read(project: Project, scripts: Iterable[Script], sources: Sources) -> Files:
    """The files of a project, all of which PostgreSQL's parser accepts."""
    by_label = {project.relative(script.path): script.text for script in scripts}
    pieces = {piece.label: piece.text for piece in sources.pieces}
    return Files(
        {label: parse(text) for label, text in by_label.items()},
        {label: parse(text) for label, text in pieces.items()},
        {**by_label, **pieces},
    )


def _table(statement: Statement) -> Name | None:
    node = statement.node
    if statement.kind == "create_stmt" or (
        statement.kind == "create_table_as_stmt" and node.objtype == pg.OBJECT_TABLE
    ):
        relation = node.relation if statement.kind == "create_stmt" else node.into.rel
        parts = [relation.schemaname, relation.relname] if relation.schemaname else [relation.relname]
        return Name("relation", qualified(parts))
    return None
