"""The parameters of searchOrders and the rules between them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from werkzeug.datastructures import MultiDict

from sandbox.amazon.errors import invalid_input, unauthorized
from sandbox.amazon.times import parse
from sandbox.amazon.view import read_included

STATUSES = (
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
)
# Multi-Channel Fulfilment's own "marketplace" in the US: searches for it are refused.
NON_AMAZON_MARKETPLACE = "A2ZV50J4W1RKNI"
MAY_CHANGE_BETWEEN_PAGES = ("paginationToken", "maxResultsPerPage", "includedData")


@dataclass(frozen=True)
class Query:
    """A search whose parameters keep the rules."""

    field: str  # created | lastUpdated
    after: datetime
    before: datetime
    statuses: list[str] | None
    marketplaces: list[str] | None
    fulfilled_by: list[str] | None
    page_size: int
    included: set[str]
    repeated: str  # what every page of this search must send again


def read_query(args: MultiDict[str, str], latest: datetime) -> Query:
    """Read a search; a 400 for a broken rule. `latest` is the newest upper bound allowed."""
    for name in args:
        if len(args.getlist(name)) > 1:
            raise invalid_input(f"The parameter {name} was sent more than once.")
    if ("createdAfter" in args) == ("lastUpdatedAfter" in args):
        raise invalid_input("Exactly one of createdAfter and lastUpdatedAfter is required.")
    field, other = "created", "lastUpdated"
    if "lastUpdatedAfter" in args:
        field, other = other, field
    if f"{other}Before" in args:
        raise invalid_input(f"{other}Before must not be used with {field}After.")
    after = _time(args, f"{field}After")
    before = latest
    if f"{field}Before" in args:
        before = _time(args, f"{field}Before")
        if before < after:
            raise invalid_input(f"{field}Before must not be before {field}After.")
        if before > latest:
            raise invalid_input(f"{field}Before must be at least two minutes before now.")
    repeated = {name: args[name] for name in args if name not in MAY_CHANGE_BETWEEN_PAGES}
    return Query(
        field=field,
        after=after,
        before=before,
        statuses=_list(args, "fulfillmentStatuses", STATUSES),
        marketplaces=_marketplaces(args),
        fulfilled_by=_list(args, "fulfilledBy", ("MERCHANT", "AMAZON")),
        page_size=_page_size(args),
        included=read_included(args.get("includedData")),
        repeated=json.dumps(repeated, sort_keys=True),
    )


def _time(args: MultiDict[str, str], name: str) -> datetime:
    try:
        return parse(args[name])
    except ValueError:
        raise invalid_input(f"{name} is not an ISO 8601 time.") from None


def _list(args: MultiDict[str, str], name: str, allowed: tuple[str, ...]) -> list[str] | None:
    if name not in args:
        return None
    values = args[name].split(",")
    if not set(values) <= set(allowed):
        raise invalid_input(f"The value of {name} is invalid.")
    return values


def _marketplaces(args: MultiDict[str, str]) -> list[str] | None:
    if "marketplaceIds" not in args:
        return None
    values = args["marketplaceIds"].split(",")
    if len(values) > 50 or "" in values:
        raise invalid_input("The value of marketplaceIds is invalid.")
    if NON_AMAZON_MARKETPLACE in values:
        raise unauthorized()
    return values


def _page_size(args: MultiDict[str, str]) -> int:
    text = args.get("maxResultsPerPage", "100")
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise invalid_input("maxResultsPerPage must be between 1 and 100.")
    return int(text)
