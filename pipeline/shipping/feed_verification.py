"""Whether Amazon has carried out a feed's message, as its order shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.orders.channel_order import ChannelOrder, RemoteStatus
from pipeline.shipping.packages import is_same_number
from pipeline.shipping.unanswered import Unanswered


def is_done(message: Unanswered, order: ChannelOrder) -> bool:
    """Whether the order is cancelled, or has the package of the message.

    False when only the carrier changed: the order does not show whether that arrived, and sending
    it again does no harm.
    """
    body = message.body
    if "reference" not in body:
        return order.status == RemoteStatus.CANCELLED
    number, before = body["tracking"], message.confirmed_as
    if before is not None and is_same_number(before.rpartition("/")[2], number):
        return False
    if not number:
        return any(package.reference == body["reference"] for package in order.packages)
    return any(
        is_same_number(package.tracking_number, number)
        and package.reference not in message.others
        and _covers(package.quantities, body["items"])
        for package in order.packages
    )


def _covers(amazons: Mapping[str, int], ours: Mapping[str, int]) -> bool:
    """Whether a package has these units; Amazon may leave the units out."""
    return not amazons or all(amazons.get(item_id, 0) >= count for item_id, count in ours.items())
