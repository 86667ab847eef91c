"""What people call the settings of a marketplace and their values; docs/settings.md describes them
fully."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.console.languages import gettext as _
from pipeline.settings.origin import written


@dataclass(frozen=True, slots=True)
class Group:
    """Settings about the same thing, by their names."""

    title: str
    names: Sequence[str]


def groups() -> Sequence[Group]:
    """All settings of a marketplace, in the reader's language."""
    return (
        Group(
            _("Which orders are placed"),
            ("import_orders", "unclear_totals", "pending_orders", "pending_reserve_days", "tax"),
        ),
        Group(_("Products and stock"), ("out_of_stock", "unknown_sku", "sku_map", "stock")),
        Group(
            _("Cancelling and confirming"),
            (
                *("cancel_from_amazon", "cancel_to_amazon", "cancel_reason"),
                *("confirm_without_tracking", "returns"),
            ),
        ),
        Group(
            _("Refunds"),
            (
                *("refunds_to_amazon", "refund_reason", "refund_delay_minutes", "refund_at_most"),
                *("refund_gross", "refund_spread_adjustments", "refund_goodwill"),
                "refunds_from_amazon",
            ),
        ),
        Group(
            _("The order in Magento"),
            (
                *("magento_store", "order_status", "order_comments", "invoice", "gift_wrap"),
                *("order_number", "order_number_prefix", "prime_number_prefix"),
                "b2b_number_prefix",
            ),
        ),
        Group(
            _("Orders fulfilled by Amazon"),
            ("fba_orders", "fba_store", "fba_lines", "fba_number_prefix"),
        ),
        Group(_("Invoices for Amazon"), ("invoices_to_amazon", "invoice_source", "invoice_totals")),
        Group(_("Customers"), ("customers", "customer_group", "welcome_mail")),
    )


def label(name: str) -> str:
    """A setting's name for people, of a marketplace, a shop or an account."""
    return _labels()[name]


def sentence(name: str) -> str:
    """What a setting of a marketplace is for."""
    return _sentences()[name]


def value_label(name: str, value: object) -> str:
    """What a setting's value means; the value itself where it speaks for itself."""
    text = written(value)
    if text in ("true", "false"):
        return _("on") if text == "true" else _("off")
    return _values().get(name, {}).get(text, text)


def _labels() -> Mapping[str, str]:
    return {
        "import_orders": _("Place orders in Magento"),
        "unclear_totals": _("Amounts that do not add up"),
        "pending_orders": _("Orders whose payment is checked"),
        "pending_reserve_days": _("Days that they hold stock"),
        "tax": _("Taxes"),
        "out_of_stock": _("Goods that are out of stock"),
        "unknown_sku": _("Unknown SKUs"),
        "sku_map": _("File of mapped SKUs"),
        "stock": _("Reservation of stock"),
        "cancel_from_amazon": _("Cancelled on Amazon"),
        "cancel_to_amazon": _("Cancelled in Magento"),
        "cancel_reason": _("Reason given to Amazon"),
        "refunds_to_amazon": _("Credit memos of the shop"),
        "refund_reason": _("Reason of refunds"),
        "refund_delay_minutes": _("Minutes before a refund is sent"),
        "refund_at_most": _("Most that is sent without a person"),
        "refund_gross": _("Taxes inside the refunded price"),
        "refund_spread_adjustments": _("Adjustments shared out over items"),
        "refund_goodwill": _("Goodwill beyond the goods"),
        "refunds_from_amazon": _("Refunds made at Amazon"),
        "confirm_without_tracking": _("Confirm without tracking number"),
        "returns": _("Buyers’ returns"),
        "magento_store": _("Store view"),
        "order_status": _("Status of open orders"),
        "order_comments": _("Comments on the order"),
        "invoice": _("Invoice"),
        "gift_wrap": _("Gift wrap"),
        "order_number": _("Order number"),
        "order_number_prefix": _("Prefix"),
        "prime_number_prefix": _("Prefix for Prime orders"),
        "b2b_number_prefix": _("Prefix for business orders"),
        "fba_orders": _("Place them in Magento"),
        "fba_store": _("Store view"),
        "fba_lines": _("Their lines"),
        "fba_number_prefix": _("Prefix"),
        "customers": _("Buyers’ accounts"),
        "customer_group": _("Group of new accounts"),
        "welcome_mail": _("Magento’s welcome mail"),
        "invoices_to_amazon": _("Upload invoices to Amazon"),
        "invoice_source": _("Where their PDFs come from"),
        "invoice_totals": _("State their totals"),
        # Of a shop or an account.
        "region": _("Region"),
        "seller_id": _("Seller ID"),
        "finances": _("Money of orders"),
        "supply_source": _("Place that ships"),
        "supply_sources": _("Places that ship, by source"),
        "shop": _("Shop"),
        "start_from": _("Orders from this time on"),
        "client_secret_expires": _("End of the application’s secret"),
        "base_url": _("Address"),
        "token_url": _("Address for tokens"),
        "admin_url": _("Address of the admin"),
        "notifications": _("Queue of Amazon’s reports"),
        "notifications.queue_url": _("Queue of Amazon’s reports"),
        "notifications.aws_region": _("Queue’s region at AWS"),
        "notifications.endpoint_url": _("Queue’s own address"),
        "client_id": _("Application’s ID"),
        "client_secret": _("Application’s secret"),
        "client_secret_new": _("Application’s new secret"),
        "refresh_token": _("Refresh token"),
        "aws_access_key_id": _("AWS key"),
        "aws_secret_access_key": _("AWS key’s secret"),
        "auth": _("Way of signing in"),
        "version": _("Magento’s version"),
        "request_limit_s": _("Most seconds for an answer"),
        "read_only": _("Read only"),
        "access_token": _("Access token"),
        "access_token_secret": _("Access token’s secret"),
        "consumer_key": _("Consumer key"),
        "consumer_secret": _("Consumer secret"),
    }


