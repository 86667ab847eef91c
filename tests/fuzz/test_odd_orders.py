"""Orders of Amazon's with anything at all in them: read, or held with a reason. No network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.amazon import amounts, parsing
from pipeline.base import clean_json
from pipeline.base.errors import CannotMap
from pipeline.base.vault import SealedColumn
from pipeline.magento.order import addresses
from pipeline.magento.order.body import OrderShape, build, check_address
from pipeline.magento.records import Product, StoreView
from pipeline.orders.channel_order import Address
from pipeline.orders.outcome import HoldCode
from sandbox.amazon.builders import a_line
from sandbox.amazon.builders import an_order as amazons_order
from tests.amazon.orders import WHOLE
from tests.builders import NOW, a_raw_item, a_raw_order, a_vault
from tests.fuzz.spoiling import EDITS, Spoil, looked_for, written
from tests.magento.builders import STORE

GOOD: Sequence[Mapping[str, Any]] = (
    a_raw_order("302-0000000-0000001"),
    WHOLE,
    amazons_order(
        "302-0000000-0000002",
        lines=[a_line("A", 3, unit="19.99", discount="5.00", tax="9.57", gift_wrap="3.50")],
        created_at=NOW,
    ),
)
LARGEST = Decimal(10) ** 15
ORDERS = st.builds(
    lambda good, edits: Spoil(edits=edits).edited(dict(good)), st.sampled_from(GOOD), EDITS
)


def came(raw: Any) -> dict[str, Any] | None:
    """The order as the poll gets it, and as it is opened again later."""
    order = clean_json.parsed(written({"order": raw}))["order"]
    if not isinstance(order, dict):
        return None
    vault = a_vault()
    key, column = vault.new_key("eu/1"), SealedColumn.REPORT
    opened = vault.open(key, "eu/1", column, vault.seal(key, "eu/1", column, order))
    assert json.dumps(opened)
    return opened


def place(raw: Mapping[str, Any], store: StoreView, *, trust_total: bool) -> None:
    """Everything that is made of an order before a shop hears of it."""
    parsing.identify(raw)
    order = parsing.parse(raw)
    money = amounts.amounts(raw, trust_total=trust_total)
    assert all(abs(line.total) < LARGEST for line in money.lines.values())
    assert abs(money.grand_total) < LARGEST
    check_address(order)
    addresses.country_of(order.address or Address())
    for shape in OrderShape:
        body = build(
            order,
            money,
            products={line.sku: Product(1, line.sku, "x", "simple", True) for line in order.lines},
            store=store,
            regions=(),
            customer_id=None,
            increment_id=None,
            shape=shape,
        )
        json.dumps(body, default=float, allow_nan=False)


@pytest.mark.parametrize("trust_total", [False, True])
def test_amounts_beyond_every_column_are_held(trust_total: bool) -> None:
    item = a_raw_item(quantityOrdered=2**31 - 1)
    item["product"]["price"]["unitPrice"]["amount"] = "999999999999999"
    del item["proceeds"]
    order = came(a_raw_order(orderItems=[item]))
    assert order is not None
    with pytest.raises(CannotMap):
        amounts.amounts(order, trust_total=trust_total)


@looked_for(500)
@given(raw=ORDERS, trust_total=st.booleans())
def test_an_order_is_read_or_held(raw: Any, trust_total: bool) -> None:
    order = came(raw)
    if order is None:
        return
    try:
        place(order, STORE, trust_total=trust_total)
    except CannotMap as error:
        HoldCode(error.code)
        error.reason.encode()
        json.dumps(dict(error.facts))
