"""Whether database and broker would be reached in clear over a network, and may be."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.base.broker import Broker
from pipeline.settings.model import PREFIX

ALLOW_PLAINTEXT = f"{PREFIX}ALLOW_PLAINTEXT"
_DATABASE, _BROKER = "database", "broker"


def mistakes(
    environ: Mapping[str, str], *, database: str = "", broker: Broker | None = None
) -> str:
    """A line for each connection in clear over a network that ORDERBRIDGE_ALLOW_PLAINTEXT does not
    name, and for a word of it that names none; empty when all is well. Raises NotSupported."""
    words = {word.strip() for word in environ.get(ALLOW_PLAINTEXT, "").split(",")} - {""}
    wrong = [
        f"{ALLOW_PLAINTEXT}: {word} is none of {_DATABASE}, {_BROKER}"
        for word in sorted(words - {_DATABASE, _BROKER})
    ]
    if _DATABASE not in words and _is_in_clear(database):
        remedy = "add ?sslmode=verify-full&sslrootcert=FILE"
        wrong.append(_sentence("DATABASE_URL", remedy, _DATABASE))
    if _BROKER not in words and broker is not None and broker.is_in_clear:
        remedy = "begin with rediss://, valkeys:// or sentinels://"
        wrong.append(_sentence("REDIS_URL", remedy, _BROKER))
    return "\n".join(wrong)


def _is_in_clear(database: str) -> bool:
    from sqlalchemy.exc import ArgumentError

    from pipeline.base.db import is_in_clear

    try:
        return bool(database) and is_in_clear(database)
    except (ArgumentError, ModuleNotFoundError):
        return False  # no address of a database: nobody connects


def _sentence(variable: str, remedy: str, word: str) -> str:
    return (
        f"{PREFIX}{variable}: what goes to another machine has to be encrypted: {remedy}; or, "
        f"where the network between is yours alone, set {ALLOW_PLAINTEXT}={word}"
    )
