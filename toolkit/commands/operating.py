"""Commands for who runs Laurel: what ails it, its jobs, what other rules would do, simulated learners."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..context import Context
from ..errors import CheckFailed, DbtoolError, UsageProblem, counted
from ..output import print_table, progress, say, say_script
from ..sql.execute import Connection

if TYPE_CHECKING:
    from ..live.simulate import MadeUp

_HEALTH = """
select severity, topic, subject, finding, mend from learn.health where topic <> 'integrity' or %s
 order by array_position(array['error', 'warning', 'note'], severity), topic, subject
"""
_MAY = """
select quote_ident(current_user),
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, %s)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname || '.' || c.relname = %s
"""
_JOBS = "select name, schedule, command, purpose from learn.jobs where is_wanted order by name"


@options.command("doctor", *options.TARGET)
@click.option(
    "--quick", is_flag=True, help="Leave out the integrity of learners' data, which reads all of it."
)
def doctor(context: Context, quick: bool) -> None:
    """Say what ails a database of Laurel's, each with the statement that mends it.

    Integrity, roles, grants, jobs that do not run, indexes, triggers, bloat, sessions, sequences, settings:
    the rows of the view learn.health. Exit code 6 when there is an error or a warning. Writes nothing.
    """
    answer = context.begin(findings=[])
    with context.reading() as connection:
        _require(connection, "learn.health")
        found = connection.execute(_HEALTH, [not quick]).fetchall()
    names = ("severity", "topic", "subject", "finding", "mend")
    answer["findings"] = [dict(zip(names, row, strict=True)) for row in found]
    for severity, topic, subject, finding, mend in found:
        context.tell(f"{severity}: {topic}: {subject}: {finding}\n  mend: {mend}")
    bad = sum(row[0] != "note" for row in found)
    if bad:
        raise CheckFailed(f"{counted(bad, 'thing')} to mend on {answer['target']}")
    if not context.as_json:
        say(f"{answer['target']} is well", err=True)


@options.command("schedule", *options.TARGET)
@click.option("--pg-cron", is_flag=True, help="As SQL for the extension pg_cron.")
def schedule(context: Context, pg_cron: bool) -> None:
    """Print a crontab, or a script for pg_cron, with every job that the database wants.

    The jobs are the rows of the view learn.jobs. No password is printed: psql finds it in ~/.pgpass.
    """
    answer = context.begin(jobs=[])
    with context.reading() as connection:
        _require(connection, "learn.jobs")
        jobs = connection.execute(_JOBS).fetchall()
        at = connection.info
        database, title = at.dbname, at.dbname.replace("'", "''")
        where = shlex.join(["-h", at.host, "-p", str(at.port), "-U", at.user, "-d", database])
        call = f"psql -Xqo /dev/null -v ON_ERROR_STOP=1 {where}".replace("%", r"\%")  # which cron would cut
    names = ("name", "schedule", "command", "purpose")
    answer["jobs"] = [dict(zip(names, row, strict=True)) for row in jobs]
    if context.as_json:
        return
    if pg_cron:
        lines = ["-- in the database of pg_cron, as a member of learn_owner"] + [
            f"select cron.schedule_in_database('laurel {name} in {title}', '{when}', $job${command}$job$,"
            f" $db${database}$db$);  -- {purpose}"
            for name, when, command, purpose in jobs
        ]
    else:
        lines = ["# jobs of Laurel, by a member of learn_owner"] + [
            f'{when:<12} {call} -c "set role learn_owner" -c "{command}"  # {purpose}'
            for _, when, command, purpose in jobs
        ]
    say_script("\n".join(lines))


@options.command("rules", *options.TARGET)
@click.argument("action", type=click.Choice(["preview"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def rules(context: Context, action: str, file: Path) -> None:  # noqa: ARG001
    """Show who would gain or lose what by the rules, badges or levels that a file writes.

    Runs FILE in a transaction, gives badges that are new or changed to those who have met their criteria,
    compares, and rolls back: counts, and some names. What is earned stays earned when criteria change.
    Learners wait while it runs: on a large database take a copy.
    """
    from ..live.preview import preview

    answer = context.begin(is_told=True, changes=[])
    with context.connect() as connection:
        _require(connection, "learn.xp_rules", "update")
        changes = preview(connection, file)
    answer["changes"] = [change._asdict() for change in changes]
    if context.as_json:
        return
    rows = [
        (str(each.users), each.what, each.subject, f"{each.xp:+}" if each.xp else "", ", ".join(each.sample))
        for each in changes
    ]
    if rows:
        print_table(("learners", "what", "of", "XP", "such as"), rows, [""] * len(rows))
    else:
        say("nothing changes")
    say("rolled back: nothing was written", err=True)


def _require(connection: Connection, name: str, privilege: str = "select") -> None:
    row = connection.execute(_MAY, [privilege, name]).fetchone()
    if row is None:
        raise UsageProblem(f"the database has no {name}", hint="It is part of Laurel: `dbtool migrate`.")
    role, may = row
    if not may:
        hint = f"Connect as a member of learn_owner, or make it one: grant learn_owner to {role};"
        raise DbtoolError(f"this is for members of learn_owner, and {role} is none", hint=hint)


@options.command("simulate", *options.CONFIRM, *options.TARGET)
@options.number("--learners", "N", click.IntRange(1, 10_000_000), "How many sign up.", 1000)
@options.number("--days", "D", click.IntRange(1, 3650), "How many days of history.", 30)
@click.option("--system", metavar="S", help="The product; of the embedded server, its database.")
@options.number("--seed", "K", click.IntRange(0, 999_999_999), "Another number, other learners.", 1)
@options.number(
    "--rate",
    "R",
    click.FloatRange(0, 100_000, min_open=True),
    "How busy: things done in a session, on average (3). Live: calls a second, of all clients"
    " together (as many as they can).",
)
@click.option("--live", is_flag=True, help="Call the public functions, now, as learn_app.")
@options.number("--clients", "C", click.IntRange(1, 500), "Live: how many connections. Default: 4.")
@options.number("--seconds", "S", click.FloatRange(0, min_open=True), "Live: how long.", 60)
@options.number("--calls", "N", click.IntRange(1), "Live: stop after so many calls.")
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
    answer = context.begin(is_told=True, seed=seed, history=None, live=None)
    with context.connect(autocommit=True) as connection:
        _allow(context, connection, system, learners)
        if is_live:
            model.require_role(connection, live_clients.ROLE)
        there = model.learner_ids(connection, seed)
        if not (is_live and there):
            history = model.MadeUp(learners, days, seed, 3.0 if is_live or rate is None else rate)
            answer["history"] = made = _history(context, connection, history)
            per_second = round(made["facts"] / max(made["seconds"], 0.01))
            context.tell(
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
        context.target.url,
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
    if context.target.production_name or (
        not context.target.is_embedded and model.has_real_learners(connection)
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
