"""Tax rows: one for each rate, and those that Amazon pays apart."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from pipeline.orders.amounts import Amounts, LineAmounts
from tests.magento.builders import a_body, a_line, amounts_of, an_order

OWN = LineAmounts(row_net=Decimal("100.00"), tax=Decimal("19.00"))
BOOK = LineAmounts(
    row_net=Decimal("50.00"),
    tax=Decimal("3.50"),
    shipping_net=Decimal("10.00"),
    shipping_tax=Decimal("0.70"),
)
COLLECTED = replace(
    OWN, tax=Decimal("8.70"), shipping_net=Decimal("5.00"), shipping_tax=Decimal("0.44"),
    tax_is_collected_by_marketplace=True,
)  # fmt: skip


def body_of(*lines: LineAmounts, **changes: Any) -> dict[str, Any]:
    amounts = Amounts(
        "EUR",
        sum((line.total for line in lines), Decimal(0)),
        {f"I{number}": one for number, one in enumerate(lines)},
    )
    order = an_order(lines=tuple(a_line(item_id=item_id) for item_id in amounts.lines))
    return a_body(order, amounts, **changes)


def shown(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_a_row_for_each_rate_and_for_what_amazon_pays() -> None:
    body = body_of(OWN, BOOK, COLLECTED)
    extension = body["extension_attributes"]
    assert shown(extension["taxes"], "code", "title", "percent", "amount", "base_real_amount") == [
        ("Amazon 19%", "Tax", 19, Decimal("19.00"), Decimal("19.00")),
        ("Amazon 7%", "Tax", 7, Decimal("4.20"), Decimal("4.20")),
        ("Collected and paid by Amazon 8.7%", "Collected and paid by Amazon",
         Decimal("8.7"), Decimal("9.14"), Decimal("9.14")),
    ]  # fmt: skip
    assert shown(
        extension["additional_itemized_taxes"], "tax_code", "amount", "taxable_item_type"
    ) == [
        ("Amazon 7%", Decimal("0.70"), "shipping"),
        ("Collected and paid by Amazon 8.7%", Decimal("0.44"), "shipping"),
    ]
    itemized = [item["extension_attributes"]["itemized_taxes"] for item in body["items"]]
    assert itemized[1] == [
        {
            "tax_code": "Amazon 7%",
            "tax_percent": 7,
            "amount": Decimal("3.50"),
            "base_amount": Decimal("3.50"),
            "real_amount": Decimal("3.50"),
            "real_base_amount": Decimal("3.50"),
            "taxable_item_type": "product",
        }
    ]


def test_the_row_says_all_that_magento_requires() -> None:
    (row,) = body_of(OWN)["extension_attributes"]["taxes"]
    assert row == {
        "code": "Amazon 19%",
        "title": "Tax",
        "percent": 19,
        "amount": Decimal("19.00"),
        "base_amount": Decimal("19.00"),
        "base_real_amount": Decimal("19.00"),
        "priority": 0,
        "position": 0,
        "process": 0,
    }


def test_rows_are_in_both_currencies() -> None:
    body = body_of(OWN, rate=Decimal("1.25"))
    (row,) = body["extension_attributes"]["taxes"]
    assert (row["amount"], row["base_amount"]) == (Decimal("19.00"), Decimal("15.2000"))


def test_a_shop_that_knows_no_rows_gets_none() -> None:
    body = body_of(OWN, BOOK, with_tax_rows=False)
    assert list(body["extension_attributes"]) == ["shipping_assignments"]
    assert not any("extension_attributes" in item for item in body["items"])
    assert body["tax_amount"] == Decimal("23.20")


def test_without_taxes_there_are_no_rows() -> None:
    body = a_body(amounts=amounts_of(shipping_tax="1.00").untaxed())
    assert body["tax_amount"] == 0
    assert list(body["extension_attributes"]) == ["shipping_assignments"]
    assert "extension_attributes" not in body["items"][0]


def test_tax_outside_the_total_is_neither_a_tax_nor_a_discount_of_the_order() -> None:
    line = replace(OWN, tax=Decimal("8.00"), tax_is_collected_by_marketplace=True).withheld()
    body = a_body(amounts=Amounts("EUR", Decimal(100), {"I1": line}))
    assert (body["grand_total"], body["tax_amount"], body["discount_amount"]) == (100, 0, 0)
    assert body["discount_description"] == ""
    assert body["payment"]["additional_information"]
    assert "Tax that Amazon collects and pays: 8.00 EUR" in body["status_histories"][0]["comment"]
