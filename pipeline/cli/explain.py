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
from pipeline.cli.orders import unique_order_id

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
        order = listing.order(unique_order_id(listing, number))
        if order is None:
            raise NotFound(f"order {number} has just been deleted")
        explanation = explained(installation.sessions, installation.settings, order)
        if as_json:
            print_json(
                {"order": order.external_id, "account": order.account, **asdict(explanation)}
            )
        else:
            click.echo("\n".join(_as_text(order.external_id, explanation)))


def _as_text(number: str, explanation: Explanation) -> list[str]:
    settings = [
        (setting.name, f"{setting.value}", setting.origin) for setting in explanation.settings
    ]
    sections = {
        f"Order {number} is {explanation.standing}": [],
        "Facts": titled(explanation.facts),
        explanation.decided: [],
        "Settings that applied": columns(settings) if settings else [],
        "What was written to Magento and Amazon": columns(explanation.writes)
        if explanation.writes
        else [],
        "Where Amazon, Orderbridge and Magento differ": list(explanation.differences),
        "The trail of its money": list(explanation.money),
        _next_look(explanation): [],
        "What you can do": columns(explanation.possible) if explanation.possible else [],
    }
    lines: list[str] = []
    for title, section in sections.items():
        if section or title in (explanation.decided, _next_look(explanation)) or not lines:
            lines += ["", title, *(f"  {line}" for line in section)]
    return lines[1:]


def _next_look(explanation: Explanation) -> str:
    at = f"{when(explanation.next_look_at)}: " if explanation.next_look_at else ""
    return f"Next run: {at}{explanation.next_look}"
