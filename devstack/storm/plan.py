"""What is to happen in a storm, drawn from its seed: which orders come, and what breaks when."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sandbox.amazon.builders import a_line, an_order

FRANCE = "A13V1IB3VIYZZH"
GOODS = [f"STORM-{number}" for number in range(1, 13)]
AMAZONS_GOODS = "STORM-FBA"
IN_STOCK = 100_000


class Fate(StrEnum):
    """What the people around an order do with it."""

    SHIPPED = "shipped by the merchant"
    ACCOUNT = "shipped, with a customer account"
    CANCELLED = "cancelled at Amazon"
    BY_AMAZON = "fulfilled by Amazon"


class Money(StrEnum):
    """Who gives a buyer money back, once an order is shipped."""

    KEPT = "nobody"
    ALL = "credit memo over all of it"
    UNIT = "credit memo over a unit"
    SHIPPING = "credit memo over the shipping"
    TWICE = "credit memo over a unit, and another over the rest"
    AT_AMAZON = "all of it at Amazon"
    PART_AT_AMAZON = "a part at Amazon"
    BOTH = "credit memo over a unit, and the rest at Amazon"


@dataclass(frozen=True)
class Planned:
    """An order, when it is placed, and when it is cancelled if that is its fate."""

    fate: Fate
    money: Money
    order: dict[str, Any]
    at_s: float
    cancelled_at_s: float

    @property
    def number(self) -> str:
        return str(self.order["orderId"])

    @property
    def total(self) -> Decimal:
        return Decimal(self.order["proceeds"]["grandTotal"]["amount"])

    @property
    def email(self) -> str:
        return str(self.order["buyer"].get("buyerEmail", ""))

    @property
    def units(self) -> Counter[str]:
        """How many of each SKU were ordered."""
        counted: Counter[str] = Counter()
        for item in self.order["orderItems"]:
            counted[item["product"]["sellerSku"]] += item["quantityOrdered"]
        return counted


def orders(seed: int, count: int, over_s: float) -> list[Planned]:
    """Orders of every kind, spread over the time."""
    lots = random.Random(seed)  # noqa: S311 - a seed is to give the same storm again
    of_money = random.Random(seed + 2)  # noqa: S311
    return [
        _order(lots, of_money, number, over_s * number / count) for number in range(1, count + 1)
    ]


def _order(lots: random.Random, of_money: random.Random, number: int, at_s: float) -> Planned:
    fate = lots.choices(list(Fate), weights=(76, 6, 8, 10))[0]
    skus = [AMAZONS_GOODS] if fate is Fate.BY_AMAZON else lots.sample(GOODS, lots.choice((1, 1, 2)))
    lines = [
        a_line(
            sku,
            lots.randint(1, 3),
            unit=f"{lots.randint(199, 9999) / 100:.2f}",
            tax=f"{lots.randint(0, 999) / 100:.2f}",
            shipping=lots.choice(("0", "4.99")),
            discount=lots.choice(("0", "0", "1.00")),
        )
        for sku in skus
    ]
    facts: dict[str, Any] = {"lines": lines}
    if fate is Fate.BY_AMAZON:
        facts |= {"fulfilled_by": "AMAZON", "status": "SHIPPED"}
    if fate is Fate.ACCOUNT:
        # Few addresses for many orders: several come at once for an account that is not there yet.
        email = f"buyer{lots.randint(1, 8)}@marketplace.amazon.fr"
        facts |= {"marketplace": FRANCE, "email": email}
    placed = an_order(f"{number % 900 + 100}-{number:07}-{lots.randint(0, 9_999_999):07}", **facts)
    money = of_money.choice(_money(fate, placed))
    return Planned(fate, money, placed, at_s, at_s + lots.uniform(0.0, 30.0))


def _money(fate: Fate, order: dict[str, Any]) -> list[Money]:
    """What may become of the order's money; half of the orders keep it."""
    if fate is Fate.CANCELLED:
        return [Money.KEPT]
    at_amazon = [Money.AT_AMAZON, Money.PART_AT_AMAZON]
    if fate is Fate.BY_AMAZON:
        return [Money.KEPT, Money.KEPT, *at_amazon]
    memos = [Money.ALL, Money.UNIT]
    if sum(item["quantityOrdered"] for item in order["orderItems"]) > 1:
        memos += [Money.TWICE, Money.BOTH]
    if any(part["type"] == "SHIPPING" for part in order["proceeds"]["breakdowns"]):
        memos.append(Money.SHIPPING)
    return [*[Money.KEPT] * (len(memos) + 2), *memos, *at_amazon]


