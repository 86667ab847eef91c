"""The states of a refund to Amazon, from the shop's credit memo to the refund seen at Amazon.

    HELD ──────────────┐                        ┌─▶ ACCEPTED
    ASKED ─ a person ──┼─▶ CHOSEN ─▶ IN_FEED ───┼─▶ REFUSED
    WAITING ─ delay ───┘      ▲         │       └─▶ UNKNOWN ─ Finances ─▶ SEEN
                              └─────────┘ Amazon certainly did nothing

Each state is committed before the call after it. Amazon has no key against a second refund, so a
message leaves CHOSEN again only if its feed was never created, never begun or refused whole.
"""

from __future__ import annotations

from enum import StrEnum


class RefundState(StrEnum):
    """How far the refund of a credit memo is; see the module."""

    HELD = "held"
    ASKED = "asked"
    WAITING = "waiting"
    CHOSEN = "chosen"
    IN_FEED = "in feed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    SEEN = "seen"
    NEVER = "never"
    DISMISSED = "dismissed"


UNDECIDED = (RefundState.HELD, RefundState.ASKED, RefundState.WAITING)
"""The states in which nothing was sent: a person may still decide."""

UNDER_WAY = (RefundState.CHOSEN, RefundState.IN_FEED, RefundState.UNKNOWN)
"""The states in which Amazon has the refund, may have it, or will soon have it."""

GIVEN = (RefundState.ACCEPTED, RefundState.SEEN)
"""The states in which the buyer has the money."""


BEFORE_START = "before_start"
SWITCHED_OFF = "switched_off"
RESTORED = "restored"
QUIET_HOLDS = (BEFORE_START, SWITCHED_OFF)
"""The codes of refunds that are held because of the settings: nobody has to look at them."""
AFTER_RESTORE = (
    "the database was made or restored since, and the refund may have been sent before: look in "
    "Seller Central whether Amazon has it"
)
SENT_BEFORE = (
    "a message about it was sent to Amazon before: look in Seller Central whether Amazon has it"
)
