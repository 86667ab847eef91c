"""`orderbridge invoices`."""

from __future__ import annotations

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
    when,
)
from pipeline.cli.orders import unique_order_id


@click.group(epilog=EXIT_STATUS)
def invoices() -> None:
    """See which invoices need a person, and have one uploaded again."""


@invoices.command("list", epilog=EXIT_STATUS)
@click.option("--all", "every", is_flag=True, help="Also those that are accepted or on their way.")
@click.option("--limit", default=100, type=click.IntRange(1, 1000), help="How many at most.")
@AS_JSON
def list_invoices(every: bool, limit: int, as_json: bool) -> None:
    """List the invoices that need a person, the newest first; with --all before the others."""
    with open_installation() as installation:
        from pipeline.operations.lists.invoices import listed

        rows = listed(installation.sessions, every=every, limit=limit)
    if as_json:
        print_json(
            [
                {
                    "order": external_id,
                    "account": upload.account,
                    "invoice": upload.increment_id,
                    "state": upload.state,
                    "code": upload.code,
                    "trouble": upload.trouble,
                    "size": upload.size,
                    "digest": upload.digest,
                    "asked_by": upload.asked_by,
                    "ended_at": upload.ended_at,
                }
                for external_id, upload in rows
            ]
        )
    elif rows:
        table = [("ORDER", "INVOICE", "STATE", "CODE", "SINCE", "WHY")]
        table += [
            (
                *(external_id, upload.increment_id, upload.state, str(upload.code or "-")),
                *(when(upload.ended_at or upload.created_at), upload.trouble or ""),
            )
            for external_id, upload in rows
        ]
        click.echo("\n".join(columns(table)))
    if not rows:
        if not as_json:
            click.echo("No invoice is known." if every else "No invoice needs a person.")
        raise SystemExit(NOTHING_DONE)


@invoices.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--invoice", help="The number of the invoice, where the order has several.")
@AS_JSON
def upload(number: str, invoice: str | None, as_json: bool) -> None:
    """Upload the invoice of an order again, by Amazon NUMBER or our id."""
    with open_installation() as installation:
        from pipeline.base.vault import Vault
        from pipeline.invoices.acts import CannotUpload, upload_again
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        vault = Vault(*installation.settings.master_keys)
        try:
            upload_again(
                *(installation.sessions, vault, order_id, signature()), increment_id=invoice
            )
        except CannotUpload as error:
            raise NotFound(f"{number}: {error}") from error
    tell(
        f"{number}: its invoice is uploaded with the next run", as_json, order=number, done="asked"
    )


@invoices.command(epilog=EXIT_STATUS)
@click.argument("number")
@AS_JSON
def ignore(number: str, as_json: bool) -> None:
    """Take the invoice of an order off the list, by Amazon NUMBER or our id."""
    with open_installation() as installation:
        from pipeline.base.vault import Vault
        from pipeline.invoices import acts
        from pipeline.operations.lists.orders import Listing

        order_id = unique_order_id(Listing(installation.sessions), number)
        vault = Vault(*installation.settings.master_keys)
        try:
            acts.ignore(installation.sessions, vault, order_id, signature())
        except acts.CannotUpload as error:
            raise NotFound(f"{number}: {error}") from error
    tell(f"{number}: no invoice of it is uploaded", as_json, order=number, done="ignored")


@invoices.command(epilog=EXIT_STATUS)
@click.argument("account")
@AS_JSON
def resume(account: str, as_json: bool) -> None:
    """Send the invoices of ACCOUNT again, after Amazon refused them."""
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.incidents import Incidents
        from pipeline.invoices.pauses import Pauses

        if not Pauses(Incidents(installation.sessions), account).resume(utc_now()):
            raise NotFound(f"the invoices of account {account} are not stopped")
    tell(f"{account}: invoices are sent again", as_json, account=account, done="resumed")
