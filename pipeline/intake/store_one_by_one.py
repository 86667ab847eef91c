"""Stores a page of reports in a transaction, or each report in its own if that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.exc import DataError, DBAPIError

from pipeline.intake.reports import log_unreadable
from pipeline.orders.channel import Raw
from pipeline.orders.channel_order import Identity

Reports = Sequence[tuple[Identity, Raw]]
Put = Callable[[Reports], tuple[Sequence[int], Sequence[int]]]
"""A function that stores reports and returns the ids of new and of woken orders."""


def put_all(
    account_name: str, put: Put, reports: Reports
) -> tuple[Sequence[int], Sequence[int], Sequence[str]]:
    """The ids that `put` returns, and the numbers of the orders that could not be stored.

    Raises the database's errors unless a report's data caused them.
    """
    try:
        return *put(reports), ()
    except Exception as error:
        if _is_about_us(error):
            raise
    new: list[int] = []
    woken: list[int] = []
    bad: list[str] = []
    for identity, raw in reports:
        try:
            some_new, some_woken = put([(identity, raw)])
        except Exception as error:
            if _is_about_us(error):
                raise
            log_unreadable(account_name, error)
            bad.append(identity.external_id)
            continue
        new += some_new
        woken += some_woken
    return new, woken, bad


def _is_about_us(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and not isinstance(error, DataError)
