"""The model of all settings; `pipeline.settings.file` reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from pipeline.base.broker import Broker, broker_at
from pipeline.settings.alerts import AlertSettings
from pipeline.settings.console import ConsoleSettings
from pipeline.settings.magento_release import MagentoRelease
from pipeline.settings.marketplace import (
    SHOP_PLACE,
    BaseUrl,
    MarketplaceSettings,
    RemoteUrl,
    SettingsModel,
)
from pipeline.settings.marketplaces import endpoint, in_country
from pipeline.settings.redis import RedisSettings
from pipeline.settings.tracing import TracingSettings

PREFIX = "ORDERBRIDGE_"
METRICS_TOKEN = f"{PREFIX}METRICS_TOKEN"
_SHORTEST_TOKEN = 20
_COUNTRY = re.compile(r"[A-Z]{2}")
_REGIONS = ("NA", "EU", "FE")
_MONTH_S = 30 * 24 * 3600


def needs_seller_id(account: str) -> str:
    """The sentence that says why an account cannot cancel orders on Amazon, and what to do."""
    return (
        f"a cancellation goes to Amazon in a feed, which needs accounts.{account}.seller_id (in "
        "Seller Central: Account Info, Merchant Token)"
    )


class ShopSettings(SettingsModel):
    """A Magento shop and the credentials for it."""

    base_url: RemoteUrl
    admin_url: BaseUrl | None = None
    auth: Literal["oauth", "bearer"] = "oauth"
    version: Literal["2.4.4", "2.4.5", "2.4.6", "2.4.7", "2.4.8"] = "2.4.7"
    request_limit_s: float = Field(default=60, gt=0, le=_MONTH_S)
    read_only: bool = False
    access_token: SecretStr = SecretStr("")
    access_token_secret: SecretStr = SecretStr("")
    consumer_key: SecretStr = SecretStr("")
    consumer_secret: SecretStr = SecretStr("")

    @property
    def release(self) -> MagentoRelease:
        """The Magento release of `version`."""
        return MagentoRelease.of(self.version)


class NotificationSettings(SettingsModel):
    """The SQS queue to which Amazon reports an account's changed orders."""

    queue_url: RemoteUrl
    aws_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    endpoint_url: RemoteUrl | None = None

    @model_validator(mode="after")
    def _queue_is_standard(self) -> NotificationSettings:
        if len(self.queue_url.split("/")) != 5:
            raise ValueError(
                "queue_url must look like https://sqs.eu-west-1.amazonaws.com/123456789012/name"
            )
        if self.queue_url.endswith(".fifo"):
            raise ValueError(
                "queue_url names a FIFO queue, to which Amazon delivers nothing: make a standard "
                "queue"
            )
        return self

    @property
    def queue_arn(self) -> str:
        """The queue's Amazon Resource Name."""
        owner, name = self.queue_url.split("/")[3:]
        return f"arn:aws:sqs:{self.aws_region}:{owner}:{name}"


