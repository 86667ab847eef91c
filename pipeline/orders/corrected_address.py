"""A person's correction of the marketplace's address. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pipeline.base.errors import CannotMap
from pipeline.orders.channel_order import Address, ChannelOrder
from pipeline.orders.outcome import HoldCode

# The names of address fields in `ChannelOrder.missing`.
_MISSING_AS = {"name": "recipient", "lines": "street", "postcode": "postcode", "phone": "phone"}


@dataclass(frozen=True, slots=True)
class Correction:
    """The whole corrected address, and the marketplace's address at the time: `instead_of`."""

    address: Address
    instead_of: Address

    def as_json(self) -> dict[str, Any]:
        """The correction as JSON, to be sealed under the order's own key."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Correction:
        """Read the JSON that `as_json` made."""
        return cls(_address(kept["address"]), _address(kept.get("instead_of", {})))

    def overtaken_by(self, reported: Address) -> list[str]:
        """The fields that the marketplace has changed since the correction. A field that is
        withheld now, or equals the correction, does not count."""
        return [
            field.name
            for field in fields(Address)
            if getattr(reported, field.name)
            not in ("", (), getattr(self.instead_of, field.name), getattr(self.address, field.name))
        ]


def corrected(
    order: ChannelOrder, kept: Mapping[str, Any] | None, *, is_in_shop: bool
) -> ChannelOrder:
    """The order with the corrected address, if any; `kept` is empty if it cannot be opened.

    Raises CannotMap(ADDRESS_UNUSABLE) where the correction cannot be opened, or where the
    marketplace has changed the address since: then neither address is sent anywhere. An order that
    is in the shop already keeps its address there.
    """
    if kept is None:
        return order
    if not kept:
        raise CannotMap(
            HoldCode.ADDRESS_UNUSABLE,
            "the corrected address of this order cannot be opened with ORDERBRIDGE_MASTER_KEY: "
            "correct it again, or withdraw it",
        )
    correction = Correction.from_json(kept)
    changed = correction.overtaken_by(order.address or Address())
    if changed and not is_in_shop:
        raise CannotMap(
            HoldCode.ADDRESS_UNUSABLE,
            f"Amazon has sent another address ({', '.join(changed)}) since a person corrected it: "
            "compare both, then correct it again or withdraw the correction",
            {"changed": ", ".join(changed)},
        )
    given = {word for name, word in _MISSING_AS.items() if getattr(correction.address, name)}
    missing = {field: why for field, why in order.missing.items() if field not in given}
    return replace(order, address=correction.address, missing=missing)


def _address(kept: Mapping[str, Any]) -> Address:
    """The fields of a stored address that this release knows; another release may have stored
    it."""
    known = {field.name: kept[field.name] for field in fields(Address) if field.name in kept}
    return Address(**{**known, "lines": tuple(kept.get("lines", ()))})
