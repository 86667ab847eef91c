"""What the claims of an ID token say: how a person signed in, their name and their role."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.settings.console import OidcSettings
from pipeline.settings.roles import Role

_CLOCKS_MAY_DIFFER_S = 60


class Refused(Exception):
    """The provider knows the person, but they may not sign in here; the message says why."""


def check_age(oidc: OidcSettings, claims: Mapping[str, Any], now: datetime) -> None:
    """Refuse who signed in at the provider longer than `max_age_s` ago. Raises Refused."""
    if oidc.max_age_s is None:
        return
    at = claims.get("auth_time")
    if not isinstance(at, int | float) or isinstance(at, bool):
        raise Refused("the provider does not say when you signed in there (auth_time)")
    age_s = now.timestamp() - at
    if not -_CLOCKS_MAY_DIFFER_S <= age_s <= oidc.max_age_s + _CLOCKS_MAY_DIFFER_S:
        raise Refused(
            "you signed in at the provider too long ago, or its clock is wrong: sign out there, "
            "and sign in again"
        )


def check_means(oidc: OidcSettings, claims: Mapping[str, Any]) -> None:
    """Refuse who signed in by none of the means of `acr_values`. Raises Refused."""
    amr = claims.get("amr")
    shown = [claims.get("acr"), *(amr if isinstance(amr, list) else [])]
    if oidc.acr_values and not any(value in oidc.acr_values for value in shown):
        raise Refused(
            "the provider does not say that you signed in there by one of the means that are "
            f"needed here ({', '.join(oidc.acr_values)})"
        )


def name(oidc: OidcSettings, claims: Mapping[str, Any]) -> str:
    """The person's name. Raises Refused without one, and without an allowed e-mail address."""
    if oidc.allowed_domains:
        domain = str(claims.get("email", "")).rpartition("@")[2].lower()
        is_verified = claims.get("email_verified") in (True, "true")
        if not is_verified or domain not in oidc.allowed_domains:
            raise Refused("your e-mail address is not verified, or its domain is not allowed")
    found = claims.get(oidc.name_claim) or claims.get("email")
    if not isinstance(found, str):
        raise Refused(f"the provider sends neither {oidc.name_claim} nor email")
    return found


def any_name(oidc: OidcSettings, claims: Mapping[str, Any]) -> str:
    """The name of somebody who was refused, for the security log."""
    return str(claims.get(oidc.name_claim) or claims.get("email") or "")


def role(oidc: OidcSettings, claims: Mapping[str, Any]) -> Role:
    """The highest role that the values of the claim give. Raises Refused."""
    claimed = _claim(claims, oidc.role_claim)
    values = claimed if isinstance(claimed, list) else [claimed]
    roles = [
        oidc.roles[value] for value in values if isinstance(value, str) and value in oidc.roles
    ]
    given = max(roles, key=list(Role).index, default=oidc.default_role)
    if given is None:
        raise Refused("the provider gives you no role here")
    return given


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, which may have dots, or by its path, as in realm_access.roles."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(inner, rest) if dot and isinstance(inner, dict) else None
