"""`orderbridge purge`: destroy what names buyers whose orders were delivered long enough ago."""

from __future__ import annotations

import click

from pipeline.cli.common import AS_JSON, EXIT_STATUS, NOTHING_DONE, installation, print_json


@click.command(epilog=EXIT_STATUS)
@click.option("--dry-run", is_flag=True, help="Only count the orders.")
@AS_JSON
def purge(dry_run: bool, as_json: bool) -> None:
    """Destroy names, addresses and all else that was sealed, purge_after_days after delivery.

    The workers do so every hour: this is for whoever does not want to wait. Facts and amounts of an
    order stay, and so does all that Magento has. It cannot be taken back.
    """
    with installation() as found:
        from datetime import timedelta

        from pipeline.purging import Purging
        from pipeline.shared_clock import SharedClock

        now, days = SharedClock(found.sessions)(), found.settings.purge_after_days
        before = now - timedelta(days=days)
        purging = Purging(found.sessions, before)
        count = purging.count() if dry_run else purging.run(now)
    if as_json:
        print_json({"orders": count, "delivered_before": before, "purged": not dry_run})
    else:
        orders = "1 order" if count == 1 else f"{count} orders"
        done = "would be purged" if dry_run else "purged"
        click.echo(f"{orders} of more than {days} days ago {done}.")
    if not count:
        raise click.exceptions.Exit(NOTHING_DONE)
