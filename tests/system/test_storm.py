"""A small storm: the whole of `make storm` in a minute."""

from __future__ import annotations

import pytest
from rich.console import Console

from devstack.paths import temporary_home
from devstack.stack import Stack
from devstack.storm import plan
from devstack.storm.plan import Fate, Kind
from devstack.storm.run import Sizes, Storm
from devstack.supervisor import Supervisor

SMALL = Sizes(orders=40, seed=7, over_s=30.0, limit_s=600.0)


@pytest.mark.timeout(900)
def test_whatever_breaks_nothing_is_lost_and_nothing_doubled() -> None:
    with temporary_home() as home, Supervisor(home) as supervisor:
        storm = Storm(Stack(home, supervisor), SMALL, Console(quiet=True))
        wrong = storm.play()
    assert {what: which for what, which in wrong.items() if which} == {}
    assert set(storm.broken) == set(Kind)
    assert {one.fate for one in storm.planned} == set(Fate)


def test_a_seed_gives_the_same_storm_again() -> None:
    assert plan.orders(3, 50, 60.0) == plan.orders(3, 50, 60.0)
    assert plan.weather(3, 60.0) == plan.weather(3, 60.0)
    assert plan.orders(4, 50, 60.0) != plan.orders(3, 50, 60.0)
    assert plan.weather(4, 60.0) != plan.weather(3, 60.0)
    assert {event.kind for event in plan.weather(4, 10.0)} == set(Kind)
