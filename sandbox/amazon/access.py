"""Login with Amazon, and what every operation checks first: user agent, token, quota."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta

from flask import Flask, Response, g, jsonify, request

from sandbox.amazon.errors import invalid_input, quota_exceeded, unauthorized
from sandbox.amazon.quota import take
from sandbox.amazon.state import Account, Standin, find_account
from sandbox.amazon.times import to_ms
from sandbox.core import next_number

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"
REFRESH_PREFIX = "Atzr|sandbox-"

OPERATIONS = {
    "search_orders": "searchOrders",
    "get_order": "getOrder",
    "confirm_shipment": "confirmShipment",
    "create_feed_document": "createFeedDocument",
    "create_feed": "createFeed",
    "get_feeds": "getFeeds",
    "get_feed": "getFeed",
    "cancel_feed": "cancelFeed",
    "get_feed_document": "getFeedDocument",
    "list_transactions": "listTransactions",
    "create_report": "createReport",
    "get_report": "getReport",
    "get_reports": "getReports",
    "cancel_report": "cancelReport",
    "get_report_document": "getReportDocument",
    "get_destinations": "getDestinations",
    "create_destination": "createDestination",
    "delete_destination": "deleteDestination",
    "get_subscription": "getSubscription",
    "create_subscription": "createSubscription",
    "delete_subscription": "deleteSubscriptionById",
}
"""Endpoint of this application → operation of Amazon's model."""

GRANTLESS = (
    "getDestinations",
    "createDestination",
    "deleteDestination",
    "deleteSubscriptionById",
)
"""Operations that take the application's own token, and no seller's."""

GRANTLESS_SCOPES = (
    "sellingpartnerapi::notifications",
    "sellingpartnerapi::migration",
    "sellingpartnerapi::client_credential:rotation",
)
# Amazon's models list the rate header on these answers and not on 403, 429 or 5xx.
RATE_IS_SAID_ON = (200, 201, 202, 204, 400, 404)

APPLICATION = Account("", pii=False, revoked=False)
"""Who calls a grantless operation."""

_USER_AGENT = re.compile(r"[^\s/]+/\S+ \((?:[^)]*[;\s])?Language=[^;)]+[^)]*\)")


def add_access(app: Flask, standin: Standin) -> None:
    """Add the token route, the checks before each operation and the headers after it."""

    def oauth_error(status: int, error: str, description: str) -> Response:
        response = jsonify(error=error, error_description=description)
        response.status_code = status
        return response

    def issue(db: sqlite3.Connection, account: str | None) -> str:
        access_token = f"Atza|sandbox-{next_number(db, 'access_token')}"
        expires_at = standin.now(db) + timedelta(seconds=standin.options.token_life_s)
        db.execute(
            "INSERT INTO tokens VALUES (?, ?, ?)", (access_token, account, to_ms(expires_at))
        )
        return access_token

    @app.post("/auth/o2/token")
    def token() -> Response:
        form = request.form
        granted = {"token_type": "bearer", "expires_in": standin.options.token_life_s}
        grant_type = form.get("grant_type")
        if grant_type is None:
            return oauth_error(400, "invalid_request", "The request is missing: grant_type")
        if grant_type not in ("refresh_token", "client_credentials"):
            return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return oauth_error(401, "invalid_client", "Client authentication failed")
        if grant_type == "client_credentials":
            if form.get("scope") not in GRANTLESS_SCOPES:
                return oauth_error(400, "invalid_scope", "The scope is unknown")
            with standin.store.transaction() as db:
                return jsonify(access_token=issue(db, None), **granted)
        refresh_token = form.get("refresh_token", "")
        with standin.store.transaction() as db:
            account = None
            if refresh_token.startswith(REFRESH_PREFIX):
                account = find_account(db, refresh_token.removeprefix(REFRESH_PREFIX))
            if account is None or account.revoked:
                return oauth_error(
                    400, "invalid_grant", "User may have revoked or didn't grant the permission"
                )
            access_token = issue(db, account.name)
        return jsonify(access_token=access_token, refresh_token=refresh_token, **granted)

    def account_of(db: sqlite3.Connection, access_token: str, operation: str) -> Account:
        row = db.execute("SELECT * FROM tokens WHERE token = ?", (access_token,)).fetchone()
        account = None
        if row and operation in GRANTLESS:
            account = APPLICATION if row["account"] is None else None
        elif row and row["account"]:
            account = find_account(db, row["account"])
        if account is None or account.revoked:
            raise unauthorized("The access token you provided is revoked, malformed or invalid.")
        if row["expires_at"] <= to_ms(standin.now(db)):
            raise unauthorized("The access token you provided has expired.")
        return account

    @app.before_request
    def admit() -> None:
        operation = OPERATIONS.get(request.endpoint or "")
        if operation is None:
            return
        if not _USER_AGENT.match(request.headers.get("user-agent", "")):
            raise invalid_input("The user-agent header must hold AppId/AppVersion (Language=…).")
        with standin.store.transaction() as db:
            g.account = account_of(db, request.headers.get("x-amz-access-token", ""), operation)
            quota = standin.options.quotas[operation]
            if not take(db, g.account.name, operation, quota, standin.now(db)):
                raise quota_exceeded()

    @app.after_request
    def add_headers(response: Response) -> Response:
        if request.path.startswith("/_control"):
            return response
        with standin.store.transaction() as db:
            number = next_number(db, "request")
        response.headers["x-amzn-RequestId"] = f"{number:08x}-0000-4000-8000-{number:012x}"
        operation = OPERATIONS.get(request.endpoint or "")
        if operation is not None and response.status_code in RATE_IS_SAID_ON:
            rate = standin.options.quotas[operation].rate
            response.headers["x-amzn-RateLimit-Limit"] = str(rate)
        return response
