"""Simulates an order with the real steps, against a shop and an account without a network.

The decisions are the pipeline's own: intake, decision table, mapping and steps. See
docs/decisions/0040.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pipeline.base.errors import CannotMap, RemoteError
from pipeline.base.vault import Vault
from pipeline.clients import Clients
from pipeline.intake.store import first_decision, new_row
from pipeline.magento.client import Magento
from pipeline.magento.records import Product
from pipeline.operations.preview.simulate_channel import OfflineAmazon
from pipeline.operations.preview.simulate_ledger import OfflineLedger, Request, Sent
from pipeline.operations.preview.simulate_shop import Known, OfflineShop
from pipeline.orders.channel import Raw
from pipeline.orders.machine import STEPS
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.package_tables import Shipment, ShipmentItem
from pipeline.orders.report import Report
from pipeline.orders.states import ConfirmationState, StepName
from pipeline.orders.tables import Order
from pipeline.products.product_cache import ProductCache
from pipeline.products.sku_map import SkuMaps
from pipeline.settings.marketplaces import country_of, currency_of
from pipeline.settings.model import Settings
from pipeline.shipping.packages import reference

Step = Callable[[Order, Clients], Outcome]
End = Literal["done", "skipped", "waits", "held", "cancelled", "not imported"]

INTAKE, PLACES, SHIPS = "intake", StepName.CREATE_ORDER, StepName.SHIP_ORDER
_SHIPMENT_ID = 1


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package with the whole order, as the warehouse would enter it in Magento."""

    carrier_code: str
    carrier_title: str
    tracking_number: str


@dataclass(frozen=True, slots=True)
class StepEnd:
    """A step's end and the writes it sent. Step `intake` comes before the first step."""

    step: str
    end: End
    reason: str = ""
    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    requests: Sequence[Request] = ()


@dataclass(frozen=True, slots=True)
class Simulated:
    """The simulation of an order. `number` is empty when the order has none."""

    number: str
    marketplace: str
    is_created: bool
    steps: Sequence[StepEnd]
    note: str = ""


