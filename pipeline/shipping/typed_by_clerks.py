"""What clerks typed at a tracking number in the shop, as it may be stored here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.amazon.carriers import is_known
from pipeline.base.master_keys import KeyMissing, Unreadable
from pipeline.base.vault import Vault
from pipeline.magento.records import MagentoShipment
from pipeline.orders.carrier_title import open_title, seal_title
from pipeline.orders.tracking_number import looks_like_a_number


def is_typed(title: str) -> bool:
    """Whether a title is no known carrier's name, so that a clerk may have written anything."""
    return bool(title) and not is_known(title)


class Clerks:
    """Of one order. `stored` are the titles of its packages: an equal title keeps its text, so
    that the package counts as unchanged."""

    def __init__(
        self, vault: Vault, wrapped_key: bytes | None, owner: str, stored: Iterable[str] = ()
    ) -> None:
        """Raises KeyMissing where only this process lacks the key of a stored title."""
        self._vault, self._key, self._owner = vault, wrapped_key, owner
        self._texts: dict[str, str] = dict(self._opened(stored))

    def _opened(self, stored: Iterable[str]) -> Iterable[tuple[str, str]]:
        for text in stored:
            try:
                yield open_title(self._vault, self._key, self._owner, text), text
            except KeyMissing:
                raise
            except Unreadable:
                continue

    def title(self, typed: str) -> str:
        """A known carrier's name as it is, any other title sealed; empty where no key is left.

        Raises KeyMissing.
        """
        if not is_typed(typed):
            return typed
        if typed not in self._texts:
            if self._key is None:
                return ""
            try:
                self._texts[typed] = seal_title(self._vault, self._key, self._owner, typed)
            except KeyMissing:
                raise
            except Unreadable:
                return ""
        return self._texts[typed]

    def shipment(self, shipment: MagentoShipment) -> MagentoShipment:
        """The shop's shipment with its tracks as they may be stored. A number that does not look
        like one counts as missing."""
        return replace(
            shipment,
            tracks=tuple(
                replace(
                    track,
                    title=self.title(track.title),
                    number=track.number if looks_like_a_number(track.number) else "",
                )
                for track in shipment.tracks
            ),
        )
