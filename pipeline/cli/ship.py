"""`orderbridge orders ship`: request a shipment in Magento."""

from __future__ import annotations

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    installation,
    print_json,
    system_user,
)
from pipeline.cli.orders import the_one


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--carrier", metavar="CODE", help="Magento's code of the carrier, or custom.")
@click.option("--tracking", metavar="NUMBER", help="The parcel's tracking number.")
@click.option("--title", default="", help="The carrier's name; needed with the carrier custom.")
@click.option("--withdraw", is_flag=True, help="Take it back, as long as Magento was not told.")
@AS_JSON
def ship(
    number: str,
    carrier: str | None,
    tracking: str | None,
    title: str,
    withdraw: bool,
    as_json: bool,
) -> None:
    """Ship in Magento all that is left of an order, by Amazon NUMBER or our id, as one parcel.

    A worker makes the shipment within seconds, and Amazon is told of it. Nobody gets a mail from
    the shop. CODE is ups, usps, fedex, dhl, dpd, gls or another that Amazon knows.
    """
    if withdraw == (carrier is not None and tracking is not None):
        raise click.UsageError("give a --carrier and a --tracking number, or --withdraw")
    with installation() as found:
        from pipeline.base.clock import utc_now
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.acts.ship import ShipmentRequests
        from pipeline.operations.lists.orders import Listing

        order_id = the_one(Listing(found.sessions), number)
        wishes = ShipmentRequests(found.sessions, system_user(), utc_now())
        try:
            if carrier is not None and tracking is not None:
                wishes.ask(order_id, carrier, tracking, title)
            else:
                wishes.withdraw(order_id)
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    done = "withdrawn" if withdraw else "asked"
    if as_json:
        print_json({"order": number, "done": done})
    else:
        click.echo(f"{number}: {done}; the order is looked at now")
