"""Reads the corpus of credit memos, `memos.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline.amazon.refund_documents import ComponentType
from pipeline.base.money import ZERO
from pipeline.intake.memo_facts import MemoFacts, MemoLine, MemoWord
from pipeline.refunds.messages import (
    Given,
    OrderPaid,
    Paid,
    PaidItem,
    RefundRules,
    Slot,
    TaxMode,
)
from tests.builders import NOW

_CORPUS = tomllib.loads((Path(__file__).parent / "memos.toml").read_text())
MEMOS: list[dict[str, Any]] = _CORPUS["memos"]
MEMO_ID = 918
_SLOTS = {"goods": Slot.GOODS, "shipping": Slot.SHIPPING, "gift_wrap": Slot.GIFT_WRAP}


def the_order(name: str) -> OrderPaid:
    facts = dict(_CORPUS["orders"][name])
    items = facts.pop("items")
    return OrderPaid(
        external_id="302-5550001-5550001",
        items=tuple(_item(item_id, item) for item_id, item in items.items()),
        **facts,
    )


def _item(item_id: str, item: Mapping[str, Any]) -> PaidItem:
    return PaidItem(
        item_id=item_id,
        sku=item.get("sku", item_id),
        quantity=item["quantity"],
        paid={
            slot: Paid(*map(Decimal, item[name])) for name, slot in _SLOTS.items() if name in item
        },
        tax_mode=TaxMode(item.get("tax", TaxMode.INSIDE)),
    )


def the_memo(entry: Mapping[str, Any], order: OrderPaid) -> MemoFacts:
    lines = tuple(_line(line) for line in entry.get("lines", ()))
    shipping_tax = Decimal(entry.get("shipping_tax", 0))
    return MemoFacts(
        memo_id=MEMO_ID,
        created_at=NOW,
        currency=entry.get("currency", order.currency),
        grand_total=Decimal(entry["grand_total"]),
        lines=lines,
        shipping=Decimal(entry.get("shipping", 0)),
        shipping_tax=shipping_tax,
        subtotal=Decimal(entry.get("subtotal", sum((line.row for line in lines), ZERO))),
        tax=sum((line.tax for line in lines), shipping_tax),
        discount=sum((line.discount for line in lines), Decimal(entry.get("shipping_discount", 0))),
        adjustment_positive=Decimal(entry.get("positive", 0)),
        adjustment_negative=Decimal(entry.get("negative", 0)),
        base_currency="EUR",
        state=entry.get("state", 2),
        word=MemoWord(entry.get("word", "")),
        reason=entry.get("reason_in_comment", ""),
    )


def _line(line: Mapping[str, Any]) -> MemoLine:
    total, tax = Decimal(line["total"]), Decimal(line.get("tax", 0))
    discount = Decimal(line.get("discount", 0))
    return MemoLine(
        item_id=line.get("item", ""),
        sku=line.get("sku", line.get("item", "")),
        quantity=Decimal(line["units"]),
        total=total,
        tax=tax,
        row=total - tax + discount,
        discount=discount,
        name=line.get("name", ""),
    )


def the_given(entry: Mapping[str, Any]) -> list[Given]:
    return [
        Given(
            frozenset(given["item"].split()),
            kind,
            Decimal(given[kind]),
            Decimal(given.get("units", 0)) if kind is ComponentType.PRINCIPAL else ZERO,
        )
        for given in entry.get("given", ())
        for kind in ComponentType
        if kind in given
    ]


def the_rules(entry: Mapping[str, Any]) -> RefundRules:
    return RefundRules(**entry.get("rules", {}))
