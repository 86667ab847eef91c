"""Which orders go to which store view, by the current settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_

from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.tables import Order
from pipeline.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Shelf:
    """Orders of an account, marketplace and channel; without a marketplace, of all marketplaces
    not in `named`."""

    account: str
    marketplace_id: str | None
    fulfilled_by: FulfilledBy
    named: tuple[str, ...] = ()

    def condition(self) -> ColumnElement[bool]:
        return and_(
            Order.account == self.account,
            Order.marketplace_id.not_in(self.named)
            if self.marketplace_id is None
            else Order.marketplace_id == self.marketplace_id,
            Order.fulfilled_by == self.fulfilled_by,
        )


@dataclass(frozen=True, slots=True)
class Store:
    """A store view, by its code, and the orders that go there. A code that several shops have, as
    all have `default`, becomes SHOP/CODE."""

    code: str
    shelves: tuple[Shelf, ...]

    def condition(self) -> ColumnElement[bool]:
        return or_(*(shelf.condition() for shelf in self.shelves))


def stores(settings: Settings) -> Mapping[str, Store]:
    """Every store view that the settings name, by its code."""
    shelves: dict[tuple[str, str], list[Shelf]] = {}
    for name, account in settings.accounts.items():
        named = tuple(sorted(account.marketplaces))
        for marketplace_id in (*named, None):
            own = (
                account.settings if marketplace_id is None else account.marketplace(marketplace_id)
            )
            for channel in FulfilledBy:
                code = own.store(is_fba=channel is FulfilledBy.AMAZON)
                shelf = Shelf(name, marketplace_id, channel, () if marketplace_id else named)
                shelves.setdefault((code, account.shop), []).append(shelf)
    shops = Counter(code for code, _ in shelves)
    by_name = {
        code if shops[code] == 1 else f"{shop}/{code}": tuple(some)
        for (code, shop), some in shelves.items()
    }
    return {name: Store(name, some) for name, some in sorted(by_name.items())}
