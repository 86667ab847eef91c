"""What a storm has cost, counted at the two remotes. All zeros is what is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg

from devstack.storm.plan import AMAZONS_GOODS, GOODS, IN_STOCK, Fate, Planned
from devstack.storm.refund_verdict import for_person, ways
from devstack.storm.town import SHIPPED_BY_US, Town, tracking
from pipeline.orders.machine import STEPS

ENDED = ("canceled", "closed")
_NOT_THROUGH = """
SELECT external_id FROM orders
WHERE status NOT IN ('done', 'cancelled')
   OR EXISTS (SELECT 1 FROM effects WHERE order_id = orders.id AND state <> 'done')
   OR (status = 'done' AND (
        SELECT count(DISTINCT step) FROM attempts
        WHERE order_id = orders.id AND outcome IN ('done', 'skipped')) <> %s)
"""
# The row of a step that refused at first and was made later ends as done; a write that was never
# made again, because its order was cancelled meanwhile, keeps saying so.
_CANCELLED_MEANWHILE = """
SELECT external_id FROM orders
WHERE status = 'cancelled' AND NOT EXISTS (
    SELECT 1 FROM effects WHERE order_id = orders.id AND state IN ('intended', 'unknown'))
"""


def counted(town: Town, planned: Sequence[Planned], database: str) -> dict[str, list[str]]:
    """The orders, by what is wrong with them; every kind of wrong has its place, empty or not."""
    shop: dict[str, list[dict[str, Any]]] = {}
    for order in town.controls.shop():
        shop.setdefault(str(order["ext_order_id"]), []).append(order)
    amazon = town.controls.amazon()
    wrong: dict[str, list[str]] = {
        "lost": [],
        "doubled": [],
        "invoices not one": [],
        "totals that differ": [],
        "not as it should end": [],
        "tracking not at Amazon": [],
        "told twice": [],
    }
    for plan in planned:
        orders = shop.pop(plan.number, [])
        if len(orders) > 1:
            wrong["doubled"].append(plan.number)
        elif not orders and plan.fate is not Fate.CANCELLED:
            wrong["lost"].append(plan.number)
        for order in orders[:1]:
            _order(plan, order, wrong)
        if plan.fate in SHIPPED_BY_US:
            numbers = [
                package["trackingNumber"] for package in amazon[plan.number].get("packages", [])
            ]
            if tracking(plan.number) not in numbers:
                wrong["tracking not at Amazon"].append(plan.number)
            elif len(numbers) > 1:
                wrong["told twice"].append(plan.number)
    wrong["nobody's orders"] = list(shop)
    wrong["customers not one per address"] = _customers(town, planned)
    wrong["stock that is wrong"] = [
        f"{sku}: {counted} instead of {expected}"
        for sku, expected, counted in _stock(town, planned)
        if expected != counted
    ]
    with psycopg.connect(database) as connection:
        # One that was cancelled before it was first seen is none of ours, and not kept.
        missing = {plan.number for plan in planned if plan.fate is not Fate.CANCELLED} - {
            row[0] for row in connection.execute("SELECT external_id FROM orders")
        }
        unfinished = {row[0] for row in connection.execute(_NOT_THROUGH, (len(STEPS),))}
        unfinished -= {row[0] for row in connection.execute(_CANCELLED_MEANWHILE)}
    wrong["timelines not complete"] = sorted(missing | unfinished)
    for way in ways(town):
        wrong |= way.wrong()
    wrong["refunds left to a person"] = for_person(database)
    return wrong


def _order(plan: Planned, order: dict[str, Any], wrong: dict[str, list[str]]) -> None:
    total = Decimal(str(order["grand_total"]))
    if plan.fate is Fate.CANCELLED:
        if order["state"] not in ENDED or order["shipments"]:
            wrong["not as it should end"].append(plan.number)
        return
    if order["invoices"] != 1:
        wrong["invoices not one"].append(plan.number)
    if total != plan.total or Decimal(str(order["invoice_total"])) != total:
        wrong["totals that differ"].append(plan.number)
    shipments = 1 if plan.fate in SHIPPED_BY_US else 0
    # A credit memo over all of an order closes it.
    if order["state"] not in ("complete", "closed") or len(order["shipments"]) != shipments:
        wrong["not as it should end"].append(plan.number)


def _customers(town: Town, planned: Sequence[Planned]) -> list[str]:
    """A new account is a welcome mail: as many of them as there are addresses, each to another."""
    addresses = {plan.email for plan in planned if plan.fate is Fate.ACCOUNT}
    accounts = Counter(mail["to_customer_id"] for mail in town.mails())
    if len(accounts) == len(addresses) and set(accounts.values()) <= {1}:
        return []
    return [f"{len(addresses)} addresses, {sum(accounts.values())} welcome mails"]


def _stock(
    town: Town, planned: Sequence[Planned]
) -> list[tuple[str, dict[str, float], dict[str, float]]]:
    sold: Counter[str] = Counter()
    for plan in planned:
        if plan.fate in SHIPPED_BY_US:
            sold += plan.units
    levels = []
    for sku in (*GOODS, AMAZONS_GOODS):
        left = float(IN_STOCK - sold[sku])
        expected = {"source": left, "reservations_sum": 0.0, "salable": left}
        levels.append((sku, expected, town.stock(sku)))
    return levels


_GONE_ON = """
SELECT coalesce(next.first_at, next.started_at)
FROM attempts AS dead
JOIN LATERAL (
    SELECT first_at, started_at FROM attempts WHERE order_id = dead.order_id AND id > dead.id
    ORDER BY id LIMIT 1
) AS next ON true
WHERE dead.ended_at IS NULL AND dead.worker LIKE %s AND dead.started_at <= %s
"""


def gone_on_after_s(database: str, kills: Sequence[tuple[int, Any]]) -> list[float]:
    """How long each order that a killed worker had in hand waited for another run.

    `kills` are process ids, each with the time it was killed.
    """
    waits: list[float] = []
    with psycopg.connect(database) as connection:
        for pid, at in kills:
            for (started_at,) in connection.execute(_GONE_ON, (f"%:{pid}", at)):
                waits.append(max(0.0, (started_at - at).total_seconds()))
    return sorted(waits)
