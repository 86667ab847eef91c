"""Leases over a real broker: who is let in, for how long, and who may give one back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pipeline.base.lease import Leases

NAME = "order:7"
KEY = "orderbridge:lease:order:7"
NEVER = Retry(NoBackoff(), 0)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def until(condition: Callable[[], bool]) -> None:
    """Wait for something another thread does; the test's own time-out is the limit."""
    while not condition():
        time.sleep(0.005)


def left_ms(client: redis.Redis, key: str) -> int:
    return int(str(client.pttl(key)))


def holder(client: redis.Redis) -> object:
    return client.get(KEY)


def test_one_holder_at_a_time(client: redis.Redis) -> None:
    mine, theirs = Leases(client, 30), Leases(client, 30)
    with mine.hold(NAME, "task-1") as ours:
        assert ours is True
        assert holder(client) == b"task-1"
        with theirs.hold(NAME, "task-2") as also:
            assert also is False
        with theirs.hold("order:8", "task-2") as other:
            assert other is True
        assert holder(client) == b"task-1"
    assert holder(client) is None
    with theirs.hold(NAME, "task-2") as free:
        assert free is True


def test_the_same_token_is_let_in_again(client: redis.Redis) -> None:
    """A message delivered once more carries the id of the worker that died with the lease."""
    client.set(KEY, "task-1", px=60_000)
    with Leases(client, 30).hold(NAME, "task-1") as ours:
        assert ours is True
        assert 0 < left_ms(client, KEY) <= 30_000
    assert holder(client) is None


def test_of_many_that_ask_at_once_one_gets_it(client: redis.Redis) -> None:
    ready, done = threading.Barrier(8), threading.Barrier(8)
    got: list[bool] = []

    def ask(number: int) -> None:
        leases = Leases(client, 30)
        ready.wait()
        with leases.hold(NAME, f"task-{number}") as ours:
            got.append(ours)
            done.wait()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_a_dead_holders_lease_runs_out(client: redis.Redis) -> None:
    client.set(KEY, "dead", px=50)
    leases = Leases(client, 30)

    def let_in() -> bool:
        with leases.hold(NAME, "task-2") as ours:
            return ours

    until(let_in)


def test_it_is_renewed_while_it_is_held(client: redis.Redis) -> None:
    with Leases(client, 3).hold(NAME, "task-1"):
        for _ in range(2):
            client.pexpire(KEY, 2000)
            until(lambda: left_ms(client, KEY) > 2000)
        assert holder(client) == b"task-1"


def test_two_leases_of_one_process_are_renewed_side_by_side(client: redis.Redis) -> None:
    leases, other = Leases(client, 3), "orderbridge:lease:order:8"
    with leases.hold(NAME, "task-1"), leases.hold("order:8", "task-2"):
        client.pexpire(KEY, 2000)
        client.pexpire(other, 2000)
        until(lambda: left_ms(client, KEY) > 2000 and left_ms(client, other) > 2000)


def test_renewing_goes_on_for_what_is_held_after_a_pause(client: redis.Redis) -> None:
    before = set(threading.enumerate())
    leases = Leases(client, 3)
    with leases.hold(NAME, "task-1"):
        assert set(threading.enumerate()) != before
    until(lambda: set(threading.enumerate()) <= before)
    with leases.hold(NAME, "task-2"):
        client.pexpire(KEY, 2000)
        until(lambda: left_ms(client, KEY) > 2000)


def test_a_lease_that_was_lost_is_neither_renewed_nor_given_back(client: redis.Redis) -> None:
    leases, other = Leases(client, 3), "orderbridge:lease:order:8"
    with leases.hold(NAME, "task-1"), leases.hold("order:8", "task-1"):
        client.set(KEY, "task-2", px=60_000)
        # The one beside it has been renewed, so that this one's turn has come as well.
        client.pexpire(other, 2000)
        until(lambda: left_ms(client, other) > 2000)
        assert left_ms(client, KEY) > 50_000
    assert holder(client) == b"task-2"


def test_a_process_that_ends_gives_back_all_it_holds_and_nothing_else(
    client: redis.Redis,
) -> None:
    leases, other = Leases(client, 30), "orderbridge:lease:order:8"
    with leases.hold(NAME, "task-1"), leases.hold("order:8", "task-1"):
        client.set(other, "task-2", px=60_000)  # lost to another one meanwhile
        leases.give_back()
        assert holder(client) is None
        assert client.get(other) == b"task-2"


def test_it_is_given_back_when_the_step_fails(client: redis.Redis) -> None:
    leases = Leases(client, 30)
    with pytest.raises(ZeroDivisionError), leases.hold(NAME, "task-1"):
        raise ZeroDivisionError
    assert holder(client) is None


def test_a_broker_that_is_away_is_an_error_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = redis.Redis(port=port, retry=NEVER)
    with pytest.raises(RedisError), Leases(client, 30).hold(NAME, "task-1"):
        raise AssertionError("nobody may be let in")


def test_a_broker_that_fails_at_the_end_does_not_spoil_the_step(client: redis.Redis) -> None:
    leases = Leases(client, 30)
    with leases.hold(NAME, "task-1") as ours:
        assert ours is True
        # Something that cannot be compared with a token: giving the lease back is an error.
        client.delete(KEY)
        client.rpush(KEY, "no token")
    with pytest.raises(RedisError), leases.hold(NAME, "task-2"):
        raise AssertionError("nobody may be let in")
