"""One step, once: what each end and each error makes of an order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from pipeline.base.db import Sessions
from pipeline.base.errors import (
    AccountStopped,
    CannotMap,
    OutcomeUnknown,
    OverQuota,
    Rejected,
    Transient,
    WritesStopped,
)
from pipeline.base.lease import Leases
from pipeline.base.master_keys import MasterKey
from pipeline.base.vault import Vault
from pipeline.clients import Clients
from pipeline.intake.fetch_list import Fetching
from pipeline.orders.machine import MAX_UNFINISHED, Orders
from pipeline.orders.outcome import (
    WRITES_STOPPED,
    Cancelled,
    Done,
    Hold,
    HoldCode,
    Outcome,
    Skipped,
    Wait,
)
from pipeline.orders.tables import Attempt, Order, Status
from pipeline.settings.model import Timing
from tasks.engine.runner import Runner, Step, backoff
from tasks.engine.runs_in_hand import Runs
from tests.builders import ACCOUNT, MASTER_KEY, NOW, a_raw_order, a_vault, an_order, loaded, stored
from tests.tasks.fakes import clients

CANARY = "Erika Canary"
TIMING = Timing(first_retry_s=10, longest_retry_s=900, recheck_held_s=600, resend_s=60)
WORKER = "host:1"


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def runner(sessions: Sessions, broker: redis.Redis) -> Runner:
    return a_runner(sessions, broker)


def a_runner(sessions: Sessions, broker: redis.Redis) -> Runner:
    orders = Orders(sessions, a_vault(), TIMING)
    runs = Runs(sessions, WORKER, lambda: NOW)
    return Runner(orders, Leases(broker, 30), clients(), TIMING, WORKER, Fetching(sessions), runs)


def ends(outcome: Outcome) -> Step:
    return lambda order, clients: outcome


def raises(error: BaseException) -> Step:
    def step(order: Order, clients: Clients) -> Outcome:
        raise error

    return step


def never(order: Order, clients: Clients) -> Outcome:
    raise AssertionError("the step must not run")


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def attempts(sessions: Sessions) -> list[tuple[str | None, str | None, str | None, str | None]]:
    with sessions() as session:
        return [
            (attempt.outcome, attempt.code, attempt.detail, attempt.request_id)
            for attempt in session.scalars(select(Attempt).order_by(Attempt.id))
        ]


@pytest.mark.parametrize(
    ("outcome", "goes_on", "position"),
    [
        (Done(), True, ("verify_order", Status.READY, NOW + timedelta(seconds=60))),
        (Skipped("guest order"), True, ("verify_order", Status.READY, NOW + timedelta(seconds=60))),
        (
            Wait("later", timedelta(hours=1)),
            False,
            ("import_order", Status.WAITING, NOW + timedelta(hours=1)),
        ),
        (
            Hold(HoldCode.SKU_NOT_FOUND, "no such SKU"),
            False,
            ("import_order", Status.HELD, NOW + timedelta(seconds=600)),
        ),
        (Cancelled("gone"), False, ("import_order", Status.CANCELLED, None)),
    ],
)
def test_each_end_of_a_step(
    runner: Runner,
    sessions: Sessions,
    outcome: Outcome,
    goes_on: bool,
    position: tuple[str, Status, object],
) -> None:
    order_id = stored(sessions, an_order())
    assert runner.run("import_order", ends(outcome), order_id, "task-1") is goes_on
    order = loaded(sessions, order_id)
    assert (order.step, order.status, order.due_at) == position


WITHHELD = Hold(HoldCode.ADDRESS_UNUSABLE, "no address", {"missing": "street"})


@pytest.mark.parametrize(
    ("held_as", "outcome", "is_read_again"),
    [
        # What was just stored was just read: a moment later it may be whole.
        (None, WITHHELD, False),
        ("address_unusable", WITHHELD, True),
        ("address_unusable", Hold(HoldCode.ADDRESS_UNUSABLE, "long", {"too_long": "city"}), False),
        ("address_unusable", Done(), False),
        ("sku_not_found", WITHHELD, False),
        ("unreadable_order", Hold(HoldCode.UNREADABLE_ORDER, "no items"), True),
        ("totals_unclear", Hold(HoldCode.TOTALS_UNCLEAR, "no amounts"), True),
        ("unknown_status", Hold(HoldCode.UNKNOWN_STATUS, "no status"), True),
        ("sku_not_found", Hold(HoldCode.SKU_NOT_FOUND, "none", {"skus": "(no SKU)"}), True),
        ("sku_not_found", Hold(HoldCode.SKU_NOT_FOUND, "none", {"skus": "MUG"}), False),
    ],
)
def test_an_order_held_for_amazons_reply_is_read_again_when_it_is_looked_at_again(
    runner: Runner,
    sessions: Sessions,
    held_as: str | None,
    outcome: Outcome,
    is_read_again: bool,
) -> None:
    status = Status.HELD if held_as else Status.READY
    order_id = stored(sessions, an_order(hold_code=held_as, status=status))
    runner.run("import_order", ends(outcome), order_id, "task-1")
    wanted = [fetch.external_id for fetch in runner.fetching.take(ACCOUNT, NOW, 9)]
    assert wanted == ([loaded(sessions, order_id).external_id] if is_read_again else [])


REFUSED = Rejected("Magento says no", code="400x", request_id="r-1")
ERRORS: list[tuple[Exception, tuple[HoldCode, str, Mapping[str, str]], str | None]] = [
    (
        CannotMap(HoldCode.CURRENCY, "wrong currency", {"order": "EUR", "request_id": "r-2"}),
        (HoldCode.CURRENCY, "wrong currency", {"order": "EUR", "request_id": "r-2"}),
        "r-2",
    ),
    (
        AccountStopped("authorise again", request_id="r-3"),
        (HoldCode.ACCOUNT_STOPPED, "authorise again", {}),
        "r-3",
    ),
    (
        REFUSED,
        (HoldCode.REMOTE_REFUSED, "Magento says no", {"code": "400x", "request_id": "r-1"}),
        "r-1",
    ),
    (
        KeyError(CANARY),
        (
            HoldCode.PROGRAM_ERROR,
            "a defect in this program (KeyError); see the worker's log",
            {},
        ),
        None,
    ),
]


@pytest.mark.parametrize(("error", "hold", "request_id"), ERRORS)
def test_what_a_person_has_to_see_is_held(
    runner: Runner,
    sessions: Sessions,
    error: Exception,
    hold: tuple[HoldCode, str, Mapping[str, str]],
    request_id: str | None,
) -> None:
    order_id = stored(sessions, an_order())
    assert not runner.run("import_order", raises(error), order_id, "task-1")
    order = loaded(sessions, order_id)
    assert (order.status, order.due_at) == (Status.HELD, NOW + timedelta(seconds=600))
    assert (order.hold_code, order.hold_reason, order.hold_facts) == hold
    assert order.shown
    assert attempts(sessions) == [("hold", str(hold[0]), hold[1], request_id)]


@pytest.mark.parametrize(
    ("error", "reason", "request_id"),
    [
        (Transient("busy", request_id="r-4"), "busy", "r-4"),
        (OutcomeUnknown("cut off", request_id="r-5"), "cut off", "r-5"),
        (
            OperationalError("SELECT 1", {"name": CANARY}, Exception(CANARY)),
            "Orderbridge's database or Redis was unavailable (OperationalError)",
            None,
        ),
        (
            RedisConnectionError(CANARY),
            "Orderbridge's database or Redis was unavailable (ConnectionError)",
            None,
        ),
    ],
)
def test_what_passes_by_itself_waits_longer_each_time(
    runner: Runner, sessions: Sessions, error: Exception, reason: str, request_id: str | None
) -> None:
    order_id = stored(sessions, an_order(tries=3))
    assert not runner.run("import_order", raises(error), order_id, "task-1")
    order = loaded(sessions, order_id)
    assert (order.status, order.last_note, order.tries) == (Status.WAITING, reason, 4)
    assert order.due_at is not None
    assert timedelta(seconds=40) <= order.due_at - NOW <= timedelta(seconds=80)
    assert attempts(sessions) == [("wait", None, reason, request_id)]


def test_an_order_of_which_nothing_may_be_written_says_so_until_its_next_run(
    runner: Runner, sessions: Sessions
) -> None:
    order_id = stored(sessions, an_order())
    stopped = WritesStopped("read-only: it is set", retry_after_s=0)
    assert not runner.run("import_order", raises(stopped), order_id, "task-1")
    order = loaded(sessions, order_id)
    assert (order.status, order.last_note) == (Status.WAITING, "read-only: it is set")
    assert (order.hold_code, order.hold_facts) == (None, WRITES_STOPPED)
    assert not runner.run("import_order", ends(Wait("later", timedelta(0))), order_id, "task-2")
    assert loaded(sessions, order_id).hold_facts == {}


@pytest.mark.parametrize(
    ("error", "wait_s", "tries"),
    [
        (Transient("busy", retry_after_s=1000), 1000, 1),
        # Not sent for want of quota is no trouble: exactly the wait, and nothing is counted.
        (OverQuota("used up", retry_after_s=3), 3, 0),
    ],
)
def test_the_remotes_own_wait_counts(
    runner: Runner, sessions: Sessions, error: Exception, wait_s: int, tries: int
) -> None:
    order_id = stored(sessions, an_order())
    assert not runner.run("import_order", raises(error), order_id, "task-1")
    order = loaded(sessions, order_id)
    assert (order.due_at, order.tries) == (NOW + timedelta(seconds=wait_s), tries)


def test_an_order_under_a_master_key_that_is_not_here_waits_for_it(
    runner: Runner, sessions: Sessions
) -> None:
    old = MasterKey(MASTER_KEY)
    keys = old.successor().secret, old.secret
    order_id = stored(sessions, an_order(raw=a_raw_order()))

    def reads(order: Order, clients: Clients) -> Outcome:
        assert order.report.raw is not None
        return Done()

    lacking = replace(runner, orders=Orders(sessions, Vault(keys[0]), TIMING))
    assert not lacking.run("import_order", reads, order_id, "task-1")
    order = loaded(sessions, order_id)
    assert (order.status, order.tries) == (Status.WAITING, 0)
    assert order.due_at == NOW + timedelta(minutes=5)
    assert f"under master key {old.id}, which this process lacks" in order.last_note
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).due_at = NOW
    again = replace(runner, orders=Orders(sessions, Vault(*keys), TIMING))
    assert again.run("import_order", reads, order_id, "task-2")


def test_a_defects_text_stays_out_of_row_and_log(
    runner: Runner, sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = stored(sessions, an_order(raw=a_raw_order()))
    runner.run("import_order", raises(ValueError(f"cannot read {CANARY}")), order_id, "task-1")
    defect, ended = lines_of(capsys)
    assert (defect["event"], defect["error"]) == ("step.defect", "ValueError")
    assert (ended["event"], ended["code"]) == ("step.ended", "program_error")
    assert CANARY not in f"{defect} {ended}"
    with sessions() as session:
        for table in ("orders", "attempts", "effects"):
            for (row,) in session.execute(text(f"SELECT t::text FROM {table} t")):  # noqa: S608
                assert CANARY not in row


def test_another_workers_order_is_dropped(
    runner: Runner, sessions: Sessions, broker: redis.Redis
) -> None:
    order_id = stored(sessions, an_order())
    with Leases(broker, 30).hold(f"order:{order_id}", "task-of-another"):
        assert not runner.run("import_order", never, order_id, "task-1")
        # The same task, delivered again after its worker died, is let in.
        assert runner.run("import_order", ends(Done()), order_id, "task-of-another")
    assert attempts(sessions) == [("done", None, None, None)]


def test_without_redis_nothing_is_done(
    sessions: Sessions, away: redis.Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = stored(sessions, an_order())
    assert not a_runner(sessions, away).run("import_order", never, order_id, "task-1")
    assert attempts(sessions) == []
    assert loaded(sessions, order_id).status == Status.READY
    assert [line["event"] for line in lines_of(capsys)] == ["lease.unavailable"]


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "verify_order"},
        {"status": Status.DONE},
        {"status": Status.WAITING, "due_at": NOW + timedelta(seconds=1)},
    ],
)
def test_a_message_with_nothing_to_do_is_dropped(
    runner: Runner, sessions: Sessions, changes: dict[str, Any]
) -> None:
    order_id = stored(sessions, an_order(**changes))
    assert not runner.run("import_order", never, order_id, "task-1")
    assert not runner.run("import_order", never, order_id + 1, "task-1")
    assert attempts(sessions) == []


def test_a_superseded_run_goes_nowhere(
    runner: Runner, sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = stored(sessions, an_order())

    def overtaken(order: Order, clients: Clients) -> Outcome:
        with sessions() as session, session.begin():
            session.execute(text("UPDATE orders SET version = version + 1, step = 'ship_order'"))
        return Done()

    assert not runner.run("import_order", overtaken, order_id, "task-1")
    assert loaded(sessions, order_id).step == "ship_order"
    assert attempts(sessions) == [("superseded", None, None, None)]
    (line,) = lines_of(capsys)
    assert (line["outcome"], line["account"], line["tries"]) == ("superseded", "eu", 1)


def test_a_step_that_ended_its_worker_too_often_is_held_unrun(
    runner: Runner, sessions: Sessions
) -> None:
    order_id = stored(sessions, an_order(unfinished=MAX_UNFINISHED, status=Status.RUNNING))
    assert not runner.run("import_order", never, order_id, "task-1")
    order = loaded(sessions, order_id)
    assert (order.status, order.hold_code) == (Status.HELD, HoldCode.KEEPS_CRASHING)


def test_an_ending_worker_leaves_an_open_attempt_and_gives_the_lease_back(
    runner: Runner, sessions: Sessions, broker: redis.Redis
) -> None:
    order_id = stored(sessions, an_order())
    with pytest.raises(SystemExit):
        runner.run("import_order", raises(SystemExit(1)), order_id, "task-1")
    assert attempts(sessions) == [(None, None, None, None)]
    order = loaded(sessions, order_id)
    assert (order.status, order.unfinished) == (Status.RUNNING, 1)
    assert broker.exists(f"orderbridge:lease:order:{order_id}") == 0


tries = st.integers(1, 10_000)
chances = st.floats(0, 1)


@given(tries=tries, chance=chances, asked=st.none() | st.floats(0, 1e6))
def test_backoff_is_bounded_and_at_least_as_asked(
    tries: int, chance: float, asked: float | None
) -> None:
    error = Transient("", retry_after_s=asked)
    wait_s = backoff(tries, error, TIMING, lambda: chance).total_seconds()
    ceiling_s = min(10 * 2 ** min(tries - 1, 20), 900)
    assert wait_s >= (asked or 0.0) - 1e-6
    assert wait_s >= ceiling_s / 2
    assert wait_s <= max(ceiling_s, asked or 0.0) + 1e-6


@given(tries=tries, chance=chances)
def test_backoff_never_shrinks_from_one_failure_to_the_next(tries: int, chance: float) -> None:
    first, second = (backoff(n, Transient(""), TIMING, lambda: chance) for n in (tries, tries + 1))
    assert first <= second
