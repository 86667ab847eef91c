"""`orderbridge orders worth`: the stated value of an order for which Amazon gives no amount."""

from __future__ import annotations

import click

from pipeline.cli.common import AS_JSON, EXIT_STATUS, NotFound, open_installation, system_user, tell
from pipeline.cli.orders import unique_order_id


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.argument("amount", required=False)
@click.argument("currency", required=False)
@click.option("--why", metavar="TEXT", help="The reason; it is sealed with the order.")
@click.option("--withdraw", is_flag=True, help="Withdraw the stated value.")
@AS_JSON
def worth(
    number: str,
    amount: str | None,
    currency: str | None,
    why: str | None,
    withdraw: bool,
    as_json: bool,
) -> None:
    """State the value of an order that is held because Amazon gives no amount, by Amazon NUMBER or
    our id.

    AMOUNT is the total of the order with its tax, such as 12.50, or 0.00 for a free order; the
    lines share it by their units. You can change or withdraw it until the order is in Magento. It
    applies unless Amazon gives an amount before the order is filled in.
    """
    given = (amount, currency, why)
    if withdraw == all(given) or (withdraw and any(given)):
        raise click.UsageError("give AMOUNT, CURRENCY and --why, or --withdraw")
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.acts.stated_value import StatedValues
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        worths = StatedValues(
            installation.sessions,
            Vault(*installation.settings.master_keys),
            system_user(),
            utc_now(),
        )
        try:
            if withdraw:
                worths.withdraw(order_id)
            else:
                worths.say(order_id, amount or "", currency or "", why or "")
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    done = "withdrawn" if withdraw else "said"
    words = "stated value withdrawn" if withdraw else "value stated"
    tell(f"{number}: {words}; the order is retried now", as_json, order=number, done=done)
