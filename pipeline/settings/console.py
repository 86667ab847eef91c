"""The console's address, and sign-in by an OpenID provider beside the console's own people."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from pipeline.settings.marketplace import BaseUrl, SettingsModel
from pipeline.settings.roles import Role


class Required(StrEnum):
    """Who with a password has to have a second factor. Whoever has one is asked for it anyway."""

    OPTIONAL = "optional"
    ADMINS = "admins"
    EVERYONE = "everyone"


class OidcSettings(SettingsModel):
    """An OpenID provider. `roles` says which role a value of `role_claim` gives.

    With `max_age_s` or `acr_values` the ID token has to show how long ago, and by which means, the
    person signed in there. The provider is asked again every `recheck_minutes`; while it does not
    answer, what it said last counts for `grace_minutes` more.
    """

    issuer: BaseUrl
    client_id: str = Field(min_length=1)
    label: str = Field(default="single sign-on", min_length=1, max_length=40)
    scope: str = "openid profile email"
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    roles: Mapping[str, Role] = Field(default_factory=dict)
    default_role: Role | None = None
    allowed_domains: tuple[str, ...] = ()
    max_age_s: int | None = Field(default=None, ge=60, le=30 * 24 * 3600)
    acr_values: tuple[str, ...] = ()
    recheck_minutes: int = Field(default=5, ge=1, le=60)
    grace_minutes: int = Field(default=15, ge=0, le=120)
    client_secret: SecretStr = SecretStr("")

    @field_validator("scope")
    @classmethod
    def _asks_who_it_is(cls, scope: str) -> str:
        if "openid" not in scope.split():
            raise ValueError("scope must contain openid")
        return scope

    @field_validator("acr_values")
    @classmethod
    def _are_words(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(value and value.isprintable() and " " not in value for value in values):
            raise ValueError("each of acr_values must be a word")
        return values

    @model_validator(mode="after")
    def _gives_a_role(self) -> OidcSettings:
        if not self.roles and self.default_role is None:
            raise ValueError("set roles or default_role: without them nobody gets a role")
        return self


class ConsoleSettings(SettingsModel):
    """`url` is the console's address for people, `proxies` the number of proxies before it.

    `names_per_export` is how many orders a file with the buyers' names may have, `second_factor`
    who needs one, `password_days` how long a password lasts.
    """

    url: BaseUrl | None = None
    proxies: int = Field(default=0, ge=0, le=10)
    names_per_export: int = Field(default=1_000, ge=1, le=100_000)
    second_factor: Required = Required.ADMINS
    password_days: int = Field(default=365, ge=1, le=365)
    oidc: OidcSettings | None = None

    @model_validator(mode="after")
    def _can_be_come_back_to(self) -> ConsoleSettings:
        if self.url is not None and urlsplit(self.url).path:
            raise ValueError("url must have no path: the console needs a host of its own")
        if self.oidc is not None and self.url is None:
            raise ValueError("url must be set with oidc: after the sign-in people return to it")
        return self
