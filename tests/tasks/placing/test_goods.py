"""Amazon's SKUs and the shop's products: mapped, made where set so, and looked up anew if held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.errors import CannotMap, Rejected
from pipeline.magento.records import Product
from pipeline.magento.stock.placeholder_product import url_key
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.outcome import Done, Hold, HoldCode
from pipeline.orders.tables import Status
from tests.builders import a_raw_item, a_raw_order, an_order
from tests.tasks.as_run import enrich_order
from tests.tasks.fakes import MUG, Catalogue, FakeShop, InTurn, clients
from tests.tasks.ledgers import SeededLedger

MADE = Product(7, "MUG-BLUE", "Mug, blue", "simple", enabled=False)
KEY = "product:main:mug-blue"
LOOKED = ("products", ["MUG-BLUE"], "default")
LOOKED_EVERYWHERE = ("products", ["MUG-BLUE"], "all")


def two_lines(*skus: str) -> dict[str, Any]:
    """An order of two mugs of each SKU."""
    items = [
        a_raw_item(orderItemId=f"I{n}", product={"asin": "B1", "title": "Mug", "sellerSku": sku})
        for n, sku in enumerate(skus, start=1)
    ]
    total = {"amount": f"{20 * len(skus)}.00", "currencyCode": "EUR"}
    return a_raw_order(orderItems=items, proceeds={"grandTotal": total})


def a_map(folder: Path, *rows: str) -> dict[str, Any]:
    path = folder / "skus.csv"
    path.write_text("\n".join(["amazon_sku,magento_sku", *rows]), encoding="utf-8")
    return {"unknown_sku": "map", "sku_map": path}


def test_a_mapped_sku_is_that_product_and_shares_its_stock(tmp_path: Path) -> None:
    settings = a_map(tmp_path, "AMZ-1,MUG-BLUE", "AMZ-2,MUG-BLUE")
    order = an_order(raw=two_lines("AMZ-1", "AMZ-2"))
    shop = FakeShop(products={"MUG-BLUE": MUG}, salable={"MUG-BLUE": True})
    assert enrich_order(order, clients(shop=shop, **settings)) == Done()
    kept = [(item.external_item_id, item.sku, item.product) for item in order.items]
    assert kept == [("I1", "AMZ-1", MUG.as_json()), ("I2", "AMZ-2", MUG.as_json())]
    assert shop.calls[1:] == [("salable", {"MUG-BLUE": 4}, "default")]


def test_the_map_wins_over_a_product_of_the_same_sku(tmp_path: Path) -> None:
    settings = a_map(tmp_path, "MUG-BLUE,CUP")
    cup = replace(MUG, id=2, sku="CUP")
    shop = FakeShop(products={"MUG-BLUE": MUG, "CUP": cup}, salable={"CUP": True})
    order = an_order(raw=a_raw_order())
    assert enrich_order(order, clients(shop=shop, **settings)) == Done()
    assert order.items[0].product == cup.as_json()
    assert shop.calls == [("products", ["CUP"], "default"), ("salable", {"CUP": 2}, "default")]


@pytest.mark.parametrize("unknown_sku", ["map", "placeholder"])
def test_a_mistake_in_the_map_makes_no_product(tmp_path: Path, unknown_sku: str) -> None:
    settings = a_map(tmp_path, "MUG-BLUE,CUPP") | {"unknown_sku": unknown_sku}
    outcome = enrich_order(
        an_order(raw=a_raw_order()), clients(shop=FakeShop(products={}), **settings)
    )
    assert outcome == Hold(
        HoldCode.SKU_NOT_FOUND,
        "CUPP (to which MUG-BLUE is mapped) is not in Magento's catalogue; add it, or map its SKU "
        "anew (console: SKU map), and the order goes on by itself",
        {"skus": "MUG-BLUE"},
    )


@pytest.mark.parametrize("unknown_sku", ["block", "placeholder"])
def test_what_a_person_mapped_counts_whatever_is_set(unknown_sku: str) -> None:
    cup = replace(MUG, id=2, sku="CUP")
    shop = FakeShop(products={"MUG-BLUE": MUG, "CUP": cup}, salable={"CUP": True})
    order = an_order(raw=a_raw_order())
    by_hand = {"MUG-BLUE": "CUP"}
    everything = clients(shop=shop, by_hand=by_hand, unknown_sku=unknown_sku)
    assert enrich_order(order, everything) == Done()
    assert (order.items[0].sku, order.items[0].product) == ("MUG-BLUE", cup.as_json())
    assert shop.calls == [("products", ["CUP"], "default"), ("salable", {"CUP": 2}, "default")]


@pytest.mark.parametrize("unknown_sku", ["block", "placeholder"])
def test_what_a_person_mapped_and_is_not_there_holds_and_says_where_to_change_it(
    unknown_sku: str,
) -> None:
    shop = FakeShop(products={})
    everything = clients(shop=shop, by_hand={"MUG-BLUE": "CUPP"}, unknown_sku=unknown_sku)
    assert enrich_order(an_order(raw=a_raw_order()), everything) == Hold(
        HoldCode.SKU_NOT_FOUND,
        "CUPP (to which MUG-BLUE is mapped) is not in Magento's catalogue; add it, or map its SKU "
        "anew (console: SKU map), and the order goes on by itself",
        {"skus": "MUG-BLUE"},
    )


CUP = replace(MUG, id=2, sku="CUP")


@pytest.mark.parametrize(
    ("product", "salable", "code", "facts"),
    [
        (replace(CUP, enabled=False), True, HoldCode.PRODUCT_DISABLED, {}),
        (replace(CUP, type_id="giftcard"), True, HoldCode.PRODUCT_TYPE, {"type": "giftcard"}),
        (CUP, False, HoldCode.OUT_OF_STOCK, {}),
    ],
)
def test_a_mapped_product_that_cannot_be_sold_names_both_skus(
    product: Product, salable: bool, code: HoldCode, facts: dict[str, str]
) -> None:
    shop = FakeShop(products={"CUP": product}, salable={"CUP": salable})
    outcome = enrich_order(
        an_order(raw=a_raw_order()), clients(shop=shop, by_hand={"MUG-BLUE": "CUP"})
    )
    assert isinstance(outcome, Hold)
    assert outcome.code is code
    assert outcome.facts == {"skus": "CUP", "amazon_skus": "MUG-BLUE", **facts}


def test_an_unusable_map_holds_the_order_with_file_and_line(tmp_path: Path) -> None:
    settings = a_map(tmp_path, "MUG-BLUE,")
    with pytest.raises(CannotMap) as held:
        enrich_order(an_order(raw=a_raw_order()), clients(**settings))
    assert held.value.code == HoldCode.SKU_NOT_FOUND
    assert held.value.reason == (
        f"the SKU map {tmp_path / 'skus.csv'}, line 2: magento_sku is empty; correct it and the "
        "order goes on by itself"
    )


@pytest.mark.parametrize(
    ("hold_code", "is_fresh"),
    [
        (None, False),
        ("address_unusable", False),
        ("sku_not_found", True),
        ("product_disabled", True),
        ("product_type", True),
        ("product_refused", True),
        ("out_of_stock", True),
    ],
)
def test_an_order_held_for_its_goods_is_looked_up_anew(
    hold_code: str | None, is_fresh: bool
) -> None:
    catalogue = Catalogue()
    shop = FakeShop(products={"MUG-BLUE": MUG}, salable={"MUG-BLUE": True})
    order = an_order(raw=a_raw_order(), status=Status.RUNNING, hold_code=hold_code)
    assert enrich_order(order, clients(shop=shop, catalogue=catalogue)) == Done()
    assert catalogue.fresh == [is_fresh]


def an_empty_shop(**answers: Any) -> FakeShop:
    """A shop that lacks the product until we made it."""
    return FakeShop(products=InTurn({}, {}, {"MUG-BLUE": MADE}), **{"create_product": 7} | answers)


def test_an_unknown_sku_gets_a_disabled_product_without_stock() -> None:
    shop, ledger = an_empty_shop(), SeededLedger()
    order = an_order(raw=a_raw_order())
    assert enrich_order(order, clients(shop=shop, ledger=ledger, unknown_sku="placeholder")) == (
        Done()
    )
    assert order.items[0].product == MADE.as_json()
    # Nobody asks whether it can be sold: there is no stock of it.
    created = ("create_product", "MUG-BLUE")
    assert shop.calls == [LOOKED, LOOKED_EVERYWHERE, created, LOOKED_EVERYWHERE]
    assert ledger.done == {KEY: "7"}


def test_what_another_order_had_made_is_no_disabled_product() -> None:
    shop = FakeShop(products={"MUG-BLUE": MADE})
    everything = clients(shop=shop, ledger=SeededLedger({KEY: "7"}), unknown_sku="placeholder")
    order = an_order(raw=a_raw_order())
    assert enrich_order(order, everything) == Done()
    assert shop.calls == [LOOKED]


@pytest.mark.parametrize("unknown_sku", ["placeholder", "block"])
def test_a_disabled_product_of_the_merchants_is_held(unknown_sku: str) -> None:
    shop = FakeShop(products={"MUG-BLUE": replace(MADE, id=8)})
    ledger = SeededLedger({KEY: "7"})
    outcome = enrich_order(
        an_order(raw=a_raw_order()), clients(shop=shop, ledger=ledger, unknown_sku=unknown_sku)
    )
    assert isinstance(outcome, Hold)
    assert outcome.code is HoldCode.PRODUCT_DISABLED


def test_a_placeholder_that_was_enabled_is_a_product_like_any_other() -> None:
    shop = FakeShop(products={"MUG-BLUE": replace(MADE, enabled=True)}, salable={"MUG-BLUE": False})
    everything = clients(shop=shop, ledger=SeededLedger({KEY: "7"}), unknown_sku="placeholder")
    outcome = enrich_order(an_order(raw=a_raw_order()), everything)
    assert isinstance(outcome, Hold)
    assert outcome.code is HoldCode.OUT_OF_STOCK


def test_a_product_that_only_this_store_view_lacks_is_not_overwritten() -> None:
    shop = FakeShop(products=InTurn({}, {"MUG-BLUE": MUG}), salable={"MUG-BLUE": True})
    order = an_order(raw=a_raw_order())
    assert enrich_order(order, clients(shop=shop, unknown_sku="placeholder")) == Done()
    assert order.items[0].product == MUG.as_json()
    assert shop.bodies == []


def test_a_try_that_may_have_landed_is_looked_for_by_what_only_ours_has() -> None:
    shop = an_empty_shop(product_at=7)
    ledger = SeededLedger(begun=[KEY])
    outcome = enrich_order(
        an_order(raw=a_raw_order()), clients(shop=shop, ledger=ledger, unknown_sku="placeholder")
    )
    assert outcome == Done()
    assert ("product_at", url_key("MUG-BLUE")) in shop.calls
    assert shop.bodies == []


def test_a_refused_placeholder_holds_the_order() -> None:
    shop = FakeShop(products={}, create_product=Rejected("URL key is taken"))
    with pytest.raises(CannotMap) as held:
        enrich_order(an_order(raw=a_raw_order()), clients(shop=shop, unknown_sku="placeholder"))
    assert held.value.code == HoldCode.PRODUCT_REFUSED
    assert held.value.facts == {"skus": "MUG-BLUE"}


def test_a_placeholder_that_was_deleted_is_not_made_again() -> None:
    shop = FakeShop(products={})
    everything = clients(shop=shop, ledger=SeededLedger({KEY: "7"}), unknown_sku="placeholder")
    with pytest.raises(CannotMap, match="is gone from Magento's catalogue") as held:
        enrich_order(an_order(raw=a_raw_order()), everything)
    assert held.value.code == HoldCode.SKU_NOT_FOUND
    assert shop.bodies == []


def test_a_line_without_a_sku_gets_no_product() -> None:
    shop = FakeShop(products={})
    raw = a_raw_order(orderItems=[a_raw_item(product={"asin": "B1", "title": "Mug"})])
    outcome = enrich_order(an_order(raw=raw), clients(shop=shop, unknown_sku="placeholder"))
    assert isinstance(outcome, Hold)
    assert (outcome.code, outcome.facts) == (HoldCode.SKU_NOT_FOUND, {"skus": "(no SKU)"})


@pytest.mark.parametrize("type_id", ["giftcard", "anything"])
@pytest.mark.parametrize("fulfilled_by", list(FulfilledBy))
def test_other_kinds_of_products_are_held(type_id: str, fulfilled_by: FulfilledBy) -> None:
    shop = FakeShop(products={"MUG-BLUE": replace(MUG, type_id=type_id)})
    by = "AMAZON" if fulfilled_by is FulfilledBy.AMAZON else "MERCHANT"
    status = "SHIPPED" if by == "AMAZON" else "UNSHIPPED"
    outcome = enrich_order(
        an_order(raw=a_raw_order(fulfilled_by=by, status=status)), clients(shop=shop)
    )
    assert outcome == Hold(
        HoldCode.PRODUCT_TYPE,
        f"MUG-BLUE is a {type_id} product; only simple, virtual and downloadable products can be "
        "placed",
        {"skus": "MUG-BLUE", "type": type_id},
    )
