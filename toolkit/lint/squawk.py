"""squawk's rules: what a migration does to a database that is in use."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Collection, Iterator, Mapping, Sequence

from ..errors import DbtoolError, UsageProblem, did_you_mean
from ..findings import OWN_RULES, Finding
from ..project.layout import Project, Script

EXCLUDED: Mapping[str, str] = {
    "require-lock-timeout": "dbtool sets the time limits for the whole run",
    "require-statement-timeout": "dbtool sets the time limits for the whole run",
    "prefer-bigint-over-int": "counts, levels and positions are small; keys are what must not run out",
    "prefer-robust-stmts": "a file is applied once and as a whole; `if not exists` would hide drift",
    "transaction-nesting": "dbtool refuses BEGIN and COMMIT itself, with the line",
}
"""squawk's rules that say nothing useful here, and why."""


def findings(
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
