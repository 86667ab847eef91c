"""Who sent a request: a token, its scopes and its rate.

A cookie of a browser counts for nothing here, so that no page of another site can act by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import redis
from flask import Flask, Response, g, request
from redis.exceptions import RedisError

from pipeline.access.api_tokens import ApiScope, ApiTokens, Holder
from pipeline.access.password_attempts import PasswordAttempts
from pipeline.api.problems import Refused
from pipeline.base.errors import OverQuota
from pipeline.base.log import log
from pipeline.base.quota import Lane, Plan, Quota, calls_left

PLAN = Plan("requests", rate_per_s=5.0, burst=100)
"""Of each token."""
OPEN = "spec"
"""The endpoint that needs no token: the description of the API."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the check of a request needs. `address` tells where the request comes from."""

    tokens: ApiTokens
    attempts: PasswordAttempts
    broker: redis.Redis
    plan: Plan
    address: Callable[[], str]
    now: Callable[[], datetime]


def guard(app: Flask, gate: Gate) -> None:
    """Identify the token before every request, and count the request."""

    @app.before_request
    def _who_asks() -> None:
        g.left = None
        if request.endpoint == OPEN:
            return
        g.holder = holder = _holder(gate)
        account = f"api:{holder.id}"
        try:
            g.left = calls_left(gate.broker, [(account, gate.plan)])[0]
        except RedisError:
            log.warning("quota.unavailable", account=account)
            return  # better without a limit than not at all
        try:
            Quota(gate.broker, account).take(gate.plan, Lane.CONFIRM)
        except OverQuota as error:
            wait_s = max(1, math.ceil(error.retry_after_s or 1))
            raise Refused(
                429,
                "too_many_requests",
                f"The token {holder.name} has sent too many requests.",
                f"Wait {wait_s} s (Retry-After), and send fewer requests: at most "
                f"{gate.plan.rate_per_s:g} a second in the long run.",
                Retry_After=wait_s,
            ) from None

    @app.after_request
    def _tell_the_rate(response: Response) -> Response:
        if g.get("left") is not None:
            plan, left = gate.plan, max(0.0, g.left - 1)
            filled_s = math.ceil(plan.burst / plan.rate_per_s)
            missing_s = math.ceil((plan.burst - left) / plan.rate_per_s)
            response.headers["RateLimit-Policy"] = f'"token";q={plan.burst};w={filled_s}'
            response.headers["RateLimit"] = f'"token";r={math.floor(left)};t={missing_s}'
        return response


def holder() -> Holder:
    """Whose token the request has."""
    known: Holder = g.holder
    return known


def needs(scope: ApiScope) -> Callable[[], None]:
    """A check before the views of a blueprint: the token has this scope."""

    def check() -> None:
        if scope not in holder().scopes:
            raise Refused(
                403,
                "scope_missing",
                f"The token {holder().name} lacks the scope {scope}.",
                f"Make a token with it: orderbridge tokens add NAME --scope {scope}",
            )

    return check


def _holder(gate: Gate) -> Holder:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Refused(
            401,
            "token_missing",
            "The request has no token.",
            "Send the header Authorization: Bearer obr_…; `orderbridge tokens add` makes a token.",
            WWW_Authenticate="Bearer",
        )
    token, address, now = token.strip(), gate.address(), gate.now()
    found = gate.tokens.find(token, now)
    if found is not None:
        return found
    pause = gate.attempts.wrong_token(address, now)
    if pause is not None:
        wait_s = max(1, math.ceil(pause.total_seconds()))
        raise Refused(
            429,
            "too_many_wrong_tokens",
            "Too many wrong tokens came from this address.",
            f"Wait {wait_s} s (Retry-After), and send a token that is valid.",
            Retry_After=wait_s,
        )
    gate.tokens.refused(token, address, now)
    raise Refused(
        401,
        "token_refused",
        "The token is unknown, revoked or expired.",
        "Look at `orderbridge tokens list`, and make a new one.",
        WWW_Authenticate='Bearer error="invalid_token"',
    )
