"""`orderbridge sku-map`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Unusable,
    columns,
    on_one_line,
    open_installation,
    print_json,
    system_user,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.operations.acts.map_sku import SkuDecisions
    from pipeline.operations.lists.mapped_skus import Mapped
    from pipeline.settings.model import Settings

_ACCOUNT = click.option(
    "--account", required=True, metavar="NAME", help="The account that sells it."
)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A SKU map for a shop: a file, or an account's SKUs mapped by hand. `missing` holds Amazon's
    SKUs by the SKU that the shop lacks."""

    path: Path | None
    account: str | None
    shop: str
    rows: int
    missing: Mapping[str, list[str]]


def used_maps(settings: Settings) -> dict[tuple[Path, str], dict[str, str]]:
    """The SKU maps in use, by file and shop. Raises ConfigError for a mistake in a map."""
    from pipeline.products.sku_map import SkuMapError, files_in_use, read
    from pipeline.settings.file import ConfigError

    rows_by_file: dict[tuple[Path, str], dict[str, str]] = {}
    for path, account in files_in_use(settings):
        try:
            rows_by_file[path, settings.accounts[account].shop] = read(path)
        except SkuMapError as error:
            raise ConfigError(str(error)) from error
    return rows_by_file


@click.group("sku-map", epilog=EXIT_STATUS)
def sku_map() -> None:
    """Map Amazon SKUs to products of the shop, and show the mappings.

    A mapping made here or in the console wins over the CSV files of the configuration.
    """


@sku_map.command("set", epilog=f"{EXIT_STATUS} Here 1 means that nothing was changed.")
@click.argument("amazon_sku")
@click.argument("magento_sku")
@_ACCOUNT
@click.option(
    "--anyway", is_flag=True, help="Do not ask the shop whether it has the product already."
)
@AS_JSON
def set_sku(amazon_sku: str, magento_sku: str, account: str, anyway: bool, as_json: bool) -> None:
    """Map AMAZON_SKU to the product MAGENTO_SKU.

    Orders held for this SKU are retried. Orders that are in Magento stay as they are. The shop is
    asked whether it has the product.
    """
    freed = _decide(lambda hand: hand.sell_as(account, amazon_sku, magento_sku, anyway=anyway))
    _say(f"{amazon_sku} is sold as {magento_sku}", freed, as_json)


@sku_map.command("unset", epilog=f"{EXIT_STATUS} Here 1 means that nothing was changed.")
@click.argument("amazon_sku")
@_ACCOUNT
@AS_JSON
def unset_sku(amazon_sku: str, account: str, as_json: bool) -> None:
    """Remove the mapping of AMAZON_SKU."""
    freed = _decide(lambda hand: hand.take_back(account, amazon_sku))
    _say(f"{amazon_sku} is not mapped by hand any more", freed, as_json)


@sku_map.command("list", epilog=EXIT_STATUS)
@click.option("--sku", default="", help="Only Amazon or Magento SKUs that contain this text.")
@click.option("--earlier", is_flag=True, help="Former mappings, newest first.")
@AS_JSON
def list_skus(sku: str, earlier: bool, as_json: bool) -> None:
    """List the SKUs mapped by hand, who mapped them, and how many held orders wait for each.

    Times are UTC.
    """
    with open_installation() as installation:
        from pipeline.operations.lists.mapped_skus import MappedSkus

        mapped = MappedSkus(installation.sessions)
        rows = mapped.earlier(sku, None) if earlier else mapped.page(sku, limit=None)[0]
    if as_json:
        print_json([_mapped_as_json(mapping) for mapping in rows])
    elif rows:
        last = "UNTIL" if earlier else "HELD ORDERS"
        table = [("ACCOUNT", "AMAZON SKU", "MAGENTO SKU", "SINCE", "BY", last)]
        click.echo("\n".join(columns([*table, *map(_mapped_as_row, rows)])))
    if not rows:
        click.echo(
            "There is no such mapping." if sku or earlier else "No SKU is mapped by hand.", err=True
        )
        raise click.exceptions.Exit(NOTHING_DONE)


