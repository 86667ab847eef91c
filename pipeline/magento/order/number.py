"""The increment id of a Magento order that carries Amazon's number."""

from __future__ import annotations

from pipeline.magento.order.plain_text import plain
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy, Program
from pipeline.settings.marketplace import MarketplaceSettings

_LONGEST = 50
"""Length of Magento's column for an increment id; Magento cuts silently."""


def increment_id(order: ChannelOrder, settings: MarketplaceSettings) -> str | None:
    """Amazon's number behind the first prefix that applies; None when Magento assigns the number.

    If both together are too long the prefix is cut, because the number identifies the order.
    """
    if settings.order_number == "magento":
        return None
    number = order.external_id[:_LONGEST]
    return plain(_prefix(order, settings), _LONGEST - len(number)) + number


def _prefix(order: ChannelOrder, settings: MarketplaceSettings) -> str:
    """Prefixes apply in the order FBA, Prime, business; a prefix that is not set is skipped."""
    for fits, prefix in (
        (order.fulfilled_by is FulfilledBy.AMAZON, settings.fba_number_prefix),
        (Program.PRIME in order.programs, settings.prime_number_prefix),
        (Program.BUSINESS in order.programs, settings.b2b_number_prefix),
    ):
        if fits and prefix is not None:
            return prefix
    return settings.order_number_prefix