class Simulator:
    """Simulates orders in turn, as an installation that knows no other orders."""

    def __init__(
        self,
        settings: Settings,
        steps: Mapping[str, Step],
        known: Known,
        now: datetime,
        parcel: Parcel | None = None,
    ) -> None:
        self._settings = settings
        self._steps = steps
        self._now = now
        self._parcel = parcel
        self._sent = Sent()
        self._ledger = OfflineLedger(self._sent)
        self._remotes = {name: OfflineShop(known, self._sent) for name in settings.shops}
        self._sku_maps = SkuMaps(by_hand=lambda account, skus: {})

    def play(self, account_name: str, raw: Raw) -> Simulated:
        """Run the order from its import to the first step that it does not pass."""
        account = self._settings.accounts[account_name]
        channel = OfflineAmazon(account_name, account, self._sent, lambda: self._now)
        channel.raw = raw
        try:
            identity = channel.identify(raw)
        except CannotMap as error:
            end = StepEnd(INTAKE, "not imported", str(error), str(error.code))
            return Simulated(channel.number(raw), "", False, [end])
        decision = first_decision(identity, account)
        marketplace = country_of(identity.marketplace_id) or identity.marketplace_id
        if not decision.kept:
            ends = [StepEnd(INTAKE, "not imported", decision.reason or decision.row)]
            return Simulated(identity.external_id, marketplace, False, ends)
        order = Order(**new_row(account_name, identity, decision))
        order.report = Report(lambda: raw)
        ends = list(self._ends(order, self._clients(account_name, channel, raw)))
        return Simulated(
            identity.external_id,
            marketplace,
            any((end.step, end.end) == (PLACES, "done") for end in ends),
            ends,
            ""
            if identity.purchased_at >= account.start_from
            else "it was placed before start_from, so that only a backfill imports it",
        )

    def _ends(self, order: Order, clients: Clients) -> Sequence[StepEnd]:
        ends: list[StepEnd] = []
        for name in STEPS:
            order.step = name
            if name == SHIPS and self._parcel is not None and order.magento_order_id is not None:
                order.shipments.append(self._shipment(order, self._parcel))
            ends.append(self._end(name, order, clients))
            if ends[-1].end not in ("done", "skipped"):
                break
        return ends

    def _end(self, name: str, order: Order, clients: Clients) -> StepEnd:
        end = _step_end(name, self._outcome(name, order, clients))
        return StepEnd(name, end.end, end.reason, end.code, end.facts, self._sent.take())

    def _outcome(self, name: str, order: Order, clients: Clients) -> Outcome | RemoteError:
        try:
            return self._steps[name](order, clients)
        except CannotMap as error:
            return Hold(HoldCode(error.code), error.reason, error.facts)
        except RemoteError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a worker holds such an order too
            reason = f"a defect in this program ({type(error).__name__})"
            return Hold(HoldCode.PROGRAM_ERROR, reason)

    def _clients(self, account_name: str, channel: OfflineAmazon, raw: Raw) -> Clients:
        shop_name = self._settings.accounts[account_name].shop
        remote = self._remotes[shop_name]
        marketplace_id = channel.identify(raw).marketplace_id
        remote.currency = _currency(channel, raw) or currency_of(marketplace_id)
        remote.country = country_of(marketplace_id)
        # Each order has its own client, since a client remembers a store view.
        shop = Magento(
            shop_name,
            self._settings.shops[shop_name],
            http=remote,
            now=lambda: self._now,
            sleep=lambda _: None,
        )
        return Clients(
            settings=self._settings,
            channels={account_name: channel},
            shops={shop_name: shop},
            ledger=self._ledger,
            pseudonym=Vault(*self._settings.master_keys).pseudonym,
            now=lambda: self._now,
            feeds={},
            finances={},
            has_large_backlog=lambda _: False,
            catalogue=_Uncached(),
            sku_maps=self._sku_maps,
            in_force=lambda: self._settings,
        )

    def _shipment(self, order: Order, parcel: Parcel) -> Shipment:
        left = {
            item.magento_item_id: item.quantity - item.quantity_fulfilled_before
            for item in order.items
            if item.magento_item_id is not None
        }
        return Shipment(
            magento_shipment_id=_SHIPMENT_ID,
            package_reference=reference(_SHIPMENT_ID, 1),
            shipped_at=self._now,
            carrier_code=parcel.carrier_code,
            carrier_title=parcel.carrier_title,
            tracking_number=parcel.tracking_number,
            confirmation=ConfirmationState.QUEUED,
            confirmed_times=0,
            items=[
                ShipmentItem(magento_item_id=item_id, quantity=quantity)
                for item_id, quantity in left.items()
                if quantity > 0
            ],
        )


class _Uncached(ProductCache):
    """A product cache that looks products up each time."""

    def __init__(self) -> None:
        """Keep nothing, since no other order follows."""

    def products(
        self, shop: Magento, store: str, skus: Collection[str], *, is_fresh: bool = False
    ) -> dict[str, Product]:
        return shop.catalog.products(skus, store)


def _currency(channel: OfflineAmazon, raw: Raw) -> str | None:
    try:
        return channel.parse(raw).currency
    except CannotMap:
        return None  # the order's first step holds it


def _step_end(name: str, outcome: Outcome | RemoteError) -> StepEnd:
    match outcome:
        case Done():
            return StepEnd(name, "done")
        case Skipped(why):
            return StepEnd(name, "skipped", why)
        case Wait(reason):
            return StepEnd(name, "waits", reason)
        case Hold(code, reason, facts):
            return StepEnd(name, "held", reason, str(code), facts)
        case Cancelled(reason):
            return StepEnd(name, "cancelled", reason)
        case RemoteError():
            return StepEnd(name, "waits", str(outcome))
