"""Proving a project: sources = migrations, rollbacks exact, nothing shipped edited, conventions kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..catalog.observe import Observer
from ..catalog.read import Catalog, Difference, diff, parent
from ..errors import DbtoolError, Finding, ScriptFailed
from ..history import migrations
from ..history.run import Connect, Run, exclusive_run, session
from ..history.stepwise import read_unfinished
from ..lint import conventions, rules
from ..output import Onlooker, Reporter
from ..project import shipped, sources
from ..project.layout import Project, Script, Snapshot
from ..project.sources import Sources
from ..sql.execute import Connection
from . import amending, drift
from .drift import Unsettled


def check(
    connect: Connect,
    project: Project,
    notice: Callable[[str], None] = lambda _: None,
    *,
    since: int | None = None,
) -> list[Finding]:
    """Everything that is wrong with the project; nothing when all is well.

    `connect` leads to an empty database, which holds everything at the end. `notice` is called with what
    could not be checked. What is older than migration `since`, else the one in the settings, only has to run.
    Raises DbtoolError only when the server fails, never for a fault of the project.
    """
    project = Snapshot(project.root, project.prefix)
    settings = rules.Settings.read(project, since)
    try:
        scripts = project.scripts()
        old = [settings.is_old(each) or each.irreversible is not None for each in scripts]
    except DbtoolError as error:
        return [Finding("script", None, None, None, error.message)]
    found = sources.read(project)
    unrunnable = [*conventions.unrunnable(project, scripts)]
    new = [script for script, is_old in zip(scripts, old, strict=True) if not is_old]
    barred = [script not in new or script.rollback_path is None for script in scripts]
    findings = [*unrunnable, *conventions.without_rollback(project, new), *shipped.edited(project)]
    findings += [*found.unreadable, *found.findings]
    if project.base:
        migrations.migrate(connect, project.base)
    if not unrunnable:
        findings += [*amending.second_texts(project), *conventions.second_hooks(project, scripts, found)]
        findings += _Walk(connect, project, scripts, barred, settings, notice).run(found)
    return [each for each in findings if each.rule not in settings.exclude]


@dataclass
class _Walk:
    """One database taken from nothing to the newest version; on the way what can be undone is, and redone.

    The scripts are walked in stretches, each of which begins with those that are barred from being undone.
    """

    connect: Connect
    project: Project
    scripts: list[Script]
    barred: list[bool]
    settings: rules.Settings
    notice: Callable[[str], None]
    findings: list[Finding] = field(default_factory=list)
    catalogs: dict[int, Catalog] = field(default_factory=dict)
    """Before the first script (0) and after each, where it is needed."""
    roles: dict[int, set[str]] = field(default_factory=dict)
    applied: int = 0

    def __post_init__(self) -> None:
        self.places = {script.id: index for index, script in enumerate(self.scripts)}

    def run(self, found: Sources) -> list[Finding]:
        barred, last, begin = self.barred, len(self.scripts), 0
        # One connection runs everything, one looks at every version: each remembers what it has looked up.
        with self.connect() as connection, session(self.connect, Reporter()) as self.session:
            connection.autocommit = True
            self.observer = Observer(connection)
            self._look(0)
            for end in range(1, last + 1):
                if end < last and (not barred[end] or barred[end - 1]):
                    continue
                if not self._up(end):
                    break
                if end == last:
                    self._compare_and_lint(found)
                kept = next((index for index in range(begin, end) if not barred[index]), end)
                is_exact = self._down(kept, end)
                if (end == last and not is_exact) or read_unfinished(self.session, self.project.history):
                    break
                if kept < end and not self._up(end, is_again=True):
                    break
                begin = end
        return self.findings

    def _look(self, state: int) -> None:
        """Reads what there is after so many scripts."""
        barred = self.barred
        since = self.settings.since
        is_first = since is not None and state < len(barred) and self.scripts[state].number == since
        if state in (0, len(barred)) or not barred[state] or not barred[state - 1] or is_first:
            self.catalogs[state] = self.observer.read()
        self.roles[state] = {row[0] for row in self.observer.conn.execute("select rolname from pg_roles")}

    def _up(self, end: int, *, is_again: bool = False) -> bool:
        """Applies everything up to a script; whether that can be done."""

        def look(name: str) -> None:
            self.applied += 1
            if not is_again:
                self._look(self.places[name] + 1)

        plan = self.scripts[self.applied : end]
        if not self._step(look, lambda run, report: migrations.apply_each(run, self.project, plan, report)):
            return False
        if is_again:
            differences = diff(self.catalogs[end], self.observer.read())
            self._report(None, differences, "{change} when everything is applied a second time")
        return True

    def _compare_and_lint(self, found: Sources) -> None:
        with self.connect() as conn:
            now = self.catalogs[len(self.scripts)]
            place = self.places.get(f"migration{self.settings.since}", 0)
            old = self.catalogs[place].objects.keys()
            if self.project.base:
                self.findings += conventions.touching_base(self.catalogs[0], now, self.project.base)
            self.findings += rules.findings(
                conn, self.project, self.scripts, found, self.settings, old, self.notice
            )
            if found.in_use and not found.unreadable:
                try:
                    self.findings += drift.compare(conn, found, now, self.catalogs[0].objects).findings
                except Unsettled as error:
                    self.findings += error.findings

    def _down(self, kept: int, end: int) -> bool:
        """Undoes the scripts from `end` down to `kept`, comparing after each with the catalog before it.

        True when all was exact. A difference that the rollback of a later script left is not reported again.
        """
        inherited: set[Difference] = set()
        before = len(self.findings)

        def look(name: str) -> None:
            self.applied = index = self.places[name]
            path = self.scripts[index].rollback_path
            assert path is not None
            label = self.project.relative(path)
            found = diff(self.catalogs[index], self.observer.read())
            differences = [each for each in found if each not in inherited]
            inherited.update(differences)
            self._report(label, differences, "{change} by going up and down again")
            self.findings += _roles_left(self.observer.conn, label, self.roles[index + 1] - self.roles[index])

        def undo(run: Run, report: Reporter) -> None:
            plan = self.scripts[kept:end][::-1]
            files = migrations.rollback_files(self.project, plan)
            migrations.undo_each(run, plan, files, report, remaining=end)

        return (kept == end or self._step(look, undo)) and len(self.findings) == before

    def _report(self, label: str | None, differences: Iterable[Difference], text: str) -> None:
        for difference in differences:
            details = difference.details
            if (
                difference.kind == "column"
                and difference.change == "changed"
                and not self._is_view(difference)
            ):
                # A column that comes back is the last one: nobody can put it where it was.
                details = tuple(each for each in details if not each.startswith("position: "))
                if not details:
                    continue
            if difference.kind == "enum":
                details = (*details, "a label cannot be taken away: `-- irreversible: why` in the rollback")
            message = "\n  ".join([text.format(change=difference.change), *details])
            name = f"{difference.kind} {difference.identity}"
            self.findings.append(Finding("rollback", label, None, name, message, "rollback-exact"))

    def _is_view(self, difference: Difference) -> bool:
        views = (("view", parent(difference.identity)), ("materialized view", parent(difference.identity)))
        return any(view in catalog.objects for catalog in self.catalogs.values() for view in views)

    def _step(self, look: Callable[[str], None], act: Callable[[Run, Reporter], None]) -> bool:
        """Applies or undoes scripts, looking after each; a failure becomes a finding."""
        report, place = Onlooker(look), self.project.history
        try:
            with exclusive_run(self.connect, self.session, place, migrations.LIMITS, report) as run:
                act(run, report)
        except ScriptFailed as error:
            message = error.message.split(": ", 1)[-1]
            details = (error.detail or "").splitlines()
            kept = [line for line in details if not line.startswith("nothing of ")]
            text = "\n  ".join([message, *kept])
            self.findings.append(Finding("script", error.source, error.line, None, text))
            return False
        return True


def _roles_left(conn: Connection, label: str, made: set[str]) -> list[Finding]:
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
    return [
        Finding("rollback", label, None, f"role {name}", "is left behind", "rollback-exact")
        for (name,) in rows
    ]
