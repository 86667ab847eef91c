"""The effective settings of each marketplace and the origin of each value: a default, the file, the
environment or an override.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr

from pipeline.settings.marketplaces import country_of, in_country, of_region
from pipeline.settings.model import PREFIX, AccountSettings, Settings
from pipeline.settings.overrides import NotChangeable, overlaid
from pipeline.settings.tables import SettingOverrideRow

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Valued:
    """A setting, its value, the value's origin, and whether the value is the default."""

    name: str
    value: object
    origin: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The effective settings of a marketplace of an account. Without `marketplace_id` they apply to
    every marketplace that is not listed by itself."""

    account: str
    marketplace_id: str | None
    values: tuple[Valued, ...]


def places(
    settings: Settings, turned: Sequence[SettingOverrideRow], met: Mapping[str, Sequence[str]]
) -> list[Place]:
    """All accounts with their marketplaces that are configured, overridden or seen in orders.

    `settings` are the file's. `met` holds by account the marketplace ids seen in orders.
    """
    places: list[Place] = []
    for name, account in settings.accounts.items():
        with_turns = {override.marketplace_id for override in turned if override.account == name}
        named = {*account.marketplaces, *with_turns, *met.get(name, ())} - {None}
        for marketplace_id in (
            None,
            *sorted(
                named, key=lambda marketplace_id: (country_of(marketplace_id or ""), marketplace_id)
            ),
        ):
            places.append(place(settings, turned, name, marketplace_id))
    return places


def marketplace_named(
    settings: Settings, met: Mapping[str, Sequence[str]], account: str, name: str
) -> str:
    """The id of a marketplace that a person names by its country or its id.

    Raises NotChangeable when the account has no such marketplace.
    """
    if account not in settings.accounts:
        raise NotChangeable(f"there is no account {account} in the configuration")
    own = settings.accounts[account]
    listed = {marketplace.id for marketplace in of_region(own.region)}
    if name in {*listed, *own.marketplaces, *met.get(account, ())}:
        return name
    marketplace = in_country(own.region, name.upper())
    if marketplace is None:
        raise NotChangeable(f"account {account} has no marketplace {name}")
    return marketplace


def place(
    settings: Settings,
    turned: Sequence[SettingOverrideRow],
    account: str,
    marketplace_id: str | None,
) -> Place:
    """The effective settings of an account's marketplace."""
    counts = overlaid(settings, turned).for_order(account, marketplace_id or "")
    usual = type(counts)()
    return Place(
        account,
        marketplace_id,
        tuple(
            Valued(
                name,
                value,
                origin(settings, turned, account, marketplace_id, name),
                value == getattr(usual, name),
            )
            for name, value in counts
        ),
    )


def origin(
    settings: Settings,
    turned: Sequence[SettingOverrideRow],
    account: str,
    marketplace_id: str | None,
    name: str,
) -> str:
    """The origin of a marketplace's setting."""
    for scope in dict.fromkeys((marketplace_id, None)):
        for override in turned:
            if (override.account, override.marketplace_id, override.name) == (account, scope, name):
                everywhere = " for the whole account" if scope != marketplace_id else ""
                at = f"{override.at:%Y-%m-%d %H:%M} UTC"
                return f"overridden by {override.author} on {at}{everywhere}"
    return _in_file(settings.accounts[account], account, marketplace_id, name)


def _in_file(account: AccountSettings, of: str, marketplace_id: str | None, name: str) -> str:
    """The origin in the file. The marketplace's settings include the account's, so that a value
    equal to the account's is taken to come from the account."""
    own = account.marketplaces.get(marketplace_id or "")
    common = account.settings
    is_common = name in common.model_fields_set
    is_own = own is not None and name in own.model_fields_set
    if is_own and not (is_common and getattr(own, name) == getattr(common, name)):
        block = country_of(marketplace_id or "") or marketplace_id
        return f"file, [accounts.{of}.marketplaces.{block}]"
    return f"file, [accounts.{of}.settings]" if is_common else DEFAULT


def connections(settings: Settings) -> dict[str, tuple[Valued, ...]]:
    """The shops and accounts, by their table. A secret shows only whether it is set."""
    tables: dict[str, tuple[Valued, ...]] = {}
    for name, shop in settings.shops.items():
        tables[f"shops.{name}"] = tuple(_own(shop, f"shops.{name}", f"SHOP_{name}"))
    for name, account in settings.accounts.items():
        tables[f"accounts.{name}"] = tuple(_own(account, f"accounts.{name}", f"ACCOUNT_{name}"))
    return tables


def table(model: BaseModel, name: str) -> tuple[Valued, ...]:
    """The settings of another table of the file that holds no secret, such as `timing`."""
    return tuple(_own(model, name, ""))


def _own(model: BaseModel, where: str, variable: str, prefix: str = "") -> Iterator[Valued]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name in ("settings", "marketplaces"):
            continue
        if isinstance(value, SecretStr):
            is_set = bool(value.get_secret_value())
            source = "environment variable " + f"{PREFIX}{variable}_{name}".upper()
            yield Valued(name, "set" if is_set else None, source if is_set else DEFAULT, not is_set)
        elif isinstance(value, BaseModel):
            yield from _own(value, f"{where}.{name}", variable, f"{name}.")
        else:
            is_set = name in model.model_fields_set
            shown = without_login(value) if name.endswith("url") and value else value
            default = field.get_default(call_default_factory=True, validated_data={})
            is_default = not field.is_required() and value == default
            yield Valued(
                prefix + name, shown, f"file, [{where}]" if is_set else DEFAULT, is_default
            )


def without_login(url: str) -> str:
    """A URL without the name and password that it may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def written(value: object) -> str:
    """A value as the file writes it; a dash for no value."""
    match value:
        case None | "":
            return "-"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case Mapping():
            return ", ".join(f"{name} = {entry}" for name, entry in value.items()) or "-"
        case _:
            return str(value)
