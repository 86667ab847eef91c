"""The `orderbridge` command as it is installed: the core's, and the steps for what previews them.

The core knows nothing of the tasks, so they are handed to it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.cli import main as command

if TYPE_CHECKING:
    from tasks.engine.runner import Step


def steps() -> Mapping[str, Step]:
    """The seven steps by name; imported only by a command that runs them."""
    from tasks.workflow import WORKFLOW

    return {name: step for name, (step, _) in WORKFLOW.items()}


def main() -> None:
    """Run the command."""
    command(obj=steps)
