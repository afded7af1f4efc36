"""What several commands share: running on many databases, asking for confirmation, how dbtool was called."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..context import URL_VARIABLES, Context
from ..errors import DbtoolError, UsageProblem
from ..output import ask, ask_for, say

if TYPE_CHECKING:
    from ..fleet import Outcome
    from ..project.layout import Project
    from ..servers.throwaway import ThrowawayServer


def run_on_all(context: Context, jobs: int, in_short: Callable[[Any], str], more: Sequence[str] = ()) -> None:
    """Runs this command line on every database that --targets or --targets-query names.

    `in_short` puts the command's JSON into a few words; `more` is added to the command line. Raises
    DbtoolError with the exit code that wants attention first, when one of them failed.
    """
    from .. import fleet

    if context.targets is not None and context.targets_query is not None:
        raise UsageProblem("give either --targets or --targets-query")
    if context.targets is not None:
        targets = fleet.read_targets(context.targets)
    else:
        targets = fleet.query_targets(context.targets_query or "", context.target.url)
    arguments = [*fleet.own_arguments(context.arguments), *more]
    runner = fleet.Fleet(arguments, context.environ, context.cwd, stop_on_first=context.stop_on_first)
    finished = 0

    def report(outcome: Outcome) -> None:
        nonlocal finished
        finished += 1
        said = _said(outcome, in_short)
        context.note(f"[{finished}/{len(targets)}] {outcome.target.name}: {said}")

    outcomes = runner.run(targets, jobs, report)
    context.answer = {"databases": [_as_json(outcome) for outcome in outcomes]}
    failure = fleet.failure(outcomes)
    if failure is not None:
        raise failure
    context.note(f"all {len(outcomes)} databases are well")


def _said(outcome: Outcome, in_short: Callable[[Any], str]) -> str:
    """One line about one database."""
    if outcome.exit_code < 0 and not outcome.seconds:
        return outcome.message
    if outcome.exit_code == 0 and outcome.answer is not None:
        return f"{in_short(outcome.answer)} ({outcome.seconds:.1f} s)"
    errors = [line for line in outcome.message.splitlines() if line.startswith("error: ")]
    reason = errors[0].removeprefix("error: ") if errors else outcome.message.split("\n")[-1]
    return f"exit code {outcome.exit_code}: {reason}"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.target.name,
        "exit_code": outcome.exit_code,
        "seconds": round(outcome.seconds, 3),
        "answer": outcome.answer,
        "message": outcome.message,
    }


@contextmanager
def project_server(project: Project, kind: str | None) -> Iterator[ThrowawayServer]:
    """A throwaway server for a project's files, with what they name and do not make.

    New databases on it get the project's setup first, and the name that the files give to theirs.
    """
    from ..servers.choose import open_throwaway
    from ..sql.outside import surroundings

    scripts = [script for each in project.stack for script in each.scripts()]
    texts = [text for each in scripts for text in (each.text, each.rollback_text) if text]
    found = surroundings([project.setup, *texts])
    with open_throwaway(kind, extensions=project.extensions) as server:
        server.setup, server.called = project.setup, found.database
        if server.provide(found) or found.tablespaces:
            say(f"note: the throwaway server was given what the files name: {found}", err=True)
        yield server


def confirm(context: Context, what: str, declined: str) -> None:
    """Asks on the terminal whether to go on, unless --yes. `what` is the deed, such as "Undo migration7".

    In production it asks for the target's name instead. Raises UsageProblem where there is no terminal to ask
    on, DbtoolError with `declined` on a no.
    """
    if context.target.production_name:
        confirm_production(context, what, declined)
        return
    confirm_question(context, f"{what} on {context.target.label}?", declined)


def confirm_question(context: Context, question: str, declined: str) -> None:
    """Asks it on the terminal, unless --yes. Raises like `confirm`."""
    if context.yes:
        return
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{context.command_name} asks for confirmation, and there is no terminal", hint="Give --yes."
        )
    if not ask(question):
        raise DbtoolError(declined)


def confirm_production(context: Context, what: str, declined: str) -> None:
    """Asks for the name of a production target, unless --yes-production gives it; --yes is not enough.

    Does nothing on other targets. Raises like `confirm`.
    """
    target = context.target
    name = target.production_name
    if name is None or context.yes_production == name:
        return
    if context.yes_production is not None:
        raise UsageProblem(f"--yes-production {context.yes_production}, but the target is {name}")
    if not sys.stdin.isatty():
        raise UsageProblem(
            f"{name} is production: {context.command_name} asks for its name, and there is no terminal",
            hint=f"Give --yes-production {name}.",
        )
    question = f"{what} on {target.label}? It is production: type {name} to go on"
    if ask_for(question) != name:
        raise DbtoolError(declined)


def embedded_only(context: Context) -> bool:
    """For commands that work on the embedded server alone: whether the environment names another database.

    Says so on stderr, since the other commands go there. Raises UsageProblem when the command line names one.
    """
    if context.database_option:
        raise UsageProblem(
            f"dbtool {context.command_name} works on the whole embedded server",
            hint="`dbtool up SYSTEM` makes the database of a system.",
        )
    if context.url_option or context.target_option:
        raise UsageProblem(
            f"dbtool {context.command_name} works on the embedded server only",
            hint="On a running server use dbtool migrate, seed and status.",
        )
    variable = next((name for name in URL_VARIABLES if context.environ.get(name)), None)
    if variable is None:
        return False
    say(
        f"note: ${variable} is set, and other commands go there; this one works on the embedded server",
        err=True,
    )
    return True


def program_name() -> str:
    """What to type to call dbtool again: its name when the shell finds it, else its path."""
    called = Path(sys.argv[0])
    if called.name != "dbtool" or shutil.which("dbtool"):
        return "dbtool"
    path = os.path.relpath(called)
    return path if len(path) < len(str(called)) else str(called)
