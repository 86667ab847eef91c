"""The properties Magento's order service knows, by type: anything else in a body is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.magento.errors import Refused, internal_error, wrong_type
from sandbox.magento.shop import Doc

Scalar = Literal["int", "float", "string", "any"]
_SINCE_2_4_7 = ("taxes", "additional_itemized_taxes", "itemized_taxes")


@dataclass(frozen=True)
class Rules:
    """How strict a shop is about what it is sent: longest array, and since 2.4.7 unknown names.

    Before 2.4.7 an unknown name was an error nobody caught, and tax rows were unknown. `latest` is
    a shop of 2.4.8 or later.
    """

    longest: int | None = None
    modern: bool = True
    latest: bool = False


@dataclass(frozen=True)
class Shape:
    """A data object: its scalar properties and the objects (or lists of objects) inside it."""

    scalars: dict[str, Scalar]
    objects: dict[str, Shape] = field(default_factory=dict)
    lists: dict[str, Shape] = field(default_factory=dict)
    interface: str = ""

    def read(self, sent: Any, rules: Rules) -> Doc:
        """Check and convert in the order of the keys; the first fault is the answer.

        A null or a text where an object belongs makes an empty object.
        """
        known: Doc = {}
        for key, value in sent.items() if isinstance(sent, dict) else ():
            name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), key)
            if name in _SINCE_2_4_7 and not rules.modern:
                raise internal_error()
            if name in self.scalars:
                known[name] = _scalar(name, value, self.scalars[name])
            elif name in self.objects:
                known[name] = self.objects[name].read(value, rules)
            elif name in self.lists:
                known[name] = self.lists[name]._read_each(_entries(value), rules)
            elif not rules.modern:
                raise internal_error()
            else:
                camel = "".join(word[:1].upper() + word[1:] for word in key.split("_"))
                raise Refused(
                    400,
                    '"%fieldName" is not supported. Correct the field name and try again.',
                    {"fieldName": camel},
                )
        return known

    def _read_each(self, entries: list[Any], rules: Rules) -> list[Doc]:
        if rules.longest is not None and len(entries) > rules.longest:
            parameters = {"type": self.interface, "max": rules.longest}
            raise Refused(400, 'Maximum items of type "%type" is %max', parameters)
        return [self.read(entry, rules) for entry in entries]


def _entries(value: Any) -> list[Any]:
    """A JSON array, or the values of an object where an array belongs."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _scalar(name: str, value: Any, kind: Scalar) -> Any:
    if value is None or kind == "any":
        return value
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if not isinstance(value, bool | int | float | str):
        raise wrong_type("Array", kind, name)
    try:
        converted = float(value)
    except ValueError:
        raise wrong_type(value, kind, name) from None
    return int(converted) if kind == "int" else converted


def _names(kind: Scalar, text: str, prefix: str = "") -> dict[str, Scalar]:
    return {prefix + name: kind for name in text.split()}


def _twins(text: str) -> dict[str, Scalar]:
    return _names("float", text) | _names("float", text, "base_")


