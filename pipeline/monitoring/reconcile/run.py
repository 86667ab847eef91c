"""Runs a reconciliation page by page through Amazon's list; it resumes where it stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.base.clock import seconds
from pipeline.base.db import Sessions
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError
from pipeline.base.incidents import Incidents
from pipeline.base.log import log
from pipeline.base.quota import Lane
from pipeline.clients import Clients
from pipeline.intake.fetch_list import Fetching
from pipeline.intake.search_progress import NoProgress, SearchProgress
from pipeline.intake.store import Intake
from pipeline.intake.unreadable_reports import open_nameless_incident, set_aside
from pipeline.monitoring.account_checks import stalled
from pipeline.monitoring.reconcile.compare import Cure, FoundDifference, compare
from pipeline.monitoring.reconcile.read import Batch, read
from pipeline.monitoring.reconcile.runs import Runs
from pipeline.monitoring.reconcile.tables import Reconciliation, ReconciliationState
from pipeline.monitoring.reconcile.treat import treat
from pipeline.orders.channel import OrderPage, Raw
from pipeline.orders.tables import Status
from pipeline.shipping.shop_shipments import Shipments

AFTER_TROUBLE = timedelta(minutes=1)
AFTER_REFUSAL = timedelta(minutes=15)
# Orders with open differences from earlier runs; each takes a call of its own.
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """A compared page of Amazon's list; `token` names the next page, None on the last."""

    differences: Mapping[str, Sequence[FoundDifference]]
    orders: int
    unreadable: int
    token: str | None


