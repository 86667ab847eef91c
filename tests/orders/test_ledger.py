"""The effect ledger: one remote effect, whatever happens at whatever point.

The remote here is a list: `Remote.made` is what it has done, and nothing undoes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.errors import (
    AccountStopped,
    CannotMap,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Transient,
)
from pipeline.base.retry import call_with_retry
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Made, Write
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Effect, EffectState
from tests.builders import NOW, an_order, stored

LIMIT = timedelta(seconds=60)
# A call may begin a quarter of the limit after its intent, and last the whole of it.
SETTLED = timedelta(seconds=75)
KEY = "order:eu:1"


class Crash(BaseException):
    """The end of a process, as far as the ledger can tell."""


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def passes(self, by: timedelta) -> None:
        self.at += by


class Remote:
    """Something that makes one thing per `send`, unless it is told what to do instead."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.sends = 0
        self.looks = 0
        self.instead: Callable[[], None] | None = None
        self.afterwards: Callable[[], None] | None = None

    def send(self) -> str:
        self.sends += 1
        if self.instead is not None:
            self.instead()
        self.made.append(f"id-{len(self.made) + 1}")
        if self.afterwards is not None:
            self.afterwards()
        return self.made[-1]

    def find(self) -> str | None:
        self.looks += 1
        return self.made[0] if self.made else None

    def write(self, **changes: Any) -> Write[str]:
        return Write(
            **{
                "key": KEY,
                "kind": "order",
                "send": self.send,
                "find": self.find,
                "settles_after": LIMIT,
                "refused_as": HoldCode.ORDER_REFUSED,
                **changes,
            }
        )

    @property
    def traffic(self) -> tuple[int, int, int]:
        """Looks, sends, and things made."""
        return self.looks, self.sends, len(self.made)


