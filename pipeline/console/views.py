"""`/orders/ID`: shows an order and takes its release."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from flask import Flask, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from pipeline.channel import FulfilledBy
from pipeline.console.guard import current_person
from pipeline.db import Sessions
from pipeline.listing.facts import proof, store_code
from pipeline.listing.orders import Listed, Listing
from pipeline.listing.timeline import timeline
from pipeline.models import Order, Status
from pipeline.orders import Orders
from pipeline.privacy import Vault
from pipeline.settings import Settings

_LARGEST_ID = 2**63 - 1
_STILL_TO_SHIP = frozenset({"UNSHIPPED", "PARTIALLY_SHIPPED"})


def register(
    app: Flask, settings: Settings, sessions: Sessions, now: Callable[[], datetime]
) -> None:
    """Add the pages to `app`. What is changed is noted in the name of who is signed in."""
    listing = Listing(sessions)
    machine = Orders(sessions, Vault(settings.master_key), settings.timing)

    def store(order: Order | Listed) -> str | None:
        return store_code(settings, order.account, order.marketplace_id, order.fulfilled_by)

    def urgency(order: Order | Listed) -> Literal["", "open", "late"]:
        """Whether goods of ours have still to leave, as far as Amazon knows, and should have."""
        is_ours = order.fulfilled_by == FulfilledBy.MERCHANT
        if not is_ours or order.ship_by_at is None or order.remote_status not in _STILL_TO_SHIP:
            return ""
        return "late" if order.ship_by_at < now() else "open"

    @app.context_processor
    def _for_all_templates() -> dict[str, object]:
        # A fragment is what the page's script fetches anew: the page without its frame.
        frame = "fragment.html" if "fragment" in request.args else "base.html"
        return {"frame": frame, "store": store, "urgency": urgency}

    @app.get(f"/orders/<int(max={_LARGEST_ID}):order_id>")
    def order(order_id: int) -> str:
        found = listing.order(order_id)
        if found is None:
            abort(404, "There is no such order.")
        return render_template(
            "order.html",
            order=found,
            proof=proof(found),
            skus={line.external_item_id: line.sku for line in found.items},
            events=timeline(sessions, found),
            may_release=found.status in (Status.WAITING, Status.HELD),
        )

    @app.post(f"/orders/<int(max={_LARGEST_ID}):order_id>/release")
    def release(order_id: int) -> Response:
        if listing.order(order_id) is None:
            abort(404, "There is no such order.")
        if not machine.release(order_id, author=current_person().name, now=now()):
            abort(409, "This order is neither waiting nor held any more.")
        return redirect(url_for("order", order_id=order_id), 303)
