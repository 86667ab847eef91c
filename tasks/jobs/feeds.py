"""Beat's job for feeds to Amazon and their results. A concurrent or lost run does no harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from pipeline.amazon.feed_documents import (
    CONTENT_TYPE,
    FEED_TYPES,
    FeedKind,
    MessageOutcome,
    MessageResult,
    UnreadableReport,
    read,
    results,
)
from pipeline.amazon.feeds import MOST_LISTED, FeedsApi, Processing
from pipeline.base.clock import seconds
from pipeline.base.errors import AccountStopped, CannotMap, NotSent, Rejected, Transient
from pipeline.base.log import log
from pipeline.refunds.feeds import RefundFeeds
from pipeline.shipping.feed_verification import is_done
from pipeline.shipping.feeds import Feeds
from pipeline.shipping.tables import Feed, FeedOutcome, FeedState
from pipeline.shipping.unanswered import Unanswered
from tasks.engine.runtime import Runtime

LOOK_AGAIN = timedelta(seconds=30)
AFTER_TROUBLE = timedelta(seconds=60)
WHILE_STOPPED = timedelta(minutes=15)
# Until then an earlier call may still take effect: longer than the time-out of a reply.
SETTLES = timedelta(seconds=90)
# Before a refund is sent once more, Amazon's list of feeds has had time to show the first.
REFUND_SETTLES = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(minutes=5)
REFUND_CLOCKS_DIFFER = timedelta(hours=1)
LOOK_AT_OVERDUE = timedelta(minutes=5)
AFTER_DEFECT = timedelta(minutes=15)
# The period and interval for reading an unreadable report again.
READ_AGAIN_FOR = timedelta(minutes=10)
READ_AGAIN = timedelta(minutes=5)
# After this time the orders of a feed without a result are read individually.
GIVE_UP = timedelta(hours=12)
LOOKS = 50
LONGEST_REASON = 400


def run_feeds(parts: Runtime, account: str) -> None:
    """Collect messages for new feeds, and advance each open feed as far as possible.

    Orders with a result are woken; the sweep sends them.
    """
    seller_id = parts.settings.accounts[account].seller_id
    if not seller_id:
        return
    with parts.leases.hold(f"feeds:{account}", str(uuid4())) as ours:
        if not ours:
            return
        api, now, ask = parts.clients.feeds[account], parts.clients.now, parts.writes.ask
        after_trouble = min(AFTER_TROUBLE, seconds(parts.settings.timing.longest_retry_s))
        for kind in FeedKind:
            rows = RefundFeeds if kind is FeedKind.REFUNDS else Feeds
            way = FeedWay(rows(parts.sessions, parts.vault), api, now, ask, after_trouble)
            way.go(account, seller_id, kind)


class FeedWay:
    """Moves an account's feeds from state to state; `ask` as for the ledger."""

    def __init__(
        self,
        feeds: Feeds,
        api: FeedsApi,
        now: Callable[[], datetime],
        ask: Callable[[str], None],
        after_trouble: timedelta = AFTER_TROUBLE,
    ) -> None:
        self._after_trouble = after_trouble
        self._feeds = feeds
        self._api = api
        self._now = now
        self._ask = ask

    def go(self, account: str, seller_id: str, kind: FeedKind) -> None:
        """Advance each open feed of this kind and a new feed, until all have to wait."""
        overdue = self._feeds.mark_overdue(
            account, kind, self._now(), may_write=self._may_write(account)
        )
        if overdue:
            log.error("feed.overdue", account=account, kind=kind, count=len(overdue))
        self._feeds.collect(account, kind, self._now())
        for feed in self._feeds.unended(account, kind):
            try:
                self._go_on(feed, seller_id)
            except Exception:  # noqa: BLE001 - a defect with one feed stops no other
                log.exception("feed.defect")
                self._feeds.later(feed, self._now() + AFTER_DEFECT, "a defect in this program")

    def _may_write(self, account: str) -> bool:
        try:
            self._ask(account)
        except NotSent:
            return False
        return True

    def _go_on(self, opened: Feed, seller_id: str) -> None:
        feed: Feed | None = opened
        while feed is not None and feed.due_at <= self._now():
            try:
                if not self._advance(feed, seller_id):
                    return
            except AccountStopped as error:
                self._put_off(feed, WHILE_STOPPED, error)
            except NotSent as error:
                wait_s = error.retry_after_s or 1.0
                self._feeds.later(feed, self._now() + timedelta(seconds=wait_s))
                return
            except Transient as error:
                if self._is_given_up(feed):
                    self._have_looked_at(feed, FeedOutcome.GIVEN_UP, str(error))
                else:
                    wait = max(self._after_trouble, seconds(error.retry_after_s or 0.0))
                    self._put_off(feed, wait, error)
            except Rejected as error:
                if feed.submitted_at is None:
                    # Amazon refuses the feed as a whole; its messages go into another feed.
                    self._end(feed, FeedOutcome.REFUSED, str(error))
                else:
                    self._have_looked_at(feed, FeedOutcome.REFUSED, str(error))
            feed = self._feeds.by_id(feed.id)

    def _advance(self, feed: Feed, seller_id: str) -> bool:
        """Advance the feed by a state and commit; False when it is not due."""
        match feed.state:
            case FeedState.COLLECTED:
                self._ask(feed.account)
                content = self._feeds.document(feed, seller_id)
                document = self._api.new_document(CONTENT_TYPE)
                self._api.upload(document, content, CONTENT_TYPE)
                self._feeds.uploaded(feed, document.document_id)
                return True
            case FeedState.UPLOADED:
                return self._submit(feed)
            case FeedState.SUBMITTED:
                return self._follow(feed)
            case _:
                return self._look_at_orders(feed)

    def _submit(self, feed: Feed) -> bool:
        """Create the feed, unless an earlier attempt has created it."""
        feed_type = FEED_TYPES[FeedKind(feed.kind)]
        if feed.submitted_at is not None:
            return self._find(feed, feed_type, feed.submitted_at)
        self._ask(feed.account)
        if not self._feeds.intend(feed, now := self._now()):
            return False
        feed.submitted_at = now
        try:
            feed_id = self._api.create(feed_type, feed.marketplace_ids, feed.document_id or "")
        except (Rejected, Transient) as error:
            # Only these errors prove that Amazon created no feed.
            if isinstance(error, Rejected | NotSent) or error.status == 429:
                self._feeds.not_created(feed)
                feed.submitted_at = None
            raise
        self._feeds.submitted(feed, feed_id, self._now())
        return True

    def _find(self, feed: Feed, feed_type: str, submitted_at: datetime) -> bool:
        """Look for the feed of an earlier attempt; if it does not exist, it is created again."""
        if feed.kind == FeedKind.REFUNDS:
            return self._find_refunds(feed, feed_type, submitted_at)
        settled_at = submitted_at + SETTLES
        if self._now() < settled_at:
            self._feeds.later(feed, settled_at)
            return False
        ours = self._feeds.ids(feed.account)
        candidates = [
            status
            for status in self._api.since(feed_type, submitted_at - CLOCKS_DIFFER)
            if status.feed_id not in ours
            and status.input_id in ("", feed.document_id)
            # A later feed belongs to the feed that was sent in parallel.
            and (status.created_at or submitted_at) <= settled_at + CLOCKS_DIFFER
        ]
        # Prefer the feed that names our document, else the first feed that can be ours.
        candidates.sort(key=lambda status: (not status.input_id, status.created_at or submitted_at))
        if candidates:
            self._feeds.submitted(feed, candidates[0].feed_id, self._now())
        else:
            self._feeds.not_created(feed)
        return True

    def _find_refunds(self, feed: Feed, feed_type: str, submitted_at: datetime) -> bool:
        """Look for a feed of refunds, which must neither be missed nor mistaken.

        Only a feed that names our document is ours. Where another may be it, Finances tell. Where
        there is none, the refunds are chosen again, with a new look at Finances; after three feeds
        a person is asked.
        """
        if self._now() < (settled_at := submitted_at + REFUND_SETTLES):
            self._feeds.later(feed, settled_at)
            return False
        listed = self._api.since(feed_type, submitted_at - REFUND_CLOCKS_DIFFER)
        ours = self._feeds.ids(feed.account)
        others = [status for status in listed if status.feed_id not in ours]
        named = [status for status in others if feed.document_id == status.input_id]
        if named:
            self._feeds.submitted(feed, named[0].feed_id, self._now())
            return True
        if len(listed) >= MOST_LISTED or any(not status.input_id for status in others):
            trouble = "Amazon's answer was lost, and one of the feeds that it lists may be this one"
            return self._have_looked_at(feed, FeedOutcome.GIVEN_UP, trouble)
        trouble = "Amazon's answer was lost, and it lists no such feed"
        self._end(feed, FeedOutcome.NOT_CREATED, trouble)
        return True

    def _follow(self, feed: Feed) -> bool:
        """Read the feed's progress. DONE does not mean success: each message has a result."""
        status = self._api.feed(feed.feed_id or "")
        if status.status in (Processing.IN_QUEUE, Processing.IN_PROGRESS):
            return self._wait_for(feed, status.status)
        if status.status != Processing.DONE:
            return self._have_looked_at(
                feed, status.status.lower(), f"Amazon ended the feed as {status.status}"
            )
        if not status.report_id:
            return self._have_looked_at(feed, FeedOutcome.DONE, "Amazon gave no report of the feed")
        try:
            report = read(self._api.report(status.report_id))
        except UnreadableReport as error:
            # The report may have been truncated in transfer.
            if self._now() < (feed.submitted_at or feed.created_at) + READ_AGAIN_FOR:
                self._feeds.later(feed, self._now() + READ_AGAIN, str(error))
                return False
            return self._have_looked_at(feed, FeedOutcome.UNREADABLE, str(error))
        answers = results(report, self._feeds.numbers(feed))
        is_whole = all(result.outcome is not MessageOutcome.AGAIN for result in answers.values())
        take = self._feeds.end if is_whole else self._feeds.look
        self._note(feed, FeedOutcome.DONE, take(feed, FeedOutcome.DONE, answers, self._now()))
        return True

    def _wait_for(self, feed: Feed, status: str) -> bool:
        """Wait while Amazon processes the feed. After half a day a queued feed is cancelled."""
        if not self._is_given_up(feed):
            wait = LOOK_AGAIN if feed.overdue_at is None else LOOK_AT_OVERDUE
            self._feeds.later(feed, self._now() + wait)
            return False
        if status == Processing.IN_QUEUE:
            self._api.cancel(feed.feed_id or "")
            self._feeds.later(feed, self._now() + LOOK_AGAIN)
            return False
        return self._have_looked_at(feed, FeedOutcome.GIVEN_UP, "Amazon did not finish the feed")

    def _is_given_up(self, feed: Feed) -> bool:
        is_at_amazon = feed.submitted_at is not None and feed.state in (
            FeedState.UPLOADED,
            FeedState.SUBMITTED,
        )
        return is_at_amazon and self._now() >= (feed.submitted_at or feed.created_at) + GIVE_UP

    def _look_at_orders(self, feed: Feed) -> bool:
        """Read Amazon's orders for messages without a result, a limited number in each run."""
        messages = self._feeds.to_look_at(feed, LOOKS)
        for message in messages:
            self._feeds.answer(
                feed, message.number, self._result_from_order(feed, message), self._now()
            )
        if len(messages) < LOOKS:
            self._feeds.looked(feed, self._now())
        return False

    def _result_from_order(self, feed: Feed, message: Unanswered) -> MessageResult:
        reason = feed.trouble or "Amazon gave no result"
        try:
            if is_done(message, self._api.order(message.body["order"])):
                return MessageResult(MessageOutcome.ACCEPTED, "seen in Amazon's order")
        except (Rejected, CannotMap) as error:
            return MessageResult(MessageOutcome.UNCLEAR, f"{reason}; {error}"[:LONGEST_REASON])
        if feed.outcome == FeedOutcome.UNREADABLE:
            return MessageResult(MessageOutcome.UNCLEAR, reason)
        return MessageResult(MessageOutcome.AGAIN, reason)

    def _have_looked_at(self, feed: Feed, outcome: str, trouble: str) -> bool:
        """The result of the messages is unknown: compare with Amazon's orders."""
        self._note(
            feed, outcome, self._feeds.look(feed, outcome, self._again(feed, trouble), self._now())
        )
        return True

    def _end(self, feed: Feed, outcome: str, trouble: str) -> None:
        """End the feed when Amazon certainly has none of its messages."""
        self._note(
            feed, outcome, self._feeds.end(feed, outcome, self._again(feed, trouble), self._now())
        )

    def _again(self, feed: Feed, trouble: str) -> dict[int, MessageResult]:
        unknown = MessageResult(MessageOutcome.AGAIN, trouble[:LONGEST_REASON])
        return dict.fromkeys(self._feeds.numbers(feed), unknown)

    def _note(self, feed: Feed, outcome: str, counts: Mapping[MessageOutcome, int]) -> None:
        log.info("feed.ended", outcome=outcome, count=sum(counts.values()))
        if outcome != FeedOutcome.DONE or counts[MessageOutcome.AGAIN]:
            log.warning("feed.trouble", outcome=outcome, count=counts[MessageOutcome.AGAIN])

    def _put_off(self, feed: Feed, wait: timedelta, error: Rejected | Transient) -> None:
        self._feeds.later(feed, self._now() + wait, error.told[:500])
        log.warning("feed.stopped", code=error.code, request_id=error.request_id)
