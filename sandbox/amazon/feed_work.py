"""What Amazon does with an order feed: each message by itself, and a report of all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from sandbox.amazon.errors import ApiError, Refused
from sandbox.amazon.feed_cancellation import cancel
from sandbox.amazon.feed_envelope import Message, Result, read_messages, write_report
from sandbox.amazon.feed_fulfilment import fulfil
from sandbox.amazon.feed_refunds import PAYMENT_ADJUSTMENT, malformed, read_refunds, refund

Handler = Callable[[sqlite3.Connection, sqlite3.Row, Message, datetime], None]

FEED_TYPES: dict[str, tuple[str, Handler]] = {
    "POST_ORDER_FULFILLMENT_DATA": ("OrderFulfillment", fulfil),
    "POST_ORDER_ACKNOWLEDGEMENT_DATA": ("OrderAcknowledgement", cancel),
    PAYMENT_ADJUSTMENT: ("OrderAdjustment", refund),
}
"""Feed type → the kind of its messages, and what is done with each."""


def work(db: sqlite3.Connection, feed: sqlite3.Row, document: bytes, now: datetime) -> bytes:
    """Do what the document asks for, with the fate FATAL_HALF half of it, and return the report."""
    kind, handle = FEED_TYPES[feed["feed_type"]]
    try:
        messages = read_messages(document, kind)
        if feed["feed_type"] == PAYMENT_ADJUSTMENT:
            read_refunds(messages)
    except Refused as error:
        is_schema = feed["feed_type"] == PAYMENT_ADJUSTMENT and error.code != "50001"
        return write_report([Result("0", malformed(error) if is_schema else error)], 0)
    if feed["fate"] == "FATAL_HALF":
        messages = messages[: (len(messages) + 1) // 2]
    results: list[Result] = []
    for message in messages:
        try:
            handle(db, feed, message, now)
        except Refused as error:
            results.append(Result(message.number, error))
        except ApiError as error:
            results.append(Result(message.number, Refused(error.message)))
    silent_on = messages[-1].number if feed["fate"] == "MISSING_RESULT" else None
    return write_report(results, len(messages), silent_on=silent_on)