class AccountSettings(SettingsModel):
    """An Amazon selling account in a region.

    `supply_source` is Amazon's id of the place that packages are shipped from. `supply_sources`
    gives that id for single sources, by the source's code in Magento. `client_secret_new` is set
    while the application's secret is being rotated. Without the two AWS keys boto3 uses its own
    chain of credentials, such as a role of the machine.
    """

    region: Literal["NA", "EU", "FE"]
    seller_id: str = Field(default="", max_length=40)
    supply_source: str = Field(default="", max_length=100)
    supply_sources: Mapping[str, Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=dict
    )
    shop: str
    start_from: AwareDatetime
    finances: Literal["read", "off"] = "read"
    client_secret_expires: date | None = None
    base_url: RemoteUrl | None = None
    token_url: RemoteUrl | None = None
    notifications: NotificationSettings | None = None
    settings: MarketplaceSettings = MarketplaceSettings()
    marketplaces: Mapping[str, MarketplaceSettings] = Field(default_factory=dict)
    client_id: SecretStr = SecretStr("")
    client_secret: SecretStr = SecretStr("")
    client_secret_new: SecretStr = SecretStr("")
    refresh_token: SecretStr = SecretStr("")
    aws_access_key_id: SecretStr = SecretStr("")
    aws_secret_access_key: SecretStr = SecretStr("")

    @model_validator(mode="before")
    @classmethod
    def _marketplaces_inherit(cls, data: Any) -> Any:
        """A marketplace's own settings win over the account's."""
        if not isinstance(data, dict) or not isinstance(data.get("settings", {}), dict):
            return data
        common = data.get("settings", {})
        own = data.get("marketplaces", {})
        if data.get("region") not in _REGIONS:
            return data  # the validation of `region` reports it without quoting the table
        if not isinstance(own, dict) or not all(isinstance(one, dict) for one in own.values()):
            return data
        by_id: dict[str, Any] = {}
        for name, one in own.items():
            marketplace_id = _marketplace_id(str(data.get("region")), name)
            if marketplace_id in by_id:
                raise ValueError(f"marketplaces.{name} is configured twice, by country and by id")
            by_id[marketplace_id] = {**common, **one}
        return {**data, "marketplaces": by_id}

    @property
    def may_cancel(self) -> bool:
        """Whether the account can cancel orders on Amazon: the feed has to name the seller."""
        return bool(self.seller_id)

    @property
    def api_url(self) -> str:
        """The URL of the account's API: its region's, unless `base_url` names another."""
        return self.base_url or endpoint(self.region)

    def marketplace(self, marketplace_id: str) -> MarketplaceSettings:
        """The settings of a marketplace; a marketplace without its own has the account's."""
        return self.marketplaces.get(marketplace_id, self.settings)


def _marketplace_id(region: str, name: str) -> str:
    """The id of a marketplace, named by its country or its id; an unlisted id is allowed."""
    if not _COUNTRY.fullmatch(name):
        return name
    found = in_country(region, name)
    if found is None:
        raise ValueError(f"marketplaces.{name}: Amazon has no marketplace {name} in {region}")
    return found


class Timing(SettingsModel):
    """The intervals of jobs and retries, in seconds; at most a month."""

    poll_every_s: float = Field(default=180, gt=0, le=_MONTH_S)
    read_notifications_every_s: float = Field(default=10, gt=0, le=_MONTH_S)
    fetch_orders_every_s: float = Field(default=5, gt=0, le=_MONTH_S)
    watch_confirmed_every_s: float = Field(default=3600, gt=0, le=_MONTH_S)
    watch_shipments_every_s: float = Field(default=60, gt=0, le=_MONTH_S)
    watch_new_shipments_every_s: float = Field(default=15, gt=0, le=_MONTH_S)
    watch_transactions_every_s: float = Field(default=2 * 3600, gt=0, le=_MONTH_S)
    watch_refunds_every_s: float = Field(default=900, gt=0, le=_MONTH_S)
    read_settlements_every_s: float = Field(default=4 * 3600, gt=0, le=_MONTH_S)
    read_returns_every_s: float = Field(default=24 * 3600, gt=0, le=_MONTH_S)
    guard_stock_every_s: float = Field(default=3600, gt=0, le=_MONTH_S)
    reconcile_every_s: float = Field(default=24 * 3600, gt=0, le=_MONTH_S)
    sweep_every_s: float = Field(default=5, gt=0, le=_MONTH_S)
    poll_overlap_s: float = Field(default=300, ge=0, le=_MONTH_S)
    run_backfills_every_s: float = Field(default=30, gt=0, le=_MONTH_S)
    first_retry_s: float = Field(default=10, gt=0, le=_MONTH_S)
    longest_retry_s: float = Field(default=900, gt=0, le=_MONTH_S)
    recheck_held_s: float = Field(default=900, gt=0, le=_MONTH_S)
    recheck_waiting_s: float = Field(default=3600, gt=0, le=_MONTH_S)
    resend_s: float = Field(default=60, gt=0, le=_MONTH_S)
    lease_s: float = Field(default=10, ge=2, le=_MONTH_S)


