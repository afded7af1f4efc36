"""Proving a project: sources = migrations, rollbacks exact, nothing shipped edited, conventions kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.authoring import amending, drift
from toolkit.authoring.drift import Unsettled
from toolkit.catalog.read import Catalog, Difference, diff
from toolkit.catalog.read import read as read_catalog
from toolkit.errors import DbtoolError, ScriptFailed
from toolkit.findings import Finding
from toolkit.history import migrations
from toolkit.lint import conventions, rules
from toolkit.project import shipped, sources
from toolkit.project.layout import Project, Script
from toolkit.project.sources import Sources

if TYPE_CHECKING:
    from psycopg import Connection

Connect = Callable[[], "Connection[tuple[Any, ...]]"]


def check(
    connect: Connect, project: Project, notice: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """Everything that is wrong with the project; nothing when all is well.

    `connect` leads to an empty database, which holds everything at the end. `notice` is called with what
    could not be checked. Raises DbtoolError only when the server fails, never for a fault of the project.
    """
    try:
        scripts = project.scripts()
    except DbtoolError as error:
        return [Finding("script", None, None, None, error.message)]
    found = sources.read(project)
    unrunnable = [*conventions.unrunnable(project, scripts)]
    findings = [*unrunnable, *conventions.without_rollback(project, scripts), *shipped.edited(project)]
    findings += [*found.unreadable, *found.findings]
    findings += [] if unrunnable else amending.second_texts(project)
    return findings if unrunnable else findings + _Walk(connect, project, scripts, notice).run(found)


class _Walk:
    """One database taken from nothing to the newest version, back to nothing, and up again."""

    def __init__(
        self, connect: Connect, project: Project, scripts: list[Script], notice: Callable[[str], None]
    ) -> None:
        self.connect = connect
        self.project = project
        self.scripts = scripts
        self.notice = notice
        self.findings: list[Finding] = []
        self.catalogs: list[Catalog] = []
        """Before the first script, and after each."""
        self.roles: list[set[str]] = []

    def run(self, found: Sources) -> list[Finding]:
        # One connection looks at every version: the server remembers on it what it has looked up.
        with self.connect() as observer:
            observer.autocommit = True
            self._look(observer)
            for script in self.scripts:
                if not self._step(script.path, partial(self._migrate, script)):
                    return self.findings
                self._look(observer)
            self._compare_and_lint(found)
            if self._down(observer):
                self._up_again(observer)
        return self.findings

    def _compare_and_lint(self, found: Sources) -> None:
        with self.connect() as conn:
            self.findings += rules.findings(conn, self.project, self.scripts, found, self.notice)
            if found.in_use and not found.unreadable:
                try:
                    self.findings += drift.compare(conn, found, self.catalogs[-1]).findings
                except Unsettled as error:
                    self.findings += error.findings

    def _down(self, observer: Connection[Any]) -> bool:
        """Undoes every script, comparing after each with the catalog before it. True when all was exact.

        A difference that the rollback of a later script left is not reported again.
        """
        inherited: set[Difference] = set()
        before = len(self.findings)
        for index in range(len(self.scripts) - 1, -1, -1):
            script = self.scripts[index]
            if script.rollback_path is None:
                return False  # reported with the files
            target = _version(self.scripts[index - 1]) if index else 0
            if not self._step(script.rollback_path, partial(self._roll_back, target)):
                return False
            label = self.project.relative(script.rollback_path)
            differences = [
                each for each in diff(self.catalogs[index], read_catalog(observer)) if each not in inherited
            ]
            inherited.update(differences)
            self._report(label, differences, "{change} by going up and down again")
            self.findings += _roles_left(observer, label, self.roles[index + 1] - self.roles[index])
        return len(self.findings) == before

    def _up_again(self, observer: Connection[Any]) -> None:
        last = self.scripts[-1]
        if self._step(last.path, partial(self._migrate, last)):
            differences = diff(self.catalogs[-1], read_catalog(observer))
            self._report(None, differences, "{change} when everything is applied a second time")

    def _report(self, label: str | None, differences: Iterable[Difference], text: str) -> None:
        for difference in differences:
            message = "\n  ".join([text.format(change=difference.change), *difference.details])
            name = f"{difference.kind} {difference.identity}"
            self.findings.append(Finding("rollback", label, None, name, message))

    def _migrate(self, script: Script) -> None:
        migrations.migrate(self.connect, self.project, to=_version(script))

    def _roll_back(self, to: int | str) -> None:
        migrations.rollback(self.connect, self.project, to=to)

    def _step(self, path: Path, act: Callable[[], None]) -> bool:
        """Applies or undoes a script; a failure becomes a finding."""
        label = self.project.relative(path)
        try:
            act()
        except ScriptFailed as error:
            message = error.message.split(": ", 1)[-1]
            details = (error.detail or "").splitlines()
            kept = [line for line in details if not line.startswith("nothing of ")]
            self.findings.append(Finding("script", label, error.line, None, "\n  ".join([message, *kept])))
            return False
        return True

    def _look(self, observer: Connection[Any]) -> None:
        self.catalogs.append(read_catalog(observer))
        self.roles.append({row[0] for row in observer.execute("select rolname from pg_roles")})


def _version(script: Script) -> int | str:
    return script.number or script.id


def _roles_left(conn: Connection[Any], label: str, made: set[str]) -> list[Finding]:
    """Roles that the script made and its rollback left, unless another database of the cluster uses them."""
    rows = conn.execute(
        """select rolname
             from pg_roles r
            where rolname = any(%s)
              and not exists (select from pg_shdepend d join pg_database b on b.oid = d.dbid
                               where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid
                                 and b.datname <> current_database())
            order by 1""",
        [list(made)],
    ).fetchall()
    return [Finding("rollback", label, None, f"role {name}", "is left behind") for (name,) in rows]
