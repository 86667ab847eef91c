"""Moves a refund from state to state, up to the feed and after it.

Before a message leaves, Amazon's Finances are read for its order: a refund of the same amount is
the answer already, and others leave less to give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from pipeline.amazon.transactions import Transaction
from pipeline.base.errors import CannotMap, RemoteError
from pipeline.orders.amounts import Amounts
from pipeline.orders.channel_order import ChannelOrder, FulfilledBy, RemoteStatus
from pipeline.orders.tables import Order
from pipeline.refunds.feeds import FINANCES_ARE_LATE, LOOKED_WITHIN
from pipeline.refunds.matching import AtAmazon, Match, references, with_more
from pipeline.refunds.messages import NotSendable, RefundHold, RefundMessage
from pipeline.refunds.own_refund import not_of_others, of_message, of_sent
from pipeline.refunds.planning import plan
from pipeline.refunds.pressed import change_since
from pipeline.refunds.refund_file import RefundFile, RefundFiles
from pipeline.refunds.states import (
    AFTER_RESTORE,
    BEFORE_START,
    RESTORED,
    SWITCHED_OFF,
    RefundState,
)
from pipeline.settings.marketplace import MarketplaceSettings

UNTIL_SHIPPED = timedelta(minutes=30)
LOOK_AGAIN = timedelta(hours=6)
GIVEN_UP_AFTER = timedelta(hours=96)
_LOOK_BEFORE_STALE = LOOKED_WITHIN - timedelta(minutes=10)
_READ_AGAIN = (
    RefundHold.MEMO_OPEN,
    RefundHold.NOT_READ,
    RefundHold.NOT_SHIPPED,
    RefundHold.MAYBE_OWN_MEMO,
)
"""The holds that the next reading of the shop or of Amazon may end."""
_SHOWS_NONE = "Amazon's Finances show no such refund after 96 hours"
_NO_MATCH = Match()
_NO_MESSAGE: dict[str, Any] = {"body": None, "total": None}


@dataclass(frozen=True, slots=True)
class RefundDesk:
    """Decides about refunds; each decision is committed before the next call.

    `paid` is what the buyer paid for an order, with its report. `memo_again` reads the memo in the
    shop, and returns the refund as it is then; None when the shop does not show the memo.
    `finances` are Amazon's transactions of an order, `ask` raises NotSent where nothing may be
    written to the account.
    """

    files: RefundFiles
    settings: Callable[[Order], MarketplaceSettings]
    paid: Callable[[Order], tuple[Amounts, ChannelOrder]]
    memo_again: Callable[[RefundFile], RefundFile | None]
    finances: Callable[[str], Sequence[Transaction]]
    ask: Callable[[str], None]
    now: Callable[[], datetime]

    def go_on(self, file: RefundFile) -> None:
        """Take the refund's next step. Raises the errors of the calls, and CannotMap."""
        match file.refund.state:
            case RefundState.HELD:
                self._decide(file)
            case RefundState.ASKED:
                self._prepare(file)
            case RefundState.WAITING:
                self._end_of_delay(file)
            case RefundState.CHOSEN:
                self._make_ready(file)
            case RefundState.UNKNOWN:
                self._look_for(file)
            case RefundState.REFUSED:
                self._look_after_refusal(file)
            case _:
                self._write(file, due_at=None)

    def _decide(self, file: RefundFile) -> None:
        """The first decision about a memo."""
        if self._is_final(file) or self._is_off(file):
            return
        if self.settings(file.order).refunds_to_amazon == "ask":
            self._prepare(file)
            return
        message = self._planned(file, [])
        if message is not None and not self._must_ask(file, message):
            delay = timedelta(minutes=self.settings(file.order).refund_delay_minutes)
            due_at = max(self.now(), file.refund.memo_at + delay)
            self._write(file, state=RefundState.WAITING, due_at=due_at, **_as_columns(message))

    def _prepare(self, file: RefundFile) -> None:
        """Make the message that a person is asked about, unless Amazon has the refund already."""
        try:
            found = self._at_amazon(file)
        except RemoteError:
            found = []  # Finances are read again before the message leaves
        message, match = self._message_beside(file, found)
        if message is not None:
            self._ask_person(file, message, match=match)

    def _end_of_delay(self, file: RefundFile) -> None:
        """The settings, the memo's words and its amounts count as they are now."""
        if self._is_final(file) or self._is_off(file):
            return
        message = self._planned(file, [])
        if message is None or self._must_ask(file, message):
            return
        if self.settings(file.order).refunds_to_amazon == "ask":
            self._ask_person(file, message)
        elif file.order.remote_status != RemoteStatus.SHIPPED:
            self._write(file, due_at=self.now() + UNTIL_SHIPPED, **_as_columns(message))
        else:
            values = {**_as_columns(message), "looked_at": None, "due_at": self.now()}
            self._write(file, state=RefundState.CHOSEN, **values)

    def _make_ready(self, file: RefundFile) -> None:
        """Look into Finances; the next feed takes the message soon after, or it is looked again."""
        if self._is_final(file):
            return
        if file.order.remote_status != RemoteStatus.SHIPPED:
            self._write(file, due_at=self.now() + UNTIL_SHIPPED)
            return
        self.ask(file.order.account)
        again = self.memo_again(file)
        if again is None:
            sentence = "the shop does not show the credit memo any more"
            self._hold(file, RefundHold.NOT_READ, sentence, needs_person=True)
            return
        if again.refund.changed_at != file.refund.changed_at:
            return  # somebody has decided meanwhile
        file = again
        message, match = self._message_beside(file, self._at_amazon(file))
        if message is None:
            return
        reason = change_since(file.refund, message)
        if reason is not None or match.is_news:
            self._ask_person(file, message, reason=reason, match=match)
            return
        now = self.now()
        values = {**_as_columns(message), "looked_at": now, "due_at": now + _LOOK_BEFORE_STALE}
        self._write(file, reason=None, **values)

    def _look_for(self, file: RefundFile) -> None:
        """Look for a refund whose message had no result; after 96 hours a person has to."""
        refund, now = file.refund, self.now()
        match = of_sent(file, self._at_amazon(file))
        if match.own:
            self._seen(file, match.own)
            return
        sent_at = refund.sent_at or refund.changed_at
        if now < sent_at + GIVEN_UP_AFTER:
            self.files.later(refund.id, now + LOOK_AGAIN)
            return
        self._write(
            file,
            due_at=None,
            needs_person=True,
            looked_at=now,
            asked_about=with_more(refund.asked_about, references(match.doubtful)),
            reason=f"{refund.reason or 'Amazon gave no result'}; {match.sentence or _SHOWS_NONE}",
        )

    def _look_after_refusal(self, file: RefundFile) -> None:
        """What Amazon refused may be refunded there already; Finances may be two days late."""
        match = of_sent(file, self._at_amazon(file))
        if match.own:
            self._seen(file, match.own)
            return
        refund, now = file.refund, self.now()
        late = (refund.sent_at or refund.changed_at) + FINANCES_ARE_LATE
        self._write(file, due_at=late if now < late else None, looked_at=now)

    def _is_final(self, file: RefundFile) -> bool:
        """Whether the memo never goes to Amazon, whatever the settings say."""
        if file.refund.memo_id in file.own.ids:
            return self._never(
                file, RefundHold.OWN_MEMO, "this program made the credit memo itself"
            )
        if file.order.fulfilled_by == FulfilledBy.AMAZON:
            return self._never(
                file, RefundHold.FBA, "Amazon fulfils the order, and refunds its buyers itself"
            )
        return False

    def _never(self, file: RefundFile, code: str, reason: str) -> bool:
        return self._hold(file, code, reason, state=RefundState.NEVER)

    def _is_off(self, file: RefundFile) -> bool:
        """Whether the settings hold the memo; a person can have it prepared all the same."""
        mode = self.settings(file.order).refunds_to_amazon
        if mode == "never" or file.since is None:
            return self._hold(file, SWITCHED_OFF, 'refunds_to_amazon is "never"')
        if file.refund.memo_at < file.since:
            return self._hold(
                file, BEFORE_START, "the credit memo is older than the setting refunds_to_amazon"
            )
        return False

    def _must_ask(self, file: RefundFile, message: RefundMessage) -> bool:
        """Whether a person is asked although the setting is "send"."""
        limit, restored_at = self.settings(file.order).refund_at_most, file.restored_at
        if restored_at is not None and file.refund.memo_at < restored_at:
            return self._ask_person(file, message, hold_code=RESTORED, reason=AFTER_RESTORE)
        if limit is not None and message.total > limit:
            return self._ask_person(file, message, reason="it is more than refund_at_most")
        return False

    def _planned(self, file: RefundFile, found: Sequence[AtAmazon]) -> RefundMessage | None:
        """The memo's message; None when there is none, and the row says why."""
        try:
            amounts, report = self.paid(file.order)
        except CannotMap as error:
            self._hold(file, error.code, str(error), needs_person=True)
            return None
        planned = plan(file, amounts, report, found, self.settings(file.order))
        if isinstance(planned, RefundMessage):
            return planned
        self._refuse(file, planned)
        return None

    def _refuse(self, file: RefundFile, refusal: NotSendable) -> None:
        if refusal.is_final:
            self._never(file, refusal.code, refusal.sentence)
        elif refusal.code in _READ_AGAIN:
            again = self.now() + UNTIL_SHIPPED
            self._hold(file, refusal.code, refusal.sentence, due_at=again)
        else:
            self._hold(file, refusal.code, refusal.sentence, needs_person=True)

    def _message_beside(
        self, file: RefundFile, found: Sequence[AtAmazon]
    ) -> tuple[RefundMessage | None, Match]:
        """The message beside the refunds at Amazon, and which of them may be its own; no message
        when one of them is, or when there is none, and the row says so.

        The memo's own refund is recognised by the message before it, since it leaves nothing to
        send.
        """
        whole = self._planned(file, [])
        if whole is None or not found:
            return whole, Match()
        match = of_message(file, found, whole)
        if match.own:
            self._seen(file, match.own, **_as_columns(whole))
            return None, match
        return self._planned(file, found), match

    def _at_amazon(self, file: RefundFile) -> list[AtAmazon]:
        return not_of_others(file, self.finances(file.order.external_id))

    def _seen(self, file: RefundFile, found: Sequence[AtAmazon], **values: Any) -> bool:
        values = {"reason": None, "hold_code": None, **values}
        return self._write(
            file,
            state=RefundState.SEEN,
            due_at=None,
            needs_person=False,
            looked_at=self.now(),
            transaction_id=references(found),
            **values,
        )

    def _hold(
        self,
        file: RefundFile,
        code: str,
        reason: str,
        *,
        state: RefundState = RefundState.HELD,
        needs_person: bool = False,
        due_at: datetime | None = None,
    ) -> bool:
        return self._write(
            file,
            state=state,
            hold_code=code,
            reason=reason,
            needs_person=needs_person,
            due_at=due_at,
            **_NO_MESSAGE,
        )

    def _ask_person(
        self,
        file: RefundFile,
        message: RefundMessage,
        reason: str | None = None,
        hold_code: str | None = None,
        match: Match = _NO_MATCH,
    ) -> bool:
        if match.doubtful:
            hold_code = RefundHold.MAYBE_REFUNDED
            reason = "; ".join(each for each in (reason, match.sentence) if each)
        return self._write(
            file,
            state=RefundState.ASKED,
            needs_person=True,
            due_at=None,
            hold_code=hold_code,
            reason=reason,
            asked_about=with_more(file.refund.asked_about, references(match.doubtful)),
            **_as_columns(message),
        )

    def _write(self, file: RefundFile, **values: Any) -> bool:
        """Commit; True also when somebody else has changed the row, since then this run ends."""
        self.files.write(file.refund, self.now(), **values)
        return True


def _as_columns(message: RefundMessage) -> dict[str, Any]:
    total: Decimal = message.total
    return {"body": message.body(), "total": total, "currency": message.currency}
