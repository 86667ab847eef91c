"""What each URL of a broker means to our own clients and to Celery, and what is refused."""

from __future__ import annotations

from contextlib import closing

import pytest
from kombu import Connection

from pipeline.base.broker import NO_CLUSTER, NotSupported, broker_at

CA = "/etc/ssl/ca.pem"
VERIFIED = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": CA}


@pytest.mark.parametrize(
    ("url", "celery_url"),
    [
        ("redis://host", "redis://host:6379/0"),
        ("redis://:pa%3Fss@host:1/2", "redis://:pa%3Fss@host:1/2"),
        ("redis://user:pass@host:1/", "redis://user:pass@host:1/0"),
        ("redis://:p@ss@[::1]:1/0", "redis://:p%40ss@[::1]:1/0"),
        ("valkey://host:1/3", "redis://host:1/3"),
        ("valkeys://host", "rediss://host:6379/0"),
        ("rediss://host", "rediss://host:6379/0"),
    ],
)
def test_a_server(url: str, celery_url: str) -> None:
    broker = broker_at(url)
    assert (broker.celery_url, broker.celery_options) == (celery_url, {})
    with broker.client() as client, closing(Connection(celery_url)) as celery:
        ours = client.connection_pool.connection_kwargs
        assert (ours["host"], ours["port"]) == (celery.hostname, celery.port)
        assert (ours["username"], ours["password"]) == (celery.userid, celery.password)
        assert str(ours["db"]) == celery.virtual_host


@pytest.mark.parametrize("url", ["rediss://host", "valkeys://host", "sentinels://host/main"])
def test_tls_is_verified_by_celery_and_by_our_clients(url: str) -> None:
    broker = broker_at(url, CA)
    assert broker.tls == VERIFIED
    with broker.client() as client:
        ours = client.connection_pool.connection_kwargs
        assert ours.items() >= VERIFIED.items()
    if broker.master:
        assert broker.celery_options["sentinel_kwargs"].items() >= {"ssl": True, **VERIFIED}.items()


def test_sentinels() -> None:
    broker = broker_at("sentinel://:pass@one,two:1,[::1]:2/main/3", None, "other")
    assert broker.celery_url == (
        "sentinel://:pass@one:26379/3;sentinel://:pass@two:1/3;sentinel://:pass@[::1]:2/3"
    )
    assert broker.celery_options == {
        "master_name": "main",
        "sentinel_kwargs": {"password": "other", "socket_timeout": 5, "socket_connect_timeout": 5},
    }
    assert broker.tls == {}


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis+cluster://host", NO_CLUSTER),
        ("rediss+cluster://host", NO_CLUSTER),
        ("http://host", "it must begin with one of redis://, rediss://, valkey://, valkeys://"),
        ("unix:///run/redis.sock", "it must begin with one of"),
        ("host:6379", "it must begin with one of"),
        ("", "it must begin with one of"),
        ("rediss://host/0?ssl_cert_reqs=none", "it takes no parameters after ? or #"),
        ("redis://:pa#ss@host", "it takes no parameters after ? or #"),
        ("redis://one:1,two:2/0", "it names several servers, which only Sentinels can be"),
        ("sentinel://host:26379/0", "it must name the server that the Sentinels watch"),
        ("sentinel://host:26379", "it must name the server that the Sentinels watch"),
        ("sentinel://host/main/x", "it must end with the number of a database"),
        ("redis://host/x", "it must end with the number of a database"),
        ("redis://host/0/1", "it must end with the number of a database"),
        ("redis://host:port/0", "it must name a host and its port"),
        ("redis://", "it must name a host and its port"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(NotSupported) as refusal:
        broker_at(url)
    assert str(refusal.value).startswith(sentence)


def test_a_ca_file_without_tls_is_a_mistake() -> None:
    with pytest.raises(NotSupported, match="valkey:// has no TLS: begin with valkeys://"):
        broker_at("valkey://host", CA)


def test_a_sentinel_password_without_sentinels_is_a_mistake() -> None:
    with pytest.raises(NotSupported, match="the URL names no Sentinels"):
        broker_at("redis://host", None, "other")


def test_no_password_is_in_its_representation() -> None:
    assert "hidden" not in repr(broker_at("sentinel://:hidden@host/main", None, "hidden-too"))
