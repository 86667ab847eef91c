"""Calls Amazon for a selling account: signs in, keeps to the quota, retries and raises errors.

All operations go through this module.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pipeline.amazon.access import Access
from pipeline.amazon.auth import LoginWithAmazon
from pipeline.amazon.replies import UNAUTHORIZED, Operation, refusal, stated_rate
from pipeline.base.clock import utc_now
from pipeline.base.errors import AccountStopped, RemoteError, Transient
from pipeline.base.http import Http, Method, Reply
from pipeline.base.quota import Lane, Quota
from pipeline.base.retry import call_with_retry
from pipeline.settings.model import AccountSettings

T = TypeVar("T")


class Connection:
    """One account's access to the API. Safe to share between threads.

    With a `scope` it signs in as the application, for operations that need no seller's grant.
    Raises Transient (also NotSent), Rejected or AccountStopped, never OutcomeUnknown.
    """

    def __init__(
        self,
        account_name: str,
        account: AccountSettings,
        *,
        http: Http | None = None,
        quota: Quota | None = None,
        scope: str = "",
        access: Access | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._http = http or Http(account.api_url)
        self._login = LoginWithAmazon(account_name, account, scope=scope)
        self._quota = quota
        self._access = access
        self._sleep = sleep
        self._now = now
        self.behind = timedelta(0)
        """How far Amazon's clock is behind ours by its last answer; never below zero."""
        self._user_agent = (
            f"Orderbridge/{version('orderbridge')} (Language=Python/{platform.python_version()})"
        )

    def read(
        self,
        operation: Operation,
        path: str,
        query: Mapping[str, str],
        shape: Callable[[Any], T | None],
        lane: Lane,
    ) -> T:
        """The body of a GET as `shape` returns it. Raises Transient when `shape` returns None.

        Tried up to four times within 20 s when Amazon is in trouble.
        """

        def once() -> T:
            reply = self.send(
                operation, "GET", path, lane, query=urlencode(query, quote_via=quote, safe=",")
            )
            return usable(operation, reply, shape)

        return call_with_retry(once, self._sleep)

    def write(
        self,
        operation: Operation,
        method: Method,
        path: str,
        lane: Lane,
        body: Any = None,
    ) -> Reply:
        """A call that may safely arrive twice; it is tried as often as a read."""
        return call_with_retry(
            lambda: self.send(operation, method, path, lane, body=body), self._sleep
        )

    def send(
        self,
        operation: Operation,
        method: Method,
        path: str,
        lane: Lane,
        *,
        query: str = "",
        body: Any = None,
    ) -> Reply:
        """A single call, if account and quota allow; it renews a refused access token once."""
        access = self._access
        if access is None:
            return self._signed_in(self._login.token(), operation, method, path, lane, query, body)
        refused = access.enter()
        is_probe = refused is not None and refused.stopped_at is not None
        try:
            # An old token outlives a revoked grant for a while: probe with a new token.
            token = self._login.fresh() if is_probe else self._login.token()
        except AccountStopped as error:
            raise access.sign_in_refused(error) from error
        try:
            reply = self._signed_in(token, operation, method, path, lane, query, body)
        except AccountStopped as error:
            raise access.call_refused(error) from error
        except RemoteError as error:
            if error.code == UNAUTHORIZED:
                raise access.call_refused(error) from error
            if is_probe and isinstance(error, Transient):
                access.probe_again_soon()
            raise
        if refused is not None:
            access.works(refused)
        return reply

    def _signed_in(
        self,
        token: str,
        operation: Operation,
        method: Method,
        path: str,
        lane: Lane,
        query: str,
        body: Any,
    ) -> Reply:
        reply = self._send_with(operation, lane, token, method, path, query, body)
        if reply.status in (401, 403):
            token = self._login.renew(token)
            reply = self._send_with(operation, lane, token, method, path, query, body)
        error = refusal(operation, reply)
        if error is not None:
            raise error
        return reply

    def _send_with(
        self,
        operation: Operation,
        lane: Lane,
        token: str,
        method: Method,
        path: str,
        query: str,
        body: Any,
    ) -> Reply:
        if self._quota is not None:
            self._quota.take(operation.plan, lane)
        reply = self._http.call(
            method,
            path,
            query=query,
            body=body,
            headers={"x-amz-access-token": token, "User-Agent": self._user_agent},
            repeatable=True,
        )
        if (server_time := reply.server_time) is not None:
            self.behind = max(timedelta(0), self._now() - server_time)
        if self._quota is not None:
            if (rate := stated_rate(reply)) is not None:
                self._quota.learn(operation.plan, rate)
            if reply.status == 429:
                self._quota.refused(operation.plan)
        return reply


def usable(operation: Operation, reply: Reply, shape: Callable[[Any], T | None]) -> T:
    """The answer as `shape` returns it. Raises Transient when `shape` returns None."""
    parsed = shape(reply.body)
    if parsed is None:
        raise Transient(
            f"{operation.name}: no usable answer (status {reply.status})",
            status=reply.status,
            request_id=reply.headers.get("x-amzn-RequestId", ""),
        )
    return parsed
