"""Checks the rows of a shipping file against the orders, before anything is stored.

An order with a faulty row is left out whole, so that no order is shipped by half.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.clients import offered_carriers
from pipeline.operations.acts.one_order import NotPossible
from pipeline.operations.acts.ship import (
    OTHER_CARRIER,
    Parcel,
    check_parcel,
    check_parcels,
    units_left,
)
from pipeline.operations.acts.shipping_file import FileRow
from pipeline.orders.order_number_table import OrderNumber
from pipeline.orders.package_tables import Shipment
from pipeline.orders.requested_shipment import STANDING, RequestState
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from pipeline.orders.tables import Order

_CUSTOM = re.compile(rf"{OTHER_CARRIER}\s*:\s*(?P<title>.+)", re.IGNORECASE)
OTHER_ROW = "another row of its order has a mistake"


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row of the file with its order and its parcel; `mistake` says why it cannot be shipped."""

    row: FileRow
    order_id: int | None = None
    external_id: str = ""
    parcel: Parcel | None = None
    mistake: str = ""


def check_rows(sessions: Sessions, rows: Sequence[FileRow]) -> list[CheckedRow]:
    """Each row with its order, its parcel or its mistake. A fixed number of queries."""
    with sessions() as session:
        numbers = _order_ids(session, rows)
        orders = _orders(session, {id_ for row in rows for id_ in numbers[row.order.upper()]})
        seen = _seen(session, rows)
        open_ids = set(
            session.scalars(
                select(RequestedShipmentRow.order_id).where(
                    among(RequestedShipmentRow.order_id, orders),
                    RequestedShipmentRow.state == RequestState.OPEN,
                )
            )
        )
    checked = [_placed(row, _meant(row, numbers, orders)) for row in rows]
    for order_id in dict.fromkeys(each.order_id for each in checked):
        if order_id is None:
            continue
        places = [at for at, each in enumerate(checked) if each.order_id == order_id]
        own = _of_order(orders[order_id], [checked[at] for at in places], seen)
        if order_id in open_ids:
            why = "its shipment has been requested already: take that back first"
            own = [replace(each, mistake=each.mistake or why) for each in own]
        for at, each in zip(places, own, strict=True):
            checked[at] = each
    _mark_repeated(checked)
    return checked


def _orders(session: Session, ids: Iterable[int]) -> dict[int, Order]:
    rows = session.scalars(
        select(Order)
        .where(among(Order.id, ids))
        .options(
            selectinload(Order.items),
            selectinload(Order.shipments).selectinload(Shipment.items),
        )
    )
    return {order.id: order for order in rows}


def _order_ids(session: Session, rows: Sequence[FileRow]) -> Mapping[str, list[int]]:
    """The orders by each number in capitals: Amazon's and Magento's of today and before, tracking
    numbers too."""
    wanted = {row.order.upper() for row in rows if row.order}
    known: defaultdict[str, list[int]] = defaultdict(list)
    for number, order_id in session.execute(
        select(OrderNumber.number, OrderNumber.order_id).where(among(OrderNumber.number, wanted))
    ):
        known[number].append(order_id)
    return known


def _seen(session: Session, rows: Sequence[FileRow]) -> Mapping[str, set[int]]:
    """The orders that have each tracking number of the file, or are to have it."""
    files = {_plain(row.tracking) for row in rows}
    wanted = files | {row.tracking.upper() for row in rows}
    seen: defaultdict[str, set[int]] = defaultdict(set)
    for number, order_id in session.execute(
        select(OrderNumber.number, OrderNumber.order_id).where(among(OrderNumber.number, wanted))
    ):
        seen[_plain(number)].add(order_id)
    plain = func.upper(func.replace(RequestedShipmentRow.tracking_number, " ", ""))
    for number, order_id in session.execute(
        select(RequestedShipmentRow.tracking_number, RequestedShipmentRow.order_id).where(
            RequestedShipmentRow.state.in_(STANDING), among(plain, files)
        )
    ):
        seen[_plain(number)].add(order_id)
    return seen


def _plain(number: str) -> str:
    return "".join(number.split()).upper()


