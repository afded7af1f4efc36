"""dbtool watch"""

from __future__ import annotations

import click

from toolkit.context import Context
from toolkit.options import pass_context, target_options, yes_option


@click.command("watch")
@yes_option
@target_options
@pass_context
def command(context: Context) -> None:
    """Replace functions, triggers and views in a development database as their files are saved.

    Brings the database to the sources first. Errors name file and line; the database stays as it was then.
    Nothing is recorded: `dbtool new` freezes what was tried. Ctrl-C ends it.
    """
    import time
    from functools import partial

    from toolkit import output
    from toolkit.authoring.watch import PAUSE, Watcher
    from toolkit.confirm import confirm
    from toolkit.errors import UsageProblem

    context.announce()
    if context.target().production_name:
        raise UsageProblem("a production database is no place to try things out")
    if not context.target().is_embedded:
        confirm(context, "Replace objects as files are saved", "nothing was done")
    watcher = Watcher(context.connect, context.project, output.say, partial(output.say, err=True))
    watcher.start()
    output.say(f"watching {context.project.root}", err=True)
    while True:
        time.sleep(PAUSE)
        watcher.look()
