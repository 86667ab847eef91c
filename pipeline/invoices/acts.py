"""A person has an invoice uploaded, for the first time or again, or wants none uploaded."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.money import ZERO
from pipeline.base.security_log import Action, Signature, order_object, record
from pipeline.base.vault import Vault
from pipeline.invoices.tables import NEED_A_PERSON, OPEN, InvoiceUpload, UploadState
from pipeline.orders.order_words import note

NOTE = "asked to upload its invoice to Amazon again"
IGNORED = "wants no invoice of it uploaded to Amazon"


class CannotUpload(Exception):
    """The invoice is not to be uploaded, or ignored; the message says why."""


def upload_again(
    sessions: Sessions,
    vault: Vault,
    order_id: int,
    by: Signature,
    increment_id: str | None = None,
) -> None:
    """Upload the order's invoice with the next run, or the one with this number.

    Raises CannotUpload. An accepted invoice is uploaded again as well: the person decides. Where no
    invoice is known, the shop is asked again.
    """
    with sessions() as session, session.begin():
        upload = _locked(session, order_id)
        if increment_id is None and len(upload.numbers) > 1:
            raise CannotUpload(f"its order has several invoices: choose {_either(upload)}")
        if increment_id is not None and increment_id not in upload.numbers:
            known = _either(upload) or "none"
            raise CannotUpload(
                f"its order has no invoice {increment_id[:50]} in Magento, but {known}"
            )
        values: dict[str, Any] = {
            "state": UploadState.WAITING if upload.numbers else UploadState.WANTED,
            "due_at": by.at,
            # Three days for its PDF from now on.
            "created_at": by.at,
            "tries": 0,
            "lost": 0,
            "document_id": None,
            "submitted_at": None,
            "code": None,
            "trouble": None,
            "asked_by": by.person,
            "ended_at": None,
        }
        if increment_id not in (None, upload.increment_id):
            # The totals that are kept are another invoice's: none are stated.
            values |= {"increment_id": increment_id, "grand_total": ZERO, "tax_total": ZERO}
        for name, value in values.items():
            setattr(upload, name, value)
        note(session, vault, [order_id], NOTE, "", author=by.person, at=by.at)
        _log(session, upload, by, Action.INVOICE_UPLOADED_AGAIN)


def ignore(sessions: Sessions, vault: Vault, order_id: int, by: Signature) -> None:
    """Take the invoice off the list of those that need a person. Raises CannotUpload."""
    with sessions() as session, session.begin():
        upload = _locked(session, order_id)
        if upload.state not in NEED_A_PERSON:
            raise CannotUpload("its invoice does not need a person")
        upload.state, upload.ended_at = UploadState.IGNORED, by.at
        note(session, vault, [order_id], IGNORED, "", author=by.person, at=by.at)
        _log(session, upload, by, Action.INVOICE_IGNORED)


def _log(session: Session, upload: InvoiceUpload, by: Signature, action: Action) -> None:
    record(
        session,
        at=by.at,
        person=by.person,
        address=by.address,
        action=action,
        object=order_object(upload.order_id),
        facts={"invoice": upload.increment_id or None},
    )


def _locked(session: Session, order_id: int) -> InvoiceUpload:
    """The upload of an order. Raises CannotUpload when there is none, or it is on its way."""
    upload = session.get(InvoiceUpload, order_id, with_for_update=True)
    if upload is None:
        raise CannotUpload("it has no invoice to upload")
    if upload.state == UploadState.WANTED:
        raise CannotUpload("its shop shows no invoice yet, and is asked again by itself")
    if upload.state in OPEN:
        raise CannotUpload("its invoice is on its way to Amazon")
    return upload


def _either(upload: InvoiceUpload) -> str:
    return " or ".join(upload.numbers)
