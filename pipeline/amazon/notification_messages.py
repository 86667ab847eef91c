"""Reads a message of the notification queue: which order changed, or had money posted.

A message is only a hint. Just ids and a time are read from it: it uses the words of Orders API v0,
parts of it may be null, and its postal code is personal.
Source: Notifications API, ORDER_CHANGE and TRANSACTION_UPDATE, payload version 1.0.
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
_TRANSACTION_UPDATE = "TRANSACTION_UPDATE"
_ORDER_ID = "orderid"
_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order has changed. `notification_id` is the same when SQS delivers it again."""

    notification_id: str
    external_id: str
    seller_id: str
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MoneyPosted:
    """Amazon posted a transaction of an order. Its id and its amounts are read from Amazon."""

    external_id: str
    seller_id: str


@dataclass(frozen=True, slots=True)
class Other:
    """A notification that asks for nothing: of a type that we do not subscribe to, or about money
    that names no order."""

    kind: str


def read(body: str, message_id: str) -> OrderChange | MoneyPosted | Other | None:
    """The notification in a message, or None when it cannot be read.

    A notification without an id gets the id of its message.
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
    if kind == _TRANSACTION_UPDATE:
        return _posted(_part(_part(message, "Payload"), "TransactionUpdateNotification"))
    if _TYPE.fullmatch(kind) and kind != _ORDER_CHANGE:
        return Other(kind)
    return None


def _posted(update: Any) -> MoneyPosted | Other:
    """The name of the order's id reads OrderId in Amazon's example, ORDER_ID in its API."""
    related = _part(update, "RelatedIdentifiers")
    for each in related if isinstance(related, list) else ():
        name = _SIGNS.sub("", _text(each, "RelatedIdentifierName").lower())
        number = _text(each, "RelatedIdentifierValue")
        if name == _ORDER_ID and _NUMBER.fullmatch(number):
            seller = _text(_part(update, "SellingPartnerMetadata"), "SellingPartnerId")
            return MoneyPosted(number, seller)
    return Other(_TRANSACTION_UPDATE)


def _part(value: Any, name: str) -> Any:
    """A part by its name, which begins with a small letter in Amazon's newer notifications."""
    if not isinstance(value, Mapping):
        return None
    return value.get(name, value.get(name[0].lower() + name[1:]))


def _text(value: Any, name: str) -> str:
    return text(_part(value, name))


def _moment(value: Any, name: str) -> datetime | None:
    return moment({name: _part(value, name)}, name)
