"""`orderbridge settlements`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    columns,
    open_installation,
    print_json,
    tell,
    titled,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.base.db import Sessions
    from pipeline.finances.settlement_tables import Settlement
    from pipeline.operations.lists.settlement_differences import DifferingOrder

_DIFFERENCES = 50
_ACCOUNT = click.option("--account", default="", metavar="NAME", help="Only of this account.")


@click.group(epilog=EXIT_STATUS)
def settlements() -> None:
    """Show Amazon's settlements, compared with the transactions of their orders."""


@settlements.command("list", epilog=EXIT_STATUS)
@_ACCOUNT
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="At most so many.",
)
@AS_JSON
def list_settlements(account: str, limit: int, as_json: bool) -> None:
    """List the settlements, the newest first: period, total, orders, and whether they add up."""
    with open_installation() as installation:
        from pipeline.base.money import written
        from pipeline.operations.lists.settlements import described, newest

        with installation.sessions() as session:
            found = newest(session, limit, account=account)
    if as_json:
        print_json([_as_json(one) for one in found])
    elif found:
        heading = ("SETTLEMENT", "ACCOUNT", "FROM", "UNTIL", "TOTAL", "ORDERS", "STATE")
        rows = [
            (
                *(one.settlement_id, one.account, when(one.starts_at), when(one.ends_at)),
                f"{written(one.total_amount, one.currency)} {one.currency}",
                *(str(one.orders), described(one)),
            )
            for one in found
        ]
        click.echo("\n".join(columns([heading, *rows])))
    if not found:
        click.echo("No settlement is read yet.", err=True)
        raise click.exceptions.Exit(NOTHING_DONE)


@settlements.command(epilog=EXIT_STATUS)
@click.argument("settlement_id", metavar="SETTLEMENT")
@_ACCOUNT
@AS_JSON
def show(settlement_id: str, account: str, as_json: bool) -> None:
    """Show SETTLEMENT: what differs, and its sums by kind. Times are UTC."""
    with _settlement(settlement_id, account) as (sessions, settlement):
        from pipeline.base.money import written
        from pipeline.finances.settlement_comparison import WHY
        from pipeline.operations.lists.settlement_differences import differing_orders
        from pipeline.operations.lists.settlements import described, sums

        with sessions() as session:
            differing = differing_orders(session, settlement, _DIFFERENCES)
            kinds = sums(session, settlement)
    if as_json:
        print_json(
            _as_json(settlement)
            | {
                "differences": [_difference_as_json(one) for one in differing],
                "sums": [asdict(one) for one in kinds],
            }
        )
        return
    currency = settlement.currency

    def money(amount: Any) -> str:
        return written(amount, currency)

    facts = {
        "account": settlement.account,
        "period": f"{when(settlement.starts_at)} to {when(settlement.ends_at)}",
        "paid out": when(settlement.deposited_at),
        "total": f"{money(settlement.total_amount)} {currency}",
        "sum of the rows": f"{money(settlement.lines_total)} {currency}",
        "orders": str(settlement.orders),
    }
    lines = [f"Settlement {settlement.settlement_id} {described(settlement)}"]
    lines += [f"  {line}" for line in titled(facts)]
    if differing:
        lines += ["", "What differs (settlement, transactions)"]
        for one in differing:
            lines.append(
                f"  {one.external_id}  {money(one.settled)}  {money(one.released)}: {WHY[one.why]}"
            )
            lines += [
                f"    {line.transaction_type}, {line.kind} {line.sku}: {money(line.settled)} and "
                f"{money(line.released)}" + _places(line.numbers)
                for line in one.lines
            ]
    table = [
        (
            *(kind.transaction_type, kind.amount_type, kind.amount_description),
            *(str(kind.rows), money(kind.total)),
        )
        for kind in kinds
    ]
    lines += ["", "Sums by kind", *(f"  {line}" for line in columns(table) if table)]
    click.echo("\n".join(lines))


