"""A lock in Redis keeps a second worker off an order. It saves work and is not relied on for
correctness: see docs/reliability.md.

The lock's token is the Celery task id, and the same id may take the lock again: a message that is
redelivered after its worker died carries the dead worker's id.
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
    """Leases of about `seconds` each; a thread of this process renews them while they are held."""

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
        """Whether the lease on `name` is ours; the end of the block gives it back.

        Raises RedisError when the broker cannot be reached.
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
                log.warning("lease.not_released")  # the lease expires by itself

    def give_back(self) -> None:
        """Give back all leases of this process, which ends; its orders wait for other workers.

        Raises RedisError when the broker cannot be reached.
        """
        with self._guard:
            held = list(self._held.items())
            self._held.clear()
        for key, token in held:
            self._release(keys=[key], args=[token])

    def _keep_renewing(self) -> None:
        pause = threading.Event()
        # A wait stands still in suspend. Many short waits soon notice how much time has passed.
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
                log.warning("lease.not_renewed")  # the next try comes before the leases expire
            else:
                due_at = self._clock() + 10 * soon_s

    def _renew(self, key: str, token: str) -> None:
        """Extend the lease. A lease that expired in suspend is taken again if it is free."""
        with self._guard:  # without it a lease given back a moment ago would be taken again
            if self._held.get(key) == token and not self._acquire(
                keys=[key], args=[token, self._ttl_ms]
            ):
                log.warning("lease.lost")
