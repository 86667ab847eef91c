"""A carrier's title that a clerk typed, sealed under the order's key.

It may name the buyer. What is stored in its place is a text too, so that it goes wherever the title
does: into packages, announcements and messages of feeds. See docs/decisions/0083.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from pipeline.base.master_keys import Unreadable
from pipeline.base.vault import SealedColumn, Vault

SEALED = "sealed:"


def seal_title(vault: Vault, wrapped_key: bytes, owner: str, title: str) -> str:
    """The text to store in place of the title. Raises Unreadable."""
    sealed = vault.seal(wrapped_key, owner, SealedColumn.TITLE, {"title": title})
    return SEALED + urlsafe_b64encode(sealed).decode()


def open_title(vault: Vault, wrapped_key: bytes | None, owner: str, stored: str) -> str:
    """The title of a stored text, which may be in clear. Raises Unreadable."""
    if not stored.startswith(SEALED):
        return stored
    if wrapped_key is None:
        raise Unreadable("the title went with the buyer's data")
    sealed = urlsafe_b64decode(stored.removeprefix(SEALED))
    title: str = vault.open(wrapped_key, owner, SealedColumn.TITLE, sealed)["title"]
    return title
