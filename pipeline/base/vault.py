"""Personal data at rest: AES-256-GCM under a key per order, itself wrapped by the master key.

Destroying an order's wrapped key makes all data sealed under it unreadable, including every copy
of the sealed data alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import zlib
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipeline.base.master_keys import MasterKeys, Unreadable

_NONCE_BYTES = 12
_FORMAT = b"\x01"
# Sealed data that is bound to its column too. Data sealed before that has only the format above.
_OF_COLUMN = b"\x02"


class SealedColumn(StrEnum):
    """What sealed data is: a column, a value of several columns, or one that a browser keeps."""

    REPORT = "order_private.sealed"
    CORRECTION = "order_private.correction"
    WORDS = "order_words.sealed"
    TITLE = "a carrier's title"
    SECOND_FACTOR = "second_factors.sealed"
    PROVIDER_TOKENS = "provider_sign_ins.sealed"
    ENDPOINT = "webhook_endpoints.secret"
    FIELD = "a form's hidden field"
    DRAFT = "a form that was not sent"


class Vault:
    """Seals and opens personal data. `owner` binds the data to its order, `column` to its column:
    a value that was moved to another does not open."""

    def __init__(self, master_key: bytes, *old: bytes) -> None:
        self._masters = MasterKeys(master_key, *old)
        self._pseudonym_key = self._masters.current.pseudonym_key

    def new_key(self, owner: str) -> bytes:
        """A fresh key for an order, wrapped by the master key."""
        return self._masters.wrap(AESGCM.generate_key(256), owner)

    def seal(
        self, wrapped_key: bytes, owner: str, column: SealedColumn, data: Mapping[str, Any]
    ) -> bytes:
        """Encrypt a JSON object. Decimals become strings, as the marketplace sends them."""
        text = json.dumps(data, separators=(",", ":"), default=_decimal)
        plain, key = zlib.compress(text.encode()), self._key(wrapped_key, owner)
        return _OF_COLUMN + self._encrypt(key, plain, _bound(owner, column))

    def open(
        self, wrapped_key: bytes, owner: str, column: SealedColumn, sealed: bytes
    ) -> dict[str, Any]:
        """The object that was sealed. Raises Unreadable."""
        key = self._key(wrapped_key, owner)
        if sealed[:1] == _OF_COLUMN:
            plain = self._decrypt(key, sealed[1:], _bound(owner, column))
        else:
            plain = self._decrypt(key, sealed, owner)
        data: dict[str, Any] = json.loads(zlib.decompress(plain))
        return data

    def pseudonym(self, text: str) -> str:
        """A stable name for an e-mail address or the like, which does not reveal it."""
        return hmac.new(self._pseudonym_key, text.encode(), hashlib.sha256).hexdigest()[:32]

    def _key(self, wrapped_key: bytes, owner: str) -> AESGCM:
        return AESGCM(self._masters.unwrap(wrapped_key, owner))

    @staticmethod
    def _encrypt(key: AESGCM, plain: bytes, owner: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + key.encrypt(nonce, plain, owner.encode())

    @staticmethod
    def _decrypt(key: AESGCM, sealed: bytes, owner: str) -> bytes:
        if sealed[:1] != _FORMAT:
            raise Unreadable("sealed data has an unknown format")
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return key.decrypt(nonce, body, owner.encode())
        except (InvalidTag, ValueError):  # ValueError: cut off within its first bytes
            raise Unreadable("the master key does not open this order's data") from None


def _bound(owner: str, column: SealedColumn) -> str:
    """What sealed data is bound to: order, column and format. No column has a line break."""
    return f"{owner}\n{column}\n2"


def _decimal(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not go into JSON")
