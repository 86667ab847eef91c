"""`orderbridge refunds made` and `settle`: the refunds that were made at Amazon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    columns,
    open_installation,
    print_json,
    signature,
    tell,
)
from pipeline.cli.orders import unique_order_id

if TYPE_CHECKING:
    from pipeline.operations.lists.made_at_amazon import ShownMade


@click.command(epilog=EXIT_STATUS)
@click.argument("number", required=False)
@AS_JSON
def made(number: str | None, as_json: bool) -> None:
    """List orders that were refunded at Amazon and need a person, or the refunds of one by Amazon
    NUMBER or our id."""
    with open_installation() as installation:
        from pipeline.operations.lists.made_at_amazon import made_of, waiting
        from pipeline.operations.lists.orders import Listing

        if number is None:
            found = waiting(installation.sessions)
        else:
            order_id = unique_order_id(Listing(installation.sessions), number)
            one = made_of(installation.sessions, order_id)
            found = [] if one is None else [one]
    if as_json:
        print_json([_facts(one) for one in found])
    elif not found:
        click.echo(
            "No refund at Amazon was compared with the order's credit memos."
            if number
            else "No refund at Amazon needs a person."
        )
    if not found:
        raise SystemExit(NOTHING_DONE)
    if as_json:
        return
    rows = [
        (
            str(one.order_id),
            one.external_id,
            f"{one.at_amazon} at Amazon",
            f"{one.in_shop} in the shop",
            one.currency,
            "needs a person" if one.needs_person else "",
            one.sentence,
        )
        for one in found
    ]
    for line in columns(rows):
        click.echo(line)
    if number is None:
        return
    for answer in found[0].answers:
        memo = f"credit memo {answer.memo} over {answer.booked}" if answer.memo else "noted"
        click.echo(f"  {answer.refund_id}  {answer.amount} {answer.currency}  {memo}")


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@AS_JSON
def settle(number: str, as_json: bool) -> None:
    """Say that nothing is needed for what was refunded at Amazon, of an order by Amazon NUMBER or
    our id. Another difference needs a person again."""
    with open_installation() as installation:
        from pipeline.base.vault import Vault
        from pipeline.operations.acts import made_at_amazon
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        vault = Vault(*installation.settings.master_keys)
        try:
            made_at_amazon.settle(installation.sessions, vault, order_id, signature())
        except NotPossible as error:
            raise NotFound(f"{number}: {error}") from error
    sentence = f"{number}: its refunds at Amazon are settled"
    tell(sentence, as_json, order=number, done="settled")


def _facts(one: ShownMade) -> dict[str, object]:
    return {
        "id": one.order_id,
        "order": one.external_id,
        "currency": one.currency,
        "at_amazon": one.at_amazon,
        "in_shop": one.in_shop,
        "looked_at": one.looked_at,
        "needs_person": one.needs_person,
        "code": one.code or None,
        "why": one.sentence or None,
        "refunds": [
            {
                "refund": answer.refund_id,
                "amount": answer.amount,
                "currency": answer.currency,
                "memo": answer.memo or None,
                "booked": answer.booked,
            }
            for answer in one.answers
        ],
    }
