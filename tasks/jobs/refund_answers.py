"""The answer to a refund that was made at Amazon: a credit memo or a comment in the shop."""

from __future__ import annotations

from decimal import Decimal

from pipeline.base.errors import CannotMap
from pipeline.base.money import ZERO
from pipeline.clients import Clients
from pipeline.magento.records import ENDED, MagentoOrder, MemoTotal
from pipeline.magento.rest.books import Books, Memo
from pipeline.orders.ledger_write import Trace
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import EffectKind
from pipeline.refunds.made_at_amazon import (
    Finding,
    RefundCode,
    Share,
    Sides,
    mark,
    memo_comment,
    note,
    refused,
    standing,
)
from pipeline.refunds.made_at_amazon_rows import WRITE, Case
from pipeline.refunds.matching import AtAmazon
from tasks.shipping.shop_comment import comment


def answer(case: Case, clients: Clients) -> tuple[Sides, Finding | None]:
    """Note or book the refunds that the shop's order lacks, as the settings say.

    Returns both sides afterwards, and what is left for a person. A credit memo that an earlier run
    began is looked for first, and the shop's memos are read after that, so that it counts.
    Raises Transient, Rejected, OutcomeUnknown; what was done until then is in the ledger.
    """
    order, shop = case.order, clients.shop(case.order)
    entity_id, now = order.magento_order_id or 0, clients.now()
    begun = {
        refund.reference: clients.ledger_of(order).made(_trace(case, refund, clients))
        for refund in case.refunds
        if refund.reference in case.begun
    }
    memos = shop.credit_memos.totals([entity_id])
    totals = {str(memo.entity_id): memo.total for memo in memos}
    for refund in case.refunds:
        if (memo_id := begun.get(refund.reference)) is not None:
            case.booked(refund, memo_id, totals.get(memo_id, ZERO))
    sides, code = case.sides(memos), case.code
    shares = sides.shares(now)
    if not shares:
        return sides, standing(sides, now, code)
    in_shop = shop.orders.get(entity_id)
    order.magento_status = in_shop.status
    is_booked = clients.marketplace(order).refunds_from_amazon == "credit_memo"
    for share in shares:
        books = shop.credit_memos.books(entity_id)
        obstacle = _obstacle(in_shop, books, sides)
        if obstacle is not None or not is_booked:
            code = obstacle or RefundCode.NOTED
            comment(order, note(share.refund), clients)
            case.noted(share)
            continue
        amount = min(share.amount, books.left)
        try:
            memo_id = _book(case, share, amount, books, clients)
        except CannotMap as error:
            return case.sides(memos), refused(case.sides(memos), now, error.reason)
        case.booked(share.refund, memo_id, amount)
        memos.append(MemoTotal(int(memo_id), entity_id, now, sides.currency, amount))
        if amount < share.amount:
            code = RefundCode.ABOVE_PAID
    sides = case.sides(memos)
    return sides, standing(sides, now, code)


def _obstacle(in_shop: MagentoOrder, books: Books, sides: Sides) -> RefundCode | None:
    """Why no credit memo can be made, as far as the order itself tells."""
    if in_shop.state in ENDED:
        return RefundCode.SHOP_ORDER_ENDED
    if not books.has_one_currency or not sides.has_one_currency:
        return RefundCode.OTHER_CURRENCY
    if books.paid <= ZERO:
        return RefundCode.NO_INVOICE
    return RefundCode.ABOVE_PAID if books.left <= ZERO else None


def _book(case: Case, share: Share, amount: Decimal, books: Books, clients: Clients) -> str:
    """Make the credit memo over an amount alone: no line has units, so no stock changes."""
    shop, entity_id = clients.shop(case.order), case.order.magento_order_id or 0
    memo, words = Memo({min(books.lines): ZERO}, amount), memo_comment(share, amount)
    write = _trace(case, share.refund, clients).write(
        lambda: shop.credit_memos.refund_units(entity_id, memo, words), HoldCode.REFUND_REFUSED
    )
    return clients.ledger_of(case.order).once(write).remote_id


def _trace(case: Case, refund: AtAmazon, clients: Clients) -> Trace:
    shop, entity_id = clients.shop(case.order), case.order.magento_order_id or 0
    return clients.ledger_of(case.order).trace(
        WRITE,
        refund.reference,
        kind=EffectKind.CREDIT_MEMO,
        find=lambda: shop.credit_memos.find_commented(entity_id, mark(refund.reference)),
    )
