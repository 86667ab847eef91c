"""Configuration: `orderbridge.toml` for what may be read by anyone, the environment for secrets.

Secrets and connections have variables with the prefix `ORDERBRIDGE_`; see docs/settings.md.
"""

from __future__ import annotations

import base64
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    model_validator,
)

from pipeline.marketplaces import in_country

PREFIX = "ORDERBRIDGE_"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_MONTH_S = 30 * 24 * 3600


class ConfigError(Exception):
    """The configuration cannot be used; the message names the place and what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _base_url(text: str) -> str:
    try:
        return str(HttpUrl(text)).rstrip("/")
    except ValidationError:
        raise ValueError("this must be a URL that starts with https:// or http://") from None


BaseUrl = Annotated[str, AfterValidator(_base_url)]


CancelReason = Literal[
    "NoInventory",
    "ShippingAddressUndeliverable",
    "CustomerExchange",
    "BuyerCanceled",
    "GeneralAdjustment",
    "CarrierCreditDecision",
    "RiskAssessmentInformationNotValid",
    "CarrierCoverageFailure",
    "CustomerReturn",
    "MerchandiseNotReceived",
]
"""What Amazon takes as the reason of a cancellation by the seller."""


class MarketplaceSettings(_Model):
    """What an operator decides per Amazon marketplace; the defaults are Amazon Sales Channel's."""

    import_orders: bool = True
    magento_store: str = "default"
    customers: Literal["guest", "create"] = "guest"
    welcome_mail: Literal["refuse", "accept"] = "refuse"
    order_number: Literal["magento", "amazon"] = "magento"
    order_number_prefix: str = Field(default="", max_length=20)
    fba_orders: Literal["create", "ignore"] = "create"
    fba_store: str | None = None
    out_of_stock: Literal["block", "backorder"] = "block"
    invoice: Literal["create", "leave"] = "create"
    cancel_from_amazon: Literal["cancel", "hold"] = "cancel"
    unclear_totals: Literal["hold", "import"] = "hold"
    tax: Literal["amazon", "none"] = "amazon"
    cancel_to_amazon: Literal["send", "never"] = "send"
    cancel_reason: CancelReason = "NoInventory"

    @model_validator(mode="after")
    def _customers_get_mail(self) -> MarketplaceSettings:
        if self.customers == "create" and self.welcome_mail == "refuse":
            raise ValueError(
                'customers = "create" makes Magento send the buyer a welcome mail, which no REST '
                'call can prevent: set welcome_mail = "accept" as well, or customers = "guest"'
            )
        return self


class ShopSettings(_Model):
    """One Magento shop and how to sign in to it."""

    base_url: BaseUrl
    auth: Literal["oauth", "bearer"] = "oauth"
    request_limit_s: float = Field(default=60, gt=0, le=_MONTH_S)
    access_token: SecretStr = SecretStr("")
    access_token_secret: SecretStr = SecretStr("")
    consumer_key: SecretStr = SecretStr("")
    consumer_secret: SecretStr = SecretStr("")


class NotificationSettings(_Model):
    """The SQS queue to which Amazon reports an account's changed orders."""

    queue_url: BaseUrl
    aws_region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    endpoint_url: BaseUrl | None = None

    @model_validator(mode="after")
    def _queue_is_a_standard_one(self) -> NotificationSettings:
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
        """The queue's name to Amazon."""
        owner, name = self.queue_url.split("/")[3:]
        return f"arn:aws:sqs:{self.aws_region}:{owner}:{name}"


class AccountSettings(_Model):
    """One Amazon selling account in one region.

    `client_secret_new` is set while the application's secret is being rotated. Without the two keys
    for AWS boto3's own chain of credentials counts, such as a role of the machine's.
    """

    region: Literal["NA", "EU", "FE"]
    seller_id: str = Field(default="", max_length=40)
    shop: str
    start_from: AwareDatetime
    client_secret_expires: date | None = None
    base_url: BaseUrl | None = None
    token_url: BaseUrl | None = None
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
        if not isinstance(own, dict) or not all(isinstance(one, dict) for one in own.values()):
            return data
        by_id: dict[str, Any] = {}
        for name, one in own.items():
            marketplace_id = _marketplace_id(str(data.get("region")), name)
            if marketplace_id in by_id:
                raise ValueError(f"marketplaces.{name} is there twice, by country and by id")
            by_id[marketplace_id] = {**common, **one}
        return {**data, "marketplaces": by_id}

    def marketplace(self, marketplace_id: str) -> MarketplaceSettings:
        """What counts for a marketplace; one that is not named has the account's settings."""
        return self.marketplaces.get(marketplace_id, self.settings)


def _marketplace_id(region: str, name: str) -> str:
    """A marketplace is named by its country or by its id; Amazon has ids that no list has."""
    if not _COUNTRY.fullmatch(name):
        return name
    found = in_country(region, name)
    if found is None:
        raise ValueError(f"marketplaces.{name}: Amazon has no marketplace {name} in {region}")
    return found


