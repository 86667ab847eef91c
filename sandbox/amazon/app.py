"""The stand-in as a Flask application and as a process."""

from __future__ import annotations

import argparse
from pathlib import Path

from flask import Flask, Response
from werkzeug.http import http_date

from sandbox.amazon.access import add_access
from sandbox.amazon.bad_replies import add_bad_replies
from sandbox.amazon.confirm import add_confirmations
from sandbox.amazon.control import add_control
from sandbox.amazon.errors import answer_errors
from sandbox.amazon.feeds import add_feeds
from sandbox.amazon.finances import add_finances
from sandbox.amazon.invoice_feed import add_invoices
from sandbox.amazon.notifications import add_notifications
from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.refund_control import add_refund_control
from sandbox.amazon.report_control import add_report_control
from sandbox.amazon.reports import add_reports
from sandbox.amazon.returns import add_returns
from sandbox.amazon.roles import add_roles
from sandbox.amazon.search import add_orders
from sandbox.amazon.settlements import add_settlements
from sandbox.amazon.state import Options, Standin, open_store
from sandbox.amazon.times import Clock, utc_now
from sandbox.core import Store, attach, serve
from sandbox.quoting import amazon_refusal


def create_app(store: Store, options: Options | None = None, clock: Clock = utc_now) -> Flask:
    """The application over a store made by `open_store`; `sandbox.core.make` serves it."""
    app = Flask("sandbox.amazon")
    standin = Standin(store, options or Options(), clock)
    # First, so that a fault strikes before anything is checked.
    attach(app, store, amazon_refusal)
    answer_errors(app)

    @app.after_request
    def tell_time(response: Response) -> Response:
        with store.transaction() as db:
            response.headers["Date"] = http_date(standin.now(db))
        return response

    add_access(app, standin)
    add_orders(app, standin)
    add_bad_replies(app, standin)
    add_confirmations(app, standin)
    add_feeds(app, standin)
    add_refund_control(app, standin)
    add_finances(app, standin)
    add_invoices(app, standin)
    add_reports(app, standin)
    add_report_control(app, standin)
    add_returns(app, standin)
    add_roles(app, standin)
    add_settlements(app, standin)
    add_notifications(app, standin)
    add_control(app, standin)
    return app


def read_quota(text: str) -> tuple[str, Quota]:
    """Read `operation=rate:burst`."""
    operation, _, figures = text.partition("=")
    rate, _, burst = figures.partition(":")
    if operation not in USAGE_PLAN:
        raise argparse.ArgumentTypeError(f"operations are {', '.join(USAGE_PLAN)}")
    return operation, Quota(float(rate), int(burst))


def main(argv: list[str]) -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m sandbox amazon")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="SQLite file with all state")
    parser.add_argument("--search-delay-s", type=float, default=120)
    parser.add_argument("--token-life-s", type=int, default=3600)
    parser.add_argument("--sqs-endpoint", help="URL of the SQS that subscribers' queues are at")
    parser.add_argument(
        "--quota",
        type=read_quota,
        nargs="+",
        action="extend",
        default=[],
        metavar="OPERATION=RATE:BURST",
        help="tokens per second, and how many a full bucket holds",
    )
    asked = parser.parse_args(argv)
    options = Options(
        search_delay_s=asked.search_delay_s,
        token_life_s=asked.token_life_s,
        sqs_endpoint=asked.sqs_endpoint,
        quotas=USAGE_PLAN | dict(asked.quota),
    )
    store = open_store(asked.data)
    serve(create_app(store, options), store, asked.port)
