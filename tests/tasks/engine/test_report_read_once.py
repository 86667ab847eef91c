"""How often each step opens and reads what Amazon reported, against both stand-ins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipeline.amazon.client import Amazon
from pipeline.base.vault import SealedColumn, Vault
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel import Raw
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.machine import STEPS, Orders
from pipeline.orders.tables import Status
from tasks.engine.runner import Runner
from tasks.workflow import WORKFLOW
from tests.builders import ACCOUNT, MASTER_KEY, SHOP
from tests.tasks.jobs.test_reconcile import TRACK, World
from tests.tasks.jobs.test_reconcile import world as world

NAME = "fine"


class CountingVault(Vault):
    """A vault that counts what it opens."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__(MASTER_KEY)
        self._counts = counts

    def open(
        self, wrapped_key: bytes, owner: str, column: SealedColumn, sealed: bytes
    ) -> dict[str, Any]:
        self._counts["opened"] += 1
        return super().open(wrapped_key, owner, column, sealed)


class CountingAmazon(Amazon):
    """An account's client that counts what it reads out of replies."""

    counts: Counter[str]

    def parse(self, raw: Raw) -> ChannelOrder:
        self.counts["parsed"] += 1
        return super().parse(raw)

    def amounts(self, raw: Raw, *, trust_total: bool = False) -> Amounts:
        self.counts["amounts"] += 1
        return super().amounts(raw, trust_total=trust_total)


@pytest.fixture
def counts() -> Counter[str]:
    return Counter()


@pytest.fixture
def counting(world: World, counts: Counter[str]) -> Runner:
    """The world's runner with a vault and an account that count."""
    parts, timing = world.parts, world.parts.settings.timing
    channel = CountingAmazon(ACCOUNT, parts.settings.accounts[ACCOUNT], now=world.clock)
    channel.counts = counts
    return replace(
        parts.runner,
        orders=Orders(parts.sessions, CountingVault(counts), timing, {ACCOUNT: SHOP}),
        clients=replace(parts.clients, channels={ACCOUNT: channel}),
    )


# How many replies each step opens, and of how many it reads the facts and the amounts. The last one
# reads the order again at Amazon, so that it has two replies in its hands.
ONCE = {
    "import_order": (1, 1, 0),
    "verify_order": (1, 1, 0),
    "enrich_order": (1, 1, 1),
    "create_customer": (0, 0, 0),
    "create_order": (1, 1, 1),
    "ship_order": (1, 1, 0),
    "sync_tracking": (1, 2, 0),
}


def test_each_step_opens_and_reads_the_report_once_at_most(
    world: World, counting: Runner, counts: Counter[str], figure: Callable[[str], None]
) -> None:
    world.tell("magento", "products", sku="MUG-BLUE", qty=100)
    world.place(NAME)
    world.clock.on(timedelta(minutes=3))
    world.poll()
    found: dict[str, tuple[int, int, int]] = {}
    for step in STEPS:
        order = world.order(NAME)
        if step == "ship_order":
            world.tell("magento", "ship", entity_id=world.entity(NAME), tracks=[TRACK])
            world.watch()
        counts.clear()
        assert counting.run(step, WORKFLOW[step][0], order.id, "a-task")
        found[step] = (counts["opened"], counts["parsed"], counts["amounts"])
    assert world.order(NAME).status == Status.DONE
    total = [sum(column) for column in zip(*found.values(), strict=True)]
    figure(f"an FBM order: replies opened {total[0]}, parsed {total[1]}, amounts read {total[2]}")
    assert found == ONCE
