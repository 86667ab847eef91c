"""Whether so many packages wait for confirmation that a feed is faster than single calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock

from sqlalchemy import func, select

from pipeline.base.clock import elapsed
from pipeline.base.db import Sessions
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import UNCONFIRMED
from pipeline.orders.tables import Order, Status

WORTH_A_FEED = 20 * 60
"""A feed is worth its delay if single calls take these seconds; Amazon accepts a feed in them."""

_KEPT_S = 5.0
_MOVING = (Status.READY, Status.RUNNING, Status.WAITING)


class Backlog:
    """Counts each account's unconfirmed packages, at most every few seconds per process.

    `rates` give the calls per second that each account may make.
    """

    def __init__(
        self,
        sessions: Sessions,
        rates: Mapping[str, Callable[[], float]],
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._sessions = sessions
        self._rates = rates
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, bool]] = {}
        self._guard = Lock()

    def is_large(self, account: str) -> bool:
        """Whether single calls would take the account more than 20 minutes."""
        now = self._monotonic()
        with self._guard:
            if account in self._known and now - self._known[account][0] < _KEPT_S:
                return self._known[account][1]
        limit = int(self._rates[account]() * WORTH_A_FEED)
        is_many = self._count(account, limit + 1) > limit
        with self._guard:
            self._known[account] = now, is_many
        return is_many

    def _count(self, account: str, at_most: int) -> int:
        """The number of waiting packages, up to `at_most`, without held orders and sent feeds."""
        some = (
            select(Shipment.id)
            .join(Order, Order.id == Shipment.order_id)
            .where(
                Shipment.confirmation.in_(UNCONFIRMED),
                Shipment.tracking_number != "",
                Shipment.feed_id.is_(None),
                Order.account == account,
                Order.status.in_(_MOVING),
            )
            .limit(at_most)
            .subquery()
        )
        with self._sessions() as session:
            return session.scalar(select(func.count()).select_from(some)) or 0
