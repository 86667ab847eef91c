"""`orderbridge reconcile`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Installation,
    NotFound,
    Unusable,
    columns,
    moment,
    open_installation,
    print_json,
    system_user,
    tell,
    when,
)
from pipeline.cli.terminal import Show, progress

if TYPE_CHECKING:
    from pipeline.cli.remotes import Remotes
    from pipeline.monitoring.reconcile.run import Reconciler
    from pipeline.monitoring.reconcile.runs import Result, Runs
    from pipeline.monitoring.reconcile.tables import Reconciliation

ACCOUNT = click.option("--account", metavar="NAME", help="The selling account; all by default.")
_LOOK_AFTER_S = 5.0

Say = Callable[[str, int, str], None]
"""Says how far the comparison of an account is: its name, how many orders, and why it waits."""


@click.group(invoke_without_command=True, epilog=EXIT_STATUS)
@ACCOUNT
@click.option(
    "--since",
    "after",
    callback=moment,
    metavar="TIME",
    help="Orders changed at Amazon from this time on; by default 48 hours ago.",
)
@click.option(
    "--until",
    "before",
    callback=moment,
    metavar="TIME",
    help="Orders changed at Amazon up to this time; half an hour ago at the latest.",
)
@click.option("--dry-run", is_flag=True, help="Only compare; nothing is changed anywhere.")
@AS_JSON
@click.pass_context
def reconcile(
    context: click.Context,
    account: str | None,
    after: datetime | None,
    before: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Compare Amazon, this database and Magento, order by order.

    Differences that the steps can correct are corrected; for the others the order is held with the
    reason. The comparison uses half of the account's quota at Amazon, so it may wait; if you
    interrupt it, the workers finish it. The workers compare once a day.
    """
    if context.invoked_subcommand is not None:
        return
    with open_installation() as installation:
        from pipeline.cli.remotes import remotes

        accounts = _accounts(installation, account)
        period = _period(after, before)
        with remotes(installation) as reached, progress() as show:
            say = _with_bars(show) if show is not None else _as_lines
            results = [
                _compare(installation, reached, name, period, dry_run, say) for name in accounts
            ]
    if as_json:
        print_json(results)
    else:
        for result in results:
            click.echo("\n".join(_as_text(result)))


@reconcile.command(epilog=EXIT_STATUS)
@ACCOUNT
@AS_JSON
def last(account: str | None, as_json: bool) -> None:
    """Show the differences of each account's last comparison. Times are UTC."""
    with open_installation() as installation:
        from pipeline.monitoring.reconcile.runs import Runs

        results = [
            _as_json(run)
            for run in Runs(installation.sessions).latest(_accounts(installation, account))
        ]
    if as_json:
        print_json(results)
    elif not results:
        click.echo("Nothing has been compared yet.")
    else:
        for result in results:
            click.echo("\n".join(_as_text(result)))


@reconcile.command(epilog=EXIT_STATUS)
@click.argument("number")
@click.option("--account", help="The account, if several have an order of this number.")
@AS_JSON
def accept(number: str, account: str | None, as_json: bool) -> None:
    """Accept the open differences of the order with Amazon's NUMBER.

    The order continues, and these differences hold it again only when one of them changes.
    """
    with open_installation() as installation:
        from pipeline.base.clock import utc_now
        from pipeline.monitoring.reconcile.runs import Runs, SeveralAccounts

        author, now = system_user(), utc_now()
        try:
            kinds = Runs(installation.sessions).accept(
                number, author=author, now=now, account=account
            )
        except SeveralAccounts as error:
            raise Unusable(
                f"orders of several accounts have this number ({error}): name one with --account"
            ) from error
    if not kinds:
        tell(f"{number} has no open difference.", as_json, order=number, accepted=[])
        raise click.exceptions.Exit(NOTHING_DONE)
    tell(f"{number}: accepted {', '.join(kinds)}", as_json, order=number, accepted=kinds)


def _accounts(installation: Installation, account: str | None) -> list[str]:
    if account is None:
        return list(installation.settings.accounts)
    if account not in installation.settings.accounts:
        raise Unusable(f"there is no [accounts.{account}] in the configuration")
    return [account]


def _period(after: datetime | None, before: datetime | None) -> tuple[datetime, datetime]:
    from pipeline.base.clock import utc_now
    from pipeline.monitoring.reconcile.runs import DEFAULT_PERIOD, LONGEST_PERIOD, NOT_BEFORE

    latest = utc_now() - NOT_BEFORE
    before = before or latest
    after = after or before - DEFAULT_PERIOD
    if before > latest + timedelta(seconds=1):
        raise click.UsageError(
            "--until must be at least half an hour ago: newer orders are under way"
        )
    if after >= before:
        raise click.UsageError("--until must be later than --since")
    if before - after > LONGEST_PERIOD:
        raise click.UsageError("at most 30 days are compared at once")
    return after, before


