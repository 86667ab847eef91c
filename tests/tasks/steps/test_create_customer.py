"""Step 4: guest, found or created."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.base.errors import CannotMap, OutcomeUnknown, Rejected
from pipeline.base.master_keys import MasterKey
from pipeline.base.vault import Vault
from pipeline.magento.rest.customers import Customer
from pipeline.orders.outcome import Done, HoldCode, Skipped
from pipeline.orders.tables import Order
from tests.builders import MASTER_KEY, a_raw_order, a_vault, an_order
from tests.tasks.as_run import create_customer
from tests.tasks.fakes import FakeShop, InTurn, clients
from tests.tasks.ledgers import SeededLedger

CREATE: dict[str, Any] = {"customers": "create", "welcome_mail": "accept"}
EMAIL = "berta@marketplace.example"
KEY = f"customer:main:1:{a_vault().pseudonym(EMAIL)}"
LOOK = ("find_customer", EMAIL, 1)
MAKE = ("create_customer", EMAIL, "default")
REFUSED = Rejected("no", status=400)


def customer_of(order: Order) -> tuple[int | None, int | None]:
    return order.magento_customer_id, order.magento_customer_group


def test_guests_cost_no_call_and_need_no_readable_data() -> None:
    order = an_order()
    assert create_customer(order, clients()) == Skipped("guest order")
    assert customer_of(order) == (None, None)


@pytest.mark.parametrize(
    ("buyer", "why"),
    [
        ({}, "Amazon gave no e-mail address"),
        ({"buyerEmail": ""}, "Amazon gave no e-mail address"),
        ({"buyerEmail": "  "}, "Amazon gave no e-mail address"),
        ({"buyerEmail": "berta"}, "Amazon's e-mail address of the buyer cannot be used"),
    ],
)
def test_without_an_e_mail_the_order_is_a_guests(buyer: dict[str, str], why: str) -> None:
    order = an_order(raw=a_raw_order(buyer=buyer))
    assert create_customer(order, clients(**CREATE)) == Skipped(f"guest order: {why}")


def test_nobody_gets_an_account_for_what_amazon_ships() -> None:
    order = an_order(raw=a_raw_order(fulfilled_by="AMAZON", status="SHIPPED"))
    assert create_customer(order, clients(**CREATE)) == Skipped(
        "guest order: Amazon fulfils it and does not name the buyer"
    )


def test_an_account_that_is_there_is_taken_with_its_group_and_left_as_it_is() -> None:
    order = an_order(raw=a_raw_order(buyer={"buyerEmail": f" {EMAIL.upper()}"}))
    shop, ledger = FakeShop(find_customer=Customer(44, 3)), SeededLedger()
    assert create_customer(order, clients(shop=shop, ledger=ledger, **CREATE)) == Done()
    assert customer_of(order) == (44, 3)
    assert (shop.calls, ledger.keys) == ([LOOK], [])


def test_an_account_that_is_not_there_is_created_in_the_group_that_was_chosen() -> None:
    order = an_order(raw=a_raw_order())
    shop = FakeShop(find_customer=None, create_customer=Customer(45, 2))
    ledger = SeededLedger()
    settings = {**CREATE, "customer_group": 2}
    assert create_customer(order, clients(shop=shop, ledger=ledger, **settings)) == Done()
    assert customer_of(order) == (45, 2)
    assert (shop.calls, ledger.keys) == ([LOOK, MAKE], [KEY])
    (body,) = shop.bodies
    assert (body["group_id"], body["store_id"], body["website_id"]) == (2, 1, 1)
    assert EMAIL not in KEY


def test_one_that_registered_since_we_looked_is_taken() -> None:
    order = an_order(raw=a_raw_order())
    shop = FakeShop(find_customer=InTurn(None, Customer(46, 4)), create_customer=REFUSED)
    assert create_customer(order, clients(shop=shop, **CREATE)) == Done()
    assert customer_of(order) == (46, 4)
    assert shop.calls == [LOOK, MAKE, LOOK]


def test_one_made_by_an_earlier_order_under_another_address_by_now_is_taken() -> None:
    order = an_order(raw=a_raw_order())
    shop = FakeShop(find_customer=None, customer=Customer(45, 1))
    ledger = SeededLedger(done={KEY: "45"})
    assert create_customer(order, clients(shop=shop, ledger=ledger, **CREATE)) == Done()
    assert customer_of(order) == (45, 1)
    assert shop.calls == [LOOK, ("customer", 45)]


def test_one_made_under_another_master_key_is_taken_too() -> None:
    later = Vault(MasterKey(MASTER_KEY).successor().secret)
    order = an_order(raw=a_raw_order())
    shop = FakeShop(find_customer=None, customer=Customer(45, 1))
    seen = clients(shop=shop, ledger=SeededLedger(done={KEY: "45"}), **CREATE)
    assert create_customer(order, replace(seen, pseudonym=later.pseudonym)) == Done()
    assert customer_of(order) == (45, 1)
    assert shop.calls == [LOOK, ("customer", 45)]


def test_one_that_was_deleted_in_the_shop_is_not_made_again() -> None:
    order = an_order(raw=a_raw_order(), magento_customer_id=45, magento_customer_group=1)
    shop, ledger = FakeShop(find_customer=None, customer=None), SeededLedger(done={KEY: "45"})
    assert create_customer(order, clients(shop=shop, ledger=ledger, **CREATE)) == Skipped(
        "guest order: the buyer's account was deleted in the shop"
    )
    assert customer_of(order) == (None, None)


def test_a_creation_without_an_answer_is_looked_for() -> None:
    order = an_order(raw=a_raw_order())
    shop = FakeShop(
        find_customer=InTurn(None, None, Customer(47, 1)),
        create_customer=OutcomeUnknown("cut off"),
        customer=Customer(47, 1),
    )
    ledger = SeededLedger()
    with pytest.raises(OutcomeUnknown):
        create_customer(order, clients(shop=shop, ledger=ledger, **CREATE))
    assert create_customer(order, clients(shop=shop, ledger=ledger, **CREATE)) == Done()
    assert customer_of(order) == (47, 1)
    assert shop.calls == [LOOK, MAKE, LOOK, LOOK, ("customer", 47)]


def test_a_refused_customer_is_held() -> None:
    shop = FakeShop(find_customer=None, create_customer=REFUSED)
    with pytest.raises(CannotMap) as held:
        create_customer(an_order(raw=a_raw_order()), clients(shop=shop, **CREATE))
    assert held.value.code == HoldCode.CUSTOMER_REFUSED
    assert shop.calls == [LOOK, MAKE, LOOK]
