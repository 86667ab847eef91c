"""Keeps a worker alive through a broker restart, for kombu 5.7.0.

A task that ends after the connection was dropped acknowledges on a closed channel. kombu 5.7.0 then
reads `connection.client.hostname` of a connection that has none, and the AttributeError ends the
worker; a ConnectionError there is what Celery logs and lives through. The channel also makes a new
Redis client for every group of commands, whose command table costs more than the commands; one
client a channel does.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from kombu.transport import redis as transport
from redis.exceptions import ConnectionError as RedisConnectionError

GUARDED_VERSION = "5.7.0"


def install() -> bool:
    """Guard the Redis channel; False when this kombu is another version, which needs no guard."""
    if version("kombu") != GUARDED_VERSION:
        return False
    channel: Any = transport.Channel
    if getattr(channel, "is_guarded", False):
        return True
    parameters, create = channel._connparams, channel._create_client

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

    channel._connparams, channel._create_client = connparams, create_client
    channel.is_guarded = True
    return True
