"""Maps Amazon's SKUs to the shop's: first by the mappings that people made in the console or on
the command line, then by the merchant's SKU map.

The SKU map is a CSV file in UTF-8 whose header names `amazon_sku` and `magento_sku`; further
columns are the merchant's own. Amazon's SKUs are case-sensitive, so `amazon_sku` is compared with
case.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import Settings

if TYPE_CHECKING:
    from _csv import Reader as _Reader  # what csv.reader makes has no public name before 3.12

ByHand = Callable[[str, Collection[str]], Mapping[str, str]]
"""Magento's SKU by Amazon's, for the SKUs of an account that a person has mapped."""
_COLUMNS = ("amazon_sku", "magento_sku")


class SkuMapError(Exception):
    """The file cannot be used; the message names it, the line and the mistake."""


def read(path: Path) -> dict[str, str]:
    """Magento's SKU by Amazon's. Raises SkuMapError at the first mistake."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SkuMapError(f"the SKU map {path} is not in UTF-8") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return _pairs(rows)
    except (csv.Error, ValueError) as error:
        raise SkuMapError(f"the SKU map {path}, line {max(rows.line_num, 1)}: {error}") from error


def _unreadable(path: Path, error: OSError | ValueError) -> SkuMapError:
    """The error for an unreadable file; a ValueError means an impossible file name."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return SkuMapError(f"the SKU map {path} cannot be read ({why})")


def _pairs(rows: _Reader) -> dict[str, str]:
    """Magento's SKU by Amazon's. Raises ValueError at the line that `rows` has reached."""
    places = _places(next(rows, []))
    targets: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        amazon, magento = (row[at].strip() if at < len(row) else "" for at in places)
        if not amazon or not magento:
            raise ValueError(f"{_COLUMNS[1] if amazon else _COLUMNS[0]} is empty")
        if targets.setdefault(amazon, magento) != magento:
            raise ValueError(f"{amazon} is mapped to another SKU in line {lines[amazon]}")
        lines.setdefault(amazon, rows.line_num)
    return targets


def _places(header: list[str]) -> list[int]:
    names = [name.strip().casefold() for name in header]
    for column in _COLUMNS:
        if column not in names:
            raise ValueError(f"the header lacks the column {column}")
    return [names.index(column) for column in _COLUMNS]


def files_in_use(settings: Settings) -> list[tuple[Path, str]]:
    """The SKU maps in use, each with an account that uses it."""
    files: dict[tuple[Path, str], None] = {}
    for name, account in settings.accounts.items():
        for marketplace in (account.settings, *account.marketplaces.values()):
            if marketplace.sku_map is not None and marketplace.unknown_sku != "block":
                files[marketplace.sku_map, name] = None
    return list(files)


class SkuMaps:
    """The SKU maps; each file is read once, and again when it has changed."""

    def __init__(self, by_hand: ByHand) -> None:
        self._by_hand = by_hand
        self._kept: dict[Path, tuple[tuple[int, int], Mapping[str, str]]] = {}

    def targets(
        self, account: str, settings: MarketplaceSettings, skus: Collection[str]
    ) -> dict[str, str]:
        """The shop's SKU for each of Amazon's SKUs: the mapped SKU, or else the same.

        Mappings by hand count whatever `settings` say. Raises SkuMapError when the file is needed
        and cannot be read.
        """
        names = {sku: sku.strip() for sku in skus}
        mapped = dict(self._by_hand(account, set(names.values())))
        if settings.sku_map is not None and settings.unknown_sku != "block":
            left = [name for name in names.values() if name not in mapped]
            from_file = self._read(settings.sku_map) if left else {}
            mapped |= {name: from_file[name] for name in left if name in from_file}
        return {sku: mapped.get(name, sku) for sku, name in names.items()}

    def _read(self, path: Path) -> Mapping[str, str]:
        try:
            stat = path.stat()
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        stamp = (stat.st_mtime_ns, stat.st_size)
        kept = self._kept.get(path)
        if kept is None or kept[0] != stamp:
            kept = self._kept[path] = (stamp, read(path))
        return kept[1]
