"""All rules that `check` applies to a project, less what comments silence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..configuration import OWN_FILE, SHARED_FILE, table
from ..errors import OWN_RULES, Finding, UsageProblem
from ..project import shipped
from ..project.layout import Project, Script
from ..project.sources import Sources
from . import conventions, names, programs, silences

if TYPE_CHECKING:
    from psycopg import Connection

    from ..catalog.read import Key


@dataclass(frozen=True)
class Settings:
    """`[lint]` in the project's dbtool.toml, or `[tool.dbtool.lint]` in its pyproject.toml."""

    leading_column: str | None = None
    """The column that comes first in the key of every table that has it."""
    exclude: Mapping[str, str] = field(default_factory=dict)
    """Rules that are switched off, and why."""
    since: int | None = None
    """The first migration that is checked; those before it only have to run."""

    @classmethod
    def read(cls, project: Project, since: int | None = None) -> Settings:
        """The settings. Raises UsageProblem for others than these, and for a rule without a reason."""
        given = {
            **table(project.root / SHARED_FILE, ("tool", "dbtool", "lint"), ""),
            **table(project.root / OWN_FILE, ("lint",), ""),
        }
        exclude = given.get("exclude", {})
        if not isinstance(exclude, dict):
            raise UsageProblem("`exclude` in [tool.dbtool.lint] must be a table", hint=_HINT)
        wrong = [*(given.keys() - {"leading_column", "exclude", "from"})]
        wrong += [rule for rule, why in exclude.items() if not isinstance(why, str) or not why.strip()]
        first = given.get("from") if since is None else since
        if wrong or (first is not None and (not isinstance(first, int) or first < 0)):
            what = ", ".join(sorted(wrong)) or "from is the number of a migration"
            raise UsageProblem(f"[tool.dbtool.lint] is wrong: {what}", hint=_HINT)
        return cls(given.get("leading_column"), exclude, first)

    def is_old(self, script: Script) -> bool:
        """Whether a script is older than what is checked."""
        return self.since is not None and script.number < self.since


_HINT = 'It may hold leading_column = "…", from = N and exclude = {a-rule = "why"}.'


def findings(
    conn: Connection[Any],
    project: Project,
    scripts: Sequence[Script],
    sources: Sources,
    settings: Settings,
    old: Collection[Key],
    notice: Callable[[str], None],
) -> list[Finding]:
    """What the rules find in the files, and in the database that the migrations have built.

    squawk does not look at migrations of a release: nobody may change them any more. `old` is what there was
    before the first script that is checked: of earlier ones, or of the project's setup. `notice` is called
    when the server has no plpgsql_check.
    """
    files = conventions.read(project, scripts, sources)
    places = files.places()
    fixed = {
        *shipped.released(project),
        *(project.relative(each.path) for each in scripts if settings.is_old(each)),
    }
    loose = [each for each in scripts if each.number and project.relative(each.path) not in fixed]
    blocking = programs.of_squawk(
        project, loose, [rule for rule in settings.exclude if rule not in OWN_RULES]
    )
    found = [
        *conventions.conventions(conn, places, settings.leading_column),
        *names.unqualified(conn, files.functions),
        *conventions.without_partitioned(blocking, files.scripts),
    ]
    idle = []
    if programs.has_plpgsql_check(conn):
        found += programs.of_plpgsql_check(conn, places)
    else:
        notice("the server has no plpgsql_check, so functions were not checked by it")
        idle.append(programs.PLPGSQL)
    routines = ("procedure", "aggregate")
    was = {f"{'function' if kind in routines else kind} {identity}" for kind, identity in old}
    past = {project.relative(each.path) for each in scripts if settings.is_old(each)}
    found = [each for each in found if each.file not in past and (each.file or each.object not in was)]
    kept = [label for label in files.texts if label not in fixed]
    texts = {label: files.texts[label] for label in kept}
    return list(silences.apply(found, texts, files.scripts if files.sources else (), idle))
