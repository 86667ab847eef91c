"""Step 4: guest, found or created."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import CannotMap, Rejected
from pipeline.outcome import Done, HoldCode, Skipped
from tasks.steps.create_customer import create_customer
from tests.builders import a_raw_order, a_vault, an_order
from tests.tasks.fakes import FakeShop, MemoryLedger, clients

CREATE: dict[str, Any] = {"customers": "create", "welcome_mail": "accept"}
EMAIL = "berta@marketplace.example"
KEY = f"customer:main:1:{a_vault().pseudonym(EMAIL)}"
LOOK = ("find_customer", EMAIL, 1)


def test_guests_cost_no_call_and_need_no_readable_data() -> None:
    order = an_order()
    assert create_customer(order, clients()) == Skipped("guest order")
    assert order.magento_customer_id is None


@pytest.mark.parametrize("buyer", [{}, {"buyerEmail": ""}, {"buyerEmail": "  "}])
def test_without_an_e_mail_the_order_is_a_guests(buyer: dict[str, str]) -> None:
    order = an_order(raw=a_raw_order(buyer=buyer))
    assert create_customer(order, clients(**CREATE)) == Skipped(
        "guest order: Amazon gave no e-mail address"
    )


@pytest.mark.parametrize(
    ("found", "calls", "customer_id"),
    [
        (44, [LOOK], 44),
        (None, [LOOK, ("create_customer", EMAIL, "default")], 45),
    ],
)
def test_finds_or_creates_the_account(
    found: int | None, calls: list[tuple[Any, ...]], customer_id: int
) -> None:
    order = an_order(raw=a_raw_order())
    shop, ledger = FakeShop(find_customer=found, create_customer=45), MemoryLedger()
    assert create_customer(order, clients(shop=shop, ledger=ledger, **CREATE)) == Done()
    assert order.magento_customer_id == customer_id
    assert shop.calls == calls
    assert ledger.keys == [KEY]


def test_the_second_order_of_an_address_finds_the_first_ones_account_in_the_ledger() -> None:
    ledger = MemoryLedger(done={KEY: "45"})
    order = an_order(raw=a_raw_order(buyer={"buyerEmail": f" {EMAIL.upper()}"}))
    assert create_customer(order, clients(ledger=ledger, **CREATE)) == Done()
    assert order.magento_customer_id == 45


def test_the_key_tells_no_address_and_the_store_decides_the_website() -> None:
    order = an_order(raw=a_raw_order(fulfilled_by="AMAZON", status="SHIPPED"))
    shop, ledger = FakeShop(find_customer=None, create_customer=46), MemoryLedger()
    settings = {**CREATE, "fba_store": "amazon_fba"}
    assert create_customer(order, clients(shop=shop, ledger=ledger, **settings)) == Done()
    assert shop.calls[1] == ("create_customer", EMAIL, "amazon_fba")
    assert "berta" not in ledger.keys[0]


def test_a_refused_customer_is_held() -> None:
    shop = FakeShop(find_customer=None, create_customer=Rejected("no", status=400))
    with pytest.raises(CannotMap) as held:
        create_customer(an_order(raw=a_raw_order()), clients(shop=shop, **CREATE))
    assert held.value.code == HoldCode.CUSTOMER_REFUSED
