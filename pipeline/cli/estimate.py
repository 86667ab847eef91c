"""The cost of a backfill, for a dry run. Only a dry run imports this module: the import is slow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.amazon.client import Amazon
from pipeline.amazon.replies import GET_ORDER, SEARCH_ORDERS
from pipeline.base.clock import utc_now
from pipeline.base.errors import CannotMap, RemoteError
from pipeline.base.quota import Lane, Quota
from pipeline.cli.common import Installation, Unusable
from pipeline.intake.backfills import Backfills, duration_s
from pipeline.orders.decision import Case
from pipeline.orders.decision_table import decide
from pipeline.settings.overrides import Overrides

LABELS = {
    "account": "account",
    "orders": "orders",
    "orders_known": "orders we have of them",
    "orders_to_import": "orders to be imported, at most",
    "calls": "calls",
    "why": "why",
    "calls_at_once": "calls at once",
    "further_call_every_s": "seconds for each further call",
    "takes_for_1000_s": "hours for 1,000 orders",
    "takes_for_10000_s": "hours for 10,000 orders",
    "takes_s": "hours, at least",
    "first_page_orders": "orders on the first page",
    "first_page_new": "of these new to us",
}
"""How a person reads the facts; their names are those of the JSON."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The orders to import: a period, or a list of numbers."""

    account: str
    after: datetime | None
    before: datetime | None
    numbers: frozenset[str]


def estimate(backfills: Backfills, asked: Asked) -> dict[str, Any]:
    """The calls and orders of a backfill, as far as they can be estimated without a call."""
    if asked.after is not None and asked.before is not None:
        known = backfills.known_in(asked.account, asked.after, asked.before)
        return {
            "account": asked.account,
            "orders_known": known,
            "calls": None,
            "why": "Amazon gives no count: a call returns up to 100 orders; --probe makes one",
            "calls_at_once": int(SEARCH_ORDERS.plan.burst * (1 - Lane.BACKFILL.left_share)),
            "further_call_every_s": round(1 / SEARCH_ORDERS.plan.rate_per_s),
            "takes_for_1000_s": duration_s(SEARCH_ORDERS.plan, 10),
            "takes_for_10000_s": duration_s(SEARCH_ORDERS.plan, 100),
        }
    count = len(asked.numbers)
    known = backfills.known(asked.account, asked.numbers)
    return {
        "account": asked.account,
        "orders": count,
        "orders_known": known,
        "orders_to_import": count - known,
        "calls": count,
        "takes_s": duration_s(GET_ORDER.plan, count),
    }


def probed(installation: Installation, asked: Asked) -> dict[str, Any]:
    """The result of a single call, which uses the quota like any other."""
    if asked.after is None or asked.before is None:
        return {}
    account = (
        Overrides(installation.settings, installation.sessions).settings().accounts[asked.account]
    )
    broker = installation.settings.broker.client()
    amazon = Amazon(asked.account, account, quota=Quota(broker, asked.account), now=utc_now)
    try:
        page = amazon.placed_orders(asked.after, asked.before, None)
    except RemoteError as error:
        raise Unusable(f"the probe failed: {error}") from error
    finally:
        broker.close()
    kept: set[str] = set()
    for raw in page.orders:
        try:
            identity = amazon.identify(raw)
        except CannotMap:
            continue
        case = Case(
            identity.fulfilled_by, identity.status, account.marketplace(identity.marketplace_id)
        )
        if decide(case).kept:
            kept.add(identity.external_id)
    return {
        "first_page_orders": len(page.orders),
        "first_page_new": len(kept) - Backfills(installation.sessions).known(asked.account, kept),
        "calls": None if page.next_token else 1,
        "why": "there is more than one page" if page.next_token else "",
    }
