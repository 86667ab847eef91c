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
    WRITABLE,
    InvoiceOutcome,
    options,
    read,
    sentence,
)
from pipeline.amazon.replies import UNAUTHORIZED
from pipeline.base.errors import NotSent, Rejected, RemoteError, Transient
from pipeline.base.log import log
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.pdf_source import NoPdf
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.invoices.uploads import Uploads
from pipeline.settings.marketplace import MarketplaceSettings

FIRST_LOOK = timedelta(minutes=2)
LOOK_AGAIN = timedelta(minutes=5)
AFTER_TROUBLE = timedelta(minutes=5)
AFTER_DEFECT = timedelta(hours=1)
# Until then an earlier call may still take effect: longer than the time-out of a reply.
SETTLES = timedelta(seconds=90)
CLOCKS_DIFFER = timedelta(minutes=5)
GIVE_UP = timedelta(hours=12)
# A PDF is asked for again after a tenth of the time since the invoice became known.
PDF_COMES_WITHIN = timedelta(days=3)
SOONEST_PDF = timedelta(minutes=5)
NOT_DISPATCHED_AGAIN = timedelta(hours=4)
TRIES = 3
_LONGEST_TROUBLE = 400


class InvoiceWay:
    """Moves the uploads of an account; `ask` raises NotSent while nothing may be written."""

    def __init__(
        self,
        uploads: Uploads,
        api: FeedsApi,
        pauses: Pauses,
        settings_of: Callable[[str], MarketplaceSettings],
        fetch: Callable[[MarketplaceSettings, str], bytes],
        now: Callable[[], datetime],
        ask: Callable[[], None],
    ) -> None:
        self._uploads = uploads
        self._api = api
        self._pauses = pauses
        self._settings_of = settings_of
        self._fetch = fetch
        self._now = now
        self._ask = ask

    def go(self, marketplace_ids: Collection[str], limit: int) -> None:
        """Advance the uploads that are due, as far as quota and pauses allow.

        Of marketplaces that are not named, only those that Amazon may have are followed.
        """
        for upload in self._uploads.due(marketplace_ids, self._now(), limit):
            try:
                while self._advance(upload):
                    pass
            except NotSent as error:
                self._later(upload, timedelta(seconds=error.retry_after_s or 60.0), None)
                return
            except NoPdf as error:
                self._no_pdf(upload, error)
            except Rejected as error:
                if error.code == UNAUTHORIZED:
                    self._pauses.lacks_role(self._now())
                    self._later(upload, AFTER_TROUBLE, str(error))
                    return
                # Amazon may have taken an invoice of which it only refuses to tell.
                is_sent = upload.submitted_at is not None
                state = UploadState.UNKNOWN if is_sent else UploadState.REFUSED
                self._end(upload, state, trouble=str(error))
            except Transient as error:
                if self._is_given_up(upload):
                    self._end(upload, UploadState.UNKNOWN, trouble=error.told)
                    continue
                wait = max(AFTER_TROUBLE, timedelta(seconds=error.retry_after_s or 0.0))
                self._later(upload, wait, error.told)
                log.warning("invoice.stopped", code=error.code, request_id=error.request_id)
            except Exception:  # noqa: BLE001 - a defect with one invoice stops no other
                log.exception("invoice.defect")
                self._later(upload, AFTER_DEFECT, "a defect in this program")

    def _advance(self, upload: InvoiceUpload) -> bool:
        """One state further; False when the upload has to wait or has ended."""
        if upload.state == UploadState.SUBMITTED:
            return self._follow(upload)
        if upload.submitted_at is not None:
            return self._find(upload, upload.submitted_at)
        settings = self._settings_of(upload.marketplace_id)
        if settings.invoices_to_amazon == "off" or self._pauses.stop(self._now()):
            return False
        if upload.state == UploadState.WAITING:
            return self._upload(upload, settings)
        return self._submit(upload, settings)

    def _upload(self, upload: InvoiceUpload, settings: MarketplaceSettings) -> bool:
        if not WRITABLE.fullmatch(upload.increment_id):
            raise NoPdf("its number has a sign that Amazon does not take", comes_later=False)
        self._ask()
        content = self._fetch(settings, upload.increment_id)
        document = self._api.new_document(CONTENT_TYPE)
        self._api.upload(document, content, CONTENT_TYPE)
        self._change(
            upload,
            state=UploadState.UPLOADED,
            document_id=document.document_id,
            size=len(content),
            digest=hashlib.sha256(content).hexdigest(),
            trouble=None,
        )
        return True

    def _submit(self, upload: InvoiceUpload, settings: MarketplaceSettings) -> bool:
        if self._uploads.has_lost():
            return False
        self._ask()
        states_totals = settings.invoice_totals and upload.grand_total > 0
        totals = (upload.grand_total, upload.tax_total) if states_totals else None
        named = options(self._uploads.external_id(upload), upload.increment_id, totals)
        if not self._uploads.intend(upload, now := self._now()):
            return False
        upload.submitted_at = now
        try:
            feed_id = self._api.create(
                FEED_TYPE, [upload.marketplace_id], upload.document_id or "", named
            )
        except RemoteError as error:
            # Only these errors prove that Amazon created no feed.
            if isinstance(error, Rejected | NotSent) or error.status == 429:
                self._change(upload, submitted_at=None)
            raise
        self._pauses.has_role(now)
        self._uploads.submitted(upload, feed_id, now + FIRST_LOOK)
        return False

    def _find(self, upload: InvoiceUpload, submitted_at: datetime) -> bool:
        """Look for the feed of a lost answer; if Amazon has none, it is created."""
        if self._now() < submitted_at + SETTLES:
            self._change(upload, due_at=submitted_at + SETTLES)
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
            self._change(upload, submitted_at=None)
            return True
        if len(candidates) > 1 and not named:
            self._end(
                upload,
                UploadState.UNKNOWN,
                trouble="Amazon's answer was lost, and Amazon has several feeds that may be it",
            )
            return False
        self._uploads.submitted(upload, (named or candidates)[0].feed_id, self._now())
        return False

    def _follow(self, upload: InvoiceUpload) -> bool:
        """Read how the feed ended; DONE does not mean that the invoice was accepted."""
        status = self._api.feed(upload.feed_ids[-1])
        if status.status in (Processing.IN_QUEUE, Processing.IN_PROGRESS):
            if self._is_given_up(upload):
                self._end(upload, UploadState.UNKNOWN, trouble="Amazon did not finish the feed")
            else:
                self._later(upload, LOOK_AGAIN, None)
            return False
        if status.status == "CANCELLED":
            # Never started.
            return self._again(upload, None, "Amazon cancelled the feed", AFTER_TROUBLE)
        if status.status != Processing.DONE or not status.report_id:
            trouble = f"Amazon ended the feed as {status.status} and gave no result"
            self._end(upload, UploadState.UNKNOWN, trouble=trouble)
            return False
        return self._take(upload, self._api.report(status.report_id))

    def _is_given_up(self, upload: InvoiceUpload) -> bool:
        sent_at = upload.submitted_at
        return sent_at is not None and self._now() >= sent_at + GIVE_UP

    def _take(self, upload: InvoiceUpload, report: bytes) -> bool:
        result = read(report)
        trouble = sentence(result.code)
        match result.outcome:
            case InvoiceOutcome.ACCEPTED:
                self._end(upload, UploadState.ACCEPTED)
            case InvoiceOutcome.LATER:
                return self._again(upload, result.code, trouble, NOT_DISPATCHED_AGAIN)
            case InvoiceOutcome.AGAIN:
                return self._again(upload, result.code, trouble, AFTER_TROUBLE)
            case InvoiceOutcome.UNCLEAR:
                self._end(upload, UploadState.UNKNOWN, trouble="Amazon's report cannot be read")
            case InvoiceOutcome.OFF:
                self._pauses.takes_none(trouble, result.code, self._now())
                self._end(upload, UploadState.REFUSED, code=result.code, trouble=trouble)
            case InvoiceOutcome.REFUSED:
                self._end(upload, UploadState.REFUSED, code=result.code, trouble=trouble)
        return False

    def _again(
        self, upload: InvoiceUpload, code: int | None, trouble: str, wait: timedelta
    ) -> bool:
        """Upload anew after `wait`; after the last try a person has to help."""
        if upload.tries + 1 >= TRIES:
            self._end(upload, UploadState.REFUSED, code=code, trouble=trouble)
            return False
        self._change(
            upload,
            state=UploadState.WAITING,
            due_at=self._now() + wait,
            tries=upload.tries + 1,
            document_id=None,
            submitted_at=None,
            code=code,
            trouble=trouble,
        )
        return False

    def _no_pdf(self, upload: InvoiceUpload, error: NoPdf) -> None:
        age = self._now() - upload.created_at
        if error.comes_later and age < PDF_COMES_WITHIN:
            self._later(upload, max(SOONEST_PDF, age / 10), str(error))
        else:
            self._end(upload, UploadState.HELD, trouble=str(error))

    def _later(self, upload: InvoiceUpload, wait: timedelta, trouble: str | None) -> None:
        self._change(upload, due_at=self._now() + wait, trouble=_cut(trouble))

    def _end(
        self,
        upload: InvoiceUpload,
        state: UploadState,
        *,
        code: int | None = None,
        trouble: str | None = None,
    ) -> None:
        self._change(upload, state=state, code=code, trouble=_cut(trouble), ended_at=self._now())
        log.info("invoice.ended", outcome=state, code=code)

    def _change(self, upload: InvoiceUpload, **values: object) -> None:
        self._uploads.change(upload, **values)
        for name, value in values.items():
            setattr(upload, name, value)


def _cut(trouble: str | None) -> str | None:
    return None if trouble is None else trouble[:_LONGEST_TROUBLE]
