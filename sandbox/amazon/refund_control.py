"""The refunds that were paid, and refunds that no feed asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from sandbox.amazon.proceeds import ZERO
from sandbox.amazon.refund_rules import Adjusted
from sandbox.amazon.refunds import (
    Asked,
    described,
    everything_left,
    paid_items,
    pay,
    refunded,
)
from sandbox.amazon.state import Standin, find_order

MADE_BY = ("SELLER_CENTRAL", "AMAZON", "A_TO_Z", "CHARGEBACK")


def add_refund_control(app: Flask, standin: Standin) -> None:
    """Add the control routes."""

    @app.get("/_control/refunds")
    def control_refunds() -> Response:
        """Every refund that was paid: by order, component, feed and message.

        `paid` sums them up by order; `waiting` are those that wait for the dispatch.
        """
        with standin.store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM refunds WHERE order_id = coalesce(?, order_id) ORDER BY number",
                (request.args.get("order_id"),),
            ).fetchall()
        shown = [described(row) for row in rows]
        refunds = [refund for refund in shown if refund["state"] == "PAID"]
        paid: dict[str, Decimal] = {}
        for refund in refunds:
            order_id = refund["orderId"]
            paid[order_id] = paid.get(order_id, ZERO) + Decimal(refund["total"])
        return jsonify(
            refunds=refunds,
            paid={order_id: str(total) for order_id, total in paid.items()},
            waiting=[refund for refund in shown if refund["state"] == "PENDING"],
        )

    @app.post("/_control/refunds")
    def control_refund() -> Response:
        """Refund an order without a feed, and without Amazon's rules for feeds.

        `by` is SELLER_CENTRAL (the default), AMAZON, A_TO_Z or CHARGEBACK. `items` are
        `{"order_item_id", "components": {"Principal": "9.99"}}`, with a `reference` if wanted;
        Goodwill and ReturnShipping are concessions. Without them all that is left is refunded.
        Orders that Amazon fulfils are refunded like any other.
        """
        asked: dict[str, Any] = request.get_json()
        made_by = asked.get("by", MADE_BY[0])
        if made_by not in MADE_BY:
            abort(400, f"by must be one of {', '.join(MADE_BY)}")
        reason = asked.get("reason", "CustomerReturn")
        with standin.store.transaction() as db:
            stored = find_order(db, asked["order_id"])
            if stored is None:
                abort(404, "no such order")
            paid = paid_items(stored.order)
            if "items" in asked:
                items = [
                    Adjusted(
                        item_id=item["order_item_id"],
                        reference=item.get("reference"),
                        reason=reason,
                        currency=paid[item["order_item_id"]].currency,
                        amounts={
                            name: Decimal(amount) for name, amount in item["components"].items()
                        },
                    )
                    for item in asked["items"]
                ]
            else:
                before = refunded(db, stored.order["orderId"])
                items = everything_left(stored.order, before, reason)
            if not items:
                abort(400, "nothing is left to refund")
            refund_id = pay(
                db, stored.account, stored.order, items, Asked(made_by), standin.now(db)
            )
            row = db.execute("SELECT * FROM refunds WHERE refund_id = ?", (refund_id,)).fetchone()
            return jsonify(described(row))
