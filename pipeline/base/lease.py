"""One worker per order, by a lock in Redis. For economy, not for truth: see docs/reliability.md.

The lock's token is the Celery task id, and the same id is let in again: a message that is delivered
once more after its worker died carries the dead worker's id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import RedisError

from pipeline.base.clock import elapsed
from pipeline.base.log import log

_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Leases:
    """Leases of about `seconds` each, renewed by one thread of this process while they are held."""

    def __init__(
        self, client: redis.Redis, seconds: float, clock: Callable[[], float] = elapsed
    ) -> None:
        self._clock = clock
        self._ttl_ms = int(seconds * 1000)
        self._acquire = client.register_script(_ACQUIRE)
        self._release = client.register_script(_RELEASE)
        self._held: dict[str, str] = {}
        self._guard = threading.Lock()
        self._renewer: threading.Thread | None = None

    @contextmanager
    def hold(self, name: str, token: str) -> Iterator[bool]:
        """Whether the lease on `name` is ours; it is given back at the end of the block.

        Raises RedisError when the broker cannot be asked.
        """
        key = f"orderbridge:lease:{name}"
        if not self._acquire(keys=[key], args=[token, self._ttl_ms]):
            yield False
            return
        with self._guard:
            self._held[key] = token
            if self._renewer is None or not self._renewer.is_alive():
                self._renewer = threading.Thread(
                    target=self._keep_renewing, name="lease-renewer", daemon=True
                )
                self._renewer.start()
        try:
            yield True
        finally:
            with self._guard:
                self._held.pop(key, None)
            try:
                self._release(keys=[key], args=[token])
            except RedisError:
                log.warning("lease.not_released")  # it runs out by itself

    def give_back(self) -> None:
        """Give back all that this process holds: it ends, and what it had in hand waits for others.

        Raises RedisError when the broker cannot be asked.
        """
        with self._guard:
            held = list(self._held.items())
            self._held.clear()
        for key, token in held:
            self._release(keys=[key], args=[token])

    def _keep_renewing(self) -> None:
        pause = threading.Event()
        # A wait stands still in suspend: many short ones, so that it is soon seen what has passed.
        soon_s = self._ttl_ms / 30_000
        due_at = self._clock() + 10 * soon_s
        while not pause.wait(soon_s):
            with self._guard:
                held = list(self._held.items())
                if not held:
                    self._renewer = None
                    return
            if self._clock() < due_at:
                continue
            try:
                for key, token in held:
                    self._renew(key, token)
            except RedisError:
                log.warning("lease.not_renewed")  # soon again, before they run out
            else:
                due_at = self._clock() + 10 * soon_s

    def _renew(self, key: str, token: str) -> None:
        """Hold it for longer. One that ran out in suspend is taken again, if nobody else has it."""
        with self._guard:  # else one given back a moment ago would be taken again for nobody
            if self._held.get(key) == token and not self._acquire(
                keys=[key], args=[token, self._ttl_ms]
            ):
                log.warning("lease.lost")
