"""Who the accounts are, how many orders they have, and when buyers place them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FLOOD_AT, FLOOD = timedelta(minutes=20), 3_000
"""An account that changes this many orders at once."""
BUSY_PLAYED, QUIET_PLAYED = 9, 45
"""Of the accounts with fewer orders one in so many is played; the others cost the mean of all."""


def names(accounts: int) -> list[str]:
    """The accounts' names."""
    return [f"a{number:04}" for number in range(accounts)]


def rates(accounts: int) -> dict[str, float]:
    """Orders an hour by account, very unevenly; their mean is 10,000 orders a month."""
    most, more = accounts // 100, accounts // 10
    return {
        name: 300.0 if place < most else 40.0 if place < more else 8.0
        for place, name in enumerate(names(accounts))
    }


def played(accounts: int) -> set[str]:
    """The accounts that are played: the busiest, some of the others, and the one with the flood."""
    busiest, busy, quiet = (
        [name for name, per_h in rates(accounts).items() if per_h == wanted]
        for wanted in (300.0, 40.0, 8.0)
    )
    return {*busiest, *busy[::BUSY_PLAYED], *quiet[::-QUIET_PLAYED]}


def placements(
    accounts: int, seed: int, length: timedelta
) -> dict[str, list[tuple[datetime, str]]]:
    """When buyers place each account's orders; the last account gets the flood."""
    random, numbers = Random(seed), count()  # noqa: S311 - no secret
    placed: dict[str, list[tuple[datetime, str]]] = {}
    for name, per_h in rates(accounts).items():
        at, orders = START - timedelta(minutes=5), []
        while (at := at + timedelta(hours=random.expovariate(per_h))) < START + length:
            orders.append((at, _number(next(numbers))))
        placed[name] = orders
    flood = [(START + FLOOD_AT, _number(next(numbers))) for _ in range(FLOOD)]
    placed[names(accounts)[-1]] = sorted([*placed[names(accounts)[-1]], *flood])
    return placed


def _number(number: int) -> str:
    return f"302-{number:07}-{number:07}"