class Settings(SettingsModel):
    """All settings, from the file and the environment together."""

    database_url: SecretStr
    redis_url: SecretStr
    redis_sentinel_password: SecretStr = SecretStr("")
    metrics_token: SecretStr = SecretStr("")
    master_keys: tuple[bytes, ...] = Field(repr=False, min_length=1)
    shops: Mapping[str, ShopSettings]
    accounts: Mapping[str, AccountSettings]
    purge_after_days: int = Field(default=30, ge=1, le=30)
    security_log_days: int = Field(default=400, ge=366)
    timing: Timing = Timing()
    read_only: bool = False
    console: ConsoleSettings = ConsoleSettings()
    alerts: AlertSettings = AlertSettings()
    redis: RedisSettings = RedisSettings()
    tracing: TracingSettings | None = None

    @model_validator(mode="after")
    def _accounts_name_a_shop(self) -> Settings:
        for name, account in self.accounts.items():
            if account.shop not in self.shops:
                raise ValueError(f"accounts.{name}.shop: there is no [shops.{account.shop}]")
        return self

    @model_validator(mode="after")
    def _cancellations_can_be_sent(self) -> Settings:
        """An explicit `cancel_to_amazon = "send"` has to be possible; doctor checks the default."""
        for name, account in self.accounts.items():
            for place, own in (
                ("settings", account.settings),
                *((f"marketplaces.{one}", own) for one, own in account.marketplaces.items()),
            ):
                is_asked = "cancel_to_amazon" in own.model_fields_set
                if is_asked and own.cancel_to_amazon == "send" and not account.may_cancel:
                    where = f'accounts.{name}.{place}.cancel_to_amazon = "send"'
                    raise ValueError(f"{where}: {needs_seller_id(name)}")
        return self

    @model_validator(mode="after")
    def _shops_share_no_invoices(self) -> Settings:
        """Shops have invoices of the same number: in a place of two, a PDF may be the other's."""
        shops: dict[str, tuple[str, str]] = {}
        for name, account in self.accounts.items():
            for where, own in (
                ("settings", account.settings),
                *((f"marketplaces.{one}", own) for one, own in account.marketplaces.items()),
            ):
                if (place := own.invoices_of(account.shop)) is None:
                    continue
                at = f"accounts.{name}.{where}.invoice_source"
                shop, first = shops.setdefault(place, (account.shop, at))
                if shop != account.shop:
                    raise ValueError(
                        f"{at} is the place of {first} too, and the shops {shop} and "
                        f"{account.shop} have invoices of the same number: a buyer would get "
                        f"another's PDF. Give each shop its own, or write {SHOP_PLACE} into both"
                    )
        return self

    @model_validator(mode="after")
    def _queues_are_not_shared(self) -> Settings:
        readers: dict[str, str] = {}
        for name, account in self.accounts.items():
            if account.notifications is not None:
                other = readers.setdefault(account.notifications.queue_url, name)
                if other != name:
                    raise ValueError(
                        f"accounts.{name}.notifications.queue_url is the queue of account {other}: "
                        "each account needs a queue of its own"
                    )
        return self

    @field_validator("metrics_token")
    @classmethod
    def _cannot_be_guessed(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value()
        if text and not (len(text) >= _SHORTEST_TOKEN and text.isascii() and text.isprintable()):
            raise ValueError(
                f"{METRICS_TOKEN} must have {_SHORTEST_TOKEN} ASCII characters or more; make one "
                "with: openssl rand -hex 32"
            )
        return token

    @property
    def broker(self) -> Broker:
        """The address of the broker. Raises NotSupported."""
        return broker_at(
            self.redis_url.get_secret_value(),
            None if self.redis.ca_file is None else str(self.redis.ca_file),
            self.redis_sentinel_password.get_secret_value(),
        )

    def for_order(self, account: str, marketplace_id: str) -> MarketplaceSettings:
        """The settings for an order of this account and marketplace."""
        return self.accounts[account].marketplace(marketplace_id)