def _compare(
    installation: Installation,
    reached: Remotes,
    account: str,
    period: tuple[datetime, datetime],
    dry_run: bool,
    say: Say,
) -> dict[str, Any]:
    from pipeline.base.clock import utc_now
    from pipeline.base.incidents import Incidents
    from pipeline.intake.store import Intake
    from pipeline.monitoring.reconcile.run import Reconciler
    from pipeline.monitoring.reconcile.runs import AlreadyRunning, Runs
    from pipeline.shipping.shop_shipments import Shipments

    intake = Intake(installation.sessions, reached.vault, installation.settings.timing)
    incidents = Incidents(installation.sessions)
    shipments = Shipments(installation.sessions, reached.vault)
    reconciler = Reconciler(installation.sessions, reached.clients, intake, incidents, shipments)
    if dry_run:
        return _preview(reconciler, account, period, say)
    runs = Runs(installation.sessions)
    try:
        run_id = runs.start(account, *period, author=system_user(), now=utc_now())
    except AlreadyRunning as error:
        raise NotFound(
            f"account {account} is being compared already; see orderbridge reconcile last"
        ) from error
    _run(runs, reconciler, reached, run_id, say)
    [result] = runs.latest([account])
    return _as_json(result)


def _run(runs: Runs, reconciler: Reconciler, reached: Remotes, run_id: int, say: Say) -> None:
    """Continue the reconciliation to its end; a worker may continue it in between."""
    from pipeline.base.clock import utc_now
    from pipeline.monitoring.reconcile.tables import ReconciliationState

    run = runs.get(run_id)
    while run.state == ReconciliationState.RUNNING:
        if run.due_at <= utc_now():
            with reached.leases.hold(f"reconcile:{run.account}", str(uuid4())) as ours:
                run = reconciler.go_on(run_id) if ours else runs.get(run_id)
        if run.state == ReconciliationState.RUNNING:
            left_s = max(1.0, (run.due_at - utc_now()).total_seconds())
            say(run.account, run.orders_seen, _waiting(left_s, run.trouble))
            time.sleep(min(left_s, _LOOK_AFTER_S))
            run = runs.get(run_id)
    say(run.account, run.orders_seen, "")


def _preview(
    reconciler: Reconciler, account: str, period: tuple[datetime, datetime], say: Say
) -> dict[str, Any]:
    from pipeline.base.errors import NotSent

    token, orders, unreadable = None, 0, 0
    kinds: dict[str, list[dict[str, Any]]] = {}
    while True:
        try:
            page = reconciler.preview(account, *period, token)
        except NotSent as error:
            left_s = max(1.0, error.retry_after_s or 0.0)
            say(account, orders, _waiting(left_s, None))
            time.sleep(left_s)
            continue
        orders, unreadable, token = orders + page.orders, unreadable + page.unreadable, page.token
        say(account, orders, "")
        for number, differences in page.differences.items():
            for difference in differences:
                kinds.setdefault(difference.kind, []).append(
                    {
                        "order": number,
                        "treatment": str(difference.cure),
                        "detail": difference.detail,
                    }
                )
        if token is None:
            break
    return {
        **{"account": account, "dry_run": True, "state": "done"},
        **{"from": period[0], "to": period[1], "orders_compared": orders},
        **{"unreadable": unreadable, "resolved": 0, "trouble": None},
        "differences": {kind: kinds[kind] for kind in sorted(kinds)},
    }


def _waiting(left_s: float, trouble: str | None) -> str:
    why = f" after {trouble}" if trouble else " for Amazon's quota"
    return f"waiting {left_s:.0f} s{why}"


def _as_lines(account: str, orders: int, word: str) -> None:
    """Say a wait on standard error; what needs no wait is soon over."""
    if word:
        click.echo(f"{account}: {orders} orders compared, {word}", err=True)


def _with_bars(show: Show) -> Say:
    """Amazon does not say how many orders changed, so that the bar has no end."""
    return lambda account, orders, word: show(f"{account}: orders compared", orders, None, word)


def _as_json(result: Result) -> dict[str, Any]:
    run: Reconciliation = result.run
    kinds: dict[str, list[dict[str, Any]]] = {}
    for difference in result.differences:
        kinds.setdefault(difference.kind, []).append(
            {
                **{
                    "order": difference.external_id,
                    "treatment": difference.treatment,
                    "detail": difference.detail,
                },
                **{"found_at": difference.found_at, "accepted_by": difference.accepted_by},
            }
        )
    return {
        **{"account": run.account, "dry_run": False, "state": run.state},
        **{"id": run.id, "author": run.author, "begun_at": run.created_at},
        **{"ended_at": run.ended_at, "from": run.after_at, "to": run.before_at},
        **{"orders_compared": run.orders_seen, "unreadable": run.unreadable},
        **{"resolved": run.resolved, "trouble": run.trouble},
        "differences": kinds,
    }


def _as_text(result: dict[str, Any]) -> Sequence[str]:
    from pipeline.monitoring.reconcile.tables import ReconciliationState

    kinds: dict[str, list[dict[str, Any]]] = result["differences"]
    count = sum(map(len, kinds.values()))
    lines = [
        f"account {result['account']}, {when(result['from'])} to {when(result['to'])}: "
        f"{result['orders_compared']} orders compared, {count} differences, "
        f"{result['resolved']} resolved"
    ]
    if result["state"] == ReconciliationState.RUNNING:
        lines.append(f"  still running{': ' + result['trouble'] if result['trouble'] else ''}")
    if result["unreadable"]:
        lines.append(f"  {result['unreadable']} reports of Amazon have no order number")
    for kind, differences in kinds.items():
        lines.append(f"  {kind}: {len(differences)}")
        rows = [
            (difference["order"], difference["treatment"], difference["detail"])
            for difference in differences
        ]
        lines += columns(rows, indent="    ")
    if result["dry_run"]:
        lines.append("Nothing was changed.")
    return lines
