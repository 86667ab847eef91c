"""`orderbridge purge`: destroy the keys of buyers' data that is due, or that a person names, and
delete old rows."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Installation,
    NotFound,
    columns,
    open_installation,
    print_json,
    signature,
)
from pipeline.cli.orders import unique_order_id

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from pipeline.operations.acts.erase import Erased, Proof


@click.command(epilog=EXIT_STATUS)
@click.option("--order", "numbers", multiple=True, metavar="NUMBER", help="Purge this order now.")
@click.option("--account", metavar="NAME", help="Purge all orders of this account now.")
@click.option(
    "--buyer", is_flag=True, help="Purge a buyer's orders now: asks for an e-mail address or name."
)
@click.option(
    "--buyer-file", type=click.File(), metavar="FILE", help="Read that from FILE; - is stdin."
)
@click.option("--also-live", is_flag=True, help="Also orders that still need the data: they end.")
@click.option(
    "--why", default="", metavar="TEXT", help='The request\'s number, such as "request 17".'
)
@click.option("--dry-run", is_flag=True, help="Only tell the orders and count the rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@AS_JSON
def purge(
    numbers: tuple[str, ...],
    account: str | None,
    buyer: bool,
    buyer_file: IO[str] | None,
    also_live: bool,
    why: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Destroy buyers' names, addresses and other sealed data, purge_after_days after delivery.

    Also deletes rows that ended long ago: attempts that only repeat why an order waited, incidents,
    feeds, bulk jobs, differences and the like. The workers do this every hour; run it to purge at
    once. Facts, amounts and remote writes of an order stay, and so does all data in Magento. A
    purge cannot be undone.

    With --order, --account, --buyer or --buyer-file the data of these orders is destroyed now,
    whatever their age, and no old rows are deleted. All names given must match an order's buyer or
    recipient. An order that is not in Magento yet is left, unless --also-live ends it. Afterwards
    the database is read back: exit status 1 if an order was left, or if data is still there.
    """
    ways = bool(numbers) + (account is not None) + buyer + (buyer_file is not None)
    if ways > 1:
        raise click.UsageError("give one of --order, --account, --buyer and --buyer-file")
    if not ways and (also_live or why or yes):
        raise click.UsageError("--also-live, --why and --yes need --order, --account or --buyer")
    with open_installation() as installation:
        if ways:
            sought = _sought(buyer_file) if buyer or buyer_file else ""
            chosen = _chosen(installation, numbers, account, sought)
            asks = not (yes or dry_run)
            _on_demand(installation, chosen, also_live, why, dry_run, asks, as_json)
        else:
            _due(installation, dry_run, as_json)


def _sought(file: IO[str] | None) -> str:
    """The buyer's name or address: every user of the machine can read a command's arguments."""
    if file is not None:
        try:
            return file.read()
        except UnicodeDecodeError as error:
            raise click.UsageError("the file is no text in UTF-8") from error
    if sys.stdin.isatty():
        entered: str = click.prompt("E-mail address or names", err=True)
        return entered
    return sys.stdin.readline()


def _chosen(
    installation: Installation, numbers: tuple[str, ...], account: str | None, sought: str
) -> ColumnElement[bool]:
    from pipeline.base.vault import Vault
    from pipeline.operations.acts.erase import NoBuyer, of_account, of_buyer, of_orders
    from pipeline.operations.lists.orders import Listing

    if numbers:
        listing = Listing(installation.sessions)
        return of_orders([unique_order_id(listing, number) for number in numbers])
    if account is not None:
        return of_account(account)
    try:
        return of_buyer(Vault(*installation.settings.master_keys), sought)
    except NoBuyer as error:
        raise click.UsageError("no e-mail address or name was given") from error


