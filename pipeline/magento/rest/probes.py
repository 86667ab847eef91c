"""Requests that a shop must refuse: its reply shows its version and limits."""

from __future__ import annotations

from pipeline.magento.rest import search
from pipeline.magento.rest.connection import Connection
from pipeline.magento.rest.replies import PageTooLarge


class Probes:
    """Probes of a shop. None of them can save anything."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def send_nonsense(self) -> None:
        """Send an order with an unknown field and without the required payment.

        Raises Rejected (status 400) since Magento 2.4.7 and OutcomeUnknown (status 500) before,
        Transient. Source: PUT /V1/orders/create.
        """
        body = {"entity": {"orderbridge_probe": 1}}
        self._api.send("PUT", "/orders/create", lambda _: None, body=body)

    def largest_page(self, wanted: int) -> int | None:
        """The shop's largest page size, if it is less than `wanted`; else None.

        Raises Transient or Rejected. Source: GET /V1/orders.
        """
        query = search.criteria([], sort="entity_id", fields="total_count", page_size=wanted)
        try:
            self._api.get("/orders", lambda body: body["total_count"], query=query)
        except PageTooLarge as error:
            return error.limit
        return None
