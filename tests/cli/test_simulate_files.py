"""The files that `orderbridge simulate` takes, and those that it cannot use."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.simulating import CONFIGURATION, NUMBER, Simulate, a_raw, body_of, last, told


@pytest.mark.parametrize(
    "shape",
    [
        lambda raw: {"order": raw},
        lambda raw: {"orders": [raw], "pagination": {}},
        lambda raw: [raw],
        lambda raw: [{"orders": [raw]}],
    ],
)
def test_every_shape_that_amazon_has_is_read(
    simulate: Simulate, shape: Callable[[Any], Any]
) -> None:
    plain = simulate(a_raw(), "--json")
    shaped = simulate(shape(a_raw()), "--json")
    assert (shaped.exit_code, shaped.stdout) == (0, plain.stdout)


def test_a_byte_order_mark_does_no_harm(simulate: Simulate) -> None:
    assert simulate(b"\xef\xbb\xbf" + json.dumps(a_raw()).encode()).exit_code == 0


V0 = {"payload": {"AmazonOrderId": NUMBER, "OrderStatus": "Unshipped"}}


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("", 2, "standard input: it is empty: an Amazon order as JSON is needed"),
        (" \n", 2, "standard input: it is empty: an Amazon order as JSON is needed"),
        ("{", 2, "standard input: it is not JSON: an Amazon order as JSON is needed"),
        (b"\xff\xfe{\x00", 2, "standard input: it is not JSON: an Amazon order as JSON is needed"),
        ("[" * 5000, 2, "standard input: it is not JSON: an Amazon order as JSON is needed"),
        (
            "<!doctype html>",
            2,
            "standard input: it is HTML or XML: an Amazon order as JSON is needed",
        ),
        ("3", 2, "standard input: it holds a number where an order is needed"),
        ('["x"]', 2, "standard input: it holds a text where an order is needed"),
        ("[[[[[]]]]]", 2, "standard input: it holds a list where an order is needed"),
        ("{}", 2, "standard input: it holds no order: neither order, orders nor orderId is there"),
        (
            '{"errors": []}',
            2,
            "standard input: it is an error that Amazon answered, and holds no order",
        ),
        ('{"orders": []}', 1, "standard input holds no order"),
        (
            json.dumps(V0),
            2,
            "standard input: it is of the Orders API v0, which Orderbridge does not use: take the "
            "reply of GET /orders/2026-01-01/orders/{orderId}",
        ),
        (
            " " * (32 * 1024**2 + 1),
            2,
            "standard input: it is larger than 32 MB, which is more than any answer of Amazon's",
        ),
    ],
    ids=lambda value: str(value)[:20].strip(),
)
def test_what_is_no_order_is_one_sentence(
    simulate: Simulate, content: str | bytes, code: int, sentence: str
) -> None:
    result = simulate(content)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == f"Error: {sentence}\n"


def test_a_saved_reply_of_magento_gives_ids_weights_and_names(simulate: Simulate) -> None:
    saved = {"items": [{"id": 77, "sku": "MUG-BLUE", "name": "Mug", "status": 1, "weight": 0.4}]}
    words = ("--json", "--products", "goods.json")
    order = told(simulate(a_raw(), *words, **{"goods.json": json.dumps(saved)}))
    (line,) = body_of(order, "order")["entity"]["items"]
    assert (line["product_id"], line["weight"], line["row_weight"]) == (77, 0.4, 0.8)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "it names no product: a column sku is needed, and a row per product"),
        ("name,qty\nMug,3\n", "row 1 has no sku"),
        ("sku,qty\nA,1\nB,many\n", "row 2: id, weight and qty have to be numbers"),
        ("{", "it is not JSON, although it begins like it"),
        ('{"message": "no"}', 'it is neither a list of products nor {"items": [...]}'),
    ],
)
def test_products_that_cannot_be_used(simulate: Simulate, content: str, sentence: str) -> None:
    result = simulate(a_raw(), "--products", "goods", goods=content)
    assert (result.exit_code, result.stderr) == (2, f"Error: goods: {sentence}\n")


def test_saved_replies_tell_of_stores_regions_and_rates(simulate: Simulate) -> None:
    american = {"addressLine1": "410 Terry Ave N", "city": "Seattle", "stateOrRegion": "WA"}
    raw = a_raw(address=american | {"postalCode": "98109", "countryCode": "US"})
    config = {"id": 7, "code": "default", "website_id": 3, "base_currency_code": "USD"}
    replies: dict[str, Any] = {
        "V1/store/storeConfigs": [config],
        "/rest/V1/directory/countries/US": {
            "available_regions": [{"id": "62", "code": "WA", "name": "Washington"}]
        },
    }
    words = ("--json", "--shop", "shop.json")
    without_rate = told(simulate(raw, *words, **{"shop.json": json.dumps(replies)}))
    assert last(without_rate) == ("create_order", "held", "currency")
    replies["/directory/currency"] = {"exchange_rates": [{"currency_to": "EUR", "rate": 0.5}]}
    order = told(simulate(raw, *words, **{"shop.json": json.dumps(replies)}))
    entity = body_of(order, "order")["entity"]
    assert (entity["store_id"], entity["grand_total"], entity["base_grand_total"]) == (
        *(7, 28.79),
        57.58,
    )
    assert entity["billing_address"]["region_id"] == 62
    for content in ("[]", "{"):
        assert simulate(raw, *words, **{"shop.json": content}).exit_code == 2


TWO = CONFIGURATION.format(settings="") + (
    '[accounts.us]\nregion = "NA"\nshop = "main"\nstart_from = 2026-01-01T00:00:00Z\n'
)


@pytest.mark.parametrize(
    ("words", "configuration", "sentence"),
    [
        ((), TWO, "choose an account with --account: eu, us"),
        (("--account", "fe"), TWO, "there is no [accounts.fe] in orderbridge.toml"),
        (("--account", "eu"), None, "there is no orderbridge.toml that has an account eu"),
        (("--config", "x.toml"), None, "x.toml cannot be read (No such file or directory); set "
         "ORDERBRIDGE_CONFIG to your orderbridge.toml"),
        ((), "shops = 3", "orderbridge.toml: at least one [shops.NAME] is needed"),
        ((), 'master_key = "x"', "orderbridge.toml: master_key is a secret and belongs into the "
         "environment as ORDERBRIDGE_MASTER_KEY"),
        ((), TWO.replace('region = "NA"', 'region = "XX"'), "orderbridge.toml: accounts.us.region: "
         "Input should be 'NA', 'EU' or 'FE'"),
    ],
)  # fmt: skip
def test_settings_that_do_not_count(
    simulate: Simulate, words: tuple[str, ...], configuration: str | None, sentence: str
) -> None:
    files = {} if configuration is None else {"orderbridge.toml": configuration}
    result = simulate(a_raw(), *words, **files)
    assert (result.exit_code, result.stderr) == (2, f"Error: {sentence}\n")
