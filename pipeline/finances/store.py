"""Stores Amazon's transactions, each once, and finds those of orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Select, and_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from pipeline.amazon.transactions import Leaf, Transaction, TransactionItem
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.base.money import ZERO
from pipeline.finances.order_money import Figures, figures, shown_name
from pipeline.finances.tables import TransactionRow
from pipeline.orders.tables import Order

_Orders = TypeVar("_Orders", bound=Select[*tuple[Any, ...]])
_MAY_CHANGE = (
    *("kind", "status", "posted_at", "currency", "total", "marketplace_id", "identifiers"),
    *("items", "leaves", "deferral_reason", "matures_at", "order_id", "external_id", "copy_of"),
    *("is_counted", "charges", "fees", "unknown"),
)
# What a stored item or amount has by position. A new field goes to the end, since a worker of the
# release before reads these rows too.
_NO_ITEM = ("", None, "0", (), "")
_NO_LEAF = ("", "", "0", "0")


class Transactions:
    """The stored transactions of all accounts. Each method is a transaction of its own."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def store(self, account: str, read: Sequence[Transaction], now: datetime) -> int:
        """Store what Amazon shows now, and return how many are new or have changed.

        Two statements, however many there are.
        """
        if not read:
            return 0
        by_id = {one.transaction_id: one for one in read}
        numbers = {one.order_id for one in read if one.order_id}
        with self._sessions() as session, session.begin():
            orders = {
                row.external_id: row.id
                for row in session.execute(
                    _locked(
                        select(Order.external_id, Order.id).where(
                            Order.account == account, among(Order.external_id, numbers)
                        )
                    )
                )
            }
            # Sorted, so that two writers of the same rows wait for each other in one order.
            rows = [
                _row(account, by_id[transaction_id], orders, now)
                for transaction_id in sorted(by_id)
            ]
            made = insert(TransactionRow)
            changed = made.on_conflict_do_update(
                index_elements=["account", "transaction_id"],
                set_={name: made.excluded[name] for name in (*_MAY_CHANGE, "changed_at")},
                where=tuple_(
                    *(getattr(TransactionRow, name) for name in _MAY_CHANGE)
                ).is_distinct_from(tuple_(*(made.excluded[name] for name in _MAY_CHANGE))),
            )
            return len(session.scalars(changed.returning(TransactionRow.id), rows).all())

    def release(self, account: str, now: datetime) -> int:
        """Mark the deferred transactions whose release has come; returns how many.

        Amazon does not list them again then, since their time stays.
        """
        released = aliased(TransactionRow)
        with self._sessions() as session, session.begin():
            return len(
                session.scalars(
                    update(TransactionRow)
                    .where(
                        TransactionRow.account == account,
                        TransactionRow.status == "DEFERRED",
                        TransactionRow.is_counted,
                        released.account == account,
                        released.copy_of != "",
                        released.copy_of == TransactionRow.transaction_id,
                    )
                    .values(status="DEFERRED_RELEASED", changed_at=now)
                    .returning(TransactionRow.id)
                    .execution_options(synchronize_session=False)
                ).all()
            )

    def match(self, account: str, now: datetime) -> int:
        """Give transactions that came before their order their order; returns how many."""
        is_ours = and_(
            TransactionRow.account == account,
            TransactionRow.order_id.is_(None),
            Order.account == account,
            Order.external_id == TransactionRow.external_id,
        )
        with self._sessions() as session, session.begin():
            orders = session.scalars(
                _locked(select(Order.id).where(is_ours, TransactionRow.external_id.is_not(None)))
            ).all()
            if not orders:
                return 0
            return len(
                session.scalars(
                    update(TransactionRow)
                    .where(is_ours, among(Order.id, orders))
                    .values(order_id=Order.id, changed_at=now)
                    .returning(TransactionRow.id)
                    .execution_options(synchronize_session=False)
                ).all()
            )


def _locked(orders: _Orders) -> _Orders:
    """The orders, which cannot be deleted meanwhile, locked by their ids as everywhere."""
    return orders.order_by(Order.id).with_for_update(of=Order, read=True, key_share=True)


def _row(
    account: str, one: Transaction, orders: Mapping[str, int], now: datetime
) -> dict[str, Any]:
    sums = figures(one) if one.order_id else Figures(ZERO, ZERO, ())
    return {
        "account": account,
        "transaction_id": one.transaction_id,
        "kind": one.kind,
        "status": one.status,
        "posted_at": one.posted_at,
        "currency": one.currency,
        "total": one.total,
        "marketplace_id": one.marketplace_id,
        "identifiers": dict(one.identifiers),
        "items": [
            [
                each.sku,
                each.quantity,
                f"{each.total:f}",
                _stored(each.leaves),
                each.adjustment_item_id,
            ]
            for each in one.items
        ],
        "leaves": _stored(one.leaves),
        "deferral_reason": one.deferral_reason,
        "matures_at": one.matures_at,
        "order_id": orders.get(one.order_id),
        "external_id": one.order_id or None,
        "copy_of": one.copy_of,
        "is_counted": not one.copy_of,
        "charges": sums.charges,
        "fees": sums.fees,
        "unknown": [[shown_name(leaf.kind), f"{leaf.amount:f}"] for leaf in sums.unknown],
        "changed_at": now,
    }


def transactions_of(session: Session, order_ids: Collection[int]) -> dict[int, list[Transaction]]:
    """The transactions of our orders, the oldest first; a single statement."""
    found: dict[int, list[Transaction]] = defaultdict(list)
    rows = session.scalars(
        select(TransactionRow)
        .where(among(TransactionRow.order_id, order_ids))
        .order_by(TransactionRow.posted_at, TransactionRow.id)
    )
    for row in rows:
        if row.order_id is not None:
            found[row.order_id].append(as_transaction(row))
    return found


def as_transaction(row: TransactionRow) -> Transaction:
    """The transaction of a row."""
    return Transaction(
        transaction_id=row.transaction_id,
        kind=row.kind,
        status=row.status,
        posted_at=row.posted_at,
        currency=row.currency,
        total=row.total,
        marketplace_id=row.marketplace_id,
        identifiers=row.identifiers,
        items=tuple(map(_item, row.items)),
        leaves=_leaves(row.leaves),
        deferral_reason=row.deferral_reason,
        matures_at=row.matures_at,
    )


def _item(stored: Sequence[Any]) -> TransactionItem:
    sku, quantity, total, leaves, adjustment = _filled(stored, _NO_ITEM)
    return TransactionItem(sku, quantity, Decimal(total), _leaves(leaves), adjustment)


def _leaves(stored: Sequence[Sequence[Any]]) -> tuple[Leaf, ...]:
    return tuple(
        Leaf(group, kind, Decimal(amount), Decimal(tax))
        for group, kind, amount, tax in (_filled(one, _NO_LEAF) for one in stored)
    )


def _filled(stored: Sequence[Any], instead: Sequence[Any]) -> list[Any]:
    """The fields of a stored row, whose release may have known more of them, or fewer."""
    return [*stored, *instead[len(stored) :]][: len(instead)]


def _stored(leaves: Sequence[Leaf]) -> list[list[str]]:
    return [[one.group, one.kind, f"{one.amount:f}", f"{one.tax:f}"] for one in leaves]
