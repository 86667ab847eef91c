"""`orderbridge orders`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Installation,
    NotFound,
    columns,
    open_installation,
    print_json,
    signature,
    system_user,
    when,
)
from pipeline.cli.order_filters import filter_options, filters_of
from pipeline.cli.terminal import print_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.operations.lists.columns import Value
    from pipeline.operations.lists.filters import Filters
    from pipeline.operations.lists.orders import Listed, Listing


@click.group(epilog=EXIT_STATUS)
def orders() -> None:
    """List and show orders, and act on single orders."""


@orders.command("list", epilog=EXIT_STATUS)
@click.option(
    "--all", "everything", is_flag=True, help="Include hidden orders, such as unpaid orders."
)
@click.option(
    "--status",
    default="",
    metavar="STATUS",
    help="Only orders that are ready, running, waiting, held, done or cancelled.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="Show at most this many orders.",
)
@filter_options
@AS_JSON
def list_(everything: bool, status: str, limit: int, as_json: bool, **chosen: str) -> None:
    """List orders, newest purchase first. Times and days are UTC.

    The filters are those of the page and of its CSV file; an order has to match all of them.
    """
    with open_installation() as installation:
        from pipeline.operations.lists.counts import count_hidden
        from pipeline.operations.lists.orders import Listing

        query = {**chosen, "status": status, "all": "1" if everything else ""}
        filters = filters_of(query, installation.settings)
        page = Listing(installation.sessions).page(filters, limit=limit)
        if as_json:
            print_json([_listed_as_json(order, installation) for order in page.orders])
            return
        if page.orders:
            print_lines(_table(page.orders, installation))
        else:
            click.echo(_none(filters))
        if page.following is not None:
            click.echo(f"There are more than {limit} orders; raise --limit to see them.")
        if not everything and (hidden := count_hidden(installation.sessions)).number:
            click.echo(f"Hidden: {hidden}, most often because Amazon has not verified the payment.")


@orders.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option(
    "--words",
    "with_words",
    is_flag=True,
    help="Also show what remotes and people said of it; this is noted, as they may name the buyer.",
)
@AS_JSON
def show(number: str, with_words: bool, as_json: bool) -> None:
    """Show an order's facts, lines and timeline, by its Amazon NUMBER or our id. Times are UTC."""
    with open_installation() as installation:
        from pipeline.base.vault import Vault
        from pipeline.cli.one_order import as_json as to_json
        from pipeline.cli.one_order import as_text
        from pipeline.clients import parse_report
        from pipeline.operations.acts.address import Corrections
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.lists.orders import Listing
        from pipeline.operations.lists.timeline import timeline

        listing = Listing(installation.sessions)
        order = listing.order(unique_order_id(listing, number))
        if order is None:
            raise NotFound(f"order {number} has just been deleted")
        words = None
        if with_words:
            vault = Vault(*installation.settings.master_keys)
            corrections = Corrections(installation.sessions, vault, parse_report, signature())
            try:
                words = corrections.words(order.id)
            except NotPossible as error:
                raise NotFound(f"{number}: {error}") from error
        events = timeline(installation.sessions, order)
        if as_json:
            print_json(to_json(order, events, installation.settings, words))
        else:
            click.echo("\n".join(as_text(order, events, installation.settings, words)))


