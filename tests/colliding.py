"""Two shops and two accounts in which every number is given twice.

Every Magento counts its orders, shipments and credit memos from 1, and nothing keeps two accounts
from having an order with the same number: what is looked up by a number alone finds both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.base.db import Sessions
from pipeline.orders.tables import Status
from pipeline.settings.model import Settings
from tests.builders import ACCOUNT, NOW, SHOP, a_number, an_item, an_order, settings, stored

OTHER_ACCOUNT, OTHER_SHOP = "na", "other"
ENTITY_ID, INCREMENT_ID = 900, "000000900"


def two_of_each(**given: Any) -> Settings:
    """The account "eu" sells into the shop "main", "na" into "other"; all else is alike."""
    made = settings(**given)
    account = made.accounts[ACCOUNT].model_copy(update={"shop": OTHER_SHOP})
    return made.model_copy(
        update={
            "shops": {**made.shops, OTHER_SHOP: made.shops[SHOP]},
            "accounts": {**made.accounts, OTHER_ACCOUNT: account},
        }
    )


@dataclass(frozen=True)
class Twins:
    """Two orders, by our ids, alike in every number but of different accounts and shops."""

    number: str
    ours: int
    others: int


def twins(sessions: Sessions, **changes: Any) -> Twins:
    """A pair that waits for the warehouse. `changes` may hold builders of lines and packages, as
    functions, since each order has its own."""
    number = a_number()
    ids = [
        stored(
            sessions,
            an_order(
                **{
                    "account": account,
                    "external_id": number,
                    "magento_order_id": ENTITY_ID,
                    "magento_increment_id": INCREMENT_ID,
                    "step": "ship_order",
                    "status": Status.WAITING,
                    "due_at": NOW,
                    "shown": True,
                    "items": [an_item(magento_item_id=501)],
                    **{
                        key: value() if callable(value) else value for key, value in changes.items()
                    },
                }
            ),
        )
        for account in (ACCOUNT, OTHER_ACCOUNT)
    ]
    return Twins(number, *ids)
