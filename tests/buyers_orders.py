"""Orders of a buyer as the intake stores them, and which of them still have the buyer's data."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.intake.store import Intake
from pipeline.orders.tables import Order, OrderPrivate, Status
from pipeline.settings.model import Timing
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, settings

NAME, MAIL, STREET, PHONE = "Zacharias Quandt", "zq@market.example", "Nebelgasse 9", "0151 7654321"
DONE = {"status": Status.DONE, "due_at": None, "step": "sync_tracking"}
HELD = {"status": Status.HELD, "hold_code": "currency", "step": "enrich_order"}


def taken_in(
    sessions: Sessions, name: str = NAME, mail: str = MAIL, account: str = ACCOUNT, **changes: Any
) -> int:
    """An order of this buyer as Amazon reported it; `changes` are of its row."""
    own = settings().accounts[ACCOUNT]
    channel = Amazon(account, own, now=lambda: NOW)
    address = {"name": name, "addressLine1": STREET, "city": "Hof", "phone": PHONE}
    raw = a_raw_order(
        buyer={"buyerName": name, "buyerEmail": mail},
        recipient={"deliveryAddress": {**address, "countryCode": "DE", "postalCode": "95028"}},
    )
    [order_id] = Intake(sessions, a_vault(), Timing()).store(account, own, channel, [raw], NOW).new
    with sessions() as session, session.begin():
        order = session.get_one(Order, order_id)
        for column, value in (changes or DONE).items():
            setattr(order, column, value)
    return order_id


def kept(sessions: Sessions) -> list[int]:
    """The orders whose data is still there."""
    with sessions() as session:
        whole = select(OrderPrivate.order_id).where(OrderPrivate.wrapped_key.is_not(None))
        return list(session.scalars(whole.order_by(OrderPrivate.order_id)))
