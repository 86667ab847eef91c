"""The page of the mapped SKUs, and the forms of other pages that map one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.operations.acts.map_sku import SkuDecisions
from pipeline.operations.lists.mapped_skus import File, MappedSkus, files, sold_as
from pipeline.orders.tables import Note, Order, Status
from pipeline.products.manual_sku_map import SkusByHand
from pipeline.settings.model import Settings
from tests.console.builders import NOW, a_held_order, an_item, an_order, some_settings, store
from tests.console.conftest import SignedIn
from tests.console.reading import words_of

CUP = {"account": "eu", "amazon_sku": "MUG-1", "magento_sku": "CUP"}


def mapped(sessions: Sessions, **skus: str) -> None:
    hand = SkuDecisions(sessions, ["eu"], "anna", NOW)
    for amazon, magento in skus.items():
        hand.sell_as("eu", amazon, magento)


def counting(sessions: Sessions) -> dict[str, str]:
    return dict(SkusByHand(sessions).of("eu", ["MUG-1", "MUG-2"]))


def with_a_map(path: Path) -> Settings:
    """The settings, with a CSV file that Germany goes by."""
    settings = some_settings()
    account = settings.accounts["eu"]
    own = account.settings.model_copy(update={"unknown_sku": "map", "sku_map": path})
    accounts = {"eu": account.model_copy(update={"settings": own})}
    return settings.model_copy(update={"accounts": accounts})


def test_nothing_is_mapped_yet(viewer: SignedIn) -> None:
    page = words_of(viewer.get("/sku-map").text)
    assert "No SKU is mapped by hand. A SKU that is not mapped is sold as the product" in page
    assert "No account uses a CSV file (setting sku_map)." in page


def test_an_operator_maps_a_sku_and_frees_its_orders(
    sessions: Sessions, operator: SignedIn
) -> None:
    ids = store(sessions, *(a_held_order(number) for number in (1, 2, 3)))
    done = operator.post("/sku-map/set", {**CUP, "amazon_sku": " MUG-1 "})
    assert (done.status_code, done.headers["Location"]) == (303, "/sku-map?sku=MUG-1&freed=3")
    page = words_of(operator.get(done.headers["Location"]).text)
    assert "Saved. 3 orders that waited for it are retried now, one after the other." in page
    assert "MUG-1 CUP eu 2026-03-10 12:00 otto 3 Take back" in page
    with sessions() as session:
        noted = session.execute(select(Note.order_id, Note.author, Note.text)).all()
    assert sorted(tuple(note) for note in noted) == [
        (one, "otto", "mapped MUG-1 to CUP") for one in sorted(ids)
    ]


def test_what_was_taken_back_is_told_under_its_sku(sessions: Sessions, operator: SignedIn) -> None:
    mapped(sessions, **{"MUG-1": "CUP"})
    done = operator.post("/sku-map/unset", {"account": "eu", "amazon_sku": "MUG-1"})
    assert (done.status_code, done.headers["Location"]) == (303, "/sku-map?sku=MUG-1&freed=0")
    assert counting(sessions) == {}
    page = words_of(operator.get("/sku-map?sku=mug").text)
    assert "No such SKU is mapped by hand." in page
    assert "MUG-1 CUP eu 2026-03-10 12:00 by anna 2026-03-10 12:00 by otto" in page
    assert "Earlier mappings" not in operator.get("/sku-map").text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"magento_sku": " "}, "give the SKU of Magento"),
        ({"magento_sku": "C\x00P"}, "Magento's SKU has an invisible character"),
        ({"account": "us"}, "there is no account us"),
        ({"magento_sku": "MUG-1"}, "MUG-1 is not mapped by hand"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_what_was_typed_stays(
    sessions: Sessions, operator: SignedIn, changed: dict[str, str], sentence: str
) -> None:
    answer = operator.post("/sku-map/set", {**CUP, **changed})
    assert answer.status_code == 409
    assert f"Nothing was changed: {sentence}" in words_of(answer.text)
    assert 'name="amazon_sku" value="MUG-1"' in answer.text
    assert counting(sessions) == {}


def test_a_viewer_sees_the_map_and_changes_nothing(sessions: Sessions, viewer: SignedIn) -> None:
    mapped(sessions, **{"MUG-1": "CUP"})
    page = viewer.get("/sku-map").text
    assert "MUG-1 CUP eu" in words_of(page)
    assert "/sku-map/set" not in page
    assert "/sku-map/unset" not in page
    assert viewer.post("/sku-map/set", {**CUP, "magento_sku": "POT"}).status_code == 403
    assert viewer.post("/sku-map/unset", CUP).status_code == 403
    assert counting(sessions) == {"MUG-1": "CUP"}


@pytest.mark.parametrize("place", ["after=x", "after=-1", "freed=1e3", f"after={9 * 10**40}"])
def test_a_damaged_address_shows_the_first_page(
    sessions: Sessions, viewer: SignedIn, place: str
) -> None:
    mapped(sessions, **{"MUG-1": "CUP"})
    answer = viewer.get(f"/sku-map?{place}&sku=%00")
    assert answer.status_code == 200
    assert "MUG-1 CUP eu" in words_of(answer.text)


def test_many_are_read_page_by_page_and_by_a_part_of_a_sku(
    sessions: Sessions, statements: list[str]
) -> None:
    mapped(sessions, **{f"A-{number}": f"B-{number}" for number in range(5)}, P_T="100%")
    mapped_skus = MappedSkus(sessions)
    statements.clear()
    first, more = mapped_skus.page(limit=4)
    assert len(statements) == 2
    rest, end = mapped_skus.page(after=more, limit=4)
    assert [one.amazon_sku for one in (*first, *rest)] == [*(f"A-{n}" for n in range(5)), "P_T"]
    assert end is None
    assert [mapping.amazon_sku for mapping in mapped_skus.page("b-3")[0]] == ["A-3"]
    assert [mapping.amazon_sku for mapping in mapped_skus.page("_")[0]] == ["P_T"]
    assert [mapping.amazon_sku for mapping in mapped_skus.page("0%")[0]] == ["P_T"]
    assert mapped_skus.page("C") == ([], None)


def test_the_next_page_is_linked(sessions: Sessions, viewer: SignedIn) -> None:
    mapped(sessions, **{f"A-{number:03}": "B" for number in range(101)})
    page = viewer.get("/sku-map?sku=a-").text
    assert "A-099 B" in words_of(page)
    assert "A-100 B" not in words_of(page)
    (link,) = [part.split('"')[0] for part in page.split('href="') if "after=" in part]
    following = words_of(viewer.get(link.replace("&amp;", "&")).text)
    assert "A-100 B" in following
    assert "A-099 B" not in following
    assert "First page" in following


def test_held_orders_are_counted_by_account_and_sku(sessions: Sessions) -> None:
    both = {"skus": "CUP", "amazon_skus": "MUG-1, MUG-2"}
    store(
        sessions,
        a_held_order(1),
        a_held_order(2, hold_code="out_of_stock", hold_facts=both),
        a_held_order(3, account="us"),
        an_order(4),
    )
    mapped(sessions, **{"MUG-1": "CUP", "MUG-2": "CUP", "POT": "CUP"})
    rows, _ = MappedSkus(sessions).page()
    assert [(row.amazon_sku, row.held) for row in rows] == [("MUG-1", 2), ("MUG-2", 1), ("POT", 0)]


def test_the_files_in_use_are_told_with_their_mistakes(sessions: Sessions, tmp_path: Path) -> None:
    path = tmp_path / "skus.csv"
    path.write_text("amazon_sku,magento_sku\nA,MUG\nB,MUG\n", encoding="utf-8")
    settings = with_a_map(path)
    assert list(files(settings)) == [File(path, "eu", 2, "")]
    browser = SignedIn(create_app(settings, sessions, lambda: NOW), sessions)
    assert f"{path} eu 2 They are changed on the server." in words_of(browser.get("/sku-map").text)
    path.write_text("amazon_sku,magento_sku\nA\n", encoding="utf-8")
    mistake = f"the SKU map {path}, line 2: magento_sku is empty"
    assert list(files(settings)) == [File(path, "eu", 0, mistake)]
    assert f"{path} eu {mistake}" in words_of(browser.get("/sku-map").text)


def test_the_held_board_maps_a_sku_for_all_that_it_holds(
    sessions: Sessions, operator: SignedIn, viewer: SignedIn
) -> None:
    store(sessions, a_held_order(1), a_held_order(2))
    page = operator.get("/held").text
    assert "Map it for all its orders" in page
    assert '<input type="hidden" name="account" value="eu">' in page
    assert "Map it for all its orders" not in viewer.get("/held").text
    done = operator.post("/sku-map/set", {**CUP, "back": "held"})
    assert (done.status_code, done.headers["Location"]) == (303, "/held?freed=2")
    assert "2 orders that waited for it are retried now" in operator.get("/held?freed=2").text
    assert counting(sessions) == {"MUG-1": "CUP"}


@pytest.mark.parametrize(
    "changes",
    [{"hold_facts": {"skus": "(no SKU)"}}, {"hold_code": "product_type"}, {"hold_facts": {}}],
)
def test_the_held_board_maps_only_what_amazon_names(
    sessions: Sessions, operator: SignedIn, changes: dict[str, object]
) -> None:
    store(sessions, a_held_order(1, **changes))
    assert "Map it for all its orders" not in operator.get("/held").text


def test_a_sku_of_two_accounts_is_mapped_for_the_chosen_one(
    sessions: Sessions, operator: SignedIn
) -> None:
    store(sessions, a_held_order(1), a_held_order(2, account="us"))
    page = operator.get("/held").text
    assert '<select name="account" aria-label="Account"><option>eu</option>' in page
    assert '<input type="hidden" name="account"' not in page


def test_an_orders_page_maps_a_sku_for_all_orders(sessions: Sessions, operator: SignedIn) -> None:
    items = [an_item(1, sku="MUG-1"), an_item(2, sku="MUG-2"), an_item(3, sku="")]
    order_id, other = store(
        sessions,
        a_held_order(1, items=items, hold_facts={"skus": "MUG-2"}),
        a_held_order(2, hold_facts={"skus": "MUG-2"}),
    )
    page = operator.get(f"/orders/{order_id}").text
    # What the order waits for is offered first.
    assert "<option>MUG-2</option><option>MUG-1</option>" in page
    form = {"amazon_sku": "MUG-2", "magento_sku": "CUP"}
    done = operator.post(f"/orders/{order_id}/map-sku", form)
    assert (done.status_code, done.headers["Location"]) == (303, f"/orders/{order_id}?said=map-sku")
    page = words_of(operator.get(done.headers["Location"]).text)
    assert "The SKU is mapped. All orders that waited for it are retried now." in page
    assert "MUG-2 Mug, model 2 sold as CUP" in page
    with sessions() as session:
        assert session.get_one(Order, other).news == 1
    again = operator.post(f"/orders/{order_id}/map-sku", form)
    assert again.status_code == 409
    assert "Nothing was changed: MUG-2 is mapped to CUP already." in words_of(again.text)


@pytest.mark.parametrize("changes", [{"hold_code": "currency"}, {"status": Status.WAITING}])
def test_an_order_that_waits_for_no_product_offers_no_mapping(
    sessions: Sessions, operator: SignedIn, changes: dict[str, object]
) -> None:
    (order_id,) = store(sessions, a_held_order(1, **changes))
    assert "map-sku" not in operator.get(f"/orders/{order_id}").text


@pytest.mark.parametrize(
    ("step", "product", "told"),
    [
        ("enrich_order", None, {"MUG-1": "CUP"}),
        ("enrich_order", {"sku": "POT"}, {"MUG-1": "CUP"}),
        ("create_order", {"sku": "POT"}, {"MUG-1": "POT"}),
        ("ship_order", {"sku": "MUG-1"}, {}),
        ("ship_order", None, {}),
    ],
)
def test_a_line_tells_as_what_it_was_or_will_be_sold(
    sessions: Sessions, step: str, product: dict[str, str] | None, told: dict[str, str]
) -> None:
    mapped(sessions, **{"MUG-1": "CUP"})
    order = an_order(step=step, items=[an_item(product=product)])
    assert sold_as(sessions, order) == told


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (False, "Nothing was saved: the shop has no product CUP."),
        (None, "Nothing was saved: the shop does not answer, so CUP may not be there."),
    ],
)
@pytest.mark.parametrize("place", ["page", "order", "board"])
def test_a_product_that_may_not_be_there_is_mapped_on_purpose_only(
    sessions: Sessions, answer: bool | None, sentence: str, place: str
) -> None:
    (order_id,) = store(sessions, a_held_order(1))
    asked: list[tuple[str, str]] = []

    def has_product(account: str, sku: str) -> bool | None:
        asked.append((account, sku))
        return answer

    app = create_app(some_settings(), sessions, lambda: NOW, has_product=has_product)
    browser = SignedIn(app, sessions)
    path = f"/orders/{order_id}/map-sku" if place == "order" else "/sku-map/set"
    form = {**CUP, **({"back": "held"} if place == "board" else {})}
    reply = browser.post(path, form)
    assert reply.status_code == 409
    assert sentence in reply.text
    assert counting(sessions) == {}
    assert 'name="anyway" required' in reply.text
    assert 'value="CUP"' in reply.text
    assert ('name="back" value="held"' in reply.text) is (place == "board")
    assert browser.post(path, {**form, "anyway": "on"}).status_code == 303
    assert (counting(sessions), asked) == ({"MUG-1": "CUP"}, [("eu", "CUP")])


def test_a_product_that_is_there_is_mapped_at_once(sessions: Sessions) -> None:
    app = create_app(some_settings(), sessions, lambda: NOW, has_product=lambda _, __: True)
    browser = SignedIn(app, sessions)
    assert 'name="anyway"' not in browser.get("/sku-map").text
    assert browser.post("/sku-map/set", CUP).status_code == 303
