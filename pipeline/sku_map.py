"""The merchant's SKU map: which product of the shop an Amazon SKU stands for.

A CSV file in UTF-8 whose header names `amazon_sku` and `magento_sku`; further columns are the
merchant's own. Amazon tells SKUs apart by case, so the left column is taken as it is written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.marketplace_settings import MarketplaceSettings

if TYPE_CHECKING:
    from _csv import Reader as _Reader  # what csv.reader makes has no public name before 3.12

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
    """ValueError: a name that no file can have."""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return SkuMapError(f"the SKU map {path} cannot be read ({why})")


def _pairs(rows: _Reader) -> dict[str, str]:
    """Both columns. Raises ValueError at the line that `rows` has come to."""
    places = _places(next(rows, []))
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        amazon, magento = (row[at].strip() if at < len(row) else "" for at in places)
        if not amazon or not magento:
            raise ValueError(f"{_COLUMNS[1] if amazon else _COLUMNS[0]} is empty")
        if found.setdefault(amazon, magento) != magento:
            raise ValueError(f"{amazon} is mapped to another SKU in line {lines[amazon]}")
        lines.setdefault(amazon, rows.line_num)
    return found


def _places(header: list[str]) -> list[int]:
    names = [name.strip().casefold() for name in header]
    for column in _COLUMNS:
        if column not in names:
            raise ValueError(f"the header lacks the column {column}")
    return [names.index(column) for column in _COLUMNS]


class SkuMaps:
    """The maps in use: each file is read once, and again when it has changed."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[tuple[int, int], Mapping[str, str]]] = {}

    def targets(self, settings: MarketplaceSettings, skus: Collection[str]) -> dict[str, str]:
        """For each of Amazon's SKUs the one to look for in the shop: the mapped one, or itself.

        Raises SkuMapError.
        """
        if settings.sku_map is None or settings.unknown_sku == "block":
            return {sku: sku for sku in skus}
        mapped = self._read(settings.sku_map)
        return {sku: mapped.get(sku.strip(), sku) for sku in skus}

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
