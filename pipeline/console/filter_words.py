"""The filters of the list of orders in the reader's words: what there is, and what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from pipeline.console.languages import gettext as _
from pipeline.console.words import spaced
from pipeline.operations.lists.filter_values import MINE, NOBODYS
from pipeline.operations.lists.filters import Filters, ShipBy
from pipeline.operations.lists.invoices import WhichInvoice
from pipeline.operations.lists.returns import WhichReturns
from pipeline.operations.lists.sorting import NEWEST_FIRST, Sort
from pipeline.orders.channel_order import FulfilledBy, Program
from pipeline.orders.tables import Status

_WITHOUT = Filters()


class Chip(NamedTuple):
    """A chosen filter: its name, what is chosen, and the filters without it."""

    name: str
    label: str
    value: str
    without: Filters


def statuses() -> Mapping[Status, str]:
    """The statuses of orders; those that need a person come first."""
    return {
        Status.HELD: _("Held"),
        Status.WAITING: _("Waiting"),
        Status.READY: _("Ready"),
        Status.RUNNING: _("Running"),
        Status.DONE: _("Done"),
        Status.CANCELLED: _("Cancelled"),
    }


def sorts() -> Mapping[str, str]:
    """The ways of sorting."""
    return {
        "-purchased": _("newest first"),
        "purchased": _("oldest first"),
        "ship_by": _("ship-by, next first"),
        "-ship_by": _("ship-by, last first"),
        "-total": _("total, highest first"),
        "total": _("total, lowest first"),
        "number": _("Amazon number"),
        "-number": _("Amazon number, backwards"),
        "magento": _("Magento number"),
        "-magento": _("Magento number, backwards"),
        "-updated": _("changed last"),
        "updated": _("unchanged longest"),
    }


def ship_bys() -> Mapping[ShipBy, str]:
    """The times by which an order has to leave."""
    return {
        ShipBy.OVERDUE: _("overdue"),
        ShipBy.TODAY: _("today"),
        ShipBy.DAY: _("within 24 hours"),
        ShipBy.TWO_DAYS: _("within 48 hours"),
    }


def which_returns() -> Mapping[WhichReturns, str]:
    """Which returns an order has."""
    return {
        WhichReturns.ANY: _("has a return"),
        WhichReturns.UNREFUNDED: _("arrived, not refunded"),
    }


def which_invoices() -> Mapping[WhichInvoice, str]:
    """How far an order's invoice for Amazon is."""
    return {
        WhichInvoice.NEEDS_A_PERSON: _("needs a person"),
        WhichInvoice.OPEN: _("on its way"),
        WhichInvoice.ACCEPTED: _("accepted by Amazon"),
    }


def assignees() -> Mapping[str, str]:
    """Whose orders are listed."""
    return {MINE.word: _("me"), NOBODYS.word: _("nobody")}


def views() -> Mapping[str, Filters]:
    """The lists that are asked for most."""
    return {
        _("To ship, most urgent first"): Filters(
            Status.WAITING, channel=FulfilledBy.MERCHANT, sort=Sort("ship_by")
        ),
        _("Held, most urgent first"): Filters(Status.HELD, sort=Sort("ship_by")),
        _("Prime"): Filters(program=Program.PRIME),
        _("Business"): Filters(program=Program.BUSINESS),
        _("Changed last"): Filters(sort=Sort("updated", descending=True)),
    }


def chips(filters: Filters) -> list[Chip]:
    """Each chosen filter, but the status, which the tabs show."""
    written = filters.query()
    chosen = [
        Chip(name, label, word(written[name]), _without(filters, attribute))
        for name, attribute, label, word in _fields()
        if name in written
    ]
    if filters.buyer:
        nobody = replace(filters, buyer=(), searcher="")
        chosen.append(Chip("buyer", _("Buyer"), _("searched for"), nobody))
    if filters.sort != NEWEST_FIRST:
        by = sorts()[str(filters.sort)]
        chosen.append(Chip("sort", _("Sorted by"), by, replace(filters, sort=NEWEST_FIRST)))
    return chosen


def _without(filters: Filters, attribute: str) -> Filters:
    changed = replace(filters, **{attribute: getattr(_WITHOUT, attribute)})
    if attribute == "currency":  # totals need one
        changed = replace(changed, total_from=None, total_until=None)
        changed = replace(changed, sort=NEWEST_FIRST) if changed.sort.key == "total" else changed
    return changed


def _fields() -> tuple[tuple[str, str, str, Callable[[str], str]], ...]:
    """The name in the address, the attribute, the label, and how its value reads."""
    return (
        ("reason", "reason", _("Held because"), spaced),
        ("number", "number", _("Search"), str),
        ("sku", "sku", _("SKU"), str),
        ("from", "placed_from", _("Purchased from"), str),
        ("until", "placed_until", _("Purchased until"), str),
        ("currency", "currency", _("Currency"), str),
        ("min", "total_from", _("Total from"), str),
        ("max", "total_until", _("Total to"), str),
        ("channel", "channel", _("Channel"), str),
        ("program", "program", _("Program"), spaced),
        ("account", "account", _("Account"), str),
        ("marketplace", "marketplace", _("Marketplace"), str),
        ("amazon", "amazon_status", _("Amazon says"), spaced),
        ("ship_by", "ship_by", _("Ship by"), lambda one: ship_bys()[ShipBy(one)]),
        ("ship_from", "ship_from", _("Ship by, from"), str),
        ("ship_until", "ship_until", _("Ship by, until"), str),
        ("store", "store", _("Store view"), str),
        ("assigned", "assigned", _("Assigned to"), lambda one: assignees()[one]),
        ("returns", "returns", _("Returns"), lambda one: which_returns()[WhichReturns(one)]),
        (
            *("invoice", "invoice", _("Invoice for Amazon")),
            lambda one: which_invoices()[WhichInvoice(one)],
        ),
        ("columns", "columns", _("Columns"), lambda _one: _("as saved")),
        ("all", "everything", _("Pending and hidden orders"), lambda _one: _("shown too")),
    )
