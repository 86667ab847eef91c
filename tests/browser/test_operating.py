"""An order's page, the boards, health, and who may do what."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.orders.tables import Order
from tests.browser.conftest import Console, Visit, sign_in, violations
from tests.console.builders import NOW, a_held_order, an_attempt, an_order, store, store_with_keys
from tests.console.signing_in import PASSWORD
from tests.console.test_order_page import an_order_with_its_buyer, notes
from tests.security_log import logged


def test_a_held_order_is_looked_at_again_and_names_the_person(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, a_held_order(1, due_at=NOW + timedelta(minutes=15)))
    page = visit(path=f"/orders/{order_id}")
    expect(page.get_by_role("region", name="Why it is held")).to_contain_text(
        "MUG-1 is not in Magento's catalogue"
    )
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.get_by_role("status").filter(has_text=".")).to_be_visible()
    with sessions() as session:
        due_at = session.scalars(select(Order.due_at)).one()
    assert due_at is not None
    assert due_at <= NOW
    assert notes(sessions) == [("otto", "released")]


def test_a_note_and_every_attempt_are_on_the_timeline(visit: Visit, sessions: Sessions) -> None:
    order_id = an_order_with_its_buyer(sessions)
    with sessions() as session, session.begin():
        session.add(an_attempt(order_id, 5))
    page = visit(path=f"/orders/{order_id}")
    page.get_by_text("Add a note").click()
    page.locator("#text").fill("the warehouse was called")
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator("#live").get_by_text("wrote a note")).to_be_visible()
    tried = page.locator("#live").get_by_text("waiting for the warehouse")
    expect(tried.first).to_be_hidden()
    page.locator(".milestones summary").filter(has_text="1 run").click()
    expect(tried.first).to_be_visible()
    assert notes(sessions) == [("otto", "wrote a note")]
    expect(page.get_by_text("the warehouse was called")).to_have_count(0)
    page.get_by_role("button", name="Show the buyer’s data").click()
    expect(page.get_by_text("the warehouse was called")).to_be_visible()


def test_the_buyer_is_masked_until_asked_for_and_the_asking_is_noted(
    visit: Visit, sessions: Sessions
) -> None:
    order_id = an_order_with_its_buyer(sessions)
    page = visit(path=f"/orders/{order_id}")
    expect(page.get_by_text("Berta Buyer")).to_have_count(0)
    page.get_by_role("button", name="Show the buyer’s data").click()
    expect(page.get_by_text("Berta Buyer").first).to_be_visible()
    page.goto(f"/orders/{order_id}")
    expect(page.get_by_text("Berta Buyer")).to_have_count(0)
    expect(page.locator("#live")).to_contain_text("viewed the buyer's data")
    assert logged(sessions, Action.DISCLOSED) == [
        ("otto", "personal data shown", f"order {order_id}")
    ]


def test_a_replay_is_shown_before_it_is_done(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.get_by_text("More", exact=True).click()
    page.get_by_text("Run again from…").click()
    page.get_by_label("Run again from this step").select_option("verify_order")
    page.get_by_role("button", name="Show what that would do").click()
    expect(page.get_by_role("status").filter(has_text="Nothing was changed")).to_contain_text(
        "done already"
    )
    assert violations(page) == []
    assert notes(sessions) == []
    page.get_by_role("button", name="Run again", exact=True).click()
    expect(page.get_by_text("The order is run again from the chosen step.")).to_be_visible()
    with sessions() as session:
        assert session.get_one(Order, order_id).step == "verify_order"


def test_an_order_is_cancelled_with_a_reason_and_that_can_be_taken_back(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.get_by_text("More", exact=True).click()
    page.get_by_text("Cancel the order at Amazon").click()
    page.get_by_label("Reason, in Amazon’s words").select_option("NoInventory")
    page.get_by_role("button", name="Ask Amazon to cancel it").click()
    expect(page.get_by_text("cancellation, NoInventory")).to_be_visible()
    page.get_by_role("button", name="Take the cancellation back").click()
    expect(page.get_by_text("cancellation, NoInventory")).to_have_count(0)


def test_the_ship_by_board_is_sorted_by_time_left(visit: Visit, sessions: Sessions) -> None:
    store(
        sessions,
        an_order(1, ship_by_at=NOW + timedelta(hours=20)),
        an_order(2, ship_by_at=NOW + timedelta(minutes=30)),
        an_order(3, ship_by_at=NOW + timedelta(hours=3)),
        an_order(4, ship_by_at=NOW + timedelta(days=3)),
    )
    page = visit(path="/ship-by")
    shown = page.locator("#live a[href^='/orders/']").all_inner_texts()
    assert [one.strip()[-1] for one in shown] == ["2", "3", "1"]


def test_health_says_how_each_account_stands(visit: Visit, sessions: Sessions) -> None:
    store(sessions, a_held_order(1))
    page = visit("vera", "/health")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("main")).to_contain_text("eu")


def test_a_viewer_sees_and_cannot_act(visit: Visit, sessions: Sessions) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    page = visit("vera", f"/orders/{order_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("303-0000000-0000001")
    assert page.locator("main button:not([data-copy])").count() == 0
    page.goto("/held")
    assert page.locator("main button").count() == 0
    assert page.goto("/people").status == 403  # type: ignore[union-attr]


def test_who_guesses_has_to_wait_and_who_signs_out_is_out(visit: Visit, console: Console) -> None:
    page = visit(None, "/login")
    sign_in(page, "otto", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    for _ in range(12):
        sign_in(page, "otto", "not the password")
    refused = page.get_by_role("alert").inner_text()
    sign_in(page, "otto")
    expect(page.get_by_role("alert")).to_have_text(refused)
    console.clock.pass_(hours=2)
    sign_in(page, "otto")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    page.locator(".person summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/held")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_what_was_typed_is_in_its_form_again_after_signing_in(
    visit: Visit, sessions: Sessions, console: Console
) -> None:
    (order_id,) = store_with_keys(sessions, a_held_order(1))
    page = visit(path=f"/orders/{order_id}")
    page.get_by_text("More", exact=True).click()
    page.get_by_text("Ignore the order").click()
    page.locator("#why").fill("sold twice")
    console.clock.pass_(hours=3)
    page.get_by_role("button", name="Ignore it").click()
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("It is in its form again: send it from there.")).to_be_visible()
    expect(page.locator("#why")).to_have_value("sold twice")
    assert violations(page) == []
    assert notes(sessions) == []
    page.get_by_role("button", name="Ignore it").click()
    expect(page.get_by_text("The order is ignored from now on")).to_be_visible()
    assert notes(sessions) == [("otto", "dismissed it")]
