"""`python -m bench [SCENARIO …] [--runs 3] [--json FILE]`: all scenarios unless some are named,
but for those that run by name only."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import sys
from pathlib import Path
from time import perf_counter

import structlog

from bench.report import Result
from bench.rig import Rig
from devstack.paths import temporary_home
from devstack.supervisor import Supervisor

SCENARIOS = {
    "engine": "bench.scenarios.engine:run",
    "counts": "bench.scenarios.counts:run",
    "peers": "bench.scenarios.peers:run",
    "wide": "bench.scenarios.wide:run",
    "growth": "bench.scenarios.growth:run",
    "due_at_once": "bench.scenarios.due_at_once:run",
    "freshness": "bench.scenarios.freshness:run",
    "orders_tab": "bench.orders_tab:run",
    "amazon_day": "bench.amazon_day:run",
    "backfill": "bench.backfill:run",
}

BY_NAME_ONLY = {
    "growth_million": "bench.scenarios.growth:run_million",
    "accounts_hour": "bench.scenarios.accounts_hour:run",
}
KNOWN = {**SCENARIOS, **BY_NAME_ONLY}


def asked_for() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(KNOWN))
    parser.add_argument("--runs", type=int, default=3, help="each figure is their median")
    parser.add_argument("--json", type=Path, help="the file to write all figures to")
    asked = parser.parse_args()
    if unknown := set(asked.scenarios) - KNOWN.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(KNOWN)}")
    return asked


def main() -> None:
    """Run the scenarios, print what they found and write it; status 1 when a goal is missed."""
    asked = asked_for()
    figures, is_met = {}, True
    # The product's own lines would stand between the tables; the processes' logs have them all.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with temporary_home() as home, Supervisor(home) as supervisor:
        rig = Rig(home, supervisor)
        rig.start()
        for name in asked.scenarios or SCENARIOS:
            begun = perf_counter()
            module, _, function = KNOWN[name].partition(":")
            result: Result = getattr(importlib.import_module(module), function)(rig, asked.runs)
            figures[name] = result.figures
            is_met = is_met and all(goal.is_met for goal in result.goals)
            for shown in (*result.tables, *result.goals):
                print(shown, flush=True)
            took, load = perf_counter() - begun, os.getloadavg()[1]
            print(f"  {name}: {took:.0f} s, load of the machine {load:.1f}\n", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(not is_met)


if __name__ == "__main__":
    main()
