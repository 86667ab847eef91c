"""The parameters of listTransactions and the rules between them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from werkzeug.datastructures import MultiDict

from sandbox.amazon.errors import invalid_input
from sandbox.amazon.times import parse, to_ms

SETTLED_AFTER = timedelta(minutes=2)
WIDEST = timedelta(days=180)
STATUSES = ("DEFERRED", "RELEASED", "DEFERRED_RELEASED")
FILTERS = {"ORDER_ID": "order_id", "FINANCIAL_EVENT_GROUP_ID": "group_id"}
_NO_BOUND = 2**62


@dataclass(frozen=True)
class Query:
    """A search whose parameters keep the rules; times in epoch milliseconds."""

    after: int
    before: int
    is_too_wide: bool
    marketplace: str | None
    status: str | None
    order_id: str | None
    group_id: str | None
    repeated: str  # what every page of this search must send again


def read_query(args: MultiDict[str, str], now: datetime) -> Query:
    """Read a search; a 400 for a broken rule.

    With an identifier and no times the search is not bounded, up to this moment.
    """
    for parameter in args:
        if len(args.getlist(parameter)) > 1:
            raise invalid_input(f"The parameter {parameter} was sent more than once.")
    name, value = args.get("relatedIdentifierName"), args.get("relatedIdentifierValue")
    if (name is None) != (value is None):
        raise invalid_input("relatedIdentifierName and relatedIdentifierValue go together.")
    if name is not None and name not in FILTERS:
        raise invalid_input("relatedIdentifierName must be ORDER_ID or FINANCIAL_EVENT_GROUP_ID.")
    if name is None and "postedAfter" not in args:
        raise invalid_input("postedAfter or a related identifier is required.")
    status = args.get("transactionStatus")
    if status is not None and status not in STATUSES:
        raise invalid_input("The value of transactionStatus is invalid.")
    latest = now - SETTLED_AFTER
    after = _time(args, "postedAfter", latest)
    before = _time(args, "postedBefore", latest)
    if after is not None:
        before = before or latest
        if before <= after:
            raise invalid_input("postedBefore must be later than postedAfter.")
    identifier = {FILTERS[name]: value} if name is not None else {}
    return Query(
        after=to_ms(after) if after is not None else 0,
        before=to_ms(before) if before is not None else _NO_BOUND,
        is_too_wide=after is not None and before is not None and before - after > WIDEST,
        marketplace=args.get("marketplaceId"),
        status=status,
        order_id=identifier.get("order_id"),
        group_id=identifier.get("group_id"),
        repeated=json.dumps({key: args[key] for key in args if key != "nextToken"}, sort_keys=True),
    )


def _time(args: MultiDict[str, str], name: str, latest: datetime) -> datetime | None:
    if name not in args:
        return None
    try:
        moment = parse(args[name])
    except ValueError:
        raise invalid_input(f"{name} must be ISO 8601 with an offset.") from None
    if moment > latest:
        raise invalid_input(f"{name} must be more than two minutes before the request.")
    return moment
