"""One Magento shop over REST."""

from __future__ import annotations

from pipeline.magento.creditmemos import CreditMemos
from pipeline.magento.customers import Customers
from pipeline.magento.inventory import Inventory
from pipeline.magento.orders import Orders
from pipeline.magento.probes import Probes
from pipeline.magento.reductions import Reductions
from pipeline.magento.shipments import Shipments


class Magento(Inventory, Customers, Orders, Shipments, CreditMemos, Reductions, Probes):
    """A shop: one method per remote operation, grouped by noun in the modules beside this one.

    Reads are tried again on Transient; writes are sent once, except where they cannot have arrived.
    `store` is a store view code; without one the shop's default store view answers. Safe to share
    between threads.
    """
