"""One Magento shop over REST."""

from __future__ import annotations

from pipeline.magento.rest.credit_memos import CreditMemos
from pipeline.magento.rest.customers import Customers
from pipeline.magento.rest.inventory import Inventory
from pipeline.magento.rest.orders import Orders
from pipeline.magento.rest.partial_credit_memos import Reductions
from pipeline.magento.rest.probes import Probes
from pipeline.magento.rest.shipments import Shipments


class Magento(Inventory, Customers, Orders, Shipments, CreditMemos, Reductions, Probes):
    """A shop: one method per remote operation, grouped by noun in the modules beside this one.

    Reads are tried again on Transient; writes are sent once, except where they cannot have arrived.
    `store` is a store view code; without one the shop's default store view answers. Safe to share
    between threads.
    """
