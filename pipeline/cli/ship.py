"""`orderbridge orders ship`: request a shipment in Magento."""

from __future__ import annotations

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    open_installation,
    print_json,
    system_user,
)
from pipeline.cli.orders import unique_order_id


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--carrier", metavar="CODE", help="Magento's code of the carrier, or custom.")
@click.option("--tracking", metavar="NUMBER", help="The parcel's tracking number.")
@click.option("--title", default="", help="The carrier's name; needed with the carrier custom.")
@click.option("--withdraw", is_flag=True, help="Withdraw the request, while it is not in Magento.")
@AS_JSON
def ship(
    number: str,
    carrier: str | None,
    tracking: str | None,
    title: str,
    withdraw: bool,
    as_json: bool,
) -> None:
    """Ship the rest of an order in Magento, by Amazon NUMBER or our id, as one parcel.

    A worker makes the shipment within seconds, and its package is confirmed to Amazon. The shop
    sends no mail. CODE is ups, usps, fedex, dhl, dpd, gls or another carrier that Amazon knows.
    """
    if withdraw == (carrier is not None and tracking is not None):
        raise click.UsageError("give a --carrier and a --tracking number, or --withdraw")
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.acts.ship import Parcel, ShipmentRequests
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        shipment_requests = ShipmentRequests(installation.sessions, system_user(), utc_now())
        try:
            if carrier is not None and tracking is not None:
                shipment_requests.ask(order_id, Parcel(carrier, tracking, title))
            else:
                shipment_requests.withdraw(order_id)
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    done = "withdrawn" if withdraw else "asked"
    if as_json:
        print_json({"order": number, "done": done})
    else:
        words = "shipment request withdrawn" if withdraw else "shipment requested"
        click.echo(f"{number}: {words}; the order is retried now")
