"""`orderbridge sku-map`, its `check` against the stand-in; what `settings check` says of a map."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.base.db import Sessions
from tests.cli.conftest import NO_DATABASE, Run, environment, runner
from tests.console.builders import a_held_order, store
from tests.magento.standing_in import TOKEN, StandIn, standing_in

HEADER = "amazon_sku,magento_sku\n"
Maps = Callable[..., Run]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def mapping(tmp_path: Path, shop: StandIn, database_url: str) -> Maps:
    """`orderbridge` with a map of these rows, beside the configuration that names it."""

    def make(content: str, unknown_sku: str = "map") -> Run:
        variables = environment(tmp_path, database_url)
        config = Path(variables["ORDERBRIDGE_CONFIG"])
        text = config.read_text(encoding="utf-8")
        text = text.replace(
            "[accounts.eu.settings]\n",
            f'[accounts.eu.settings]\nunknown_sku = "{unknown_sku}"\nsku_map = "skus.csv"\n',
        ).replace('base_url = "https://api:hidden@shop.example/"',
                  f'base_url = "{shop.url}"\nauth = "bearer"')  # fmt: skip
        config.write_text(text, encoding="utf-8")
        (tmp_path / "skus.csv").write_text(content, encoding="utf-8")
        return runner(variables | {"ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN": TOKEN})

    return make


def test_a_map_whose_products_are_there_is_fine(mapping: Maps, tmp_path: Path) -> None:
    result = mapping(HEADER + "A,MUG-BLUE\nB,mug-red\nC,MUG-BLUE\n")("sku-map", "check")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'skus.csv'} for shop main: 3 SKUs are mapped\n"


def test_what_is_missing_is_named_with_one_search_for_fifty(
    mapping: Maps, tmp_path: Path, shop: StandIn
) -> None:
    rows = "".join(f"A-{number},NOPE-{number % 60}\n" for number in range(61))
    run = mapping(HEADER + "A,MUG-BLUE\n" + rows)
    result = run("sku-map", "check")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        f"{tmp_path / 'skus.csv'} for shop main: 62 SKUs are mapped",
        "  NOPE-0 is not in the catalogue (for A-0, A-60)",
    ]
    assert len(lines) == 61
    assert shop.answered("products") == {"products": 2}
    result = run("sku-map", "check", "--json")
    assert result.exit_code == 1
    (answer,) = json.loads(result.stdout)
    assert (answer["shop"], answer["rows"], len(answer["missing"])) == ("main", 62, 60)
    assert answer["missing"][0] == {"magento_sku": "NOPE-0", "amazon_skus": ["A-0", "A-60"]}


def test_a_map_that_does_not_count_is_not_read(mapping: Maps) -> None:
    run = mapping("nonsense", "block")
    result = run("sku-map", "check")
    assert (result.exit_code, result.stdout) == (1, "No SKU map is used.\n")
    assert run("settings", "check").exit_code == 0


@pytest.mark.parametrize("words", [("settings", "check"), ("sku-map", "check")])
def test_a_mistake_is_one_of_the_configuration(
    mapping: Maps, tmp_path: Path, words: tuple[str, str]
) -> None:
    result = mapping(HEADER + "A,MUG-BLUE\nA,MUG-RED\n")(*words)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: the SKU map {tmp_path / 'skus.csv'}, line 3: A is mapped to another SKU in line "
        "2\n"
    )


def test_a_map_needs_its_file(tmp_path: Path) -> None:
    variables = environment(tmp_path, NO_DATABASE)
    config = Path(variables["ORDERBRIDGE_CONFIG"])
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('invoice = "leave"', 'unknown_sku = "map"'), encoding="utf-8")
    result = runner(variables)("settings", "check")
    assert result.exit_code == 2
    assert 'unknown_sku = "map" needs sku_map, the path of the CSV file' in result.stderr


def test_a_shop_that_cannot_be_asked_is_named(mapping: Maps) -> None:
    result = mapping(HEADER + "A,MUG-BLUE\n")(
        "sku-map", "check", ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN="wrong"
    )
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: the search in shop main failed: Magento refuses")


def test_check_looks_at_what_is_mapped_by_hand_as_well(mapping: Maps, tmp_path: Path) -> None:
    run = mapping(HEADER + "A,MUG-BLUE\n")
    assert run("sku-map", "set", "B", "NOPE", "--account", "eu", "--anyway").exit_code == 0
    result = run("sku-map", "check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{tmp_path / 'skus.csv'} for shop main: 1 SKU is mapped",
        "By hand for account eu, for shop main: 1 SKU is mapped",
        "  NOPE is not in the catalogue (for B)",
    ]
    answer = json.loads(run("sku-map", "check", "--json").stdout)
    assert [(one["file"], one["account"], len(one["missing"])) for one in answer] == [
        (str(tmp_path / "skus.csv"), None, 0),
        (None, "eu", 1),
    ]


def test_a_sku_is_mapped_listed_and_taken_back(sessions: Sessions, orderbridge: Run) -> None:
    store(sessions, a_held_order())
    result = orderbridge("sku-map", "set", "MUG-1", "CUP", "--account", "eu", "--anyway")
    assert (result.exit_code, result.stdout) == (
        0,
        "MUG-1 is sold as CUP; 1 order is retried because of this.\n",
    )
    listed = orderbridge("sku-map", "list").stdout.splitlines()
    assert listed[0].split()[:5] == ["ACCOUNT", "AMAZON", "SKU", "MAGENTO", "SKU"]
    assert listed[1].split()[:3] == ["eu", "MUG-1", "CUP"]
    assert listed[1].endswith("  1")
    (answer,) = json.loads(orderbridge("sku-map", "list", "--sku", "cup", "--json").stdout)
    assert (
        answer["amazon_sku"],
        answer["magento_sku"],
        answer["held_orders"],
        answer["ended_at"],
    ) == (
        *("MUG-1", "CUP", 1),
        None,
    )
    result = orderbridge("sku-map", "unset", "MUG-1", "--account", "eu", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"orders_looked_at": 1})
    empty = orderbridge("sku-map", "list")
    assert (empty.exit_code, empty.stderr) == (1, "No SKU is mapped by hand.\n")
    (earlier,) = json.loads(orderbridge("sku-map", "list", "--earlier", "--json").stdout)
    assert earlier["ended_by"] == earlier["set_by"] != ""
    assert "UNTIL" in orderbridge("sku-map", "list", "--earlier").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("set", "A", "B", "--account", "us"), "nothing was changed: there is no account us"),
        (("set", "A", " ", "--account", "eu"), "nothing was changed: give the SKU of Magento"),
        (("unset", "A", "--account", "eu"), "nothing was changed: A is not mapped by hand"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    orderbridge: Run, words: tuple[str, ...], sentence: str
) -> None:
    result = orderbridge("sku-map", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {sentence}")


def test_a_product_that_the_shop_lacks_is_mapped_on_purpose_only(
    mapping: Maps, shop: StandIn
) -> None:
    run = mapping(HEADER)
    refused = run("sku-map", "set", "A", "NOPE", "--account", "eu")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: nothing was changed: the shop has no product NOPE; --anyway maps it all the same\n",
    )
    assert shop.answered("products") == {"products": 1}
    assert run("sku-map", "set", "A", "NOPE", "--account", "eu", "--anyway").exit_code == 0
    assert run("sku-map", "set", "B", "mug-blue", "--account", "eu").exit_code == 0
    assert shop.answered("products") == {"products": 2}
