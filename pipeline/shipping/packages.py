"""Turns an order's Magento shipments into Amazon's packages with their units. Pure.

Each track is a package. Amazon accepts a new carrier, number and date for a package but never new
quantities, so a confirmed package keeps its reference and its units whatever the shop does.
The reasons for each rule: docs/decisions/0034-a-track-is-a-package.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from pipeline.magento.records import MagentoShipment, Track

# Above any entity id of Magento's (32 bits), so that further packages get no shipment's id.
_SERIES = 10**10


class Mismatch(StrEnum):
    """A change of the shop's to a confirmed package that Amazon does not accept."""

    DELETED = "deleted"
    QUANTITIES = "quantities"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A package: a track of a shipment and its share of the units, by Magento's order item id.

    `is_told` means that Amazon has, or may have, its confirmation. `track_id` is None when the
    package has no track of its own: the shipment has no track yet, or the package's track is gone
    and it uses the number of another package.
    """

    reference: str
    shipment_id: int
    shipped_at: datetime
    track_id: int | None = None
    carrier_code: str = ""
    carrier_title: str = ""
    tracking_number: str = ""
    items: Mapping[int, int] = field(default_factory=dict)
    confirmation_sent: bool = False
    mismatch: str | None = None

    def with_track(self, track: Track | None, *, is_own: bool = True) -> Parcel:
        """The same package with the carrier and number of this track."""
        if track is None:
            return replace(
                self, track_id=None, carrier_code="", carrier_title="", tracking_number=""
            )
        return replace(
            self,
            track_id=track.entity_id if is_own else None,
            carrier_code=track.carrier_code,
            carrier_title=track.title,
            tracking_number=track.number,
        )


def reference(shipment_id: int, position: int) -> str:
    """Amazon's reference of a shipment's package; the first has the shipment's entity id."""
    return str((position - 1) * _SERIES + shipment_id)


def is_same_number(one: str, other: str) -> bool:
    """Whether two tracking numbers are equal apart from spaces and case."""
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()


def arranged(
    known: Sequence[Parcel],
    shipments: Sequence[MagentoShipment],
    gone: Collection[int],
    now: datetime,
) -> list[Parcel]:
    """The order's packages, with the known packages first.

    `known` are the stored packages in the order of their arrival, `shipments` the shop's shipments,
    `gone` the shipments that the shop has certainly deleted. The packages of any other missing
    shipment stay. A second run changes nothing.
    """
    by_id = {one.entity_id: one for one in sorted(shipments, key=lambda one: one.entity_id)}
    lost = {*gone, *(one.shipment_id for one in known if one.mismatch == Mismatch.DELETED)}
    known = _taken_over(known, by_id, lost - by_id.keys())
    references = {one.reference for one in known}
    packages: list[Parcel] = []
    for shipment_id in dict.fromkeys([*(one.shipment_id for one in known), *by_id]):
        mine = [one for one in known if one.shipment_id == shipment_id]
        if shipment_id in by_id:
            packages += _of_shipment(mine, by_id[shipment_id], references, now)
        elif shipment_id in lost:
            packages += (
                replace(one, mismatch=Mismatch.DELETED) for one in mine if one.confirmation_sent
            )
        else:
            packages += mine
    return packages


def _taken_over(
    known: Sequence[Parcel], by_id: Mapping[int, MagentoShipment], lost: Collection[int]
) -> list[Parcel]:
    """Move the confirmed packages of a deleted shipment to a new shipment with equal units."""
    new = [one for one in by_id if all(one != parcel.shipment_id for parcel in known)]
    heirs: dict[int, int] = {}
    for shipment_id in sorted(lost):
        units = _sum(
            one for one in known if one.shipment_id == shipment_id and one.confirmation_sent
        )
        heir = next((one for one in new if units and _units(by_id[one]) == units), None)
        if heir is not None:
            new.remove(heir)
            heirs[shipment_id] = heir
    return [
        replace(one, shipment_id=heirs[one.shipment_id])
        if one.confirmation_sent and one.shipment_id in heirs
        else one
        for one in known
    ]


