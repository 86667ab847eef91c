"""`orderbridge backfill`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Installation,
    NotFound,
    RowId,
    Unusable,
    columns,
    moment,
    open_installation,
    print_json,
    system_user,
    tell,
    when,
)
from pipeline.cli.terminal import Show, print_lines
from pipeline.cli.terminal import progress as bars

if TYPE_CHECKING:
    from pipeline.cli.estimate import Asked
    from pipeline.intake.backfills import Backfills, Progress

_NUMBER = re.compile(r"\d{3}-\d{7}-\d{7}")
_FOLLOW_EVERY_S = 2.0
# Amazon refuses an end that is less than two minutes ago, and our clock may be ahead of Amazon's.
_NOT_BEFORE = timedelta(minutes=3)


@click.group(invoke_without_command=True, epilog=EXIT_STATUS)
@click.option("--account", metavar="NAME", help="The selling account.")
@click.option(
    "--from",
    "after",
    callback=moment,
    metavar="TIME",
    help="Orders placed from this time on; a day or a time, in UTC.",
)
@click.option(
    "--to", "before", callback=moment, metavar="TIME", help="Orders placed up to this time."
)
@click.option(
    "--ids",
    type=click.File(),
    help="A file of Amazon order numbers, one a line; - for standard input.",
)
@click.option("--dry-run", is_flag=True, help="Only estimate calls and hours; no call is made.")
@click.option("--probe", is_flag=True, help="With --dry-run: make one call, for the first page.")
@AS_JSON
@click.pass_context
def backfill(
    context: click.Context,
    account: str | None,
    after: datetime | None,
    before: datetime | None,
    ids: IO[str] | None,
    dry_run: bool,
    probe: bool,
    as_json: bool,
) -> None:
    """Import older orders: those placed in a period, or a list of numbers.

    New orders are read first; a backfill uses at most half of the account's quota. Its orders go
    through the same steps as others. The account's start_from does not apply. An order that is
    known here is read again, not imported twice.
    """
    if context.invoked_subcommand is not None:
        return
    if probe and not dry_run:
        raise click.UsageError("--probe needs --dry-run")
    if probe and ids is not None:
        raise click.UsageError("--probe needs a period: --ids takes one call per order")
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.cli.estimate import estimate, probed
        from pipeline.intake.backfills import Backfills

        now = utc_now()
        asked = _asked(installation, account, after, before, ids, now)
        backfills = Backfills(installation.sessions)
        if dry_run:
            facts = estimate(backfills, asked)
            facts |= probed(installation, asked) if probe else {}
            _print_facts(facts, as_json)
            return
        backfill_id = _start(backfills, asked, now)
        if as_json:
            print_json({"id": backfill_id})
        else:
            click.echo(
                f"Backfill {backfill_id} runs. Follow it: orderbridge backfill status --follow"
            )


def _asked(
    installation: Installation,
    account: str | None,
    after: datetime | None,
    before: datetime | None,
    ids: IO[str] | None,
    now: datetime,
) -> Asked:
    from pipeline.cli.estimate import Asked

    if account is None:
        raise click.UsageError("--account is needed")
    if account not in installation.settings.accounts:
        raise Unusable(f"there is no [accounts.{account}] in the configuration")
    if ids is not None:
        if after or before:
            raise click.UsageError("give a period or --ids, not both")
        return Asked(account, None, None, _numbers(ids))
    if after is None or before is None:
        raise click.UsageError("a period needs --from and --to; or give --ids")
    if before <= after:
        raise click.UsageError("--to must be later than --from")
    if before > now - _NOT_BEFORE:
        raise click.UsageError("--to must be at least 3 minutes ago: newer orders are read anyway")
    return Asked(account, after, before, frozenset())


def _numbers(lines: IO[str]) -> frozenset[str]:
    words = [word for line in lines for word in line.replace(",", " ").split()]
    wrong = [position for position, word in enumerate(words, 1) if not _NUMBER.fullmatch(word)]
    if wrong:
        raise click.UsageError(
            f"entry {wrong[0]} of --ids is no Amazon order number such as 028-1234567-1234567"
        )
    if not words:
        raise click.UsageError("--ids holds no order number")
    return frozenset(words)


def _start(backfills: Backfills, asked: Asked, now: datetime) -> int:
    from pipeline.intake.backfills import AlreadyRunning

    try:
        if asked.after is not None and asked.before is not None:
            return backfills.start_period(
                asked.account, asked.after, asked.before, author=system_user(), now=now
            )
        return backfills.start_ids(asked.account, asked.numbers, author=system_user(), now=now)
    except AlreadyRunning as error:
        raise NotFound(
            f"account {asked.account} has a backfill that still runs: wait for it (orderbridge "
            "backfill status --follow), or stop it (orderbridge backfill stop ID)"
        ) from error


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    from pipeline.cli.estimate import LABELS

    rows = [(LABELS[name], _estimated(name, value)) for name, value in facts.items() if value != ""]
    click.echo("\n".join(columns(rows)))
    click.echo("Nothing was imported.")


def _estimated(name: str, value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value / 3600:.1f}" if name.startswith("takes") else str(value)


@backfill.command(epilog=EXIT_STATUS)
@click.option(
    "--follow",
    is_flag=True,
    help="Follow until no backfill runs: with bars on a terminal, else the list at each change.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=10,
    show_default=True,
    help="Show at most this many backfills.",
)
@AS_JSON
def status(follow: bool, limit: int, as_json: bool) -> None:
    """Show the latest backfills and their progress. Times are UTC."""
    with open_installation() as installation:
        from pipeline.intake.backfills import Backfills

        backfills = Backfills(installation.sessions)
        latest: Sequence[Progress] = backfills.latest(limit)
        if not latest:
            click.echo("[]" if as_json else "There has been no backfill yet.")
            return
        with bars() as show:
            while follow and any(map(_runs, latest)):
                if show is None or as_json:
                    _show(latest, as_json)
                else:
                    _show_bars(show, latest)
                latest = _changed(backfills, limit, latest)
            if show is not None and not as_json:
                _show_bars(show, latest)
        _show(latest, as_json)


def _runs(progress: Progress) -> bool:
    from pipeline.intake.tables import BackfillState

    return progress.backfill.state == BackfillState.RUNNING


def _changed(backfills: Backfills, limit: int, shown: Sequence[Progress]) -> Sequence[Progress]:
    """The backfills, once they are not as they were shown."""
    while True:
        time.sleep(_FOLLOW_EVERY_S)
        latest = backfills.latest(limit)
        if [_row(progress) for progress in latest] != [_row(progress) for progress in shown]:
            return latest


def _show_bars(show: Show, latest: Sequence[Progress]) -> None:
    """A bar for each that runs. Amazon does not say how many orders a period has."""
    for progress in latest:
        row, is_of_period = progress.backfill, progress.backfill.asked is None
        if _runs(progress):
            done = row.orders_seen if is_of_period else (row.asked or 0) - progress.left
            word = f"{row.orders_new} new, {row.calls} calls"
            show(f"backfill {row.id}, {row.account}", done, row.asked, word)


@backfill.command(epilog=EXIT_STATUS)
@click.argument("backfill_id", metavar="ID", type=RowId())
@AS_JSON
def stop(backfill_id: int, as_json: bool) -> None:
    """Stop backfill ID: it reads no more orders. Orders imported so far stay."""
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.intake.backfills import Backfills

        if not Backfills(installation.sessions).stop(backfill_id, utc_now()):
            tell(
                f"There is no running backfill {backfill_id}.",
                as_json,
                id=backfill_id,
                is_stopped=False,
            )
            raise click.exceptions.Exit(NOTHING_DONE)
    tell(f"Backfill {backfill_id} is stopped.", as_json, id=backfill_id, is_stopped=True)


_HEADINGS = ("id", "account", "state", "orders", "read", "new", "calls", "begun", "ended", "error")


def _show(latest: Sequence[Progress], as_json: bool) -> None:
    if as_json:
        print_json([_as_json(progress) for progress in latest])
    else:
        print_lines(columns([_HEADINGS, *map(_row, latest)]))


def _row(progress: Progress) -> tuple[str, ...]:
    row = progress.backfill
    what = (
        f"{row.asked} orders, {progress.left} left"
        if row.asked is not None
        else f"{when(row.after_at)} to {when(row.before_at)}"
    )
    return (
        *(str(row.id), row.account, row.state, what),
        *(str(row.orders_seen), str(row.orders_new), str(row.calls)),
        *(when(row.created_at), when(row.ended_at), row.trouble or ""),
    )


def _as_json(progress: Progress) -> dict[str, Any]:
    row = progress.backfill
    return {
        "id": row.id,
        "account": row.account,
        "author": row.author,
        "state": row.state,
        "from": row.after_at,
        "to": row.before_at,
        "asked": row.asked,
        "left": progress.left if row.asked is not None else None,
        "orders_read": row.orders_seen,
        "orders_new": row.orders_new,
        "calls": row.calls,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
        "trouble": row.trouble,
    }
