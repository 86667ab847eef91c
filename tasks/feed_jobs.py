"""The job that brings feeds to Amazon and their results back. Safe to run twice, and to lose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from celery import Celery
from structlog.contextvars import bound_contextvars

from pipeline.amazon.feed_documents import (
    CONTENT_TYPE,
    FEED_TYPES,
    MessageOutcome,
    MessageResult,
    UnreadableReport,
    read,
    results,
    write,
)
from pipeline.amazon.feeds import FeedsApi
from pipeline.bookkeeping import Feed, FeedKind, FeedState
from pipeline.errors import AccountStopped, NotSent, Rejected, Transient
from pipeline.feeds import Feeds
from pipeline.log import log
from tasks.runtime import Runtime, runtime

LOOK_AGAIN = timedelta(seconds=30)
AFTER_TROUBLE = timedelta(seconds=60)
WHILE_STOPPED = timedelta(minutes=15)
# A call that was made may still land until then: more than an answer may take.
SETTLES = timedelta(seconds=90)
CLOCKS_DIFFER = timedelta(minutes=5)


def register(app: Celery) -> None:
    """Make the job a Celery task of the app."""

    @app.task(name="orderbridge.run_feeds")
    def run_feeds_task(account: str) -> None:
        with bound_contextvars(job="run_feeds", account=account):
            run_feeds(runtime(), account)


def run_feeds(parts: Runtime, account: str) -> None:
    """Collect what waits for a feed, and bring each open feed as far as it goes now.

    The orders concerned are woken with the results; the sweep sends them.
    """
    seller_id = parts.settings.accounts[account].seller_id
    if not seller_id:
        return
    with parts.leases.hold(f"feeds:{account}", str(uuid4())) as ours:
        if not ours:
            return
        way = FeedWay(
            Feeds(parts.sessions), parts.clients.feeds[account], parts.clients.now, parts.writes.ask
        )
        for kind in FeedKind:
            way.go(account, seller_id, kind)


class FeedWay:
    """Takes one account's feeds from state to state; `ask` as for the ledger."""

    def __init__(
        self,
        feeds: Feeds,
        api: FeedsApi,
        now: Callable[[], datetime],
        ask: Callable[[str], None],
    ) -> None:
        self._feeds = feeds
        self._api = api
        self._now = now
        self._ask = ask

    def go(self, account: str, seller_id: str, kind: FeedKind) -> None:
        """Go on with the open feed of this kind, or with a new one, until it has to wait."""
        feed = self._feeds.open(account, kind) or self._feeds.collect(account, kind, self._now())
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
                wait = max(AFTER_TROUBLE, timedelta(seconds=error.retry_after_s or 0.0))
                self._put_off(feed, wait, error)
            except Rejected as error:
                # What Amazon does not take as a whole; the messages go into another feed.
                self._end(feed, "refused", {}, str(error))
            feed = self._feeds.open(account, kind)

    def _advance(self, feed: Feed, seller_id: str) -> bool:
        """One state further, committed; False when there is nothing to do before its time."""
        match feed.state:
            case FeedState.COLLECTED:
                self._ask(feed.account)
                content = write(FeedKind(feed.kind), seller_id, self._feeds.messages(feed))
                document = self._api.new_document(CONTENT_TYPE)
                self._api.upload(document, content, CONTENT_TYPE)
                self._feeds.uploaded(feed, document.document_id)
                return True
            case FeedState.UPLOADED:
                return self._submit(feed)
            case _:
                return self._look(feed)

    def _submit(self, feed: Feed) -> bool:
        """Create the feed, unless an earlier try has created it already."""
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
            # Only these say for certain that nothing was created.
            if isinstance(error, Rejected | NotSent) or error.status == 429:
                self._feeds.not_created(feed)
            raise
        self._feeds.submitted(feed, feed_id)
        return True

    def _find(self, feed: Feed, feed_type: str, submitted_at: datetime) -> bool:
        """Look for a feed that may have been created; there is none, so that it is created now."""
        if self._now() < submitted_at + SETTLES:
            self._feeds.later(feed, submitted_at + SETTLES)
            return False
        ours = self._feeds.ids(feed.account)
        candidates = [
            one
            for one in self._api.since(feed_type, submitted_at - CLOCKS_DIFFER)
            if one.feed_id not in ours and one.input_id in ("", feed.document_id)
        ]
        # The one that names our document, else the first that can be ours.
        candidates.sort(key=lambda one: (not one.input_id, one.created_at or submitted_at))
        if candidates:
            self._feeds.submitted(feed, candidates[0].feed_id)
        else:
            self._feeds.not_created(feed)
        return True

    def _look(self, feed: Feed) -> bool:
        """See whether Amazon is through. Its DONE does not mean success: each message counts."""
        status = self._api.feed(feed.feed_id or "")
        if status.status in ("IN_QUEUE", "IN_PROGRESS"):
            self._feeds.later(feed, self._now() + LOOK_AGAIN)
            return False
        if status.status != "DONE":
            self._end(feed, status.status.lower(), {}, f"Amazon ended the feed as {status.status}")
            return False
        if not status.report_id:
            self._end(feed, "done", {}, "Amazon gave no report of the feed")
            return False
        numbers = [number for number, _ in self._feeds.messages(feed)]
        try:
            told = results(read(self._api.report(status.report_id)), numbers)
        except UnreadableReport as error:
            self._end(feed, "done", {}, str(error))
        else:
            self._end(feed, "done", told, "")
        return False

    def _end(self, feed: Feed, outcome: str, told: dict[int, MessageResult], trouble: str) -> None:
        if trouble:
            unknown = MessageResult(MessageOutcome.AGAIN, trouble)
            told = {number: unknown for number, _ in self._feeds.messages(feed)}
        counts = self._feeds.end(feed, outcome, told, self._now())
        log.info("feed.ended", outcome=outcome, count=sum(counts.values()))
        if counts[MessageOutcome.AGAIN]:
            log.warning("feed.trouble", outcome=outcome, count=counts[MessageOutcome.AGAIN])

    def _put_off(self, feed: Feed, wait: timedelta, error: Rejected | Transient) -> None:
        trouble = f"{error.code}: {error}" if error.code else str(error)
        self._feeds.later(feed, self._now() + wait, trouble[:500])
        log.warning("feed.stopped", code=error.code, request_id=error.request_id)