TOTAL = Shape(
    _twins(
        "shipping_amount shipping_canceled shipping_discount_amount shipping_incl_tax"
        " shipping_invoiced shipping_refunded shipping_tax_amount shipping_tax_refunded"
    )
    | _names(
        "float",
        "shipping_discount_tax_compensation_amount base_shipping_discount_tax_compensation_amnt",
    )
    | _names("any", "extension_attributes")
)
ADDRESS = Shape(
    _names(
        "string",
        "address_type city company country_id email fax firstname lastname middlename postcode"
        " prefix region region_code suffix telephone vat_id vat_request_date vat_request_id",
    )
    | _names(
        "int",
        "customer_address_id customer_id entity_id parent_id region_id vat_is_valid"
        " vat_request_success",
    )
    | _names("any", "street extension_attributes")
)
PAYMENT = Shape(
    _names(
        "string",
        "account_status additional_data address_status anet_trans_method cc_approval"
        " cc_avs_status cc_cid_status cc_debug_request_body cc_debug_response_body"
        " cc_debug_response_serialized cc_exp_month cc_exp_year cc_last4 cc_number_enc cc_owner"
        " cc_secure_verify cc_ss_issue cc_ss_start_month cc_ss_start_year cc_status"
        " cc_status_description cc_trans_id cc_type echeck_account_name echeck_account_type"
        " echeck_bank_name echeck_routing_number echeck_type last_trans_id method po_number"
        " protection_eligibility",
    )
    | _twins(
        "amount_authorized amount_canceled amount_ordered amount_paid amount_refunded"
        " shipping_amount shipping_captured shipping_refunded"
    )
    | _names("float", "base_amount_paid_online base_amount_refunded_online")
    | _names("int", "entity_id parent_id quote_payment_id")
    | _names("any", "additional_information extension_attributes")
)
HISTORY = Shape(
    _names("string", "comment created_at entity_name status")
    | _names("int", "entity_id is_customer_notified is_visible_on_front parent_id")
    | _names("any", "extension_attributes"),
    interface=r"\Magento\Sales\Api\Data\OrderStatusHistoryInterface",
)
_ITEM_SCALARS = (
    _names(
        "string",
        "additional_data applied_rule_ids created_at description ext_order_item_id name"
        " product_type sku updated_at weee_tax_applied",
    )
    | _twins(
        "amount_refunded cost discount_amount discount_invoiced discount_refunded"
        " discount_tax_compensation_amount discount_tax_compensation_invoiced"
        " discount_tax_compensation_refunded original_price price price_incl_tax row_invoiced"
        " row_total row_total_incl_tax tax_amount tax_before_discount tax_invoiced tax_refunded"
        " weee_tax_applied_amount weee_tax_disposition weee_tax_row_disposition"
    )
    | _names("float", "weee_tax_applied_row_amount base_weee_tax_applied_row_amnt")
    | _names(
        "float",
        "gw_price gw_price_invoiced gw_price_refunded gw_tax_amount gw_tax_amount_invoiced"
        " gw_tax_amount_refunded gw_base_price gw_base_price_invoiced gw_base_price_refunded"
        " gw_base_tax_amount gw_base_tax_amount_invoiced gw_base_tax_amount_refunded",
    )
    | _names(
        "float",
        "discount_percent discount_tax_compensation_canceled qty_backordered qty_canceled"
        " qty_invoiced qty_ordered qty_refunded qty_returned qty_shipped row_weight tax_canceled"
        " tax_percent weight",
    )
    | _names(
        "int",
        "event_id free_shipping gw_id is_qty_decimal is_virtual item_id locked_do_invoice"
        " locked_do_ship no_discount order_id parent_item_id product_id quote_item_id store_id",
    )
    | _names("any", "product_option")
)
_TAX = Shape(
    _names("string", "code title")
    | _names("float", "percent amount base_amount base_real_amount")
    | _names("int", "tax_id order_id priority position process")
    | _names("any", "extension_attributes"),
    interface=r"\Magento\Tax\Api\Data\OrderTaxInterface",
)
_ITEM_TAX = Shape(
    _names("string", "tax_code taxable_item_type")
    | _names("float", "tax_percent amount base_amount real_amount real_base_amount")
    | _names("int", "tax_item_id tax_id item_id associated_item_id")
    | _names("any", "extension_attributes"),
    interface=r"\Magento\Tax\Api\Data\OrderTaxItemInterface",
)
_ITEM_EXTENSION = Shape(_names("any", "gift_message"), lists={"itemized_taxes": _ITEM_TAX})
_PARENT_ITEM = Shape(_ITEM_SCALARS, {"extension_attributes": _ITEM_EXTENSION})
ITEM = Shape(
    _ITEM_SCALARS,
    {"extension_attributes": _ITEM_EXTENSION, "parent_item": _PARENT_ITEM},
    interface=r"\Magento\Sales\Api\Data\OrderItemInterface",
)
_SHIPPING = Shape(
    _names("string", "method") | _names("any", "extension_attributes"),
    {"address": ADDRESS, "total": TOTAL},
)
_ASSIGNMENT = Shape(
    _names("int", "stock_id") | _names("any", "extension_attributes"),
    {"shipping": _SHIPPING},
    {"items": ITEM},
    interface=r"\Magento\Sales\Api\Data\ShippingAssignmentInterface",
)
_EXTENSION = Shape(
    _names(
        "any",
        "payment_additional_info gift_message pickup_location_code notification_sent"
        " send_notification applied_taxes item_applied_taxes converting_from_quote",
    ),
    lists={
        "shipping_assignments": _ASSIGNMENT,
        "taxes": _TAX,
        "additional_itemized_taxes": _ITEM_TAX,
    },
)
ORDER_SCALARS: dict[str, Scalar] = (
    _twins(
        "adjustment_negative adjustment_positive discount_amount discount_canceled"
        " discount_invoiced discount_refunded grand_total discount_tax_compensation_amount"
        " discount_tax_compensation_invoiced discount_tax_compensation_refunded shipping_amount"
        " shipping_canceled shipping_discount_amount shipping_incl_tax shipping_invoiced"
        " shipping_refunded shipping_tax_amount shipping_tax_refunded subtotal subtotal_canceled"
        " subtotal_incl_tax subtotal_invoiced subtotal_refunded tax_amount tax_canceled"
        " tax_invoiced tax_refunded total_canceled total_due total_invoiced"
        " total_offline_refunded total_online_refunded total_paid total_qty_ordered"
        " total_refunded"
    )
    | _names(
        "float",
        "shipping_discount_tax_compensation_amount base_shipping_discount_tax_compensation_amnt"
        " base_total_invoiced_cost base_to_global_rate base_to_order_rate store_to_base_rate"
        " store_to_order_rate payment_authorization_amount weight",
    )
    | _names(
        "string",
        "applied_rule_ids base_currency_code coupon_code created_at customer_dob customer_email"
        " customer_firstname customer_lastname customer_middlename customer_note customer_prefix"
        " customer_suffix customer_taxvat discount_description ext_customer_id ext_order_id"
        " global_currency_code hold_before_state hold_before_status increment_id"
        " order_currency_code original_increment_id protect_code relation_child_id"
        " relation_child_real_id relation_parent_id relation_parent_real_id remote_ip"
        " shipping_description state status store_currency_code store_name updated_at"
        " x_forwarded_for",
    )
    | _names(
        "int",
        "billing_address_id can_ship_partially can_ship_partially_item customer_gender"
        " customer_group_id customer_id customer_is_guest customer_note_notify edit_increment"
        " email_sent entity_id forced_shipment_with_invoice is_virtual payment_auth_expiration"
        " quote_address_id quote_id store_id total_item_count",
    )
)
ORDER = Shape(
    ORDER_SCALARS,
    {"billing_address": ADDRESS, "payment": PAYMENT, "extension_attributes": _EXTENSION},
    {"items": ITEM, "status_histories": HISTORY},
)