class Timing(_Model):
    """How often things are looked at, in seconds; at most a month."""

    poll_every_s: float = Field(default=180, gt=0, le=_MONTH_S)
    read_notifications_every_s: float = Field(default=10, gt=0, le=_MONTH_S)
    fetch_orders_every_s: float = Field(default=5, gt=0, le=_MONTH_S)
    watch_confirmed_every_s: float = Field(default=3600, gt=0, le=_MONTH_S)
    watch_shipments_every_s: float = Field(default=60, gt=0, le=_MONTH_S)
    sweep_every_s: float = Field(default=5, gt=0, le=_MONTH_S)
    poll_overlap_s: float = Field(default=300, ge=0, le=_MONTH_S)
    run_backfills_every_s: float = Field(default=30, gt=0, le=_MONTH_S)
    first_retry_s: float = Field(default=10, gt=0, le=_MONTH_S)
    longest_retry_s: float = Field(default=900, gt=0, le=_MONTH_S)
    recheck_held_s: float = Field(default=900, gt=0, le=_MONTH_S)
    recheck_waiting_s: float = Field(default=3600, gt=0, le=_MONTH_S)
    resend_s: float = Field(default=60, gt=0, le=_MONTH_S)
    lease_s: float = Field(default=30, ge=2, le=_MONTH_S)


class Settings(_Model):
    """Everything that counts, from file and environment together."""

    database_url: SecretStr
    redis_url: SecretStr
    master_key: bytes = Field(repr=False)
    shops: Mapping[str, ShopSettings]
    accounts: Mapping[str, AccountSettings]
    timing: Timing = Timing()

    @model_validator(mode="after")
    def _accounts_name_a_shop(self) -> Settings:
        for name, account in self.accounts.items():
            if account.shop not in self.shops:
                raise ValueError(f"accounts.{name}.shop: there is no [shops.{account.shop}]")
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

    def for_order(self, account: str, marketplace_id: str) -> MarketplaceSettings:
        """The settings that count for an order of this account and marketplace."""
        return self.accounts[account].marketplace(marketplace_id)


_SECRETS = ("database_url", "redis_url", "master_key")
_SHOP_SECRETS = ("access_token", "access_token_secret", "consumer_key", "consumer_secret")
_ACCOUNT_SECRETS = ("client_id", "client_secret", "refresh_token")
_OPTIONAL_SECRETS = ("client_secret_new", "aws_access_key_id", "aws_secret_access_key")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read `ORDERBRIDGE_CONFIG` (default: orderbridge.toml) and the environment's secrets.

    Raises ConfigError with one line per mistake.
    """
    path = Path(environ.get(f"{PREFIX}CONFIG", "orderbridge.toml"))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); set {PREFIX}CONFIG to your orderbridge.toml"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for secret in _SECRETS:
        if secret in data:
            raise ConfigError(
                f"{path}: {secret} is a secret and belongs into the environment as "
                f"{PREFIX}{secret.upper()}"
            )
    missing: list[str] = []
    data["database_url"] = _variable(environ, "DATABASE_URL", missing)
    data["redis_url"] = _variable(environ, "REDIS_URL", missing)
    data["master_key"] = _master_key(_variable(environ, "MASTER_KEY", missing), missing)
    for section, prefix, secrets in (
        ("shops", "SHOP", _SHOP_SECRETS),
        ("accounts", "ACCOUNT", (*_ACCOUNT_SECRETS, *_OPTIONAL_SECRETS)),
    ):
        for name, values in _named_tables(data, section, path):
            for secret in secrets:
                if secret in values:
                    raise ConfigError(
                        f"{path}: {section}.{name}.{secret} is a secret and belongs into the "
                        f"environment as {PREFIX}{prefix}_{name.upper()}_{secret.upper()}"
                    )
                if (
                    section == "shops"
                    and values.get("auth") == "bearer"
                    and secret != "access_token"
                ):
                    continue
                # One that may be left out is never counted as missing.
                wanted = [] if secret in _OPTIONAL_SECRETS else missing
                values[secret] = _variable(environ, f"{prefix}_{name}_{secret}".upper(), wanted)
    if missing:
        raise ConfigError("these environment variables have to be set: " + ", ".join(missing))
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_sentences(path, error)) from None


def _named_tables(
    data: dict[str, Any], section: str, path: Path
) -> list[tuple[str, dict[str, Any]]]:
    tables = data.get(section)
    if not isinstance(tables, dict) or not tables:
        raise ConfigError(f"{path}: at least one [{section}.NAME] is needed")
    for name, values in tables.items():
        if not _NAME.fullmatch(name) or not isinstance(values, dict):
            raise ConfigError(
                f"{path}: [{section}.{name}] must be a table whose name is lower-case letters, "
                "digits and underscores"
            )
    return list(tables.items())


def _variable(environ: Mapping[str, str], name: str, missing: list[str]) -> str:
    value = environ.get(PREFIX + name, "")
    if not value:
        missing.append(PREFIX + name)
    return value


def _master_key(text: str, missing: list[str]) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32 and not missing:
        raise ConfigError(
            f"{PREFIX}MASTER_KEY must be 32 random bytes in base64; make one with: "
            "openssl rand -base64 32"
        )
    return key


def _sentences(path: Path, error: ValidationError) -> str:
    lines = [
        f"{path}: {'.'.join(str(part) for part in one['loc']) or 'settings'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    return "\n".join(lines)


def utc_now() -> datetime:
    """The one place that reads the clock; everything else is told the time."""
    return datetime.now(UTC)


def seconds(value: float) -> timedelta:
    """A duration from a setting in seconds."""
    return timedelta(seconds=value)
