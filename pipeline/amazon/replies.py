"""Maps an answer of Amazon's to the error that it means. Pure; the status decides first.

Gateways before the API answer with HTML or an empty body, so the body only refines the result.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pipeline.amazon.json_fields import blocks, text
from pipeline.base.errors import AccountStopped, Rejected, RemoteError, Transient, code_of
from pipeline.base.http import Reply
from pipeline.base.quota import Plan
from pipeline.orders.channel import NO_PACKAGE_TO_UPDATE

# Refused reads recover by themselves: storms of 403 over all sellers lasted up to 30 minutes.
_REFUSED_READ_WAIT_S = 300.0
UNAUTHORIZED = "Unauthorized"
_TOKEN_IS_DEAD = re.compile(r"token\b.*\b(revoked|malformed|invalid)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Operation:
    """An API operation: its usage plan, and the status of its success."""

    plan: Plan
    success: int
    is_read: bool

    @property
    def name(self) -> str:
        return self.plan.operation

    @property
    def rate_per_s(self) -> float:
        return self.plan.rate_per_s


SEARCH_ORDERS = Operation(Plan("searchOrders", 0.0056, 20), success=200, is_read=True)
GET_ORDER = Operation(Plan("getOrder", 0.5, 30), success=200, is_read=True)
CREATE_FEED_DOCUMENT = Operation(Plan("createFeedDocument", 0.5, 15), success=201, is_read=False)
CREATE_FEED = Operation(Plan("createFeed", 0.0083, 15), success=202, is_read=False)
GET_FEED = Operation(Plan("getFeed", 2.0, 15), success=200, is_read=True)
CANCEL_FEED = Operation(Plan("cancelFeed", 2.0, 15), success=200, is_read=False)
GET_FEEDS = Operation(Plan("getFeeds", 0.0222, 10), success=200, is_read=True)
GET_FEED_DOCUMENT = Operation(Plan("getFeedDocument", 0.0222, 10), success=200, is_read=True)
LIST_TRANSACTIONS = Operation(Plan("listTransactions", 0.5, 10), success=200, is_read=True)
CONFIRM_SHIPMENT = Operation(Plan("confirmShipment", 2.0, 10), success=204, is_read=False)


def refusal(operation: Operation, reply: Reply) -> RemoteError | None:
    """The error that an answer means, for a call with a fresh access token; None on success.

    Transient for throttling (with the wait for a token of the quota), Amazon's faults, refused
    reads and unusable answers; AccountStopped when the access token is revoked or invalid; Rejected
    otherwise, with Amazon's own words.
    """
    status = reply.status
    errors = blocks(reply.body, "errors")
    if status == operation.success and not errors:
        return None
    code = text(errors[0], "code") if errors else reply.headers.get("x-amzn-ErrorType", "")
    words = " ".join(
        f"{text(error, 'message')} {text(error, 'details')}".strip() for error in errors
    )
    request_id = reply.headers.get("x-amzn-RequestId", "")

    def transient(what: str, code: str, retry_after_s: float | None) -> Transient:
        message = f"{operation.name}: {what} (status {status})"
        return Transient(
            message, code=code, status=status, request_id=request_id, retry_after_s=retry_after_s
        )

    if status == 429:
        return transient(
            "Amazon throttles this call", code or "QuotaExceeded", _wait_s(operation, reply)
        )
    if status in (401, 403):
        if _TOKEN_IS_DEAD.search(words):
            return AccountStopped(
                "Amazon says that this account's access token is revoked or invalid: authorise the "
                "application again in Seller Central and store the new refresh token",
                code=code,
                status=status,
                request_id=request_id,
            )
        if operation.is_read:
            return transient("Amazon refuses access", UNAUTHORIZED, _REFUSED_READ_WAIT_S)
        return Rejected(
            f"{operation.name}: Amazon refuses access; the application may lack a role, or the "
            "order is not this account's",
            code=UNAUTHORIZED,
            status=status,
            request_id=request_id,
        )
    if 400 <= status < 500 and status != 408:
        if NO_PACKAGE_TO_UPDATE in words:
            code = NO_PACKAGE_TO_UPDATE
        named = f", code {code}" if (code := code_of(code)) else ""
        return Rejected(
            f"{operation.name}: Amazon refused the call (status {status}{named})",
            code=code,
            status=status,
            request_id=request_id,
            words=words,
        )
    if status >= 500:
        return transient("Amazon answers with a server error", code, reply.retry_after_s)
    return transient("no usable answer", code, reply.retry_after_s)


def _wait_s(operation: Operation, reply: Reply) -> float:
    """Seconds until the quota has a token again: Amazon's wait, or else 1 / rate."""
    if reply.retry_after_s is not None:
        return reply.retry_after_s
    return 1 / (stated_rate(reply) or operation.rate_per_s)


def stated_rate(reply: Reply) -> float | None:
    """The calls per second that the answer says Amazon allows; None when it does not say."""
    try:
        rate = float(reply.headers.get("x-amzn-RateLimit-Limit", ""))
    except ValueError:
        return None
    return rate if 0 < rate < math.inf else None
