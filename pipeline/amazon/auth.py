"""Login with Amazon: the access token of one selling account.

Source: SP-API documentation, "Connect to the SP-API"; POST /auth/o2/token with a refresh token, and
"Grantless operations" with a scope.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.amazon.json_fields import text, whole
from pipeline.base.clock import elapsed
from pipeline.base.errors import AccountStopped, RemoteError, Transient, code_of
from pipeline.base.http import Http, Reply
from pipeline.base.log import log
from pipeline.settings.model import PREFIX, AccountSettings

TOKEN_URL = "https://api.amazon.com"  # noqa: S105 - an address
_RENEW_BEFORE_S = 300.0
# The wait after an early renewal failed: the current token still works.
_NEXT_ATTEMPT_S = 30.0


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: float
    dies_at: float


class LoginWithAmazon:
    """Fetches, keeps and renews the access token. Safe to share between threads.

    With a `scope` the token is the application's own, for operations that need no seller's grant.
    All methods raise AccountStopped when Amazon no longer accepts the credentials, and Transient
    when Amazon gives no token for now.
    """

    def __init__(
        self,
        account_name: str,
        account: AccountSettings,
        *,
        scope: str = "",
        monotonic: Callable[[], float] = elapsed,
    ) -> None:
        self._account_name = account_name
        self._account = account
        self._scope = scope
        self._monotonic = monotonic
        # While the application's secret is rotated, two are set; the working secret stays first.
        self._secrets = [
            secret
            for secret in (
                account.client_secret.get_secret_value(),
                account.client_secret_new.get_secret_value(),
            )
            if secret
        ]
        self._http = Http(account.token_url or TOKEN_URL)
        self._flight = threading.Lock()
        self._token: _Token | None = None

    def token(self) -> str:
        """A valid access token; it is renewed five minutes before it expires.

        Until it expires, no thread waits for another's renewal or fails with it.
        """
        held = self._token
        now = self._monotonic()
        if held is not None and now < held.renew_at:
            return held.value
        if held is not None and now < held.dies_at:
            return self._renewed_early(held, now)
        with self._flight:
            return self._fresh_after(held)

    def renew(self, stale: str) -> str:
        """A token other than `stale`, which Amazon refused; fetched unless another thread did."""
        with self._flight:
            held = self._token
            if held is not None and held.value != stale:
                return held.value
            return self._fetch()

    def fresh(self) -> str:
        """A token fetched now, whatever token is kept, to test whether the account may sign in."""
        with self._flight:
            return self._fetch()

    def _renewed_early(self, held: _Token, now: float) -> str:
        if not self._flight.acquire(blocking=False):
            return held.value
        try:
            return self._fresh_after(held)
        except Transient:
            self._token = replace(held, renew_at=min(now + _NEXT_ATTEMPT_S, held.dies_at))
            return held.value
        finally:
            self._flight.release()

    def _fresh_after(self, old: _Token | None) -> str:
        """The token that another thread fetched during our wait for the lock, or a new token."""
        held = self._token
        if held is not None and held is not old and self._monotonic() < held.renew_at:
            return held.value
        return self._fetch()

    def _grant(self) -> dict[str, str]:
        """The grant in the request: the seller's refresh token or the application's scope."""
        if self._scope:
            return {"grant_type": "client_credentials", "scope": self._scope}
        return {
            "grant_type": "refresh_token",
            "refresh_token": self._account.refresh_token.get_secret_value(),
        }

    def _fetch(self) -> str:
        asked_at = self._monotonic()
        reply = self._ask(self._secrets[0])
        if len(self._secrets) > 1 and _is_invalid_client(reply):
            reply = self._ask(self._secrets[1])
            if not _is_invalid_client(reply):
                self._secrets.reverse()
                log.warning("secret.switched", account=self._account_name)
        error = sign_in_refusal(self._account_name, reply)
        if error is not None:
            raise error
        value = text(reply.body, "access_token")
        life_s = float(whole(reply.body, "expires_in") or 0)
        dies_at = asked_at + life_s
        self._token = _Token(value, dies_at - min(_RENEW_BEFORE_S, life_s / 2), dies_at)
        return value

    def _ask(self, secret: str) -> Reply:
        return self._http.call(
            "POST",
            "/auth/o2/token",
            form={
                **self._grant(),
                "client_id": self._account.client_id.get_secret_value(),
                "client_secret": secret,
            },
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
            repeatable=True,
        )


def _is_invalid_client(reply: Reply) -> bool:
    return text(reply.body, "error") == "invalid_client"


def sign_in_refusal(account_name: str, reply: Reply) -> RemoteError | None:
    """The error that an answer of the token service means; None when it has a token.

    Its errors are OAuth's: `{"error", "error_description"}`. A refusal in another shape comes from
    a gateway in between and says nothing about the account.
    """
    status = reply.status
    request_id = reply.headers.get("x-amzn-RequestId", "")
    life_s = whole(reply.body, "expires_in")
    if status == 200 and text(reply.body, "access_token") and life_s is not None and life_s > 0:
        return None
    code = code_of(text(reply.body, "error"))
    if 400 <= status < 500 and status != 429 and code:
        return AccountStopped(
            f"account {account_name}: Amazon refused the sign-in ({code}): "
            + _ADVICE.get(code, "check the account's three secrets and the application's set-up")
            + f" ({PREFIX}ACCOUNT_{account_name.upper()}_…)",
            code=code,
            status=status,
            request_id=request_id,
        )
    return Transient(
        f"account {account_name}: Amazon gives no access token at present (status {status})",
        code=code,
        status=status,
        request_id=request_id,
        retry_after_s=reply.retry_after_s,
    )


_ADVICE = {
    "invalid_grant": "the seller may have revoked the authorisation; authorise the application "
    "again in Seller Central and set the new REFRESH_TOKEN",
    "invalid_client": "client id or secret is wrong or past its 180 days; make a new secret in the "
    "Solution Provider Portal and set CLIENT_ID and CLIENT_SECRET",
}
