"""A hold code that this release does not know holds the order, and is told in the log."""

from __future__ import annotations

import pytest
import redis

from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap
from pipeline.orders.outcome import HoldCode
from pipeline.orders.tables import Status
from tests.builders import an_order, loaded, stored
from tests.tasks.engine.test_runner import a_runner, broker, lines_of, raises

__all__ = ["broker"]


def test_it_is_held_as_a_defect_with_its_own_sentence(
    sessions: Sessions, broker: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = stored(sessions, an_order())
    error = CannotMap("of_another_release", "a sentence", {"request_id": "r-1"})
    went_on = a_runner(sessions, broker).run("import_order", raises(error), order_id, "a-task")
    order = loaded(sessions, order_id)
    assert (went_on, order.status, order.hold_code) == (False, Status.HELD, HoldCode.PROGRAM_ERROR)
    assert (order.hold_reason, order.hold_facts) == ("a sentence", {"request_id": "r-1"})
    (told,) = [line for line in lines_of(capsys) if line["event"] == "step.unknown_hold_code"]
    assert told["code"] == "of_another_release"
