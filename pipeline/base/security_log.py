"""The security log: who did what to whom or what, from where, and when.

Rows are added in the transaction of the act that they describe, so that neither is there without
the other. Each row's hash covers the hash before it: a changed or removed row breaks the chain. See
docs/decisions/0071.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from pipeline.base.tables import SecurityLogRow

BEGINNING = bytes(32)
"""The hash before the first row."""
_LOCK = 7_204_251_907


class Action(StrEnum):
    """What a row of the log is about."""

    SIGNED_IN = "signed in"
    SIGN_IN_REFUSED = "sign-in refused"
    SIGN_IN_PAUSED = "sign-in paused"
    SIGNED_OUT = "signed out"
    FLOWER_OPENED = "Flower opened"
    PERSON_ADDED = "person added"
    PERSON_RENAMED = "person renamed"
    PERSON_REMOVED = "person removed"
    ROLE_CHANGED = "role changed"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 - the name of an act
    SECOND_FACTOR_SET_UP = "second factor set up"
    SECOND_FACTOR_RESET = "second factor reset"
    RECOVERY_CODE_USED = "recovery code used"
    SIGN_INS_ENDED = "sign-ins ended"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    DISCLOSED = "personal data shown"
    NAMES_SHOWN = "names shown"
    NAMES_EXPORTED = "names exported"
    BUYER_SEARCHED = "buyer searched"
    PURGED = "purged"
    SETTING_CHANGED = "setting changed"
    COPY_ACCEPTED = "copy accepted"
    RESTORE_REPORTED = "restore reported"
    LOG_PRUNED = "log pruned"
    KEY_ROTATED = "master key rotated"
    ACCESS_REVIEWED = "access reviewed"
    TOKEN_CREATED = "token created"  # noqa: S105 - the name of an act
    TOKEN_REVOKED = "token revoked"  # noqa: S105 - the name of an act
    TOKEN_REFUSED = "token refused"  # noqa: S105 - the name of an act
    TOKENS_PAUSED = "tokens paused"
    ACTED_BY_TOKEN = "act by token"  # noqa: S105 - the name of an act
    WEBHOOK_ADDED = "webhook added"
    WEBHOOK_CHANGED = "webhook changed"
    WEBHOOK_REMOVED = "webhook removed"
    WEBHOOK_REPLAYED = "webhook replayed"
    REFUND_SENT = "refund sent"
    REFUND_PREPARED = "refund prepared"
    REFUND_LEFT_OUT = "refund left out"
    REFUND_TAKEN_BACK = "refund decision taken back"
    REFUND_SETTLED = "refund settled"
    INVOICE_UPLOADED_AGAIN = "invoice uploaded again"
    INVOICE_IGNORED = "invoice ignored"


SHOWING = (Action.DISCLOSED, Action.NAMES_SHOWN, Action.NAMES_EXPORTED)
"""Acts that show buyers' data to a person; their fact `orders` says of how many orders."""

REVIEW_OBJECT = "all people"
"""The object of a review of access: by it the last review is found."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who acts, from which address, and when. The command line has no address."""

    person: str
    address: str
    at: datetime


def order_object(order_id: int) -> str:
    """How the log names an order as the object of an act."""
    return f"order {order_id}"


def take_turn(session: Session) -> None:
    """Wait until no other transaction adds rows, and keep others from it until this one's end."""
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def record(
    session: Session,
    *,
    at: datetime,
    person: str,
    address: str,
    action: Action,
    object: str = "",
    facts: Mapping[str, str | int | bool | None] | None = None,
) -> None:
    """Add a row to the log. Facts hold nothing that names a buyer.

    Call it last in the transaction, since it takes turns with all other acts until the commit; and
    never in what every order goes through.
    """
    take_turn(session)
    last = session.execute(
        select(SecurityLogRow.id, SecurityLogRow.hash).order_by(SecurityLogRow.id.desc()).limit(1)
    ).one_or_none()
    number, previous = (last.id + 1, last.hash) if last else (1, BEGINNING)
    row = {
        "id": number,
        "at": at,
        "person": person,
        "address": address,
        "action": action,
        "object": object,
        "facts": dict(facts or {}),
    }
    values = {**row, "previous_hash": previous, "hash": hash_of(previous, row)}
    session.execute(insert(SecurityLogRow).values(values))


def hash_of(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The hash of a row's content and the hash before it."""
    content = json.dumps(
        {**row, "at": row["at"].astimezone(UTC).isoformat(timespec="microseconds")},
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + content.encode()).digest()
