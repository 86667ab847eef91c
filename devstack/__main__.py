"""`python -m devstack demo|up`: the demo, and the stack it leaves to look at.

`demo --kill` kills every process of the stack once with -9 while the day is played.
"""

from __future__ import annotations

import sys
import time

from rich.console import Console

from devstack import demo
from devstack.paths import home, make_folder
from devstack.stack import Stack
from devstack.supervisor import AlreadyRunningError, Supervisor

USAGE = "usage: python -m devstack demo [--kill] | up"


def up(console: Console) -> int:
    """Keep the demo's stack running until Ctrl-C, with the orders of the last demo in it."""
    folder = make_folder(make_folder(home(), 0o711) / "demo", 0o711)
    with Supervisor(folder) as supervisor:
        stack = Stack(folder, supervisor)
        console.print("Starting the stack …")
        stack.start()
        for name, url in stack.urls.items():
            console.print(f"  {name:8} {url}", highlight=False)
        console.print(f"  login    {stack.login}", highlight=False)
        console.print("No orders yet? `make demo` plays a day of them. Ctrl-C ends the stack.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print("Ending …")
    return 0


def main(arguments: list[str]) -> int:
    """Run one of the two."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)  # a log file has no width to fit into
    if arguments not in (["demo"], ["demo", "--kill"], ["up"]):
        console.print(USAGE)
        return 2
    try:
        return up(console) if arguments == ["up"] else demo.run(console, kill="--kill" in arguments)
    except (AlreadyRunningError, RuntimeError, TimeoutError) as error:
        console.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
