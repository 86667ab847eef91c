"""A page of reports is stored in one transaction; where one of them cannot be, each in its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.exc import DataError, DBAPIError

from pipeline.intake.reports import log_unreadable
from pipeline.orders.channel import Identity, Raw

Reports = Sequence[tuple[Identity, Raw]]
Put = Callable[[Reports], tuple[Sequence[int], Sequence[int]]]
"""Stores reports; the answer is the ids of new orders and of those with news."""


def put_all(
    account_name: str, put: Put, reports: Reports
) -> tuple[Sequence[int], Sequence[int], Sequence[str]]:
    """What `put` answers, and the numbers of the orders that could not be stored.

    Raises what the database raises when it is not these reports that it objects to.
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