@settlements.command("csv", epilog=EXIT_STATUS)
@click.argument("settlement_id", metavar="SETTLEMENT")
@_ACCOUNT
@click.option("--sums", "of_sums", is_flag=True, help="A line for each kind of amount.")
def write_csv(settlement_id: str, account: str, of_sums: bool) -> None:
    """Write SETTLEMENT as CSV to standard output, a line for each of its rows."""
    with _settlement(settlement_id, account) as (sessions, settlement):
        from pipeline.console.reader import NOBODY
        from pipeline.console.sheets import FileKind, sheet
        from pipeline.operations.lists.settlements import rows_sheet, sums_sheet

        with sessions() as session:
            made = sums_sheet(session, settlement) if of_sums else rows_sheet(sessions, settlement)
        for part in sheet(FileKind.CSV, made.names, made.slices, NOBODY):
            click.echo(part, nl=False)


@settlements.command("read", epilog=f"{EXIT_STATUS} Here 1 means that there was no new settlement.")
@_ACCOUNT
@AS_JSON
def read_now(account: str, as_json: bool) -> None:
    """Read new settlements from Amazon now, and compare the recent ones again.

    An account whose settlements a worker is reading at this moment is left to the worker.
    """
    with open_installation() as installation:
        from pipeline.cli.remotes import remotes
        from pipeline.finances.settlement_comparison import compare
        from pipeline.finances.settlement_reading import SettlementReading, lease

        names = [account] if account else list(installation.settings.accounts)
        if account and account not in installation.settings.accounts:
            raise NotFound(f"there is no account {account}")
        new = differing = 0
        busy: list[str] = []
        with remotes(installation) as remote:
            now = remote.clients.now
            for name in names:
                with remote.leases.hold(lease(name), str(uuid4())) as ours:
                    if not ours:
                        busy.append(name)
                        continue
                    reading = SettlementReading(installation.sessions, now)
                    new += reading.read(name, remote.clients.reports[name])
                    differing += compare(installation.sessions, name, now())
    for name in busy:
        click.echo(
            f"account {name}: a worker is reading its settlements at this moment, so they were not "
            "read twice; orderbridge settlements list shows them in a minute",
            err=True,
        )
    if as_json or busy != names:
        tell(
            f"{new} new settlement(s); {differing} of the recent ones differ from the transactions",
            as_json,
            new=new,
            differing=differing,
            busy=busy,
        )
    if not new:
        raise click.exceptions.Exit(NOTHING_DONE)


@contextmanager
def _settlement(settlement_id: str, account: str) -> Iterator[tuple[Sessions, Settlement]]:
    with open_installation() as installation:
        from pipeline.operations.lists.settlements import named

        with installation.sessions() as session:
            found = named(session, settlement_id, account)
        if not found:
            raise NotFound(f"there is no settlement {settlement_id}")
        if len(found) > 1:
            raise NotFound(f"several accounts have a settlement {settlement_id}: give --account")
        yield installation.sessions, found[0]


def _places(numbers: tuple[int, ...]) -> str:
    return f" (line {', '.join(map(str, numbers))})" if numbers else ""


def _as_json(settlement: Settlement) -> dict[str, object]:
    from pipeline.operations.lists.settlements import difference, state

    return {
        "settlement": settlement.settlement_id,
        "account": settlement.account,
        "starts_at": settlement.starts_at,
        "ends_at": settlement.ends_at,
        "deposited_at": settlement.deposited_at,
        "currency": settlement.currency,
        "total": settlement.total_amount,
        "rows_total": settlement.lines_total,
        "rows": settlement.lines,
        "read_at": settlement.read_at,
        "compared_at": settlement.compared_at,
        "orders": settlement.orders,
        "unread_orders": settlement.unread_orders,
        "differing_orders": settlement.differing_orders,
        "state": state(settlement),
        "difference": difference(settlement),
    }


def _difference_as_json(one: DifferingOrder) -> dict[str, object]:
    return {
        "order": one.external_id,
        "settled": one.settled,
        "released": one.released,
        "difference": one.difference,
        "why": one.why,
        "lines": [asdict(line) for line in one.lines],
    }
