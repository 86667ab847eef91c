"""A requested shipment as a step uses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.orders.ledger_write import key_of


class RequestState(StrEnum):
    """The progress of a requested shipment.

    A refused request is tried again whenever its order runs; an ended request made no shipment.
    """

    OPEN = "open"
    REFUSED = "refused"
    DONE = "done"
    ENDED = "ended"


STANDING = (RequestState.OPEN, RequestState.REFUSED)
"""The requests that may still be made. An order has at most one of them."""


@dataclass(slots=True)
class RequestedShipment:
    """A request to ship all units left under this number. `why` is the reason of a refusal or
    end."""

    id: int
    carrier_code: str
    carrier_title: str
    tracking_number: str
    state: str = RequestState.OPEN
    magento_shipment_id: int | None = None
    why: str = ""


def requested_shipment_key(account: str, external_id: str, requested_id: int) -> str:
    """The ledger's key for the shipment of a request."""
    return key_of("ship", account, external_id, requested_id)
