"""The remedy for each hold code, in a sentence; docs/hold-codes.md explains more."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.orders.outcome import HoldCode

FIXES: Mapping[HoldCode, str] = {
    HoldCode.KEPT_BACK: "Retry it, which releases it.",
    HoldCode.SKU_NOT_FOUND: "Add the product to the shop, map the SKU, or correct it at Amazon.",
    HoldCode.PRODUCT_DISABLED: "Enable the product in the store view.",
    HoldCode.PRODUCT_TYPE: "Sell a simple product at Amazon, or map the SKU to one.",
    HoldCode.PRODUCT_REFUSED: "Add the product to the shop, or map the SKU.",
    HoldCode.OUT_OF_STOCK: "Restock it, or allow backorders.",
    HoldCode.ADDRESS_UNUSABLE: "Correct the address on the order’s page; check the application’s "
    "roles at Amazon if all orders lack it.",
    HoldCode.OTHER_FULFILMENT: "Hand it over to the buyer, and report it in Seller Central.",
    HoldCode.TOTALS_UNCLEAR: "Compare the amounts with Seller Central, and state its value if "
    "Amazon gives none.",
    HoldCode.TOTALS_DIFFER: "Correct the order in the shop.",
    HoldCode.CURRENCY: "Allow the currency for the store view, and give it a rate.",
    HoldCode.STORE_UNKNOWN: "Correct the setting that names the store view.",
    HoldCode.CUSTOMER_REFUSED: "Correct what the shop’s message names, or place orders as guest "
    "orders.",
    HoldCode.ORDER_REFUSED: "Correct in the shop what its message names.",
    HoldCode.RESERVATION_UNCLEAR: "Do in the shop what the order’s page says.",
    HoldCode.STATUS_REFUSED: "Correct the setting order_status.",
    HoldCode.REFUND_REFUSED: "Read the order’s page, and refund by hand.",
    HoldCode.INVOICE_REFUSED: "Check whether the order is on hold or in payment review in the "
    "shop.",
    HoldCode.CANCEL_REFUSED: "Cancel it by hand on the side that the order’s page names.",
    HoldCode.CANCELLED_IN_MAGENTO: "Cancel or refund it in Seller Central.",
    HoldCode.EDITED_IN_MAGENTO: "Edit it back to what Amazon sold, or cancel it in the shop.",
    HoldCode.BUYER_WANTS_TO_CANCEL: "Stop the parcel and cancel in Seller Central, or confirm its "
    "packages all the same.",
    HoldCode.CONFIRMED_ELSEWHERE: "Correct the tracking number that is wrong.",
    HoldCode.TRANSPARENCY_CODES: "Enter the codes on the order’s page.",
    HoldCode.SHIPMENT_REFUSED: "Restock the shop’s source, or correct what its message names; or "
    "take the shipment back on the order’s page.",
    HoldCode.SHIPMENT_CHANGED: "Ship the same units again in the shop, or leave the package at "
    "Amazon as it is.",
    HoldCode.SETTING_MISSING: "Add the setting that the order’s page names.",
    HoldCode.PARTLY_CANCELLED: "Take the cancelled units off with a credit memo.",
    HoldCode.CANCELLED_AFTER_SHIPMENT: "Stop the parcel, or talk to the buyer.",
    HoldCode.CARRIER_UNMAPPED: "Give the tracking number the title of a listed carrier.",
    HoldCode.QUANTITY_ABOVE_ORDERED: "Correct the shipment in the shop.",
    HoldCode.CONFIRMATION_REFUSED: "Correct the tracking number, or confirm in Seller Central.",
    HoldCode.UNFULFILLABLE: "Nothing: Amazon reports that the order cannot be fulfilled.",
    HoldCode.UNKNOWN_STATUS: "Look in Seller Central; an upgrade may know the status.",
    HoldCode.UNREADABLE_ORDER: "Check ORDERBRIDGE_MASTER_KEY, and look in Seller Central.",
    HoldCode.REMOTE_REFUSED: "Check the rights, address and sign-in of the system that refused.",
    HoldCode.ACCOUNT_STOPPED: "Check on the page Health why Amazon refuses the account.",
    HoldCode.ACCOUNT_UNKNOWN: "Put the account back into the configuration file, or ignore its "
    "orders.",
    HoldCode.SHOP_UNKNOWN: "Put the shop back into the configuration file, or ignore its orders.",
    HoldCode.MISSING_IN_MAGENTO: "Place it by hand, or cancel it.",
    HoldCode.DOUBLED_IN_MAGENTO: "Cancel the orders in the shop that Orderbridge did not place.",
    HoldCode.IN_MAGENTO_ALREADY: "Find out what else places orders in the shop, or cancel that "
    "order there; a retry as it is places the order a second time.",
    HoldCode.NOT_SHIPPED_IN_MAGENTO: "Ship it in the shop as well.",
    HoldCode.CANCELLED_ON_ONE_SIDE: "Cancel it in the shop.",
    HoldCode.CONFIRMATION_LOST: "Confirm it in Seller Central.",
    HoldCode.KEEPS_CRASHING: "Read the worker’s log, then retry it.",
    HoldCode.PROGRAM_ERROR: "Report it with the line step.defect of the log.",
}