def _on_demand(
    installation: Installation,
    chosen: ColumnElement[bool],
    also_live: bool,
    why: str,
    dry_run: bool,
    asks: bool,
    as_json: bool,
) -> None:
    from pipeline.operations.acts.erase import NO_REFERENCE, Erasure, NoReference

    erasure = Erasure(installation.sessions, chosen, also_live=also_live)
    would = erasure.preview()
    if not (would.erased or would.kept or would.busy):
        raise NotFound("no order with personal data matches")
    if dry_run:
        _tell(would, None, as_json)
        return
    if asks and would.erased:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here: look with --dry-run, then give --yes")
        _tell(would, None, as_json=False)
        click.confirm("Destroy this data for good?", abort=True, err=True)
    try:
        done = erasure.run(signature(), why)
    except NoReference as error:
        raise click.UsageError(NO_REFERENCE) from error
    proof = erasure.prove()
    _tell(done, proof, as_json)
    if done.kept or done.busy or not proof.is_complete:
        raise click.exceptions.Exit(NOTHING_DONE)


def _tell(orders: Erased, proof: Proof | None, as_json: bool) -> None:
    if as_json:
        facts = {"purged" if proof else "would_be_purged": orders.erased}
        facts |= {"left_live": orders.kept, "left_busy": orders.busy}
        proven = proof and {
            "orders_checked": proof.checked,
            "orders_with_data": proof.left,
            "columns_in_statistics": proof.sampled,
            "old_rows_vacuumed": proof.is_vacuumed,
            "nothing_left": proof.is_complete,
        }
        print_json({**facts, "proof": proven})
        return
    for sentence, numbers in (
        ("purged:" if proof else "would be purged:", orders.erased),
        ("left, not in Magento yet (--also-live ends and purges them):", orders.kept),
        ("left, a step is working on them (run this again):", orders.busy),
    ):
        if numbers:
            click.echo("\n  ".join((f"{_orders(len(numbers))} {sentence}", *numbers)))
    if proof is not None:
        click.echo("\n".join(_proven(proof)))


def _proven(proof: Proof) -> list[str]:
    if proof.left:
        return [f"Data is still there of: {', '.join(proof.left)}"]
    lines = [f"Read back: no key, sealed data or hash is left of {_orders(proof.checked)}."]
    if proof.sampled:
        lines.append(
            f"PostgreSQL's statistics may hold values of {', '.join(proof.sampled)}: see "
            "docs/operations.md, Purging buyers' data."
        )
    else:
        lines.append("PostgreSQL's statistics hold none of it.")
    lines.append(
        "The old versions of the rows were vacuumed."
        if proof.is_vacuumed
        else "The old versions of the rows are left to PostgreSQL's autovacuum."
    )
    return lines


def _due(installation: Installation, dry_run: bool, as_json: bool) -> None:
    from pipeline.base.shared_clock import SharedClock
    from pipeline.monitoring.purging import PurgeClock, Purging
    from pipeline.monitoring.residue import vacuum
    from pipeline.operations.history.thinning import Thinning

    sessions = installation.sessions
    now, days = SharedClock(sessions)(), installation.settings.purge_after_days
    purging, thinning = Purging(sessions, now, days), Thinning(sessions)
    count = purging.count() if dry_run else purging.run()
    if not dry_run:
        vacuum(sessions)
    rows = thinning.count(now) if dry_run else dict(thinning.run(now))
    if as_json:
        before = PurgeClock(now, days).delivered_before
        print_json(
            {"orders": count, "delivered_before": before, "rows": rows, "purged": not dry_run}
        )
    else:
        done = "would be purged" if dry_run else "purged"
        click.echo(f"{_orders(count)} {done}: the buyer's data is kept for {days} days at most.")
        if any(rows.values()):
            click.echo(f"Old rows that {'would be' if dry_run else 'were'} deleted:")
            for line in columns([(kind, str(gone)) for kind, gone in rows.items() if gone]):
                click.echo(line)
    if not count and not any(rows.values()):
        raise click.exceptions.Exit(NOTHING_DONE)


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"
