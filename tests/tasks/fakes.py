"""Stand-ins for our own clients: each answers what a test gave it, and one asked more raises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pipeline.amazon import amounts, parsing
from pipeline.base.money import ZERO
from pipeline.base.quota import Lane
from pipeline.clients import Clients
from pipeline.magento.client import Magento
from pipeline.magento.records import (
    CreditMemo,
    Invoice,
    MagentoItem,
    MagentoOrder,
    MagentoShipment,
    Product,
    Region,
    StoreView,
)
from pipeline.magento.rest.books import Books
from pipeline.magento.rest.catalog import Catalog
from pipeline.magento.rest.credit_memos import CreditMemos
from pipeline.magento.rest.customers import Customer, Customers
from pipeline.magento.rest.directory import Directory
from pipeline.magento.rest.inventory import Inventory
from pipeline.magento.rest.invoices import Invoices
from pipeline.magento.rest.orders import Orders
from pipeline.magento.rest.shipments import Shipments
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel import Channel, Confirmation, OrderPage, Raw
from pipeline.orders.channel_order import ChannelOrder, Delivery, Identity
from pipeline.orders.ledger import Ledger
from pipeline.orders.tables import Order
from pipeline.products.product_cache import ProductCache
from pipeline.products.sku_map import SkuMaps
from tests.builders import ACCOUNT, NOW, SHOP, a_vault, settings
from tests.tasks.ledgers import SeededLedger

MUG = Product(1, "MUG-BLUE", "Mug, blue", "simple", True, Decimal("0.4"))
NOTHING_PAID = Books(Decimal("20.00"), ZERO, ZERO, has_one_currency=True, lines={})
STORE = StoreView(1, "default", 1, "base", "EUR", "DE")


class Touched(AssertionError):
    """A client was asked something that this test does not expect."""


class InTurn:
    """Answers for one call after the other."""

    def __init__(self, *answers: Any) -> None:
        self.left = list(answers)


class Answers:
    """What each call returns or raises, by method."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = dict(answers)
        self.calls: list[tuple[Any, ...]] = []

    def give(self, name: str, *arguments: Any) -> Any:
        """Note the call and answer it."""
        self.calls.append((name, *arguments))
        if name not in self._answers:
            raise Touched(f"{name}{arguments}")
        answer = self._answers[name]
        if isinstance(answer, InTurn):
            if not answer.left:
                raise Touched(f"{name}{arguments}, once more")
            answer = answer.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeChannel(Channel):
    """Reads orders as Amazon's channel does; `order` and `confirm_shipment` answer as told."""

    def __init__(self, **answers: Any) -> None:
        self.told = Answers(answers)

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        return self.told.calls

    def changed_orders(
        self,
        since: datetime,
        token: str | None,
        before: datetime | None = None,
        lane: Lane = Lane.NEW,
    ) -> OrderPage:
        return self.told.give("changed_orders", since, token)  # type: ignore[no-any-return]

    def placed_orders(self, after: datetime, before: datetime, token: str | None) -> OrderPage:
        return self.told.give("placed_orders", after, before, token)  # type: ignore[no-any-return]

    def order(self, external_id: str, lane: Lane = Lane.NEW) -> Raw:
        return self.told.give("order", external_id)  # type: ignore[no-any-return]

    def number(self, reply: object) -> str:
        return parsing.number(reply)

    def is_number(self, text: str) -> bool:
        return parsing.is_number(text)

    def identify(self, raw: Raw) -> Identity:
        return parsing.identify(raw)

    def delivery(self, raw: Raw) -> Delivery:
        return parsing.delivery(raw)

    def parse(self, raw: Raw) -> ChannelOrder:
        return parsing.parse(raw)

    def amounts(self, raw: Raw, *, trust_total: bool = False) -> Amounts:
        return amounts.amounts(raw, trust_total=trust_total)

    def confirm_shipment(self, confirmation: Confirmation) -> None:
        self.told.give("confirm_shipment", confirmation)

    def feed_message(self, confirmation: Confirmation) -> dict[str, Any]:
        return self.told.give("feed_message", confirmation)  # type: ignore[no-any-return]


