"""Orders and their comments."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.magento.order.plain_text import COMMENT_LENGTH, plain
from pipeline.magento.records import EXT_ORDER_ID_LENGTH, MagentoOrder
from pipeline.magento.rest import json_records, search
from pipeline.magento.rest.connection import Connection
from pipeline.magento.rest.open_lines import OpenLine, open_lines

_FIELDS = (
    "entity_id,increment_id,ext_order_id,store_id,state,status,grand_total,total_paid,"
    "total_invoiced,total_refunded,relation_child_id,relation_child_real_id,relation_parent_id,"
    "items[item_id,sku,ext_order_item_id,qty_ordered,qty_shipped,qty_invoiced,qty_canceled,"
    "qty_refunded,product_type,product_id]"
)
_TO_SAVE_AGAIN = (
    "base_grand_total,base_total_paid,payment[entity_id,method],"
    "extension_attributes[payment_additional_info]"
)


class Orders:
    """Reads and writes of sales orders. No operation here makes the shop send an e-mail."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def find(self, external_id: str, store_id: int | None = None) -> list[MagentoOrder]:
        """Every order with this marketplace number, oldest first.

        Magento keeps the number's first 32 characters and does not keep it unique, so there may be
        several. Raises Transient or Rejected. Source: GET /V1/orders by ext_order_id.
        """
        groups = [search.equals("ext_order_id", external_id[:EXT_ORDER_ID_LENGTH])]
        if store_id is not None:
            groups.append(search.equals("store_id", store_id))
        return self._api.search(
            "/orders", groups, json_records.order, sort="entity_id", fields=_FIELDS
        )

    def numbered(self, external_ids: Collection[str]) -> list[MagentoOrder]:
        """Every order with any of these marketplace numbers, oldest first; a call per 100 numbers.

        Magento keeps a number's first 32 characters. Raises Transient or Rejected.
        Source: GET /V1/orders by ext_order_id.
        """
        kept = [external_id[:EXT_ORDER_ID_LENGTH] for external_id in external_ids]
        return [
            order
            for batch in search.batches(kept)
            for order in self._api.search(
                "/orders",
                [search.any_of("ext_order_id", batch)],
                json_records.order,
                sort="entity_id",
                fields=_FIELDS,
            )
        ]

    def by_ids(self, entity_ids: Collection[int]) -> dict[int, MagentoOrder]:
        """The existing orders among these, by entity id; a call per 100 orders.

        Raises Transient or Rejected. Source: GET /V1/orders.
        """
        orders: dict[int, MagentoOrder] = {}
        for batch in search.batches(entity_ids):
            group = search.any_of("entity_id", batch)
            for order in self._api.search(
                "/orders", [group], json_records.order, sort="entity_id", fields=_FIELDS
            ):
                orders[order.entity_id] = order
        return orders

    def get(self, entity_id: int) -> MagentoOrder:
        """The order as it is now, including the fields that a later save must send again.

        Raises Rejected (code NotFound) when it does not exist, or Transient.
        Source: GET /V1/orders/:id.
        """
        fields = f"{_FIELDS},{_TO_SAVE_AGAIN}"
        return self._api.get(
            f"/orders/{entity_id}", json_records.order, query=search.encode([("fields", fields)])
        )

    def create(self, body: Mapping[str, Any], store: str) -> MagentoOrder:
        """Create an order from the result of `order.body.build`, and return what the shop kept.

        Raises Rejected when Magento refuses the body (code `unique` when the increment id is
        taken), Transient when nothing was sent, OutcomeUnknown when it may have been saved. Look
        for the order after any of these errors: Magento has saved orders that it refused.
        Source: PUT /V1/orders/create (salesOrderRepositoryV1Save).
        """
        return self._api.send(
            "PUT",
            "/orders/create",
            json_records.order,
            body={"entity": body},
            store=store,
        )

    def save(self, body: Mapping[str, Any]) -> bool:
        """Save an order again with the result of `order.save_again.rewritten`; other columns stay.

        Magento replies with the order as it was saved. Whether that shows the body's state, status
        and quantities: if not, the order has to be looked at. Raises Rejected, Transient,
        OutcomeUnknown. Source: PUT /V1/orders/create with entity_id.
        """
        return self._api.send(
            "PUT",
            "/orders/create",
            lambda reply: _shows(json_records.order(reply), body),
            body={"entity": body},
        )

    def cancel(self, entity_id: int) -> bool:
        """Cancel an order. False for an order that is invoiced, shipped, held or already canceled.

        Raises Rejected, Transient, OutcomeUnknown. Source: POST /V1/orders/:id/cancel.
        """
        return self._api.send("POST", f"/orders/{entity_id}/cancel", _yes_or_no)

    def hold(self, entity_id: int) -> None:
        """Put an open order on hold, so that nobody can ship, invoice or cancel it.

        Raises Rejected, also when the order is on hold, Transient, OutcomeUnknown.
        Source: POST /V1/orders/:id/hold.
        """
        self._api.send("POST", f"/orders/{entity_id}/hold", _yes_or_no)

    def unhold(self, entity_id: int) -> None:
        """Take an order off hold, back to its previous state.

        Raises Rejected, also when the order is not on hold, Transient, OutcomeUnknown.
        Source: POST /V1/orders/:id/unhold.
        """
        self._api.send("POST", f"/orders/{entity_id}/unhold", _yes_or_no)

    def open_lines(self, most_pages: int) -> list[OpenLine] | None:
        """The unshipped lines of all orders that are neither complete nor cancelled.

        None when the orders fill more than `most_pages` pages. Raises Transient or Rejected.
        """
        return open_lines(self._api, most_pages)

    def comment(self, entity_id: int, text: str, status: str) -> None:
        """Add a comment that the buyer neither receives nor sees.

        `status` must be the order's present status: Magento before 2.4.7 clears a status that is
        left out, and newer versions refuse a status that does not belong to the state.
        Raises Rejected, Transient, OutcomeUnknown. Source: POST /V1/orders/:id/comments.
        """
        self._api.send(
            "POST",
            f"/orders/{entity_id}/comments",
            _yes_or_no,
            body={
                "statusHistory": {
                    "parent_id": entity_id,
                    "comment": plain(text, COMMENT_LENGTH, keep_lines=True),
                    "status": status,
                    "entity_name": "order",
                    "is_customer_notified": 0,
                    "is_visible_on_front": 0,
                }
            },
        )

    def find_comment(self, entity_id: int, text: str) -> str | None:
        """The entity id of the first comment with this text.

        Raises Transient or Rejected. Source: GET /V1/orders/:id/comments.
        """
        kept = plain(text, COMMENT_LENGTH, keep_lines=True)
        return self._api.get(
            f"/orders/{entity_id}/comments",
            lambda body: min(
                (
                    str(json_records.identifier(row, "entity_id"))
                    for row in json_records.rows(body["items"])
                    if json_records.text(row, "comment") == kept
                ),
                default=None,
                key=int,
            ),
        )


def _shows(saved: MagentoOrder, body: Mapping[str, Any]) -> bool:
    lines = {
        item.item_id: (item.quantity_ordered, item.quantity_shipped, item.quantity_canceled)
        for item in saved.items
    }
    return (saved.entity_id, saved.state, saved.status) == (
        *(body["entity_id"], body["state"], body["status"]),
    ) and all(
        lines.get(item["item_id"])
        == (item["qty_ordered"], item["qty_shipped"], item["qty_canceled"])
        for item in body.get("items", ())
    )


def _yes_or_no(body: Any) -> bool:
    if not isinstance(body, bool):
        raise TypeError("neither true nor false")
    return body
