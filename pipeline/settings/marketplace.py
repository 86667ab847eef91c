"""The settings of an Amazon marketplace."""

from __future__ import annotations

import re
from decimal import Decimal
from os.path import normpath
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline.base.this_machine import is_in_clear


class SettingsModel(BaseModel):
    """The base of all settings: unknown names are refused and values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _base_url(text: str) -> str:
    try:
        return str(HttpUrl(text)).rstrip("/")
    except ValidationError:
        raise ValueError("this must be a URL that starts with https:// or http://") from None


def _remote_url(text: str) -> str:
    if is_in_clear(text):
        raise ValueError(
            "http:// sends all in clear: begin with https://; http:// is for this machine alone "
            "(127.0.0.1, [::1], localhost)"
        )
    return text


BaseUrl = Annotated[str, AfterValidator(_base_url)]
RemoteUrl = Annotated[BaseUrl, AfterValidator(_remote_url)]
"""The URL of Amazon or a shop, whose calls carry buyers' data and credentials."""


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
"""Amazon's reasons for a cancellation by the seller."""

RefundReason = Literal[
    "NoInventory",
    "CustomerReturn",
    "GeneralAdjustment",
    "CouldNotShip",
    "DifferentItem",
    "Abandoned",
    "CustomerCancel",
    "PriceError",
    "ProductOutofStock",
    "CustomerAddressIncorrect",
    "Exchange",
    "Other",
    "CarrierCreditDecision",
    "RiskAssessmentInformationNotValid",
    "CarrierCoverageFailure",
    "TransactionRecord",
    "Undeliverable",
    "RefusedDelivery",
]
"""Amazon's reasons for a refund by the seller."""

INCREMENT_PLACE, SHOP_PLACE = "{increment}", "{shop}"
"""What `invoice_source` has in place of an invoice's number and of its shop's name."""
_PLACES = re.compile(r"\{[^{}]*\}?|\}")


class MarketplaceSettings(SettingsModel):
    """The settings of an Amazon marketplace; the defaults are those of Amazon Sales Channel."""

    import_orders: bool = True
    magento_store: str = "default"
    fba_store: str | None = None
    fba_orders: Literal["create", "ignore"] = "create"
    fba_lines: Literal["detached", "catalogue"] = "detached"
    customers: Literal["guest", "create"] = "guest"
    customer_group: int = Field(default=1, ge=1)
    welcome_mail: Literal["refuse", "accept"] = "refuse"
    order_number: Literal["magento", "amazon"] = "magento"
    order_number_prefix: str = Field(default="", max_length=20)
    fba_number_prefix: str | None = Field(default=None, max_length=20)
    prime_number_prefix: str | None = Field(default=None, max_length=20)
    b2b_number_prefix: str | None = Field(default=None, max_length=20)
    order_status: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,31}$")
    order_comments: bool = True
    stock: Literal["seed", "server", "none"] = "seed"
    pending_orders: Literal["ignore", "reserve"] = "ignore"
    pending_reserve_days: int = Field(default=7, ge=1, le=14)
    unknown_sku: Literal["block", "map", "placeholder"] = "block"
    sku_map: Path | None = None
    out_of_stock: Literal["block", "backorder"] = "block"
    invoice: Literal["create", "leave"] = "create"
    cancel_from_amazon: Literal["cancel", "hold"] = "cancel"
    cancel_to_amazon: Literal["send", "never"] = "send"
    cancel_reason: CancelReason = "NoInventory"
    refunds_to_amazon: Literal["ask", "send", "never"] = "ask"
    refund_reason: RefundReason | None = None
    refund_delay_minutes: int = Field(default=120, ge=0, le=10_080)
    refund_at_most: Decimal | None = Field(default=None, gt=0)
    refund_gross: bool = False
    refund_spread_adjustments: bool = False
    refund_goodwill: bool = False
    refunds_from_amazon: Literal["note", "credit_memo"] = "note"
    confirm_without_tracking: bool = False
    returns: Literal["read", "off"] = "read"
    unclear_totals: Literal["hold", "import"] = "hold"
    tax: Literal["amazon", "none"] = "amazon"
    gift_wrap: Literal["line", "price"] = "line"
    invoices_to_amazon: Literal["off", "folder", "url"] = "off"
    invoice_source: str | None = Field(default=None, max_length=500)
    invoice_totals: bool = False

    @field_validator("sku_map")
    @classmethod
    def _map_lies_beside_the_configuration(
        cls, value: Path | None, info: ValidationInfo
    ) -> Path | None:
        """A relative path starts at the folder of the configuration file."""
        folder = (info.context or {}).get("folder")
        return folder / value if folder is not None and value is not None else value

    @model_validator(mode="after")
    def _map_has_a_file(self) -> MarketplaceSettings:
        if self.unknown_sku == "map" and self.sku_map is None:
            raise ValueError('unknown_sku = "map" needs sku_map, the path of the CSV file')
        return self

    @model_validator(mode="after")
    def _customers_get_mail(self) -> MarketplaceSettings:
        if self.customers == "create" and self.welcome_mail == "refuse":
            raise ValueError(
                'customers = "create" makes Magento send the buyer a welcome mail, which no REST '
                'call can prevent: set welcome_mail = "accept" as well, or customers = "guest"'
            )
        return self

    @model_validator(mode="after")
    def _invoices_have_a_source(self) -> MarketplaceSettings:
        source = self.invoice_source or ""
        if self.invoices_to_amazon == "folder" and not Path(source).is_absolute():
            raise ValueError(
                'invoices_to_amazon = "folder" needs invoice_source, the path of the folder from '
                "the root on"
            )
        if self.invoices_to_amazon == "url":
            if INCREMENT_PLACE not in source:
                raise ValueError(
                    'invoices_to_amazon = "url" needs invoice_source, a URL with {increment} where '
                    "the number of the invoice goes"
                )
            url, other = (HttpUrl(_remote_url(self._invoices_at("shop", each))) for each in "12")
            if url.username or url.password:
                raise ValueError(
                    "invoice_source may have no name and no password: the settings page shows it"
                )
            if url.host != other.host:
                raise ValueError("invoice_source needs {increment} after the host, in the path")
        known = {SHOP_PLACE} | ({INCREMENT_PLACE} if self.invoices_to_amazon == "url" else set())
        unknown = [place for place in _PLACES.findall(source) if place not in known]
        if self.invoices_to_amazon != "off" and unknown:
            raise ValueError(
                f"invoice_source has {unknown[0]}, which stands for nothing: there are "
                f"{' and '.join(sorted(known))}"
            )
        return self

    def invoices_of(self, shop: str) -> str | None:
        """The place of a shop's PDFs, written so that equal places are equal; None while off."""
        match self.invoices_to_amazon:
            case "folder":
                source = (self.invoice_source or "").replace(SHOP_PLACE, shop)
                return "/" + normpath(source).lstrip("/")
            case "url":
                return self._invoices_at(shop, "0")
            case _:
                return None

    def _invoices_at(self, shop: str, number: str) -> str:
        source = (self.invoice_source or "").replace(SHOP_PLACE, shop)
        return _base_url(source.replace(INCREMENT_PLACE, number))

    def store(self, *, is_fba: bool) -> str:
        """The code of the store view; FBA orders may have a store view of their own."""
        return self.fba_store if is_fba and self.fba_store is not None else self.magento_store
