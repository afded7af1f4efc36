"""dbtool completion"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from toolkit.options import project_option
from toolkit.output import say_script


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@project_option
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete dbtool's commands and options.

    \b
    bash: eval "$(dbtool completion bash)"                       in ~/.bashrc
    zsh:  eval "$(dbtool completion zsh)"                        in ~/.zshrc, after compinit
    fish: dbtool completion fish > ~/.config/fish/completions/dbtool.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    say_script(kind(ctx.find_root().command, {}, "dbtool", "_DBTOOL_COMPLETE").source())
