"""Invoices of orders."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.magento.records import Invoice, NumberedInvoice
from pipeline.magento.rest import json_records, search
from pipeline.magento.rest.connection import Connection


class Invoices:
    """Reads and creates invoices. No operation here makes the shop send an e-mail."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def create(self, entity_id: int) -> str:
        """Invoice the open part of an order and return the invoice's entity id.

        With an offline payment method this sets the order to paid. Raises Rejected when nothing is
        open, Transient, OutcomeUnknown. Source: POST /V1/order/:id/invoice.
        """
        return self._api.send(
            "POST",
            f"/order/{entity_id}/invoice",
            json_records.new_id,
            body={"capture": True, "notify": False},
        )

    def of_orders(self, entity_ids: Collection[int]) -> dict[int, list[Invoice]]:
        """The invoices of these orders by order entity id, oldest first; a call per 100 orders.

        An order without an invoice has an empty list. Raises Transient or Rejected.
        Source: GET /V1/invoices.
        """
        by_order: dict[int, list[Invoice]] = {entity_id: [] for entity_id in entity_ids}
        for batch in search.batches(entity_ids):
            for order_id, invoice in self._api.search(
                "/invoices",
                [search.any_of("order_id", batch)],
                lambda row: (json_records.identifier(row, "order_id"), json_records.invoice(row)),
                sort="entity_id",
                fields="entity_id,order_id,grand_total",
            ):
                by_order.setdefault(order_id, []).append(invoice)
        return by_order

    def numbered(self, entity_ids: Collection[int]) -> dict[int, list[NumberedInvoice]]:
        """The same with the number and the tax of each invoice. Raises Transient or Rejected."""
        by_order: dict[int, list[NumberedInvoice]] = {entity_id: [] for entity_id in entity_ids}
        for batch in search.batches(entity_ids):
            for order_id, invoice in self._api.search(
                "/invoices",
                [search.any_of("order_id", batch)],
                lambda row: (
                    json_records.identifier(row, "order_id"),
                    json_records.numbered_invoice(row),
                ),
                sort="entity_id",
                fields="entity_id,order_id,increment_id,grand_total,tax_amount",
            ):
                by_order.setdefault(order_id, []).append(invoice)
        return by_order
