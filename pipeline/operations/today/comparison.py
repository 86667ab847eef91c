"""Whether Amazon, Orderbridge and Magento agree: each account's last import and comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.base.id_lists import among
from pipeline.intake.tables import Watermark
from pipeline.monitoring.account_checks import cursor_name
from pipeline.monitoring.health import account_state, refusals
from pipeline.monitoring.reconcile.tables import Difference, Reconciliation, ReconciliationState
from pipeline.monitoring.reconcile.treat import FOR_A_PERSON
from pipeline.settings.model import Settings


@dataclass(frozen=True, slots=True)
class AccountToday:
    """An account: `state` is works, refused or stopped, `trouble` what its last import met.

    `compared_at` is the end of its last comparison, of `orders` orders. `differences` counts the
    open ones by kind, `for_a_person` those that nothing but a person ends.
    """

    name: str
    shop: str
    state: str
    imported_at: datetime | None
    trouble: str
    compared_at: datetime | None
    orders: int
    differences: Mapping[str, int]
    for_a_person: int

    @property
    def is_equal(self) -> bool:
        """Whether the last comparison left no difference."""
        return self.compared_at is not None and not self.differences


def accounts(session: Session, settings: Settings) -> list[AccountToday]:
    """All accounts of the settings, in four queries."""
    names = {cursor_name(name): name for name in settings.accounts}
    cursors = {
        names[cursor.name]: cursor
        for cursor in session.scalars(select(Watermark).where(among(Watermark.name, names)))
    }
    refused = refusals(session)
    last = (
        select(func.max(Reconciliation.id))
        .where(Reconciliation.state == ReconciliationState.DONE)
        .group_by(Reconciliation.account)
    )
    compared = {
        run.account: run
        for run in session.scalars(select(Reconciliation).where(Reconciliation.id.in_(last)))
    }
    kinds: dict[str, Counter[str]] = {name: Counter() for name in settings.accounts}
    for_a_person: Counter[str] = Counter()
    for owner, kind, treatment, number in session.execute(
        select(Difference.account, Difference.kind, Difference.treatment, func.count())
        .where(Difference.ended_at.is_(None), Difference.accepted_by.is_(None))
        .group_by(Difference.account, Difference.kind, Difference.treatment)
        .order_by(Difference.kind)
    ):
        kinds.setdefault(owner, Counter())[kind] += number
        for_a_person[owner] += number if treatment in FOR_A_PERSON else 0
    found = []
    for name, account in settings.accounts.items():
        cursor, run = cursors.get(name), compared.get(name)
        found.append(
            AccountToday(
                name=name,
                shop=account.shop,
                state=account_state(refused.get(name)),
                imported_at=cursor.read_at if cursor else None,
                trouble=(cursor.trouble or "") if cursor else "",
                compared_at=run.ended_at if run else None,
                orders=run.orders_seen if run else 0,
                differences=dict(kinds[name]),
                for_a_person=for_a_person[name],
            )
        )
    return found
