"""Run a step once: lease → claim → step → record. This module does not use Celery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import random

from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from pipeline.base.clock import seconds
from pipeline.base.errors import (
    AccountStopped,
    CannotMap,
    NotSent,
    OutcomeUnknown,
    Rejected,
    RemoteError,
    Transient,
    WritesStopped,
)
from pipeline.base.lease import Leases
from pipeline.base.log import log
from pipeline.base.tracing import Tracing
from pipeline.clients import Clients
from pipeline.intake.fetch_list import Fetching
from pipeline.orders.machine import STEPS, Claim, Orders
from pipeline.orders.outcome import WRITES_STOPPED, Done, Hold, HoldCode, Outcome, Skipped, Wait
from pipeline.orders.states import AttemptOutcome
from pipeline.orders.tables import Order
from pipeline.settings.model import Timing
from tasks.engine.runs_in_hand import AWAY, Runs
from tasks.engine.traced import traced

ASK_FIRST_AFTER = timedelta(minutes=1)

Step = Callable[[Order, Clients], Outcome]


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the steps of a worker process."""

    orders: Orders
    leases: Leases
    clients: Clients
    timing: Timing
    worker: str
    fetching: Fetching
    runs: Runs
    tracing: Tracing | None = None

    def run(self, name: str, step: Step, order_id: int, task_id: str) -> bool:
        """Run a step for an order, and return whether the order proceeds to its next step.

        Never raises for an error of a remote, an order or a step: it becomes the order's state.
        A message without work (a duplicate, or an order at another worker) is dropped.
        """
        try:
            with self.leases.hold(f"order:{order_id}", task_id) as ours:
                if not ours:
                    return False
                self.runs.settle(lambda tries: backoff(tries, Transient(""), self.timing))
                with self.runs.in_hand(order_id, task_id):
                    return self._run(name, step, order_id, task_id)
        except RedisError:
            # Nothing was done without the lease; the sweep sends the order again.
            log.warning("lease.unavailable", order=order_id, step=name)
        except AWAY:
            # The begun run is remembered and handed back, so that it does not count as a crash.
            log.warning("database.unavailable", order=order_id, step=name)
        return False

    def _run(self, name: str, step: Step, order_id: int, task_id: str) -> bool:
        claim = self.orders.claim(
            order_id, name, task_id=task_id, worker=self.worker, now=self.clients.now()
        )
        if claim is None:
            return False
        # Read these values now: if the run is superseded, the rollback expires them.
        account, tries = claim.order.account, claim.order.tries
        external_id, held_as = claim.order.external_id, claim.order.hold_code
        has_marketplace = bool(claim.order.marketplace_id)
        if self.tracing is None:
            outcome, request_id = self._outcome(claim, step)
        else:
            outcome, request_id = traced(
                self.tracing, claim, name, lambda: self._outcome(claim, step)
            )
        recorded = self.orders.record(claim, outcome, now=self.clients.now(), request_id=request_id)
        log.info(
            "step.ended",
            outcome=type(outcome).__name__.lower() if recorded else AttemptOutcome.SUPERSEDED,
            code=str(outcome.code) if isinstance(outcome, Hold) else None,
            account=account,
            tries=tries,
        )
        # An order without its marketplace can be placed, but not confirmed.
        asks = name == STEPS[0] and not has_marketplace
        if isinstance(outcome, Hold):
            asks = outcome.asks_marketplace or not has_marketplace
        if recorded and asks:
            # An order with a hole is often complete a moment later.
            is_known = isinstance(outcome, Hold) and held_as == outcome.code
            wait = timedelta(0) if is_known else ASK_FIRST_AFTER
            self.fetching.ask_again(account, external_id, self.clients.now(), wait)
        return recorded and isinstance(outcome, Done | Skipped)

    def _outcome(self, claim: Claim, step: Step) -> tuple[Outcome, str]:
        """The outcome of the step, and the remote's request id if a call failed."""
        if claim.keeps_crashing:
            reason = "this step crashed its worker several times in a row; see the worker's log"
            return Hold(HoldCode.KEEPS_CRASHING, reason), ""
        try:
            return step(claim.order, self.clients), ""
        except CannotMap as error:
            is_known = error.code in set(HoldCode)
            if not is_known:
                log.error("step.unknown_hold_code", code=error.code)
            code = HoldCode(error.code) if is_known else HoldCode.PROGRAM_ERROR
            return Hold(code, error.reason, error.facts), error.facts.get("request_id", "")
        except AccountStopped as error:
            return Hold(HoldCode.ACCOUNT_STOPPED, self._sentence(claim, error)), error.request_id
        except Rejected as error:
            facts = {"code": error.code, "request_id": error.request_id}
            reason = self._sentence(claim, error)
            return Hold(HoldCode.REMOTE_REFUSED, reason, facts), error.request_id
        except WritesStopped as error:
            delay = seconds(error.retry_after_s or 0.0)
            return Wait(str(error), delay, facts=WRITES_STOPPED), ""
        except NotSent as error:
            return Wait(str(error), seconds(error.retry_after_s or 0.0)), ""
        except (Transient, OutcomeUnknown) as error:
            delay = backoff(claim.order.tries, error, self.timing)
            reason = self._sentence(claim, error)
            return Wait(reason, delay, is_trouble=True), error.request_id
        except (DBAPIError, RedisError) as error:
            delay = backoff(claim.order.tries, Transient(""), self.timing)
            reason = f"Orderbridge's database or Redis was unavailable ({type(error).__name__})"
            return Wait(reason, delay, is_trouble=True), ""
        except Exception as error:  # noqa: BLE001 - a defect must hold one order, not end the worker
            log.error("step.defect", exc_info=error)
            reason = f"a defect in this program ({type(error).__name__}); see the worker's log"
            return Hold(HoldCode.PROGRAM_ERROR, reason), ""

    def _sentence(self, claim: Claim, error: RemoteError) -> str:
        order = claim.order
        return self.clients.ledger.sentence(order.id, f"step {order.step}", error)


def backoff(
    tries: int, error: RemoteError, timing: Timing, chance: Callable[[], float] = random
) -> timedelta:
    """The wait after the `tries`-th failure: doubling with jitter, at least the requested time."""
    ceiling_s = min(timing.first_retry_s * 2 ** min(tries - 1, 20), timing.longest_retry_s)
    jittered_s = ceiling_s * (0.5 + 0.5 * chance())
    return seconds(max(jittered_s, error.retry_after_s or 0.0))
