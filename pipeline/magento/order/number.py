"""The number a Magento order carries when it is to be Amazon's."""

from __future__ import annotations

from pipeline.magento.order.plain_text import plain
from pipeline.orders.channel import ChannelOrder, FulfilledBy, Program
from pipeline.settings.marketplace import MarketplaceSettings

_LONGEST = 50
"""What Magento keeps of an increment id; it cuts without a word."""


def increment_id(order: ChannelOrder, settings: MarketplaceSettings) -> str | None:
    """Amazon's number behind the prefix that fits first; None when Magento is to give one.

    Where both are too long the prefix is cut, for the number is what tells orders apart.
    """
    if settings.order_number == "magento":
        return None
    number = order.external_id[:_LONGEST]
    return plain(_prefix(order, settings), _LONGEST - len(number)) + number


def _prefix(order: ChannelOrder, settings: MarketplaceSettings) -> str:
    """Fulfilled by Amazon before Prime before business; one that is not set does not fit."""
    for fits, prefix in (
        (order.fulfilled_by is FulfilledBy.AMAZON, settings.fba_number_prefix),
        (Program.PRIME in order.programs, settings.prime_number_prefix),
        (Program.BUSINESS in order.programs, settings.b2b_number_prefix),
    ):
        if fits and prefix is not None:
            return prefix
    return settings.order_number_prefix
