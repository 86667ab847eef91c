"""Hidden fields that this console alone can write and read, for what lies between two pages.

A field is bound to what it is for and to the browser's cookie: it is of no use elsewhere.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import g

from pipeline.base.master_keys import Unreadable
from pipeline.base.vault import SealedColumn, Vault

LASTS = timedelta(minutes=10)


class SealedFields:
    """Seals and opens the fields' values."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def seal(self, purpose: str, data: Mapping[str, Any], now: datetime) -> str:
        """The value of a field, for LASTS."""
        owner = _owner(purpose)
        key = self._vault.new_key(owner)
        sealed = self._vault.seal(key, owner, SealedColumn.FIELD, {**data, "at": now.isoformat()})
        return ".".join(urlsafe_b64encode(part).decode() for part in (key, sealed))

    def open(self, purpose: str, value: str, now: datetime) -> tuple[dict[str, Any], datetime]:
        """What was sealed, and when. Raises Unreadable, also when it was too long ago."""
        owner = _owner(purpose)
        try:
            key, sealed = (urlsafe_b64decode(part) for part in value.split("."))
        except (binascii.Error, ValueError):
            raise Unreadable("not a field of ours") from None
        data = self._vault.open(key, owner, SealedColumn.FIELD, sealed)
        at = datetime.fromisoformat(data.pop("at"))
        if now > at + LASTS:
            raise Unreadable("the field has expired")
        return data, at


def _owner(purpose: str) -> str:
    cookie: str = g.cookie
    return f"field {purpose} {hashlib.sha256(cookie.encode()).hexdigest()}"
