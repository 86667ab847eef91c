"""Signing in at an OpenID provider, which decides the person's name and role.

Authlib keeps state, nonce and PKCE's verifier in Flask's signed session. No other code uses that
session, and browsers send it to these two addresses only.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, NoReturn

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, abort, request, session, url_for
from joserfc.errors import JoseError
from werkzeug.wrappers import Response

from pipeline.access.errors import NotAllowed
from pipeline.base.log import log
from pipeline.console.guard import client_address
from pipeline.console.login import Entrance, page_of_ours
from pipeline.settings.console import ConsoleSettings, OidcSettings
from pipeline.settings.roles import Role

_TIMEOUT_S = 10.0
# The errors that Authlib raises when the provider does not answer (requests' errors are OSErrors)
# or its answer is invalid.
_FAILURES = (AuthlibBaseError, JoseError, OSError, ValueError, KeyError, TypeError, RuntimeError)


class _Refused(Exception):
    """The provider knows the person, but they may not sign in here; the message says why."""


def oidc_views(
    app: Flask, entrance: Entrance, console: ConsoleSettings, oidc: OidcSettings, master_key: bytes
) -> Blueprint:
    """The redirect to the provider, and the page that people return to; `app` keeps the state."""
    views = Blueprint("oidc", __name__)
    app.secret_key = hmac.digest(master_key, b"orderbridge console sessions", "sha256")
    app.config.update(
        SESSION_COOKIE_NAME="orderbridge_oidc",
        SESSION_COOKIE_PATH="/login/oidc",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=(console.url or "").startswith("https://"),
    )
    provider = OAuth(app).register(
        "provider",
        client_id=oidc.client_id,
        client_secret=oidc.client_secret.get_secret_value(),
        server_metadata_url=f"{oidc.issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": oidc.scope,
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT_S,
        },
    )
    expected = {
        "iss": {"essential": True, "values": [oidc.issuer, f"{oidc.issuer}/"]},
        "aud": {"essential": True, "values": [oidc.client_id]},
    }

    @views.get("/login/oidc")
    def start() -> Response:
        session["page"] = page_of_ours(request.args.get("next", ""))
        try:
            response: Response = provider.authorize_redirect(f"{console.url}{url_for('oidc.back')}")
        except _FAILURES as error:
            _fail(error)
        return response

    @views.get("/login/oidc/back")
    def back() -> Response:
        page = session.pop("page", "")
        try:
            token = provider.authorize_access_token(claims_options=expected)
            claims = token["userinfo"]
            subject = f"{oidc.issuer} {claims['sub']}"
        except _FAILURES as error:
            _fail(error)
        finally:
            session.clear()
        try:
            person_id = entrance.people.from_elsewhere(
                subject,
                _name(oidc, claims),
                _role(oidc, claims),
                client_address(),
                entrance.now(),
            )
        except (_Refused, NotAllowed) as error:
            log.warning("console.sign_in_refused")
            entrance.people.refuse(_any_name(oidc, claims), client_address(), entrance.now())
            abort(403, f"You cannot sign in: {error}.")
        return entrance.let_in(person_id, page_of_ours(page))

    return views


def _fail(error: Exception) -> NoReturn:
    log.warning("console.oidc_failed", error=type(error).__name__)
    abort(502, "The sign-in at the provider failed. Go to the first page and try again.")


def _name(oidc: OidcSettings, claims: Mapping[str, Any]) -> str:
    if oidc.allowed_domains:
        domain = str(claims.get("email", "")).rpartition("@")[2].lower()
        is_verified = claims.get("email_verified") in (True, "true")
        if not is_verified or domain not in oidc.allowed_domains:
            raise _Refused("your e-mail address is not verified, or its domain is not allowed")
    name = claims.get(oidc.name_claim) or claims.get("email")
    if not isinstance(name, str):
        raise _Refused(f"the provider sends neither {oidc.name_claim} nor email")
    return name


def _any_name(oidc: OidcSettings, claims: Mapping[str, Any]) -> str:
    return str(claims.get(oidc.name_claim) or claims.get("email") or "")


def _role(oidc: OidcSettings, claims: Mapping[str, Any]) -> Role:
    """The highest role that the values of the claim give."""
    claimed = _claim(claims, oidc.role_claim)
    values = claimed if isinstance(claimed, list) else [claimed]
    roles = [
        oidc.roles[value] for value in values if isinstance(value, str) and value in oidc.roles
    ]
    given = max(roles, key=list(Role).index, default=oidc.default_role)
    if given is None:
        raise _Refused("the provider gives you no role here")
    return given


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, which may have dots, or by its path, as in realm_access.roles."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    inner = claims.get(first)
    return _claim(inner, rest) if dot and isinstance(inner, dict) else None
