"""The span of a run, where tracing is set up."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.base.tracing import Tracing
from pipeline.orders.machine import Claim
from pipeline.orders.outcome import Hold, Outcome, Wait


def traced(
    tracing: Tracing, claim: Claim, name: str, run: Callable[[], tuple[Outcome, str]]
) -> tuple[Outcome, str]:
    """The outcome of `run`, in a span of the order's trace."""
    order = claim.order
    facts: dict[str, str | int] = {
        "order": order.id,
        "attempt": claim.attempt_id,
        "step": name,
        "tries": order.tries,
    }
    with tracing.run(order.account, order.external_id, name, facts) as ended:
        outcome, request_id = run()
        ended(
            is_failure=isinstance(outcome, Hold)
            or (isinstance(outcome, Wait) and outcome.is_trouble),
            outcome=type(outcome).__name__.lower(),
            code=str(outcome.code) if isinstance(outcome, Hold) else None,
            request_id=request_id or None,
        )
    return outcome, request_id
