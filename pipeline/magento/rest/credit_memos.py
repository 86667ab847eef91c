"""Credit memos: what the shop gave back."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.magento.records import CreditMemo
from pipeline.magento.rest import json_records, search
from pipeline.magento.rest.connection import Connection


class CreditMemos(Connection):
    """Reads of credit memos."""

    def credit_memos(self, since: datetime) -> list[CreditMemo]:
        """Every credit memo made at or after `since` by the shop's clock, oldest first.

        Raises Transient or Rejected. Source: GET /V1/creditmemos.
        """
        stamp = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return self._search(
            "/creditmemos",
            [(search.Filter("created_at", stamp, "gteq"),)],
            json_records.credit_memo,
            sort="entity_id",
            fields="entity_id,order_id,increment_id,created_at,order_currency_code,grand_total,"
            "shipping_amount,shipping_tax_amount,items[order_item_id,sku,qty,row_total,tax_amount,"
            "discount_amount,discount_tax_compensation_amount]",
        )
