"""An account with its database, its Amazon on a socket, and a folder of invoices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from pipeline.amazon.connection import Connection
from pipeline.amazon.feeds import FeedsApi
from pipeline.base.db import Sessions
from pipeline.base.errors import WritesStopped
from pipeline.base.http import Http
from pipeline.base.incidents import Incidents
from pipeline.invoices.pauses import Pauses
from pipeline.invoices.pdf_source import fetch
from pipeline.invoices.sending import InvoiceWay
from pipeline.invoices.tables import InvoiceUpload
from pipeline.invoices.uploads import Uploads
from pipeline.invoices.wanted import WantedInvoices
from pipeline.magento.records import NumberedInvoice
from pipeline.orders.tables import Status
from pipeline.settings.marketplace import MarketplaceSettings
from sandbox.amazon.builders import a_line, stamped
from sandbox.amazon.builders import an_order as amazons_order
from sandbox.amazon.state import save_order
from sandbox.core import Store
from tests.amazon.scripted import an_account
from tests.builders import ACCOUNT, GERMANY, NOW, SHOP, an_order, stored

CREDENTIALS = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "Atzr|sandbox-main",
}
PDF = b"%PDF-1.7 for Erika Mustermann \xff"
MINUTES = timedelta(minutes=3)
FEED = "UPLOAD_VAT_INVOICE"


def pdf_of(number: str) -> bytes:
    """The PDF of the invoice with this number; no two orders have the same file."""
    return PDF + number.encode()


class Crash(BaseException):
    """The process ends here."""


class CrashingApi(FeedsApi):
    """Ends the process before or after createFeed."""

    when: str

    def create(
        self,
        feed_type: str,
        marketplace_ids: Sequence[str],
        document_id: str,
        options: Mapping[str, str] | None = None,
    ) -> str:
        if self.when == "before":
            raise Crash
        super().create(feed_type, marketplace_ids, document_id, options)
        raise Crash


@dataclass
class Rig:
    """An account, its Amazon, and a folder of invoices."""

    sessions: Sessions
    store: Store
    url: str
    folder: Path
    at: datetime = NOW
    options: dict[str, Any] = field(default_factory=dict)
    is_read_only: bool = False
    takes: Sequence[str] = (GERMANY,)
    account: str = ACCOUNT
    shop: str = SHOP

    def now(self) -> datetime:
        return self.at

    def ask(self) -> None:
        if self.is_read_only:
            raise WritesStopped("nothing is written", retry_after_s=60)

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.sessions, self.account)

    @property
    def wanted(self) -> WantedInvoices:
        return WantedInvoices(self.sessions, self.account)

    @property
    def pauses(self) -> Pauses:
        return Pauses(Incidents(self.sessions), self.account)

    def api(self, kind: Callable[..., FeedsApi] = FeedsApi) -> FeedsApi:
        account = an_account(self.url, **CREDENTIALS)
        return kind(Connection(ACCOUNT, account, sleep=lambda _: None), Http(""))

    def settings(self, _marketplace_id: str = GERMANY) -> MarketplaceSettings:
        source = {"invoices_to_amazon": "folder", "invoice_source": str(self.folder)}
        return MarketplaceSettings(**{**source, **self.options})

    def sold(self, amazons: str = "SHIPPED", *, number: str = "100000231", **changes: Any) -> int:
        """An order here and at Amazon, with its invoice in Magento and in the folder."""
        facts = {
            "status": Status.DONE,
            "due_at": None,
            "remote_status": "SHIPPED",
            "account": self.account,
            "shop": self.shop,
            "magento_order_id": 900,
            "magento_invoiced": Decimal("19.98"),
            "updated_at": NOW,
            **changes,
        }
        order = an_order(**facts)
        lines = [a_line("MUG-BLUE", 2, unit="9.99")]
        with self.store.transaction() as db:
            theirs = amazons_order(order.external_id, status=amazons, lines=lines)
            save_order(db, "main", stamped(theirs, NOW - timedelta(days=1)))
        (self.folder / f"{number}.pdf").write_bytes(pdf_of(number))
        return stored(self.sessions, order)

    def ready(self, number: str, **changes: Any) -> int:
        """An order whose invoice waits to be uploaded."""
        order_id = self.sold(number=number, **changes)
        assert self.known(number) == 1
        return order_id

    def known(self, *numbers: str) -> int:
        """The invoices that the shop has of Magento order 900 are kept to be uploaded."""
        found = [NumberedInvoice(number, Decimal("19.98"), Decimal("3.19")) for number in numbers]
        self.wanted.want([GERMANY], self.at, 100)
        due = self.wanted.due([GERMANY], self.at, 100)
        return self.wanted.found({order.order_id: found for order in due}, self.at)

    def go(self, api: FeedsApi | None = None) -> None:
        """One run, as by a new process."""
        InvoiceWay(
            *(self.uploads, api or self.api(), self.pauses, self.shop, self.settings, fetch),
            *(self.now, self.ask),
        ).go(self.takes, 100)

    def later(self, wait: timedelta = MINUTES) -> None:
        """Time passes, here and at Amazon; then another run."""
        self.at += wait
        self.go()

    def through(self) -> None:
        self.go()
        self.later()
        self.later()

    def upload(self, order_id: int) -> InvoiceUpload:
        with self.sessions() as session:
            return session.get_one(InvoiceUpload, order_id)

    def state(self, order_id: int) -> tuple[str, int | None]:
        upload = self.upload(order_id)
        return upload.state, upload.code

    def amazons(self) -> list[tuple[str, int | None]]:
        """What Amazon was given: the numbers of the invoices, and its codes."""
        invoices = self.control("GET", "invoices")["invoices"]
        return [(invoice["invoice_number"], invoice["code"]) for invoice in invoices]

    def incidents(self) -> list[str]:
        return [incident.key for incident in Incidents(self.sessions).all_open()]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_control/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()
