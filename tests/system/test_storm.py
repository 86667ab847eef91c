"""A small storm: the whole of `make storm`, refunds and nights included, in two minutes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rich.console import Console

from devstack.paths import temporary_home
from devstack.stack import Stack
from devstack.storm import plan
from devstack.storm.plan import Fate, Kind, Money
from devstack.storm.refund_verdict import Way, ways
from devstack.storm.run import Sizes, Storm
from devstack.supervisor import Supervisor

SMALL = Sizes(orders=40, seed=7, over_s=30.0, limit_s=600.0)


@pytest.mark.timeout(900)
def test_whatever_breaks_nothing_is_lost_and_nothing_doubled() -> None:
    with temporary_home() as home, Supervisor(home) as supervisor:
        storm = Storm(Stack(home, supervisor), SMALL, Console(quiet=True))
        wrong = storm.play()
        to_amazon, from_amazon = ways(storm.town)
    assert {what: which for what, which in wrong.items() if which} == {}
    assert set(storm.broken) == set(Kind)
    assert {one.fate for one in storm.planned} == set(Fate)
    for way in (to_amazon, from_amazon):
        assert way.made
        assert (way.came, way.sum_came) == (way.made, way.sum_made)


def test_a_refund_that_is_lost_doubled_or_of_another_sum_is_told_by_its_order() -> None:
    made = {"lost": 1, "doubled": 1, "another": 1, "well": 2}
    sums = {number: Decimal("9.99") for number in made}
    came = {"doubled": 2, "another": 1, "well": 2}
    way = Way("way", made, came, sums, {**sums, "lost": Decimal(0), "another": Decimal("9.98")})
    assert way.wrong() == {
        "way: lost": ["lost"],
        "way: doubled": ["doubled"],
        "way: sums that differ": [
            "another: 9.98 instead of 9.99",
            "lost: 0 instead of 9.99",
        ],
    }


def test_a_seed_gives_the_same_storm_again() -> None:
    assert plan.orders(3, 50, 60.0) == plan.orders(3, 50, 60.0)
    assert plan.weather(3, 60.0) == plan.weather(3, 60.0)
    assert plan.orders(4, 50, 60.0) != plan.orders(3, 50, 60.0)
    assert plan.weather(4, 60.0) != plan.weather(3, 60.0)
    assert {event.kind for event in plan.weather(4, 10.0)} == set(Kind)
    assert plan.of_day(3, 1, 5.0) == plan.of_day(3, 1, 5.0) != plan.of_day(3, 2, 5.0)
    assert {order.money for order in plan.orders(1, 1000, 120.0)} == set(Money)
