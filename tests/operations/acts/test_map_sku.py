"""Mapping a SKU by hand: what counts, what is kept of before, and which orders it frees."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.tables import Note, Status
from pipeline.products.manual_sku_map import SkusByHand
from pipeline.products.tables import MappedSku
from tests.builders import ACCOUNT, NOW, an_item, an_order, loaded, stored

LATER = NOW + timedelta(minutes=10)
OTHER = "us"


def decisions(sessions: Sessions, author: str = "anna") -> SkuDecisions:
    return SkuDecisions(sessions, [ACCOUNT, OTHER], author, NOW)


def counting(sessions: Sessions, account: str = ACCOUNT) -> dict[str, str]:
    return dict(SkusByHand(sessions).of(account, ["MUG", "POT", "CUP"]))


def rows(sessions: Sessions) -> list[tuple[str, str, str, str | None]]:
    """Everything that was ever mapped, with its ends."""
    with sessions() as session:
        return [
            (mapping.amazon_sku, mapping.magento_sku, mapping.set_by, mapping.ended_by)
            for mapping in session.scalars(select(MappedSku).order_by(MappedSku.id))
        ]


def notes(sessions: Sessions) -> list[tuple[int, str, str]]:
    with sessions() as session:
        notes = session.scalars(select(Note).order_by(Note.id))
        return [(one.order_id, one.author, one.text) for one in notes]


def test_the_newest_counts_and_what_was_before_is_kept(sessions: Sessions) -> None:
    anna, otto = decisions(sessions), decisions(sessions, "otto")
    assert anna.sell_as(ACCOUNT, " MUG ", "CUP\n") == 0
    assert counting(sessions) == {"MUG": "CUP"}
    otto.sell_as(ACCOUNT, "MUG", "LAMP")
    otto.sell_as(OTHER, "MUG", "JUG")
    assert (counting(sessions), counting(sessions, OTHER)) == ({"MUG": "LAMP"}, {"MUG": "JUG"})
    anna.take_back(ACCOUNT, "MUG")
    assert (counting(sessions), counting(sessions, OTHER)) == ({}, {"MUG": "JUG"})
    assert rows(sessions) == [
        ("MUG", "CUP", "anna", "otto"),
        ("MUG", "LAMP", "otto", "anna"),
        ("MUG", "JUG", "otto", None),
    ]


def test_a_sku_mapped_to_itself_is_taken_back(sessions: Sessions) -> None:
    anna = decisions(sessions)
    anna.sell_as(ACCOUNT, "MUG", "CUP")
    anna.sell_as(ACCOUNT, "MUG", "MUG ")
    assert counting(sessions) == {}
    assert rows(sessions) == [("MUG", "CUP", "anna", "anna")]
    with pytest.raises(NotPossible, match="MUG is not mapped by hand"):
        anna.sell_as(ACCOUNT, "MUG", "MUG")


def test_amazon_tells_skus_apart_by_case(sessions: Sessions) -> None:
    decisions(sessions).sell_as(ACCOUNT, "mug", "MUG")
    assert dict(SkusByHand(sessions).of(ACCOUNT, ["mug", "MUG"])) == {"mug": "MUG"}


@pytest.mark.parametrize(
    ("account", "amazon", "magento", "sentence"),
    [
        ("uk", "MUG", "CUP", "there is no account uk"),
        (ACCOUNT, " ", "CUP", "give the SKU of Amazon"),
        (ACCOUNT, "MUG", "", "give the SKU of Magento"),
        (ACCOUNT, "MUG", "C" * 65, "64 characters at most, and Magento's has more"),
        (ACCOUNT, "M" * 65, "CUP", "64 characters at most, and Amazon's has more"),
        (ACCOUNT, "MUG", "C\x00P", "Magento's SKU has an invisible character"),
        (ACCOUNT, "MU\u200bG", "CUP", "Amazon's SKU has an invisible character"),
        (ACCOUNT, "MUG", "C\ud800P", "Magento's SKU has an invisible character"),
        (ACCOUNT, "POT", "LAMP", "POT is mapped to LAMP already"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    sessions: Sessions, account: str, amazon: str, magento: str, sentence: str
) -> None:
    decisions(sessions).sell_as(ACCOUNT, "POT", "LAMP")
    with pytest.raises(NotPossible, match=sentence):
        decisions(sessions).sell_as(account, amazon, magento)
    assert rows(sessions) == [("POT", "LAMP", "anna", None)]


def test_the_longest_skus_are_taken(sessions: Sessions) -> None:
    decisions(sessions).sell_as(ACCOUNT, "M" * 64, "Ü" * 64)
    assert dict(SkusByHand(sessions).of(ACCOUNT, ["M" * 64])) == {"M" * 64: "Ü" * 64}


def held(skus: str, code: str = "sku_not_found", **changes: Any) -> dict[str, Any]:
    facts = {"skus": skus, **changes.pop("facts", {})}
    return {
        **{"status": Status.HELD, "step": "enrich_order", "hold_code": code, "due_at": LATER},
        "hold_facts": facts,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "is_freed"),
    [
        (held("MUG"), True),
        (held("CUP, MUG, POT"), True),
        (held("CUP", "product_disabled", facts={"amazon_skus": "MUG"}), True),
        (held("CUP", "out_of_stock", facts={"amazon_skus": "MUG, POT"}), True),
        (held("MUG", "product_type"), True),
        (held("MUG", "product_refused"), True),
        (held("MUG", "product_disabled", facts={"amazon_skus": "CUP"}), False),
        (held("MUG-2"), False),
        (held("BIG MUG"), False),
        (held("mug"), False),
        (held("MUG", "currency"), False),
        (held("MUG", account=OTHER), False),
        (held("MUG", status=Status.WAITING), False),
        (held("", status=Status.DONE, due_at=None), False),
    ],
)
def test_frees_exactly_the_orders_that_wait_for_it(
    sessions: Sessions, changes: dict[str, Any], is_freed: bool
) -> None:
    order_id = stored(sessions, an_order(**changes))
    before = loaded(sessions, order_id)
    assert decisions(sessions).sell_as(ACCOUNT, "MUG", "CUP") == int(is_freed)
    after = loaded(sessions, order_id)
    assert (after.due_at, after.news) == (
        (NOW, before.news + 1) if is_freed else (before.due_at, before.news)
    )
    note = (order_id, "anna", "mapped MUG to CUP")
    assert notes(sessions) == ([note] if is_freed else [])


def test_one_fix_frees_all_of_them_the_most_urgent_first(sessions: Sessions) -> None:
    ids = [
        stored(sessions, an_order(**held("MUG", ship_by_at=ship_by_at)))
        for ship_by_at in (None, LATER, NOW)
    ]
    anna = decisions(sessions)
    assert anna.sell_as(ACCOUNT, "MUG", "CUP") == 3
    apart = timedelta(milliseconds=200)
    due = [loaded(sessions, order_id).due_at for order_id in ids]
    assert due == [NOW + 2 * apart, NOW + apart, NOW]
    anna.sell_as(ACCOUNT, "MUG", "LAMP")
    anna.take_back(ACCOUNT, "MUG")
    assert [text for order_id, _, text in notes(sessions) if order_id == ids[0]] == [
        "mapped MUG to CUP",
        "mapped MUG to LAMP in place of CUP",
        "took back the mapping of MUG to LAMP",
    ]


@pytest.mark.parametrize(
    ("changes", "sku", "news"),
    [
        ({"step": "enrich_order"}, "MUG", 1),
        ({"step": "enrich_order"}, "POT", 0),
        ({"step": "create_order"}, "MUG", 0),
        ({"step": "enrich_order", "account": OTHER}, "MUG", 0),
    ],
)
def test_a_step_that_looks_products_up_right_now_looks_again(
    sessions: Sessions, changes: dict[str, Any], sku: str, news: int
) -> None:
    items = [an_item(sku=sku)]
    order_id = stored(sessions, an_order(status=Status.RUNNING, items=items, **changes))
    before = loaded(sessions, order_id)
    assert decisions(sessions).sell_as(ACCOUNT, "MUG", "CUP") == 0
    after = loaded(sessions, order_id)
    assert (after.news - before.news, after.due_at) == (news, before.due_at)
    assert notes(sessions) == []
