"""How Redis or Valkey is reached: the one place that makes an address and TLS arguments of the URL.

Celery and our own clients get the same ones, so that none of them connects where another refuses.
With TLS the server's certificate and name are always verified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pipeline.base.this_machine import is_this_machine

if TYPE_CHECKING:
    import redis

_SERVERS, _SENTINELS = ("redis", "rediss", "valkey", "valkeys"), ("sentinel", "sentinels")
_WITH_TLS = ("rediss", "valkeys", "sentinels")
_PORT, _SENTINEL_PORT = 6379, 26379
_DATABASE = re.compile(r"\d{0,9}")
SENTINEL_FORM = "sentinel://:password@host:26379,host:26379/NAME/0"
NO_CLUSTER = (
    "Redis Cluster is not supported: Celery's queues do not work on it. Use one server, or a "
    f"server with replicas and Sentinels ({SENTINEL_FORM})"
)


class NotSupported(ValueError):
    """The broker cannot be used; the message says why and what to use instead."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is. `master` is its name at the Sentinels; empty where there are none."""

    hosts: tuple[tuple[str, int], ...]
    has_tls: bool
    master: str
    database: int
    username: str | None
    password: str | None = field(repr=False)
    sentinel_password: str | None = field(repr=False)
    ca_file: str | None

    def client(self, timeout_s: float = 5) -> redis.Redis:
        """A client that connects on its first command; after a failover, to the new server."""
        import redis  # commands that need no broker start without it
        from redis.sentinel import Sentinel

        times = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
        tls = {"ssl": True, **self.tls} if self.has_tls else {}
        options: dict[str, Any] = {
            "db": self.database,
            "username": self.username,
            "password": self.password,
            **times,
            **tls,
        }
        if not self.master:
            [(host, port)] = self.hosts
            return redis.Redis(host=host, port=port, **options)
        sentinels = Sentinel(  # type: ignore[no-untyped-call]
            self.hosts, sentinel_kwargs={**self._to_sentinels, **times}, **options
        )
        client: redis.Redis = sentinels.master_for(self.master)  # type: ignore[no-untyped-call]
        return client

    @property
    def is_in_clear(self) -> bool:
        """Whether what goes to the broker, or to a Sentinel, crosses a network unencrypted."""
        return not self.has_tls and not all(is_this_machine(host) for host, _ in self.hosts)

    @property
    def tls(self) -> Mapping[str, Any]:
        """Celery's `broker_use_ssl`, and redis-py's own arguments; empty without TLS."""
        if not self.has_tls:
            return {}
        return {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_ca_certs": self.ca_file,
        }

    @property
    def celery_url(self) -> str:
        """Celery's `broker_url`."""
        scheme = "sentinel" if self.master else "rediss" if self.has_tls else "redis"
        login = f"{quote(self.username or '', '')}:{quote(self.password or '', '')}@"
        return ";".join(
            f"{scheme}://{'' if login == ':@' else login}"
            f"{f'[{host}]' if ':' in host else host}:{port}/{self.database}"
            for host, port in self.hosts
        )

    @property
    def celery_options(self) -> Mapping[str, Any]:
        """What Celery's `broker_transport_options` need beside the usual ones."""
        if not self.master:
            return {}
        times = {"socket_timeout": 5, "socket_connect_timeout": 5}
        return {"master_name": self.master, "sentinel_kwargs": {**self._to_sentinels, **times}}

    @property
    def _to_sentinels(self) -> Mapping[str, Any]:
        login = {"password": self.sentinel_password} if self.sentinel_password else {}
        return {**login, **({"ssl": True, **self.tls} if self.has_tls else {})}


def broker_at(url: str, ca_file: str | None = None, sentinel_password: str = "") -> Broker:
    """The broker of a URL. Raises NotSupported with a sentence that does not quote the URL."""
    parts = urlsplit(url)
    scheme = parts.scheme
    if "cluster" in scheme:
        raise NotSupported(NO_CLUSTER)
    if scheme not in (*_SERVERS, *_SENTINELS):
        known = ", ".join(f"{one}://" for one in (*_SERVERS, *_SENTINELS))
        raise NotSupported(f"it must begin with one of {known}")
    if parts.query or parts.fragment:
        raise NotSupported(
            "it takes no parameters after ? or #; TLS is rediss:// with redis.ca_file, and a "
            "password's special characters are written as %3F and the like"
        )
    has_sentinels, has_tls = scheme in _SENTINELS, scheme in _WITH_TLS
    if ca_file is not None and not has_tls:
        raise NotSupported(
            f"redis.ca_file is set, but {scheme}:// has no TLS: begin with {scheme}s://"
        )
    if sentinel_password and not has_sentinels:
        raise NotSupported("a Sentinel password is set, but the URL names no Sentinels")
    login, _, named = parts.netloc.rpartition("@")
    hosts = tuple(
        _host(one, _SENTINEL_PORT if has_sentinels else _PORT) for one in named.split(",")
    )
    if len(hosts) > 1 and not has_sentinels:
        raise NotSupported(
            f"it names several servers, which only Sentinels can be: {SENTINEL_FORM}"
        )
    path = parts.path.strip("/").split("/")
    master = unquote(path.pop(0)) if has_sentinels else ""
    if has_sentinels and (not master or _DATABASE.fullmatch(master)):
        raise NotSupported(f"it must name the server that the Sentinels watch: {SENTINEL_FORM}")
    if len(path) > 1 or not all(_DATABASE.fullmatch(one) for one in path):
        raise NotSupported("it must end with the number of a database, such as /0")
    username, _, password = login.partition(":")
    return Broker(
        hosts=hosts,
        has_tls=has_tls,
        master=master,
        database=int("".join(path) or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_password=sentinel_password or None,
        ca_file=ca_file,
    )


def refuse_cluster(client: redis.Redis) -> None:
    """Raises NotSupported when the server is a node of a Redis Cluster, and RedisError."""
    if client.info("cluster").get("cluster_enabled"):
        raise NotSupported(NO_CLUSTER)


def _host(text: str, usual_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise NotSupported("it must name a host and its port, such as host:6379")
    return host, port or usual_port
