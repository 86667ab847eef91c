"""The OpenID provider: what is asked of it, and what of its answers is believed.

Authlib keeps state, nonce and PKCE's verifier in Flask's signed session. No other code uses that
session but the views of `oidc`, and browsers send it to their addresses only.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from werkzeug.wrappers import Response

from pipeline.base.clock import elapsed
from pipeline.base.this_machine import is_in_clear
from pipeline.settings.console import ConsoleSettings, OidcSettings

_TIMEOUT_S = 10.0
_RECHECK_TIMEOUT_S = 5.0
"""A page waits for it."""
_KEYS_READ_EVERY_S = 60.0
_LOGOUT_TOKEN_LASTS = timedelta(minutes=5)
_LONGEST_HINT = 3_000
_LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
# The errors that Authlib raises when the provider does not answer (requests' errors are OSErrors)
# or its answer is invalid.
FAILURES = (AuthlibBaseError, JoseError, OSError, ValueError, KeyError, TypeError, RuntimeError)
# The errors by which a provider says that the person has to sign in again, or may not.
_ENDING = frozenset(
    {
        *("invalid_grant", "access_denied", "login_required", "interaction_required"),
        *("consent_required", "account_selection_required"),
    }
)


class EndpointInClear(ValueError):
    """The discovery document names an address that would be reached in clear over a network."""


@dataclass(frozen=True, slots=True)
class Logout:
    """A logout token: a person's subject, their session at the provider, or both."""

    jti: str
    expires_at: datetime
    subject: str | None
    sid: str | None


def ends(error: Exception) -> bool:
    """Whether the provider's answer says that the sign-in does not count any more."""
    said = error.error if isinstance(error, OAuthError) else None
    return isinstance(said, str) and said in _ENDING


