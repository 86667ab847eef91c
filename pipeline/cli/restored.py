"""`orderbridge restored`: the database was set back and may lack the newest writes."""

from __future__ import annotations

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    open_installation,
    print_json,
    system_user,
    when,
)


@click.command(epilog=EXIT_STATUS)
@AS_JSON
def restored(as_json: bool) -> None:
    """Report that the database was reset to an earlier state, so that no write is repeated.

    Needed only after a disk or a virtual machine was reset to a snapshot: a restored dump, a
    recovery to a point in time and a failover are detected without it. Run it before the workers
    start. For every order placed until now Amazon and Magento are then searched before each write.
    That costs a call per write and does no harm.
    """
    with open_installation() as installation:
        from pipeline.base import database_restores
        from pipeline.base.clock import utc_now
        from pipeline.base.security_log import Action, record

        now = utc_now()
        with installation.sessions() as session, session.begin():
            database_restores.report(session, now)
            record(
                session,
                at=now,
                person=system_user(),
                address="",
                action=Action.RESTORE_REPORTED,
            )
    if as_json:
        print_json({"looks_first_for_orders_placed_before": now})
    else:
        click.echo(
            "Amazon and Magento are searched before each write, for orders placed before "
            f"{when(now)} UTC."
        )
