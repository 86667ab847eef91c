"""The five outcomes of a step. No order is ever just "failed"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class HoldCode(StrEnum):
    """Why an order is held for a person."""

    KEPT_BACK = "kept_back"
    UNREADABLE_ORDER = "unreadable_order"
    UNKNOWN_STATUS = "unknown_status"
    UNFULFILLABLE = "unfulfillable"
    OTHER_FULFILMENT = "other_fulfilment"
    SKU_NOT_FOUND = "sku_not_found"
    PRODUCT_DISABLED = "product_disabled"
    PRODUCT_TYPE = "product_type"
    OUT_OF_STOCK = "out_of_stock"
    ADDRESS_UNUSABLE = "address_unusable"
    TOTALS_UNCLEAR = "totals_unclear"
    TOTALS_DIFFER = "totals_differ"
    RESERVATION_UNCLEAR = "reservation_unclear"
    PRODUCT_REFUSED = "product_refused"
    STATUS_REFUSED = "status_refused"
    REFUND_REFUSED = "refund_refused"
    CURRENCY = "currency"
    STORE_UNKNOWN = "store_unknown"
    CUSTOMER_REFUSED = "customer_refused"
    ORDER_REFUSED = "order_refused"
    INVOICE_REFUSED = "invoice_refused"
    CANCEL_REFUSED = "cancel_refused"
    PARTLY_CANCELLED = "partly_cancelled"
    CANCELLED_AFTER_SHIPMENT = "cancelled_after_shipment"
    CANCELLED_IN_MAGENTO = "cancelled_in_magento"
    EDITED_IN_MAGENTO = "edited_in_magento"
    BUYER_WANTS_TO_CANCEL = "buyer_wants_to_cancel"
    CONFIRMED_ELSEWHERE = "confirmed_elsewhere"
    SHIPMENT_REFUSED = "shipment_refused"
    SHIPMENT_CHANGED = "shipment_changed"
    TRANSPARENCY_CODES = "transparency_codes"
    SETTING_MISSING = "setting_missing"
    CARRIER_UNMAPPED = "carrier_unmapped"
    QUANTITY_ABOVE_ORDERED = "quantity_above_ordered"
    CONFIRMATION_REFUSED = "confirmation_refused"
    REMOTE_REFUSED = "remote_refused"
    ACCOUNT_STOPPED = "account_stopped"
    ACCOUNT_UNKNOWN = "account_unknown"
    SHOP_UNKNOWN = "shop_unknown"
    MISSING_IN_MAGENTO = "missing_in_magento"
    DOUBLED_IN_MAGENTO = "doubled_in_magento"
    IN_MAGENTO_ALREADY = "in_magento_already"
    NOT_SHIPPED_IN_MAGENTO = "not_shipped_in_magento"
    CANCELLED_ON_ONE_SIDE = "cancelled_on_one_side"
    CONFIRMATION_LOST = "confirmation_lost"
    KEEPS_CRASHING = "keeps_crashing"
    PROGRAM_ERROR = "program_error"


ABOUT_PRODUCTS = (
    HoldCode.SKU_NOT_FOUND,
    HoldCode.PRODUCT_DISABLED,
    HoldCode.PRODUCT_TYPE,
    HoldCode.PRODUCT_REFUSED,
    HoldCode.OUT_OF_STOCK,
)
"""The codes of holds caused by the products behind an order's lines; the facts name the SKUs."""


NO_SKU = "(no SKU)"
"""Replaces, in a hold's facts, a SKU that the marketplace has not given."""

_ABOUT_THE_REPORT = frozenset(
    {
        HoldCode.UNREADABLE_ORDER,
        HoldCode.UNKNOWN_STATUS,
        HoldCode.UNFULFILLABLE,
        HoldCode.TOTALS_UNCLEAR,
        HoldCode.CURRENCY,
        HoldCode.STORE_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done; the next step may begin."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step had nothing to do; the next step may begin."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Run the step again after `delay`, or as soon as news of the order arrive.

    `is_trouble` says that something failed: after another failure the order waits longer. `facts`
    are stored with the order while it waits.
    """

    reason: str
    delay: timedelta
    is_trouble: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


WRITES_STOPPED: Mapping[str, str] = {"waits_for": "read_only"}
"""The facts of an order that waits because no write may leave."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The order needs a person, or a cause has to go away; a timer runs the step again."""

    code: HoldCode
    reason: str
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def asks_marketplace(self) -> bool:
        """Whether data that the marketplace gave or withheld is the cause. It may give more by now
        without reporting a change, so the order has to be fetched again to see it."""
        return (
            self.code in _ABOUT_THE_REPORT
            or (self.code == HoldCode.ADDRESS_UNUSABLE and "missing" in self.facts)
            or (self.code in ABOUT_PRODUCTS and NO_SKU in self.facts.get("skus", ""))
        )


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The order ends here; no goods are sent."""

    reason: str


Outcome = Done | Skipped | Wait | Hold | Cancelled
