"""Whether anything would be reached in clear over a network, and may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.base.broker import Broker
from pipeline.base.this_machine import is_in_clear, is_this_machine
from pipeline.settings.model import PREFIX, Settings

ALLOW_PLAINTEXT = f"{PREFIX}ALLOW_PLAINTEXT"
WORDS = ("database", "broker", "webhook", "mail", "issuer", "collector")
"""What ORDERBRIDGE_ALLOW_PLAINTEXT may name."""
# boto3 takes the address of SQS out of these, where the file has no endpoint_url.
_SQS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS")
_HTTPS = "begin with https://"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A connection to another service. `word` permits it in clear; `place` is its setting."""

    word: str
    place: str
    is_in_clear: bool
    is_encrypted: bool
    remedy: str = _HTTPS


def outgoing(settings: Settings) -> Iterator[Outgoing]:
    """The connections beside those to the database, the broker, Amazon and Magento."""
    if settings.alerts.webhook:
        url = settings.alerts.webhook_url.get_secret_value()
        yield _by_url("webhook", f"{PREFIX}ALERTS_WEBHOOK_URL", url)
    if settings.alerts.mail is not None:
        is_encrypted = settings.alerts.mail.security != "none"
        crosses_a_network = not is_this_machine(settings.alerts.mail.host)
        yield Outgoing(
            "mail",
            "alerts.mail.security",
            not is_encrypted and crosses_a_network,
            is_encrypted,
            'set "starttls" or "tls"',
        )
    if settings.console.oidc is not None:
        yield _by_url("issuer", "console.oidc.issuer", settings.console.oidc.issuer)
    if settings.tracing is not None:
        yield _by_url("collector", "tracing.otlp_url", settings.tracing.otlp_url)


def mistakes(
    environ: Mapping[str, str],
    *,
    database: str = "",
    broker: Broker | None = None,
    settings: Settings | None = None,
) -> str:
    """A line for each connection in clear over a network that ORDERBRIDGE_ALLOW_PLAINTEXT does not
    name, and for a word of it that names none; empty when all is well. Raises NotSupported."""
    words = {word.strip() for word in environ.get(ALLOW_PLAINTEXT, "").split(",")} - {""}
    wrong = [
        f"{ALLOW_PLAINTEXT}: {word} is none of {', '.join(WORDS)}"
        for word in sorted(words.difference(WORDS))
    ]
    wrong += [
        f"{name}: what goes to another machine has to be encrypted: {_HTTPS}"
        for name in _SQS
        if is_in_clear(environ.get(name, ""))
    ]
    wrong += [
        f"{found.place}: what goes to another machine has to be encrypted: {found.remedy}; or, "
        f"where the network between is yours alone, set {ALLOW_PLAINTEXT}={found.word}"
        for found in _all(database, broker, settings)
        if found.is_in_clear and found.word not in words
    ]
    return "\n".join(wrong)


def _all(database: str, broker: Broker | None, settings: Settings | None) -> Iterator[Outgoing]:
    yield Outgoing(
        "database",
        f"{PREFIX}DATABASE_URL",
        _database_is_in_clear(database),
        is_encrypted=False,
        remedy="add ?sslmode=verify-full&sslrootcert=FILE",
    )
    if broker is not None:
        yield Outgoing(
            "broker",
            f"{PREFIX}REDIS_URL",
            broker.is_in_clear,
            broker.has_tls,
            "begin with rediss://, valkeys:// or sentinels://",
        )
    if settings is not None:
        yield from outgoing(settings)


def _by_url(word: str, place: str, url: str) -> Outgoing:
    return Outgoing(word, place, is_in_clear(url), not url.strip().lower().startswith("http:"))


def _database_is_in_clear(database: str) -> bool:
    from sqlalchemy.exc import ArgumentError

    from pipeline.base import db

    try:
        return bool(database) and db.is_in_clear(database)
    except (ArgumentError, ModuleNotFoundError):
        return False  # no address of a database: nobody connects
