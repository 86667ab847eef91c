"""The seven steps as Celery tasks, chained per order. A message carries only an order's id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from celery import Celery, Task, chain
from kombu.exceptions import OperationalError
from structlog.contextvars import bound_contextvars

from pipeline.base.log import log
from pipeline.orders.machine import STEPS
from tasks.cancelling.stop_check import unless_stopped
from tasks.engine.runner import Step
from tasks.engine.runtime import runtime
from tasks.steps.create_customer import create_customer
from tasks.steps.create_order import create_order
from tasks.steps.enrich_order import enrich_order
from tasks.steps.import_order import import_order
from tasks.steps.ship_order import ship_order
from tasks.steps.sync_tracking import sync_tracking
from tasks.steps.verify_order import verify_order

# One queue per remote, so that a throttled Amazon never delays Magento's work. The decision table
# is checked before a step, except before the second, whose own rule it is, and the first, which
# has no facts yet.
WORKFLOW: dict[str, tuple[Step, str]] = {
    "import_order": (import_order, "amazon"),
    "verify_order": (verify_order, "amazon"),
    "enrich_order": (unless_stopped(enrich_order), "magento"),
    "create_customer": (unless_stopped(create_customer), "magento"),
    "create_order": (unless_stopped(create_order), "magento"),
    "ship_order": (unless_stopped(ship_order), "magento"),
    "sync_tracking": (unless_stopped(sync_tracking), "amazon"),
}


def register(app: Celery) -> None:
    """Make each step a Celery task of the app."""
    for name, (step, _) in WORKFLOW.items():
        app.task(name=task_name(name), bind=True, takes=(int,))(_task(name, step))


def task_name(step: str) -> str:
    """The Celery name of a step."""
    return f"orderbridge.{step}"


def _task(name: str, step: Step) -> Callable[[Task[..., None], int], None]:
    def run(self: Task[..., None], order_id: int) -> None:
        with bound_contextvars(order=order_id, step=name, task=self.request.id):
            if not runtime().runner.run(name, step, order_id, str(self.request.id)):
                # The order waits, is held or belongs to another worker: the rest of its chain ends.
                self.request.chain = None

    run.__doc__ = step.__doc__
    return run


def chain_from(app: Celery, step: str, order_id: int, first: str | None = None) -> chain:
    """The chain of an order's steps from `step` on, each in its queue; `first` is another queue for
    the first step."""
    links = [
        app.signature(task_name(name), args=(order_id,), immutable=True, queue=WORKFLOW[name][1])
        for name in STEPS[STEPS.index(step) :]
    ]
    if first is not None:
        links[0].set(queue=first)
    return chain(*links)


def send(app: Celery, due: Sequence[tuple[int, str]], queue: str | None = None) -> int:
    """Send each order from its current step, and return the number of orders sent.

    The first step goes to its own queue, or to `queue`. An unavailable broker is not an error: the
    rows are committed, and the sweep sends them again.
    """
    sent = 0
    try:
        with app.producer_or_acquire() as producer:
            for order_id, step in due:
                chain_from(app, step, order_id, queue).apply_async(producer=producer)
                sent += 1
    except OperationalError:
        log.warning("broker.unavailable", count=len(due) - sent)
    return sent
