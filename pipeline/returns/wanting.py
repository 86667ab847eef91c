"""Decides which reports of returns an account needs, and wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from pipeline.amazon.return_rows import ReturnsReport
from pipeline.returns.reports import Reports
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import AccountSettings

WINDOWS = {
    ReturnsReport.BY_RETURN_DATE: timedelta(days=60),
    ReturnsReport.FBA: timedelta(days=30),
}
"""The days that each report tells of; Amazon allows 60 for the report by return date."""
SOLD_WITHIN = timedelta(days=120)
"""How old the orders may be whose marketplaces are asked for returns."""
CLOCKS_DIFFER = timedelta(minutes=5)
_MOST_MARKETPLACES = 25


def want_due(
    reports: Reports, account: str, settings: AccountSettings, every: timedelta, now: datetime
) -> tuple[Sequence[ReturnsReport], Sequence[ReturnsReport]]:
    """Want the account's reports whose last was wanted `every` ago or earlier and has ended.

    Returns those that are wanted now, and those that are due and not needed.
    """
    latest = reports.latest(account)
    due = [
        kind
        for kind in ReturnsReport
        if kind not in latest
        or (latest[kind].ended_at is not None and latest[kind].created_at + every <= now)
    ]
    wanted, needless = [], []
    sold_in = reports.sold_in(account, now - SOLD_WITHIN) if due else ()
    for kind in due:
        marketplaces = _marketplaces(kind, sold_in, settings.marketplace)
        if not marketplaces:
            reports.not_needed(account, kind, now)
            needless.append(kind)
        else:
            until = now.replace(microsecond=0) - CLOCKS_DIFFER
            reports.want(account, kind, marketplaces, until - WINDOWS[kind], until, now)
            wanted.append(kind)
    return wanted, needless


def is_off(settings: AccountSettings) -> bool:
    """Whether the returns of none of the account's marketplaces are read."""
    return all(own.returns == "off" for own in (settings.settings, *settings.marketplaces.values()))


def _marketplaces(
    kind: ReturnsReport,
    sold_in: Sequence[tuple[str, str]],
    settings: Callable[[str], MarketplaceSettings],
) -> list[str]:
    """The marketplaces with such orders whose returns are to be read; Amazon takes 25."""
    found = [
        marketplace_id
        for marketplace_id, channel in sold_in
        if channel == kind.fulfilled_by and settings(marketplace_id).returns == "read"
    ]
    return found[:_MOST_MARKETPLACES]
