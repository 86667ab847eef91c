"""One order through everything that can happen to it, in any order, on the real database.

The machine plays workers that start, end, crash and come back late, the sweep, news, a person, and
a remote whose answers get lost. What must hold after each of it is in the invariants.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from pipeline.base.db import Sessions
from pipeline.base.errors import OutcomeUnknown, Transient
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Write
from pipeline.orders.machine import STEPS, Claim, Orders, reopen, wake
from pipeline.orders.outcome import Cancelled, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.tables import LIVE, Attempt, Order, Status
from pipeline.settings.model import Timing
from tests.builders import NOW, a_vault, an_order, stored
from tests.emptied import empty

TIMING = Timing(lease_s=30, resend_s=60, recheck_held_s=900)
LIMIT = timedelta(seconds=60)
OUTCOMES: dict[str, Outcome] = {
    "done": Done(),
    "skipped": Skipped("nothing to do"),
    "wait": Wait("not yet", timedelta(minutes=10)),
    "trouble": Wait("busy", timedelta(seconds=10), is_trouble=True),
    "hold": Hold(HoldCode.OUT_OF_STOCK, "sold out"),
    "cancelled": Cancelled("cancelled on Amazon"),
}

# How long after the last one, what becomes of the answer, and when the worker dies.
CALLS = st.tuples(
    st.sampled_from([10, 0, 60, 75, 900]),
    st.sampled_from(["is lost", "comes", "is lost on the way there", "comes late"]),
    st.sampled_from(["no", "before the call", "after it"]),
)


class Crash(BaseException):
    """The end of a worker."""


class OneOrder(RuleBasedStateMachine):
    """An order, the messages about it that are under way, and the workers that have it."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self.sessions = sessions
        self.now: datetime = NOW
        self.orders = Orders(sessions, a_vault(), TIMING)
        self.ledger = Ledger(sessions, lambda: self.now)
        self.messages: list[str] = []
        self.claims: list[Claim] = []
        self.claimed = self.ended = self.superseded = self.crashed = 0
        self.at_remote: Counter[str] = Counter()
        self.landing: list[tuple[datetime, str]] = []

    @initialize()
    def arrives(self) -> None:
        empty(self.sessions)
        self.order_id = stored(self.sessions, an_order())
        self.messages.append(STEPS[0])

    @property
    def order(self) -> Order:
        with self.sessions() as session:
            return session.get_one(Order, self.order_id)

    @rule(seconds=st.sampled_from([1, 10, 60, 90, 900]))
    def sweep(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.at_remote.update(key for at, key in self.landing if at <= self.now)
        self.landing = [(at, key) for at, key in self.landing if at > self.now]
        self.messages += [step for _, step in self.orders.due(self.now, 10)]

    @precondition(lambda self: self.messages)
    @rule(which=st.integers(min_value=0), keep=st.booleans())
    def a_worker_takes_a_message(self, which: int, keep: bool) -> None:
        """`keep` leaves the message there: it is delivered once more."""
        at = which % len(self.messages)
        step = self.messages[at] if keep else self.messages.pop(at)
        before = self.order
        claim = self.orders.claim(self.order_id, step, task_id="t", worker="w", now=self.now)
        if claim is None:
            parked = before.status in (Status.WAITING, Status.HELD)
            not_due = parked and before.due_at is not None and before.due_at > self.now
            assert before.status not in LIVE or before.step != step or not_due
            return
        assert before.status in LIVE
        assert before.step == step
        self.claimed += 1
        self.claims.append(claim)

    @precondition(lambda self: self.messages)
    @rule()
    def a_message_gets_lost(self) -> None:
        self.messages.pop()

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(min_value=0))
    def a_worker_dies(self, which: int) -> None:
        self.claims.pop(which % len(self.claims))
        self.crashed += 1

    @rule(calls=st.lists(CALLS, min_size=3, max_size=6))
    def workers_call_the_remote(self, calls: list[tuple[int, str, str]]) -> None:
        """Each step makes one thing at the remote, by the ledger."""
        for seconds, answer, dies in calls:
            self._call(seconds, answer, dies)

    def _call(self, seconds: int, answer: str, dies: str) -> None:
        self.sweep(seconds)
        if not self.claims and self.messages:
            self.a_worker_takes_a_message(-1, keep=False)
        if not self.claims:
            return
        claim = self.claims.pop()
        key = claim.order.step

        def send() -> str:
            if dies == "before the call":
                raise Crash
            if answer == "comes late":
                self.landing.append((self.now + LIMIT, key))
            elif answer != "is lost on the way there":
                self.at_remote[key] += 1
            if dies == "after it":
                raise Crash
            if answer != "comes":
                raise OutcomeUnknown("no answer")
            return "remote id"

        write = Write(
            key=key,
            kind="order",
            send=send,
            find=lambda: "remote id" if self.at_remote[key] else None,
            settles_after=LIMIT,
            refused_as=HoldCode.ORDER_REFUSED,
        )
        try:
            self.ledger.once(self.order_id, write)
        except Crash:
            self.crashed += 1
            return
        except (Transient, OutcomeUnknown) as error:
            wait = timedelta(seconds=error.retry_after_s or 10)
            self._record(claim, Wait(str(error), wait, is_trouble=True))
            return
        assert self.at_remote[key] == 1
        self._record(claim, Done())

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(min_value=0), how=st.sampled_from(list(OUTCOMES)))
    def a_worker_ends(self, which: int, how: str) -> None:
        claim = self.claims.pop(which % len(self.claims))
        crashing = Hold(HoldCode.KEEPS_CRASHING, "see the worker's log")
        self._record(claim, crashing if claim.keeps_crashing else OUTCOMES[how])

    def _record(self, claim: Claim, outcome: Outcome) -> None:
        before = self.order
        newest = before.status == Status.RUNNING and before.version == claim.order.version
        recorded = self.orders.record(claim, outcome, now=self.now)
        assert recorded is newest
        if not recorded:
            self.superseded += 1
            after = self.order
            assert (after.version, after.status) == (before.version, before.status)
            return
        self.ended += 1
        if isinstance(outcome, Done | Skipped) and self.order.status == Status.READY:
            self.messages.append(self.order.step)

    @rule()
    def news(self) -> None:
        was = self.order
        with self.sessions() as session, session.begin():
            woken = wake(session, [self.order_id], self.now)
        assert bool(woken) is (was.status in LIVE)

    @rule()
    def a_person_releases(self) -> None:
        was = self.order.status
        released = self.orders.release(self.order_id, author="anna", now=self.now)
        assert released is (was in (Status.WAITING, Status.HELD))

    @rule()
    def amazon_cancels_late(self) -> None:
        was = self.order.status
        with self.sessions() as session, session.begin():
            reopen(session, [self.order_id], self.now)
        assert self.order.status == (Status.WAITING if was == Status.DONE else was)

    @invariant()
    def nothing_is_ever_made_twice(self) -> None:
        made = self.at_remote + Counter(key for _, key in self.landing)
        assert all(count == 1 for count in made.values())

    @invariant()
    def it_is_never_lost(self) -> None:
        order = self.order
        assert (order.due_at is not None) is (order.status in LIVE)
        if order.due_at is not None:
            assert order.due_at <= self.now + timedelta(seconds=900)
        assert (order.hold_code is not None) or order.status != Status.HELD

    @invariant()
    def every_start_is_an_attempt(self) -> None:
        with self.sessions() as session:
            total, superseded, open_ends = session.execute(
                select(
                    func.coalesce(func.sum(Attempt.times), 0),
                    func.count().filter(Attempt.outcome == "superseded"),
                    func.count().filter(Attempt.ended_at.is_(None)),
                ).select_from(Attempt)
            ).one()
        assert total == self.claimed
        assert superseded == self.superseded
        assert open_ends == self.crashed + len(self.claims)
        assert total == self.ended + superseded + open_ends

    def teardown(self) -> None:
        """Left alone, with workers that work, it always comes to an end or to a person's list."""
        if not hasattr(self, "order_id"):
            return
        self.claims.clear()
        self.messages.clear()
        for _ in range(30):
            self.now += timedelta(seconds=900)
            for _, step in self.orders.due(self.now, 10):
                claim = self.orders.claim(
                    self.order_id, step, task_id="t", worker="w", now=self.now
                )
                assert claim is not None
                crashing = Hold(HoldCode.KEEPS_CRASHING, "see the worker's log")
                outcome = crashing if claim.keeps_crashing else Done()
                assert self.orders.record(claim, outcome, now=self.now)
        assert self.order.status in (Status.DONE, Status.CANCELLED)


def test_whatever_happens_nothing_is_doubled_nor_lost(sessions: Sessions) -> None:
    run_state_machine_as_test(
        lambda: OneOrder(sessions),  # type: ignore[arg-type]
        settings=hypothesis_settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Making a failure smaller takes longer than a test may.
            phases=(Phase.reuse, Phase.generate),
        ),
    )
