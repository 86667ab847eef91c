"""Refunds of the Amazon stand-in: what a feed is paid for, how often, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.feed_refunds import PAYMENT_ADJUSTMENT
from tests.sandbox.conftest import NOW, Caller
from tests.sandbox.test_amazon_feeds import (
    a_package,
    envelope,
    report,
    status,
    submit,
    wait,
    words,
)

ORDER, OTHER = "302-5550001-5550001", "302-5550001-5550002"
HELP = "For help, see https://sellercentral.amazon.com/gp/help/"
NET = (
    "The net adjustment amount is not a positive amount and has therefore been rejected."
    f" {HELP}30741"
)
TOO_MUCH = f"The requested refund amount exceeds the amount that can be refunded. {HELP}25281"
TAX = "The requested refund amount for the tax or shipping tax is not eligible."
NEGATIVE = (
    "Adjustment amount for item price is a negative value. You cannot charge a customer's credit"
    f" card by supplying a negative value. {HELP}25221"
)


def component(kind: str, amount: str, currency: str = "EUR") -> str:
    return (
        f'<Component><Type>{kind}</Type><Amount currency="{currency}">{amount}</Amount></Component>'
    )


def an_item(
    *components: str, item: str = "I1", reference: str = "cm-918-1", reason: str = "CustomerReturn"
) -> str:
    return (
        f"<AdjustedItem><AmazonOrderItemCode>{item}</AmazonOrderItemCode>"
        f"<MerchantAdjustmentItemID>{reference}</MerchantAdjustmentItemID>"
        f"<AdjustmentReason>{reason}</AdjustmentReason>"
        f"<ItemPriceAdjustments>{''.join(components)}</ItemPriceAdjustments></AdjustedItem>"
    )


def a_refund(*items: str, order_id: str = ORDER) -> str:
    return (
        f"<AmazonOrderID>{order_id}</AmazonOrderID><ActionType>Refund</ActionType>{''.join(items)}"
    )


def goods(amount: str) -> str:
    return a_refund(an_item(component("Principal", amount)))


def place(amazon: Caller, order_id: str = ORDER, **changes: Any) -> None:
    """Three mugs with postage, 94.96 together."""
    line = {"unit": "29.99", "shipping": "4.99", "item_id": "I1"} | changes.pop("line", {})
    facilitated = changes.pop("facilitated", False)
    order = an_order(
        order_id,
        lines=[a_line("MUG-BLUE", 3, **line)],
        created_at=NOW - timedelta(days=1),
        **{"status": "SHIPPED"} | changes,
    )
    if facilitated:
        order["orderItems"][0]["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    amazon.place(order)


def send(amazon: Caller, *messages: str, at: int = 0) -> str:
    """Submit the feed when the clock is moved by `at` seconds, and let it be worked on."""
    feed_id = submit(amazon, envelope("OrderAdjustment", *messages), PAYMENT_ADJUSTMENT)
    wait(amazon, at + 90)
    return feed_id


def paid(amazon: Caller) -> Any:
    return amazon.control("GET", "refunds")


def test_a_refund_is_paid_by_component_and_told_with_its_feed_and_message(amazon: Caller) -> None:
    place(amazon)
    item = an_item(component("Principal", "59.98"), component("Shipping", "4.99"))
    feed_id = send(amazon, a_refund(item))
    assert words(amazon, feed_id) == {}
    assert [one.text for one in report(amazon, feed_id)[1]] == ["1", "1", "0", "0"]
    told = paid(amazon)
    assert told["paid"] == {ORDER: "64.97"}
    assert told["waiting"] == []
    (refund,) = told["refunds"]
    assert refund | {"refundId": "", "at": ""} == {
        "refundId": "",
        "account": "main",
        "orderId": ORDER,
        "by": "SELLER_FEED",
        "feedId": feed_id,
        "messageId": "1",
        "state": "PAID",
        "at": "",
        "currency": "EUR",
        "total": "64.97",
        "items": [
            {
                "orderItemId": "I1",
                "reference": "cm-918-1",
                "reason": "CustomerReturn",
                "currency": "EUR",
                "components": {"Principal": "59.98", "Shipping": "4.99"},
            }
        ],
    }


def test_an_identical_message_is_paid_again_while_the_balance_lasts(amazon: Caller) -> None:
    place(amazon)
    feed_id = send(amazon, goods("40.00"), goods("40.00"), goods("40.00"), goods("9.97"))
    assert words(amazon, feed_id) == {"3": f"Item price or its tax: too high. {HELP}25161"}
    assert paid(amazon)["paid"] == {ORDER: "89.97"}
    assert words(amazon, send(amazon, goods("0.01"), at=90)) == {"1": NET}
    assert len(paid(amazon)["refunds"]) == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            a_refund(an_item(component("Principal", "1.00")), order_id="302-0000000-0000000"),
            f"Invalid OrderID or AmazonOrderID. {HELP}25441",
        ),
        (
            a_refund(an_item(component("Principal", "1.00"), item="I2")),
            "The AmazonOrderItemCode is not of this order, or there twice.",
        ),
        (
            a_refund(*[an_item(component("Principal", "1.00"))] * 2),
            "The AmazonOrderItemCode is not of this order, or there twice.",
        ),
        (
            a_refund(an_item(component("Principal", "1.00", "USD"))),
            "The currency is not the one of the order.",
        ),
        (goods("89.98"), f"Item price or its tax: too high. {HELP}25161"),
        (
            a_refund(an_item(component("Shipping", "5.00"))),
            f"Shipping or its tax: too high. {HELP}25181",
        ),
        (goods("-1.00"), NEGATIVE),
        (goods("0.00"), NET),
        (
            a_refund(an_item(component("Principal", "5.00"), component("RestockingFee", "-5.00"))),
            NET,
        ),
        (a_refund(an_item(component("RestockingFee", "5.00"))), TOO_MUCH),
        (a_refund(an_item(component("Principal", "1.00"), component("Tax", "0.19"))), TAX),
        (a_refund(an_item(component("ReturnShipping", "20.00"))), TOO_MUCH),
        (a_refund(an_item(component("Goodwill", "150.01"))), TOO_MUCH),
    ],
)
def test_what_is_refused_pays_nothing(amazon: Caller, body: str, said: str) -> None:
    place(amazon)
    assert words(amazon, send(amazon, body)) == {"1": said}
    assert paid(amazon) == {"refunds": [], "paid": {}, "waiting": []}


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ({"Goodwill": "150.00"}, "150.00"),
        ({"ReturnShipping": "19.98"}, "19.98"),
        ({"Principal": "89.97", "RestockingFee": "-6.00"}, "83.97"),
        ({"Principal": "7"}, "7"),
    ],
)
def test_what_is_taken(amazon: Caller, amounts: dict[str, str], total: str) -> None:
    place(amazon)
    item = an_item(*(component(kind, amount) for kind, amount in amounts.items()))
    assert words(amazon, send(amazon, a_refund(item))) == {}
    assert paid(amazon)["paid"] == {ORDER: total}


@pytest.mark.parametrize(
    ("order", "amounts", "told"),
    [
        ({}, {"Tax": "14.36"}, {}),
        ({}, {"Tax": "14.37"}, {"1": f"Item price or its tax: too high. {HELP}25161"}),
        ({}, {"ShippingTax": "0.81"}, {"1": f"Shipping or its tax: too high. {HELP}25181"}),
        ({"tax_included": True}, {"Principal": "1.00", "Tax": "0.19"}, {"1": TAX}),
        ({"tax_included": True}, {"Principal": "89.97"}, {}),
        ({"facilitated": True}, {"Tax": "14.36"}, {"1": TAX}),
        ({"facilitated": True}, {"Principal": "89.97"}, {}),
    ],
)
def test_tax_is_refunded_only_where_the_seller_has_it(
    amazon: Caller, order: dict[str, Any], amounts: dict[str, str], told: dict[str, str]
) -> None:
    place(amazon, line={"tax": "14.36", "shipping_tax": "0.80"}, **order)
    item = an_item(*(component(kind, amount) for kind, amount in amounts.items()))
    assert words(amazon, send(amazon, a_refund(item))) == told


def test_the_balance_is_what_the_buyer_paid(amazon: Caller) -> None:
    place(amazon, line={"discount": "9.97", "shipping_discount": "4.00"})
    too_high = {"1": f"Item price or its tax: too high. {HELP}25161"}
    assert words(amazon, send(amazon, goods("80.01"))) == too_high
    item = an_item(component("Principal", "80.00"), component("Shipping", "0.99"))
    assert words(amazon, send(amazon, a_refund(item), at=90)) == {}


@pytest.mark.parametrize(
    "order", [{"fulfilled_by": "AMAZON"}, {"status": "CANCELLED", "fulfilled_by": "MERCHANT"}]
)
def test_orders_of_amazons_fulfilment_and_cancelled_ones_are_refused(
    amazon: Caller, order: dict[str, str]
) -> None:
    place(amazon, **order)
    assert words(amazon, send(amazon, goods("1.00"))) == {"1": TOO_MUCH}
    assert paid(amazon)["refunds"] == []


def test_a_refund_before_the_dispatch_waits_until_it_is_confirmed(amazon: Caller) -> None:
    place(amazon, status="UNSHIPPED")
    feed_id = send(amazon, goods("80.00"), goods("80.00"))
    assert words(amazon, feed_id) == {}
    told = paid(amazon)
    assert (told["refunds"], [one["messageId"] for one in told["waiting"]]) == ([], ["1", "2"])
    submit(amazon, envelope("OrderFulfillment", a_package(ORDER)))
    wait(amazon, 300)
    told = paid(amazon)
    # The second no longer fits, and nobody is told.
    assert (told["paid"], told["waiting"]) == ({ORDER: "80.00"}, [])


BAD_REASON = an_item(component("Principal", "1.00"), reason="BuyerCanceled")


@pytest.mark.parametrize(
    ("body", "invalid"),
    [
        (a_refund(BAD_REASON), "The value of element 'AdjustmentReason' is invalid."),
        (a_refund(), "The value of element 'OrderAdjustment' is invalid."),
        (goods("1.5"), "The value of element 'Amount' is invalid."),
        (goods("1.00").replace("EUR", "XXX"), "The value of element 'Amount' is invalid."),
        (goods("1.00").replace("Principal", "Price"), "The value of element 'Type' is invalid."),
        (goods("1.00").replace(ORDER, "302"), "The value of element 'AmazonOrderID' is invalid."),
        (
            goods("1.00").replace("cm-918-1", "x" * 51),
            "The value of element 'MerchantAdjustmentItemID' is invalid.",
        ),
        (
            goods("1.00").replace("ItemPriceAdjustments", "DirectPaymentAdjustments"),
            "The value of element 'DirectPaymentAdjustments' is invalid.",
        ),
        (
            a_refund().replace("</ActionType>", "</ActionType><AdjustedItem/>"),
            "The value of element 'AdjustedItem' is invalid.",
        ),
        (
            goods("1.00").replace("<ActionType>Refund</ActionType>", "")
            + "<ActionType>Refund</ActionType>",
            "The content of OrderAdjustment is not as the schema says.",
        ),
        (
            goods("1.00").replace("<Type>Principal</Type>", "") + "<Type>Principal</Type>",
            "The content of OrderAdjustment is not as the schema says.",
        ),
    ],
)
def test_one_malformed_message_refuses_the_document_whole(
    amazon: Caller, body: str, invalid: str
) -> None:
    place(amazon)
    feed_id = send(amazon, goods("1.00"), body)
    said = f"This is a malformed or invalid XML document. {invalid} {HELP}22971"
    assert words(amazon, feed_id) == {"0": said}
    assert report(amazon, feed_id).findtext("Result/ResultMessageCode") == "5000"
    assert paid(amazon)["refunds"] == []


def test_nothing_may_stand_before_the_document(amazon: Caller) -> None:
    place(amazon)
    document = "\ufeff" + envelope("OrderAdjustment", goods("1.00"))
    feed_id = submit(amazon, document, PAYMENT_ADJUSTMENT)
    wait(amazon, 90)
    assert report(amazon, feed_id).findtext("Result/ResultMessageCode") == "50001"
    said = "ill-formed at the Amazon Envelope XML level at (or near) line 1, column 1"
    assert words(amazon, feed_id) == {"0": said}
    assert paid(amazon)["refunds"] == []


@pytest.mark.parametrize(
    "tag", ["<QuantityCancelled>1</QuantityCancelled>", "<Quantity>5</Quantity>"]
)
def test_what_nobody_knows_the_effect_of_is_not_imitated(amazon: Caller, tag: str) -> None:
    place(amazon)
    body = goods("1.00").replace("</AdjustedItem>", f"{tag}</AdjustedItem>")
    name = tag[1 : tag.index(">")]
    assert words(amazon, send(amazon, body)) == {"1": f"{name} is not imitated."}


def test_a_fatal_feed_may_have_done_half_of_its_work(amazon: Caller) -> None:
    place(amazon)
    amazon.control("POST", "feeds", {"fate": "FATAL_HALF"})
    feed_id = send(amazon, *[goods(f"{number}.00") for number in (1, 2, 3)])
    assert status(amazon, feed_id) == "FATAL"
    assert [refund["messageId"] for refund in paid(amazon)["refunds"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("last", "counts", "sum_of_it"),
    [("2.00", ["2", "1", "0", "0"], "3.00"), ("99.00", ["2", "1", "0", "0"], "1.00")],
)
def test_a_report_may_keep_back_what_became_of_a_message(
    amazon: Caller, last: str, counts: list[str], sum_of_it: str
) -> None:
    place(amazon)
    amazon.control("POST", "feeds", {"fate": "MISSING_RESULT"})
    feed_id = send(amazon, goods("1.00"), goods(last))
    assert words(amazon, feed_id) == {}
    assert [one.text for one in report(amazon, feed_id)[1]] == counts
    assert paid(amazon)["paid"] == {ORDER: sum_of_it}


def test_a_feed_whose_answer_was_lost_pays_all_the_same(amazon: Caller) -> None:
    place(amazon)
    amazon.control("POST", "faults", {"route": "create_feed", "kind": "cut_after"})
    with pytest.raises(requests.ConnectionError):
        send(amazon, goods("1.00"))
    wait(amazon, 90)
    assert paid(amazon)["paid"] == {ORDER: "1.00"}


@pytest.mark.parametrize("made_by", ["SELLER_CENTRAL", "AMAZON", "A_TO_Z", "CHARGEBACK"])
def test_a_refund_may_be_made_without_a_feed(amazon: Caller, made_by: str) -> None:
    place(amazon, fulfilled_by="AMAZON")
    goodwill = [{"order_item_id": "I1", "components": {"Goodwill": "5.00"}}]
    for more in ({"items": goodwill}, {}):
        made = amazon.control("POST", "refunds", {"order_id": ORDER, "by": made_by, **more})
        assert (made["by"], made["feedId"]) == (made_by, None)
    totals = [Decimal(refund["total"]) for refund in paid(amazon)["refunds"]]
    assert totals == [Decimal("5.00"), Decimal("94.96")]


def test_refunds_are_told_of_one_order_and_forgotten_with_it(amazon: Caller) -> None:
    place(amazon)
    place(amazon, OTHER)
    for order_id in (ORDER, OTHER):
        amazon.control("POST", "refunds", {"order_id": order_id})
    told = amazon.control("GET", f"refunds?order_id={OTHER}")
    assert list(told["paid"]) == [OTHER]
    place(amazon, OTHER)
    assert list(paid(amazon)["paid"]) == [ORDER]
