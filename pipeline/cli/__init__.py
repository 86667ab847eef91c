"""The `orderbridge` command. Commands import slow modules only when they need them."""

from __future__ import annotations

import click

from pipeline.cli.accounts import accounts
from pipeline.cli.address import address
from pipeline.cli.alerts import alerts
from pipeline.cli.audit import audit
from pipeline.cli.backfill import backfill
from pipeline.cli.backup import backup
from pipeline.cli.bulk import bulk
from pipeline.cli.common import EXIT_STATUS
from pipeline.cli.completion import completion
from pipeline.cli.decisions import cancel, dismiss, hold, note, transparency
from pipeline.cli.doctor import doctor
from pipeline.cli.explain import explain
from pipeline.cli.health import health
from pipeline.cli.invoices import invoices
from pipeline.cli.keys import keys
from pipeline.cli.money import money
from pipeline.cli.notifications import notifications
from pipeline.cli.orders import orders, release
from pipeline.cli.overrides import show, turn, turn_back, turned
from pipeline.cli.people import people
from pipeline.cli.purge import purge
from pipeline.cli.reconcile import reconcile
from pipeline.cli.refunds import refunds
from pipeline.cli.replay import replay
from pipeline.cli.restored import restored
from pipeline.cli.returns import returns
from pipeline.cli.servers import console, migrate
from pipeline.cli.settings import settings
from pipeline.cli.settlements import settlements
from pipeline.cli.ship import ship
from pipeline.cli.ship_many import ship_many
from pipeline.cli.simulate import simulate
from pipeline.cli.sku_map import sku_map
from pipeline.cli.stated_value import worth
from pipeline.cli.tokens import tokens
from pipeline.cli.webhooks import webhooks


@click.group(epilog=EXIT_STATUS)
@click.version_option(package_name="orderbridge", message="%(prog)s %(version)s")
def main() -> None:
    """Brings Amazon orders into Magento 2 and tracking numbers back to Amazon.

    Every command reads orderbridge.toml, or the file that ORDERBRIDGE_CONFIG names, and its secrets
    from the environment.
    """


orders.add_command(address)
orders.add_command(cancel)
orders.add_command(dismiss)
orders.add_command(explain)
orders.add_command(hold)
orders.add_command(money)
orders.add_command(note)
orders.add_command(release, "retry")
orders.add_command(replay)
orders.add_command(ship)
orders.add_command(ship_many)
orders.add_command(transparency)
orders.add_command(worth)
settings.add_command(show)
settings.add_command(turn)
settings.add_command(turn_back)
settings.add_command(turned)
main.add_command(accounts)
main.add_command(alerts)
main.add_command(audit)
main.add_command(backfill)
main.add_command(backup)
main.add_command(bulk)
main.add_command(completion)
main.add_command(console)
main.add_command(doctor)
main.add_command(explain)
main.add_command(health)
main.add_command(keys)
main.add_command(migrate)
main.add_command(notifications)
main.add_command(orders)
main.add_command(people)
main.add_command(purge)
main.add_command(restored)
main.add_command(reconcile)
main.add_command(refunds)
main.add_command(replay)
main.add_command(returns)
main.add_command(settings)
main.add_command(settlements)
main.add_command(simulate)
main.add_command(sku_map)
main.add_command(tokens)
main.add_command(webhooks)
main.add_command(invoices)
