"""How soon news are brought by an idle system with its default settings.

Buyers order and the warehouse ships at times spread over the jobs' periods. The stand-in keeps a
changed order out of searches for two minutes, as Amazon does, and notifies at once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from bench.live import ACCOUNTS, NOTIFIED, SEARCHED, LiveStack
from bench.report import Cell, Goal, Result, Table
from bench.rig import Rig
from pipeline.orders.states import EffectKind

ORDERS = 30
APART_S = 6.1
"""Between two orders of an account: all of them are spread over a search's period."""
SHIPPED_AFTER_S = 1.7
"""The least time between two shipments."""
PATIENCE_S = 600.0
MOST_S = 30.0
_NAMES = {SEARCHED: "by search alone", NOTIFIED: "with notifications"}
_EFFECT = """
SELECT o.external_id, o.magento_order_id, e.ended_at FROM effects e
  JOIN orders o ON o.id = e.order_id WHERE e.kind = %s AND e.state = 'done'
"""

Times = dict[str, datetime]


def run(rig: Rig, runs: int) -> Result:
    """Once, however many runs are asked for: the orders are the repetition."""
    with ExitStack() as stack:
        live = LiveStack(rig)
        stack.callback(live.stop)
        live.start()
        return _result(_played(live))


def _played(live: LiveStack) -> Mapping[str, Mapping[str, Sequence[float]]]:
    """Seconds from order to Magento order, and from shipment to confirmation, by account."""
    placed: Times = {}
    in_shop: Times = {}
    shipped: Times = {}
    confirmed: Times = {}
    account_of: dict[str, str] = {}
    begun, next_ship = time.monotonic(), 0.0
    with live.database() as database:
        while len(confirmed) < ORDERS * len(ACCOUNTS):
            elapsed = time.monotonic() - begun
            if elapsed > PATIENCE_S:
                raise RuntimeError(f"{len(in_shop)} orders placed, {len(confirmed)} confirmed")
            if len(placed) < ORDERS * len(ACCOUNTS) and elapsed >= APART_S * (
                len(placed) // len(ACCOUNTS)
            ):
                for place, account in enumerate(ACCOUNTS):
                    number = f"30{place}-0000001-{len(placed):07}"
                    placed[number], account_of[number] = datetime.now(UTC), account
                    live.place(account, number)
            entity_ids = {}
            for number, entity_id, at in database.execute(_EFFECT, [EffectKind.ORDER]):
                in_shop[number], entity_ids[number] = at, entity_id
            waiting = [number for number in in_shop if number not in shipped]
            if waiting and elapsed >= next_ship:
                next_ship = elapsed + SHIPPED_AFTER_S
                if (entity_id := entity_ids[waiting[0]]) is not None:
                    shipped[waiting[0]] = datetime.now(UTC)
                    live.ship(entity_id)
            confirmed |= {
                row[0]: row[2] for row in database.execute(_EFFECT, [EffectKind.CONFIRMATION])
            }
            time.sleep(0.2)
    return {
        account: {
            "order": _between(placed, in_shop, account_of, account),
            "confirmation": _between(shipped, confirmed, account_of, account),
        }
        for account in ACCOUNTS
    }


def _between(
    begin: Times, end: Times, account_of: Mapping[str, str], account: str
) -> Sequence[float]:
    return [
        (end[number] - begin[number]).total_seconds()
        for number in begin
        if account_of[number] == account
    ]


def _result(played: Mapping[str, Mapping[str, Sequence[float]]]) -> Result:
    figures: dict[str, Any] = {}
    rows: list[list[Cell]] = []
    goals = []
    for account, took in played.items():
        for what, seconds in took.items():
            name = f"{what}, {_NAMES[account]}"
            half, most = median(seconds), quantiles(seconds, n=20)[-1]
            figures[name] = {"median_s": half, "p95_s": most, "worst_s": max(seconds)}
            rows.append([name, half, most, max(seconds)])
            if what == "confirmation":
                goals.append(Goal(f"p95 of {name}, s", most, MOST_S, is_least=False))
    title = (
        f"Freshness: {ORDERS} orders each, seconds until the Magento order, and from shipment on"
    )
    return Result([Table(title, ["", "median", "p95", "worst"], rows)], figures, goals)
