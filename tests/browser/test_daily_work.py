"""The search of every page, shortcuts, saved views, columns, mentions and assignment."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.orders.tables import Note, Order
from tests.browser.conftest import Visit
from tests.console.builders import NOW, a_held_order, an_order, store, store_with_keys


def _address(page: Page) -> str:
    """The path and the query that the browser shows."""
    return str(page.evaluate("location.pathname + location.search"))


def test_the_search_of_every_page_leads_to_the_order_or_to_the_list(
    visit: Visit, sessions: Sessions
) -> None:
    one, other = store(sessions, an_order(1), an_order(22))
    page = visit("vera", "/health")
    page.keyboard.press("/")
    expect(page.get_by_label("Search everything")).to_be_focused()
    page.keyboard.type("303-0000000-0000022")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="303-0000000-0000022")).to_be_visible()
    assert _address(page) == f"/orders/{other}"
    page.get_by_label("Search everything").fill("303-0000000")
    page.keyboard.press("Enter")
    expect(page.locator("table.orders tbody tr")).to_have_count(2)
    assert "number=303-0000000" in _address(page)
    assert one != other


def test_what_no_order_has_is_listed_and_stays_out_of_the_address(
    visit: Visit, sessions: Sessions
) -> None:
    SkuDecisions(sessions, ["eu"], "otto", NOW).sell_as("eu", "POT-1", "POT")
    page = visit("otto", "/health")
    box = page.get_by_label("Search everything")
    box.fill("pot-1")
    box.press("Enter")
    expect(page.get_by_role("link", name="POT-1")).to_be_visible()
    page.get_by_label("Search everything").fill("stock")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.get_by_label("Search everything").fill("Erika Mustermann")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing has this number, SKU or name.")).to_be_visible()
    assert _address(page) == "/search"


def test_keys_move_tick_open_and_go(visit: Visit, sessions: Sessions) -> None:
    store(sessions, a_held_order(1), a_held_order(2))
    page = visit("otto", "/orders")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("a[id^=order-]").nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#picked")).to_have_text("1 ticked")
    page.keyboard.press("k")
    expect(page.locator("a[id^=order-]").nth(0)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("a[id^=order-]").nth(0).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/orders/*")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/held")


def test_r_asks_before_it_retries(visit: Visit, sessions: Sessions) -> None:
    (held,) = store(sessions, a_held_order(1))
    page = visit("otto", f"/orders/{held}")
    page.keyboard.press("r")
    asked = page.get_by_role("dialog", name="Retry this order now?")
    expect(asked).to_be_visible()
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    assert _address(page) == f"/orders/{held}"
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    page.wait_for_url("**?said=release")
    with sessions() as session:
        assert session.scalars(select(Note.text)).all() == ["released"]


def test_keys_are_text_where_somebody_types_and_can_be_switched_off(
    visit: Visit, sessions: Sessions
) -> None:
    store(sessions, a_held_order(1))
    page = visit("vera", "/orders")
    page.keyboard.press("/")
    page.keyboard.type("jx?/gh")
    expect(page.locator("#number")).to_have_value("jx?/gh")
    assert page.get_by_label("Search everything").count() == 0
    assert _address(page) == "/orders"
    page.goto("/account")
    page.get_by_role("button", name="Switch shortcuts off").click()
    expect(page.get_by_text("They are switched off.")).to_be_visible()
    page.keyboard.press("?")
    assert page.locator("dialog").count() == 0
    page.keyboard.press("/")
    expect(page.get_by_label("Search everything")).not_to_be_focused()


def test_a_view_is_saved_shared_renamed_and_deleted(visit: Visit, sessions: Sessions) -> None:
    store(sessions, an_order(1), a_held_order(2))
    page = visit("otto", "/orders?status=held&sort=ship_by")
    page.get_by_text("Views", exact=True).click()
    page.locator("#view-name").fill("Morning round")
    page.get_by_label("Share with all").check()
    page.locator("#save-view").get_by_role("button", name="Save").click()
    page.get_by_text("Views", exact=True).click()
    expect(page.get_by_role("link", name="Morning round")).to_have_attribute("aria-current", "page")
    other = visit("vera", "/orders")
    other.get_by_text("Views", exact=True).click()
    other.get_by_role("link", name="Morning round").click()
    expect(other.locator("table.orders tbody tr")).to_have_count(1)
    assert _address(other) == "/orders?status=held&sort=ship_by"
    page.goto("/views")
    page.get_by_label("New name of Morning round").fill("Held first")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("link", name="Held first")).to_be_visible()
    page.get_by_role("button", name="Delete Held first").click()
    expect(page.get_by_text("No view is saved yet.")).to_be_visible()


def test_columns_are_chosen_and_moved_per_person(visit: Visit, sessions: Sessions) -> None:
    store(sessions, an_order(1))
    page = visit("vera", "/orders/columns")
    page.get_by_label("Buyer", exact=True).uncheck()
    page.get_by_label("Assigned to").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Magento down").click()
    page.goto("/orders")
    headings = page.locator("table.orders thead th").all_inner_texts()
    assert headings[:3] == ["Amazon", "Our step", "Magento"]
    assert "Buyer" not in headings
    assert headings[-1] == "Assigned to"
    assert "Buyer" in visit("otto", "/orders").locator("table.orders thead").inner_text()


def test_a_mention_is_completed_checked_and_found_under_mine(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store_with_keys(sessions, a_held_order(1))
    page = visit("otto", f"/orders/{order_id}")
    page.get_by_text("Add a note").click()
    page.locator("#text").press_sequentially("Please look, @an")
    page.keyboard.press("Enter")
    expect(page.locator("#text")).to_have_value("Please look, @anna ")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    theirs = visit("anna", "/mine")
    expect(theirs.get_by_role("link", name="Mine")).to_contain_text("1")
    theirs.get_by_role("button", name="Done: 303-0000000-0000001").click()
    expect(theirs.get_by_text("No note asks for you.")).to_be_visible()
    page.get_by_text("Add a note").click()
    page.locator("#text").fill("And @nobody too")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_role("alert")).to_contain_text("nobody here is called nobody")
    with sessions() as session:
        assert session.scalars(select(Note.text)).all() == ["wrote a note"]


def test_a_chosen_person_stays_while_the_page_is_fetched_anew(
    visit: Visit, sessions: Sessions
) -> None:
    (order_id,) = store(sessions, an_order(1))
    page = visit("otto", "/orders")
    page.clock.install()
    page.reload()
    page.locator("input[name=order]").check()
    page.locator("#assign-to").select_option("anna")
    page.locator("#assign-to").blur()
    with sessions() as session, session.begin():
        session.get_one(Order, order_id).magento_increment_id = "100000777"
    page.clock.run_for(12_000)
    page.wait_for_timeout(200)
    expect(page.locator("#picked")).to_have_text("1 ticked")
    page.locator("#assign-many").click()
    page.wait_for_load_state()
    page.goto(f"/orders/{order_id}")
    expect(page.get_by_text("assigned it to anna")).to_be_visible()


def test_an_order_is_assigned_and_filtered_by_it(visit: Visit, sessions: Sessions) -> None:
    first, _ = store(sessions, a_held_order(1), a_held_order(2))
    page = visit("otto", f"/orders/{first}")
    page.locator("#assign-me").click()
    expect(page.get_by_text("The order is assigned.")).to_be_visible()
    page.goto("/mine")
    expect(page.locator(f"#order-{first}")).to_be_visible()
    page.goto("/orders?assigned=me")
    expect(page.locator("table.orders tbody tr")).to_have_count(1)
    page.goto("/orders?assigned=nobody")
    expect(page.locator("table.orders tbody tr")).to_have_count(1)
    page.locator("input[name=order]").check()
    page.locator("#assign-to").select_option("anna")
    page.locator("#assign-many").click()
    expect(page.get_by_text("No order matches the filters.")).to_be_visible()
    page.goto("/activity")
    expect(page.get_by_text("assigned it to anna")).to_be_visible()
    page.get_by_label("Kind").select_option("note")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nobody has done anything of this kind yet.")).to_be_visible()
