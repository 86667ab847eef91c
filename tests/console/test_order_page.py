"""An order's page: what names its buyer, what was done, and what a replay would do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.tracing import trace_id
from pipeline.base.vault import Vault
from pipeline.console.app import create_app
from pipeline.operations.preview.replay import Call, NotPossible, Preview
from pipeline.orders.tables import Note, Order, OrderPrivate, Status
from pipeline.settings.tracing import TracingSettings
from tests.builders import a_raw_item, a_raw_order, a_report, stored
from tests.console.builders import (
    NOW,
    a_held_order,
    a_shipped_order,
    an_attempt,
    an_effect,
    an_order,
    some_settings,
    store,
)
from tests.console.conftest import SignedIn
from tests.console.reading import words_of
from tests.security_log import logged

PERSONAL = ("Berta Buyer", "berta@marketplace.example", "Lieferweg 7", "+49 40 123456", "For Jo")


def an_order_with_its_buyer(sessions: Sessions, **changed: object) -> int:
    order: Order = a_held_order(1, **changed)
    order.report = a_report(
        a_raw_order(order.external_id, orderItems=[{**a_raw_item(), **_gift("For Jo")}])
    )
    return stored(sessions, order, vault=Vault(*some_settings().master_keys))


def _gift(message: str) -> dict[str, object]:
    from_item = a_raw_item()
    packing = {"giftOption": {"giftMessage": message}}
    return {"fulfillment": {**from_item["fulfillment"], "packing": packing}}


def notes(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        return [
            (note.author, note.text) for note in session.scalars(select(Note).order_by(Note.id))
        ]


def test_the_buyer_is_masked_until_an_operator_asks_and_that_is_noted(
    sessions: Sessions, operator: SignedIn, viewer: SignedIn
) -> None:
    order_id = an_order_with_its_buyer(sessions)
    path = f"/orders/{order_id}"
    page = operator.get(path)
    assert not [text for text in PERSONAL if text in page.text]
    assert "Show the buyer’s data" in page.text
    assert "Show the buyer’s data" not in viewer.get(path).text
    assert viewer.post(f"{path}/buyer").status_code == 403
    assert logged(sessions, Action.DISCLOSED) == []

    shown = operator.post(f"{path}/buyer")
    assert shown.status_code == 200
    assert [text for text in PERSONAL if text not in shown.text] == []
    assert shown.headers["Cache-Control"] == "no-store"
    assert "data-live" not in shown.text
    assert logged(sessions, Action.DISCLOSED) == [
        ("otto", "personal data shown", f"order {order_id}")
    ]
    assert "viewed the buyer's data" in words_of(viewer.get(path).text).replace("’", "'")
    assert not [text for text in PERSONAL if text in operator.get(path).text]


def test_what_was_typed_is_shown_with_the_buyers_data_alone(
    sessions: Sessions, operator: SignedIn, viewer: SignedIn
) -> None:
    path = f"/orders/{an_order_with_its_buyer(sessions)}"
    operator.post(f"{path}/note", {"text": "Karla Quandt called"})
    operator.post(f"{path}/dismiss", {"why": "Karla packs it herself"})
    for page in (viewer.get(path).text, operator.get(path).text, viewer.get("/orders.csv").text):
        assert "Karla" not in page
    seen = words_of(viewer.get(path).text)
    assert "wrote a note" in seen
    assert "dismissed it" in seen
    shown = words_of(operator.post(f"{path}/buyer").text)
    assert "Karla Quandt called" in shown
    assert "Karla packs it herself" in shown
    assert "by otto" in shown


def test_a_carriers_title_is_shown_if_it_is_a_carriers_name(
    sessions: Sessions, viewer: SignedIn
) -> None:
    orders = a_shipped_order(1), a_shipped_order(2)
    orders[0].shipments[0].carrier_title = "DHL Paket"
    orders[1].shipments[0].carrier_title = "for Karla Quandt"
    ids = store(sessions, *orders)
    known, typed = (viewer.get(f"/orders/{order_id}").text for order_id in ids)
    assert "DHL Paket" in known
    assert "Karla" not in typed


def test_what_was_purged_is_not_shown(sessions: Sessions, operator: SignedIn) -> None:
    order_id = an_order_with_its_buyer(sessions)
    with sessions() as session, session.begin():
        private = session.get_one(OrderPrivate, order_id)
        private.wrapped_key = None
    path = f"/orders/{order_id}"
    page = operator.get(path).text
    assert "personal data purged" in page
    assert "Show the buyer’s data" not in page
    reply = operator.post(f"{path}/buyer")
    assert reply.status_code == 409
    assert "That cannot be shown: its personal data was purged." in reply.text
    assert notes(sessions) == []


def test_an_address_is_corrected_from_what_is_shown(sessions: Sessions, operator: SignedIn) -> None:
    order_id = an_order_with_its_buyer(sessions)
    path = f"/orders/{order_id}"
    assert 'name="line1" value="Lieferweg 7"' in operator.post(f"{path}/buyer").text
    done = operator.post(f"{path}/address", {"line1": "Lieferweg 77", "city": "Hamburg"})
    assert (done.status_code, done.headers["Location"]) == (303, f"{path}?said=address")
    page = operator.get(done.headers["Location"]).text
    assert "The address is corrected. The order is retried now." in page
    assert "the address was corrected here" in page
    assert "Lieferweg" not in page
    assert notes(sessions)[-1] == ("otto", "corrected the shipping address: line1")
    shown = operator.post(f"{path}/buyer").text
    assert 'name="line1" value="Lieferweg 77"' in shown
    assert "Address, as Amazon sent it" in shown
    assert operator.post(f"{path}/amazons-address").status_code == 303
    assert notes(sessions)[-1] == ("otto", "withdrew the corrected shipping address")


def test_an_address_that_cannot_be_used_changes_nothing_and_stays_in_the_form(
    sessions: Sessions, operator: SignedIn
) -> None:
    path = f"/orders/{an_order_with_its_buyer(sessions)}"
    reply = operator.post(f"{path}/address", {"country": "Germany", "city": "Altona"})
    assert reply.status_code == 409
    assert "Nothing was changed: the country must be its code of two letters" in reply.text
    assert 'name="city" value="Altona"' in reply.text
    assert notes(sessions) == []


@pytest.mark.parametrize(
    ("act", "form", "note", "sentence"),
    [
        ("release", {}, "released", "The order is retried now."),
        (
            "hold",
            {"why": "the buyer asked for another colour"},
            "held it",
            "The order is held before its next step, until somebody retries it.",
        ),
        ("note", {"text": " Called.\x00 "}, "wrote a note", "The note is saved."),
        (
            "cancel",
            {"reason": "NoInventory"},
            "asked Amazon to cancel it: NoInventory",
            "Amazon is asked to cancel the order, with the next feed.",
        ),
        (
            "dismiss",
            {"why": "packed by hand"},
            "dismissed it",
            "The order is ignored from now on: nothing more is done with it here.",
        ),
        (
            "confirm-anyway",
            {},
            "to be confirmed although the buyer asked to cancel",
            "Its packages are confirmed all the same. The order is retried now.",
        ),
        (
            "transparency",
            {"item": "item-1", "codes": "AZ:1\r\nAZ:2"},
            "entered 2 Transparency codes of item-1",
            "The codes are saved. The order is retried now.",
        ),
        (
            "replay",
            {"step": "verify_order"},
            "to be run again from verify_order",
            "The order is run again from the chosen step.",
        ),
    ],
)
def test_each_act_leaves_a_note_and_says_so(
    sessions: Sessions,
    operator: SignedIn,
    act: str,
    form: dict[str, str],
    note: str,
    sentence: str,
) -> None:
    order_id = an_order_with_its_buyer(sessions)
    done = operator.post(f"/orders/{order_id}/{act}", form)
    assert (done.status_code, done.headers["Location"]) == (303, f"/orders/{order_id}?said={act}")
    assert notes(sessions) == [("otto", note)]
    page = operator.get(done.headers["Location"])
    assert f'<p class="notice good" role="status">{sentence}</p>' in page.text
    assert f"{note}" in page.text


def test_an_order_that_is_held_by_a_person_says_by_whom_and_is_retried(
    sessions: Sessions, operator: SignedIn, browser: SignedIn
) -> None:
    order_id = an_order_with_its_buyer(sessions, hold_code=None, status=Status.WAITING)
    path = f"/orders/{order_id}"
    assert 'id="act-hold"' in operator.get(path).text
    operator.post(f"{path}/hold", {"why": "Karla wants another colour"})
    page = browser.get(path).text
    assert "otto holds this order" in words_of(page)
    assert "Karla" not in page
    assert 'id="act-hold"' not in page
    assert '<button id="release" class="primary">Retry</button>' in page
    assert browser.post(f"{path}/release").status_code == 303
    page = browser.get(path).text
    assert "otto holds this order" not in words_of(page)
    assert notes(sessions) == [("otto", "held it"), ("anna", "released")]


def test_a_form_that_was_refused_is_open_and_filled_in(
    sessions: Sessions, operator: SignedIn
) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = operator.post(f"/orders/{order_id}/hold", {"why": "x" * 301}).text
    assert '<details class="menu" id="more" open>' in page
    assert '<details id="act-hold" open>' in page
    assert f'required value="{"x" * 301}"' in page


def test_a_cancellation_is_taken_back(sessions: Sessions, operator: SignedIn) -> None:
    asked = a_held_order(1, cancellation="asked", cancel_reason="NoInventory")
    (order_id,) = store(sessions, asked)
    page = operator.get(f"/orders/{order_id}").text
    assert "Take the cancellation back" in page
    assert "Ask Amazon to cancel it" not in page
    assert operator.post(f"/orders/{order_id}/keep").status_code == 303
    with sessions() as session:
        assert session.get_one(Order, order_id).cancellation is None
    assert notes(sessions) == [("otto", "took the cancellation back")]


@pytest.mark.parametrize(
    ("act", "form", "why"),
    [
        ("release", {}, "it is neither waiting nor held any more"),
        ("hold", {"why": "so"}, "it is done here"),
        ("hold", {"why": " "}, "give the reason why it is held"),
        ("hold", {"why": "x" * 301}, "the reason has 300 characters at most"),
        ("note", {"text": "  "}, "the note is empty"),
        ("note", {"text": "x" * 1001}, "a note has 1000 characters at most"),
        ("cancel", {"reason": "NoInventory"}, "it is done here"),
        ("dismiss", {"why": "sold twice"}, "it is done here"),
        ("take-up", {}, "it is not dismissed"),
        ("keep", {}, "it is done here"),
        ("amazons-address", {}, "it is Magento order 000000001 already"),
        ("address", {"city": "Bonn"}, "it is Magento order 000000001 already"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    sessions: Sessions, operator: SignedIn, act: str, form: dict[str, str], why: str
) -> None:
    (order_id,) = store(sessions, a_shipped_order(1))
    reply = operator.post(f"/orders/{order_id}/{act}", form)
    assert reply.status_code == 409
    assert f'role="alert">Nothing was changed: {why}' in reply.text
    assert notes(sessions) == []
    assert operator.post(f"/orders/{order_id + 1}/{act}", form).status_code == 404


def test_only_words_that_are_known_are_taken(sessions: Sessions, operator: SignedIn) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    assert operator.post(f"/orders/{order_id}/cancel", {"reason": "Mood"}).status_code == 400
    assert operator.post(f"/orders/{order_id}/replay", {"step": "cook"}).status_code == 400
    assert "cook" not in operator.get(f"/orders/{order_id}?said=cook").text
    assert notes(sessions) == []


def test_a_replay_is_previewed_and_changes_nothing(sessions: Sessions) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    asked: list[tuple[int, str]] = []

    def previews(number: int, step: str) -> Sequence[Preview]:
        asked.append((number, step))
        if step == "import_order":
            raise NotPossible("Amazon did not answer")
        return [Preview(step, (Call("order", "order:1", "would be made"),), "it ends here")]

    app = create_app(some_settings(), sessions, lambda: NOW, previews=previews)
    someone = SignedIn(app, sessions)
    path = f"/orders/{order_id}/preview"
    page = words_of(someone.post(path, {"step": "verify_order"}).text)
    assert (
        "Nothing was changed. From “verify order” on: verify order : it ends here "
        "order: would be made" in page
    )
    refused = someone.post(path, {"step": "import_order"})
    assert refused.status_code == 409
    assert "That cannot be shown: Amazon did not answer." in refused.text
    assert asked == [(order_id, "verify_order"), (order_id, "import_order")]
    with sessions() as session:
        assert session.get_one(Order, order_id).status == Status.HELD


def test_the_timeline_tells_how_long_things_took_and_what_the_remote_calls_them(
    sessions: Sessions, viewer: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    with sessions() as session, session.begin():
        session.add(an_attempt(order_id, 9, request_id="req-7"))
        at = NOW - timedelta(minutes=5)
        session.add(an_effect(order_id, 5, ended_at=at + timedelta(milliseconds=40)))
    page = words_of(viewer.get(f"/orders/{order_id}").text)
    assert "by worker-1:20 request req-7 took 1.0 s" in page
    assert "order remote write done as 1001 took 40 ms" in page


def test_a_viewer_is_offered_nothing_to_do(sessions: Sessions, viewer: SignedIn) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    page = viewer.get(f"/orders/{order_id}").text
    # What is left, the frame has: signing out, the search and the list of keys. The one button
    # copies the order's number: it has no form, and the server never hears of it.
    content = page.partition("<main")[2].partition("</main>")[0]
    buttons = re.findall(r"<button[^>]*>", content)
    assert content.count("<form") == 0
    assert [(' type="button"' in one, " data-copy=" in one) for one in buttons] == [(True, True)]
    assert content.count("formaction") == content.count("<input") == 0


def test_a_dismissed_order_is_taken_up_again_where_it_stood(
    sessions: Sessions, operator: SignedIn
) -> None:
    order_id = an_order_with_its_buyer(sessions)
    path = f"/orders/{order_id}"
    assert operator.post(f"{path}/dismiss", {"why": "sold twice"}).status_code == 303
    page = operator.get(path).text
    assert ">Resume<" in page
    assert "Ignore it" not in page
    done = operator.post(f"{path}/take-up")
    assert done.headers["Location"] == f"{path}?said=take-up"
    with sessions() as session:
        order = session.get_one(Order, order_id)
    assert (order.status, order.step, order.due_at) == (Status.WAITING, "enrich_order", NOW)
    assert order.dismissed_at is None
    assert notes(sessions) == [("otto", "dismissed it"), ("otto", "resumed it")]


def test_nobody_holds_an_order_that_has_ended(sessions: Sessions, operator: SignedIn) -> None:
    ignored, cancelled = store(
        sessions,
        an_order(1, status=Status.DONE, dismissed_at=NOW, kept_back="anna"),
        an_order(2, status=Status.CANCELLED, remote_status="CANCELLED", kept_back="anna"),
    )
    page = operator.get(f"/orders/{ignored}").text
    assert ">Resume<" in page
    assert "It is ignored" in page
    assert "holds this order" not in page
    assert "holds this order" not in operator.get(f"/orders/{cancelled}").text


def test_the_timeline_names_the_trace_where_tracing_is_set_up(
    sessions: Sessions, browser: SignedIn
) -> None:
    order = a_held_order(1)
    (order_id,) = store(sessions, order)
    assert "<code>" not in browser.get(f"/orders/{order_id}").text
    collector = TracingSettings(otlp_url="http://127.0.0.1:4318")
    traced = some_settings().model_copy(update={"tracing": collector})
    someone = SignedIn(create_app(traced, sessions, lambda: NOW), sessions, "bert")
    trace = trace_id(order.account, order.external_id)
    assert f"<code>{trace}</code>" in someone.get(f"/orders/{order_id}").text


def seen_by(page: str) -> dict[str, str]:
    """The field of a form that says what its page knew."""
    (seen,) = set(re.findall(r'name="seen" value="(\d+)"', page))
    return {"seen": seen}


def test_a_page_from_before_somebody_acted_says_who_did_what_and_does_nothing(
    sessions: Sessions, operator: SignedIn, browser: SignedIn
) -> None:
    order_id = an_order_with_its_buyer(sessions)
    path = f"/orders/{order_id}"
    seen = seen_by(operator.get(path).text)
    assert browser.post(f"{path}/release", seen_by(browser.get(path).text)).status_code == 303
    reply = operator.post(f"{path}/dismiss", {**seen, "why": "sold"})
    assert reply.status_code == 409
    assert (
        "Nothing was done: the order has changed since you loaded its page. "
        "Meanwhile: released, by anna, 2026-03-10 12:00."
    ) in reply.text
    assert notes(sessions) == [("anna", "released")]
    # A note is one more sentence, and what the new page offers is done.
    assert operator.post(f"{path}/note", {**seen, "text": "called"}).status_code == 303
    again = operator.post(f"{path}/dismiss", {**seen_by(operator.get(path).text), "why": "sold"})
    assert again.status_code == 303
    assert notes(sessions)[-1] == ("otto", "dismissed it")


def test_every_form_on_the_page_but_the_disclosure_says_what_it_knew(
    sessions: Sessions, browser: SignedIn
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    forms = browser.get(f"/orders/{order_id}").text.split('<form method="post"')[1:]
    acts = [form for form in forms if f'action="/orders/{order_id}/' in form]
    assert len(acts) > 5
    without = [form for form in acts if 'name="seen"' not in form.partition("</form>")[0]]
    assert [re.findall(r'action="([^"]*)"', form)[0] for form in without] == [
        f"/orders/{order_id}/buyer"
    ] * len(without)


def test_the_order_is_a_click_away_at_amazon_and_in_the_shop(sessions: Sessions) -> None:
    ids = store(
        sessions, a_shipped_order(1), a_held_order(2), a_shipped_order(3, marketplace_id="NEW")
    )
    settings = some_settings()
    admin = {"main": settings.shops["main"].model_copy(update={"admin_url": "https://a.example/x"})}
    with_admin = settings.model_copy(update={"shops": admin})
    app = create_app(with_admin, sessions, lambda: NOW)
    browser = SignedIn(app, sessions)
    linked = [
        re.findall(r'id="(in-admin|on-amazon)" href="([^"]*)"', browser.get(f"/orders/{id_}").text)
        for id_ in ids
    ]
    on_amazon = "https://sellercentral.amazon.de/orders-v3/order/303-0000000-000000"
    assert linked == [
        [
            ("in-admin", "https://a.example/x/sales/order/view/order_id/1001/"),
            ("on-amazon", f"{on_amazon}1"),
        ],
        [("on-amazon", f"{on_amazon}2")],
        [("in-admin", "https://a.example/x/sales/order/view/order_id/1003/")],
    ]
    without = SignedIn(create_app(settings, sessions, lambda: NOW), sessions, "bert")
    assert 'id="in-admin"' not in without.get(f"/orders/{ids[0]}").text
