"""Which packages Amazon is told of: one a track, and never other units than it was told first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.magento.records import MagentoShipment, Track
from pipeline.shipping.packages import Mismatch, Parcel, arranged, dealt, reference
from tests.builders import NOW

DHL = Track(11, "dhl", "DHL", "0034")
UPS = Track(12, "ups", "UPS", "1Z99")
GLS = Track(13, "gls", "GLS", "GL7")
SECOND = "10000000071"


def a_shipment(
    *tracks: Track, entity_id: int = 71, items: dict[int, int] | None = None
) -> MagentoShipment:
    units = {501: 3} if items is None else items
    return MagentoShipment(
        entity_id, 900, NOW, {item: Decimal(count) for item, count in units.items()}, tracks
    )


def a_parcel(track: Track | None = DHL, **changes: object) -> Parcel:
    """A package of three units, told unless said otherwise."""
    known = Parcel("71", 71, NOW, items={501: 3}, confirmation_sent=True).with_track(track)
    return replace(known, **changes)  # type: ignore[arg-type]


def packages(
    known: list[Parcel], *shipments: MagentoShipment, gone: tuple[int, ...] = ()
) -> list[Parcel]:
    parcels = arranged(known, shipments, gone, NOW)
    assert arranged(parcels, shipments, gone, NOW) == parcels
    return parcels


def brief(parcels: list[Parcel]) -> list[tuple[str, str, dict[int, int]]]:
    return [(one.reference, one.tracking_number, dict(one.items)) for one in parcels]


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ((), [("71", "", {501: 3})]),
        ((DHL,), [("71", "0034", {501: 3})]),
        ((UPS, DHL), [("71", "0034", {501: 2}), (SECOND, "1Z99", {501: 1})]),
        (
            (DHL, UPS, GLS, Track(14, "gls", "GLS", "GL8")),
            [
                ("71", "0034", {501: 1}),
                (SECOND, "1Z99", {501: 1}),
                ("20000000071", "GL7", {501: 1}),
                ("30000000071", "GL8", {}),
            ],
        ),
    ],
    ids=["no track", "one", "two, by their ids", "more than units"],
)
def test_each_track_of_a_shipment_is_a_package(
    tracks: tuple[Track, ...], expected: list[tuple[str, str, dict[int, int]]]
) -> None:
    assert brief(packages([], a_shipment(*tracks))) == expected


def test_no_package_is_ever_named_like_a_shipment() -> None:
    assert reference(71, 1) == "71"
    assert int(reference(1, 2)) > 2**32
    assert reference(71, 2) != reference(72, 2)


def test_units_of_several_items_are_dealt_out_in_their_order() -> None:
    parcels = packages([], a_shipment(DHL, UPS, items={502: 2, 501: 3}))
    assert [one.items for one in parcels] == [{501: 3}, {502: 2}]


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ((replace(DHL, number="0035"),), [("71", "0035", {501: 3})]),
        ((UPS,), [("71", "1Z99", {501: 3})]),
        ((), [("71", "", {501: 3})]),
        ((DHL, UPS), [("71", "0034", {501: 3}), (SECOND, "1Z99", {})]),
    ],
    ids=["corrected", "another instead", "taken away", "one more, and no unit is left for it"],
)
def test_what_was_told_keeps_its_reference_and_its_units(
    tracks: tuple[Track, ...], expected: list[tuple[str, str, dict[int, int]]]
) -> None:
    parcels = packages([a_parcel()], a_shipment(*tracks))
    assert brief(parcels) == expected
    assert [one.mismatch for one in parcels] == [None] * len(expected)


def test_a_track_of_before_is_known_by_its_number() -> None:
    """A package stored without its track's id, as a migrated one or one of a new shipment."""
    parcels = packages([a_parcel(UPS, track_id=None)], a_shipment(DHL, UPS))
    assert brief(parcels) == [("71", "1Z99", {501: 3}), (SECOND, "0034", {})]


def two_told() -> list[Parcel]:
    return [
        a_parcel(items={501: 2}),
        a_parcel(UPS, reference=SECOND, items={501: 1}),
    ]


def test_the_packages_of_a_deleted_track_go_under_one_that_is_left() -> None:
    parcels = packages(two_told(), a_shipment(UPS))
    assert brief(parcels) == [("71", "1Z99", {501: 2}), (SECOND, "1Z99", {501: 1})]
    assert [one.track_id for one in parcels] == [None, 12]
    # And get one of their own again.
    parcels = packages(parcels, a_shipment(UPS, GLS))
    assert brief(parcels) == [("71", "GL7", {501: 2}), (SECOND, "1Z99", {501: 1})]


