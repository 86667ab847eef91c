"""`orderbridge settings`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    clear_errors,
    columns,
    open_installation,
    print_json,
    signature,
    when,
)
from pipeline.cli.sku_map import used_maps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from pipeline.settings.model import AccountSettings, Settings


@click.group(epilog=EXIT_STATUS)
def settings() -> None:
    """Show the configuration, override settings, and accept changed shops or sellers."""


@settings.command(epilog=EXIT_STATUS)
@AS_JSON
def check(as_json: bool) -> None:
    """Check the configuration and its SKU maps, and print the settings without secrets.

    Neither the database nor a remote is read: `orderbridge settings show` includes the overrides of
    operators.
    """
    with clear_errors():
        from pipeline.settings.file import load

        loaded = load()
        used_maps(loaded)
    if as_json:
        print_json(_as_json(loaded))
        return
    for line in _lines(loaded):
        click.echo(line)


@settings.command("accept-copy", epilog=f"{EXIT_STATUS} Here 1 means that nothing had changed.")
@AS_JSON
def accept_copy(as_json: bool) -> None:
    """Accept the shops and sellers of the configuration as those of this database.

    A database that was used with other shops or sellers writes nothing, since it may be a copy: two
    databases would send the same orders to both. Accept only if the address of a shop or the seller
    has really changed.
    """
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.monitoring.read_only import Writes

        writes = Writes(installation.settings, installation.sessions, utc_now)
        changed = writes.accept(signature())
    if as_json:
        print_json([asdict(remote) for remote in changed])
    else:
        for line in columns(
            [(remote.name, f"{remote.before} -> {remote.now}") for remote in changed]
        ):
            click.echo(line)
        click.echo("Accepted." if changed else "Nothing had changed.")
    if not changed:
        raise click.exceptions.Exit(NOTHING_DONE)


def _as_json(loaded: Settings) -> dict[str, Any]:
    """Each setting with its value and its origin, by table of the file."""
    from pipeline.settings.origin import connections, places, table

    tables = {**connections(loaded), "timing": table(loaded.timing, "timing")}
    for place in places(loaded, (), {}):
        block = f"marketplaces.{place.marketplace_id}" if place.marketplace_id else "settings"
        tables[f"accounts.{place.account}.{block}"] = place.values
    return {
        name: {
            value.name: {"value": value.value, "from": value.origin, "is_default": value.is_default}
            for value in values
        }
        for name, values in tables.items()
    }


def _lines(loaded: Settings) -> list[str]:
    from pipeline.settings.origin import without_login

    lines: list[str] = []
    for name, shop in loaded.shops.items():
        facts = {"address": without_login(shop.base_url), "sign-in": shop.auth}
        facts["request limit"] = f"{shop.request_limit_s:g} s"
        lines += [f"shop {name}", *columns([*facts.items()], "  "), ""]
    for name, account in loaded.accounts.items():
        lines += [f"account {name}", *columns([*_account(account).items()], "  "), ""]
        for title, values in _per_marketplace(account):
            lines += [f"account {name}, {title}", *columns(_values(values), "  "), ""]
    return [*lines, "timing, in seconds", *columns(_values(loaded.timing), "  ")]


def _account(account: AccountSettings) -> Mapping[str, str]:
    from pipeline.settings.marketplaces import of_region
    from pipeline.settings.origin import without_login

    return {
        "region": account.region,
        "shop": account.shop,
        "orders from": f"{when(account.start_from)} UTC",
        "marketplaces": ", ".join(marketplace.country for marketplace in of_region(account.region)),
        "client secret": f"expires {account.client_secret_expires or 'on an unknown date'}"
        + ("; a new secret is set" if account.client_secret_new.get_secret_value() else ""),
        "address": without_login(account.api_url),
        "sign-in address": without_login(account.token_url) if account.token_url else "Amazon's",
    }


def _per_marketplace(account: AccountSettings) -> list[tuple[str, BaseModel]]:
    from pipeline.operations.lists.order_facts import country

    named = [
        (f"marketplace {marketplace_id} ({country(marketplace_id)})", own)
        for marketplace_id, own in account.marketplaces.items()
    ]
    rest = "every other marketplace" if named else "every marketplace"
    return [*named, (rest, account.marketplace(""))]


def _values(model: BaseModel) -> list[tuple[str, str]]:
    from pipeline.settings.origin import written

    return [(name, written(value)) for name, value in model]
