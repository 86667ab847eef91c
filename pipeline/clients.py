"""The clients, settings and ledger that the steps use, built once per process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import redis

from pipeline.amazon import parsing
from pipeline.amazon.access import Access
from pipeline.amazon.carriers import is_known, offered
from pipeline.amazon.client import Amazon
from pipeline.amazon.feeds import FeedsApi
from pipeline.amazon.finances import FinancesApi
from pipeline.amazon.replies import CONFIRM_SHIPMENT
from pipeline.base.clock import seconds
from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap
from pipeline.base.quota import Lane, Quota
from pipeline.magento.client import Magento
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import ChannelOrder
from pipeline.orders.corrected_address import corrected
from pipeline.orders.decision import Decision
from pipeline.orders.decision_table import case_of, decide
from pipeline.orders.ledger import Ledger
from pipeline.orders.order_ledger import OrderLedger
from pipeline.orders.outcome import HoldCode
from pipeline.orders.report import Report
from pipeline.orders.stated_value import StatedValue, tells_no_total
from pipeline.orders.states import StepName
from pipeline.orders.tables import Order
from pipeline.products.manual_sku_map import SkusByHand
from pipeline.products.product_cache import KEPT_FOR, ProductCache
from pipeline.products.sku_map import SkuMaps
from pipeline.products.sku_prefetch import SkuPrefetch
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import AccountSettings, Settings, ShopSettings
from pipeline.settings.overrides import Overrides
from pipeline.shipping.backlog import Backlog


@dataclass(frozen=True, slots=True)
class Clients:
    """The remotes, the ledger, the settings and the clock.

    `in_force` returns the settings with the operators' current overrides.
    """

    settings: Settings
    channels: Mapping[str, Channel]
    shops: Mapping[str, Magento]
    ledger: Ledger
    pseudonym: Callable[[str], str]
    now: Callable[[], datetime]
    feeds: Mapping[str, FeedsApi]
    finances: Mapping[str, FinancesApi]
    has_large_backlog: Callable[[str], bool]
    catalogue: ProductCache
    sku_maps: SkuMaps
    in_force: Callable[[], Settings]

    def account(self, order: Order) -> AccountSettings:
        """The settings of the account that an order came from.

        Raises CannotMap(ACCOUNT_UNKNOWN) when the account is no longer in the configuration; so do
        the methods below.
        """
        found = self.settings.accounts.get(order.account)
        if found is None:
            raise CannotMap(
                HoldCode.ACCOUNT_UNKNOWN,
                f"its account {order.account} is not in the configuration: it was renamed or "
                f"removed. Put [accounts.{order.account}] back and restart, and the order goes on "
                "by itself; or dismiss it",
                {"account": order.account},
            )
        return found

    def channel(self, order: Order) -> Channel:
        """The marketplace account that an order came from."""
        self.account(order)
        return self.channels[order.account]

    def shop_name(self, order: Order) -> str:
        """The name of the shop that an order was placed in, or goes to.

        Raises CannotMap(SHOP_UNKNOWN) when the shop is no longer in the configuration.
        """
        account = self.account(order)
        name = order.shop or account.shop
        if name not in self.settings.shops:
            raise CannotMap(
                HoldCode.SHOP_UNKNOWN,
                f"it belongs to the shop {name}, which is not in the configuration, and its "
                f"account {order.account} sells into {account.shop} now, where its numbers are "
                f"those of other orders. Put [shops.{name}] back and restart, and the order goes "
                "on by itself; or dismiss it",
                {"account": order.account, "shop": name},
            )
        return name

    def shop(self, order: Order) -> Magento:
        """The Magento shop of an order."""
        return self.shops[self.shop_name(order)]

    def shop_settings(self, order: Order) -> ShopSettings:
        """The settings of the order's shop."""
        return self.settings.shops[self.shop_name(order)]

    def marketplace(self, order: Order) -> MarketplaceSettings:
        """The settings of the order's marketplace."""
        self.account(order)
        return self.in_force().for_order(order.account, order.marketplace_id)

    def decision(self, order: Order) -> Decision:
        """The row of the decision table that applies to the order."""
        return decide(case_of(order, self.marketplace(order)))

    def confirms_by_feed(self, order: Order) -> bool:
        """Whether the account has more packages to confirm than single calls can manage in time."""
        account = self.account(order)
        return bool(account.seller_id) and self.has_large_backlog(order.account)

    def placed(self, order: Order) -> ChannelOrder:
        """The order of the marketplace's last report, with the corrected address, if any.

        Raises CannotMap when the report cannot be read, or when the marketplace has changed the
        address since the correction.
        """
        told, is_in_shop = self._reported(order), order.magento_order_id is not None
        return corrected(told, order.report.correction, is_in_shop=is_in_shop)

    def read_again(self, order: Order) -> ChannelOrder:
        """Fetch the order from the marketplace now; the step uses this report from here on.

        The address is the marketplace's own, even if a person has corrected it.
        """
        before, fresh = order.report, self.channel(order).order(order.external_id, Lane.CONFIRM)
        order.report = Report(lambda: fresh, lambda: before.correction)
        return self._reported(order)

    def _reported(self, order: Order) -> ChannelOrder:
        return order.report.order(self.channel(order))

    def amounts(self, order: Order) -> Amounts:
        """The order's amounts, with or without taxes as the marketplace's settings say.

        Raises CannotMap as `charged` does.
        """
        read = self.charged(order)
        keeps_taxes = read.said_by or self.marketplace(order).tax != "none"
        return read if keeps_taxes else read.untaxed()

    def charged(self, order: Order) -> Amounts:
        """The order's reconciled amounts as the marketplace charged them, with its taxes.

        Where the marketplace gives no amount, a person's stated value counts. Once the order's
        details were filled in from the stated value, it stays, even if the marketplace gives an
        amount later. Raises CannotMap naming the line that does not add up.
        """
        value = order.stated_value
        if value is not None and order.step != StepName.ENRICH_ORDER and _was_said(order):
            return self._said(value, order)
        trust_total = self.marketplace(order).unclear_totals == "import"
        try:
            return order.report.amounts(self.channel(order), trust_total=trust_total)
        except CannotMap as held:
            if order.stated_value is None or not tells_no_total(held.facts):
                raise
            return self._said(order.stated_value, order)

    def _said(self, worth: Mapping[str, Any], order: Order) -> Amounts:
        lines = self._reported(order).lines
        return StatedValue.from_json(worth).amounts({line.item_id: line.quantity for line in lines})

    def ledger_of(self, order: Order) -> OrderLedger:
        """The ledger for the writes of this order."""
        settles_after = seconds(self.shop_settings(order).request_limit_s)
        return OrderLedger(self.ledger, order, self.shop_name(order), settles_after)

    @property
    def recheck_waiting(self) -> timedelta:
        """How long an order waits for news that should wake it much earlier."""
        return seconds(self.settings.timing.recheck_waiting_s)


