"""What our client sends of odd names, to a shop that runs 2.4.8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.base.errors import Rejected
from pipeline.base.http import Reply
from pipeline.magento.rest.replies import error_in
from tests.magento.builders import an_order
from tests.magento.standing_in import StandIn, client_of, standing_in


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as shop:
        shop.tell("config", version="2.4.8-p2")
        yield shop


@pytest.mark.parametrize("name", ["c/o Anna", "Zoë 😀 Müller", "A <b>B</b> Müller", "😀", "/"])
def test_a_customer_with_an_odd_name_is_taken(shop: StandIn, name: str) -> None:
    magento = client_of(shop.url)
    store = magento.directory.store_view("default")
    body = magento.customers.body(an_order(buyer_name=name), "anna@example.test", store, 1)
    assert magento.customers.create(body, store.code).id > 0


def test_a_refused_address_is_named_without_what_was_sent() -> None:
    said = {
        "message": "We can't save the address:\n%1",
        "parameters": ["Anna Meier has a wrong format"],
    }
    error = error_in(Reply(400, {}, said, True), is_write=True)
    assert isinstance(error, Rejected)
    assert str(error) == "Magento answered 400: We can't save the address: …"
    assert error.words.get_secret_value() == (
        "We can't save the address: Anna Meier has a wrong format"
    )
