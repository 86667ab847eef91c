"""Why a refund stops or waits, whatever its amounts are, and when a person has to see it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from pipeline.base.errors import RemoteError
from pipeline.orders.channel_order import FulfilledBy
from pipeline.refunds.messages import NotSendable, RefundHold
from pipeline.refunds.order_finances import NEED_PERSON
from pipeline.refunds.refund_file import RefundFile
from pipeline.refunds.states import (
    AFTER_RESTORE,
    BEFORE_START,
    RESTORED,
    SWITCHED_OFF,
    RefundState,
)
from pipeline.refunds.tables import AmazonRefund
from pipeline.settings.marketplace import MarketplaceSettings

PATIENCE = timedelta(hours=96)
"""How long a refund waits, or is looked for, before a person has to see it."""
_LONGEST_REASON = 400
NO_RESULT = "Amazon gave no result"
_LEAVE_IT_OUT = "or refund the buyer in Seller Central and leave the refund out here"
_DEFECT = f"a defect in this program: report it with its log, {_LEAVE_IT_OUT}"
WAITED_FOR = {
    RefundHold.MEMO_OPEN: f"set it to refunded in the shop, {_LEAVE_IT_OUT}",
    RefundHold.NOT_READ: "the shop has not sent it again: refund the buyer in Seller Central, and "
    "leave the refund out here",
    RefundHold.NOT_SHIPPED: f"ship or cancel its other units, {_LEAVE_IT_OUT}",
    RefundHold.MAYBE_OWN_MEMO: "look in the shop whether Orderbridge made it, and refund the buyer "
    "in Seller Central if it did not",
}
"""What to do about the holds that the next reading of the shop or of Amazon may end."""


class Stop(NamedTuple):
    """A reason not to go on, with its code."""

    code: str
    reason: str


def never(file: RefundFile) -> Stop | None:
    """Why the memo never goes to Amazon, whatever the settings say."""
    if file.refund.memo_id in file.own.ids:
        return Stop(RefundHold.OWN_MEMO, "this program made the credit memo itself")
    if file.order.fulfilled_by == FulfilledBy.AMAZON:
        return Stop(RefundHold.FBA, "Amazon fulfils the order, and refunds its buyers itself")
    return None


def switched_off(file: RefundFile, settings: MarketplaceSettings) -> Stop | None:
    """Why the settings hold the memo; a person can have it prepared all the same."""
    if settings.refunds_to_amazon == "never" or file.since is None:
        return Stop(SWITCHED_OFF, 'refunds_to_amazon is "never"')
    if file.refund.memo_at < file.since:
        reason = "the credit memo is older than the setting refunds_to_amazon"
        return Stop(BEFORE_START, reason)
    return None


def must_ask(
    file: RefundFile, total: Decimal, settings: MarketplaceSettings
) -> tuple[str | None, str] | None:
    """The code and the reason why a person is asked although the setting is "send"."""
    limit, restored_at = settings.refund_at_most, file.restored_at
    if restored_at is not None and file.refund.memo_at < restored_at:
        return RESTORED, AFTER_RESTORE
    if limit is not None and total > limit:
        return None, "it is more than refund_at_most"
    return None


def has_waited(refund: AmazonRefund, now: datetime) -> bool:
    """Whether the refund is late, from the credit memo or from a person's decision on."""
    return now >= (refund.decided_at or refund.memo_at) + PATIENCE


def is_given_up(file: RefundFile, now: datetime) -> bool:
    """Whether Finances would show by now what was sent without a result.

    What was lost with a restore may have been sent until then.
    """
    sent_at = file.refund.sent_at or file.refund.changed_at
    return now >= max(sent_at, file.restored_at or sent_at) + PATIENCE


def waiting(refusal: NotSendable) -> str:
    """What a person is told of a memo that one of WAITED_FOR holds for too long."""
    return _unchanged(refusal.sentence, WAITED_FOR[refusal.code])


def no_dispatch(status: str) -> str:
    """What a person is told of an order that is not dispatched for too long."""
    sentence = f"the order is {status} at Amazon, which refunds after the dispatch is confirmed"
    return _unchanged(sentence, f"see why it is not, {_LEAVE_IT_OUT}")


def _unchanged(sentence: str, todo: str) -> str:
    return f"{sentence}. This has not changed for 96 hours: {todo}"


def after_trouble(file: RefundFile, error: RemoteError, now: datetime) -> tuple[str | None, bool]:
    """The row's new reason after a call that failed, and whether a person has to see it now."""
    return _stopped(file, error.told[:_LONGEST_REASON], now, is_hopeless=error.code in NEED_PERSON)


def after_defect(file: RefundFile, now: datetime) -> tuple[str | None, bool]:
    """The same after an error that no call raised."""
    return _stopped(file, _DEFECT, now, is_hopeless=True)


def _stopped(
    file: RefundFile, told: str, now: datetime, *, is_hopeless: bool
) -> tuple[str | None, bool]:
    """What Amazon said about a message stays. Of a message without a result a person decides only
    after Finances would show it. What is hopeless stays as it is until a person acts."""
    refund = file.refund
    if refund.state == RefundState.REFUSED:
        return None, False
    if refund.state == RefundState.UNKNOWN:
        if refund.needs_person or not is_given_up(file, now):
            return None, False
        return f"{refund.reason or NO_RESULT}; it cannot be looked for: {told}", True
    return told, is_hopeless or has_waited(refund, now)
