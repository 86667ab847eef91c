"""The master keys: the first wraps the keys of orders, all of them open what they wrapped.

A wrapped key names the master key that wrapped it, so that two may be in use while one replaces the
other. See docs/decisions/0077.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 4
_NAMELESS, _NAMED = b"\x01", b"\x02"
NAMELESS = "unnamed"
"""Stands for the id of a wrapped key that names no master key, as older versions wrote it."""


class Unreadable(Exception):
    """Sealed data that this master key does not open, or that was changed."""


class KeyMissing(Unreadable):
    """Data under a master key that this process does not have; the message names its id."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A master key of 32 bytes, behind it the pseudonym key if it has replaced another master key.

    A first master key has no such half: its pseudonym key is derived from it.
    """

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Names the key, and says nothing of it: whoever has the key gets the same id."""
        return _derived(self._wrapping, b"orderbridge master key id")[:_ID_BYTES].hex()

    @property
    def pseudonym_key(self) -> bytes:
        """The key of all keyed hashes. It stays the same when the master key is replaced."""
        kept = self.secret[KEY_BYTES:]
        return kept or _derived(self._wrapping, b"orderbridge pseudonyms")

    @property
    def is_successor(self) -> bool:
        """Whether it replaces another master key. Nothing under it is nameless."""
        return len(self.secret) > KEY_BYTES

    @property
    def cipher(self) -> AESGCM:
        """Wraps and unwraps."""
        return AESGCM(self._wrapping)

    @property
    def prefix(self) -> bytes:
        """The first bytes of each key that it wrapped."""
        return _NAMED + bytes.fromhex(self.id)

    def successor(self) -> MasterKey:
        """A fresh key to replace this one, with the same pseudonym key."""
        return MasterKey(os.urandom(KEY_BYTES) + self.pseudonym_key)

    @property
    def _wrapping(self) -> bytes:
        return self.secret[:KEY_BYTES]


class MasterKeys:
    """The master keys of a process: the current one, and those that it replaces."""

    def __init__(self, current: bytes, *old: bytes) -> None:
        self.current = MasterKey(current)
        self.old = tuple(map(MasterKey, old))
        self._by_prefix = {key.prefix: key for key in (*self.old, self.current)}

    def wrap(self, key: bytes, owner: str) -> bytes:
        """Encrypt a key with the current master key, bound to its owner."""
        nonce, prefix = os.urandom(_NONCE_BYTES), self.current.prefix
        return prefix + nonce + self.current.cipher.encrypt(nonce, key, _bound_to(owner))

    def unwrap(self, wrapped: bytes, owner: str) -> bytes:
        """The key that was wrapped. Raises Unreadable, and KeyMissing for another master key."""
        if wrapped[:1] == _NAMELESS:
            return self._unwrap_nameless(wrapped[1:], owner)
        if wrapped[:1] != _NAMED:
            raise Unreadable("the wrapped key has an unknown format")
        key = self._by_prefix.get(wrapped[: 1 + _ID_BYTES])
        if key is None:
            raise KeyMissing(
                f"its data is under master key {key_id(wrapped)}, which this process lacks: set "
                "ORDERBRIDGE_MASTER_KEY to it, or ORDERBRIDGE_MASTER_KEY_OLD beside a newer one"
            )
        return _opened(key, wrapped[1 + _ID_BYTES :], _bound_to(owner))

    def _unwrap_nameless(self, body: bytes, owner: str) -> bytes:
        for key in (self.current, *self.old):
            try:
                return _opened(key, body, owner.encode())
            except Unreadable:
                continue
        if self.current.is_successor and not self.old:
            raise KeyMissing(
                "its data is under the master key that this one replaces: set "
                "ORDERBRIDGE_MASTER_KEY_OLD to that"
            )
        raise Unreadable("the master key does not open this order's data")


def key_id(wrapped: bytes) -> str:
    """The id of the master key that wrapped a key."""
    return wrapped[1 : 1 + _ID_BYTES].hex() if wrapped[:1] == _NAMED else NAMELESS


def _opened(key: MasterKey, body: bytes, bound_to: bytes) -> bytes:
    try:
        return key.cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):  # ValueError: cut off within its first bytes
        raise Unreadable("the master key does not open this order's data") from None


def _bound_to(owner: str) -> bytes:
    return b"orderbridge 2 wrapped_key " + owner.encode()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
