"""Where docs/settings.md describes a setting: the anchors of the manual's rows."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, SecretStr

from pipeline.settings.model import PREFIX, AccountSettings, ShopSettings

_MODELS: Mapping[str, type[BaseModel]] = {"shops": ShopSettings, "accounts": AccountSettings}


def of_marketplace_setting(name: str) -> str:
    """The anchor of a setting of a marketplace."""
    return f"accounts.NAME.settings.{name}"


def of_setting(table: str, name: str) -> str:
    """The anchor of a setting in `shops` or `accounts`; a secret's is its environment variable."""
    field = _MODELS[table].model_fields.get(name)
    if field is not None and field.annotation is SecretStr:
        return f"{PREFIX}{table.removesuffix('s').upper()}_NAME_{name.upper()}"
    return f"{table}.NAME.{name}"
