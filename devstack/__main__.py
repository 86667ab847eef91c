"""`python -m devstack demo|up|storm`: the demo, the stack it leaves to look at, and the storm.

`demo --kill` kills every process of the stack once with -9 while the day is played.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from devstack import demo
from devstack.paths import home, make_folder
from devstack.stack import Stack
from devstack.storm import run as storm
from devstack.storm.run import Sizes
from devstack.supervisor import AlreadyRunningError, Supervisor


def folder_of(name: str) -> Path:
    """Where a stack of this name keeps its data."""
    return make_folder(make_folder(home(), 0o711) / name, 0o711)


def up(console: Console) -> int:
    """Keep the demo's stack running until Ctrl-C, with the orders of the last demo in it."""
    folder = folder_of("demo")
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


def asked_for(arguments: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m devstack")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo").add_argument("--kill", action="store_true")
    commands.add_parser("up")
    sizes = commands.add_parser("storm")
    usual = Sizes()
    sizes.add_argument("--orders", type=int, default=usual.orders)
    sizes.add_argument("--seed", type=int, default=usual.seed)
    sizes.add_argument("--over-s", type=float, default=usual.over_s)
    sizes.add_argument("--limit-s", type=float, default=usual.limit_s)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run one of the three."""
    asked = asked_for(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)  # a log file has no width to fit into
    try:
        match asked.command:
            case "demo":
                return demo.run(console, kill=asked.kill)
            case "up":
                return up(console)
            case _:
                sizes = Sizes(asked.orders, asked.seed, asked.over_s, asked.limit_s)
                return storm.run(console, sizes, folder_of("storm"))
    except (AlreadyRunningError, RuntimeError, TimeoutError) as error:
        console.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
