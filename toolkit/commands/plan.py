"""dbtool plan"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, target_options, trust_option
from toolkit.output import say

if TYPE_CHECKING:
    from toolkit.live.effects import Effect

TEXT_LENGTH = 90


@click.command("plan")
@click.option("--to", metavar="VERSION", help="Stop at this one: a migration's number, or `schema`.")
@click.option("--allow-late", is_flag=True, help="Include migrations below the newest applied one.")
@click.option("--server", metavar="KIND", help="Where to measure: container, embedded or a superuser's URL.")
@trust_option
@target_options
@json_option
@pass_context
def command(
    context: Context, to: str | None, allow_late: bool, server: str | None, trust_target: bool
) -> None:
    """Show what would run, and what each statement would block.

    Measures on an empty clone of the target's schema, on a throwaway server: the strongest lock per table,
    what is rewritten or read as a whole, and how long it takes. The target is only read.
    """
    from toolkit import output
    from toolkit.errors import DbtoolError
    from toolkit.live.plan import plan
    from toolkit.servers.choose import open_throwaway

    context.announce()
    target = context.target()
    with open_throwaway(server, report=lambda _: None) as throwaway:
        made = plan(
            context.connect,
            target.url,
            context.project,
            throwaway,
            to=to,
            allow_late=allow_late,
            trust_target=trust_target,
        )
    if context.as_json:
        output.print_json({"target": target.label, **dataclasses.asdict(made)})
    else:
        for script in made.forecasts:
            how = "in one transaction" if script.transactional else "without transaction"
            say(f"{script.id} ({script.source}), {how}")
            for effect in script.effects:
                _print_effect(effect)
        for text in made.warnings:
            say(f"warning: {text}")
        for text in made.notes:
            say(f"note: {text}")
        if not made.forecasts:
            say(f"nothing to apply on {target.label}")
    failed = next((script.error for script in made.forecasts if script.error), None)
    if failed:
        raise DbtoolError(failed, hint="It fails on a clone without rows; what it needs may be data.")


def _print_effect(effect: Effect) -> None:
    text = " ".join(effect.text.split())
    shortened = text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
    say(f"  line {effect.line:<5}{effect.milliseconds:8.1f} ms  {shortened}")
    parts = [f"{lock.mode} on {lock.relation}" for lock in effect.locks]
    parts += [f"rewrites {relation}" for relation in effect.rewrites]
    parts += [f"reads all of {relation}" for relation in effect.scans]
    if parts:
        say(f"      {'; '.join(parts)}{'' if effect.is_measured else ' (not measured)'}")
