"""The merchant's SKU map: what is read, what is refused, and that a changed file counts at once.

And that a person's word wins over it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from pipeline.products.sku_map import SkuMapError, SkuMaps, read
from pipeline.settings.marketplace import MarketplaceSettings
from tests.builders import ACCOUNT


def a_file(folder: Path, content: str | bytes) -> Path:
    path = folder / "skus.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "amazon_sku,magento_sku\nA-1,MUG\nB,LAMP\n",
        "amazon_sku;magento_sku\r\nA-1;MUG\r\nB;LAMP\r\n",
        "\ufeffamazon_sku,magento_sku\nA-1,MUG\nB,LAMP",
        'note;Magento_SKU ; amazon_sku\nmine, yours;MUG;A-1\n;;\n\n"x;y"; LAMP ;B\nno;MUG;A-1\n',
    ],
)
def test_reads_what_spreadsheets_write(tmp_path: Path, content: str) -> None:
    assert read(a_file(tmp_path, content)) == {"A-1": "MUG", "B": "LAMP"}


def test_a_sku_may_hold_the_other_separator(tmp_path: Path) -> None:
    content = 'amazon_sku,magento_sku\n"A,1",B;2\n'
    assert read(a_file(tmp_path, content)) == {"A,1": "B;2"}


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("", ", line 1: the header lacks the column amazon_sku"),
        ("amazon_sku,sku\nA,B\n", ", line 1: the header lacks the column magento_sku"),
        ("amazon_sku,magento_sku\nA,B\nA,C\n", ", line 3: A is mapped to another SKU in line 2"),
        ("amazon_sku,magento_sku\nA,B\nC, \n", ", line 3: magento_sku is empty"),
        ("amazon_sku,magento_sku\nA\n", ", line 2: magento_sku is empty"),
        ("amazon_sku,magento_sku\n,B\n", ", line 2: amazon_sku is empty"),
        ('amazon_sku,magento_sku\n"A,B\n', ", line 2: unexpected end of data"),
        ("amazon_sku,magento_sku\nÄ,B\n".encode("latin-1"), " is not in UTF-8"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, content: str | bytes, mistake: str
) -> None:
    path = a_file(tmp_path, content)
    with pytest.raises(SkuMapError) as told:
        read(path)
    assert str(told.value) == f"the SKU map {path}{mistake}"


def mapped(path: Path | None, unknown_sku: str = "map") -> MarketplaceSettings:
    return MarketplaceSettings.model_validate({"unknown_sku": unknown_sku, "sku_map": path})


def nothing_by_hand(account: str, skus: Collection[str]) -> Mapping[str, str]:
    return {}


def test_the_map_wins_and_the_rest_stands_for_itself(tmp_path: Path) -> None:
    path = a_file(tmp_path, "amazon_sku,magento_sku\nA,MUG\n")
    maps = SkuMaps(nothing_by_hand)
    as_mapped = {"A": "MUG", " A": "MUG", "a": "a", "": ""}
    assert maps.targets(ACCOUNT, mapped(path), ["A", " A", "a", ""]) == as_mapped
    assert maps.targets(ACCOUNT, mapped(path, "placeholder"), ["A"]) == {"A": "MUG"}
    assert maps.targets(ACCOUNT, mapped(path, "block"), ["A"]) == {"A": "A"}
    assert maps.targets(ACCOUNT, mapped(None, "placeholder"), ["A"]) == {"A": "A"}


def test_a_changed_file_counts_at_once_and_another_is_not_read_again(tmp_path: Path) -> None:
    path = a_file(tmp_path, "amazon_sku,magento_sku\nA,MUG\n")
    maps, settings = SkuMaps(nothing_by_hand), mapped(path)
    assert maps.targets(ACCOUNT, settings, ["A"]) == {"A": "MUG"}
    before = path.stat()
    a_file(tmp_path, "amazon_sku,magento_sku\nA,CUP\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert maps.targets(ACCOUNT, settings, ["A"]) == {"A": "MUG"}
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert maps.targets(ACCOUNT, settings, ["A"]) == {"A": "CUP"}
    a_file(tmp_path, "amazon_sku\n")
    with pytest.raises(SkuMapError, match="lacks the column magento_sku"):
        maps.targets(ACCOUNT, settings, ["A"])
    path.unlink()
    with pytest.raises(SkuMapError, match="cannot be read \\(No such file or directory\\)"):
        maps.targets(ACCOUNT, settings, ["A"])
    a_file(tmp_path, "amazon_sku,magento_sku\nA,LAMP\n")
    assert maps.targets(ACCOUNT, settings, ["A"]) == {"A": "LAMP"}


def lamp_by_hand(account: str, skus: Collection[str]) -> Mapping[str, str]:
    assert account == ACCOUNT
    return {sku: "LAMP" for sku in skus if sku == "A"}


@pytest.mark.parametrize("unknown_sku", ["block", "map", "placeholder"])
def test_what_is_mapped_by_hand_wins_whatever_is_set(tmp_path: Path, unknown_sku: str) -> None:
    path = a_file(tmp_path, "amazon_sku,magento_sku\nA,MUG\nB,CUP\n")
    targets = SkuMaps(lamp_by_hand).targets(ACCOUNT, mapped(path, unknown_sku), [" A", "B"])
    assert targets == {" A": "LAMP", "B": "B" if unknown_sku == "block" else "CUP"}


def test_a_broken_file_does_not_matter_to_what_is_mapped_by_hand(tmp_path: Path) -> None:
    path = a_file(tmp_path, "amazon_sku\nA\n")
    maps = SkuMaps(lamp_by_hand)
    assert maps.targets(ACCOUNT, mapped(path), ["A"]) == {"A": "LAMP"}
    with pytest.raises(SkuMapError):
        maps.targets(ACCOUNT, mapped(path), ["A", "B"])
