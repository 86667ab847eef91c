"""Sixty orders, each from Amazon's answer into the Magento stand-in and through its invoice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from pipeline.amazon.amounts import amounts
from pipeline.amazon.parsing import parse
from pipeline.base.errors import CannotMap, OutcomeUnknown, Rejected
from pipeline.magento.client import Magento
from pipeline.magento.order.body import OrderShape, build
from pipeline.orders.channel_order import FulfilledBy
from pipeline.settings.model import ShopSettings
from sandbox.core import Store, make
from sandbox.magento.app import create_app
from sandbox.magento.auth import ACCESS_TOKEN
from sandbox.magento.schema import SCHEMA
from tests.magento.corpus import CASES, CREATED, HELD, MANY, Case, order

RATES = {"SEK": 11.2, "GBP": 0.857142, "USD": 1.0832, "PLN": 4.2671, "JPY": 161.2345}
ZERO = Decimal(0)


class Shop(NamedTuple):
    """A running shop, the client under test, and a look past it."""

    url: str
    magento: Magento

    def tell(self, **config: Any) -> None:
        requests.post(f"{self.url}/_control/config", json=config, timeout=10).raise_for_status()

    def read(self, what: str) -> Any:
        answer = requests.get(
            f"{self.url}/rest/V1/{what}",
            headers={"Authorization": f"Bearer {ACCESS_TOKEN}"},
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json(parse_float=Decimal)


@contextmanager
def a_shop(path: Path, base_currency: str) -> Iterator[Shop]:
    store = Store(path / f"{base_currency}.sqlite", SCHEMA)
    server = make(create_app(store, base_currency=base_currency), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    settings = ShopSettings.model_validate(
        {"base_url": url, "auth": "bearer", "access_token": ACCESS_TOKEN}
    )
    yield Shop(url, Magento("main", settings, now=lambda: datetime.now(UTC), sleep=lambda _: None))
    server.shutdown()
    server.server_close()
    thread.join()
    store.close()


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[dict[str, Shop]]:
    with ExitStack() as stack:
        found = {
            base: stack.enter_context(a_shop(tmp_path, base)) for base in ("EUR", "USD", "JPY")
        }
        found["EUR"].tell(**{"currency/rates": RATES})
        yield found


def placed(shop: Shop, number: int, case: Case) -> int:
    """Carry an order over as the steps do, and return its entity id."""
    raw = case.raw | {"orderId": f"302-{number:07}-{number:07}"}
    order = parse(raw)
    read = amounts(raw)
    if case.settings.get("tax") == "none":
        read = read.untaxed()
    store = shop.magento.directory.store_view("default")
    shape = OrderShape.NEW
    if order.fulfilled_by is FulfilledBy.AMAZON:
        shape = OrderShape.COMPLETE
    body = build(
        order,
        read,
        products=shop.magento.catalog.products({line.sku for line in order.lines}, "default"),
        store=store,
        regions=(),
        customer_id=None,
        increment_id=order.external_id,
        shape=shape,
        rate=shop.magento.directory.rate(store, read.currency),
        gift_wrap=case.settings.get("gift_wrap", "line"),
    )
    return shop.magento.orders.create(body, "default").entity_id


class Result(NamedTuple):
    """What became of an order in the shop, both currencies."""

    total: Decimal
    invoiced: Decimal
    base_total: Decimal
    base_invoiced: Decimal


def invoiced(shop: Shop, entity_id: int) -> Result:
    """Invoice an order, and look at both without the client under test."""
    invoice_id = shop.magento.invoices.create(entity_id)
    invoice, kept = shop.read(f"invoices/{invoice_id}"), shop.read(f"orders/{entity_id}")
    rows = kept["extension_attributes"]["taxes"]
    for base in ("", "base_"):
        # The shop considers it paid whole, and its tax report has all of the tax.
        assert amount(kept, f"{base}total_due") == 0
        assert sum((amount(row, f"{base}amount") for row in rows), ZERO) == (
            amount(kept, f"{base}tax_amount")
        )
    return Result(
        amount(kept, "grand_total"),
        amount(invoice, "grand_total"),
        amount(kept, "base_grand_total"),
        amount(invoice, "base_grand_total"),
    )


def amount(row: dict[str, Any], name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))


def test_every_order_has_amazons_total_or_is_held_with_what_is_wrong(
    shops: dict[str, Shop],
) -> None:
    table = [f"{'':3} {'kind':37} {'Amazon':>13} {'Magento':>9} {'invoice':>9} {'off':>6}"]
    for number, case in enumerate(CASES, start=1):
        shop = shops[case.base]
        if case.held is not None:
            with pytest.raises(CannotMap) as caught:
                placed(shop, number, case)
            code, words = case.held
            assert (caught.value.code, words in caught.value.reason) == (code, True), case.kind
            table.append(f"{number:3} {case.kind:37} {code}: {caught.value.reason[:70]}")
            continue
        assert case.total is not None
        amazon = Decimal(case.total)
        got = invoiced(shop, placed(shop, number, case))
        off = abs(got.total - amazon) + abs(got.invoiced - amazon)
        assert off == 0, case.kind
        assert got.base_total == got.base_invoiced, case.kind
        currency = case.raw["proceeds"]["grandTotal"]["currencyCode"]
        table.append(
            f"{number:3} {case.kind:37} {currency} {amazon:9} {got.total:9.2f} {got.invoiced:9.2f} "
            f"{off:6.2f}"
        )
    sys.stdout.write("\n" + "\n".join(table) + "\n")
    assert (len(CASES), len(CREATED), len(HELD)) == (60, 55, 5)


def test_a_shop_that_takes_few_lines_says_which_setting_to_raise(shops: dict[str, Shop]) -> None:
    shop, many = shops["EUR"], Case("25 lines", order("29.75", *MANY), "29.75")
    limits = "webapi/validation/complex_array_limit"
    shop.tell(**{"webapi/validation/input_limit_enabled": True, limits: 20})
    with pytest.raises(Rejected, match=f"is 20; the limit is the shop's setting {limits}"):
        placed(shop, 1, many)
    assert shop.magento.orders.find("302-0000001-0000001") == []
    shop.tell(**{limits: 25})
    assert invoiced(shop, placed(shop, 1, many)).invoiced == Decimal("29.75")


def test_a_shop_of_small_pages_is_read_to_the_end(shops: dict[str, Shop]) -> None:
    shop = shops["EUR"]
    ids = [placed(shop, number, CASES[0]) for number in range(1, 8)]
    shop.tell(
        **{
            "webapi/validation/input_limit_enabled": True,
            "webapi/validation/maximum_page_size": 3,
        }
    )
    assert sorted(shop.magento.orders.by_ids(ids)) == ids


def test_tax_rows_are_for_shops_that_know_them(shops: dict[str, Shop]) -> None:
    shop, raw = shops["EUR"], CASES[0].raw | {"orderId": "302-1"}
    store = shop.magento.directory.store_view("default")

    def sent(*, with_tax_rows: bool) -> int:
        body = build(
            parse(raw), amounts(raw), products={}, store=store, regions=(), customer_id=None,
            increment_id=None, shape=OrderShape.NEW, with_tax_rows=with_tax_rows,
        )  # fmt: skip
        created = shop.magento.orders.create(body, "default")
        return len(shop.read(f"orders/{created.entity_id}")["extension_attributes"]["taxes"])

    assert sent(with_tax_rows=True) == 1
    shop.tell(version="2.4.6")
    with pytest.raises(OutcomeUnknown):
        sent(with_tax_rows=True)
    assert sent(with_tax_rows=False) == 0
