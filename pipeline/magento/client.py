"""A Magento shop over REST."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from pipeline.base.http import Http
from pipeline.magento.rest.catalog import Catalog
from pipeline.magento.rest.connection import Connection
from pipeline.magento.rest.credit_memos import CreditMemos
from pipeline.magento.rest.customers import Customers
from pipeline.magento.rest.directory import Directory
from pipeline.magento.rest.inventory import Inventory
from pipeline.magento.rest.invoices import Invoices
from pipeline.magento.rest.orders import Orders
from pipeline.magento.rest.probes import Probes
from pipeline.magento.rest.shipments import Shipments
from pipeline.settings.model import ShopSettings


class Magento:
    """A shop, by kind of object: `shop.orders.cancel(entity_id)`, a method per remote operation.

    Reads are repeated on Transient; a write is sent once, except when it cannot have arrived.
    `store` is a store view code; without it the shop's default store view answers. Safe to share
    between threads.
    """

    def __init__(
        self,
        name: str,
        shop: ShopSettings,
        *,
        http: Http | None = None,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        api = Connection(name, shop, http=http, now=now, sleep=sleep)
        self.name = name
        self.orders = Orders(api)
        self.invoices = Invoices(api)
        self.credit_memos = CreditMemos(api)
        self.shipments = Shipments(api)
        self.directory = Directory(api)
        self.customers = Customers(api, self.directory)
        self.catalog = Catalog(api)
        self.inventory = Inventory(api, self.directory)
        self.probes = Probes(api)
