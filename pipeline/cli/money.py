"""`orderbridge orders money`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    Installation,
    NotFound,
    columns,
    open_installation,
    print_json,
)
from pipeline.cli.orders import unique_order_id
from pipeline.cli.remotes import remotes

if TYPE_CHECKING:
    from pipeline.finances.order_money import OrderMoney
    from pipeline.orders.tables import Order


_OTHER = "other amounts"


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--read", is_flag=True, help="Ask Amazon now, a call or two.")
@AS_JSON
def money(number: str, *, read: bool, as_json: bool) -> None:
    """Show what an order brought at Amazon, by its Amazon NUMBER or our id.

    What the buyer paid, tax, fees, refunds, and what is left for you. Amazon shows money up to 48
    hours late.
    """
    with open_installation() as installation:
        from pipeline.finances.order_money import order_money
        from pipeline.finances.store import transactions_of
        from pipeline.operations.lists.orders import Listing

        listing = Listing(installation.sessions)
        order = listing.order(unique_order_id(listing, number))
        if order is None:
            raise NotFound(f"order {number} has just been deleted")
        if read:
            _read(installation, order)
        with installation.sessions() as session:
            sums = order_money(transactions_of(session, [order.id]).get(order.id, ()))
        if as_json:
            print_json({"order": order.external_id, "money": [asdict(one) for one in sums]})
        elif not sums:
            click.echo(
                "Amazon has shown no money of this order yet. It comes up to 48 hours after the "
                "parcel has left."
            )
        for one in [] if as_json else sums:
            click.echo("\n".join(columns(_rows(one))))


def _read(installation: Installation, order: Order) -> None:
    """Store what Amazon shows of the order now."""
    from pipeline.base.quota import Lane
    from pipeline.finances.money_reads import read_order

    with remotes(installation) as remote:
        api = remote.clients.finances.get(order.account)
        if api is None:
            raise NotFound(f"the account {order.account} is not in the configuration")
        sessions, now = installation.sessions, remote.clients.now()
        read_order(sessions, api, order.account, order.external_id, Lane.NEW, now)


def _rows(one: OrderMoney) -> list[tuple[str, ...]]:
    from pipeline.operations.lists.order_facts import price

    fees = "Amazon's fees"
    if one.fee_tax:
        fees += f", with {price(one.fee_tax, one.currency)} tax"
    named = {
        "prices, shipping and gift wrap": one.charges,
        "discounts": one.discounts,
        "tax paid by the buyer": one.taxes,
        "tax that Amazon keeps and pays": one.withheld_tax,
        fees: one.fees,
        "refunded to the buyer": one.refunds,
        "tax of refunds that Amazon pays": one.refunds_withheld_tax,
        _OTHER: one.other,
        "expected from Amazon, a part is held back" if one.is_expected else "paid by Amazon": (
            one.net
        ),
    }
    rows: list[tuple[str, ...]] = []
    for label, amount in named.items():
        if amount or amount is one.net:
            rows.append((label, price(amount, one.currency)))
        if label == _OTHER:
            rows += [
                (f"  {each.name}, {each.number} of this name", price(each.total, one.currency))
                for each in one.unknown
            ]
    return rows
