"""A shipment that a person asked for here, as a step has it in hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.orders.ledger_write import key_of


class RequestState(StrEnum):
    """How far it has come.

    A refused one is tried again whenever its order is looked at; of an ended one nothing came.
    """

    OPEN = "open"
    REFUSED = "refused"
    DONE = "done"
    ENDED = "ended"


STANDING = (RequestState.OPEN, RequestState.REFUSED)
"""What is still to be made. An order has one of these at most."""


@dataclass(slots=True)
class RequestedShipment:
    """All that is left of an order is to go under this number. `why` is the refusal, or the end."""

    id: int
    carrier_code: str
    carrier_title: str
    tracking_number: str
    state: str = RequestState.OPEN
    magento_shipment_id: int | None = None
    why: str = ""


def requested_shipment_key(account: str, external_id: str, requested_id: int) -> str:
    """The ledger's key of the shipment that a wish leads to."""
    return key_of("ship", account, external_id, requested_id)
