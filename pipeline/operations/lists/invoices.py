"""The invoices for Amazon: those that need a person, and the orders that have such."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ColumnElement, case, exists, select

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.invoices.tables import NEED_A_PERSON, OPEN, InvoiceUpload, UploadState
from pipeline.orders.tables import Order

_NEEDED = InvoiceUpload.state.in_(NEED_A_PERSON)


class WhichInvoice(StrEnum):
    """How far an order's invoice for Amazon is."""

    NEEDS_A_PERSON = "person"
    OPEN = "open"
    ACCEPTED = "accepted"


_STATES = {
    WhichInvoice.NEEDS_A_PERSON: NEED_A_PERSON,
    WhichInvoice.OPEN: OPEN,
    WhichInvoice.ACCEPTED: (UploadState.ACCEPTED,),
}


def has_invoice(which: WhichInvoice) -> ColumnElement[bool]:
    """Whether an order has such an invoice."""
    return exists().where(
        InvoiceUpload.order_id == Order.id, among(InvoiceUpload.state, _STATES[which])
    )


def listed(sessions: Sessions, *, every: bool, limit: int) -> list[tuple[str, InvoiceUpload]]:
    """The uploads that need a person, and after them all others if asked; the newest first, with
    the order's number."""
    newest = (InvoiceUpload.created_at.desc(), InvoiceUpload.order_id.desc())
    query = (
        select(Order.external_id, InvoiceUpload)
        .join(InvoiceUpload, InvoiceUpload.order_id == Order.id)
        .order_by(case((_NEEDED, 0), else_=1), *newest)
        .limit(limit)
    )
    if not every:
        query = query.where(_NEEDED)
    with sessions() as session:
        return [(row[0], row[1]) for row in session.execute(query)]
