"""All rules that `check` applies, less what comments silence; those of squawk and plpgsql_check."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..catalog.queries import COMMON
from ..catalog.read import qualified_names
from ..configuration import OWN_FILE, SHARED_FILE, table
from ..errors import OWN_RULES, DbtoolError, Finding, UsageProblem, did_you_mean
from ..project import shipped
from ..project.layout import Project, Script
from ..project.sources import Sources
from ..sql.execute import Connection, exists
from ..sql.statements import Name, qualified
from . import conventions, names, silences
from .conventions import Place

if TYPE_CHECKING:
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
    conn: Connection,
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
    blocking = of_squawk(project, loose, [rule for rule in settings.exclude if rule not in OWN_RULES])
    found = [
        *conventions.conventions(conn, places, settings.leading_column),
        *names.unqualified(conn, files.functions),
        *conventions.without_partitioned(blocking, files.scripts),
    ]
    idle = []
    if has_plpgsql_check(conn):
        found += of_plpgsql_check(conn, places)
    else:
        notice("the server has no plpgsql_check, so functions were not checked by it")
        idle.append(PLPGSQL)
    routines = ("procedure", "aggregate")
    was = {f"{'function' if kind in routines else kind} {identity}" for kind, identity in old}
    past = {project.relative(each.path) for each in scripts if settings.is_old(each)}
    found = [each for each in found if each.file not in past and (each.file or each.object not in was)]
    kept = [label for label in files.texts if label not in fixed]
    texts = {label: files.texts[label] for label in kept}
    return list(silences.apply(found, texts, files.scripts if files.sources else (), idle))


EXCLUDED: Mapping[str, str] = {
    "require-lock-timeout": "dbtool sets the time limits for the whole run",
    "require-statement-timeout": "dbtool sets the time limits for the whole run",
    "prefer-bigint-over-int": "counts, levels and positions are small; keys are what must not run out",
    "prefer-robust-stmts": "a file is applied once and as a whole; `if not exists` would hide drift",
    "transaction-nesting": "dbtool refuses BEGIN and COMMIT itself, with the line",
}
"""squawk's rules that say nothing useful here, and why."""


def of_squawk(
    project: Project, scripts: Sequence[Script], excluded: Collection[str] = ()
) -> Iterator[Finding]:
    """What squawk says about migrations; `excluded` are rules that the project has switched off as well.

    Raises DbtoolError when squawk cannot be run.
    """
    for transactional in (True, False):
        chosen = [script for script in scripts if script.transactional == transactional]
        if chosen:
            yield from _run(project, chosen, transactional, [*EXCLUDED, *excluded])


def _run(
    project: Project, scripts: Sequence[Script], transactional: bool, excluded: Sequence[str]
) -> Iterator[Finding]:
    program = shutil.which("squawk", path=sysconfig.get_path("scripts")) or shutil.which("squawk")
    if program is None:
        raise DbtoolError("squawk is not installed", hint="pip install squawk-cli")
    words = [program, "--reporter", "json", f"--exclude={','.join(excluded)}"]
    words += ["--assume-in-transaction"] if transactional else []
    paths = [project.relative(script.path) for script in scripts]
    done = subprocess.run([*words, *paths], cwd=project.root, capture_output=True, text=True, check=False)
    try:
        listed = json.loads(done.stdout)
    except ValueError:
        unknown = re.search(r"invalid value '([^']+)'", done.stderr)
        if unknown:
            raise UsageProblem(
                f"there is no rule {unknown[1]} that could be switched off",
                hint=did_you_mean(unknown[1], OWN_RULES) or f"dbtool's own: {', '.join(OWN_RULES)}.",
            ) from None
        raise DbtoolError("squawk did not run", detail=done.stderr.strip() or None) from None
    for each in listed:
        rule, help_ = each["rule_name"], each.get("help")
        message = each["message"].rstrip(".") + (f". {help_}" if help_ else "")
        # It counts lines from 0, and syntax is judged by PostgreSQL's own parser.
        if rule != "syntax-error":
            yield Finding("lint", each["file"], each["line"] + 1, None, message, rule)


PLPGSQL = "plpgsql"
# Each function, and each trigger function once for every trigger that it serves.
_CHECK = f"""{COMMON}
select n.nspname, p.proname, p.oid::regprocedure::text, coalesce(t.oid, 0),
       found.lineno, found.level, found.message, found.detail, found.hint
  from routine p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
  left join pg_trigger t on t.tgfoid = p.oid and not t.tgisinternal and t.tgparentid = 0
  cross join lateral plpgsql_check_function_tb(
    p.oid, coalesce(t.tgrelid, 0), oldtable => t.tgoldtable, newtable => t.tgnewtable,
    fatal_errors => false, extra_warnings => false, performance_warnings => false) found
 where p.prorettype <> 'trigger'::regtype or t.oid is not null
"""  # noqa: S608  a constant of this package
_TRIGGERS = """
select tgfoid::regprocedure::text, count(*)
  from pg_trigger
 where not tgisinternal and tgparentid = 0
 group by 1
"""


def has_plpgsql_check(conn: Connection) -> bool:
    """Whether the server could load plpgsql_check."""
    return exists(conn, "select from pg_available_extensions where name = 'plpgsql_check'")


def of_plpgsql_check(conn: Connection, places: Mapping[Name, Place]) -> Iterator[Finding]:
    """What the extension says; it is gone again afterwards.

    What it says of a trigger function counts when it says so for each of the triggers that it serves: one for
    inserts has no old rows, and does not come to where they are read.
    """
    with conn.transaction(force_rollback=True):
        conn.execute("create schema plpgsql_check_for_dbtool")
        conn.execute("create extension plpgsql_check schema plpgsql_check_for_dbtool cascade")
        with qualified_names(conn):
            conn.execute("select set_config('search_path', 'plpgsql_check_for_dbtool', true)")
            rows = conn.execute(_CHECK).fetchall()
            triggers_of: dict[str, int] = dict(conn.execute(_TRIGGERS).fetchall())
    said: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for schema, name, identity, trigger, *told in rows:
        key = (schema, name, identity, *told)
        said[key].add(trigger)
    for (schema, name, identity, line, level, message, detail, hint), triggers in said.items():
        if len(triggers) < triggers_of.get(identity, 1):
            continue
        place = places.get(Name("routine", qualified([schema, name])))
        where = place.body_line(line or 1) if place else None
        text = "; ".join(part for part in (f"{level}: {message}", detail, hint) if part)
        yield Finding("lint", place.file if place else None, where, f"function {identity}", text, PLPGSQL)
