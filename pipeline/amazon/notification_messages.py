"""What a message of the notification queue says: which order changed.

A message is a hint and no more. Nothing but two ids and a time is taken from it: it speaks v0's
words, parts of it may be null, and its postal code is personal.
Source: Notifications API, ORDER_CHANGE, payload version 1.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.amazon.json_fields import moment, text

_NUMBER = re.compile(r"[0-9A-Z]{3}-[0-9]{7}-[0-9]{7}")
_ID = re.compile(r"[\w-]{1,100}")
_TYPE = re.compile(r"[A-Z_]{1,60}")
_ORDER_CHANGE = "ORDER_CHANGE"


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order has changed. `notification_id` is the same when SQS delivers it once more."""

    notification_id: str
    external_id: str
    seller_id: str
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A notification of another type than the ones subscribed to here."""

    kind: str


def read(body: str, message_id: str) -> OrderChange | Other | None:
    """What a message says, or None when it cannot be read.

    A notification without an id of its own is known by its message's.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    kind = _text(message, "NotificationType")
    change = _part(_part(message, "Payload"), "OrderChangeNotification")
    number = _text(change, "AmazonOrderId")
    if _NUMBER.fullmatch(number) and kind in ("", _ORDER_CHANGE):
        own_id = _text(_part(message, "NotificationMetadata"), "NotificationId")
        known_as = own_id if _ID.fullmatch(own_id) else message_id
        trigger = _part(change, "OrderChangeTrigger")
        changed_at = _moment(trigger, "TimeOfOrderChange") or _moment(message, "EventTime")
        return OrderChange(known_as, number, _text(change, "SellerId"), changed_at)
    if _TYPE.fullmatch(kind) and kind != _ORDER_CHANGE:
        return Other(kind)
    return None


def _part(value: Any, name: str) -> Any:
    """A part by its name; Amazon's newer notifications begin theirs with a small letter."""
    if not isinstance(value, Mapping):
        return None
    return value.get(name, value.get(name[0].lower() + name[1:]))


def _text(value: Any, name: str) -> str:
    return text(_part(value, name))


def _moment(value: Any, name: str) -> datetime | None:
    return moment({name: _part(value, name)}, name)
