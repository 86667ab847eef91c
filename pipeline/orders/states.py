"""The stored states of confirmations, cancellations, effects and attempts."""

from __future__ import annotations

from enum import StrEnum


class ConfirmationState(StrEnum):
    """The progress of a package's confirmation at the marketplace.

    FEED waits for the next feed. UNCLEAR was in a feed whose result cannot be read.
    """

    QUEUED = "queued"
    FEED = "feed"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


UNCONFIRMED = (ConfirmationState.QUEUED, ConfirmationState.FEED, ConfirmationState.SENT)
"""The states of a package until the marketplace has answered."""


class CancellationState(StrEnum):
    """The progress of the cancellation that the seller requests from the marketplace."""

    ASKED = "asked"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


TAKEN_BACK = (CancellationState.ASKED, CancellationState.REFUSED, CancellationState.UNCLEAR)
"""The states a person can withdraw: Amazon has not cancelled the order, and is not about to."""


class EffectKind(StrEnum):
    """The kind of object that a write to a remote makes."""

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
    """The seven steps, in sequence."""

    IMPORT_ORDER = "import_order"
    VERIFY_ORDER = "verify_order"
    ENRICH_ORDER = "enrich_order"
    CREATE_CUSTOMER = "create_customer"
    CREATE_ORDER = "create_order"
    SHIP_ORDER = "ship_order"
    SYNC_TRACKING = "sync_tracking"


class AttemptOutcome(StrEnum):
    """The end of a step's run. SUPERSEDED: another worker continued meanwhile. HANDED_BACK: the
    database was away or the worker ended."""

    DONE = "done"
    SKIPPED = "skipped"
    WAIT = "wait"
    HOLD = "hold"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    HANDED_BACK = "handed back"


REPEATABLE = (AttemptOutcome.WAIT, AttemptOutcome.HOLD)
"""Outcomes that several runs in a row may share; a single row of attempts stands for them."""