def _sentences() -> Mapping[str, str]:
    return {
        "import_orders": _("Otherwise orders are shown here, and nothing is done with them."),
        "unclear_totals": _("Hold such an order, or trust Amazon’s total."),
        "pending_orders": _("Whether they hold stock while Amazon checks their payment."),
        "pending_reserve_days": _("At most, from the purchase on."),
        "tax": _("Whether Amazon’s taxes go to Magento beside the net amounts."),
        "out_of_stock": _("Whether an order waits until the shop can sell all of it."),
        "unknown_sku": _("What becomes of a SKU that the shop does not have."),
        "sku_map": _("The CSV file that says which product a SKU stands for."),
        "stock": _("How the shop learns that goods are sold."),
        "cancel_from_amazon": _("What a cancellation on Amazon means for the Magento order."),
        "cancel_to_amazon": _("Whether a cancellation in Magento goes to Amazon."),
        "cancel_reason": _("In Amazon’s words, with such a cancellation."),
        "refunds_to_amazon": _("Whether their refunds go to Amazon."),
        "refund_reason": _("In Amazon’s words; otherwise by what happened."),
        "refund_delay_minutes": _("From the credit memo on, unless a person sends it."),
        "refund_at_most": _("A person decides about refunds above it."),
        "refund_gross": _("As sellers with Amazon’s VAT service need it."),
        "refund_spread_adjustments": _("Those of a credit memo without lines."),
        "refund_goodwill": _("Otherwise a person decides about more than the goods cost."),
        "refunds_from_amazon": _("What becomes of a refund that the shop has no credit memo for."),
        "confirm_without_tracking": _("Whether packages without a number are confirmed as well."),
        "returns": _("Whether they are read from Amazon’s reports."),
        "magento_store": _("Where orders are placed."),
        "order_status": _("In Magento, once the invoice is made."),
        "order_comments": _("Whether confirmations and cancellations are added as comments."),
        "invoice": _("Whether it is made with the order."),
        "gift_wrap": _("Whether it is a line of its own or part of the price."),
        "order_number": _("Whose number the Magento order carries."),
        "order_number_prefix": _("The text before Amazon’s number."),
        "prime_number_prefix": _("Instead, for Prime orders."),
        "b2b_number_prefix": _("Instead, for business orders."),
        "fba_orders": _("Otherwise they are shown only."),
        "fba_store": _("A store view of their own."),
        "fba_lines": _("Whether lines of goods that left the stock before name their product."),
        "fba_number_prefix": _("The text before the number of such orders."),
        "customers": _("Guest orders, or an account for each buyer."),
        "customer_group": _("Accounts that exist keep their own."),
        "welcome_mail": _("Whether Magento may write to new accounts."),
        "invoices_to_amazon": _("After dispatch, the PDF of each Magento invoice."),
        "invoice_source": _("A folder, or an address of the shop’s own PDF extension."),
        "invoice_totals": _("Amazon compares them with its own to the cent."),
    }


def _values() -> Mapping[str, Mapping[str, str]]:
    return {
        "unclear_totals": {"hold": _("Hold the order"), "import": _("Trust Amazon’s total")},
        "pending_orders": {"ignore": _("Hold no stock"), "reserve": _("Hold stock")},
        "tax": {"amazon": _("As Amazon reports them"), "none": _("None beside the amounts")},
        "out_of_stock": {
            "block": _("Hold until in stock"),
            "backorder": _("Place it all the same"),
        },
        "unknown_sku": {
            "block": _("Hold the order"),
            "map": _("As the file maps it"),
            "placeholder": _("Make a placeholder"),
        },
        "stock": {
            "seed": _("By three calls"),
            "server": _("By a job on the shop’s server"),
            "none": _("Not at all"),
        },
        "cancel_from_amazon": {"cancel": _("Cancel it there too"), "hold": _("Hold the order")},
        "cancel_to_amazon": {"send": _("Cancel it there too"), "never": _("Hold the order")},
        "refunds_to_amazon": {
            "ask": _("A person decides"),
            "send": _("Refund the buyer"),
            "never": _("Not sent"),
        },
        "refunds_from_amazon": {
            "note": _("A comment, and a person decides"),
            "credit_memo": _("A credit memo over the amount"),
        },
        "returns": {"read": _("Read once a day"), "off": _("Not read")},
        "invoice": {"create": _("With the order"), "leave": _("Left to the shop")},
        "gift_wrap": {"line": _("A line of its own"), "price": _("In the price of the goods")},
        "order_number": {"magento": _("Magento’s"), "amazon": _("Amazon’s")},
        "fba_orders": {"create": _("on"), "ignore": _("off")},
        "fba_lines": {"detached": _("Without their product"), "catalogue": _("With their product")},
        "customers": {"guest": _("Guest orders"), "create": _("An account each")},
        "invoices_to_amazon": {
            "off": _("Not at all"),
            "folder": _("From a folder"),
            "url": _("From an address"),
        },
        "welcome_mail": {"refuse": _("Not allowed"), "accept": _("Allowed")},
    }