def _was_said(order: Order) -> bool:
    """Whether the order's amounts were filled in from a stated value."""
    return bool((order.total_proof or {}).get("said_by"))


def parse_report(account_name: str, raw: Raw) -> ChannelOrder:
    """The facts of an account's stored report, without a call, even if the account has left the
    configuration. Every account is Amazon's. Raises CannotMap."""
    return parsing.parse(raw)


def offered_carriers(account_name: str) -> Mapping[str, str]:
    """The carriers that an account's marketplace knows, by Magento's code, without a call. Every
    account is Amazon's."""
    return offered()


def shown_carrier(code: str, title: str) -> str:
    """A package's carrier as everybody may read it: a title that is no carrier's name is left out,
    since a person typed it."""
    return title if is_known(title) else code


def build(
    settings: Settings,
    ledger: Ledger,
    broker: redis.Redis,
    sessions: Sessions,
    pseudonym: Callable[[str], str],
    now: Callable[[], datetime],
    quota_clock: Callable[[], float] | None = None,
) -> Clients:
    """Build the clients of every account and shop in the settings.

    All workers share quotas through `broker`, and each account's access to Amazon through the
    database.
    """
    quotas = {name: Quota(broker, name, quota_clock) for name in settings.accounts}
    channels = {
        name: Amazon(name, account, quota=quotas[name], access=Access(sessions, name, now), now=now)
        for name, account in settings.accounts.items()
    }
    rates = {name: partial(quota.rate, CONFIRM_SHIPMENT.plan) for name, quota in quotas.items()}
    maps = SkuMaps(SkusByHand(sessions).of)
    prefetch = SkuPrefetch(sessions, settings, maps, now, within=KEPT_FOR)
    return Clients(
        settings=settings,
        channels=channels,
        shops={name: Magento(name, shop, now=now) for name, shop in settings.shops.items()},
        ledger=ledger,
        pseudonym=pseudonym,
        now=now,
        feeds={name: FeedsApi(channel.connection) for name, channel in channels.items()},
        finances={name: FinancesApi(channel.connection) for name, channel in channels.items()},
        has_large_backlog=Backlog(sessions, rates).is_large,
        catalogue=ProductCache(broker, prefetch.skus),
        sku_maps=maps,
        in_force=Overrides(settings, sessions).settings,
    )
