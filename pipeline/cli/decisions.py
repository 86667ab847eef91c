"""`orderbridge orders cancel`, `dismiss`, `hold`, `note`, `transparency`: a person's decisions and
notes about an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    open_installation,
    private_text,
    refuse_arguments,
    system_user,
    tell,
)
from pipeline.cli.orders import unique_order_id

if TYPE_CHECKING:
    from pipeline.operations.acts.one_order import Decisions


def _reasons(_: click.Context, __: click.Parameter, reason: str | None) -> str | None:
    from pipeline.settings.marketplace import CancelReason

    if reason is not None and reason not in get_args(CancelReason):
        raise click.BadParameter(f"choose one of {', '.join(get_args(CancelReason))}")
    return reason


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--reason", callback=_reasons, metavar="REASON", help="One of Amazon's reasons.")
@click.option(
    "--withdraw", is_flag=True, help="Withdraw the request, while it is not sent to Amazon."
)
@AS_JSON
def cancel(number: str, reason: str | None, withdraw: bool, as_json: bool) -> None:
    """Cancel at Amazon an order of which nothing was shipped, by Amazon NUMBER or our id.

    The request goes to Amazon in the next feed, within minutes; that needs the account's seller_id.
    Once Amazon reports the order as cancelled, its Magento order is cancelled too. REASON is
    NoInventory, ShippingAddressUndeliverable, BuyerCanceled or another of Amazon's reasons.
    """
    if bool(reason) == withdraw:
        raise click.UsageError("give a --reason, or --withdraw")
    if withdraw:
        _decide(
            number,
            as_json,
            "withdrawn",
            "cancellation withdrawn",
            lambda decisions, order_id: decisions.withdraw(order_id),
        )
    else:
        _decide(
            number,
            as_json,
            "asked",
            "cancellation requested",
            lambda decisions, order_id: decisions.cancel(order_id, reason or ""),
        )


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.argument("item")
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@AS_JSON
def transparency(number: str, item: str, codes: tuple[str, ...], as_json: bool) -> None:
    """Enter the Transparency codes of an order's ITEM, one per unit; they replace earlier codes."""
    _decide(
        number,
        as_json,
        "entered",
        "codes entered",
        lambda decisions, order_id: decisions.transparency(order_id, item, codes),
    )


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--why", metavar="TEXT", help="The reason, kept as a note.")
@click.option("--undo", is_flag=True, help="Process the order again from where it stopped.")
@AS_JSON
def dismiss(number: str, why: str | None, undo: bool, as_json: bool) -> None:
    """Ignore an order that was handled elsewhere or cannot be processed, by Amazon NUMBER or our
    id.

    Orderbridge then does nothing more with it, in Magento or at Amazon. Later reports of Amazon do
    not reopen it.
    """
    if bool(why) == undo:
        raise click.UsageError("give --why, or --undo")
    if undo:
        _decide(
            number,
            as_json,
            "taken up again",
            "reopened",
            lambda decisions, id_: decisions.take_up_again(id_),
        )
    else:
        _decide(
            number,
            as_json,
            "dismissed",
            "ignored",
            lambda decisions, id_: decisions.dismiss(id_, why or ""),
            then="Orderbridge does nothing more with it",
        )


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--why", required=True, metavar="TEXT", help="The reason, kept as a note.")
@AS_JSON
def hold(number: str, why: str, as_json: bool) -> None:
    """Hold an order before its next step, by Amazon NUMBER or our id.

    It stays held until `orderbridge orders retry`. A cancellation on Amazon is still followed.
    """
    _decide(
        number,
        as_json,
        "held",
        "held",
        lambda decisions, id_: decisions.hold(id_, why),
        then="`orderbridge orders retry` releases it",
    )


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.argument("texts", nargs=-1, metavar="")
@AS_JSON
def note(number: str, texts: tuple[str, ...], as_json: bool) -> None:
    """Add a note to an order's timeline, by Amazon NUMBER or our id.

    Its text is asked for, or read from standard input, a line: all users of the machine can read a
    command's arguments.

    The note is sealed with the buyer's data: `orderbridge orders show NUMBER --words` shows it, and
    the purge destroys it.
    """
    refuse_arguments(texts, "a note")
    text = private_text("Note")
    _decide(
        number,
        as_json,
        "noted",
        "note saved",
        lambda decisions, id_: decisions.note(id_, text),
        then="nothing else changes",
    )


def _decide(
    number: str,
    as_json: bool,
    done: str,
    words: str,
    decide: Callable[[Decisions, int], None],
    then: str = "the order is retried now",
) -> None:
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.one_order import Decisions, NotPossible
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        try:
            decide(
                Decisions(
                    installation.sessions,
                    Vault(*installation.settings.master_keys),
                    system_user(),
                    utc_now(),
                    installation.settings.accounts,
                ),
                order_id,
            )
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    tell(f"{number}: {words}; {then}", as_json, order=number, done=done)
