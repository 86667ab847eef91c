"""The hour of many accounts, with a few of them for some minutes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import timedelta

import pytest

from bench.accounts.amazon import BURST, Seller
from bench.accounts.buyers import START, names, placements, rates
from bench.accounts.hour import Hour
from bench.accounts.pool import THREADS, Pool
from bench.scenarios.accounts_hour import report
from devstack.paths import PROJECT

ACCOUNTS = 20
LENGTH = timedelta(minutes=8)


# In a process of its own, as `make bench` runs it: it ends with its connections open.
PLAY = f"""
import pickle, sys
from datetime import timedelta
from bench.accounts.hour import play
from bench.rig import Rig
from devstack.paths import temporary_home
from devstack.supervisor import Supervisor

with temporary_home() as home, Supervisor(home) as supervisor:
    rig = Rig(home, supervisor)
    rig.start()
    hour = play(rig, {ACCOUNTS}, 1, timedelta(seconds={LENGTH.total_seconds()}))
with open(sys.argv[1], "wb") as file:
    pickle.dump(hour, file)
"""


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Hour:
    file = tmp_path_factory.mktemp("hour") / "hour"
    subprocess.run([sys.executable, "-c", PLAY, file], cwd=PROJECT, check=True, timeout=240)
    found = pickle.loads(file.read_bytes())  # noqa: S301 - our own
    assert isinstance(found, Hour)
    return found


def test_every_order_that_amazon_showed_is_stored(hour: Hour) -> None:
    assert hour.orders == hour.stored > 0
    assert hour.quota["refused"] == 0
    assert max(lag for lags in hour.import_lags.values() for lag in lags) < 330


def test_each_account_is_polled_in_each_period(hour: Hour) -> None:
    assert hour.costs["poll"].runs in range(2 * ACCOUNTS, 3 * ACCOUNTS + 1)
    assert sum(hour.sent.values()) == sum(cost.runs + cost.expired for cost in hour.costs.values())


def test_it_can_be_reported(hour: Hour) -> None:
    told = report(hour, ACCOUNTS)
    assert all(str(table) for table in told.tables)
    assert {goal.name: goal.is_met for goal in told.goals}["searches that Amazon refused"]


def test_the_accounts_have_ten_million_orders_a_month() -> None:
    assert sum(rates(1_000).values()) * 24 * 30 == pytest.approx(10_000_000, rel=0.02)
    placed = placements(100, 7, LENGTH)
    numbers = [number for orders in placed.values() for _, number in orders]
    assert placed.keys() == set(names(100))
    assert len(numbers) == len(set(numbers))


def test_an_account_has_a_burst_and_then_a_call_in_three_minutes() -> None:
    seller = Seller(())
    assert [seller.takes(START) for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert [seller.takes(START + timedelta(seconds=at)) for at in (178, 179)] == [False, True]


def test_jobs_wait_for_a_thread_and_share_the_processor() -> None:
    pool = Pool(1, START)
    ends = [pool.ran(pool.begins(START), 1.0, 10.0) for _ in range(THREADS)]
    assert ends[-1] == START + timedelta(seconds=THREADS + 10)
    assert pool.begins(START) == START + timedelta(seconds=11)