@orders.command(epilog=EXIT_STATUS)
@click.argument("numbers", nargs=-1, metavar="NUMBER...")
@click.option("--held", is_flag=True, help="Retry all held orders.")
@click.option(
    "--confirm-anyway",
    is_flag=True,
    help="Confirm packages although the buyer asked to cancel, or the shop changed a package.",
)
@AS_JSON
def release(numbers: tuple[str, ...], held: bool, confirm_anyway: bool, as_json: bool) -> None:
    """Retry waiting or held orders now, by Amazon NUMBER or our id.

    The workers run them within seconds. --held starts a bulk job of five orders a second; follow it
    with `orderbridge bulk show`. `retry` is another name of this command. Every retry is noted with
    your system name. Exit status 1 when an order could not be retried, or when there was none.
    """
    if bool(numbers) == held:
        raise click.UsageError("name the orders, or use --held")
    if held and confirm_anyway:
        raise click.UsageError("--confirm-anyway is decided for each order: name the orders")
    if held:
        _release_held(as_json)
        return
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.one_order import Decisions, NotPossible
        from pipeline.operations.lists.orders import Listing
        from pipeline.orders.machine import Orders

        listing, vault = (
            Listing(installation.sessions),
            Vault(*installation.settings.master_keys),
        )
        machine = Orders(installation.sessions, vault, installation.settings.timing)
        decisions = Decisions(installation.sessions, vault, system_user(), utc_now())
        released: list[str] = []
        refused: dict[str, str] = {}
        for number in dict.fromkeys(numbers):
            try:
                order_id = unique_order_id(listing, number)
            except NotFound as error:
                refused[number] = error.message
                continue
            if confirm_anyway:
                try:
                    decisions.confirm_anyway(order_id)
                except NotPossible as error:
                    refused[number] = f"{number}: {error}"
                else:
                    released.append(number)
            elif machine.release(order_id, author=system_user(), now=utc_now()):
                released.append(number)
            else:
                refused[number] = f"{number} is neither waiting nor held"
    if as_json:
        print_json({"released": released, "not_released": refused})
    else:
        for number in released:
            click.echo(f"{number} is retried now")
        for why in refused.values():
            click.echo(why, err=True)
    if refused or not released:
        raise click.exceptions.Exit(NOTHING_DONE)


def _release_held(as_json: bool) -> None:
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.many_orders import Act, BulkActs
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.lists.bulk_acts import Acts
        from pipeline.operations.lists.filters import Filters
        from pipeline.operations.lists.selection import those_of
        from pipeline.orders.tables import Status

        choice = those_of(Filters(Status.HELD, everything=True))
        try:
            act_id = BulkActs(
                installation.sessions, Vault(*installation.settings.master_keys)
            ).begin(
                Act.RELEASE,
                choice.turns(),
                chosen=choice.words,
                author=system_user(),
                now=utc_now(),
                token=uuid4().hex,
            )
        except NotPossible as error:
            raise NotFound("there is no held order that a bulk job may retry") from error
        progress = Acts(installation.sessions).progress(act_id)
    orders = 0 if progress is None else progress.act.orders
    if as_json:
        print_json({"act": act_id, "orders": orders})
    else:
        click.echo(f"Held orders to be retried: {orders}, five a second.")
        click.echo(f"Follow the bulk job: orderbridge bulk show {act_id}")


def unique_order_id(listing: Listing, number: str) -> int:
    """The id of the order with this number. Raises NotFound."""
    order_ids = listing.find(number)
    if not order_ids:
        raise NotFound(f"there is no order {number}")
    if len(order_ids) > 1:
        ids = ", ".join(map(str, order_ids))
        raise NotFound(f"{number} matches several orders; use one of our ids: {ids}")
    return order_ids[0]


def _none(filters: Filters) -> str:
    if any(filters.query().keys() - {"status", "all", "sort"}):
        return "No order matches."
    return f"No order is {filters.status}." if filters.status else "There are no orders yet."


def _table(orders: Sequence[Listed], installation: Installation) -> list[str]:
    from pipeline.operations.lists.columns import IN_THE_TERMINAL

    headings = [column.heading or column.label.upper() for column in IN_THE_TERMINAL]
    rows = [
        [_cell(column.value(order, installation.settings)) for column in IN_THE_TERMINAL]
        for order in orders
    ]
    return columns([headings, *rows])


def _cell(value: Value) -> str:
    from pipeline.operations.lists.columns import Price, Quantities
    from pipeline.operations.lists.order_facts import price

    match value:
        case None:
            return "-"
        case str():
            return value
        case datetime():
            return when(value)
        case Price():
            return price(*value)
        case Quantities():
            return str(sum(quantity for _, quantity in value.pairs))
        case _:
            return ", ".join(value) or "-"


def _listed_as_json(order: Listed, installation: Installation) -> dict[str, Any]:
    from pipeline.operations.lists.order_facts import country, store_code

    return {
        **asdict(order),
        "items": [{"sku": sku, "quantity": quantity} for sku, quantity in order.items],
        "country": country(order.marketplace_id),
        "store": store_code(
            installation.settings, order.account, order.marketplace_id, order.fulfilled_by
        ),
    }
