"""A worker process that dies by SIGKILL at a named point of a named write, or of a named step."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import psycopg  # noqa: F401 - the driver, which is otherwise imported by each process anew
from sqlalchemy import select
from sqlalchemy.orm import configure_mappers

from pipeline.base.db import Sessions
from pipeline.base.lease import Leases
from pipeline.base.vault import Vault
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Answer, Made, Trace, Write
from pipeline.orders.machine import Claim, Orders
from pipeline.orders.outcome import Outcome
from pipeline.orders.tables import Order
from pipeline.settings.model import Settings
from tasks.engine.runner import Step
from tasks.engine.runtime import Runtime, build
from tasks.jobs.refunds_from_amazon import refunds_from_amazon
from tasks.workflow import WORKFLOW
from tests.builders import SHOP

AT_A_WRITE = (
    "before its intent",
    "intended, not sent",
    "carried out there, no answer",
    "answered, not noted",
    "noted, the step not through",
)
AT_A_STEP = (
    "message in hand, not claimed",
    "claimed",
    "through, not recorded",
    "recorded, the next not begun",
)
# Here and once, since the server that forks these processes imports this module.
configure_mappers()

BEFORE_INTENT, INTENDED, CARRIED_OUT, ANSWERED, NOTED = AT_A_WRITE
IN_HAND, CLAIMED, THROUGH, RECORDED = AT_A_STEP


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process ends. `of` is the kind of a write, or the name of a step.

    `key_end` tells writes of one kind apart. In the middle of a call the stand-in kills, as soon as
    it finds the process's id in `armed`: only there it is known that all is carried out.
    """

    of: str
    point: str
    armed: Path
    key_end: str = ""

    def at(self, point: str, of: str, key: str = "") -> None:
        """Die if this is the place."""
        if (point, of) == (self.point, self.of) and key.endswith(self.key_end):
            os.kill(os.getpid(), signal.SIGKILL)


class DyingLedger(Ledger):
    """Ends the process before, in or after a write."""

    death: Death

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        self._at(BEFORE_INTENT, write)

        def send() -> Answer:
            self._at(INTENDED, write)
            if self.death.point == CARRIED_OUT and self._is_meant(write):
                self.death.armed.write_text(str(os.getpid()), encoding="ascii")
            answer = write.send()
            self._at(ANSWERED, write)
            return answer

        made = super().once(order_id, replace(write, send=send))
        self._at(NOTED, write)
        return made

    def _at(self, point: str, write: Trace) -> None:
        self.death.at(point, write.kind, write.key)

    def _is_meant(self, write: Trace) -> bool:
        return write.kind == self.death.of and write.key.endswith(self.death.key_end)


class DyingOrders(Orders):
    """Ends the process before or after an order is claimed or recorded."""

    death: Death

    def claim(
        self, order_id: int, step: str, *, task_id: str, worker: str, now: datetime
    ) -> Claim | None:
        self.death.at(IN_HAND, step)
        claim = super().claim(order_id, step, task_id=task_id, worker=worker, now=now)
        self.death.at(CLAIMED, step)
        return claim

    def record(
        self, claim: Claim, outcome: Outcome, *, now: datetime, request_id: str = ""
    ) -> bool:
        step = claim.order.step
        self.death.at(THROUGH, step)
        recorded = super().record(claim, outcome, now=now, request_id=request_id)
        self.death.at(RECORDED, step)
        return recorded


def work_and_die(settings: Settings, at: datetime, order_id: int, run: str, death: Death) -> None:
    """A worker with one order's chain in hand, and then the job for refunds made at Amazon, at a
    time that stands still."""
    parts = build(settings, lambda: at)
    ledger = DyingLedger(parts.sessions, parts.clients.now)
    orders = DyingOrders(parts.sessions, Vault(*settings.master_keys), settings.timing)
    ledger.death = orders.death = death
    dying = with_parts(parts, ledger=ledger, orders=orders)
    chain(dying, order_id, run)
    refunds_from_amazon(dying, SHOP)


def with_parts(
    parts: Runtime,
    *,
    ledger: Ledger | None = None,
    orders: Orders | None = None,
    leases: Leases | None = None,
) -> Runtime:
    """The same process with another ledger, state machine or lease."""
    clients = replace(parts.clients, ledger=ledger or parts.clients.ledger)
    orders, leases = orders or parts.orders, leases or parts.leases
    runner = replace(parts.runner, clients=clients, orders=orders, leases=leases)
    return replace(parts, clients=clients, orders=orders, leases=leases, runner=runner)


def chain(parts: Runtime, order_id: int, run: str) -> None:
    """One message after another, as long as the order goes on. `run` is the part of the message's
    ids that a redelivery shares with what it repeats."""
    for _ in WORKFLOW:
        name = step_of(parts.sessions, order_id)
        step: Step = WORKFLOW[name][0]
        if not parts.runner.run(name, step, order_id, f"{run}:{order_id}:{name}"):
            return


def step_of(sessions: Sessions, order_id: int) -> str:
    """The step that an order stands at."""
    with sessions() as session:
        return session.scalars(select(Order.step).where(Order.id == order_id)).one()
