"""`orderbridge purge`: destroy the keys of buyers' data and delete old rows that are due."""

from __future__ import annotations

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    columns,
    open_installation,
    print_json,
)


@click.command(epilog=EXIT_STATUS)
@click.option("--dry-run", is_flag=True, help="Only count the orders and rows.")
@AS_JSON
def purge(dry_run: bool, as_json: bool) -> None:
    """Destroy buyers' names, addresses and other sealed data, purge_after_days after delivery.

    Also deletes rows that ended long ago: attempts that only repeat why an order waited, incidents,
    feeds, bulk jobs, differences and the like. The workers do this every hour; run it to purge at
    once. Facts, amounts and remote writes of an order stay, and so does all data in Magento. A
    purge cannot be undone.
    """
    with open_installation() as installation:
        from datetime import timedelta

        from pipeline.base.shared_clock import SharedClock
        from pipeline.monitoring.purging import Purging
        from pipeline.operations.history.thinning import Thinning

        now, days = SharedClock(installation.sessions)(), installation.settings.purge_after_days
        before = now - timedelta(days=days)
        purging, thinning = Purging(installation.sessions, before), Thinning(installation.sessions)
        count = purging.count() if dry_run else purging.run(now)
        rows = thinning.count(now) if dry_run else dict(thinning.run(now))
    if as_json:
        print_json(
            {"orders": count, "delivered_before": before, "rows": rows, "purged": not dry_run}
        )
    else:
        orders = "1 order" if count == 1 else f"{count} orders"
        done = "would be purged" if dry_run else "purged"
        click.echo(f"{orders} delivered more than {days} days ago {done}.")
        if any(rows.values()):
            click.echo(f"Old rows that {'would be' if dry_run else 'were'} deleted:")
            for line in columns([(kind, str(gone)) for kind, gone in rows.items() if gone]):
                click.echo(line)
    if not count and not any(rows.values()):
        raise click.exceptions.Exit(NOTHING_DONE)
