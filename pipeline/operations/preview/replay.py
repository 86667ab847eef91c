"""Replays an order from a step, and previews such a replay.

The preview runs the real steps, with a ledger that reports each write and sends none. Reads are
made, since a step's result depends on them. See docs/decisions/0038.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import selectinload

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, RemoteError
from pipeline.base.vault import Vault
from pipeline.clients import Clients
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_rows import EffectRow, look_up
from pipeline.orders.ledger_write import Answer, Made, Trace, Write
from pipeline.orders.machine import SHIPPING_STEPS, STEPS, owner
from pipeline.orders.outcome import Cancelled, Done, Hold, Outcome, Skipped, Wait
from pipeline.orders.package_tables import Shipment
from pipeline.orders.report import Report
from pipeline.orders.requested_shipment_table import standing
from pipeline.orders.state_changes import set_back
from pipeline.orders.tables import EffectState, Note, Order, OrderPrivate, Status

WITHOUT_PERSONAL_DATA = SHIPPING_STEPS

Step = Callable[[Order, Clients], Outcome]


class NotPossible(Exception):
    """The order cannot be set back to that step; the message says why."""


@dataclass(frozen=True, slots=True)
class Call:
    """A remote write of a step, and its expected result."""

    what: str
    key: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A step: its writes in sequence, and its expected end."""

    step: str
    calls: Sequence[Call]
    end: str


def replay(sessions: Sessions, order_id: int, step: str, *, author: str, now: datetime) -> None:
    """Set an order back to a step; workers take it up within seconds. Raises NotPossible."""
    with sessions() as session, session.begin():
        order = session.get(Order, order_id, with_for_update=True)
        _check(order, step)
        if not set_back(session, order_id, step, now):
            raise NotPossible("a step is running right now: try again in a moment")
        text = f"to be run again from {step}"
        session.add(Note(order_id=order_id, at=now, author=author, text=text))


def preview(
    sessions: Sessions,
    vault: Vault,
    clients: Clients,
    steps: Mapping[str, Step],
    order_id: int,
    first: str,
) -> list[Preview]:
    """Preview the writes of each step from `first` on, up to the first unknown result.

    Nothing is written, here or at a remote. Raises NotPossible.
    """
    order = _loaded(sessions, vault, order_id, first)
    ledger = _Teller(sessions, clients.now)
    recording = replace(clients, ledger=ledger)
    previews = []
    for name in STEPS[STEPS.index(first) :]:
        order.step = name
        order.hold_code = order.hold_reason = None
        ledger.calls = []
        end, goes_on = _end(steps[name], order, recording)
        previews.append(Preview(name, tuple(ledger.calls), end))
        if not goes_on:
            break
    return previews


def _check(order: Order | None, step: str) -> None:
    if order is None:
        raise NotPossible("it has just been deleted")
    if STEPS.index(order.step) < STEPS.index(step):
        raise NotPossible(f"it has only reached {order.step}")
    if order.status == Status.RUNNING:
        raise NotPossible("a step is running right now: try again in a moment")
    if order.purged_at is not None and step not in WITHOUT_PERSONAL_DATA:
        raise NotPossible(
            "its personal data was purged: only ship_order and sync_tracking do without"
        )


def _loaded(sessions: Sessions, vault: Vault, order_id: int, step: str) -> Order:
    """The order as a worker would load it, detached."""
    with sessions() as session:
        order = session.get(
            Order,
            order_id,
            options=(
                selectinload(Order.items),
                selectinload(Order.shipments).selectinload(Shipment.items),
            ),
        )
        private = session.get(OrderPrivate, order_id)
        requested = standing(session, order_id)
    _check(order, step)
    assert order is not None  # noqa: S101 - `_check` has raised for None
    if private is not None:
        order.report = Report.sealed(
            vault, owner(order), private.wrapped_key, private.sealed, private.correction
        )
    order.requested_shipments = requested
    return order


class _Unknowable(Exception):
    """Ends the preview: the rest depends on a write that is not made."""


class _Teller(Ledger):
    """A ledger that reads its table and reports writes, but neither sends nor stores them."""

    def __init__(self, sessions: Sessions, now: Callable[[], datetime]) -> None:
        super().__init__(sessions, now)
        self.calls: list[Call] = []

    def once(self, order_id: int, write: Write[Answer]) -> Made[Answer]:
        effect, may_be_forgotten = self._known(order_id, write)
        if effect is not None and effect.state == EffectState.DONE and effect.remote_id:
            return Made(self._tell_done(effect.remote_id, write))
        if effect is not None:
            self._tell(write, _in_doubt(effect, is_certain=not write.when_unsure))
        elif may_be_forgotten:
            self._tell(write, _FORGOTTEN)
        else:
            self._tell(write, "would be made")
        raise _Unknowable

    def made(self, order_id: int, write: Trace) -> str | None:
        effect, may_be_forgotten = self._known(order_id, write)
        if effect is None and not may_be_forgotten:
            return None
        if effect is not None and effect.state == EffectState.DONE and effect.remote_id:
            return self._tell_done(effect.remote_id, write)
        self._tell(write, _FORGOTTEN if effect is None else _in_doubt(effect))
        raise _Unknowable

    def seen(self, *keys: str, remote_id: str) -> None:
        """Do nothing: a row without an end stays so until a worker runs the order."""

    def landed(self, order_id: int, settles_after: timedelta) -> None:
        """Do nothing: a preview need not wait."""

    def give_up(self, order_id: int, why: str, key: str | None = None) -> None:
        """Do nothing: a row in doubt stays so until a worker runs the order."""

    def _known(self, order_id: int, write: Trace) -> tuple[EffectRow | None, bool]:
        """The write's row, and whether a database restore may have lost such a row."""
        effect, forgotten_at = look_up(self._sessions, order_id, write.key)
        return effect, effect is None and forgotten_at is not None

    def _tell_done(self, remote_id: str, write: Trace) -> str:
        self._tell(write, f"done ({remote_id}), not repeated")
        return remote_id

    def _tell(self, write: Trace, verdict: str) -> None:
        self.calls.append(Call(write.kind, write.key, verdict))


_FORGOTTEN = (
    "would check first, then be made if missing: the database was restored since the order was "
    "placed"
)


def _in_doubt(effect: EffectRow, *, is_certain: bool = True) -> str:
    if effect.state == EffectState.DONE:
        return "recorded as done, without proof: would check first, then be made"
    if effect.state == EffectState.REFUSED:
        return "refused before: would check first, then be made"
    if is_certain:
        return "result unknown: would check first, then be adopted or made"
    return "result unknown: would check first, and hold the order if it is missing"


def _end(step: Step, order: Order, clients: Clients) -> tuple[str, bool]:
    """The step's end in words, and whether the next step follows."""
    try:
        outcome = step(order, clients)
    except _Unknowable:
        return "the rest depends on that write", False
    except CannotMap as error:
        return f"would be held: {error.code}, {error.reason}", False
    except RemoteError as error:
        return f"cannot be shown: {error}", False
    match outcome:
        case Done():
            return "goes on", True
        case Skipped(why):
            return f"goes on: {why}", True
        case Wait(reason):
            return f"would wait: {reason}", False
        case Hold(code, reason):
            return f"would be held: {code}, {reason}", False
        case Cancelled(reason):
            return f"would end as cancelled: {reason}", False
