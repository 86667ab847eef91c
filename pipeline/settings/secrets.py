"""Secrets: each is in a variable of the environment, or in the file that the variable with `_FILE`
behind its name names."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.base.master_keys import KEY_BYTES, MasterKey
from pipeline.settings.model import PREFIX

FILE = "_FILE"
_LARGEST = 64 * 1024
_MASTER_KEY, _OLD = f"{PREFIX}MASTER_KEY", f"{PREFIX}MASTER_KEY_OLD"
NO_KEY = (
    f"{_MASTER_KEY} must be 32 random bytes in base64; make one with: openssl rand -base64 32; or, "
    "to replace one, with: orderbridge keys new"
)
NO_SUCCESSOR = (
    f"{_MASTER_KEY} does not replace the key in {_OLD}: make it with `orderbridge keys new`, which "
    "keeps what customers and buyers are known by"
)


class BadSecret(Exception):
    """A secret cannot be read, or is none; the message never repeats it."""


def secret_of(environ: Mapping[str, str], variable: str) -> str:
    """The secret of a variable, or of the file that it names; empty without both.

    Raises BadSecret.
    """
    value, file = environ.get(variable, ""), environ.get(variable + FILE, "")
    if not file:
        return value
    if value:
        raise BadSecret(f"{variable} and {variable}{FILE} are both set: unset one")
    try:
        with Path(file).open(encoding="utf-8") as opened:
            text = opened.read(_LARGEST)
    except OSError as error:
        raise BadSecret(f"{variable}{FILE}: {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadSecret(f"{variable}{FILE}: {file} is no text in UTF-8") from None
    text = text.rstrip("\r\n")
    if not text:
        raise BadSecret(f"{variable}{FILE}: {file} is empty")
    return text


def readable_by_all(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each secret's file that every user of the machine can read."""
    for name, file in sorted(environ.items()):
        if name.startswith(PREFIX) and name.endswith(FILE) and file:
            try:
                mode = Path(file).stat().st_mode
            except OSError:
                continue
            if mode & stat.S_IROTH:
                yield f"{name}: every user of this machine can read {file}"


def master_keys(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """The current master key and the old ones; empty without a current one. Raises BadSecret."""
    current = secret_of(environ, _MASTER_KEY)
    if not current:
        return ()
    old = [part for part in secret_of(environ, _OLD).replace(",", " ").split() if part]
    keys = [MasterKey(_decoded(current, NO_KEY))]
    keys += [MasterKey(_decoded(text, f"{_OLD} must be master keys in base64")) for text in old]
    if len({key.id for key in keys}) < len(keys):
        raise BadSecret(f"{_MASTER_KEY} and {_OLD} hold the same key")
    if len({key.pseudonym_key for key in keys}) > 1:
        raise BadSecret(NO_SUCCESSOR)
    return tuple(key.secret for key in keys)


def _decoded(text: str, otherwise: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) not in (KEY_BYTES, 2 * KEY_BYTES):
        raise BadSecret(otherwise)
    return key
