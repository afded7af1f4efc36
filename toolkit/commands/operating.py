"""Commands for who runs Laurel: what ails it, what has to be scheduled, what other rules would do."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from ..context import Context
from ..errors import CheckFailed, DbtoolError, UsageProblem
from ..options import json_option, pass_context, target_options
from ..output import print_table, say, say_script
from ..sql.execute import Connection

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


@click.command("doctor")
@click.option(
    "--quick", is_flag=True, help="Leave out the integrity of learners' data, which reads all of it."
)
@target_options
@json_option
@pass_context
def doctor(context: Context, quick: bool) -> None:
    """Say what ails a database of Laurel's, each with the statement that mends it.

    Integrity, roles, grants, jobs that do not run, indexes, triggers, bloat, sessions, sequences, settings:
    the rows of the view learn.health. Exit code 6 when there is an error or a warning. Writes nothing.
    """
    label = context.target().label
    context.answer = {"target": label, "findings": []}
    with context.reading() as connection:
        _require(connection, "learn.health")
        found = connection.execute(_HEALTH, [not quick]).fetchall()
    names = ("severity", "topic", "subject", "finding", "mend")
    context.answer["findings"] = [dict(zip(names, row, strict=True)) for row in found]
    for severity, topic, subject, finding, mend in () if context.as_json else found:
        say(f"{severity}: {topic}: {subject}: {finding}\n  mend: {mend}")
    bad = sum(row[0] != "note" for row in found)
    if bad:
        raise CheckFailed(f"{bad} thing{'s' * (bad > 1)} to mend on {label}")
    if not context.as_json:
        say(f"{label} is well", err=True)


@click.command("schedule")
@click.option("--pg-cron", is_flag=True, help="As SQL for the extension pg_cron.")
@target_options
@json_option
@pass_context
def schedule(context: Context, pg_cron: bool) -> None:
    """Print a crontab, or a script for pg_cron, with every job that the database wants.

    The jobs are the rows of the view learn.jobs. No password is printed: psql finds it in ~/.pgpass.
    """
    context.answer = {"target": context.target().label, "jobs": []}
    with context.reading() as connection:
        _require(connection, "learn.jobs")
        jobs = connection.execute(_JOBS).fetchall()
        at = connection.info
        database, title = at.dbname, at.dbname.replace("'", "''")
        where = shlex.join(["-h", at.host, "-p", str(at.port), "-U", at.user, "-d", database])
        call = f"psql -Xqo /dev/null -v ON_ERROR_STOP=1 {where}".replace("%", r"\%")  # which cron would cut
    names = ("name", "schedule", "command", "purpose")
    context.answer["jobs"] = [dict(zip(names, row, strict=True)) for row in jobs]
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


@click.command("rules")
@click.argument("action", type=click.Choice(["preview"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@target_options
@json_option
@pass_context
def rules(context: Context, action: str, file: Path) -> None:  # noqa: ARG001
    """Show who would gain or lose what by the rules, badges or levels that a file writes.

    Runs FILE in a transaction, gives badges that are new or changed to those who have met their criteria,
    compares, and rolls back: counts, and some names. What is earned stays earned when criteria change.
    Learners wait while it runs: on a large database take a copy.
    """
    from ..live.preview import preview

    context.announce()
    context.answer = {"target": context.target().label, "changes": []}
    with context.connect() as connection:
        _require(connection, "learn.xp_rules", "update")
        changes = preview(connection, file)
    context.answer["changes"] = [change._asdict() for change in changes]
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
