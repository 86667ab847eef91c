"""Applies newer reports to the rows of stored orders, and wakes these orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, func, or_, update
from sqlalchemy.orm import Session

from pipeline.base.vault import Vault
from pipeline.intake.delivery import delivery_columns
from pipeline.intake.reports import Known
from pipeline.intake.sealed_reports import sealed
from pipeline.orders.channel import Channel, Raw
from pipeline.orders.channel_order import Identity, RemoteStatus
from pipeline.orders.decision import Case, Tab
from pipeline.orders.decision_table import decide
from pipeline.orders.machine import reopen, wake
from pipeline.orders.tables import Order, OrderPrivate, Status
from pipeline.settings.model import AccountSettings

_REFRESH_FACTS = (
    update(Order.__table__)  # type: ignore[arg-type]
    .where(Order.__table__.c.id == bindparam("of_order"))
    .values(
        remote_status=bindparam("remote_status"),
        remote_updated_at=bindparam("remote_updated_at"),
        shown=bindparam("shown"),
        # The newest promise counts, and the first report of a departure or a delivery.
        deliver_by_at=func.coalesce(
            bindparam("told_deliver_by_at"), Order.__table__.c.deliver_by_at
        ),
        **{
            name: func.coalesce(Order.__table__.c[name], bindparam(f"told_{name}"))
            for name in ("shipped_at", "delivered_at")
        },
        # An earlier report may have lacked who fulfils and the marketplace.
        **{
            name: case(
                (
                    or_(
                        Order.__table__.c.magento_order_id.is_(None),
                        Order.__table__.c[name] == "",
                    ),
                    bindparam(f"told_{name}"),
                ),
                else_=Order.__table__.c[name],
            )
            for name in ("fulfilled_by", "marketplace_id")
        },
    )
)
_REFRESH_PRIVATE = (
    update(OrderPrivate.__table__)  # type: ignore[arg-type]
    .where(
        OrderPrivate.__table__.c.order_id == bindparam("of_order"),
        # An order that is purged at the same moment stays purged.
        OrderPrivate.__table__.c.wrapped_key.is_not(None),
    )
    .values(
        # A key that stays is not written: it may just have been wrapped by another master key.
        wrapped_key=func.coalesce(bindparam("new_key"), OrderPrivate.__table__.c.wrapped_key),
        sealed=bindparam("sealed"),
        buyer_words=bindparam("buyer_words"),
        buyer_initials=bindparam("buyer_initials"),
        report_digest=bindparam("report_digest"),
        report_asked_at=bindparam("report_asked_at"),
    )
)


def refresh(
    session: Session,
    vault: Vault,
    account_name: str,
    account: AccountSettings,
    channel: Channel,
    changed: Sequence[tuple[Known, Identity, Raw]],
    now: datetime,
    asked_at: datetime,
) -> list[int]:
    """Update the rows of these stored orders from newer reports; the ids of the woken orders."""
    facts: list[dict[str, Any]] = []
    private: list[dict[str, Any]] = []
    cancelled_late: list[int] = []
    for row, identity, raw in changed:
        case = Case(
            identity.fulfilled_by,
            identity.status,
            account.marketplace(identity.marketplace_id),
            is_ours=row.magento_order_id is not None,
            is_known=True,
        )
        facts.append(
            {
                "of_order": row.id,
                "remote_status": identity.status,
                "remote_updated_at": identity.updated_at,
                "shown": decide(case).tab is not Tab.HIDDEN,
                "told_fulfilled_by": identity.fulfilled_by,
                "told_marketplace_id": identity.marketplace_id or row.marketplace_id,
                **{
                    f"told_{name}": at
                    for name, at in delivery_columns(channel, raw, identity).items()
                },
            }
        )
        if row.wrapped_key is not None:
            owner = f"{account_name}/{identity.external_id}"
            report = sealed(vault, row.wrapped_key, owner, channel, raw, asked_at)
            key = report.pop("wrapped_key")
            new_key = None if key == row.wrapped_key else key
            private.append({"of_order": row.id, "new_key": new_key, **report})
        if (
            identity.status == RemoteStatus.CANCELLED
            and row.status == Status.DONE
            and row.magento_order_id is not None
        ):
            cancelled_late.append(row.id)
    if not facts:
        return []
    # `version` stays the same, so that a running step keeps its claim; it sees the change when it
    # is recorded.
    session.execute(_REFRESH_FACTS, facts)
    if private:
        session.execute(_REFRESH_PRIVATE, private)
    if cancelled_late:
        reopen(session, cancelled_late, now)
    return wake(session, [fact["of_order"] for fact in facts], now)
