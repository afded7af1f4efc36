"""Running a command on many databases: the lines and the summary that it prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.context import Context
from toolkit.errors import UsageProblem
from toolkit.output import say

if TYPE_CHECKING:
    from toolkit.targets.fleet import Outcome


def run(context: Context, jobs: int, in_short: Callable[[Any], str], more: Sequence[str] = ()) -> None:
    """Runs this command line on every database that --targets or --targets-query names.

    `in_short` puts the command's JSON into a few words; `more` is added to the command line. Raises
    DbtoolError with the exit code that wants attention first, when one of them failed.
    """
    from toolkit import output
    from toolkit.targets import fleet

    if context.targets is not None and context.targets_query is not None:
        raise UsageProblem("give either --targets or --targets-query")
    if context.targets is not None:
        targets = fleet.read_targets(context.targets)
    else:
        targets = fleet.query_targets(context.targets_query or "", context.target().url)
    arguments = [*fleet.own_arguments(context.arguments), *more]
    runner = fleet.Fleet(arguments, context.environ, context.cwd, stop_on_first=context.stop_on_first)
    finished = 0

    def report(outcome: Outcome) -> None:
        nonlocal finished
        finished += 1
        said = _said(outcome, in_short)
        say(f"[{finished}/{len(targets)}] {outcome.target.name}: {said}", err=context.as_json)

    outcomes = runner.run(targets, jobs, report)
    if context.as_json:
        output.print_json({"databases": [_as_json(outcome) for outcome in outcomes]})
    failure = fleet.failure(outcomes)
    if failure is not None:
        raise failure
    say(f"all {len(outcomes)} databases are well", err=context.as_json)


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
