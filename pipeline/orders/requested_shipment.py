"""A requested shipment as a step uses it."""

from __future__ import annotations

from collections.abc import Mapping
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
"""The requests that may still be made. Those of an order are parcels of one wish."""


@dataclass(slots=True)
class RequestedShipment:
    """A request to ship units under this number. `why` is the reason of a refusal or end.

    `units` are the quantities by the line's id at Amazon; None means all units left, and then the
    request stands alone.
    """

    id: int
    carrier_code: str
    carrier_title: str
    tracking_number: str
    state: str = RequestState.OPEN
    magento_shipment_id: int | None = None
    why: str = ""
    units: Mapping[str, int] | None = None


def requested_shipment_key(account: str, external_id: str, requested_id: int) -> str:
    """The ledger's key for the shipment of a request."""
    return key_of("ship", account, external_id, requested_id)
