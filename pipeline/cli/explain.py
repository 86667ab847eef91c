"""`orderbridge explain`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NotFound,
    columns,
    open_installation,
    print_json,
    titled,
    when,
)
from pipeline.cli.orders import the_one

if TYPE_CHECKING:
    from pipeline.operations.lists.explain import Explanation


@click.command(epilog=EXIT_STATUS)
@click.argument("number")
@AS_JSON
def explain(number: str, as_json: bool) -> None:
    """Explain why an order is, or is not, in Magento, by its Amazon NUMBER or our id.

    Shows the facts about the order, the row of the decision table, the settings that applied and
    their origin, the time of the next run, and what you can do. Times are UTC.
    """
    with open_installation() as installation:
        from pipeline.operations.lists.explain import explain as explained
        from pipeline.operations.lists.orders import Listing

        listing = Listing(installation.sessions)
        order = listing.order(the_one(listing, number))
        if order is None:
            raise NotFound(f"order {number} has just been deleted")
        told = explained(installation.sessions, installation.settings, order)
        if as_json:
            print_json({"order": order.external_id, "account": order.account, **asdict(told)})
        else:
            click.echo("\n".join(_as_text(order.external_id, told)))


def _as_text(number: str, told: Explanation) -> list[str]:
    settings = [(one.name, f"{one.value}", one.origin) for one in told.settings]
    sections = {
        f"Order {number} is {told.standing}": [],
        "Facts": titled(told.facts),
        told.decided: [],
        "Settings that applied": columns(settings) if settings else [],
        "What was written to Magento and Amazon": columns(told.writes) if told.writes else [],
        "Where Amazon, Orderbridge and Magento differ": list(told.differences),
        _next_look(told): [],
        "What you can do": columns(told.possible) if told.possible else [],
    }
    lines: list[str] = []
    for title, section in sections.items():
        if section or title in (told.decided, _next_look(told)) or not lines:
            lines += ["", title, *(f"  {line}" for line in section)]
    return lines[1:]


def _next_look(told: Explanation) -> str:
    at = f"{when(told.next_look_at)}: " if told.next_look_at else ""
    return f"Next run: {at}{told.next_look}"
