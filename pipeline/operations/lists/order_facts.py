"""An order's facts as people read them: store, country, amounts and their proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import quote

from pipeline.base.money import ZERO, written
from pipeline.operations.lists.orders import Listed
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.tables import Order
from pipeline.settings.marketplaces import country_of, domain_of
from pipeline.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Proof:
    """The parts of an order's total: an amount for each Amazon item id, and the adjustments.

    `parts` are each line's amounts by name, `readings` how Amazon's figures were interpreted,
    `collected` the tax among them that Amazon keeps, `doubt` why only the total is certain,
    `said_by` the person who stated the total where Amazon gives none.
    """

    mode: str
    lines: Mapping[str, Decimal]
    adjustments: Mapping[str, Decimal]
    grand_total: Decimal
    parts: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    readings: Mapping[str, str] = field(default_factory=dict)
    collected: Mapping[str, Decimal] = field(default_factory=dict)
    doubt: str = ""
    said_by: str = ""

    @property
    def difference(self) -> Decimal:
        """The total less its parts; zero when they add up."""
        return self.grand_total - sum(
            [*self.lines.values(), *self.adjustments.values()], start=ZERO
        )


def proof(order: Order) -> Proof | None:
    """The proof of the total, once the order's amounts have been reconciled."""
    stored = order.total_proof
    if stored is None:
        return None
    return Proof(
        mode=stored["mode"],
        lines=_decimals(stored["lines"]),
        adjustments=_decimals(stored["adjustments"]),
        grand_total=Decimal(stored["grand_total"]),
        parts={item_id: _decimals(parts) for item_id, parts in stored.get("parts", {}).items()},
        readings=stored.get("readings", {}),
        collected=_decimals(stored.get("collected_by_amazon", {})),
        doubt=stored.get("doubt", ""),
        said_by=stored.get("said_by", ""),
    )


def _decimals(amounts: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in amounts.items()}


def store_code(
    settings: Settings, account: str, marketplace_id: str, fulfilled_by: str
) -> str | None:
    """The store view in the settings now; None when the account is no longer configured."""
    if account not in settings.accounts:
        return None
    marketplace = settings.for_order(account, marketplace_id)
    if fulfilled_by == FulfilledBy.AMAZON and marketplace.fba_store is not None:
        return marketplace.fba_store
    return marketplace.magento_store


def seller_central_url(marketplace_id: str, external_id: str) -> str | None:
    """The order's page in Seller Central; None for a marketplace without a known address."""
    domain = domain_of(marketplace_id)
    number = quote(external_id, safe="")
    return f"https://sellercentral.{domain}/orders-v3/order/{number}" if domain else None


def admin_url(settings: Settings, order: Order | Listed) -> str | None:
    """The Magento order's page in the shop's admin; None without a Magento order or `admin_url`."""
    account = settings.accounts.get(order.account)
    name = order.shop or (account.shop if account is not None else "")
    if name not in settings.shops or order.magento_order_id is None:
        return None
    admin = settings.shops[name].admin_url
    return f"{admin}/sales/order/view/order_id/{order.magento_order_id}/" if admin else None


def country(marketplace_id: str) -> str:
    """A marketplace's country, by which people know it; its id when the country is unknown."""
    return country_of(marketplace_id) or marketplace_id


def price(amount: Decimal | None, currency: str | None) -> str:
    """An amount with its currency, unrounded; empty while either is unknown."""
    if amount is None or currency is None:
        return ""
    return f"{written(amount, currency)} {currency}"
