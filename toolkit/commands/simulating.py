"""Learners who are not real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..context import Context
from ..errors import DbtoolError, UsageProblem
from ..options import json_option, pass_context, target_options, yes_option, yes_production_option
from ..output import print_table, progress, say

if TYPE_CHECKING:
    from ..live.simulate import MadeUp
    from ..sql.execute import Connection


@click.command("simulate")
@click.option(
    "--learners",
    metavar="N",
    type=click.IntRange(1, 10_000_000),
    default=1000,
    show_default=True,
    help="How many sign up.",
)
@click.option(
    "--days",
    metavar="D",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How many days of history.",
)
@click.option("--system", metavar="S", help="The product; of the embedded server, its database.")
@click.option(
    "--seed",
    metavar="K",
    type=click.IntRange(0, 999_999_999),
    default=1,
    show_default=True,
    help="Another number, other learners.",
)
@click.option(
    "--rate",
    metavar="R",
    type=click.FloatRange(0, 100_000, min_open=True),
    help="How busy: things done in a session, on average (3). Live: calls a second, of all clients"
    " together (as many as they can).",
)
@click.option("--live", is_flag=True, help="Call the public functions, now, as learn_app.")
@click.option(
    "--clients", metavar="C", type=click.IntRange(1, 500), help="Live: how many connections. Default: 4."
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    default=60,
    show_default=True,
    help="Live: how long.",
)
@click.option("--calls", metavar="N", type=click.IntRange(1), help="Live: stop after so many calls.")
@yes_option
@yes_production_option
@target_options
@json_option
@pass_context
def simulate(
    context: Context,
    learners: int,
    days: int,
    system: str | None,
    seed: int,
    rate: float | None,
    live: bool,
    clients: int | None,
    seconds: float,
    calls: int | None,
) -> None:
    """Let made-up learners learn: a history up to yesterday, or live calls.

    \b
    dbtool simulate --learners 500 --days 60              500 learners, two months
    dbtool simulate --system web3versity --seed 7         others, in the database web3versity
    dbtool simulate --live --clients 8 --seconds 30       calls, timed; a history first where there is none
    dbtool simulate --live --rate 50 --json               50 calls a second, figures for programs

    A history is a transaction for each day, with Laurel's clock set to that day; nobody else sees it so. The
    same seed makes the same learners do the same things. What they do is SQL, in simulate/.
    """
    from ..live import clients as live_clients
    from ..live import simulate as model
    from ..project.layout import read_sql

    is_live = live or clients is not None
    folder = model.folder(context.project)
    if system is not None and context.database_url is None and context.database_option is None:
        from ..history.seeds import default_system

        context.database_option = None if system == default_system(context.project) else system
    context.announce()
    answer = context.answer = {"target": context.target().label, "seed": seed, "history": None, "live": None}
    with context.connect(autocommit=True) as connection:
        _allow(context, connection, system, learners)
        if is_live:
            model.require_role(connection, live_clients.ROLE)
        there = model.learner_ids(connection, seed)
        if not (is_live and there):
            history = model.MadeUp(learners, days, seed, 3.0 if is_live or rate is None else rate)
            answer["history"] = made = _history(context, connection, history)
            if not context.as_json:
                per_second = round(made["facts"] / max(made["seconds"], 0.01))
                say(
                    f"{made['learners']:,} learners did {made['acts']:,} things in {days} days:"
                    f" {made['facts']:,} facts in {made['seconds']:.1f} s, {per_second:,} a second"
                )
            connection.execute("reset role")
            there = model.learner_ids(connection, seed)
    if not is_live:
        return
    if not there:
        raise DbtoolError("nobody has signed up yet", hint="Give more --learners or --days.")
    load = live_clients.Load(
        context.target().url,
        live_clients.read_acts(read_sql(folder / "live.sql")),
        there,
        clients or 4,
        seconds,
        calls,
        rate,
        seed,
    )
    with progress(f"{load.clients} clients", 1.0) as advance:
        outcome = live_clients.run(load, advance)
    answer["live"] = {"learners": len(there), "clients": load.clients, **outcome.as_json()}
    if not context.as_json:
        _print(answer["live"])


def _allow(context: Context, connection: Connection, system: str | None, learners: int) -> None:
    """Refuses the wrong product, and asks before real learners get company."""
    from ..live import simulate as model
    from ._shared import confirm

    held = model.held(connection)
    if system is not None and system not in held:
        raise UsageProblem(
            f"the database holds {' and '.join(held) or 'no product'}, not {system}",
            hint=f"`dbtool up {system}` makes one that does, on the embedded server.",
        )
    if not held:
        raise DbtoolError("the database holds no product", hint="Run `dbtool seed` first.")
    if context.target().production_name or (
        not context.target().is_embedded and model.has_real_learners(connection)
    ):
        confirm(context, f"Add {learners} simulated learners to the real ones", "nothing was simulated")


def _history(context: Context, connection: Connection, history: MadeUp) -> dict[str, Any]:
    """Writes the history; where there is nothing to learn, after the sample content."""
    from ..history import seeds
    from ..live import simulate as model

    if not model.has_content(connection):
        say("there is nothing to learn yet: adding the sample content (dbtool seed --demo)", err=True)
        seeds.seed(connection, context.project, demo=True)
    with progress(f"{history.days} days", 1.0) as advance:
        return model.write_history(connection, context.project, history, lambda done, of: advance(done / of))


def _print(found: dict[str, Any]) -> None:
    """Milliseconds by function."""
    keys = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    rows = [
        (
            each["function"],
            f"{each['calls']:,}",
            *("" if each[key] is None else f"{each[key]:.2f}" for key in keys),
            ", ".join(f"{code} x {number}" for code, number in each["errors"].items()),
        )
        for each in found["functions"]
    ]
    print_table(
        ["function", "calls", "p50 ms", "p95 ms", "p99 ms", "max ms", "refused"], rows, [""] * len(rows)
    )
    say(f"{found['calls']:,} calls in {found['seconds']:.0f} s: {found['calls_per_second']:,} a second")
