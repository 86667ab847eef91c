"""Requests that are meant to be refused: what a shop answers tells what it is."""

from __future__ import annotations

from pipeline.magento.rest import search
from pipeline.magento.rest.connection import Connection
from pipeline.magento.rest.replies import PageTooLarge


class Probes:
    """Nothing here can save anything."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def send_nonsense(self) -> None:
        """Send an order of one field that no shop knows, and without the payment it must have.

        Raises Rejected (status 400) since Magento 2.4.7 and OutcomeUnknown (status 500) before,
        Transient. Source: PUT /V1/orders/create.
        """
        body = {"entity": {"orderbridge_probe": 1}}
        self._api.send("PUT", "/orders/create", lambda _: None, body=body)

    def largest_page(self, wanted: int) -> int | None:
        """The most rows that the shop gives at once, when that is less than `wanted`.

        Raises Transient or Rejected. Source: GET /V1/orders.
        """
        query = search.criteria([], sort="entity_id", fields="total_count", page_size=wanted)
        try:
            self._api.get("/orders", lambda body: body["total_count"], query=query)
        except PageTooLarge as error:
            return error.limit
        return None
