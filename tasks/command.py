"""The installed `orderbridge` command: the core's command, with the steps for its previews.

The core does not import the tasks, so they are handed to it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.cli import main as command

if TYPE_CHECKING:
    from tasks.engine.runner import Step


def steps() -> Mapping[str, Step]:
    """The seven steps by name; only a command that runs steps imports them."""
    from tasks.workflow import WORKFLOW

    return {name: step for name, (step, _) in WORKFLOW.items()}


def main() -> None:
    """Run the command."""
    command(obj=steps)
