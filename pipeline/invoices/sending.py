"""Sends an account's invoices to Amazon, from state to state.

WAITING ─upload─▶ UPLOADED ─createFeed─▶ SUBMITTED ─report─▶ ACCEPTED or REFUSED. Each state is
committed before the next call. A lost answer of createFeed is looked up at Amazon before any other
invoice is sent, so that a feed that Amazon has can belong to that one invoice alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from pipeline.amazon.feeds import FeedsApi, Processing
from pipeline.amazon.invoice_feed import (
    CONTENT_TYPE,
    FEED_TYPE,
    ROLE,
    WRITABLE,
    options,
)
from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.base.errors import AccountStopped, NotSent, Rejected, RemoteError
from pipeline.base.log import log
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.pdf_source import NoPdf
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.invoices.upload_changes import AFTER_TROUBLE, Overtaken, UploadChanges
from pipeline.invoices.uploads import Owner, Uploads
from pipeline.settings.marketplace import SHOP_PLACE, MarketplaceSettings

FIRST_LOOK = timedelta(minutes=2)
LOOK_AGAIN = timedelta(minutes=5)
AFTER_DEFECT = timedelta(hours=1)
# Amazon's storms of refused reads are over by then.
WHILE_REFUSED = timedelta(hours=1)
# Until then an earlier call may still take effect: longer than the time-out of a reply.
SETTLES = timedelta(seconds=90)
CLOCKS_DIFFER = timedelta(minutes=5)
GIVE_UP = timedelta(hours=12)
ROLE_COMES_WITHIN = timedelta(days=3)
MOST_LOST = 6
"""So many answers of createFeed may be lost in succession, about seven hours together."""


class InvoiceWay:
    """Moves the uploads of an account that sells into `shop` now; `ask` raises NotSent while
    nothing may be written."""

    def __init__(
        self,
        uploads: Uploads,
        api: FeedsApi,
        pauses: Pauses,
        shop: str,
        settings_of: Callable[[str], MarketplaceSettings],
        fetch: Callable[[MarketplaceSettings, str, str], bytes],
        now: Callable[[], datetime],
        ask: Callable[[], None],
    ) -> None:
        self._uploads = uploads
        self._api = api
        self._pauses = pauses
        self._shop = shop
        self._settings_of = settings_of
        self._fetch = fetch
        self._now = now
        self._ask = ask
        self._make = UploadChanges(uploads, pauses, now)

    def go(self, marketplace_ids: Collection[str], limit: int) -> None:
        """Advance the uploads that are due, as far as quota and pauses allow.

        Of marketplaces that are not named, only those that Amazon may have are followed.
        """
        for upload in self._uploads.due(marketplace_ids, self._now(), limit):
            try:
                if not self._go_on(upload):
                    return
            except Overtaken:
                log.info("invoice.overtaken")

    def _go_on(self, upload: InvoiceUpload) -> bool:
        """Advance an upload as far as possible; False when the others would fare no better."""
        try:
            while self._advance(upload):
                pass
        except NoPdf as error:
            self._make.no_pdf(upload, error)
        except RemoteError as error:
            return self._troubled(upload, error)
        except Overtaken:
            raise
        except Exception:  # noqa: BLE001 - a defect with one invoice stops no other
            log.exception("invoice.defect")
            self._make.later(upload, AFTER_DEFECT, "a defect in this program")
        return True

    def _troubled(self, upload: InvoiceUpload, error: RemoteError) -> bool:
        """A call has failed; False when the others would fare no better."""
        wait = timedelta(seconds=error.retry_after_s or 0.0)
        if isinstance(error, NotSent):
            self._make.later(upload, wait or timedelta(minutes=1), upload.trouble)
            return False
        log.warning("invoice.stopped", code=error.code, request_id=error.request_id)
        if isinstance(error, AccountStopped):
            self._make.later(upload, WHILE_REFUSED, error.told)
            return False
        if error.code == UNAUTHORIZED:
            self._unauthorized(upload, error)
            return False
        if isinstance(error, Rejected):
            # Amazon may have taken an invoice of which it only refuses to tell.
            is_sent = upload.submitted_at is not None
            state = UploadState.UNKNOWN if is_sent else UploadState.REFUSED
            self._make.end(upload, state, trouble=str(error))
        elif self._is_sent_since(upload, GIVE_UP):
            self._make.end(upload, UploadState.UNKNOWN, trouble=error.told)
        else:
            self._make.later(upload, max(AFTER_TROUBLE, wait), error.told)
        return True

    def _unauthorized(self, upload: InvoiceUpload, error: RemoteError) -> None:
        """The role is missing; of a refused read that is known when it is refused again."""
        if isinstance(error, Rejected) or upload.trouble == error.told:
            self._pauses.lacks_role(self._now())
        if self._is_sent_since(upload, ROLE_COMES_WITHIN):
            trouble = f"Amazon refused for three days to tell of it: the role {ROLE} is missing"
            self._make.end(upload, UploadState.UNKNOWN, trouble=trouble)
        else:
            self._make.later(upload, WHILE_REFUSED, error.told)

    def _is_sent_since(self, upload: InvoiceUpload, limit: timedelta) -> bool:
        sent_at = upload.submitted_at
        return sent_at is not None and self._now() >= sent_at + limit

    def _advance(self, upload: InvoiceUpload) -> bool:
        """One state further; False when the upload has to wait or has ended."""
        if self._pauses.waits_for_role(self._now()):
            return False
        if upload.state == UploadState.SUBMITTED:
            self._follow(upload)
            return False
        if upload.submitted_at is not None:
            return self._find(upload, upload.submitted_at)
        settings = self._settings_of(upload.marketplace_id)
        if settings.invoices_to_amazon == "off" or self._pauses.stop(self._now()):
            return False
        if upload.state == UploadState.WAITING:
            self._upload(upload, settings)
            return True
        self._submit(upload, settings)
        return False

    def _upload(self, upload: InvoiceUpload, settings: MarketplaceSettings) -> None:
        if not WRITABLE.fullmatch(upload.increment_id):
            raise NoPdf("its number has a sign that Amazon does not take", comes_later=False)
        owner = self._uploads.owner(upload)
        shop = self._source_of(owner, settings)
        if upload.asked_by is None and self._uploads.bears_its_number(upload, shop):
            raise NoPdf(
                "another order of its shop has an invoice of the same number, so that the PDF may "
                "be another buyer's: look at the PDF, and upload it again if it is this order's",
                comes_later=False,
            )
        self._ask()
        content = self._fetch(settings, shop, upload.increment_id)
        digest = hashlib.sha256(content).hexdigest()
        if self._uploads.has_its_file(upload, digest):
            raise NoPdf(
                "the same file was uploaded for another order: it names another buyer. Look at "
                "invoice_source, and put the right PDF there",
                comes_later=False,
            )
        document = self._api.new_document(CONTENT_TYPE)
        self._api.upload(document, content, CONTENT_TYPE)
        self._make.change(
            upload,
            state=UploadState.UPLOADED,
            document_id=document.document_id,
            size=len(content),
            digest=digest,
            trouble=None,
        )

    def _source_of(self, owner: Owner, settings: MarketplaceSettings) -> str:
        """The shop that the PDF is of. Raises NoPdf where the source is another shop's."""
        shop = owner.shop or self._shop
        if shop != self._shop and SHOP_PLACE not in (settings.invoice_source or ""):
            raise NoPdf(
                f"its order is in the shop {shop}, and invoice_source has the invoices of the shop "
                f"{self._shop}: put {SHOP_PLACE} into it, and a folder or route for each shop",
                comes_later=False,
            )
        return shop

    def _submit(self, upload: InvoiceUpload, settings: MarketplaceSettings) -> None:
        if self._uploads.has_lost():
            return
        self._ask()
        states_totals = settings.invoice_totals and upload.grand_total > 0
        totals = (upload.grand_total, upload.tax_total) if states_totals else None
        external_id = self._uploads.owner(upload).external_id
        named = options(external_id, upload.increment_id, totals)
        self._make.change(upload, submitted_at=(now := self._now()))
        try:
            feed_id = self._api.create(
                FEED_TYPE, [upload.marketplace_id], upload.document_id or "", named
            )
        except RemoteError as error:
            # Only these errors prove that Amazon created no feed.
            if isinstance(error, Rejected | NotSent) or error.status == 429:
                self._make.change(upload, submitted_at=None)
            raise
        self._pauses.has_role(now)
        self._submitted(upload, feed_id, now + FIRST_LOOK)

    def _submitted(self, upload: InvoiceUpload, feed_id: str, due_at: datetime) -> None:
        if not self._uploads.submitted(upload, feed_id, due_at):
            raise Overtaken

    def _find(self, upload: InvoiceUpload, submitted_at: datetime) -> bool:
        """Look for the feed of a lost answer; if Amazon has none, it is created."""
        if self._now() < submitted_at + SETTLES:
            self._make.change(upload, due_at=submitted_at + SETTLES)
            return False
        listed = self._api.since(FEED_TYPE, submitted_at - CLOCKS_DIFFER)
        known = self._uploads.known_feeds([status.feed_id for status in listed])
        candidates = [
            status
            for status in listed
            if status.feed_id not in known and status.input_id in ("", upload.document_id)
        ]
        named = [status for status in candidates if status.input_id]
        if not candidates:
            return self._was_lost(upload)
        if len(candidates) > 1 and not named:
            self._make.end(
                upload,
                UploadState.UNKNOWN,
                trouble="Amazon's answer was lost, and Amazon has several feeds that may be it",
            )
            return False
        self._submitted(upload, (named or candidates)[0].feed_id, self._now())
        return False

    def _was_lost(self, upload: InvoiceUpload) -> bool:
        """Amazon has no feed: create it, at once or ever later, and at last ask a person."""
        lost = upload.lost + 1
        if lost >= MOST_LOST:
            trouble = (
                f"Amazon did not answer {MOST_LOST} times in succession, and has no feed of it"
            )
            self._make.end(upload, UploadState.UNKNOWN, trouble=trouble)
            return False
        wait = AFTER_TROUBLE * (4 ** (lost - 1) // 4)
        self._make.change(upload, submitted_at=None, lost=lost, due_at=self._now() + wait)
        return not wait

    def _follow(self, upload: InvoiceUpload) -> None:
        """Read how the feed ended; DONE does not mean that the invoice was accepted."""
        status = self._api.feed(upload.feed_ids[-1])
        if status.status in (Processing.IN_QUEUE, Processing.IN_PROGRESS):
            if self._is_sent_since(upload, GIVE_UP):
                trouble = "Amazon did not finish the feed"
                self._make.end(upload, UploadState.UNKNOWN, trouble=trouble)
            else:
                self._make.later(upload, LOOK_AGAIN, None)
        elif status.status == "CANCELLED":
            # Never started.
            self._make.again(upload, None, "Amazon cancelled the feed", AFTER_TROUBLE)
        elif status.status != Processing.DONE or not status.report_id:
            trouble = f"Amazon ended the feed as {status.status} and gave no result"
            self._make.end(upload, UploadState.UNKNOWN, trouble=trouble)
        else:
            report = self._api.report(status.report_id)
            self._pauses.has_role(self._now())
            self._make.take(upload, report)
