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

    `confirmation_sent` means that Amazon has, or may have, its confirmation. `track_id` is None if
    the package has no track of its own: the shipment has no track yet, or the package's track is
    gone and it uses the number of another package. `has_no_title` keeps away what the purge took.
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
    has_no_title: bool = False

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
            carrier_title="" if self.has_no_title else track.title,
            tracking_number=track.number,
        )


def reference(shipment_id: int, position: int) -> str:
    """Amazon's reference of a shipment's package; the first has the shipment's entity id."""
    return str((position - 1) * _SERIES + shipment_id)


def is_same_number(number: str, other: str) -> bool:
    """Whether two tracking numbers are equal apart from spaces and case."""
    return "".join(number.split()).casefold() == "".join(other.split()).casefold()


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
    by_id = {
        shipment.entity_id: shipment
        for shipment in sorted(shipments, key=lambda shipment: shipment.entity_id)
    }
    lost = {*gone, *(parcel.shipment_id for parcel in known if parcel.mismatch == Mismatch.DELETED)}
    known = _taken_over(known, by_id, lost - by_id.keys())
    references = {parcel.reference for parcel in known}
    packages: list[Parcel] = []
    for shipment_id in dict.fromkeys([*(parcel.shipment_id for parcel in known), *by_id]):
        mine = [parcel for parcel in known if parcel.shipment_id == shipment_id]
        if shipment_id in by_id:
            packages += _of_shipment(mine, by_id[shipment_id], references, now)
        elif shipment_id in lost:
            packages += (
                replace(parcel, mismatch=Mismatch.DELETED)
                for parcel in mine
                if parcel.confirmation_sent
            )
        else:
            packages += mine
    return packages


def _taken_over(
    known: Sequence[Parcel], by_id: Mapping[int, MagentoShipment], lost: Collection[int]
) -> list[Parcel]:
    """Move the confirmed packages of a deleted shipment to a new shipment with equal units."""
    new = [
        shipment_id
        for shipment_id in by_id
        if all(shipment_id != parcel.shipment_id for parcel in known)
    ]
    heirs: dict[int, int] = {}
    for shipment_id in sorted(lost):
        units = _sum(
            parcel
            for parcel in known
            if parcel.shipment_id == shipment_id and parcel.confirmation_sent
        )
        heir = next(
            (candidate for candidate in new if units and _units(by_id[candidate]) == units), None
        )
        if heir is not None:
            new.remove(heir)
            heirs[shipment_id] = heir
    return [
        replace(parcel, shipment_id=heirs[parcel.shipment_id])
        if parcel.confirmation_sent and parcel.shipment_id in heirs
        else parcel
        for parcel in known
    ]


def _of_shipment(
    known: Sequence[Parcel], shipment: MagentoShipment, references: set[str], now: datetime
) -> list[Parcel]:
    packages = _with_tracks(known, shipment, references, now)
    units, sent = _units(shipment), _sum(parcel for parcel in packages if parcel.confirmation_sent)
    left = Counter({item: units[item] - sent[item] for item in units | sent})
    if +left and all(parcel.confirmation_sent for parcel in packages):
        # Only confirmed packages remain, so the unconfirmed units get a package with their number.
        spare = next((parcel for parcel in known if not parcel.confirmation_sent), None)
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
    shares = iter(dealt(+left, sum(not parcel.confirmation_sent for parcel in packages)))
    mismatch = Mismatch.QUANTITIES if any(count < 0 for count in left.values()) else None
    return [
        replace(
            parcel,
            shipped_at=shipment.created_at or parcel.shipped_at,
            items=parcel.items if parcel.confirmation_sent else next(shares),
            mismatch=mismatch if parcel.confirmation_sent else None,
        )
        for parcel in packages
    ]


def _with_tracks(
    known: Sequence[Parcel], shipment: MagentoShipment, references: set[str], now: datetime
) -> list[Parcel]:
    """The shipment's packages, each with its track; at least one package.

    With fewer tracks than packages, the confirmed packages get the tracks first and share a number.
    """
    tracks = {
        track.entity_id: track
        for track in sorted(shipment.tracks, key=lambda track: track.entity_id)
    }
    own = {
        parcel.reference: tracks[parcel.track_id] for parcel in known if parcel.track_id in tracks
    }
    held = {track.entity_id for track in own.values()}
    free = [track for track in tracks.values() if track.entity_id not in held]
    for parcel in sorted(known, key=lambda parcel: not parcel.confirmation_sent):
        if parcel.reference in own:
            continue
        if not free and parcel.confirmation_sent:
            lender = next(
                (
                    other
                    for other in known
                    if not other.confirmation_sent and other.reference in own
                ),
                None,
            )
            free = [own.pop(lender.reference)] if lender else []
        if free:
            same = (track for track in free if track.number == parcel.tracking_number)
            own[parcel.reference] = next(same, free[0])
            free.remove(own[parcel.reference])
    shared = next((own[parcel.reference] for parcel in known if parcel.reference in own), None)
    packages = [
        parcel.with_track(own.get(parcel.reference, shared), is_own=parcel.reference in own)
        for parcel in known
        if parcel.reference in own or parcel.confirmation_sent
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
    for parcel in parcels:
        total.update(parcel.items)
    return total
