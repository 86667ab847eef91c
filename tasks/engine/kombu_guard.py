"""Keep a worker alive through a broker restart, with every allowed version of kombu.

A task that ends after the connection was dropped acknowledges on a closed channel. kombu 5.7 then
reads `connection.client.hostname` of a missing connection, and the AttributeError ends the worker;
Celery only logs a ConnectionError. The channel also makes a new Redis client for every group of
commands, whose command table costs more than the commands; a single client per channel is enough.

An entry of a queue that is no message raises in the channel, before Celery could reject it.

The guarded code is private to kombu, so any release may change it. Therefore the guard is tested at
the start instead of comparing versions: a worker whose guard fails does not start.
"""

from __future__ import annotations

from importlib.metadata import version
from queue import Empty
from typing import Any

from kombu.transport import redis as transport
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, RedisError

from tasks.engine.unusable_messages import count_rejected

TRIED_WITH = "5.7.0"


class NotGuarded(RuntimeError):
    """This version of kombu differs from what the guard expects; the message says what to do."""


def install(channel: Any = transport.Channel) -> None:
    """Guard the Redis channel; a repeat changes nothing. Raises NotGuarded."""
    if getattr(channel, "is_guarded", False):
        return
    parameters = getattr(channel, "_connparams", None)
    create = getattr(channel, "_create_client", None)
    read = getattr(channel, "_brpop_read", None)
    if not callable(parameters) or not callable(create) or not callable(read):
        raise _not_guarded("its Redis channel lacks _connparams, _create_client or _brpop_read")

    def connparams(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.connection is None or getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the channel's connection is closed")
        return parameters(self, *args, **kwargs)

    def create_client(self: Any, asynchronous: bool = False) -> Any:
        if asynchronous:
            return create(self, True)
        kept = self.__dict__.get("_kept_client")
        if kept is None or kept.connection_pool is not self.pool:
            kept = self.__dict__["_kept_client"] = create(self)
        return kept

    def brpop_read(self: Any, **options: Any) -> Any:
        try:
            return read(self, **options)
        except DataError as error:
            odd: Exception = error
        except (Empty, OSError, RedisError):
            raise
        except Exception as error:
            if self.closed:
                raise
            odd = error
        # The entry left the queue when it was read.
        count_rejected(odd)
        raise Empty

    channel._connparams, channel._create_client = connparams, create_client
    try:
        _try(channel)
    except NotGuarded:
        channel._connparams, channel._create_client = parameters, create
        raise
    channel._brpop_read = brpop_read
    channel.is_guarded = True


def _try(channel: Any) -> None:
    """Check that a closed channel passes the guarded code on its way to a client."""
    closed = object.__new__(channel)
    closed.connection = None
    try:
        with closed.conn_or_acquire():
            pass
    except RedisConnectionError:
        return
    except Exception as error:
        raise _not_guarded(f"a closed channel of it raises {type(error).__name__}") from error
    raise _not_guarded("a closed channel of it gives a client")


def _not_guarded(why: str) -> NotGuarded:
    return NotGuarded(
        f"kombu {version('kombu')} is installed, and {why}: with it a worker would end when the "
        f"broker restarts. Install kombu {TRIED_WITH}"
    )
