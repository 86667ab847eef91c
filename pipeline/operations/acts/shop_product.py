"""Whether a shop has a product, asked before an Amazon SKU is mapped to it."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.base.clock import utc_now
from pipeline.base.errors import RemoteError
from pipeline.base.retry import no_try_after
from pipeline.magento.client import Magento
from pipeline.magento.rest.catalog import EVERYWHERE
from pipeline.settings.model import Settings

HasProduct = Callable[[str, str], bool | None]
"""Whether the shop of an account has a product with this SKU; None without an answer."""
_LONGEST_S = 5


def products_of(settings: Settings) -> HasProduct:
    """Asks the shops. A person waits for the answer, so that a shop is asked for seconds only."""

    def has_product(account: str, sku: str) -> bool | None:
        name = settings.accounts[account].shop
        shop = Magento(name, settings.shops[name], now=utc_now)
        try:
            with no_try_after(_LONGEST_S):
                return bool(shop.catalog.products([sku], EVERYWHERE))
        except RemoteError:
            return None

    return has_product
