"""Examines the installation and its accounts, before an order shows what is wrong.

Nothing is changed anywhere. Each account asks Amazon for a page of orders, from its own quota.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

import redis
from alembic.script import ScriptDirectory
from redis.exceptions import RedisError
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from pipeline.amazon.client import Amazon
from pipeline.base.broker import NotSupported, refuse_cluster
from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions, alembic_config, is_in_clear, reason
from pipeline.base.errors import AccountStopped, OverQuota, Rejected, RemoteError
from pipeline.base.http import Http
from pipeline.base.master_keys import KeyMissing, MasterKeys, Unreadable
from pipeline.base.quota import Quota
from pipeline.base.vault import SealedColumn, Vault
from pipeline.monitoring.doctor_checks import Finding, Verdict
from pipeline.monitoring.health import BEAT, BEAT_MISSED_AFTER
from pipeline.monitoring.key_rotation import Rotation
from pipeline.monitoring.read_only import Writes
from pipeline.monitoring.residue import sampled
from pipeline.orders.machine import owner
from pipeline.orders.tables import Order, OrderPrivate
from pipeline.settings.model import AccountSettings, Settings
from pipeline.settings.plaintext import ALLOW_PLAINTEXT, outgoing
from pipeline.settings.secrets import readable_by_all

HERE = "installation"
CLOCKS_MAY_DIFFER = timedelta(seconds=30)
_READ_BACK = timedelta(hours=1)
_STATEMENT_TIMEOUT = "30s"  # as PostgreSQL writes the 30,000 of db.SESSION
_VERIFIED = "it is encrypted, and the server's certificate is verified"
_NTP = "have this machine's clock set by NTP"


def examine_installation(
    settings: Settings, sessions: Sessions, broker: redis.Redis
) -> Iterator[Finding]:
    """Every finding about the database, key and broker, and the clocks of shops and endpoints."""
    try:
        yield from _database(settings, sessions)
    except SQLAlchemyError as error:
        told = reason(error) if isinstance(error, DBAPIError) else type(error).__name__
        yield _failed(
            "database",
            f"the database does not answer correctly: {told}",
            "check ORDERBRIDGE_DATABASE_URL and PostgreSQL's log; run orderbridge migrate",
        )
    try:
        yield from _broker(settings, broker)
    except NotSupported as error:
        yield _failed("broker", str(error), "set ORDERBRIDGE_REDIS_URL to another broker")
    except RedisError as error:
        yield _failed(
            "broker",
            f"the broker does not answer: {error}",
            "check ORDERBRIDGE_REDIS_URL and Redis' log",
        )
    for to in outgoing(settings):
        told = "it is encrypted" if to.is_encrypted else _in_clear(to.is_in_clear)
        yield _ok(f"connection to the {to.word}", told)
    for name, shop in settings.shops.items():
        yield _clock(f"clock of shop {name}", shop.base_url)
    for name, account in settings.accounts.items():
        yield _clock(f"clock of account {name}", account.api_url)


def examine_account(
    name: str, account: AccountSettings, broker: redis.Redis, now: datetime
) -> Finding:
    """Whether Amazon lets the account in and its roles allow it to list orders."""
    about, check = f"account {name}", "orders"
    amazon = Amazon(name, account, quota=Quota(broker, name), now=utc_now)
    try:
        page = amazon.changed_orders(now - _READ_BACK, None)
    except AccountStopped as error:
        remedy = "authorise the application again, and set its secrets: docs/connect-amazon.md"
        return Finding(about, check, Verdict.FAILED, f"Amazon refuses the sign-in: {error}", remedy)
    except OverQuota:
        remedy = "try again in some minutes; a used quota shows that the workers read orders"
        return Finding(about, check, Verdict.WARNING, "the quota is used up for now", remedy)
    except Rejected as error:
        remedy = "give the application the roles that docs/connect-amazon.md lists"
        return Finding(
            about, check, Verdict.FAILED, f"Amazon refuses to list orders: {error}", remedy
        )
    except RemoteError as error:
        remedy = "retry; if it fails again, check the network, the proxy and Amazon's status page"
        return Finding(about, check, Verdict.FAILED, f"Amazon does not answer: {error}", remedy)
    detail = f"signs in and lists orders ({len(page.orders)} changed in the last hour)"
    return Finding(about, check, Verdict.OK, detail)


def examine_feeds(name: str, account: AccountSettings) -> Finding:
    """Whether the account can send feeds to Amazon, above all cancellations."""
    about, check = f"account {name}", "cancellations"
    if account.may_cancel:
        return Finding(about, check, Verdict.OK, "seller_id is set: cancellations can be sent")
    own = (account.settings, *account.marketplaces.values())
    if all(marketplace.cancel_to_amazon == "never" for marketplace in own):
        detail = "cancel_to_amazon = never: an order cancelled in Magento is held for a person"
        return Finding(about, check, Verdict.OK, detail)
    return Finding(
        about,
        check,
        Verdict.WARNING,
        "without seller_id no cancellation reaches Amazon: an order cancelled in Magento, on a "
        "page or by command is held, although cancel_to_amazon = send",
        f"set accounts.{name}.seller_id (in Seller Central: Account Info, Merchant Token), or "
        'cancel_to_amazon = "never"',
    )


def _database(settings: Settings, sessions: Sessions) -> Iterator[Finding]:
    config = alembic_config(settings.database_url.get_secret_value())
    head = ScriptDirectory.from_config(config).get_current_head()
    with sessions() as session:
        connection = _connection(settings, session)
        in_statistics = sampled(session)
        at = session.scalar(text("SELECT version_num FROM alembic_version"))
        database_time = session.scalars(text("SELECT clock_timestamp()")).one()
        newest = session.execute(
            select(Order, OrderPrivate)
            .join(OrderPrivate, OrderPrivate.order_id == Order.id)
            .where(OrderPrivate.wrapped_key.is_not(None), OrderPrivate.sealed.is_not(None))
            .order_by(Order.id.desc())
            .limit(1)
        ).first()
    yield connection
    if at == head:
        yield _ok("database", f"it answers, and its tables are at the newest migration, {at}")
    else:
        yield _failed(
            "database",
            f"its tables are at migration {at}, this version needs {head}",
            "run orderbridge migrate",
        )
    yield _compared("clock of the database", database_time)
    if newest is not None:
        yield _master_key(settings, *newest)
    yield _rotation(settings, sessions)
    for sentence in readable_by_all(os.environ):
        yield Finding(HERE, "secrets", Verdict.WARNING, sentence, "chmod 400 the file")
    if in_statistics:
        yield _failed(
            "statistics of PostgreSQL",
            f"they may hold what is to be destroyed, out of {', '.join(in_statistics)}",
            "for each column as the tables' owner: ALTER TABLE ... ALTER ... TYPE (the same type), "
            "ALTER ... SET STATISTICS 0",
        )
    else:
        yield _ok("statistics of PostgreSQL", "they hold no personal data")
    notice = Writes(settings, sessions, utc_now).notice()
    if notice:
        remedy = "if this is not intended, see docs/operations.md, Copies of the database"
        yield Finding(HERE, "writes", Verdict.WARNING, notice, remedy)
    else:
        yield _ok("writes", "this database belongs to these shops and sellers; writes are allowed")


def _connection(settings: Settings, session: Session) -> Finding:
    """Whether our time-outs reach PostgreSQL, and whether the connection is encrypted."""
    check, variable = "connection to the database", "ORDERBRIDGE_DATABASE_URL"
    limit = session.scalar(text("SELECT current_setting('statement_timeout')"))
    driver = session.connection().connection.driver_connection
    if limit != _STATEMENT_TIMEOUT:
        return _failed(
            check,
            f"the settings of the session do not arrive (statement_timeout is {limit}): a pooler "
            "such as pgbouncer is before the database",
            f"add ?pgbouncer=true to {variable}",
        )
    if driver is None or not driver.pgconn.ssl_in_use:
        return _ok(check, _in_clear(is_in_clear(settings.database_url.get_secret_value())))
    if driver.info.get_parameters().get("sslmode") == "verify-full":
        return _ok(check, _VERIFIED)
    return Finding(
        HERE,
        check,
        Verdict.WARNING,
        "it is encrypted, but the server's certificate is not verified",
        f"add sslmode=verify-full&sslrootcert=FILE to {variable}",
    )


def _in_clear(crosses_a_network: bool) -> str:
    if not crosses_a_network:
        return "it is not encrypted, and stays on this server"
    return (
        f"it is not encrypted, which {ALLOW_PLAINTEXT} allows: keep the network between yours alone"
    )


def _master_key(settings: Settings, order: Order, private: OrderPrivate) -> Finding:
    try:
        Vault(*settings.master_keys).open(
            private.wrapped_key or b"",
            owner(order),
            SealedColumn.REPORT,
            private.sealed or b"",
        )
    except KeyMissing as error:
        return _failed("master key", f"the newest order: {error}", "run orderbridge keys status")
    except Unreadable:
        return _failed(
            "master key",
            "it does not decrypt the newest order's data",
            "set ORDERBRIDGE_MASTER_KEY to the key that encrypted the data",
        )
    return _ok("master key", "it decrypts the newest order's data")


def _rotation(settings: Settings, sessions: Sessions) -> Finding:
    """Whether something is under a master key that is not the current one."""
    rotation = Rotation(sessions, MasterKeys(*settings.master_keys))
    left = rotation.left(rotation.in_use())
    advice = rotation.advice(left)
    if not left and not rotation.keys.old:
        return _ok("rotation of the master key", "all is under the current one")
    return Finding(
        HERE,
        "rotation of the master key",
        Verdict.WARNING,
        f"{sum(left.values())} keys are not under the current one, {rotation.keys.current.id}",
        advice,
    )


def _broker(settings: Settings, broker: redis.Redis) -> Iterator[Finding]:
    broker.ping()
    refuse_cluster(broker)
    at = settings.broker
    told = _VERIFIED if at.has_tls else _in_clear(at.is_in_clear)
    yield _ok("connection to the broker", told)
    try:
        appends = broker.config_get("appendonly").get("appendonly")
        evicts = broker.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.ResponseError:
        yield Finding(
            HERE,
            "broker",
            Verdict.WARNING,
            "it answers, but does not show its settings",
            "check them yourself: appendonly yes, maxmemory-policy noeviction",
        )
    else:
        if evicts != "noeviction":
            yield _failed(
                "broker",
                f"it evicts keys that Orderbridge needs ({evicts})",
                "set maxmemory-policy noeviction",
            )
        elif appends != "yes":
            yield Finding(
                HERE,
                "broker",
                Verdict.WARNING,
                "a restart empties it: no order is lost, but the next orders wait a minute",
                "set appendonly yes",
            )
        else:
            yield _ok("broker", "it answers, saves its data to disk, and evicts nothing")
    beat = broker.get(BEAT)
    beat_at = datetime.fromisoformat(beat.decode()) if isinstance(beat, bytes) else None
    if beat_at is not None and utc_now() - beat_at <= BEAT_MISSED_AFTER:
        yield _ok("workers", "beat and a worker run")
    else:
        yield Finding(
            HERE,
            "workers",
            Verdict.WARNING,
            "no scheduled job ran in the last minutes",
            "start beat and the workers; before the first start this is expected",
        )


def _clock(check: str, url: str) -> Finding:
    try:
        server_time = Http(url).call("GET", "/").server_time
    except RemoteError as error:
        return _failed(check, f"no answer: {error}", "check the address and the network")
    if server_time is None:
        return _ok(check, "its answer has no time")
    return _compared(check, server_time)


def _compared(check: str, server_time: datetime) -> Finding:
    differ = abs(utc_now() - server_time)
    words = f"it differs from this machine's by {differ.total_seconds():.0f} s"
    if differ > CLOCKS_MAY_DIFFER:
        return _failed(check, words, f"{_NTP}, or the clock of the other side")
    return _ok(check, words)


def _ok(check: str, sentence: str) -> Finding:
    return Finding(HERE, check, Verdict.OK, sentence)


def _failed(check: str, sentence: str, remedy: str) -> Finding:
    return Finding(HERE, check, Verdict.FAILED, sentence, remedy)
