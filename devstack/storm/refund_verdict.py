"""What a storm has done to refunds, counted at both remotes: lost, doubled, or another sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from devstack.storm.refunds import total
from devstack.storm.town import Town

_BY_FEED = "SELLER_FEED"
_FOR_PERSON = """
SELECT external_id, amazon_refunds.state || coalesce(': ' || amazon_refunds.hold_code, '')
FROM amazon_refunds JOIN orders ON orders.id = order_id
WHERE amazon_refunds.needs_person OR (amazon_refunds.state NOT IN ('accepted', 'seen', 'never'))
UNION ALL
SELECT external_id, coalesce(made_at_amazon.code, '')
FROM made_at_amazon JOIN orders ON orders.id = order_id WHERE made_at_amazon.needs_person
"""


@dataclass(frozen=True)
class Way:
    """One way of refunds: by order, how many were made and came through, and their sums."""

    words: str
    made: Mapping[str, int]
    came: Mapping[str, int]
    sum_made: Mapping[str, Decimal]
    sum_came: Mapping[str, Decimal]

    @property
    def line(self) -> str:
        """Both sides of the way, in a line."""
        return (
            f"{self.words}: {sum(self.made.values())} of {sum(self.sum_made.values())} EUR made, "
            f"{sum(self.came.values())} of {sum(self.sum_came.values())} EUR came through"
        )

    def wrong(self) -> dict[str, list[str]]:
        """The orders by what is wrong with their refunds."""
        made, came = self.made, self.came
        numbers = sorted(made.keys() | came.keys())
        lost = [one for one in numbers if came.get(one, 0) < made.get(one, 0)]
        doubled = [one for one in numbers if came.get(one, 0) > made.get(one, 0)]
        differing = [
            f"{one}: {self.sum_came.get(one, 0)} instead of {self.sum_made.get(one, 0)}"
            for one in numbers
            if self.sum_came.get(one, 0) != self.sum_made.get(one, 0)
        ]
        return {
            f"{self.words}: lost": lost,
            f"{self.words}: doubled": doubled,
            f"{self.words}: sums that differ": differing,
        }


def ways(town: Town) -> list[Way]:
    """Both ways of refunds, as the remotes hold them now.

    The credit memo of an order that Amazon cancelled after its invoice is on neither.
    """
    controls, refunders = town.controls, town.refunders
    clerks = {one for ids in refunders.memos.values() for one in ids}
    memos = [one for one in controls.memos() if one["ext_order_id"] not in refunders.cancelled]
    refunds = controls.refunds()["refunds"]
    by_feed = [one for one in refunds if one["by"] == _BY_FEED]
    others = [one for one in refunds if one["by"] != _BY_FEED]
    in_shop = ("ext_order_id", "grand_total")
    at_amazon = ("orderId", "total")
    made = [one for one in memos if one["entity_id"] in clerks]
    ours = [one for one in memos if one["entity_id"] not in clerks]
    return [
        _way("credit memos to Amazon", _counted(made, *in_shop), _counted(by_feed, *at_amazon)),
        _way("refunds made at Amazon", _counted(others, *at_amazon), _counted(ours, *in_shop)),
    ]


def for_person(database: str) -> list[str]:
    """The refunds that our own rows have not ended, or have left to a person."""
    with psycopg.connect(database) as connection:
        return [f"{number}: {what}" for number, what in connection.execute(_FOR_PERSON)]


_Counted = tuple[Mapping[str, int], Mapping[str, Decimal]]


def _counted(rows: Iterable[Mapping[str, Any]], number: str, amount: str) -> _Counted:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[str(row[number])].append(row[amount])
    return (
        {one: len(amounts) for one, amounts in found.items()},
        {one: total(amounts) for one, amounts in found.items()},
    )


def _way(words: str, made: _Counted, came: _Counted) -> Way:
    return Way(words, made[0], came[0], made[1], came[1])
