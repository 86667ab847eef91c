"""`orderbridge completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pipeline.cli.common import EXIT_STATUS


@click.command(epilog=EXIT_STATUS)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets SHELL complete commands and options; SHELL reads it at its start.

    bash: eval "$(orderbridge completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc; fish:
    orderbridge completion fish > ~/.config/fish/completions/orderbridge.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows these three shells
    root = context.find_root()
    click.echo(made(root.command, {}, "orderbridge", "_ORDERBRIDGE_COMPLETE").source())
