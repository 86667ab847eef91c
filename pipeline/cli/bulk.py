"""`orderbridge bulk`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    NotFound,
    RowId,
    columns,
    open_installation,
    print_json,
    system_user,
    tell,
    titled,
    when,
)
from pipeline.cli.terminal import print_lines
from pipeline.cli.terminal import progress as bars

if TYPE_CHECKING:
    from pipeline.operations.acts.tables import BulkAct
    from pipeline.operations.lists.bulk_acts import Acts

_FOLLOW_EVERY_S = 1.0
ACT_ID = click.argument("act_id", metavar="ID", type=RowId())


@click.group(epilog=EXIT_STATUS)
def bulk() -> None:
    """Follow, stop and undo bulk jobs, which act on many orders."""


@bulk.command("list", epilog=EXIT_STATUS)
@AS_JSON
def list_(as_json: bool) -> None:
    """List the latest bulk jobs, newest first. Times are UTC."""
    with open_installation() as installation:
        from pipeline.operations.lists.bulk_acts import Acts

        acts = Acts(installation.sessions).latest()
    if as_json:
        print_json([_as_json(act) for act in acts])
    elif acts:
        print_lines(columns([_HEADINGS, *map(_row, acts)]))
    else:
        click.echo("There has been no bulk job yet.")


@bulk.command(epilog=EXIT_STATUS)
@ACT_ID
@click.option("--follow", is_flag=True, help="Wait until the job has ended, then show it.")
@AS_JSON
def show(act_id: int, follow: bool, as_json: bool) -> None:
    """Show the progress of bulk job ID and the present state of its orders. Times are UTC.

    On a terminal --follow shows a bar meanwhile.
    """
    with open_installation() as installation:
        from pipeline.operations.lists.bulk_acts import Acts
        from pipeline.operations.lists.parcels import parcels_of

        acts = Acts(installation.sessions)
        if follow:
            _follow(acts, act_id)
        progress = acts.progress(act_id)
        parcels = parcels_of(installation.sessions, progress.act).counted if progress else {}
    if progress is None:
        raise NotFound(f"there is no bulk job {act_id}")
    since = {str(name): number for name, number in progress.since.items() if number}
    if as_json:
        passed_over = {refusal.external_id: refusal.why for refusal in progress.passed_over}
        more = {"since": since, "held_again": progress.held, "passed_over_because": passed_over}
        more |= {"parcels": {str(state): number for state, number in parcels.items()}}
        print_json(_as_json(progress.act) | more)
        return
    facts = dict(zip(_HEADINGS, _row(progress.act), strict=True))
    facts |= {name: str(number) for name, number in since.items()}
    facts |= {f"parcels {state}": str(number) for state, number in parcels.items()}
    facts |= {f"held again: {code}": str(number) for code, number in progress.held.items()}
    click.echo("\n".join(titled(facts)))
    for refusal in progress.passed_over:
        click.echo(f"{refusal.external_id or refusal.order_id} was passed over: {refusal.why}")


def _follow(acts: Acts, act_id: int) -> None:
    with bars() as show:
        while (progress := acts.progress(act_id)) is not None:
            act = progress.act
            if show is not None:
                finished = act.done + act.passed_over
                show(f"bulk job {act_id}, {act.act}", finished, act.orders, _state(act))
            if act.ended_at is not None or act.stopped_by is not None:
                return
            time.sleep(_FOLLOW_EVERY_S)


@bulk.command(epilog=EXIT_STATUS)
@ACT_ID
@AS_JSON
def stop(act_id: int, as_json: bool) -> None:
    """Stop bulk job ID: orders that it has not reached stay as they are."""
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.many_orders import BulkActs

        acts = BulkActs(installation.sessions, Vault(*installation.settings.master_keys))
        is_stopped = acts.stop(act_id, author=system_user(), now=utc_now())
    is_idle = f"There is no running bulk job {act_id}."
    text = f"Bulk job {act_id} is stopped." if is_stopped else is_idle
    tell(text, as_json, id=act_id, is_stopped=is_stopped)
    if not is_stopped:
        raise click.exceptions.Exit(NOTHING_DONE)


@bulk.command(epilog=EXIT_STATUS)
@ACT_ID
@AS_JSON
def undo(act_id: int, as_json: bool) -> None:
    """Undo bulk job ID, which ignored orders or shipped them by a file.

    Ignored orders are resumed by another bulk job of five orders a second, without those that
    somebody has resumed meanwhile. Parcels are taken back that have not gone to Magento.
    """
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.vault import Vault
        from pipeline.operations.acts.many_orders import Act, BulkActs
        from pipeline.operations.acts.many_parcels import take_parcels_back
        from pipeline.operations.acts.one_order import NotPossible
        from pipeline.operations.lists.selection import dismissed_by

        vault = Vault(*installation.settings.master_keys)
        taken = take_parcels_back(
            BulkActs(installation.sessions, vault),
            installation.sessions,
            act_id,
            author=system_user(),
            now=utc_now(),
        )
        if taken is not None:
            words = f"{taken.parcels} parcels are taken back"
            words += f", {taken.left} have gone out or are about to." if taken.left else "."
            tell(words, as_json, undoes=act_id, parcels=taken.parcels, left=taken.left)
            return
        choice = dismissed_by(installation.sessions, act_id)
        if choice is None:
            raise NotFound(f"no bulk job {act_id} ignored or shipped orders")
        try:
            undoing = BulkActs(installation.sessions, vault).begin(
                Act.RESUME,
                choice.turns(),
                chosen=choice.words,
                author=system_user(),
                now=utc_now(),
                token=uuid4().hex,
            )
        except NotPossible as error:
            raise NotFound(f"no order is left that bulk job {act_id} ignored") from error
    text = f"The orders are resumed. Follow the bulk job: orderbridge bulk show {undoing}"
    tell(text, as_json, id=undoing, undoes=act_id)


_HEADINGS = (
    *("id", "act", "state", "orders", "done", "passed over", "to do", "begun", "ended", "by"),
    "chosen",
)


def _state(act: BulkAct) -> str:
    if act.stopped_by is not None:
        return f"stopped by {act.stopped_by}"
    return "ended" if act.ended_at else "running"


def _row(act: BulkAct) -> tuple[str, ...]:
    return (
        *(str(act.id), act.act, _state(act), str(act.orders), str(act.done)),
        *(str(act.passed_over), str(act.to_do), when(act.asked_at), when(act.ended_at)),
        *(act.author, act.chosen),
    )


def _as_json(act: BulkAct) -> dict[str, Any]:
    return {
        "id": act.id,
        "act": act.act,
        "author": act.author,
        "chosen": act.chosen,
        "orders": act.orders,
        "done": act.done,
        "passed_over": act.passed_over,
        "to_do": act.to_do,
        "asked_at": act.asked_at,
        "ended_at": act.ended_at,
        "stopped_by": act.stopped_by,
    }
