"""Checks the whole installation regularly, and opens incidents for what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, func, not_, or_, select
from sqlalchemy.orm import Session

from pipeline.access.api_tokens import expiring
from pipeline.base.db import Sessions
from pipeline.base.incidents import Incidents
from pipeline.base.quota import Lane
from pipeline.base.security_log import REVIEW_OBJECT, SHOWING
from pipeline.base.tables import SecurityLogRow
from pipeline.invoices.uploads import waiting as waiting_invoices
from pipeline.monitoring import shop_reads
from pipeline.monitoring.purge_checks import ending_soon, kept_too_long
from pipeline.monitoring.read_only import Writes
from pipeline.orders.channel_order import FulfilledBy
from pipeline.orders.decision_table import STILL_TO_SHIP
from pipeline.orders.package_tables import Shipment
from pipeline.orders.states import ConfirmationState
from pipeline.orders.tables import LIVE, Order
from pipeline.settings.model import Settings
from pipeline.shipping.tables import Feed, FeedMessage, FeedOutcome, FeedState

OVERDUE_FOR = timedelta(minutes=15)
REVIEWED_EVERY = timedelta(days=100)
"""Access is reviewed every quarter; a few days more are left."""
# Orders of a backfill, which may wait longer until they are in Magento.
IS_BACKFILL = and_(Order.lane == Lane.BACKFILL, Order.magento_order_id.is_(None))
_STUCK = (
    Feed.state != FeedState.ENDED,
    or_(Feed.overdue_at.is_not(None), Feed.outcome == FeedOutcome.UNREADABLE),
)


def watch(
    settings: Settings, sessions: Sessions, incidents: Incidents, writes: Writes, now: datetime
) -> None:
    """Open the incidents of the installation, and close those whose reason is gone."""
    are_open = {incident.key for incident in incidents.all_open()}
    for key, text in reasons(settings, sessions, writes, now).items():
        if text:
            kind, _, name = key.partition(":")
            account = name if kind in ("confirmations", "feeds", "invoices-held") else None
            incidents.open(key, text, now, account=account)
        elif key in are_open:
            incidents.close(key, now)


def reasons(
    settings: Settings, sessions: Sessions, writes: Writes, now: datetime
) -> Mapping[str, str]:
    """The problems now, by incident key; empty when nothing is wrong."""
    refusing, stuck = _refusing(sessions), _with_stuck_feeds(sessions)
    invoices = waiting_invoices(sessions)
    return {
        "orders:overdue": overdue(sessions, now),
        "ship_by:passed": ship_by_passed(sessions, now),
        "ship_by:soon": ship_by_soon(sessions, settings.alerts.ship_by_hours, now),
        "read_only:copy": copied(writes),
        "personal_data:kept": kept_too_long(sessions, settings.purge_after_days, now),
        "personal_data:ending": ending_soon(sessions, settings.purge_after_days, now),
        "tokens:expiring": expiring_tokens(sessions, now),
        "names:day": many_names(sessions, settings.alerts.names_per_day, now),
        "access:review": review_overdue(sessions, now),
        **shop_reads.reasons(sessions, settings.shops, now),
        **{
            f"confirmations:{name}": _refused(name, refusing[name]) if name in refusing else ""
            for name in settings.accounts
        },
        **{
            f"feeds:{name}": stuck_feeds(sessions, name) if name in stuck else ""
            for name in settings.accounts
        },
        **{
            f"invoices-held:{name}": _invoices(name, invoices[name]) if name in invoices else ""
            for name in settings.accounts
        },
    }


def overdue(sessions: Sessions, now: datetime) -> str:
    """A sentence about orders that are overdue for a worker; backfilled orders may wait longer."""
    with sessions() as session:
        count, oldest = session.execute(
            select(func.count(), func.min(Order.due_at)).where(
                Order.status.in_(LIVE), Order.due_at < now - OVERDUE_FOR, not_(IS_BACKFILL)
            )
        ).one()
    if not count:
        return ""
    return (
        f"for 15 minutes or more {_orders(count)} waited for a worker, the oldest since "
        f"{oldest:%Y-%m-%d %H:%M} UTC: check that all workers run, and add workers if they are busy"
    )


def ship_by_passed(sessions: Sessions, now: datetime) -> str:
    """A sentence about orders whose ship-by time has passed."""
    with sessions() as session:
        count = to_leave(session, None, now)
    if not count:
        return ""
    return (
        f"{_orders(count)} should have been shipped by now, but no shipment is confirmed to Amazon"
    )


def ship_by_soon(sessions: Sessions, hours: int, now: datetime) -> str:
    """A sentence about orders that have to ship soon."""
    with sessions() as session:
        count = to_leave(session, now, now + timedelta(hours=hours))
    if not count:
        return ""
    return (
        f"{_orders(count)} must be shipped within {hours} hours, but no shipment is confirmed to "
        "Amazon"
    )


def _refusing(sessions: Sessions) -> Mapping[str, int]:
    """How many orders of each account have a confirmation that Amazon refused."""
    with sessions() as session:
        rows = session.execute(
            select(Order.account, func.count(Order.id.distinct()).label("orders"))
            .join(Shipment, Shipment.order_id == Order.id)
            .where(Order.status.in_(LIVE), Shipment.confirmation == ConfirmationState.REFUSED)
            .group_by(Order.account)
        )
        return {row.account: row.orders for row in rows}


def _refused(account: str, count: int) -> str:
    return (
        f"account {account}: Amazon refused the shipment confirmation of {_orders(count)}; "
        "`orderbridge orders list --status held` tells why"
    )


def _invoices(account: str, count: int) -> str:
    need = "1 invoice for Amazon needs" if count == 1 else f"{count} invoices for Amazon need"
    return (
        f"account {account}: {need} a person: run `orderbridge invoices list`, and upload each "
        "again or ignore it on its order's page"
    )


def _with_stuck_feeds(sessions: Sessions) -> set[str]:
    with sessions() as session:
        return set(session.scalars(select(Feed.account).where(*_STUCK).distinct()))


def stuck_feeds(sessions: Sessions, account: str) -> str:
    """A sentence about feeds that Amazon does not finish, or whose report is useless."""
    with sessions() as session:
        feeds = session.scalars(
            select(Feed).where(Feed.account == account, *_STUCK).order_by(Feed.id)
        ).all()
        if not feeds:
            return ""
        waiting = session.scalar(
            select(func.count())
            .select_from(FeedMessage)
            .where(
                FeedMessage.feed_id == func.any([feed.id for feed in feeds]),
                FeedMessage.outcome.is_(None),
            )
        )
    oldest = feeds[0]
    named = f"feed {oldest.feed_id}" if oldest.feed_id else "a feed that Amazon has not accepted"
    trouble = f" ({oldest.trouble})" if oldest.trouble else ""
    return (
        f"account {account}: {len(feeds)} feed(s) without a result, the oldest {named} of "
        f"{oldest.kind} since {oldest.submitted_at or oldest.created_at:%Y-%m-%d %H:%M} UTC"
        f"{trouble}; {waiting} message(s) wait for the result and are not sent again; later "
        "messages go out in other feeds. Check the feed in Seller Central or report it to Amazon's "
        "support; confirm or cancel urgent orders there"
    )


def expiring_tokens(sessions: Sessions, now: datetime) -> str:
    """A sentence about tokens of the API that expire soon."""
    tokens = expiring(sessions, now)
    if not tokens:
        return ""
    named = ", ".join(f"{token.name} on {token.expires_at:%Y-%m-%d}" for token in tokens)
    return (
        f"tokens of the API expire soon: {named}; make each system a new one with `orderbridge "
        "tokens add`, then revoke the old one"
    )


def many_names(sessions: Sessions, most: int, now: datetime) -> str:
    """A sentence about people who were shown the buyers of more than `most` orders in a day."""
    shown = func.sum(SecurityLogRow.facts["orders"].as_integer())
    with sessions() as session:
        rows = session.execute(
            select(SecurityLogRow.person, shown)
            .where(SecurityLogRow.at > now - timedelta(days=1), SecurityLogRow.action.in_(SHOWING))
            .group_by(SecurityLogRow.person)
            .having(shown > most)
            .order_by(SecurityLogRow.person)
        ).all()
    if not rows:
        return ""
    named = ", ".join(f"{person} of {count} orders" for person, count in rows)
    return (
        f"within a day buyers' data was shown or exported to {named}, more than {most}: ask why, "
        "and look at `orderbridge audit list`; if nobody can say, lock the person and follow your "
        "incident plan"
    )


def review_overdue(sessions: Sessions, now: datetime) -> str:
    """A sentence when the last review of access is too long ago, or the log's first row is."""
    with sessions() as session:
        last = session.scalar(
            select(func.max(SecurityLogRow.at)).where(SecurityLogRow.object == REVIEW_OBJECT)
        )
        last = last or session.scalar(select(func.min(SecurityLogRow.at)))
    if last is None or last > now - REVIEWED_EVERY:
        return ""
    return (
        f"who may sign in was not reviewed since {last:%Y-%m-%d}: go through `orderbridge people "
        "review`, and record it with `--done`"
    )


def copied(writes: Writes) -> str:
    """A sentence about a database that was first used with other remotes."""
    return writes.notice() if writes.changed() else ""


def to_leave(session: Session, after: datetime | None, before: datetime) -> int:
    """How many orders have to ship in this time, and are not confirmed to Amazon."""
    count = select(func.count()).where(
        Order.ship_by_at < before,
        *(() if after is None else (Order.ship_by_at >= after,)),
        Order.fulfilled_by == FulfilledBy.MERCHANT,
        Order.remote_status.in_(STILL_TO_SHIP),
        Order.status.in_(LIVE),
    )
    return session.scalar(count) or 0


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"
