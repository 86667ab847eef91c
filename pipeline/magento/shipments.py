"""Shipments: what the warehouse sent, and its tracking numbers."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.magento import reading, search
from pipeline.magento.connection import Connection
from pipeline.magento.records import MagentoShipment


class Shipments(Connection):
    """Reads of shipments."""

    def shipments(self, order_ids: Collection[int]) -> list[MagentoShipment]:
        """Every shipment of these orders, oldest first within each 100 orders.

        They have to be read again to learn of a track added later: no updated_at moves then.
        Raises Transient, also when fewer come than the shop counts, or Rejected.
        Source: GET /V1/shipments.
        """
        found: list[MagentoShipment] = []
        for batch in search.batches(order_ids):
            found += self._search(
                "/shipments",
                [search.any_of("order_id", batch)],
                reading.shipment,
                sort="entity_id",
                fields="entity_id,order_id,created_at,items[order_item_id,qty],"
                "tracks[entity_id,carrier_code,title,track_number]",
                is_whole=True,
            )
        return found
