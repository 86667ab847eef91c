"""Whether database and broker would be reached in clear over a network, and may be."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.settings.model import PREFIX, Settings

ALLOW_PLAINTEXT = f"{PREFIX}ALLOW_PLAINTEXT"
_DATABASE, _BROKER = "database", "broker"


def mistakes(settings: Settings, allowed: str) -> Iterator[str]:
    """A sentence for each connection in clear that `allowed`, ORDERBRIDGE_ALLOW_PLAINTEXT's value,
    does not name, and for a word of it that names none. Raises NotSupported."""
    from sqlalchemy.exc import ArgumentError

    from pipeline.base.db import is_in_clear

    words = {word.strip() for word in allowed.split(",")} - {""}
    for word in sorted(words - {_DATABASE, _BROKER}):
        yield f"{ALLOW_PLAINTEXT}: {word} is none of {_DATABASE}, {_BROKER}"
    try:
        is_database_in_clear = is_in_clear(settings.database_url.get_secret_value())
    except (ArgumentError, ModuleNotFoundError):
        is_database_in_clear = False  # no address of a database: nobody connects
    if is_database_in_clear and _DATABASE not in words:
        yield _sentence("DATABASE_URL", "add ?sslmode=verify-full&sslrootcert=FILE", _DATABASE)
    if settings.broker.is_in_clear and _BROKER not in words:
        yield _sentence("REDIS_URL", "begin with rediss://, valkeys:// or sentinels://", _BROKER)


def _sentence(variable: str, remedy: str, word: str) -> str:
    return (
        f"{PREFIX}{variable}: what goes to another machine has to be encrypted: {remedy}; or, "
        f"where the network between is yours alone, set {ALLOW_PLAINTEXT}={word}"
    )