def test_a_surplus_track_takes_the_place_of_one_that_was_told_and_deleted() -> None:
    known = packages([a_parcel()], a_shipment(DHL, UPS))
    assert brief(packages(known, a_shipment(UPS))) == [("71", "1Z99", {501: 3})]


def test_units_are_dealt_out_anew_as_long_as_nothing_was_told() -> None:
    known = packages([], a_shipment(DHL, UPS))
    assert brief(packages(known, a_shipment(UPS))) == [(SECOND, "1Z99", {501: 3})]
    known = packages([], a_shipment(DHL))
    assert brief(packages(known, a_shipment(DHL, UPS))) == [
        ("71", "0034", {501: 2}),
        (SECOND, "1Z99", {501: 1}),
    ]


def test_what_was_not_told_goes_under_the_track_that_is_left() -> None:
    told, other = two_told()
    parcels = packages([told, replace(other, confirmation_sent=False)], a_shipment(DHL))
    assert brief(parcels) == [("71", "0034", {501: 2}), (SECOND, "0034", {501: 1})]


def test_a_deleted_shipment_goes_unless_amazon_was_told_of_it() -> None:
    assert packages([a_parcel(confirmation_sent=False)], gone=(71,)) == []
    assert packages([a_parcel()], gone=(71,)) == [a_parcel(mismatch=Mismatch.DELETED)]
    # Without a word of its deletion nothing changes.
    assert packages([a_parcel()]) == [a_parcel()]


def test_a_new_shipment_of_the_same_units_takes_the_told_package_over() -> None:
    lost = a_parcel(mismatch=Mismatch.DELETED)
    (parcels,) = packages([lost], a_shipment(UPS, entity_id=80))
    assert parcels == a_parcel(UPS, shipment_id=80)
    # Also when it is there at once.
    assert packages([a_parcel()], a_shipment(UPS, entity_id=80), gone=(71,)) == [parcels]
    other = packages([lost], a_shipment(UPS, entity_id=80, items={501: 2}))
    assert [(one.reference, one.mismatch) for one in other] == [("71", "deleted"), ("80", None)]


def test_units_taken_out_of_a_told_package_are_a_mismatch_until_they_are_back() -> None:
    second = a_shipment(UPS, entity_id=72, items={501: 1})
    parcels = packages([a_parcel()], a_shipment(DHL, items={501: 2}), second)
    assert [(one.reference, one.items, one.mismatch) for one in parcels] == [
        ("71", {501: 3}, Mismatch.QUANTITIES),
        ("72", {501: 1}, None),
    ]
    (first, *_) = packages(parcels, a_shipment(DHL), second)
    assert first.mismatch is None


def test_the_time_is_the_shops_or_when_it_was_first_seen() -> None:
    timeless = replace(a_shipment(DHL), created_at=None)
    parcels = arranged([], [timeless], (), NOW)
    assert parcels[0].shipped_at == NOW
    assert arranged(parcels, [timeless], (), NOW + timedelta(hours=1)) == parcels


@given(
    st.dictionaries(st.integers(1, 9), st.integers(0, 9), max_size=4),
    st.integers(1, 12),
)
def test_every_unit_is_dealt_out_once_and_no_package_is_empty_for_another_with_two(
    units: dict[int, int], count: int
) -> None:
    shares = dealt(units, count)
    assert len(shares) == count
    assert sum((Counter(share) for share in shares), Counter()) == +Counter(units)
    sizes = [sum(share.values()) for share in shares]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1


TRACKS = st.lists(st.sampled_from([DHL, UPS, GLS]), unique_by=lambda one: one.entity_id, max_size=3)


@given(st.lists(st.tuples(TRACKS, st.integers(1, 4), st.booleans()), min_size=1, max_size=5))
def test_whatever_a_clerk_does_told_packages_stay_and_no_unit_is_told_twice(
    changes: list[tuple[list[Track], int, bool]],
) -> None:
    known: list[Parcel] = []
    for tracks, units, is_told_then in changes:
        parcels = packages(known, a_shipment(*tracks, items={501: units}))
        told_before = {
            parcel.reference: parcel.items for parcel in known if parcel.confirmation_sent
        }
        now = {one.reference: one.items for one in parcels}
        assert told_before.items() <= now.items()
        assert len(now) == len(parcels)
        numbers = {one.tracking_number for one in parcels}
        assert numbers == ({track.number for track in tracks} or {""})
        if all(one.mismatch is None for one in parcels):
            assert sum((Counter(one.items) for one in parcels), Counter()) == {501: units}
        known = [
            replace(
                one, confirmation_sent=one.confirmation_sent or (is_told_then and bool(one.items))
            )
            for one in parcels
        ]