class _Told:
    """What the nouns of a fake shop share: its answers, and what it was sent."""

    def __init__(self, shop: FakeShop) -> None:
        self.told, self.bodies, self.comments = shop.told, shop.bodies, shop.comments


class FakeOrders(_Told, Orders):
    def find(self, external_id: str, store_id: int | None = None) -> list[MagentoOrder]:
        return self.told.give("find_orders", external_id)  # type: ignore[no-any-return]

    def by_ids(self, entity_ids: Collection[int]) -> dict[int, MagentoOrder]:
        return self.told.give("orders", sorted(entity_ids))  # type: ignore[no-any-return]

    def get(self, entity_id: int) -> MagentoOrder:
        return self.told.give("order", entity_id)  # type: ignore[no-any-return]

    def create(self, body: Mapping[str, Any], store: str) -> MagentoOrder:
        self.bodies.append(body)
        return self.told.give("create_order", store)  # type: ignore[no-any-return]

    def save(self, body: Mapping[str, Any]) -> bool:
        self.bodies.append(body)
        self.told.give("update_order", body["entity_id"])
        return False

    def cancel(self, entity_id: int) -> bool:
        return self.told.give("cancel", entity_id)  # type: ignore[no-any-return]

    def comment(self, entity_id: int, text: str, status: str) -> None:
        self.told.give("comment", entity_id, text, status)
        self.comments.append(text)

    def find_comment(self, entity_id: int, text: str) -> str | None:
        if text in self.comments:
            return "1"
        return self.told.give("find_comment", entity_id, text)  # type: ignore[no-any-return]


class FakeInvoices(_Told, Invoices):
    def create(self, entity_id: int) -> str:
        return self.told.give("invoice", entity_id)  # type: ignore[no-any-return]

    def of_orders(self, entity_ids: Collection[int]) -> dict[int, list[Invoice]]:
        return self.told.give("invoices", sorted(entity_ids))  # type: ignore[no-any-return]


class FakeCreditMemos(_Told, CreditMemos):
    def books(self, entity_id: int) -> Books:
        return NOTHING_PAID

    def refund(
        self, entity_id: int, back_to_stock: Collection[int], adjustment: Decimal = Decimal(0)
    ) -> str:
        return self.told.give("refund", entity_id, list(back_to_stock))  # type: ignore[no-any-return]

    def since(self, since: datetime) -> list[CreditMemo]:
        return self.told.give("credit_memos", since)  # type: ignore[no-any-return]

    def by_ids(self, ids: Collection[int]) -> list[CreditMemo]:
        return self.told.give("memos_by_ids", sorted(ids))  # type: ignore[no-any-return]


class FakeShipments(_Told, Shipments):
    def made_after(self, entity_id: int, since: datetime) -> dict[int, int]:
        return self.told.give("made_after", entity_id)  # type: ignore[no-any-return]

    def of_orders(self, order_ids: Collection[int]) -> list[MagentoShipment]:
        return self.told.give("shipments", sorted(order_ids))  # type: ignore[no-any-return]

    def create(
        self,
        entity_id: int,
        units: Mapping[int, int],
        *,
        carrier_code: str,
        title: str,
        number: str,
    ) -> str:
        return self.told.give(  # type: ignore[no-any-return]
            "ship", entity_id, dict(units), carrier_code, title, number
        )


class FakeDirectory(_Told, Directory):
    def store_view(self, code: str) -> StoreView:
        return StoreView(1, code, 1, "base", "EUR", "DE")

    def regions(self, country: str, store: str) -> tuple[Region, ...]:
        return ()

    def sells_to(self, country: str, store: str) -> bool:
        return True


class FakeCustomers(_Told, Customers):
    def __init__(self, shop: FakeShop) -> None:
        super().__init__(shop)
        self._directory = shop.directory

    def find(self, email: str, website_id: int) -> Customer | None:
        return self.told.give("find_customer", email, website_id)  # type: ignore[no-any-return]

    def get(self, customer_id: int) -> Customer | None:
        return self.told.give("customer", customer_id)  # type: ignore[no-any-return]

    def create(self, body: Mapping[str, Any], store: str) -> Customer:
        self.bodies.append(body)
        return self.told.give("create_customer", body["email"], store)  # type: ignore[no-any-return]