class Provider:
    """Calls the provider, and checks its tokens. Its methods raise `FAILURES`."""

    def __init__(
        self, app: Flask, console: ConsoleSettings, oidc: OidcSettings, master_key: bytes
    ) -> None:
        self._oidc = oidc
        self._secret = oidc.client_secret.get_secret_value()
        app.secret_key = hmac.digest(master_key, b"orderbridge console sessions", "sha256")
        app.config.update(
            SESSION_COOKIE_NAME="orderbridge_oidc",
            SESSION_COOKIE_PATH="/login/oidc",
            SESSION_COOKIE_SAMESITE="Lax",
            SESSION_COOKIE_SECURE=(console.url or "").startswith("https://"),
        )
        self._client = OAuth(app).register(
            "provider",
            client_id=oidc.client_id,
            client_secret=self._secret,
            server_metadata_url=f"{oidc.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": oidc.scope,
                "code_challenge_method": "S256",
                "default_timeout": _TIMEOUT_S,
            },
        )
        self._issuers = [oidc.issuer, f"{oidc.issuer}/"]
        self._expected = {
            "iss": {"essential": True, "values": self._issuers},
            "aud": {"essential": True, "values": [oidc.client_id]},
        }
        self._keys_read_at = -_KEYS_READ_EVERY_S

    def subject(self, sub: object) -> str:
        """How a person of this provider is known here."""
        if not isinstance(sub, str) or not sub:
            raise ValueError("sub")
        return f"{self._oidc.issuer} {sub}"

    def knows(self, subject: str) -> bool:
        """Whether the person is this provider's, and not of one that was set up before."""
        return subject.startswith(f"{self._oidc.issuer} ")

    def metadata(self) -> Mapping[str, Any]:
        """The discovery document, read once. Only an issuer that may be reached in clear itself may
        name such endpoints."""
        found: Mapping[str, Any] = self._client.load_server_metadata()
        if not is_in_clear(self._oidc.issuer):
            for name, value in found.items():
                is_address = name.endswith("_endpoint") or name == "jwks_uri"
                if is_address and is_in_clear(str(value)):
                    raise EndpointInClear(name)
        return found

    def look(self) -> None:
        """Read the discovery document anew, to see whether the provider answers."""
        self.metadata()
        self._client.request(
            "GET",
            f"{self._oidc.issuer}/.well-known/openid-configuration",
            withhold_token=True,
            timeout=_RECHECK_TIMEOUT_S,
        ).raise_for_status()

    def redirect(self, back: str, state: str, **more: str) -> Response:
        """Send the browser to the provider, whence it returns to `back`."""
        self.metadata()
        if self._oidc.acr_values:
            more["acr_values"] = " ".join(self._oidc.acr_values)
        response: Response = self._client.authorize_redirect(back, state=state, **more)
        return response

    def arrived(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The tokens and the claims of the person whom the browser brings from the provider."""
        self.metadata()
        token = self._client.authorize_access_token(claims_options=self._expected)
        return token, token["userinfo"]

    def refresh(self, refresh_token: str) -> Mapping[str, Any]:
        """The tokens that the provider gives for this one, which may be used up by it."""
        endpoint = self.metadata()["token_endpoint"]
        with OAuth2Session(
            self._oidc.client_id,
            self._secret,
            scope=self._oidc.scope,
            default_timeout=_RECHECK_TIMEOUT_S,
        ) as client:
            token: Mapping[str, Any] = client.refresh_token(
                endpoint, refresh_token=refresh_token, allow_redirects=False
            )
        return token

    def claims(self, token: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The claims of the ID token among refreshed tokens; None without one."""
        self.metadata()
        claims: Mapping[str, Any] | None = self._client.parse_id_token(
            token, nonce=None, claims_options=self._expected
        )
        return claims

    def logout_url(self, id_token: str, back: str, state: str) -> str | None:
        """Where the browser signs out at the provider; None when it offers no such address."""
        if not self.metadata().get("end_session_endpoint"):
            return None
        # An address may not be of any length, and a token with many groups is long.
        hint = id_token if len(id_token) <= _LONGEST_HINT else None
        found = self._client.create_logout_url(
            post_logout_redirect_uri=back,
            id_token_hint=hint,
            state=state,
            client_id=self._oidc.client_id,
        )
        return str(found["url"])

    def logout(self, token: str, now: datetime) -> Logout:
        """Check a logout token as OpenID Connect Back-Channel Logout 1.0, 2.6 has it."""
        claims = self._decoded(token)
        audience = claims.get("aud")
        issued_at, expires_at = _time(claims["iat"]), _time(claims["exp"])
        events, jti, sub, sid = (claims.get(name) for name in ("events", "jti", "sub", "sid"))
        is_right = (
            claims.get("iss") in self._issuers
            and self._oidc.client_id in (audience if isinstance(audience, list) else [audience])
            and abs(now - issued_at) <= _LOGOUT_TOKEN_LASTS
            and expires_at > now
            and isinstance(events, dict)
            and isinstance(events.get(_LOGOUT), dict)
            and "nonce" not in claims
            and isinstance(jti, str)
            and 0 < len(jti) <= 500
            and (sub or sid)
            and (sid is None or isinstance(sid, str))
        )
        if not is_right:
            raise ValueError("not a logout token for this console")
        # Beyond both times the token is refused by itself.
        lasts_until = min(expires_at, issued_at + _LOGOUT_TOKEN_LASTS)
        return Logout(str(jti), lasts_until, None if sub is None else self.subject(sub), sid)

    def _decoded(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that one of the provider's keys signed."""
        algorithms = self.metadata().get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(
            # With HS256 the client's secret would be the key, which is none of the published ones.
            algorithms=[name for name in algorithms if name[:2] in ("RS", "ES", "PS", "Ed")],
            strict_check_header=False,
        )
        keys = KeySet.import_key_set(self._client.fetch_jwk_set())
        try:
            decoded = jwt.decode(token, keys, registry=registry)
        except InvalidKeyIdError:
            # Whoever sends tokens of unknown keys must not have the keys read each time.
            if elapsed() - self._keys_read_at < _KEYS_READ_EVERY_S:
                raise
            self._keys_read_at = elapsed()
            keys = KeySet.import_key_set(self._client.fetch_jwk_set(force=True))
            decoded = jwt.decode(token, keys, registry=registry)
        return dict(decoded.claims)


def _time(value: object) -> datetime:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("a time is a number of seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except OverflowError:
        raise ValueError("a time out of range") from None
