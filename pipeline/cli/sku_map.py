"""`orderbridge sku-map`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    EXIT_STATUS,
    NOTHING_DONE,
    Unusable,
    clear_errors,
    on_one_line,
    print_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class _Checked:
    """A map for a shop; `missing` are Amazon's SKUs by the shop's SKU that is not there."""

    path: Path
    shop: str
    rows: int
    missing: Mapping[str, list[str]]


def used_maps(settings: Settings) -> dict[tuple[Path, str], dict[str, str]]:
    """The maps that count somewhere, by file and shop. Raises ConfigError at a mistake in one."""
    from pipeline.configuration import ConfigError
    from pipeline.sku_map import SkuMapError, read

    found: dict[tuple[Path, str], dict[str, str]] = {}
    for account in settings.accounts.values():
        for one in (account.settings, *account.marketplaces.values()):
            if one.sku_map is not None and one.unknown_sku != "block":
                try:
                    found[one.sku_map, account.shop] = read(one.sku_map)
                except SkuMapError as error:
                    raise ConfigError(str(error)) from error
    return found


@click.group("sku-map", epilog=EXIT_STATUS)
def sku_map() -> None:
    """Look at the CSV files that say which product of the shop an Amazon SKU stands for."""


@sku_map.command(epilog=EXIT_STATUS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def check(as_json: bool) -> None:
    """Read each map and look whether the shop has its products: one search for 50 of them.

    A product that is not there counts as one not found.
    """
    with clear_errors():
        from pipeline.configuration import load

        settings = load()
        maps = used_maps(settings)
    checked = [_look(settings, path, shop, rows) for (path, shop), rows in maps.items()]
    if as_json:
        print_json([_as_json(one) for one in checked])
    for one in checked if not as_json else ():
        click.echo(f"{one.path} for shop {one.shop}: {one.rows} SKUs are mapped")
        for magento, amazon in one.missing.items():
            text = f"  {magento} is not in the catalogue (for {', '.join(amazon)})"
            click.echo(on_one_line(text))
    if not checked and not as_json:
        click.echo("No SKU map is used.")
    if not checked or any(one.missing for one in checked):
        raise click.exceptions.Exit(NOTHING_DONE)


def _look(settings: Settings, path: Path, shop: str, rows: Mapping[str, str]) -> _Checked:
    from pipeline.clock import utc_now
    from pipeline.errors import RemoteError
    from pipeline.magento.catalog import EVERYWHERE
    from pipeline.magento.client import Magento

    try:
        there = Magento(shop, settings.shops[shop], now=utc_now).products(
            list(dict.fromkeys(rows.values())), EVERYWHERE
        )
    except RemoteError as error:
        raise Unusable(f"the shop {shop} cannot be asked: {error}") from error
    missing: dict[str, list[str]] = {}
    for amazon, magento in rows.items():
        if magento not in there:
            missing.setdefault(magento, []).append(amazon)
    return _Checked(path, shop, len(rows), missing)


def _as_json(one: _Checked) -> dict[str, Any]:
    return {
        "file": str(one.path),
        "shop": one.shop,
        "rows": one.rows,
        "missing": [
            {"magento_sku": magento, "amazon_skus": amazon}
            for magento, amazon in one.missing.items()
        ],
    }
