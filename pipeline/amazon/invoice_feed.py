"""The feed of an invoice: its options, and its report, which is plain text. Pure.

A feed holds one PDF and names one marketplace. The report has a code of Amazon's for each error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

FEED_TYPE = "UPLOAD_VAT_INVOICE"
CONTENT_TYPE = "application/pdf"
ROLE = "Tax Invoicing"
MARKETPLACES = frozenset(
    {
        "A1PA6795UKMFR9",  # Germany
        "A1RKKUPIHCS9HS",  # Spain
        "A13V1IB3VIYZZH",  # France
        "APJ6JRA9NG5V4",  # Italy
        "A1F83G8C2ARO7P",  # the United Kingdom
        "A1805IZSGTT6HS",  # the Netherlands
        "A1C3SOZRARQ6R3",  # Poland
        "A2NODRKZP88ZB9",  # Sweden
        "A28R8C7NBKEWEA",  # Ireland
        "AMEN7PMS3EDWL",  # Belgium
    }
)
"""Where Amazon takes invoices by this feed."""

WRITABLE = re.compile(r"[A-Za-z0-9 ,/\\_;:#-]{1,50}")
"""The invoice numbers that Amazon's rules for the options allow."""

_PREFIX = "metadata:"
_SUCCESSFUL = re.compile(r"records successful\s+([0-9]{1,9})", re.IGNORECASE)
_CODE = re.compile(r"[0-9]{1,6}")


class InvoiceOutcome(StrEnum):
    """What the report means for the invoice.

    LATER: Amazon does not count the order as dispatched. AGAIN: Amazon has no file.
    MADE_BY_AMAZON: Amazon makes the invoice of this order. UNCLEAR: the report cannot be read.
    """

    ACCEPTED = "accepted"
    LATER = "later"
    AGAIN = "again"
    MADE_BY_AMAZON = "made by amazon"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class InvoiceResult:
    """An outcome, and Amazon's code when it refused."""

    outcome: InvoiceOutcome
    code: int | None = None


_MEANINGS = {
    79517: InvoiceOutcome.LATER,
    79525: InvoiceOutcome.MADE_BY_AMAZON,
    79540: InvoiceOutcome.AGAIN,
    79544: InvoiceOutcome.AGAIN,
}


def options(
    external_id: str, number: str, totals: tuple[Decimal, Decimal] | None = None
) -> dict[str, str]:
    """The options of createFeed for the invoice of an order; `totals` are gross and VAT."""
    named = {"orderid": external_id, "invoicenumber": number, "documenttype": "Invoice"}
    if totals is not None:
        named["totalamount"], named["totalvatamount"] = (f"{total:.2f}" for total in totals)
    return {_PREFIX + name: value for name, value in named.items()}


def read(content: bytes) -> InvoiceResult:
    """The result in a report. Amazon's words, which may quote the order, are left out."""
    text = content.decode(errors="replace")
    lines = text.splitlines()
    heading = next((n for n, line in enumerate(lines) if "error-code" in line.lower()), None)
    if heading is not None:
        names = [name.strip().lower() for name in lines[heading].split("\t")]
        for line in lines[heading + 1 :]:
            row = dict(zip(names, (cell.strip() for cell in line.split("\t")), strict=False))
            code = row.get("error-code", "")
            if _CODE.fullmatch(code) and row.get("error-type", "").lower() != "warning":
                return InvoiceResult(_MEANINGS.get(int(code), InvoiceOutcome.REFUSED), int(code))
    successful = _SUCCESSFUL.search(text)
    if successful is None:
        return InvoiceResult(InvoiceOutcome.UNCLEAR)
    if int(successful[1]):
        return InvoiceResult(InvoiceOutcome.ACCEPTED)
    return InvoiceResult(InvoiceOutcome.REFUSED)


def sentence(code: int | None) -> str:
    """What a code of a refusal means, and what to do; a sentence of ours."""
    return _SENTENCES.get(code or 0, "Amazon refused the invoice: look the code up at Amazon")


_SENTENCES: Mapping[int, str] = {
    79503: "Amazon says that the file is no PDF: mend the file at its source, then upload it again",
    79509: "Amazon says that it offers no upload of this invoice: look at the VAT settings in "
    "Seller Central",
    79513: "Amazon lacks an option; if it asks for the totals, set invoice_totals = true, then "
    "upload it again",
    79517: "Amazon does not count the order as dispatched, or does not know it",
    79523: "Amazon takes no invoices of this marketplace by this way: set invoices_to_amazon = "
    '"off" for it',
    79525: "Amazon makes the invoice of this order itself (VAT Calculation Service): nothing is to "
    "be uploaded",
    79531: "Amazon does not know the type of the document: report this as a defect",
    79540: "Amazon received no file: upload it again",
    79544: "Amazon received no file: upload it again",
}
