"""`orderbridge refunds`: the refunds to Amazon, of one order or all that need a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    RowId,
    columns,
    open_installation,
    print_json,
    signature,
    tell,
    titled,
    when,
)
from pipeline.cli.orders import unique_order_id
from pipeline.cli.refunds_made import made, settle

if TYPE_CHECKING:
    from pipeline.base.db import Sessions
    from pipeline.operations.acts.refunds import RefundDecisions
    from pipeline.operations.lists.refunds import ShownRefund


@click.group(epilog=EXIT_STATUS)
def refunds() -> None:
    """Refunds to Amazon, one for each credit memo of the shop, and refunds made at Amazon."""


refunds.add_command(made)
refunds.add_command(settle)


@refunds.command("list", epilog=EXIT_STATUS)
@click.argument("number", required=False)
@AS_JSON
def list_refunds(number: str | None, as_json: bool) -> None:
    """List the refunds that need a person, or those of an order by Amazon NUMBER or our id."""
    with open_installation() as installation:
        from pipeline.operations.lists.orders import Listing
        from pipeline.operations.lists.refunds import refunds_of, waiting

        if number is None:
            found = waiting(installation.sessions)
        else:
            order_id = unique_order_id(Listing(installation.sessions), number)
            found = refunds_of(installation.sessions, order_id)
    if as_json:
        print_json([_facts(one) for one in found])
    elif not found:
        click.echo("The order has no refund." if number else "No refund needs a person.")
    if not found:
        raise SystemExit(NOTHING_DONE)
    if as_json:
        return
    rows = [
        (
            str(one.id),
            one.external_id,
            f"memo {one.memo_id}",
            one.state,
            _total(one),
            one.reason or "",
        )
        for one in found
    ]
    for line in columns(rows):
        click.echo(line)


def _total(one: ShownRefund) -> str:
    """What the buyer gets; before a message is made, the credit memo's total."""
    from pipeline.operations.lists.order_facts import price

    if one.confirmed:
        return f"{one.confirmed} {one.currency}"
    return price(one.grand_total, one.currency)


@refunds.command(epilog=EXIT_STATUS)
@click.argument("refund_id", metavar="ID", type=RowId())
@AS_JSON
def show(refund_id: int, as_json: bool) -> None:
    """Show a refund with its amounts to the cent, by its ID in the list."""
    from pipeline.operations.lists.order_facts import price

    with open_installation() as installation:
        one = _found(installation.sessions, refund_id)
    if as_json:
        print_json(_facts(one))
        return
    facts = {
        "order": one.external_id,
        "account": one.account,
        "credit memo": ", ".join(
            (str(one.memo_id), when(one.memo_at), price(one.grand_total, one.currency))
        ),
        "state": one.state,
        "why": one.reason or "",
        "due": when(one.due_at) if one.due_at else "",
        "decided by": one.decided_by or "",
        "feed": one.feed or "",
        "Amazon's refund": one.transaction_id or "",
    }
    for line in titled(facts):
        click.echo(line)
    for refunded in one.lines:
        for kind, amount in refunded.amounts.items():
            shown = price(amount, one.currency)
            click.echo(f"  {refunded.item_id}  {refunded.sku}  {kind}  {shown}")
    if one.confirmed:
        click.echo(f"  the buyer gets {one.confirmed} {one.currency}")


@refunds.command(epilog=EXIT_STATUS)
@click.argument("refund_id", metavar="ID", type=RowId())
@click.option(
    "--total", required=True, metavar="AMOUNT", help="What the buyer gets, as `show` prints it."
)
@AS_JSON
def send(refund_id: int, total: str, as_json: bool) -> None:
    """Have Amazon refund the buyer, with the next feed. Amazon pays at once and for good."""
    _act(refund_id, lambda hand, order_id: hand.send(order_id, refund_id, total), "sent", as_json)


@refunds.command(epilog=EXIT_STATUS)
@click.argument("refund_id", metavar="ID", type=RowId())
@AS_JSON
def prepare(refund_id: int, as_json: bool) -> None:
    """Have the amounts of a held refund made, for a decision."""
    _act(refund_id, lambda hand, order_id: hand.prepare(order_id, refund_id), "prepared", as_json)


@refunds.command(epilog=EXIT_STATUS)
@click.argument("refund_id", metavar="ID", type=RowId())
@AS_JSON
def dismiss(refund_id: int, as_json: bool) -> None:
    """Leave a refund out: Amazon is not told of this credit memo."""
    _act(refund_id, lambda hand, order_id: hand.dismiss(order_id, refund_id), "dismissed", as_json)


@refunds.command(epilog=EXIT_STATUS)
@click.argument("refund_id", metavar="ID", type=RowId())
@AS_JSON
def undo(refund_id: int, as_json: bool) -> None:
    """Take a decision back, as long as the refund is in no feed, or that it was seen at Amazon."""
    _act(refund_id, lambda hand, order_id: hand.take_back(order_id, refund_id), "undone", as_json)


def _act(
    refund_id: int, act: Callable[[RefundDecisions, int], None], done: str, as_json: bool
) -> None:
    with open_installation() as installation:
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.acts.refunds import RefundDecisions

        one = _found(installation.sessions, refund_id)
        vault = Vault(*installation.settings.master_keys)
        hand = RefundDecisions(installation.sessions, vault, signature())
        try:
            act(hand, one.order_id)
        except NotPossible as error:
            raise NotFound(f"refund {refund_id}: {error}") from error
    words = {
        "sent": "goes to Amazon with the next feed",
        "prepared": "is prepared; see it in a minute",
        "dismissed": "is left out",
        "undone": "waits for a decision again",
    }
    sentence = f"{one.external_id}: the refund of credit memo {one.memo_id} {words[done]}"
    tell(sentence, as_json, refund=refund_id, order=one.external_id, done=done)


def _found(sessions: Sessions, refund_id: int) -> ShownRefund:
    from pipeline.operations.lists.refunds import by_id

    one = by_id(sessions, refund_id)
    if one is None:
        raise NotFound(f"there is no refund {refund_id}")
    return one


def _facts(one: ShownRefund) -> dict[str, object]:
    return {
        "id": one.id,
        "order": one.external_id,
        "account": one.account,
        "memo": one.memo_id,
        "memo_at": one.memo_at,
        "memo_total": one.grand_total,
        "currency": one.currency,
        "state": one.state,
        "needs_person": one.needs_person,
        "code": one.hold_code,
        "why": one.reason,
        "total": one.total,
        "reason": one.reason_at_amazon,
        "items": [
            {"item": line.item_id, "sku": line.sku, "amounts": line.amounts} for line in one.lines
        ],
        "decided_by": one.decided_by,
        "due_at": one.due_at,
        "feed": one.feed,
        "transaction": one.transaction_id,
    }
