"""A person states the value of an order, as long as the order has no Magento order.

Only an order that is held because the marketplace gives no amount can have a stated value. An
amount that the marketplace gives later counts instead, unless the order's details were already
filled in from the stated value.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from iso4217 import Currency
from sqlalchemy.orm import Session

from pipeline.base.db import Sessions
from pipeline.base.master_keys import KeyMissing
from pipeline.base.money import LARGEST_AMOUNT, minor_unit, parse_amount, written
from pipeline.base.vault import Vault
from pipeline.operations.acts.address import is_being_placed
from pipeline.operations.acts.one_order import LONGEST_NOTE, NotPossible
from pipeline.orders.machine import STEPS, wake
from pipeline.orders.order_words import note
from pipeline.orders.stated_value import StatedValue, tells_no_total
from pipeline.orders.states import StepName
from pipeline.orders.tables import LIVE, Order, Status
from pipeline.settings.marketplaces import currency_of


def may_say(order: Order) -> bool:
    """Whether the order is held for a stated value, or has one that can still be changed."""
    is_held = order.status == Status.HELD and tells_no_total(order.hold_facts)
    return order.magento_order_id is None and (is_held or may_withdraw(order))


def may_withdraw(order: Order) -> bool:
    """Whether the order has a stated value and no Magento order yet."""
    return (
        order.stated_value is not None and order.magento_order_id is None and order.status in LIVE
    )


class StatedValues:
    """Stores stated values. Each method raises NotPossible."""

    def __init__(self, sessions: Sessions, vault: Vault, author: str, now: datetime) -> None:
        self._sessions = sessions
        self._vault = vault
        self._author = author
        self._now = now

    def say(self, order_id: int, amount: str, currency: str, why: str) -> None:
        """Store the order's total, tax included; the lines share it by their units."""
        if not why.strip():
            raise NotPossible("say why it is worth that")
        with self._sessions() as session, session.begin():
            order = _changeable(session, order_id)
            if not may_say(order):
                raise NotPossible("it is not held for a missing Amazon total")
            code = _currency(order, currency)
            total = _amount(amount, code)
            units = {item.external_item_id: item.quantity for item in order.items if item.quantity}
            if not units:
                raise NotPossible("its lines are not known yet")
            order.stated_value = StatedValue(total, code, units, self._author).as_json()
            _back_to_the_details(order)
            text = f"stated that it is worth {written(total, code)} {code}"
            self._note(session, order_id, text, why.strip()[:LONGEST_NOTE])

    def withdraw(self, order_id: int) -> None:
        """Drop the stated value: the order is held again, unless Amazon gives an amount by now."""
        with self._sessions() as session, session.begin():
            order = _changeable(session, order_id)
            if not may_withdraw(order):
                raise NotPossible("no value was stated for it")
            order.stated_value = None
            _back_to_the_details(order)
            self._note(session, order_id, "took back the stated value")

    def _note(self, session: Session, order_id: int, text: str, typed: str = "") -> None:
        try:
            note(session, self._vault, [order_id], text, typed, author=self._author, at=self._now)
        except KeyMissing as error:
            raise NotPossible(str(error)) from None
        wake(session, [order_id], self._now)


def _changeable(session: Session, order_id: int) -> Order:
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise NotPossible("it has just been deleted")
    if order.magento_order_id is not None:
        number = order.magento_increment_id or str(order.magento_order_id)
        raise NotPossible(f"it is Magento order {number} already")
    if order.status not in LIVE:
        raise NotPossible(f"it is {order.status} here")
    if order.status == Status.RUNNING:
        raise NotPossible("a step is running right now: try again in a moment")
    if is_being_placed(session, order):
        raise NotPossible(
            "its Magento order is being created at this moment: try again in some minutes"
        )
    return order


def _back_to_the_details(order: Order) -> None:
    """Set the order back to the step that fills in its amounts."""
    if STEPS.index(order.step) > STEPS.index(StepName.ENRICH_ORDER):
        order.step, order.status = StepName.ENRICH_ORDER, Status.READY


def _currency(order: Order, text: str) -> str:
    code = text.strip().upper()
    expected = order.currency or currency_of(order.marketplace_id)
    if expected and code != expected:
        raise NotPossible(f"its currency is {expected}")
    try:
        Currency(code)
    except ValueError:
        raise NotPossible("the currency must be its code of three letters, such as EUR") from None
    return code


def _amount(text: str, currency: str) -> Decimal:
    try:
        amount = parse_amount(text.strip())
    except ValueError:
        raise NotPossible("write the amount as 12.50") from None
    if not 0 <= amount < LARGEST_AMOUNT:
        raise NotPossible("the amount must be zero or more, and not absurdly large")
    if amount % minor_unit(currency):
        raise NotPossible(f"{currency} has no parts smaller than {minor_unit(currency)}")
    return abs(amount)  # a zero loses its sign