def _meant(
    row: FileRow, numbers: Mapping[str, Sequence[int]], orders: Mapping[int, Order]
) -> list[Order]:
    """The orders whose number, Amazon's or else Magento's, is the row's."""
    number = row.order.upper()
    found = [orders[id_] for id_ in numbers.get(number, ()) if id_ in orders]
    amazons = [order for order in found if order.external_id.upper() == number]
    return amazons or [
        order for order in found if (order.magento_increment_id or "").upper() == number
    ]


def _placed(row: FileRow, meant: Sequence[Order]) -> CheckedRow:
    if row.mistake:
        return CheckedRow(row, mistake=row.mistake)
    if not meant:
        return CheckedRow(row, mistake="no order has this number")
    if len(meant) > 1:
        names = ", ".join(sorted(order.shop or order.account for order in meant))
        why = f"orders of several shops have this number ({names}): give Amazon’s number"
        return CheckedRow(row, mistake=why)
    return CheckedRow(row, meant[0].id, meant[0].external_id)


def _mark_repeated(checked: list[CheckedRow]) -> None:
    """Refuse a tracking number that the file gives to several orders."""
    of: defaultdict[str, set[int | None]] = defaultdict(set)
    for each in checked:
        if each.order_id is not None:
            of[_plain(each.row.tracking)].add(each.order_id)
    repeated = {order_id for orders in of.values() if len(orders) > 1 for order_id in orders}
    for at, each in enumerate(checked):
        if each.order_id in repeated and not each.mistake:
            is_it = len(of[_plain(each.row.tracking)]) > 1
            why = "several orders of the file have this tracking number" if is_it else OTHER_ROW
            checked[at] = replace(each, mistake=why)


def _of_order(
    order: Order, rows: Sequence[CheckedRow], seen: Mapping[str, set[int]]
) -> list[CheckedRow]:
    """The rows of an order with their parcels, or each with a mistake."""
    left, checked = units_left(order), []
    for each in rows:
        try:
            checked.append(replace(each, parcel=_parcel(order, each.row, left, seen)))
        except NotPossible as error:
            checked.append(replace(each, mistake=str(error)))
    whole = OTHER_ROW if any(each.mistake for each in checked) else ""
    if not whole:
        try:
            check_parcels(order, [each.parcel for each in checked if each.parcel])
        except NotPossible as error:
            whole = str(error)
    return [replace(each, mistake=each.mistake or whole) for each in checked]


def _parcel(
    order: Order, row: FileRow, left: dict[str, int], seen: Mapping[str, set[int]]
) -> Parcel:
    carrier, title = _carrier(row.carrier, order.account)
    units = _units(order, row, left)
    parcel = check_parcel(Parcel(carrier, row.tracking, title, units), order.account)
    if seen.get(_plain(parcel.tracking_number), set()) - {order.id}:
        raise NotPossible("another order has this tracking number already")
    return parcel


def _carrier(text: str, account: str) -> tuple[str, str]:
    """Magento's code of a carrier and its title, by its code, its name or “custom: its name”."""
    carriers = offered_carriers(account)
    folded = text.casefold()
    if folded in carriers:
        return folded, ""
    for code, name in carriers.items():
        if name.casefold() == folded:
            return code, ""
    if match := _CUSTOM.fullmatch(text):
        return OTHER_CARRIER, match["title"]
    raise NotPossible(
        f"no carrier is called “{text[:40]}”: give its code, such as dhl, or “custom: its name”"
    )


def _units(order: Order, row: FileRow, left: dict[str, int]) -> Mapping[str, int] | None:
    """The units by the line's id at Amazon, taken from those that are `left`."""
    if row.units is None:
        return None
    units: dict[str, int] = {}
    for sku, count in row.units.items():
        lines = [item for item in order.items if item.sku.strip().casefold() == sku.casefold()]
        if not lines:
            raise NotPossible(f"the order has no SKU {sku[:40]}")
        there = sum(left.get(line.external_item_id, 0) for line in lines)
        if count > there:
            raise NotPossible(f"{there} of {sku[:40]} are left to ship, not {count}")
        for line in lines:
            taken = min(count, left.get(line.external_item_id, 0))
            if taken:
                units[line.external_item_id] = taken
                left[line.external_item_id] -= taken
                count -= taken
    return units
