"""All rules that `check` applies to a project, less what comments silence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageProblem
from toolkit.findings import Finding
from toolkit.lint import conventions, names, plpgsql, silences, squawk
from toolkit.project import shipped
from toolkit.project.layout import Project, Script
from toolkit.project.sources import Sources

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True)
class Settings:
    """`[tool.dbtool.lint]` of the project's pyproject.toml."""

    leading_column: str | None = None
    """The column that comes first in the key of every table that has it."""
    exclude: Mapping[str, str] = field(default_factory=dict)
    """Rules of squawk that are switched off, and why."""

    @classmethod
    def read(cls, project: Project) -> Settings:
        """The settings, or none where there is no such file. Raises UsageProblem for others than these."""
        path = project.root / "pyproject.toml"
        if not path.is_file():
            return cls()
        try:
            parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise UsageProblem(f"{path}: {error}") from error
        given = parsed.get("tool", {}).get("dbtool", {}).get("lint", {})
        wrong = sorted(given.keys() - {"leading_column", "exclude"})
        exclude = given.get("exclude", {})
        if wrong or not all(isinstance(why, str) and why.strip() for why in exclude.values()):
            raise UsageProblem(
                f"{path}: [tool.dbtool.lint] is wrong" + (f": {', '.join(wrong)}" if wrong else ""),
                hint='It may hold leading_column = "…" and exclude = {rule-of-squawk = "why"}.',
            )
        return cls(given.get("leading_column"), exclude)


def findings(
    conn: Connection[Any],
    project: Project,
    scripts: Sequence[Script],
    sources: Sources,
    notice: Callable[[str], None],
) -> list[Finding]:
    """What the rules find in the files, and in the database that the migrations have built.

    squawk does not look at migrations of a release: nobody may change them any more. `notice` is called when
    the server has no plpgsql_check.
    """
    settings = Settings.read(project)
    files = conventions.read(project, scripts, sources)
    places = files.places()
    fixed = shipped.released(project)
    loose = [each for each in scripts if each.number and project.relative(each.path) not in fixed]
    found = [
        *conventions.conventions(conn, places, settings.leading_column),
        *names.unqualified(files.functions, names.built_in(conn)),
        *squawk.findings(project, loose, settings.exclude),
    ]
    idle = []
    if plpgsql.is_available(conn):
        found += plpgsql.findings(conn, places)
    else:
        notice("the server has no plpgsql_check, so functions were not checked by it")
        idle.append(plpgsql.RULE)
    kept = [label for label in files.texts if label not in fixed]
    texts = {label: files.texts[label] for label in kept}
    return list(silences.apply(found, texts, files.scripts if files.sources else (), idle))
