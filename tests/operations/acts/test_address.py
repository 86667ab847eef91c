"""A corrected address: what it does to an order, who may write it when, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.amazon import parsing
from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.errors import CannotMap, NotSent
from pipeline.base.vault import SealedColumn, Vault
from pipeline.clients import parse_report
from pipeline.intake.store import Intake
from pipeline.operations.acts.address import Addresses, Corrections
from pipeline.operations.acts.one_order import NotPossible
from pipeline.orders.channel_order import Address, ChannelOrder, Missing
from pipeline.orders.corrected_address import Correction, corrected
from pipeline.orders.machine import Orders, owner
from pipeline.orders.outcome import Hold, HoldCode
from pipeline.orders.tables import Effect, EffectState, Note, OrderPrivate, Status
from tests.builders import (
    ACCOUNT,
    NOW,
    a_raw_order,
    a_report,
    a_vault,
    an_order,
    loaded,
    settings,
    signed,
    stored,
)
from tests.orders.test_locked_by_id import BY_ID, statements
from tests.security_log import logged
from tests.tasks.fakes import clients

TOLD = Address(
    name="Karla Kühn",
    lines=("Lieferweg 7",),
    city="Hamburg",
    postcode="20095",
    country="DE",
    phone="+49 40 123456",
)
MENDED = replace(TOLD, lines=("Lieferweg 77", "Hof 2"))
KEPT = Correction(MENDED, instead_of=TOLD).as_json()


def placed(address: Address | None = TOLD, **changes: Any) -> ChannelOrder:
    return replace(parsing.parse(a_raw_order()), address=address, **changes)


def corrections(sessions: Sessions, vault: Vault | None = None) -> Corrections:
    return Corrections(sessions, vault or a_vault(), parse_report, signed())


def held(sessions: Sessions, raw: Mapping[str, Any] | None = None, **changes: Any) -> int:
    facts = {"status": Status.HELD, "hold_code": "address_unusable", "step": "enrich_order"}
    return stored(sessions, an_order(raw=raw or a_raw_order(), **{**facts, **changes}))


def notes(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [
            (note.author, note.text) for note in session.scalars(select(Note).order_by(Note.id))
        ]


def claimed(sessions: Sessions, order_id: int) -> Mapping[str, Any] | None:
    orders = Orders(sessions, a_vault(), settings().timing)
    step = loaded(sessions, order_id).step
    claim = orders.claim(order_id, step, task_id="t", worker="w", now=NOW)
    assert claim is not None
    return claim.order.report.correction


def test_without_a_correction_the_order_is_as_told() -> None:
    order = placed()
    assert corrected(order, None, is_in_shop=False) is order


def test_a_step_is_told_the_corrected_address() -> None:
    order = an_order(raw=a_raw_order())
    assert clients().placed(order).address == TOLD
    order.report = a_report(order.report.raw, KEPT)
    assert clients().placed(order).address == MENDED


def test_the_corrected_address_counts_whole_and_says_what_is_missing_no_more() -> None:
    missing = dict.fromkeys(("street", "phone", "recipient"), Missing.ROLE)
    order = placed(Address(country="DE"), missing=missing)
    address = Address(lines=("Lieferweg 7",), country="DE", name="Karla Kühn")
    kept = Correction(address, instead_of=Address(country="DE")).as_json()
    made = corrected(order, kept, is_in_shop=False)
    assert made.address == address
    assert made.missing == {"phone": Missing.ROLE}


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        (TOLD, None),
        (None, None),
        # Withheld since, or told as it was corrected: nothing new.
        (replace(TOLD, phone="", name=""), None),
        (MENDED, None),
        (replace(TOLD, city="Bremen"), "city"),
        (replace(TOLD, lines=("Anderswo 1",), postcode="28195"), "lines, postcode"),
    ],
)
def test_another_address_of_the_marketplace_is_never_mixed_with_it(
    told: Address | None, changed: str | None
) -> None:
    if changed is None:
        assert corrected(placed(told), KEPT, is_in_shop=False).address == MENDED
        return
    with pytest.raises(CannotMap) as caught:
        corrected(placed(told), KEPT, is_in_shop=False)
    assert (caught.value.code, caught.value.facts) == (
        HoldCode.ADDRESS_UNUSABLE,
        {"changed": changed},
    )
    assert "Anderswo" not in caught.value.reason
    # What is in the shop is done.
    assert corrected(placed(told), KEPT, is_in_shop=True).address == MENDED


def test_one_that_cannot_be_opened_is_not_passed_over() -> None:
    with pytest.raises(CannotMap, match="cannot be opened") as caught:
        corrected(placed(), {}, is_in_shop=False)
    assert caught.value.code == HoldCode.ADDRESS_UNUSABLE


def test_a_correction_is_sealed_noted_without_values_and_wakes_the_order(
    sessions: Sessions,
) -> None:
    order_id = held(sessions)
    changes = {"line1": " Lieferweg 77 ", "line2": "Hof 2", "city": "Hamburg"}
    assert corrections(sessions).correct(order_id, changes) == ("line1", "line2")
    order = loaded(sessions, order_id)
    assert (order.due_at, order.news, order.version) == (NOW, 1, 1)
    assert notes(sessions) == [("anna", "corrected the shipping address: line1, line2")]
    with sessions() as session:
        private = session.get_one(OrderPrivate, order_id)
        assert private.correction is not None
        assert b"Lieferweg" not in private.correction
        assert private.wrapped_key is not None
        opened = a_vault().open(
            private.wrapped_key, owner(order), SealedColumn.CORRECTION, private.correction
        )
    assert Correction.from_json(opened) == Correction(MENDED, instead_of=TOLD)
    assert claimed(sessions, order_id) == opened


def test_a_second_correction_goes_on_from_the_first(sessions: Sessions) -> None:
    order_id = held(sessions)
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    assert corrections(sessions).correct(order_id, {"phone": ""}) == ("phone",)
    assert corrections(sessions).show(order_id) == Addresses(
        TOLD, replace(TOLD, lines=("Lieferweg 77",), phone="")
    )
    assert logged(sessions) == [("anna", "personal data shown", f"order {order_id}")]


def test_what_was_withheld_can_be_entered_whole(sessions: Sessions) -> None:
    order_id = held(sessions, a_raw_order(recipient={}))
    changes = {"name": "Karla Kühn", "line1": "Lieferweg 7", "country": "de", "city": "Hamburg"}
    corrections(sessions).correct(order_id, changes)
    entered = Address(name="Karla Kühn", lines=("Lieferweg 7",), city="Hamburg", country="DE")
    assert corrections(sessions).show(order_id) == Addresses(Address(), entered)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"city": "Hamburg"}, "that is its address already"),
        ({"line1": ""}, "the shipping address has no street line"),
        ({"country": "Germany"}, "the country must be its code of two letters"),
        ({"line1": "x" * 256}, "the street of the shipping address has 256 characters"),
    ],
)
def test_only_an_address_one_can_deliver_to_is_taken(
    sessions: Sessions, changes: dict[str, str], why: str
) -> None:
    order_id = held(sessions)
    with pytest.raises(NotPossible, match=why):
        corrections(sessions).correct(order_id, changes)
    assert (notes(sessions), loaded(sessions, order_id).news) == ([], 0)
    assert claimed(sessions, order_id) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"magento_order_id": 7, "magento_increment_id": "000000007"},
            "it is Magento order 000000007 already: change its address there",
        ),
        ({"status": Status.CANCELLED, "hold_code": None}, "it is cancelled here"),
        ({"fulfilled_by": "FBA"}, "Amazon fulfils it"),
        ({"status": Status.RUNNING, "step": "create_order"}, "is being created at this moment"),
    ],
)
def test_it_is_refused_where_it_would_come_to_nothing(
    sessions: Sessions, changes: dict[str, Any], why: str
) -> None:
    order_id = held(sessions, **changes)
    with pytest.raises(NotPossible, match=why):
        corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    assert notes(sessions) == []


@pytest.mark.parametrize(
    ("state", "is_refused"),
    [
        (EffectState.INTENDED, True),
        (EffectState.UNKNOWN, True),
        (EffectState.DONE, True),
        (EffectState.REFUSED, False),
    ],
)
def test_an_address_that_may_be_in_the_shop_already_stays(
    sessions: Sessions, state: EffectState, is_refused: bool
) -> None:
    order_id = held(sessions, step="create_order")
    with sessions() as session, session.begin():
        effect = {"key": "order:1", "kind": "order", "state": state, "intended_at": NOW}
        session.add(Effect(order_id=order_id, **effect))
    if is_refused:
        with pytest.raises(NotPossible, match="is being created"):
            corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    else:
        corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})


def test_a_newer_report_keeps_it_and_is_told_apart(sessions: Sessions) -> None:
    raw = a_raw_order()
    order_id = held(sessions, raw)
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    moved = {**raw["recipient"]["deliveryAddress"], "city": "Bremen"}
    newer = {
        **raw,
        "lastUpdatedTime": (NOW + timedelta(minutes=1)).isoformat(),
        "recipient": {"deliveryAddress": moved},
    }
    account = settings().accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    Intake(sessions, a_vault(), settings().timing).store(ACCOUNT, account, channel, [newer], NOW)
    shown = corrections(sessions).show(order_id)
    assert shown.reported.city == "Bremen"
    assert shown.corrected == replace(TOLD, lines=("Lieferweg 77",))
    assert shown.overtaken == ("city",)
    # Confirming it is enough for it to count instead of the newer one.
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    assert notes(sessions)[-1] == ("anna", "corrected the shipping address: as it was")
    assert corrections(sessions).show(order_id).overtaken == ()


def test_withdrawn_it_is_gone(sessions: Sessions) -> None:
    order_id = held(sessions)
    with pytest.raises(NotPossible, match="its address was not corrected"):
        corrections(sessions).withdraw(order_id)
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    corrections(sessions).withdraw(order_id)
    assert notes(sessions)[-1] == ("anna", "withdrew the corrected shipping address")
    assert loaded(sessions, order_id).news == 2
    assert corrections(sessions).show(order_id) == Addresses(TOLD)
    assert claimed(sessions, order_id) is None


def test_it_goes_with_the_orders_key(sessions: Sessions) -> None:
    order_id = held(sessions)
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    with sessions() as session, session.begin():
        session.get_one(OrderPrivate, order_id).wrapped_key = None
    for asked in (
        lambda: corrections(sessions).show(order_id),
        lambda: corrections(sessions).correct(order_id, {"line1": "Lieferweg 78"}),
    ):
        with pytest.raises(NotPossible, match="its personal data was purged"):
            asked()
    assert claimed(sessions, order_id) is None


def test_under_another_master_key_it_can_be_told_that_there_is_one(sessions: Sessions) -> None:
    order_id = held(sessions)
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    other = Vault(bytes(32))
    with pytest.raises(NotPossible, match="under master key d46d906a, which this process"):
        corrections(sessions, other).show(order_id)
    orders = Orders(sessions, other, settings().timing)
    claim = orders.claim(order_id, "enrich_order", task_id="t", worker="w", now=NOW)
    assert claim is not None
    with pytest.raises(NotSent, match="which this process lacks"):
        _ = claim.order.report.raw


def test_a_correction_during_a_run_is_seen_by_the_next(sessions: Sessions) -> None:
    order_id = held(sessions, due_at=NOW)
    orders = Orders(sessions, a_vault(), settings().timing)
    claim = orders.claim(order_id, "enrich_order", task_id="t", worker="w", now=NOW)
    assert claim is not None
    corrections(sessions).correct(order_id, {"line1": "Lieferweg 77"})
    assert orders.record(claim, Hold(HoldCode.ADDRESS_UNUSABLE, "still"), now=NOW)
    assert loaded(sessions, order_id).due_at == NOW
    assert claimed(sessions, order_id) is not None


def test_of_two_people_at_once_both_are_heard(sessions: Sessions) -> None:
    order_id = held(sessions)
    changes = ({"line1": "Lieferweg 77"}, {"city": "Altona"})
    threads = [
        threading.Thread(target=corrections(sessions).correct, args=(order_id, change))
        for change in changes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shown = corrections(sessions).show(order_id)
    assert shown.corrected == replace(TOLD, lines=("Lieferweg 77",), city="Altona")


@pytest.mark.parametrize("number", [1, 3])
def test_slips_of_any_number_take_six_statements_and_lock_by_id(
    number: int, sessions: Sessions
) -> None:
    ids = [held(sessions) for _ in range(number)]
    orders = [loaded(sessions, order_id) for order_id in reversed(ids)]
    with statements(sessions) as seen:
        shown, refused = corrections(sessions).for_packing(orders, "shipping")
    assert (set(shown), refused) == (set(ids), {})
    # The orders, their private rows, the notes, and three of the security log.
    assert len(seen) == 6
    assert BY_ID.search(seen[0])
    assert "ORDER BY order_private.order_id FOR UPDATE" in " ".join(seen[1].split())
    with sessions() as session:
        noted = session.scalars(select(Note.order_id).order_by(Note.id)).all()
    assert noted == ids
