"""`orderbridge orders cancel`, `dismiss`, `note`, `transparency`: a person's decisions and notes
about an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    installation,
    system_user,
    tell,
)
from pipeline.cli.orders import the_one

if TYPE_CHECKING:
    from pipeline.operations.acts.one_order import Decisions


def _reasons(_: click.Context, __: click.Parameter, reason: str | None) -> str | None:
    from pipeline.settings.marketplace import CancelReason

    if reason is not None and reason not in get_args(CancelReason):
        raise click.BadParameter(f"choose one of {', '.join(get_args(CancelReason))}")
    return reason


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--reason", callback=_reasons, metavar="REASON", help="Why, in Amazon's words.")
@click.option("--withdraw", is_flag=True, help="Take it back, as long as Amazon was not told.")
@AS_JSON
def cancel(number: str, reason: str | None, withdraw: bool, as_json: bool) -> None:
    """Have Amazon cancel an order of which nothing was shipped, by Amazon NUMBER or our id.

    It goes to Amazon with the next feed, within minutes; that needs the account's seller_id. Once
    Amazon reports the order as cancelled its Magento order is cancelled too. REASON is NoInventory,
    ShippingAddressUndeliverable, BuyerCanceled or another of Amazon's reasons.
    """
    if bool(reason) == withdraw:
        raise click.UsageError("give a --reason, or --withdraw")
    if withdraw:
        _decide(number, as_json, "withdrawn", lambda one, order_id: one.withdraw(order_id))
    else:
        _decide(number, as_json, "asked", lambda one, order_id: one.cancel(order_id, reason or ""))


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.argument("item")
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@AS_JSON
def transparency(number: str, item: str, codes: tuple[str, ...], as_json: bool) -> None:
    """Enter the Transparency codes of an order's ITEM, one per unit; they replace earlier ones."""
    _decide(
        number, as_json, "entered", lambda one, order_id: one.transparency(order_id, item, codes)
    )


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--why", metavar="TEXT", help="Why; it is kept as a note.")
@click.option("--undo", is_flag=True, help="Take it up again, where it stood.")
@AS_JSON
def dismiss(number: str, why: str | None, undo: bool, as_json: bool) -> None:
    """End an order that is done elsewhere or cannot be helped, by Amazon NUMBER or our id.

    Nothing more is done with it: not here, in Magento or at Amazon. News do not open it again.
    """
    if bool(why) == undo:
        raise click.UsageError("say --why, or --undo")
    if undo:
        _decide(number, as_json, "taken up again", lambda one, id_: one.take_up_again(id_))
    else:
        _decide(
            number,
            as_json,
            "dismissed",
            lambda one, id_: one.dismiss(id_, why or ""),
            then="nothing more is done with it",
        )


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.argument("text")
@AS_JSON
def note(number: str, text: str, as_json: bool) -> None:
    """Add a note to an order's timeline, by Amazon NUMBER or our id.

    It is kept as long as the order: write nothing into it that names the buyer.
    """
    _decide(
        number, as_json, "noted", lambda one, id_: one.note(id_, text), then="nothing else happens"
    )


def _decide(
    number: str,
    as_json: bool,
    done: str,
    decide: Callable[[Decisions, int], None],
    then: str = "the order is looked at now",
) -> None:
    with installation() as found:
        from pipeline.base.clock import utc_now
        from pipeline.operations.acts.one_order import Decisions, NotPossible
        from pipeline.operations.lists.orders import Listing

        order_id = the_one(Listing(found.sessions), number)
        try:
            decide(
                Decisions(found.sessions, system_user(), utc_now(), found.settings.accounts),
                order_id,
            )
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    tell(f"{number}: {done}; {then}", as_json, order=number, done=done)
