"""Credit memos: the refunds of a shop."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pipeline.base.money import ZERO, parse_amount
from pipeline.magento.records import CreditMemo, MemoTotal
from pipeline.magento.rest import books, json_records, search
from pipeline.magento.rest.books import Books, Memo
from pipeline.magento.rest.connection import Connection

_FIELDS = (
    "entity_id,order_id,increment_id,state,created_at,order_currency_code,base_currency_code,"
    "grand_total,subtotal,tax_amount,discount_amount,discount_tax_compensation_amount,"
    "shipping_amount,shipping_tax_amount,adjustment_positive,adjustment_negative,"
    "items[order_item_id,sku,name,qty,row_total,tax_amount,discount_amount,"
    "discount_tax_compensation_amount],comments[comment]"
)


_CANCELLED = 3


class CreditMemos:
    """Reads and creates credit memos. No money moves, and the buyer gets no e-mail."""

    def __init__(self, api: Connection) -> None:
        self._api = api

    def since(self, since: datetime) -> list[CreditMemo]:
        """Every credit memo made at or after `since` by the shop's clock, oldest first.

        Raises Transient or Rejected. Source: GET /V1/creditmemos.
        """
        stamp = since.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return self._api.search(
            "/creditmemos",
            [(search.Filter("created_at", stamp, "gteq"),)],
            json_records.credit_memo,
            sort="entity_id",
            fields=_FIELDS,
        )

    def by_ids(self, ids: Collection[int]) -> list[CreditMemo]:
        """The credit memos with these entity ids, as they are now; one that is gone is left out.

        A comment does not change the time of its credit memo, so it is found only here.
        Raises Transient or Rejected. Source: GET /V1/creditmemos by entity_id.
        """
        return [
            memo
            for batch in search.batches(ids)
            for memo in self._api.search(
                "/creditmemos",
                [search.any_of("entity_id", batch)],
                json_records.credit_memo,
                sort="entity_id",
                fields=_FIELDS,
                is_whole=True,
            )
        ]

    def books(self, entity_id: int) -> Books:
        """The invoiced and refunded amounts of an order. Raises Rejected or Transient.

        Source: GET /V1/orders/:id.
        """
        query = search.encode([("fields", books.FIELDS)])
        return self._api.get(f"/orders/{entity_id}", books.read, query=query)

    def refund(
        self, entity_id: int, back_to_stock: Collection[int], adjustment: Decimal = ZERO
    ) -> str:
        """Refund everything invoiced of an order and return the credit memo's entity id.

        `adjustment` is refunded in addition (if negative, it is kept), in the shop's base currency.
        `back_to_stock` are the order item ids whose goods are still in the warehouse. No money
        moves: Amazon has refunded the buyer. An order that is completely invoiced and has no
        shipment ends closed.
        Raises Rejected, Transient, OutcomeUnknown. Source: POST /V1/order/:id/refund.
        """
        arguments: dict[str, Any] = {
            "extension_attributes": {"return_to_stock_items": list(back_to_stock)}
        }
        if adjustment:
            arguments["adjustment_positive"] = max(adjustment, ZERO)
            arguments["adjustment_negative"] = max(-adjustment, ZERO)
        return self._api.send(
            "POST",
            f"/order/{entity_id}/refund",
            json_records.new_id,
            body={"notify": False, "arguments": arguments},
        )

    def refund_units(self, entity_id: int, memo: Memo, comment: str = "") -> str:
        """Return these units to the stock with a credit memo, and return its entity id.

        Its shipping is zero, so that the adjustment alone is refunded beyond the lines. The buyer
        neither receives nor sees the comment.
        Raises Rejected, Transient, OutcomeUnknown. Source: POST /V1/order/:id/refund.
        """
        returned = sorted(item_id for item_id, units in memo.units.items() if units)
        return self._api.send(
            "POST",
            f"/order/{entity_id}/refund",
            lambda body: str(json_records.identifier({"id": body}, "id")),
            body={
                "items": [
                    {"order_item_id": item_id, "qty": units}
                    for item_id, units in sorted(memo.units.items())
                ],
                "notify": False,
                **_with_comment(comment),
                "arguments": {
                    "shipping_amount": 0,
                    "adjustment_positive": max(memo.adjustment, ZERO),
                    "adjustment_negative": max(-memo.adjustment, ZERO),
                    "extension_attributes": {"return_to_stock_items": returned},
                },
            },
        )

    def newest(self, entity_id: int) -> int | None:
        """The entity id of an order's last credit memo. Raises Rejected or Transient.

        Source: GET /V1/creditmemos by order_id.
        """
        ids = self._api.search(
            "/creditmemos",
            [search.equals("order_id", entity_id)],
            lambda row: json_records.identifier(row, "entity_id"),
            sort="entity_id",
            fields="entity_id",
        )
        return max(ids, default=None)

    def totals(self, entity_ids: Collection[int]) -> list[MemoTotal]:
        """The credit memos of these orders that are not cancelled; a call per 100 orders.

        Raises Rejected or Transient. Source: GET /V1/creditmemos by order_id.
        """
        return [
            memo
            for batch in search.batches(entity_ids)
            for memo in self._api.search(
                "/creditmemos",
                [search.any_of("order_id", batch)],
                _total,
                sort="entity_id",
                fields="entity_id,order_id,state,created_at,order_currency_code,grand_total",
                is_whole=True,
            )
            if not memo.is_cancelled
        ]

    def find_commented(self, entity_id: int, words: str) -> str | None:
        """The entity id of the order's first credit memo with a comment that has these words.

        Raises Rejected or Transient. Source: GET /V1/creditmemos by order_id.
        """
        found = self._api.search(
            "/creditmemos",
            [search.equals("order_id", entity_id)],
            lambda row: (json_records.identifier(row, "entity_id"), _has(row, words)),
            sort="entity_id",
            fields="entity_id,comments[comment]",
            is_whole=True,
        )
        return next((str(memo_id) for memo_id, has_words in sorted(found) if has_words), None)


def _with_comment(comment: str) -> dict[str, Any]:
    if not comment:
        return {}
    return {"appendComment": True, "comment": {"comment": comment, "is_visible_on_front": 0}}


def _has(row: dict[str, Any], words: str) -> bool:
    comments = json_records.rows(row.get("comments"))
    return any(words in json_records.text(one, "comment") for one in comments)


def _total(row: dict[str, Any]) -> MemoTotal:
    """A memo's total. Raises ValueError or TypeError without one: a memo that counted as nothing
    would be made a second time."""
    created_at = json_records.moment(row.get("created_at"))
    if created_at is None:
        raise ValueError("a credit memo without created_at")
    return MemoTotal(
        entity_id=json_records.identifier(row, "entity_id"),
        order_id=json_records.identifier(row, "order_id"),
        created_at=created_at,
        currency=json_records.text(row, "order_currency_code"),
        total=parse_amount(row.get("grand_total")),
        is_cancelled=json_records.integer(row, "state") == _CANCELLED,
    )