class Kind(StrEnum):
    """What can break."""

    WORKER = "worker killed"
    WORKERS = "all workers killed"
    BROKER = "broker killed"
    EMPTIED = "broker emptied"
    DISK = "broker's disk lost"
    POSTGRES = "PostgreSQL killed"
    BEAT = "beat killed"
    REPEATED = "every message delivered again"
    MAGENTO = "Magento in trouble"
    AMAZON = "Amazon in trouble"


@dataclass(frozen=True)
class Event:
    """Something that breaks. `faults` are what a remote does to its next calls."""

    at_s: float
    kind: Kind
    faults: tuple[dict[str, Any], ...] = ()


_OFTEN = {
    Kind.WORKER: 12,
    Kind.WORKERS: 2,
    Kind.BROKER: 3,
    Kind.EMPTIED: 2,
    Kind.DISK: 1,
    Kind.POSTGRES: 2,
    Kind.BEAT: 2,
    Kind.REPEATED: 3,
    Kind.MAGENTO: 12,
    Kind.AMAZON: 8,
}
# Shorter than the shop's request limit in the stack's settings: what hangs longer breaks a promise
# that Magento's own server keeps.
HANGS_S = 2.0


def weather(seed: int, over_s: float) -> list[Event]:
    """Everything that breaks, in its order. Each kind comes, however short the storm."""
    lots = random.Random(seed + 1)  # noqa: S311
    share = over_s / 150
    times = {kind: max(1, round(often * share)) for kind, often in _OFTEN.items()}
    events = [
        Event(lots.uniform(3.0, over_s), kind, tuple(_faults(kind, lots)))
        for kind, count in times.items()
        for _ in range(count)
    ]
    return sorted(events, key=lambda event: event.at_s)


_WRITES_OF_FEEDS = ("create_feed", "put_feed_document", "create_feed_document")
_READS_OF_MONEY = ("get_feed", "list_transactions")
_BY_DAY = (Kind.WORKER, Kind.BROKER, Kind.POSTGRES, Kind.EMPTIED)


def of_day(seed: int, day: int, over_s: float) -> list[Event]:
    """What breaks on a day of refunds: a process, and calls by which money goes back."""
    lots = random.Random(seed * 100 + day)  # noqa: S311
    # After each of its troubles a feed waits, so that a day has time for one.
    write = _WRITES_OF_FEEDS[(seed + day) % len(_WRITES_OF_FEEDS)]
    amazon = [_fault(route, lots) for route in (write, *_READS_OF_MONEY)]
    magento = [_fault(route, lots) for route in ("refund", "creditmemos")]
    return [
        Event(0.0, Kind.AMAZON, tuple(amazon)),
        Event(0.0, Kind.MAGENTO, tuple(magento)),
        Event(lots.uniform(0.0, over_s), lots.choice(_BY_DAY)),
    ]


def _fault(route: str, lots: random.Random) -> dict[str, Any]:
    fault = lots.choice(list(_faults(Kind.AMAZON, lots)))
    return {**fault, "route": route, "times": 1}


def _faults(kind: Kind, lots: random.Random) -> Iterator[dict[str, Any]]:
    if kind not in (Kind.MAGENTO, Kind.AMAZON):
        return
    for fault in (
        {"kind": "status", "status": 429, "body": {"message": "Too Many Requests"}},
        {"kind": "status", "status": 500, "body": {"message": "Internal Error"}},
        {"kind": "html", "status": 503},
        {"kind": "cut_before"},
        {"kind": "cut_after"},
        {"kind": "delay", "seconds": HANGS_S},
    ):
        yield {**fault, "times": lots.randint(1, 6)}
