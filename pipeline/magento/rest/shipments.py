"""Shipments of the warehouse, and their tracking numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from pipeline.magento.records import MagentoShipment
from pipeline.magento.rest import json_records, search
from pipeline.magento.rest.connection import Connection

SHIPMENTS = "/shipments"


class Shipments:
    """Reads and creates shipments. No operation here makes the shop send an e-mail."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def of_orders(self, order_ids: Collection[int]) -> list[MagentoShipment]:
        """Every shipment of these orders, oldest first within each 100 orders.

        Read them again to learn of a track added later: `updated_at` does not change then.
        Raises Transient, also when fewer arrive than the shop counts, or Rejected.
        Source: GET /V1/shipments.
        """
        shipments: list[MagentoShipment] = []
        for batch in search.batches(order_ids):
            shipments += self._api.search(
                SHIPMENTS,
                [search.any_of("order_id", batch)],
                json_records.shipment,
                sort="entity_id",
                fields="entity_id,order_id,created_at,items[order_item_id,qty],"
                "tracks[entity_id,carrier_code,title,track_number]",
                is_whole=True,
            )
        return shipments

    def made_after(self, entity_id: int, since: datetime) -> dict[int, int]:
        """The order of each shipment with a greater entity id, made at or after `since` by the
        shop's clock: entity id → order id.

        Raises Transient or Rejected. Source: GET /V1/shipments.
        """
        stamp = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        rows = self._api.search(
            SHIPMENTS,
            [
                (search.Filter("entity_id", str(entity_id), "gt"),),
                (search.Filter("created_at", stamp, "gteq"),),
            ],
            json_records.shipment_of,
            sort="entity_id",
            fields="entity_id,order_id",
        )
        return dict(rows)

    def sources(self, order_id: int) -> dict[int, str]:
        """The source code of each shipment of an order, by the shipment's entity id.

        Raises Transient or Rejected. Source: GET /V1/shipments.
        """
        sources = self._api.search(
            "/shipments",
            [search.any_of("order_id", [order_id])],
            json_records.shipped_from,
            sort="entity_id",
            fields="entity_id,extension_attributes[source_code]",
            is_whole=True,
        )
        return dict(sources)

    def create(
        self,
        entity_id: int,
        units: Mapping[int, int],
        *,
        carrier_code: str,
        title: str,
        number: str,
    ) -> str:
        """Ship these units of an order, by order item id, under one tracking number, and return the
        shipment's entity id.

        The shop silently omits units that are no longer open. Raises Rejected when no unit is open,
        when the order's state forbids a shipment, or when its source has too few units; Transient,
        OutcomeUnknown. Source: POST /V1/order/:id/ship.
        """
        return self._api.send(
            "POST",
            f"/order/{entity_id}/ship",
            json_records.new_id,
            body={
                "items": [
                    {"order_item_id": item_id, "qty": quantity}
                    for item_id, quantity in units.items()
                ],
                "notify": False,
                "tracks": [{"carrier_code": carrier_code, "title": title, "track_number": number}],
            },
        )
