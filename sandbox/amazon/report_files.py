"""Reports and their documents as stored: the text's encoding, its type, how it is packed."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.amazon.times import to_ms
from sandbox.core import next_number

SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
HEADINGS = {"as_documented": None, "hyphens": "-", "underscores": "_", "blanks": " ", "none": None}


@dataclass(frozen=True)
class Style:
    """How a document is written and what its download says of it.

    `charset` writes the text (letters it lacks become `?`, as Amazon loses them); `content_type`
    is the download's header, and may name no charset or another one. `headings` folds the case and
    joins the words of each heading otherwise, or leaves all of them out; `renamed` gives single
    headings another name.
    """

    charset: str = "utf-8"
    content_type: str = "text/plain;charset=UTF-8"
    gzip: bool = False
    headings: str = "as_documented"
    renamed: Mapping[str, str] = field(default_factory=dict)

    def heading(self, name: str) -> str:
        """The heading of a column as this document shows it."""
        joint = HEADINGS[self.headings]
        if name in self.renamed:
            return self.renamed[name]
        if joint is None:
            return name
        return joint.join(name.replace("-", " ").replace("_", " ").lower().split())


def table_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, str]], style: Style | None = None
) -> str:
    """A tab-separated text with its headings; a value of a column not listed makes the column."""
    rows = list(rows)
    seen = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    written = style or Style()
    is_headed = written.headings != "none"
    lines = ["\t".join(written.heading(name) for name in seen)] if is_headed else []
    lines += ["\t".join(row.get(name, "") for name in seen) for row in rows]
    return "\r\n".join([*lines, ""])


def new_document(db: sqlite3.Connection, account: str, text: str, style: Style) -> str:
    """Store a text as a document and return its id."""
    number = next_number(db, "report_document")
    document_id = f"amzn1.spdoc.1.4.eu.{number:08x}-0000-4000-8000-{number:012x}.sandbox"
    body = text.encode(style.charset, errors="replace")
    db.execute(
        "INSERT INTO report_documents VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
        (
            *(document_id, account, gzip.compress(body) if style.gzip else body),
            *(style.content_type, int(style.gzip), document_id),
        ),
    )
    return document_id


def new_report(
    db: sqlite3.Connection,
    account: str,
    report_type: str,
    marketplaces: Sequence[str],
    span: tuple[datetime, datetime],
    created_at: datetime,
    *,
    state: str = "IN_QUEUE",
    fate: int | None = None,
    document: str | None = None,
) -> str:
    """Store a report and return its id; `fate` is the row of `report_fates` that it follows."""
    number = next_number(db, "report", 60001)
    report_id = f"{number}020626"
    db.execute(
        "INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(number, report_id, account, report_type, ",".join(marketplaces)),
            *(to_ms(span[0]), to_ms(span[1]), to_ms(created_at), state, fate, document),
        ),
    )
    return report_id


def register_report(
    db: sqlite3.Connection,
    account: str,
    report_type: str,
    text: str,
    now: datetime,
    *,
    marketplaces: Sequence[str] = ("A1PA6795UKMFR9",),
    span: tuple[datetime, datetime] | None = None,
    style: Style | None = None,
) -> str:
    """Store a finished report that Amazon made by itself, as it does settlements; its id."""
    document = new_document(db, account, text, style or Style())
    between = span or (now, now)
    return new_report(
        db, account, report_type, marketplaces, between, now, state="DONE", document=document
    )
