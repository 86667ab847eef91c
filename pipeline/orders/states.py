"""How far what an order needs of a remote has come, and how its runs ended: the stored words."""

from __future__ import annotations

from enum import StrEnum


class ConfirmationState(StrEnum):
    """How far the confirmation of a package at the marketplace has come.

    FEED waits for the next feed. UNCLEAR was in a feed whose result nobody can read.
    """

    QUEUED = "queued"
    FEED = "feed"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


UNCONFIRMED = (ConfirmationState.QUEUED, ConfirmationState.FEED, ConfirmationState.SENT)
"""What a package goes through until the marketplace has answered."""


class CancellationState(StrEnum):
    """How far the cancellation that the seller wants of the marketplace has come."""

    ASKED = "asked"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


TAKEN_BACK = (CancellationState.ASKED, CancellationState.REFUSED, CancellationState.UNCLEAR)
"""What a person can take back: Amazon has not cancelled, and is not about to."""


class EffectKind(StrEnum):
    """What a write to a remote makes."""

    CANCELLATION = "cancellation"
    COMMENT = "comment"
    CONFIRMATION = "shipment confirmation"
    CREDIT_MEMO = "credit memo"
    CUSTOMER = "customer"
    INVOICE = "invoice"
    LOWERING = "lowering"
    MARKING = "marking"
    ORDER = "order"
    PARTIAL_CANCELLATION = "partial cancellation"
    PRODUCT = "product"
    REOPENING = "reopening"
    RESERVATION = "reservation"
    SHIPMENT = "shipment"
    STATUS = "status"


class StepName(StrEnum):
    """The seven steps, in their order."""

    IMPORT_ORDER = "import_order"
    VERIFY_ORDER = "verify_order"
    ENRICH_ORDER = "enrich_order"
    CREATE_CUSTOMER = "create_customer"
    CREATE_ORDER = "create_order"
    SHIP_ORDER = "ship_order"
    SYNC_TRACKING = "sync_tracking"


class AttemptOutcome(StrEnum):
    """How a run of a step ended; SUPERSEDED when another worker went on meanwhile,
    HANDED_BACK when the database was away or the worker ended."""

    DONE = "done"
    SKIPPED = "skipped"
    WAIT = "wait"
    HOLD = "hold"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    HANDED_BACK = "handed back"


REPEATABLE = (AttemptOutcome.WAIT, AttemptOutcome.HOLD)
"""What several runs in a row may end with alike, which one row of attempts then stands for."""
