"""What the shop's people are told with an order."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from pipeline.magento.order.comment import comment
from pipeline.orders.amounts import Amounts, LineAmounts
from pipeline.orders.channel_order import TaxRegistration, Window
from tests.magento.builders import NOW, a_body, a_line, an_order

FIRST = "Amazon order 902-1234567-1234567, fulfilled by merchant"
SHIP_BY = datetime(2026, 11, 24, 8, 0, tzinfo=timezone(timedelta(hours=1)))


def test_a_dull_order_has_one_line() -> None:
    assert comment(an_order()) == FIRST


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"programs": ("PRIME", "AMAZON_BUSINESS")}, "Programs: Prime, Amazon Business"),
        ({"ship_by_at": SHIP_BY}, "Ship by 2026-11-24 07:00 UTC"),
        ({"deliver_by_at": NOW}, "Deliver by 2026-11-22 12:00 UTC"),
        ({"label_from_at": NOW}, "Labels can be printed from 2026-11-22 12:00 UTC"),
        ({"replaces": "902-0"}, "Replaces Amazon order 902-0"),
        ({"exchanges": "902-0"}, "Exchange for Amazon order 902-0"),
        ({"aliases": ("WEB-1",)}, "Your own number WEB-1"),
        ({"buyer_company": "Buyer AG"}, "Buyer's company Buyer AG"),
        ({"payment_methods": ("CreditCard",)}, "Paid at Amazon by CreditCard"),
        ({"purchase_order_number": "PO-1"}, "Purchase order PO-1"),
        (
            {"tax_registrations": (TaxRegistration("BUYER", "VAT", "DE123456789"),)},
            "Buyer's VAT number DE123456789",
        ),
        ({"invoice_preference": "BUSINESS"}, "Invoice wanted: Business"),
        ({"drop_off": "the garage"}, "Leave the parcel at: the garage"),
        ({"delivery_instruction": "ring <b>twice</b>"}, "For the carrier: ring twice"),
    ],
)
def test_facts_of_the_order(told: dict[str, Any], line: str) -> None:
    assert comment(an_order(**told)) == f"{FIRST}\n{line}"


def test_tax_numbers_of_others_are_left_out() -> None:
    own = TaxRegistration("MERCHANT", "VAT", "DE999999999")
    assert comment(an_order(tax_registrations=(own,))) == FIRST


@pytest.mark.parametrize(
    ("told", "fact"),
    [
        ({"buyer_wants_to_cancel": True}, "the buyer asked to cancel it"),
        ({"serial_number_required": True}, "note the serial number of each piece"),
        ({"constraints": ("a", "b")}, "the carrier must offer a, b"),
        (
            {"delivery": Window(NOW, SHIP_BY)},
            "deliver from 2026-11-22 12:00 UTC until 2026-11-24 07:00 UTC",
        ),
        ({"delivery": Window(None, SHIP_BY)}, "deliver until 2026-11-24 07:00 UTC"),
        ({"measurement": "2.4 KILOGRAMS"}, "2.4 KILOGRAMS ordered"),
        ({"ioss_number": "IM1"}, "IOSS number IM1"),
        ({"price_designation": "BUSINESS_PRICE"}, "sold at a business price"),
        ({"substitution": "DO_NOT_SUBSTITUTE"}, "substitutes: Do Not Substitute"),
        (
            {"customization_url": "https://a.example/z"},
            "customized by the buyer: https://a.example/z",
        ),
        ({"gift_wrap": "STANDARD"}, "gift wrap Standard"),
        ({"gift_message": "All the best 🎁\n<b>yours</b>"}, "gift message: All the best\nyours"),
    ],
)
def test_facts_of_a_line(told: dict[str, Any], fact: str) -> None:
    assert comment(an_order(lines=(a_line(**told),))) == f"{FIRST}\nMUG-BLUE: {fact}"


@pytest.mark.parametrize(("by", "words"), [("", ""), ("BUYER", " by buyer")])
def test_a_cancelled_line_is_told(by: str, words: str) -> None:
    order = an_order(cancelled_lines=(a_line(sku="CUP", quantity=0, cancelled_by=by),))
    assert comment(order) == f"{FIRST}\nCUP: cancelled before the order came here{words}"


def test_doubtful_amounts_and_collected_tax_are_told() -> None:
    line = LineAmounts(
        row_net=Decimal(10), tax=Decimal("1.90"), tax_is_collected_by_marketplace=True
    )
    amounts = Amounts("EUR", Decimal("11.90"), {"I1": line}, doubt="it does not add up")
    assert comment(an_order(), amounts).split("\n")[1:] == [
        "Check the amounts, only the total is certain: it does not add up",
        "Tax that Amazon collects and pays: 1.90 EUR",
    ]


def test_an_order_is_placed_with_its_comment() -> None:
    (history,) = a_body(an_order(replaces="902-0"))["status_histories"]
    assert history["comment"] == f"{FIRST}\nReplaces Amazon order 902-0"


def test_a_long_comment_keeps_what_comes_first() -> None:
    text = comment(an_order(lines=(a_line(gift_message="x" * 6000),)))
    assert len(text) == 5000
    assert text.startswith(FIRST)
