"""`GET /orders`, `/orders/ID` and `/orders/ID/timeline`."""

from __future__ import annotations

from typing import Annotated, Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from pipeline.access.api_tokens import ApiScope
from pipeline.api.entry import needs
from pipeline.api.order_list import OrderQuery, page
from pipeline.api.order_models import OrderInFull, OrderPage, in_full, summary
from pipeline.api.order_timeline import Timeline, told
from pipeline.api.problems import Refused, documented
from pipeline.base.db import Sessions
from pipeline.base.row_ids import LARGEST_ID
from pipeline.operations.lists.orders import Listing
from pipeline.orders.tables import Order

ALWAYS = documented(401, 403, 422, 429, 503)
TAG = Tag(name="orders", description="Orders, their state and their history.")


class OrderPath(BaseModel):
    """Our id of an order. Amazon's numbers are not unique: two accounts may have the same."""

    order_id: Annotated[int, Field(ge=1, le=LARGEST_ID)]


def order_views(sessions: Sessions) -> APIBlueprint:
    """The views that read orders."""
    views = APIBlueprint(
        "orders",
        __name__,
        abp_tags=[TAG],
        abp_security=[{"token": [ApiScope.READ_ORDERS.value]}],
    )
    views.before_request(needs(ApiScope.READ_ORDERS))
    listing = Listing(sessions)

    @views.get(
        "/orders",
        operation_id="list_orders",
        summary="List orders",
        responses={200: OrderPage, **ALWAYS, **documented(400)},
    )
    def orders(query: OrderQuery) -> dict[str, Any]:
        found = page(sessions, query)
        return OrderPage(
            orders=[summary(order) for order in found.orders], next=found.following or None
        ).model_dump(mode="json")

    @views.get(
        "/orders/<int:order_id>",
        operation_id="show_order",
        summary="Show an order in full",
        responses={200: OrderInFull, **ALWAYS, **documented(404)},
    )
    def order(path: OrderPath) -> dict[str, Any]:
        return in_full(found_order(listing, path)).model_dump(mode="json")

    @views.get(
        "/orders/<int:order_id>/timeline",
        operation_id="show_timeline",
        summary="Show an order's milestones and attempts",
        responses={200: Timeline, **ALWAYS, **documented(404)},
    )
    def timeline(path: OrderPath) -> dict[str, Any]:
        return told(sessions, found_order(listing, path)).model_dump(mode="json")

    return views


def found_order(listing: Listing, path: OrderPath) -> Order:
    """The order with its lines and packages. Raises Refused."""
    order = listing.order(path.order_id)
    if order is None:
        raise no_such_order(path.order_id)
    return order


def no_such_order(order_id: int) -> Refused:
    """What a request for an unknown order ends with."""
    return Refused(
        404,
        "no_such_order",
        f"No order has the id {order_id}.",
        "Find it by its number: GET /api/v1/orders?number=…&hidden=true",
    )
