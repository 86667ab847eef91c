"""Why Amazon left a personal field out of an order. This is a normal answer, no error.

Source: SP-API documentation, "Access Orders PII"; a case that it does not cover is "not given".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipeline.orders.channel_order import (
    Address,
    ChannelOrder,
    FulfilledBy,
    Missing,
    Program,
    RemoteStatus,
)
from pipeline.settings.marketplaces import country_of

# All data sets that an import needs: more of them cost no more of the quota.
DATASETS = (
    *("BUYER", "RECIPIENT", "PROCEEDS", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES"),
    *("TAX", "PAYMENT"),
)
_UNPAID = frozenset({RemoteStatus.PENDING, RemoteStatus.PENDING_AVAILABILITY})
_OF_BUYER = ("buyer e-mail", "buyer name")
STREET = "street"
_WHERE_TAX_ROLES_GET_NO_NAMES = frozenset({"US", "JP", "SG"})


def reasons(order: ChannelOrder, requested: Collection[str] = DATASETS) -> Mapping[str, Missing]:
    """The reason for each empty personal field, in the order in which people read an address."""
    return {
        field: _reason(field, order, requested)
        for field, value in _personal(order).items()
        if not value
    }


def _personal(order: ChannelOrder) -> dict[str, object]:
    address = order.address or Address()
    return {
        "buyer name": order.buyer_name,
        "buyer e-mail": order.buyer_email,
        "recipient": address.name,
        STREET: address.lines,
        "postcode": address.postcode,
        "phone": address.phone,
    }


def _reason(field: str, order: ChannelOrder, requested: Collection[str]) -> Missing:
    """The reason by the first rule that applies."""
    if ("BUYER" if field in _OF_BUYER else "RECIPIENT") not in requested:
        return Missing.NOT_REQUESTED
    if order.status in _UNPAID:
        return Missing.NOT_YET
    if order.status == RemoteStatus.CANCELLED:
        return Missing.CANCELLED
    if order.fulfilled_by is FulfilledBy.AMAZON:
        is_contact = field in ("buyer e-mail", "phone")
        country = country_of(order.marketplace_id)
        if is_contact or country in _WHERE_TAX_ROLES_GET_NO_NAMES:
            return Missing.BY_AMAZON
        return Missing.TAX_ROLE
    if field not in _OF_BUYER and _is_picked_up(order):
        return Missing.PICK_UP
    if not _has_role(order):
        return Missing.ROLE
    if field == "phone" and order.status == RemoteStatus.SHIPPED:
        return Missing.DELIVERED
    return Missing.NOT_GIVEN


def _is_picked_up(order: ChannelOrder) -> bool:
    address = order.address or Address()
    return address.is_pickup_point or Program.IN_STORE_PICK_UP in order.programs


def _has_role(order: ChannelOrder) -> bool:
    """Whether the application seems to have the role: Amazon only sends these fields with it."""
    address = order.address or Address()
    return bool(order.buyer_email or address.name or address.lines or address.phone)
