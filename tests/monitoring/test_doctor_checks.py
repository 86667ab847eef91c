"""`orderbridge doctor`: what it finds in a shop, against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.magento.client import Magento
from pipeline.monitoring.doctor_checks import Finding, examine, patient_of, prove_stock
from tests.builders import NOW, SHOP, settings
from tests.cli.conftest import environment
from tests.magento.standing_in import TOKEN, StandIn, standing_in


@pytest.fixture(scope="module")
def one_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with standing_in(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def shop(one_shop: StandIn) -> StandIn:
    one_shop.tell("reset")
    return one_shop


def found(shop: StandIn, version: str = "2.4.7", **marketplace: Any) -> list[Finding]:
    at = {"base_url": shop.url, "access_token": TOKEN, "version": version}
    loaded = settings(shop=at, marketplace=marketplace)
    client = Magento(SHOP, loaded.shops[SHOP], now=lambda: NOW, sleep=lambda _: None)
    return list(examine(patient_of(loaded, SHOP, client)))


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: str(finding.verdict) for finding in findings}


ALL_WELL = dict.fromkeys(
    ("sign in", "store view", "rights", "inventory", "version", "limits", "mails", "stock"), "ok"
)


def test_a_shop_as_it_should_be(shop: StandIn) -> None:
    findings = found(shop, fba_store="amazon_fba")
    assert verdicts(findings) == ALL_WELL
    assert [finding.sentence for finding in findings if finding.check == "store view"] == [
        "amazon_fba exists; its currency is EUR",
        "default exists; its currency is EUR",
    ]
    assert shop.ask("orders") == []


def test_a_shop_that_does_not_let_us_in_is_asked_nothing_else(shop: StandIn) -> None:
    shop.tell("config", **{"oauth/consumer/enable_integration_as_bearer": False})
    findings = found(shop)
    assert verdicts(findings) == {"sign in": "failed"}
    assert "401" in findings[0].sentence


@pytest.mark.parametrize(
    ("config", "marketplace", "changed"),
    [
        ({}, {"magento_store": "nowhere"}, {"store view": "failed"}),
        (
            {"integration/withheld": ["Magento_Sales::sales_creditmemo"]},
            {},
            {"rights": "failed"},
        ),
        ({"version": "2.4.6"}, {}, {"version": "failed"}),
        (
            {"webapi/validation/input_limit_enabled": True,
             "webapi/validation/maximum_page_size": 50},
            {},
            {"limits": "warning"},
        ),
        ({"webapi/validation/input_limit_enabled": True}, {}, {}),
        ({"modules/inventory": False}, {}, {"inventory": "warning"}),
        ({}, {"customers": "create", "welcome_mail": "accept"}, {"mails": "warning"}),
        ({}, {"stock": "none"}, {"stock": "warning"}),
        ({}, {"unknown_sku": "map", "sku_map": "/nowhere.csv"}, {"SKU map": "failed"}),
    ],
    ids=[
        *("store view", "rights", "version", "small pages", "large pages", "no inventory"),
        *("mails", "no stock", "SKU map"),
    ],
)  # fmt: skip
def test_what_is_not_well_is_found(
    shop: StandIn, config: dict[str, Any], marketplace: dict[str, Any], changed: dict[str, str]
) -> None:
    shop.tell("config", **config)
    findings = found(shop, **marketplace)
    assert verdicts(findings) == ALL_WELL | changed
    assert all(finding.remedy for finding in findings if finding.verdict != "ok")
    assert shop.ask("orders") == []


def test_before_2_4_7_the_shop_is_known_by_its_500(shop: StandIn) -> None:
    shop.tell("config", version="2.4.6")
    assert verdicts(found(shop, version="2.4.6"))["version"] == "ok"


def proved(shop: StandIn, sku: str) -> Finding:
    loaded = settings(shop={"base_url": shop.url, "access_token": TOKEN})
    client = Magento(SHOP, loaded.shops[SHOP], now=lambda: NOW, sleep=lambda _: None)
    return prove_stock(patient_of(loaded, SHOP, client), sku, "STOCK-TEST-1")


def test_one_piece_is_reserved_and_given_back(shop: StandIn) -> None:
    finding = proved(shop, "MUG-BLUE")
    assert (finding.verdict, finding.sentence) == (
        "ok",
        "stock is reserved and released: salable quantity of MUG-BLUE: 100 before, 99 with the "
        "test order, 100 after it was cancelled; order STOCK-TEST-1 stays in the shop",
    )
    (order,) = shop.ask("orders")
    assert (order["increment_id"], order["state"], order["grand_total"]) == (
        "STOCK-TEST-1",
        "canceled",
        0,
    )
    assert shop.stock("MUG-BLUE") == (100, 0, 100)
    assert shop.ask("mails") == []


@pytest.mark.parametrize("sku", ["NOPE", "OUT-1"])
def test_what_cannot_be_proved_is_a_failure(shop: StandIn, sku: str) -> None:
    assert proved(shop, sku).verdict == "failed"


def run(folder: Path, shop: StandIn, *words: str, input: str = "") -> Result:
    variables = environment(folder, "postgresql+psycopg://nobody@127.0.0.1:1/none")
    path = folder / "orderbridge.toml"
    text = path.read_text(encoding="utf-8").replace(
        'base_url = "https://api:hidden@shop.example/"',
        f'base_url = "{shop.url}"\nauth = "bearer"',
    )
    path.write_text(text.replace('magento_store = "german"', ""), encoding="utf-8")
    variables["ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN"] = TOKEN
    only = () if "--shop" in words else ("--shop", "main")
    return CliRunner().invoke(main, ["doctor", *only, *words], input=input, env=variables)


def test_the_command_says_what_it_found_and_ends_with_0(shop: StandIn, tmp_path: Path) -> None:
    result = run(tmp_path, shop)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("OK  main  sign in")
    answer = json.loads(run(tmp_path, shop, "--json").stdout)
    assert {one["verdict"] for one in answer} == {"ok"}
    assert set(answer[0]) == {"about", "check", "verdict", "sentence", "remedy"}


def test_the_command_ends_with_1_when_something_failed(shop: StandIn, tmp_path: Path) -> None:
    shop.tell("config", version="2.4.6")
    assert run(tmp_path, shop).exit_code == 1
    assert run(tmp_path, shop, "--shop", "other").exit_code == 1


def test_the_test_order_is_made_only_when_a_person_says_so(shop: StandIn, tmp_path: Path) -> None:
    result = run(tmp_path, shop, "--prove-stock", "MUG-BLUE", input="n\n")
    assert (result.exit_code, shop.ask("orders")) == (1, [])
    assert run(tmp_path, shop, "--prove-stock", "MUG-BLUE", input="y\n").exit_code == 0
    result = run(tmp_path, shop, "--prove-stock", "MUG-BLUE", "--yes", "--json")
    answer = json.loads(result.stdout)
    assert answer[-1]["check"] == "prove stock"
    assert shop.stock("MUG-BLUE") == (100, 0, 100)