def raising(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(sessions: Sessions, clock: Clock) -> Ledger:
    return Ledger(sessions, clock)


@pytest.fixture
def order_id(sessions: Sessions) -> int:
    return stored(sessions, an_order())


def effect(sessions: Sessions, key: str = KEY) -> Effect:
    with sessions() as session:
        return session.scalars(select(Effect).where(Effect.key == key)).one()


def test_the_first_try_sends_without_looking(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    made = ledger.once(order_id, remote.write())
    assert (made.remote_id, made.answer, made.by_us) == ("id-1", "id-1", True)
    assert remote.traffic == (0, 1, 1)
    row = effect(sessions)
    assert (row.order_id, row.kind, row.state) == (order_id, "order", "done")
    assert (row.tries, row.remote_id, row.adopted) == (1, "id-1", False)
    assert (row.intended_at, row.ended_at) == (NOW, NOW)


def test_the_intent_is_committed_before_the_call(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    seen: list[str] = []
    remote.instead = lambda: seen.append(effect(sessions).state)
    ledger.once(order_id, remote.write())
    assert seen == [EffectState.INTENDED]


def test_what_is_done_is_never_sent_nor_looked_for_again(
    ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    ledger.once(order_id, remote.write())
    clock.passes(timedelta(days=400))
    made = ledger.once(order_id, remote.write())
    assert (made.remote_id, made.answer, made.by_us) == ("id-1", None, False)
    assert remote.traffic == (0, 1, 1)


def test_the_answer_is_handed_on_and_its_id_is_kept(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    write = Write(
        key=KEY,
        kind="order",
        find=lambda: None,
        settles_after=LIMIT,
        send=lambda: ("an order", 900),
        id_of=lambda answer: str(answer[1]),
        refused_as=HoldCode.ORDER_REFUSED,
    )
    assert ledger.once(order_id, write) == Made("900", ("an order", 900))
    assert effect(sessions).remote_id == "900"
    assert ledger.once(order_id, write) == Made("900")


def test_two_keys_are_two_effects(ledger: Ledger, order_id: int) -> None:
    remote = Remote()
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert ledger.once(order_id, remote.write(key="order:eu:2")).remote_id == "id-2"


# What is in the ledger and at the remote after each way a first try can end without an answer.
ENDS = {
    "crash before the call": ("instead", Crash(), 0, EffectState.INTENDED),
    "crash after the call": ("afterwards", Crash(), 1, EffectState.INTENDED),
    "lost before it arrived": ("instead", OutcomeUnknown("lost"), 0, EffectState.UNKNOWN),
    "lost after it was done": ("afterwards", OutcomeUnknown("lost"), 1, EffectState.UNKNOWN),
    "a defect of ours after it": ("afterwards", ZeroDivisionError(), 1, EffectState.INTENDED),
}


@pytest.mark.parametrize(("where", "error", "made", "state"), ENDS.values(), ids=ENDS)
def test_after_a_try_without_an_answer_it_waits_looks_and_ends_with_one_effect(
    where: str,
    error: BaseException,
    made: int,
    state: EffectState,
    sessions: Sessions,
    ledger: Ledger,
    order_id: int,
    clock: Clock,
) -> None:
    remote = Remote()
    setattr(remote, where, raising(error))
    with pytest.raises(type(error)):
        ledger.once(order_id, remote.write())
    assert effect(sessions).state == state
    assert remote.traffic == (0, 1, made)

    remote.instead = remote.afterwards = None
    clock.passes(timedelta(seconds=1))
    for wait in (SETTLED - timedelta(seconds=1), timedelta(milliseconds=1)):
        clock.at = NOW + SETTLED - wait
        with pytest.raises(Transient, match="may still take effect") as caught:
            ledger.once(order_id, remote.write())
        assert caught.value.code == "settling"
        assert caught.value.retry_after_s == wait.total_seconds()
    assert remote.traffic == (0, 1, made)

    clock.at = NOW + SETTLED
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (1, 2 - made, 1)
    row = effect(sessions)
    assert (row.state, row.remote_id) == ("done", "id-1")
    assert (row.tries, row.adopted) == ((1, True) if made else (2, False))


def test_a_later_try_has_a_settle_time_of_its_own(
    ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    remote.instead = raising(Crash())
    with pytest.raises(Crash):
        ledger.once(order_id, remote.write())
    clock.passes(SETTLED)
    with pytest.raises(Crash):
        ledger.once(order_id, remote.write())
    clock.passes(timedelta(seconds=15))
    with pytest.raises(Transient) as caught:
        ledger.once(order_id, remote.write())
    assert caught.value.retry_after_s == 60
    assert remote.traffic == (1, 2, 0)


def test_a_repeat_that_is_harmless_need_not_settle(ledger: Ledger, order_id: int) -> None:
    remote = Remote()
    write = remote.write(harmless_twice=True, find=lambda: None)
    remote.afterwards = raising(OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        ledger.once(order_id, write)
    remote.afterwards = None
    assert ledger.once(order_id, write).remote_id == "id-2"


def test_a_refusal_holds_the_order_and_the_next_try_looks_first(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    remote.instead = raising(Rejected("no such store", code="store", request_id="r-7"))
    with pytest.raises(CannotMap) as caught:
        ledger.once(order_id, remote.write())
    assert caught.value.code == HoldCode.ORDER_REFUSED
    assert caught.value.reason == "the order was refused: no such store"
    assert caught.value.facts == {"code": "store", "request_id": "r-7"}
    assert effect(sessions).state == "refused"
    assert effect(sessions).detail == "store: no such store"

    remote.instead = None
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (1, 2, 1)
    row = effect(sessions)
    assert (row.state, row.tries, row.detail) == ("done", 2, None)


def test_a_refusal_that_was_carried_out_all_the_same_is_adopted(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    remote.afterwards = raising(Rejected("an observer failed"))
    with pytest.raises(CannotMap):
        ledger.once(order_id, remote.write())
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (1, 1, 1)
    assert effect(sessions).adopted


@pytest.mark.parametrize(
    "error",
    [
        Transient("busy", code="503", retry_after_s=7),
        AccountStopped("revoked", code="invalid_grant"),
        CannotMap("carrier_unmapped", "no code for this carrier"),
    ],
)
def test_other_errors_that_change_nothing_pass_as_they_are_and_need_no_wait(
    error: Exception, sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    remote.instead = raising(error)
    with pytest.raises(type(error)) as caught:
        ledger.once(order_id, remote.write())
    assert caught.value is error
    assert effect(sessions).state == "refused"
    remote.instead = None
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert remote.traffic == (1, 2, 1)


def test_a_look_that_fails_changes_nothing(
    sessions: Sessions, ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    remote.afterwards = raising(OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        ledger.once(order_id, remote.write())
    clock.passes(SETTLED)
    away = remote.write(find=raising(Transient("away")))
    with pytest.raises(Transient, match="away"):
        ledger.once(order_id, away)
    row = effect(sessions)
    assert (row.state, row.tries, row.remote_id) == ("unknown", 1, None)
    assert remote.traffic == (0, 1, 1)


class StallingClock:
    """Jumps after it was read for the intent, as on a machine that was suspended then."""

    def __init__(self, clock: Clock, by: timedelta) -> None:
        self._clock, self._jumps = clock, [by]

    def __call__(self) -> datetime:
        at = self._clock()
        if self._jumps:
            self._clock.passes(self._jumps.pop())
        return at


@pytest.mark.parametrize(
    ("stall", "sends"), [(timedelta(seconds=15), 1), (timedelta(seconds=15, microseconds=1), 0)]
)
def test_what_stalls_between_intent_and_call_is_not_sent(
    stall: timedelta, sends: int, sessions: Sessions, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    stalling = Ledger(sessions, StallingClock(clock, stall))
    try:
        stalling.once(order_id, remote.write())
    except Transient as error:
        answer = error.code
    else:
        answer = "sent"
    assert answer == ("sent" if sends else "stalled")
    assert remote.traffic == (0, sends, sends)
    assert effect(sessions).state == ("done" if sends else "refused")
    assert Ledger(sessions, clock).once(order_id, remote.write()).remote_id == "id-1"
    assert len(remote.made) == 1


def test_a_call_is_not_begun_again_when_others_may_soon_believe_it_over(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    slept: list[float] = []

    def send() -> str:
        call_with_retry(raising(Transient("could not connect", retry_after_s=16)), slept.append)
        return "sent"

    with pytest.raises(Transient, match="could not connect"):
        ledger.once(order_id, Remote().write(send=send))
    assert slept == []  # a quarter of the limit is 15 s
    assert effect(sessions).state == "refused"


def test_of_two_threads_with_one_key_exactly_one_sends(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    ready = threading.Barrier(2)
    ended: list[str] = []

    def work() -> None:
        ready.wait()
        try:
            ended.append(ledger.once(order_id, remote.write()).remote_id)
        except RemoteError as error:
            ended.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert remote.sends == 1
    assert sorted(ended) in (["id-1", "id-1"], ["id-1", "settling"])
    assert effect(sessions).state == "done"


def test_of_two_threads_that_look_at_once_exactly_one_sends_again(
    sessions: Sessions, ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    remote.instead = raising(OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        ledger.once(order_id, remote.write())
    remote.instead = None
    clock.passes(SETTLED)
    both_looked = threading.Barrier(2)
    ended: list[str] = []

    def find() -> str | None:
        both_looked.wait()
        return None

    def work() -> None:
        try:
            ended.append(ledger.once(order_id, remote.write(find=find)).remote_id)
        except RemoteError as error:
            ended.append(error.code)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(remote.made) == 1
    assert sorted(ended) == ["id-1", "settling"]
    assert (effect(sessions).state, effect(sessions).tries) == ("done", 2)


def test_a_try_that_ends_while_another_worker_looks_is_not_made_again(
    sessions: Sessions, ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    remote.instead = raising(Crash())
    with pytest.raises(Crash):
        ledger.once(order_id, remote.write())
    clock.passes(SETTLED)

    def find_too_early() -> None:
        """The search index lags, and the first worker's answer is written down meanwhile."""
        with sessions() as session, session.begin():
            row = session.scalars(select(Effect).where(Effect.key == KEY)).one()
            row.state, row.remote_id = EffectState.DONE, "id-1"

    remote.instead = None
    with pytest.raises(Transient, match="another worker"):
        ledger.once(order_id, remote.write(find=find_too_early))
    assert remote.sends == 1
    assert ledger.once(order_id, remote.write()).remote_id == "id-1"
    assert (effect(sessions).state, effect(sessions).tries) == ("done", 1)


def test_what_was_adopted_meanwhile_stays_done_when_the_first_call_times_out(
    sessions: Sessions, ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()

    def adopted_and_then_lost() -> None:
        clock.passes(SETTLED)
        assert ledger.once(order_id, remote.write()).remote_id == "id-1"
        raise OutcomeUnknown("lost")

    remote.afterwards = adopted_and_then_lost
    with pytest.raises(OutcomeUnknown):
        ledger.once(order_id, remote.write())
    row = effect(sessions)
    assert (row.state, row.remote_id, row.adopted) == ("done", "id-1", True)
    assert remote.traffic == (1, 1, 1)


def test_made_tells_without_sending(
    sessions: Sessions, ledger: Ledger, order_id: int, clock: Clock
) -> None:
    remote = Remote()
    assert ledger.made(order_id, remote.write()) is None
    remote.afterwards = raising(OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        ledger.once(order_id, remote.write())
    with pytest.raises(Transient) as caught:
        ledger.made(order_id, remote.write())
    assert caught.value.retry_after_s == SETTLED.total_seconds()
    clock.passes(SETTLED)
    assert ledger.made(order_id, remote.write()) == "id-1"
    assert effect(sessions).adopted
    assert ledger.made(order_id, remote.write()) == "id-1"
    assert remote.traffic == (1, 1, 1)


def test_made_says_no_of_what_was_refused_and_is_not_there(ledger: Ledger, order_id: int) -> None:
    remote = Remote()
    remote.instead = raising(Rejected("no"))
    with pytest.raises(CannotMap):
        ledger.once(order_id, remote.write())
    assert ledger.made(order_id, remote.write()) is None
    assert remote.traffic == (1, 1, 0)


@pytest.mark.parametrize(
    ("error", "is_sent_again"),
    [(Crash(), False), (OutcomeUnknown("cut off"), False), (Transient("not sent"), True)],
    ids=["crashed", "cut off", "not sent"],
)
def test_a_write_that_may_leave_no_trace_is_not_made_twice(
    ledger: Ledger,
    clock: Clock,
    order_id: int,
    error: BaseException,
    is_sent_again: bool,
) -> None:
    remote = Remote()
    write = remote.write(when_unsure="look at the shop")
    remote.instead = raising(error)
    with pytest.raises(type(error)):
        ledger.once(order_id, write)
    remote.instead = None
    clock.passes(SETTLED)
    if is_sent_again:
        assert ledger.once(order_id, write).remote_id == "id-1"
        return
    for _ in range(2):
        with pytest.raises(CannotMap, match="look at the shop") as held:
            ledger.once(order_id, write)
        assert held.value.code == HoldCode.ORDER_REFUSED
    assert remote.traffic == (2, 1, 0)
    remote.made.append("id-9")
    assert ledger.once(order_id, write).remote_id == "id-9"


def test_what_was_seen_at_the_remote_is_done_and_never_sent_again(
    sessions: Sessions, ledger: Ledger, order_id: int
) -> None:
    remote = Remote()
    remote.instead = raising(Crash())
    with pytest.raises(Crash):
        ledger.once(order_id, remote.write())
    ledger.seen(KEY, "never:begun", remote_id="id-7")
    assert ledger.once(order_id, remote.write()).remote_id == "id-7"
    assert (effect(sessions).state, effect(sessions).adopted) == (EffectState.DONE, True)
    assert remote.traffic == (0, 1, 0)


def test_an_order_that_ends_waits_for_what_was_begun_and_leaves_nothing_in_doubt(
    ledger: Ledger, order_id: int, sessions: Sessions, clock: Clock
) -> None:
    remote, done, refused = Remote(), Remote(), Remote()
    remote.instead = raising(OutcomeUnknown("no answer"))
    refused.instead = raising(Rejected("no", code="no"))
    ledger.once(order_id, done.write(key="done"))
    with pytest.raises(CannotMap):
        ledger.once(order_id, refused.write(key="refused"))
    with pytest.raises(OutcomeUnknown):
        ledger.once(order_id, remote.write())
    clock.passes(SETTLED - timedelta(seconds=1))
    with pytest.raises(Transient) as waits:
        ledger.landed(order_id, LIMIT)
    assert (waits.value.code, waits.value.retry_after_s) == ("settling", 1.0)
    clock.passes(timedelta(seconds=1))
    ledger.landed(order_id, LIMIT)
    ledger.give_up(order_id, "cancelled meanwhile")
    ended = effect(sessions)
    assert (ended.state, ended.detail) == (EffectState.REFUSED, "cancelled meanwhile")
    assert ended.ended_at == clock.at
    assert effect(sessions, "done").state == EffectState.DONE
    assert "cancelled" not in (effect(sessions, "refused").detail or "")


def test_one_write_is_given_up_and_no_other(
    ledger: Ledger, order_id: int, sessions: Sessions
) -> None:
    for key in ("one", "other"):
        remote = Remote()
        remote.instead = raising(OutcomeUnknown("no answer"))
        with pytest.raises(OutcomeUnknown):
            ledger.once(order_id, remote.write(key=key))
    ledger.give_up(order_id, "not wanted any more", "one")
    assert effect(sessions, "one").state == EffectState.REFUSED
    assert effect(sessions, "other").state == EffectState.UNKNOWN