def _of_shipment(
    known: Sequence[Parcel], shipment: MagentoShipment, references: set[str], now: datetime
) -> list[Parcel]:
    packages = _with_tracks(known, shipment, references, now)
    units, sent = _units(shipment), _sum(one for one in packages if one.confirmation_sent)
    left = Counter({item: units[item] - sent[item] for item in units | sent})
    if +left and all(one.confirmation_sent for one in packages):
        # Only confirmed packages remain, so the unconfirmed units get a package with their number.
        spare = next((one for one in known if not one.confirmation_sent), None)
        spare = spare or _new(shipment, references, now)
        packages.append(
            replace(
                spare,
                track_id=None,
                carrier_code=packages[0].carrier_code,
                carrier_title=packages[0].carrier_title,
                tracking_number=packages[0].tracking_number,
            )
        )
    shares = iter(dealt(+left, sum(not one.confirmation_sent for one in packages)))
    mismatch = Mismatch.QUANTITIES if any(count < 0 for count in left.values()) else None
    return [
        replace(
            one,
            shipped_at=shipment.created_at or one.shipped_at,
            items=one.items if one.confirmation_sent else next(shares),
            mismatch=mismatch if one.confirmation_sent else None,
        )
        for one in packages
    ]


def _with_tracks(
    known: Sequence[Parcel], shipment: MagentoShipment, references: set[str], now: datetime
) -> list[Parcel]:
    """The shipment's packages, each with its track; at least one package.

    With fewer tracks than packages, the confirmed packages get the tracks first and share a number.
    """
    tracks = {one.entity_id: one for one in sorted(shipment.tracks, key=lambda one: one.entity_id)}
    own = {one.reference: tracks[one.track_id] for one in known if one.track_id in tracks}
    held = {one.entity_id for one in own.values()}
    free = [one for one in tracks.values() if one.entity_id not in held]
    for parcel in sorted(known, key=lambda one: not one.confirmation_sent):
        if parcel.reference in own:
            continue
        if not free and parcel.confirmation_sent:
            lender = next(
                (one for one in known if not one.confirmation_sent and one.reference in own), None
            )
            free = [own.pop(lender.reference)] if lender else []
        if free:
            same = (one for one in free if one.number == parcel.tracking_number)
            own[parcel.reference] = next(same, free[0])
            free.remove(own[parcel.reference])
    shared = next((own[one.reference] for one in known if one.reference in own), None)
    packages = [
        one.with_track(own.get(one.reference, shared), is_own=one.reference in own)
        for one in known
        if one.reference in own or one.confirmation_sent
    ]
    if not packages and not free:
        return [(known[0] if known else _new(shipment, references, now)).with_track(None)]
    return packages + [_new(shipment, references, now).with_track(track) for track in free]


def _new(shipment: MagentoShipment, references: set[str], now: datetime) -> Parcel:
    position = 1
    while (made := reference(shipment.entity_id, position)) in references:
        position += 1
    references.add(made)
    return Parcel(made, shipment.entity_id, shipment.created_at or now)


def dealt(units: Mapping[int, int], packages: int) -> list[dict[int, int]]:
    """The units divided over packages by item id; the first packages get the larger shares.

    With more packages than units the last packages are empty.
    """
    each = [item for item in sorted(units) for _ in range(units[item])]
    shares, start = [], 0
    for number in range(packages):
        end = start - (start - len(each)) // (packages - number)
        shares.append(dict(Counter(each[start:end])))
        start = end
    return shares


def _units(shipment: MagentoShipment) -> Counter[int]:
    return Counter({item: int(quantity) for item, quantity in shipment.items.items()})


def _sum(parcels: Iterable[Parcel]) -> Counter[int]:
    total: Counter[int] = Counter()
    for one in parcels:
        total.update(one.items)
    return total