class Reconciler:
    """Compares orders, and repairs or holds those with a difference."""

    def __init__(
        self,
        sessions: Sessions,
        clients: Clients,
        intake: Intake,
        incidents: Incidents,
        shipments: Shipments,
    ) -> None:
        self._sessions = sessions
        self._clients = clients
        self._intake = intake
        self._incidents = incidents
        self._shipments = shipments
        self._runs = Runs(sessions)
        self._progress = SearchProgress(sessions)

    def preview(
        self, account: str, after: datetime, before: datetime, token: str | None
    ) -> Compared:
        """Compare a page and change nothing. Raises the errors of the reads."""
        page = self._page(account, after, before, token)
        batch = self._read(account, page.orders)
        by_number = self._compare(batch)
        return Compared(
            {number: differences for number, differences in by_number.items() if differences},
            len(page.orders),
            batch.readable.unreadable,
            page.next_token,
        )

    def go_on(self, run_id: int) -> Reconciliation:
        """Compare as many pages as the quota allows, and return the run's new state.

        The caller holds the account's lease. A page's differences are treated before the page is
        noted as compared: after a crash in between, the page is read again with the same result.
        """
        run = self._runs.get(run_id)
        try:
            while run.state == ReconciliationState.RUNNING:
                if not run.is_listed:
                    self._list(run)
                elif numbers := self._runs.unseen(run, _AT_ONCE):
                    self._look_again(run, numbers)
                else:
                    self._end(run)
                run = self._runs.get(run_id)
        except NotSent as error:
            wait = seconds(error.retry_after_s or 0)
            self._runs.put_off(run_id, self._clients.now() + wait, None)
        except RemoteError as error:
            self._trouble(self._runs.get(run_id), error)
        return self._runs.get(run_id)

    def _page(
        self, account: str, after: datetime, before: datetime, token: str | None
    ) -> OrderPage:
        channel = self._clients.channels[account]
        return channel.changed_orders(after, token, before, Lane.BACKFILL)

    def _list(self, run: Reconciliation) -> None:
        asked_at = self._clients.now()
        page = self._page(run.account, run.after_at, run.before_at, run.page_token)
        batch = self._take(run, page.orders, asked_at)
        search, now = f"reconcile:{run.account}", self._clients.now()
        if run.page_token is None:
            self._incidents.close(f"nameless:{search}", now)
        if batch.readable.nameless:
            then, period = (
                "The next comparison searches this period again",
                (run.after_at, run.before_at),
            )
            open_nameless_incident(self._incidents, run.account, search, period, then, now)
        self._progress.note(search, run.page_token, page, batch.sides)
        self._runs.listed(run.id, page, batch.readable.unreadable)
        if page.next_token is None:
            self._incidents.close(f"stalled:{search}", self._clients.now())

    def _look_again(self, run: Reconciliation, numbers: Sequence[str]) -> None:
        """Compare orders with open differences that have not changed at Amazon in this period."""
        channel = self._clients.channels[run.account]
        raws: list[Raw] = []
        asked_at = self._clients.now()
        for number in numbers:
            try:
                raws.append(channel.order(number, Lane.BACKFILL))
            except AccountStopped:
                raise
            except Rejected:
                continue
        self._take(run, raws, asked_at)
        self._runs.leave(run, numbers)

    def _take(self, run: Reconciliation, raws: Sequence[Raw], asked_at: datetime) -> Batch:
        """Compare orders and treat their differences."""
        batch = self._read(run.account, raws)
        by_number = self._compare(batch)
        now = self._clients.now()
        # A report that was read may still fail to be stored: fetching the order shows that.
        self._set_aside(run.account, batch.readable.set_aside, (), now)
        self._take_in(run.account, batch, by_number, now, asked_at)
        self._take_states(run.account, batch, by_number, now)
        with self._sessions() as session, session.begin():
            closed = treat(session, run, by_number, batch.sides, now)
            session.get_one(Reconciliation, run.id).resolved += closed
        return batch

    def _read(self, account: str, raws: Sequence[Raw]) -> Batch:
        channel, now = self._clients.channels[account], self._clients.now()
        readable = self._intake.readable(account, channel, raws, now)
        return read(self._sessions, self._clients, account, readable)

    def _set_aside(
        self, account: str, numbers: Collection[str], seen: Collection[str], now: datetime
    ) -> None:
        fetching = Fetching(self._sessions)
        set_aside(fetching, self._incidents, account, numbers, seen, now)

    def _compare(self, batch: Batch) -> dict[str, Sequence[FoundDifference] | None]:
        """Return the differences by order number; None for an unclear order or a failed
        comparison."""
        now = self._clients.now()
        by_number: dict[str, Sequence[FoundDifference] | None] = {}
        for number, sides in batch.sides.items():
            try:
                by_number[number] = None if number in batch.unclear else compare(sides, now)
            except Exception:  # noqa: BLE001 - an odd order must not end the comparison
                log.exception("reconcile.defect", number=number)
                by_number[number] = None
        return by_number

    def _take_in(
        self,
        account: str,
        batch: Batch,
        by_number: Mapping[str, Sequence[FoundDifference] | None],
        now: datetime,
        asked_at: datetime,
    ) -> None:
        """Store outdated orders, and held orders too, since Amazon's reply may be complete by
        now."""
        numbers = {*_with_cure(by_number, Cure.TAKE_IN), *_held(batch)}
        raws = [batch.raws[number] for number in sorted(numbers)]
        if raws:
            settings, channel = self._clients.in_force(), self._clients.channels[account]
            stored = self._intake.store(
                account, settings.accounts[account], channel, raws, now, asked_at=asked_at
            )
            self._set_aside(account, stored.set_aside, stored.seen, now)

    def _take_states(
        self,
        account: str,
        batch: Batch,
        by_number: Mapping[str, Sequence[FoundDifference] | None],
        now: datetime,
    ) -> None:
        """Store the Magento state of the orders that are retried because of that state."""
        awaited, states = {}, {}
        for number in _with_cure(by_number, Cure.LOOK):
            sides = batch.sides[number]
            for order in sides.in_shop:
                if sides.ours is not None and order.entity_id == sides.ours.magento_order_id:
                    awaited[order.entity_id], states[order.entity_id] = sides.ours.id, order
        if awaited:
            shop = self._clients.in_force().accounts[account].shop
            self._shipments.store(shop, awaited, [], states, now)

    def _end(self, run: Reconciliation) -> None:
        now = self._clients.now()
        needing = self._runs.end(run.id, now)
        key = f"reconcile:{run.account}"
        if needing:
            orders = "1 difference" if needing == 1 else f"{needing} differences"
            self._incidents.open(
                key,
                f"{orders} between Amazon, Orderbridge and Magento need a person: "
                f"`orderbridge reconcile last --account {run.account}`",
                now,
                account=run.account,
            )
        else:
            self._incidents.close(key, now)
        log.info("reconcile.ended", account=run.account, count=needing)

    def _trouble(self, run: Reconciliation, error: RemoteError) -> None:
        is_refused = isinstance(error, Rejected) and not isinstance(error, AccountStopped)
        # A page token is valid for a day: once it has expired, the list starts from the beginning.
        expired = is_refused and run.page_token is not None
        is_stalled = isinstance(error, NoProgress)
        wait = AFTER_REFUSAL if is_stalled or (is_refused and not expired) else AFTER_TROUBLE
        due_at = self._clients.now() + max(wait, seconds(error.retry_after_s or 0))
        self._runs.put_off(run.id, due_at, error.told, restart=expired or is_stalled)
        if is_stalled:
            now, search = self._clients.now(), f"reconcile:{run.account}"
            stalled(self._incidents, search, run.account, "changed orders", error, now)
        log.warning(
            "reconcile.stopped", account=run.account, code=error.code, request_id=error.request_id
        )


def _held(batch: Batch) -> Iterator[str]:
    for number, sides in batch.sides.items():
        if sides.ours is not None and sides.ours.status == Status.HELD:
            yield number


def _with_cure(
    by_number: Mapping[str, Sequence[FoundDifference] | None], cure: Cure
) -> Iterator[str]:
    for number, differences in by_number.items():
        if any(difference.cure is cure for difference in differences or ()):
            yield number
