"""`orderbridge returns`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Unusable,
    columns,
    open_installation,
    print_json,
)
from pipeline.cli.terminal import print_lines

if TYPE_CHECKING:
    from datetime import date

    from pipeline.operations.lists.returns import Returned


@click.group(epilog=EXIT_STATUS)
def returns() -> None:
    """Show buyers' returns, and read Amazon's reports of them."""


@returns.command("list", epilog=EXIT_STATUS)
@click.option("--all", "with_all", is_flag=True, help="All returns of the last 60 days.")
@AS_JSON
def list_returns(with_all: bool, as_json: bool) -> None:
    """List the returns that arrived and are not refunded, the oldest first.

    Days are UTC. Business days are Monday to Friday: public holidays are not known here.
    """
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.operations.lists.returns import latest, unrefunded

        now = utc_now()
        read = latest if with_all else unrefunded
        found = read(installation.sessions, now, most=None)
    if as_json:
        print_json([_as_json(one, now.date()) for one in found])
    elif found:
        print_lines(_table(found, now.date()))
    if not found:
        if not as_json:
            click.echo("No return of the last 60 days." if with_all else "No return to refund.")
        raise click.exceptions.Exit(NOTHING_DONE)


@returns.command("read", epilog=EXIT_STATUS)
@click.option("--account", metavar="NAME", help="The selling account; all by default.")
@AS_JSON
def read_now(account: str | None, as_json: bool) -> None:
    """Read the returns now instead of at their time.

    A worker asks Amazon for the reports within two minutes, and stores them when Amazon has made
    them, which takes some minutes more.
    """
    with open_installation() as installation:
        from datetime import timedelta

        from pipeline.base.clock import utc_now
        from pipeline.returns.reports import Reports
        from pipeline.returns.wanting import want_due
        from pipeline.settings.overrides import Overrides

        settings = Overrides(installation.settings, installation.sessions).settings()
        if account is not None and account not in settings.accounts:
            raise Unusable(f"there is no account {account} in the configuration")
        reports, now, counts = Reports(installation.sessions), utc_now(), {}
        for name in [account] if account else settings.accounts:
            want_due(reports, name, settings.accounts[name], timedelta(0), now)
            counts[name] = reports.retry(name, now)
    if as_json:
        print_json([{"account": name, "reports": number} for name, number in counts.items()])
    else:
        for name, number in counts.items():
            what = "1 report is" if number == 1 else f"{number} reports are"
            click.echo(f"{name}: {what} read.")
    if not any(counts.values()):
        raise click.exceptions.Exit(NOTHING_DONE)


def _table(found: list[Returned], today: date) -> list[str]:
    rows = [("ORDER", "SKU", "UNITS", "REQUESTED", "ARRIVED", "REFUND BY", "LEFT", "STATUS")]
    for one in found:
        left = one.days_left(today)
        rows.append(
            (
                *(one.external_id, one.sku or one.asin, str(one.quantity)),
                *(str(one.requested_on or "-"), str(one.arrived_on or "-")),
                *(str(one.refund_by or "-"), "-" if left is None else str(left)),
                "refunded" if one.is_refunded else "withdrawn" if one.gone_at else one.status,
            )
        )
    return columns(rows)


def _as_json(one: Returned, today: date) -> dict[str, Any]:
    told = {each.name: getattr(one, each.name) for each in fields(one)}
    return {**told, "refund_by": one.refund_by, "business_days_left": one.days_left(today)}
