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
    installation,
    print_json,
    system_user,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.operations.lists.columns import Value
    from pipeline.operations.lists.orders import Listed, Listing
    from pipeline.orders.tables import Status


def _status(_: click.Context, __: click.Parameter, text: str | None) -> Status | None:
    from pipeline.orders.tables import Status

    try:
        return None if text is None else Status(text)
    except ValueError as error:
        raise click.BadParameter(f"choose one of {', '.join(Status)}") from error


@click.group(epilog=EXIT_STATUS)
def orders() -> None:
    """List and show orders, and decide about single ones."""


@orders.command("list", epilog=EXIT_STATUS)
@click.option("--all", "everything", is_flag=True, help="Hidden orders too, such as unpaid ones.")
@click.option(
    "--status",
    callback=_status,
    metavar="STATUS",
    help="Only those that are ready, running, waiting, held, done or cancelled.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="At most so many orders.",
)
@AS_JSON
def list_(everything: bool, status: Status | None, limit: int, as_json: bool) -> None:
    """List orders, newest purchase first. Times are UTC."""
    with installation() as found:
        from pipeline.operations.lists.counts import count_hidden
        from pipeline.operations.lists.filters import Filters
        from pipeline.operations.lists.orders import Listing

        page = Listing(found.sessions).page(Filters(status, everything), limit=limit)
        if as_json:
            print_json([_listed_as_json(order, found) for order in page.orders])
            return
        if page.orders:
            click.echo("\n".join(_table(page.orders, found)))
        else:
            click.echo("There is no such order." if status else "There are no orders yet.")
        if page.following is not None:
            click.echo(f"There are more than these {limit}; --limit shows them.")
        if not everything and (hidden := count_hidden(found.sessions)).number:
            click.echo(f"Hidden: {hidden}, most often because Amazon has not verified the payment.")


@orders.command(epilog=EXIT_STATUS)
@click.argument("number")
@AS_JSON
def show(number: str, as_json: bool) -> None:
    """Show all there is to know of an order, by its Amazon NUMBER or our id. Times are UTC."""
    with installation() as found:
        from pipeline.cli.one_order import as_json as to_json
        from pipeline.cli.one_order import as_text
        from pipeline.operations.lists.orders import Listing
        from pipeline.operations.lists.timeline import timeline

        listing = Listing(found.sessions)
        order = listing.order(the_one(listing, number))
        if order is None:
            raise NotFound(f"order {number} has just been deleted")
        events = timeline(found.sessions, order)
        if as_json:
            print_json(to_json(order, events, found.settings))
        else:
            click.echo("\n".join(as_text(order, events, found.settings)))


@orders.command(epilog=EXIT_STATUS)
@click.argument("numbers", nargs=-1, metavar="NUMBER...")
@click.option("--held", is_flag=True, help="All orders that are held.")
@click.option(
    "--confirm-anyway",
    is_flag=True,
    help="Confirm packages although the buyer asked to cancel, or the shop changed one since.",
)
@AS_JSON
def release(numbers: tuple[str, ...], held: bool, confirm_anyway: bool, as_json: bool) -> None:
    """Have waiting or held orders looked at now, by Amazon NUMBER or our id.

    The workers take them up within seconds; all that are held one after the other, five a second,
    which `orderbridge bulk show` follows. `retry` is another name of it. Every release is noted
    with your system name. Exit status 1 when there was an order that could not be released, or none
    at all.
    """
    if bool(numbers) == held:
        raise click.UsageError("name the orders, or use --held")
    if held and confirm_anyway:
        raise click.UsageError("--confirm-anyway is decided order by order: name them")
    if held:
        _release_held(as_json)
        return
    with installation() as found:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.one_order import Decisions, NotPossible
        from pipeline.operations.lists.orders import Listing
        from pipeline.orders.machine import Orders

        listing = Listing(found.sessions)
        machine = Orders(found.sessions, Vault(found.settings.master_key), found.settings.timing)
        released: list[str] = []
        refused: dict[str, str] = {}
        for number in dict.fromkeys(numbers):
            try:
                order_id = the_one(listing, number)
            except NotFound as error:
                refused[number] = error.message
                continue
            if confirm_anyway:
                try:
                    Decisions(found.sessions, system_user(), utc_now()).confirm_anyway(order_id)
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
            click.echo(f"{number} is looked at now")
        for why in refused.values():
            click.echo(why, err=True)
    if refused or not released:
        raise click.exceptions.Exit(NOTHING_DONE)


def _release_held(as_json: bool) -> None:
    with installation() as found:
        from pipeline.base.clock import utc_now
        from pipeline.operations.acts.many_orders import Act, BulkActs
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.lists.bulk_acts import Acts
        from pipeline.operations.lists.filters import Filters
        from pipeline.operations.lists.selection import those_of
        from pipeline.orders.tables import Status

        choice = those_of(Filters(Status.HELD, everything=True))
        try:
            act_id = BulkActs(found.sessions).begin(
                Act.RELEASE,
                choice.turns(),
                chosen=choice.words,
                author=system_user(),
                now=utc_now(),
                token=uuid4().hex,
            )
        except NotPossible as error:
            raise NotFound("no order is held that could be released with others") from error
        progress = Acts(found.sessions).progress(act_id)
    orders = 0 if progress is None else progress.act.orders
    if as_json:
        print_json({"act": act_id, "orders": orders})
    else:
        click.echo(f"Held orders to be looked at: {orders}, five a second.")
        click.echo(f"orderbridge bulk show {act_id} tells how far that is.")


def the_one(listing: Listing, number: str) -> int:
    """The id of the order with this number. Raises NotFound."""
    found = listing.find(number)
    if not found:
        raise NotFound(f"there is no order {number}")
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise NotFound(f"{number} means several orders; use one of our ids: {ids}")
    return found[0]


def _table(orders: Sequence[Listed], found: Installation) -> list[str]:
    from pipeline.operations.lists.columns import IN_THE_TERMINAL

    headings = [column.heading or column.label.upper() for column in IN_THE_TERMINAL]
    rows = [
        [_cell(column.value(order, found.settings)) for column in IN_THE_TERMINAL]
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


def _listed_as_json(order: Listed, found: Installation) -> dict[str, Any]:
    from pipeline.operations.lists.order_facts import country, store_code

    return {
        **asdict(order),
        "items": [{"sku": sku, "quantity": quantity} for sku, quantity in order.items],
        "country": country(order.marketplace_id),
        "store": store_code(
            found.settings, order.account, order.marketplace_id, order.fulfilled_by
        ),
    }
