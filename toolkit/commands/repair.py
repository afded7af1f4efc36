"""dbtool repair"""

from __future__ import annotations

from functools import partial

import click

from toolkit.context import Context
from toolkit.options import (
    json_option,
    limit_options,
    pass_context,
    target_options,
    yes_option,
    yes_production_option,
)
from toolkit.output import say
from toolkit.sql.limits import Limits


@click.command("repair")
@click.option("--undo", is_flag=True, help="Undo unfinished scripts by their rollback files.")
@click.option("--skip", is_flag=True, help="Take the statement that an unfinished script reached for done.")
@click.option("--forget", metavar="NAME", multiple=True, help="Take a script whose file is gone out.")
@click.option("--restore", metavar="NAME", multiple=True, help="Write a file from the text that was applied.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; write nothing.")
@limit_options
@yes_option
@yes_production_option
@target_options
@json_option
@pass_context
def command(
    context: Context,
    undo: bool,
    skip: bool,
    forget: tuple[str, ...],
    restore: tuple[str, ...],
    dry_run: bool,
    limits: Limits,
) -> None:
    """Finish or undo what stopped, accept edits of comments, forget or restore missing files.

    Shows what it would do, and asks. Without options: finishes every unfinished script from the statement
    that it reached, dropping the invalid index that this one left, and accepts edits of comments alone.
    """
    from toolkit import output
    from toolkit.confirm import confirm
    from toolkit.errors import DbtoolError
    from toolkit.history import repair
    from toolkit.history.run import exclusive_run, session
    from toolkit.history.status import refuse_problems, status

    project = context.project
    context.announce()
    report = output.reporter(as_json=context.as_json)
    plan = partial(repair.plan, project=project, undo=undo, skip=skip, forget=forget, restore=restore)
    with session(context.connect, report) as connection:
        steps = plan(connection)
        shown = ["\n".join(filter(None, step.lines())) for step in steps]
        for line in "\n".join(shown).splitlines():
            say(line, err=context.as_json)
        if steps and not dry_run:
            confirm(context, "Do this", "nothing was done")
            with exclusive_run(context.connect, connection, limits, report) as run:
                if plan(connection) != steps:
                    raise DbtoolError("the history changed in the meantime; nothing was done")
                for step in steps:
                    step.carry_out(run)
        left = status(connection, project)
    if context.as_json:
        key = "would_do" if dry_run else "done"
        output.print_json({"target": context.target().label, key: shown})
    elif not steps:
        say("nothing that can be repaired")
    elif not dry_run:
        say("repaired")
    if not dry_run:
        refuse_problems(left, project)
