"""Changes of an upload, in the database and in memory; one that comes too late changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.amazon.invoice_feed import InvoiceOutcome, read, sentence
from pipeline.base.log import log
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.pdf_source import NoPdf
from pipeline.invoices.tables import InvoiceUpload, UploadState
from pipeline.invoices.uploads import Uploads

AFTER_TROUBLE = timedelta(minutes=5)
NOT_DISPATCHED_AGAIN = timedelta(hours=4)
# A PDF is asked for again after a tenth of the time since the invoice became known.
PDF_COMES_WITHIN = timedelta(days=3)
SOONEST_PDF = timedelta(minutes=5)
TRIES = 3
REFUSED_IN_SUCCESSION = 5
"""So many refusals, and no invoice accepted between, stop the account."""
_REFUSALS = (UploadState.REFUSED, UploadState.MADE_BY_AMAZON)
_LONGEST_TROUBLE = 400


class Overtaken(Exception):
    """Another worker or a person has moved the upload on."""


class UploadChanges:
    """Changes the uploads of an account. Every method raises Overtaken."""

    def __init__(self, uploads: Uploads, pauses: Pauses, now: Callable[[], datetime]) -> None:
        self._uploads = uploads
        self._pauses = pauses
        self._now = now

    def change(self, upload: InvoiceUpload, **values: object) -> None:
        """Write these columns."""
        if not self._uploads.change(upload, **values):
            raise Overtaken
        for name, value in values.items():
            setattr(upload, name, value)

    def later(self, upload: InvoiceUpload, wait: timedelta, trouble: str | None) -> None:
        """Put the upload off."""
        self.change(upload, due_at=self._now() + wait, trouble=_cut(trouble))

    def again(self, upload: InvoiceUpload, code: int | None, trouble: str, wait: timedelta) -> None:
        """Upload anew after `wait`; after the last try a person has to help."""
        if upload.tries + 1 >= TRIES:
            self.end(upload, UploadState.REFUSED, code=code, trouble=trouble)
            return
        self.change(
            upload,
            state=UploadState.WAITING,
            due_at=self._now() + wait,
            tries=upload.tries + 1,
            document_id=None,
            submitted_at=None,
            code=code,
            trouble=trouble,
        )

    def take(self, upload: InvoiceUpload, report: bytes) -> None:
        """Take in the report of the upload's feed."""
        result = read(report)
        code, trouble = result.code, sentence(result.code)
        match result.outcome:
            case InvoiceOutcome.ACCEPTED:
                self.end(upload, UploadState.ACCEPTED)
            case InvoiceOutcome.LATER:
                self.again(upload, code, trouble, NOT_DISPATCHED_AGAIN)
            case InvoiceOutcome.AGAIN:
                self.again(upload, code, trouble, AFTER_TROUBLE)
            case InvoiceOutcome.UNCLEAR:
                self.end(upload, UploadState.UNKNOWN, trouble="Amazon's report cannot be read")
            case InvoiceOutcome.MADE_BY_AMAZON:
                self.end(upload, UploadState.MADE_BY_AMAZON, code=code, trouble=trouble)
            case InvoiceOutcome.REFUSED:
                self.end(upload, UploadState.REFUSED, code=code, trouble=trouble)

    def no_pdf(self, upload: InvoiceUpload, error: NoPdf) -> None:
        """Look for the PDF later; after three days a person has to help."""
        age = self._now() - upload.created_at
        if error.comes_later and age < PDF_COMES_WITHIN:
            self.later(upload, max(SOONEST_PDF, age / 10), str(error))
        else:
            self.end(upload, UploadState.HELD, trouble=str(error))

    def end(
        self,
        upload: InvoiceUpload,
        state: UploadState,
        *,
        code: int | None = None,
        trouble: str | None = None,
    ) -> None:
        """End the upload; the last of many refusals in succession stops the account."""
        now = self._now()
        self.change(upload, state=state, code=code, trouble=_cut(trouble), ended_at=now)
        log.info("invoice.ended", outcome=state, code=code)
        if state in _REFUSALS and self._uploads.refused_in_succession(
            REFUSED_IN_SUCCESSION, self._pauses.resumed_at()
        ):
            self._pauses.takes_none(REFUSED_IN_SUCCESSION, trouble or "", code, now)


def _cut(trouble: str | None) -> str | None:
    return None if trouble is None else trouble[:_LONGEST_TROUBLE]
