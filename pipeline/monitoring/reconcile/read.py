"""Reads the three sides of a batch of Amazon's reports: ours in three queries, Magento's in few
calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from pipeline.base import database_restores
from pipeline.base.db import Sessions
from pipeline.base.id_lists import among
from pipeline.clients import Clients
from pipeline.intake.reports import Readable, parsed
from pipeline.magento.records import EXT_ORDER_ID_LENGTH, MagentoOrder
from pipeline.magento.rest.odd_rows import OddRow, set_aside
from pipeline.monitoring.reconcile.compare import Sides
from pipeline.orders.channel import Raw
from pipeline.orders.ledger_rows import IS_UNPROVEN
from pipeline.orders.states import EffectKind
from pipeline.orders.tables import Effect, Order


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders by number: Amazon's reports and the three sides. The shop's answer about `unclear`
    orders cannot be read, so their differences are unknown."""

    sides: Mapping[str, Sides]
    raws: Mapping[str, Raw]
    readable: Readable
    unclear: Collection[str] = ()


def read(sessions: Sessions, clients: Clients, account_name: str, readable: Readable) -> Batch:
    """Read the batch; reports that cannot be read are in `readable` alone. Raises the errors of the
    shop's reads."""
    account, channel = clients.in_force().accounts[account_name], clients.channels[account_name]
    reports = readable.newest
    with sessions() as session:
        orders = session.scalars(
            select(Order)
            .where(Order.account == account_name, among(Order.external_id, reports))
            .options(selectinload(Order.items), selectinload(Order.shipments))
        ).all()
        placing = set(
            session.scalars(
                select(Effect.order_id).where(
                    Effect.kind == EffectKind.ORDER,
                    among(Effect.order_id, [order.id for order in orders]),
                )
            )
        )
        unproven = set(
            session.scalars(
                select(Effect.order_id).where(
                    Effect.kind == EffectKind.CANCELLATION,
                    among(Effect.order_id, [order.id for order in orders]),
                    IS_UNPROVEN,
                )
            )
        )
        forgotten_before = database_restores.last_noticed_at(session)
    ours = {order.external_id: order for order in orders}
    with set_aside() as odd:
        in_shop: dict[str, list[MagentoOrder]] = {}
        by_shop = _by_shop(account.shop, reports, ours)
        for shop_name, numbers in by_shop.items():
            if shop_name in clients.shops:
                its = {number: ours[number] for number in numbers if number in ours}
                in_shop |= _in_shop(clients, shop_name, numbers, its)
    return Batch(
        {
            number: Sides(
                identity=identity,
                placed=parsed(channel, raw),
                ours=ours.get(number),
                in_shop=in_shop.get(number, ()),
                settings=account.marketplace(identity.marketplace_id),
                start_from=account.start_from,
                is_placing=number in ours and ours[number].id in placing,
                is_unproven=number in ours and ours[number].id in unproven,
                forgotten_before=forgotten_before,
            )
            for number, (identity, raw) in reports.items()
        },
        {number: raw for number, (_, raw) in reports.items()},
        readable,
        _unclear(odd, ours, [number for number in reports if number not in in_shop])
        | {
            number for name, some in by_shop.items() if name not in clients.shops for number in some
        },
    )


def _by_shop(
    shop_now: str, reports: Iterable[str], ours: Mapping[str, Order]
) -> dict[str, list[str]]:
    """The order numbers by shop: the shop an order was placed in, else the account's shop now."""
    by_shop: dict[str, list[str]] = {}
    for number in reports:
        order = ours.get(number)
        by_shop.setdefault((order.shop if order is not None else None) or shop_now, []).append(
            number
        )
    return by_shop


def _unclear(
    odd: Sequence[OddRow], ours: Mapping[str, Order], not_found: Sequence[str]
) -> frozenset[str]:
    """The orders that the unreadable rows of a shop's answer belong to, or may belong to."""
    ids = {order.magento_order_id: number for number, order in ours.items()}
    unclear: set[str] = set()
    for row in odd:
        named = {ids.get(row.entity_id, "")}
        named |= {
            number for number in (*ours, *not_found) if number[:EXT_ORDER_ID_LENGTH] == row.number
        }
        unclear |= (named - {""}) or set(not_found)
    return frozenset(unclear)


def _in_shop(
    clients: Clients, shop_name: str, numbers: Sequence[str], ours: Mapping[str, Order]
) -> dict[str, list[MagentoOrder]]:
    """The shop's orders by Amazon's number; by entity id where the shop changed the number."""
    shop = clients.shops[shop_name]
    whole = {number[:EXT_ORDER_ID_LENGTH]: number for number in numbers}
    by_number: dict[str, list[MagentoOrder]] = {}
    seen: set[int] = set()
    for in_shop in shop.orders.numbered(numbers) if numbers else ():
        if in_shop.ext_order_id in whole:
            by_number.setdefault(whole[in_shop.ext_order_id], []).append(in_shop)
            seen.add(in_shop.entity_id)
    lost = {
        order.magento_order_id: number
        for number, order in ours.items()
        if order.magento_order_id is not None and order.magento_order_id not in seen
    }
    for entity_id, in_shop in (shop.orders.by_ids(lost) if lost else {}).items():
        by_number.setdefault(lost[entity_id], []).append(in_shop)
    return by_number