class FakeCatalog(_Told, Catalog):
    def products(self, skus: Collection[str], store: str) -> dict[str, Product]:
        return self.told.give("products", sorted(skus), store)  # type: ignore[no-any-return]

    def create(self, body: Mapping[str, Any]) -> int:
        self.bodies.append(body)
        return self.told.give("create_product", body["sku"])  # type: ignore[no-any-return]

    def at_url_key(self, url_key: str) -> int | None:
        return self.told.give("product_at", url_key)  # type: ignore[no-any-return]

    def attribute_set(self) -> int:
        return 4


class FakeInventory(_Told, Inventory):
    def salable(self, wanted: Mapping[str, int], store: str) -> dict[str, bool]:
        return self.told.give("salable", dict(wanted), store)  # type: ignore[no-any-return]


class FakeShop(Magento):
    """Answers as told; a store view is always there, no country has regions and nothing is paid."""

    def __init__(self, **answers: Any) -> None:
        self.told = Answers(answers)
        self.bodies: list[Mapping[str, Any]] = []
        self.comments: list[str] = []
        self.orders = FakeOrders(self)
        self.invoices = FakeInvoices(self)
        self.credit_memos = FakeCreditMemos(self)
        self.shipments = FakeShipments(self)
        self.directory = FakeDirectory(self)
        self.customers = FakeCustomers(self)
        self.catalog = FakeCatalog(self)
        self.inventory = FakeInventory(self)

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        return self.told.calls


class Catalogue(ProductCache):
    """Keeps nothing, and notes which look-ups went past what is kept."""

    def __init__(self) -> None:
        self.fresh: list[bool] = []

    def products(
        self, shop: Magento, store: str, skus: Collection[str], *, is_fresh: bool = False
    ) -> dict[str, Product]:
        self.fresh.append(is_fresh)
        return shop.catalog.products(skus, store)


def clients(
    channel: Channel | None = None,
    shop: Magento | None = None,
    ledger: Ledger | None = None,
    *,
    account: Mapping[str, Any] | None = None,
    has_large_backlog: bool = False,
    catalogue: ProductCache | None = None,
    by_hand: Mapping[str, str] | None = None,
    **marketplace: Any,
) -> Clients:
    """Clients of which each raises when it is touched, but for those that are given.

    `marketplace` are the operator's settings; comments are left only where a test asks for them.
    `by_hand` is what people have mapped.
    """
    loaded = settings(marketplace={"order_comments": False, **marketplace}, account=account)
    return Clients(
        settings=loaded,
        channels={ACCOUNT: channel or FakeChannel()},
        shops={SHOP: shop or FakeShop()},
        ledger=ledger or SeededLedger(),
        pseudonym=a_vault().pseudonym,
        now=lambda: NOW,
        feeds={},
        finances={},
        has_large_backlog=lambda _: has_large_backlog,
        catalogue=catalogue or Catalogue(),
        sku_maps=SkuMaps(lambda account, skus: mapped_by_hand(account, skus, by_hand or {})),
        in_force=lambda: loaded,
    )


def mapped_by_hand(
    account: str, skus: Collection[str], mapped: Mapping[str, str]
) -> Mapping[str, str]:
    """What people have mapped of an account's SKUs, all of it in one account."""
    return {sku: mapped[sku] for sku in skus if sku in mapped and account == ACCOUNT}


def order_key(order: Order) -> str:
    """The ledger's key of the order's creation."""
    return f"order:{order.account}:{order.external_id}"


def a_magento_order(entity_id: int = 900, **changes: Any) -> MagentoOrder:
    """The Magento order of `a_raw_order`: two mugs, 20.00."""
    return MagentoOrder(
        **{
            "entity_id": entity_id,
            "increment_id": "000000900",
            "state": "processing",
            "status": "processing",
            "grand_total": Decimal("20.00"),
            "items": (MagentoItem(501, "MUG-BLUE", "I1", quantity_ordered=Decimal(2)),),
            **changes,
        }
    )
