"""`orderbridge orders ship-many`: request the shipments of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    columns,
    open_installation,
    print_json,
    system_user,
)
from pipeline.cli.terminal import print_lines

if TYPE_CHECKING:
    from pipeline.operations.acts.shipping_check import CheckedRow


@click.command("ship-many", epilog=f"{EXIT_STATUS} Here 1 also means that rows are left out.")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check the rows, and request nothing.")
@AS_JSON
def ship_many(file: BinaryIO, dry_run: bool, as_json: bool) -> None:
    """Ship the orders of a CSV FILE in Magento; - reads standard input.

    The columns are order, carrier, tracking and items; items is empty for all that is left, or
    SKU=2;SKU2=1. Several rows of an order are several parcels. Faulty rows are left out, and so is
    the rest of their order. Follow the bulk job with `orderbridge bulk show`, and take back with
    `orderbridge bulk undo` what has not gone out.
    """
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.many_parcels import begin_shipping
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.acts.shipping_check import check_rows
        from pipeline.operations.acts.shipping_file import LARGEST, NotReadable, read_file

        try:
            rows = read_file(file.read(LARGEST + 1))
        except NotReadable as error:
            raise click.ClickException(str(error)) from error  # its exit status is NOTHING_DONE
        checked = check_rows(installation.sessions, rows)
        good = [each for each in checked if not each.mistake]
        act_id = None
        if good and not dry_run:
            try:
                act_id = begin_shipping(
                    installation.sessions,
                    Vault(*installation.settings.master_keys),
                    good,
                    author=system_user(),
                    now=utc_now(),
                    token=uuid4().hex,
                )
            except NotPossible as error:
                raise click.ClickException(str(error)) from error
    if as_json:
        print_json({"id": act_id, "rows": [_as_json(each) for each in checked]})
    else:
        _print(checked, len(good), act_id)
    if len(good) < len(checked):
        raise click.exceptions.Exit(NOTHING_DONE)


def _print(checked: list[CheckedRow], good: int, act_id: int | None) -> None:
    bad = [each for each in checked if each.mistake]
    if bad:
        rows = [("ROW", "ORDER", "LEFT OUT BECAUSE")]
        rows += [(str(each.row.line), each.row.order, each.mistake) for each in bad]
        print_lines(columns(rows))
    what = "1 parcel" if good == 1 else f"{good} parcels"
    if act_id is None:
        click.echo(f"{what} can be shipped; nothing was requested.")
    else:
        verb = "is" if good == 1 else "are"
        click.echo(f"{what} {verb} shipped. Follow the bulk job: orderbridge bulk show {act_id}")


def _as_json(each: CheckedRow) -> dict[str, Any]:
    return {
        "row": each.row.line,
        "order": each.external_id or each.row.order,
        "order_id": each.order_id,
        "carrier": each.parcel.carrier if each.parcel else each.row.carrier,
        "tracking_number": each.parcel.tracking_number if each.parcel else each.row.tracking,
        "mistake": each.mistake or None,
    }