@sku_map.command(epilog=EXIT_STATUS)
@AS_JSON
def check(as_json: bool) -> None:
    """Check that the shop has the products of each SKU map; a search covers 50 of them.

    SKUs mapped by hand are checked by account. Exit status 1 when a product is missing.
    """
    with open_installation() as installation:
        from pipeline.operations.lists.mapped_skus import MappedSkus

        settings = installation.settings
        files = used_maps(settings)
        mapped = MappedSkus(installation.sessions).page(limit=None)[0]
    checked = [_look(settings, path, None, shop, rows) for (path, shop), rows in files.items()]
    for name, account in settings.accounts.items():
        rows = {
            mapping.amazon_sku: mapping.magento_sku for mapping in mapped if mapping.account == name
        }
        if rows:
            checked.append(_look(settings, None, name, account.shop, rows))
    if as_json:
        print_json([_as_json(result) for result in checked])
    for result in checked if not as_json else ():
        source = str(result.path) if result.path else f"By hand for account {result.account},"
        count = "1 SKU is" if result.rows == 1 else f"{result.rows} SKUs are"
        click.echo(f"{source} for shop {result.shop}: {count} mapped")
        for magento, amazon in result.missing.items():
            text = f"  {magento} is not in the catalogue (for {', '.join(amazon)})"
            click.echo(on_one_line(text))
    if not checked and not as_json:
        click.echo("No SKU map is used.")
    if not checked or any(result.missing for result in checked):
        raise click.exceptions.Exit(NOTHING_DONE)


def _decide(act: Callable[[SkuDecisions], int]) -> int:
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.operations.acts.map_sku import Doubtful, SkuDecisions
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.acts.shop_product import products_of

        settings = installation.settings
        hand = SkuDecisions(
            installation.sessions,
            settings.accounts,
            system_user(),
            utc_now(),
            products_of(settings),
        )
        try:
            return act(hand)
        except Doubtful as error:
            raise click.ClickException(
                f"nothing was changed: {error}; --anyway maps it all the same"
            ) from error
        except NotPossible as error:
            raise click.ClickException(f"nothing was changed: {error}") from error


def _say(done: str, freed: int, as_json: bool) -> None:
    if as_json:
        print_json({"orders_looked_at": freed})
        return
    orders = "1 order is" if freed == 1 else f"{freed} orders are"
    click.echo(on_one_line(f"{done}; {orders} retried because of this."))


def _look(
    settings: Settings,
    path: Path | None,
    account: str | None,
    shop: str,
    rows: Mapping[str, str],
) -> _Checked:
    from pipeline.base.clock import utc_now
    from pipeline.base.errors import RemoteError
    from pipeline.magento.client import Magento
    from pipeline.magento.rest.catalog import EVERYWHERE

    try:
        products = Magento(shop, settings.shops[shop], now=utc_now).catalog.products(
            list(dict.fromkeys(rows.values())), EVERYWHERE
        )
    except RemoteError as error:
        raise Unusable(f"the search in shop {shop} failed: {error}") from error
    missing: dict[str, list[str]] = {}
    for amazon, magento in rows.items():
        if magento not in products:
            missing.setdefault(magento, []).append(amazon)
    return _Checked(path, account, shop, len(rows), missing)


def _as_json(result: _Checked) -> dict[str, Any]:
    return {
        "file": str(result.path) if result.path else None,
        "account": result.account,
        "shop": result.shop,
        "rows": result.rows,
        "missing": [
            {"magento_sku": magento, "amazon_skus": amazon}
            for magento, amazon in result.missing.items()
        ],
    }


def _mapped_as_row(mapping: Mapped) -> tuple[str, ...]:
    last = (
        f"{when(mapping.ended_at)} by {mapping.ended_by}"
        if mapping.ended_at
        else str(mapping.held or "-")
    )
    return (
        mapping.account,
        mapping.amazon_sku,
        mapping.magento_sku,
        when(mapping.set_at),
        mapping.set_by,
        last,
    )


def _mapped_as_json(mapping: Mapped) -> dict[str, Any]:
    return {
        "account": mapping.account,
        "amazon_sku": mapping.amazon_sku,
        "magento_sku": mapping.magento_sku,
        "set_at": mapping.set_at,
        "set_by": mapping.set_by,
        "ended_at": mapping.ended_at,
        "ended_by": mapping.ended_by,
        "held_orders": mapping.held,
    }
