"""The page of settings: what counts and why, what would change, and turning it."""

from __future__ import annotations

import re
from typing import Literal, get_origin

import pytest

from pipeline.base.db import Sessions
from pipeline.console import setting_words
from pipeline.console.app import create_app
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import NotificationSettings
from pipeline.settings.origin import connections
from pipeline.settings.overrides import Overrides, SettingOverride, choices, save
from pipeline.settings.tables import SettingOverrideRow
from tests.builders import signed
from tests.console.builders import FRANCE, GERMANY, NOW, a_held_order, some_settings, store
from tests.console.conftest import SignedIn

SWITCH = {"account": "eu", "marketplace": FRANCE, "name": "out_of_stock", "value": "backorder"}
OF_FRANCE = f"/settings?account=eu&marketplace={FRANCE}"


HELP = r'<a class="help"[^>]*>\?</a>'


def row(page: str, name: str) -> str:
    """The text of a setting's row."""
    match = re.search(rf'<tr>\s*<th scope="row"[^>]*>{name}</th>.*?</tr>', page, re.DOTALL)
    assert match is not None
    shown = re.sub(HELP, "", match[0])
    return " ".join(re.sub(r"<form.*?</form>|<[^>]*>", " ", shown, flags=re.DOTALL).split())


def setting(page: str, name: str) -> str:
    """The text of a setting, without its forms."""
    (one,) = [one for one in page.split("<li")[1:] if f"<code>{name}</code></h4>" in one]
    shown = re.sub(HELP, "", "<li" + one.partition("</li>")[0])
    return " ".join(re.sub(r"<form.*?</form>|<[^>]*>", " ", shown, flags=re.DOTALL).split())


def kept(sessions: Sessions) -> list[tuple[str | None, object, str, str]]:
    with sessions() as session:
        rows = session.query(SettingOverrideRow).order_by(SettingOverrideRow.id)
        return [(row.marketplace_id, row.value, row.author, row.why) for row in rows]


def test_a_viewer_sees_what_counts_and_where_from(viewer: SignedIn) -> None:
    page = viewer.get(OF_FRANCE).text
    assert setting(page, "magento_store") == (
        "Store view magento_store Where orders are placed. french "
        "file, [accounts.eu.marketplaces.FR]"
    )
    assert setting(page, "out_of_stock") == (
        "Goods that are out of stock out_of_stock Whether an order waits until the shop can sell "
        "all of it. Hold until in stock block default"
    )
    assert setting(page, "order_comments").endswith("comments. on default")
    assert setting(page, "region") == "Region region EU file, [accounts.eu]"
    assert 'id="try-' not in page
    assert "No setting was changed yet" in page
    assert viewer.post("/settings/try", SWITCH).status_code == 403
    assert viewer.post("/settings/turn", {**SWITCH, "why": "so"}).status_code == 403


def test_only_what_differs_is_shown_on_request(viewer: SignedIn) -> None:
    page = viewer.get(f"{OF_FRANCE}&differing=1").text
    rows = re.findall(r"<code>(\w+)</code></h4>", page)
    assert rows[:3] == ["magento_store", "fba_store", "region"]
    assert rows[3:] == ["seller_id", "shop", "start_from", "base_url"]
    page = viewer.get("/settings?differing=1").text
    assert "Every setting of this marketplace is as by default." in page


def test_it_is_tried_before_it_is_saved(operator: SignedIn, sessions: Sessions) -> None:
    store(sessions, a_held_order(1, hold_code="out_of_stock", marketplace_id=FRANCE))
    tried = operator.post("/settings/try", SWITCH)
    assert tried.status_code == 200
    assert "out_of_stock: block → backorder" in tried.text
    assert row(tried.text, "held as out of stock: would go on to Magento") == (
        "held as out of stock: would go on to Magento 1 1 41.97 EUR 303-0000000-0000001"
    )
    assert 'href="/held"' in tried.text
    assert kept(sessions) == []

    saved = operator.post("/settings/turn", {**SWITCH, "why": "the supplier delivers"})
    assert saved.status_code == 303
    assert kept(sessions) == [(FRANCE, "backorder", "otto", "the supplier delivers")]
    assert Overrides(some_settings(), sessions).settings().for_order("eu", FRANCE).out_of_stock == (
        "backorder"
    )
    page = operator.get(saved.headers["Location"]).text
    assert "“Goods that are out of stock” is changed: it applies in all workers within" in page
    assert setting(page, "out_of_stock").endswith(
        "Place it all the same backorder changed here by otto, 2026-03-10 12:00"
    )
    assert "the supplier delivers" in page
    german = operator.get(f"/settings?account=eu&marketplace={GERMANY}").text
    assert setting(german, "out_of_stock").endswith("Hold until in stock block default")


def test_a_change_of_the_whole_account_is_marked_in_each_place_and_undone_where_it_was_made(
    operator: SignedIn, sessions: Sessions
) -> None:
    turn = SettingOverride("eu", None, "out_of_stock", "backorder")
    save(sessions, turn, why="so", by=signed(at=NOW))
    everywhere, french = operator.get("/settings").text, operator.get(OF_FRANCE).text
    for page in (everywhere, french):
        assert '<li id="setting-out_of_stock" class="changed">' in page
        assert page.count('class="changed"') == 1
        assert "changed here by" in setting(page, "out_of_stock")
    assert 'id="back-out_of_stock"' in everywhere
    assert 'id="back-out_of_stock"' not in french


def test_each_setting_has_a_place_a_name_a_sentence_and_words_for_its_values() -> None:
    names = [name for group in setting_words.groups() for name in group.names]
    assert sorted(names) == sorted(MarketplaceSettings.model_fields)
    for name in names:
        assert setting_words.label(name)[0].isupper()
        assert setting_words.sentence(name).endswith(".")
        has_choices = get_origin(MarketplaceSettings.model_fields[name].annotation) is Literal
        # Amazon's reasons are shown in Amazon's words.
        for value in choices(name) if has_choices and name != "cancel_reason" else ():
            assert setting_words.value_label(name, value) != value


def test_each_setting_of_a_shop_and_an_account_has_a_name() -> None:
    for table in connections(some_settings()).values():
        assert [one.name for one in table if not setting_words.label(one.name)] == []
    for name in NotificationSettings.model_fields:
        assert setting_words.label(f"notifications.{name}")


def test_a_turn_is_undone_by_its_own_button(operator: SignedIn, sessions: Sessions) -> None:
    for value in ("backorder", "block"):
        turn = SettingOverride("eu", None, "out_of_stock", value)
        save(sessions, turn, why="so", by=signed(at=NOW))
    page = operator.get("/settings").text
    [form] = re.findall(r"<form[^>]*>(?:(?!</form>).)*As before</button>", page, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    fields.pop("csrf_token")
    assert fields == {
        "account": "eu",
        "marketplace": "",
        "name": "out_of_stock",
        "value": "backorder",
    }
    assert "out_of_stock: block → backorder" in operator.post("/settings/try", fields).text
    operator.post("/settings/turn", {**fields, "why": "as before"})
    as_in_file = {**fields, "value": "", "why": "done"}
    assert operator.post("/settings/turn", as_in_file).status_code == 303
    assert kept(sessions)[2:] == [
        (None, "backorder", "otto", "as before"),
        (None, None, "otto", "done"),
    ]


@pytest.mark.parametrize(
    ("path", "changes", "sentence"),
    [
        ("/settings/try", {"name": "tax", "value": "none"}, "the stored data does not show"),
        ("/settings/try", {"value": "never"}, "out_of_stock may be block, backorder."),
        ("/settings/try", {"account": "us"}, "there is no account us"),
        ("/settings/try", {"marketplace": "A0-TYPO"}, "account eu has no marketplace A0-TYPO"),
        ("/settings/try", {"name": "out\x00_of_stok"}, "there is no setting out_of_stok"),
        ("/settings/turn", {"why": " "}, "Nothing was saved: give a reason"),
        ("/settings/turn", {"value": "", "why": "so"}, "Nothing was saved: nothing would change"),
        (
            "/settings/turn",
            {"name": "import_orders", "value": "false", "why": "so"},
            "Nothing was saved: import_orders cannot be overridden",
        ),
    ],
)
def test_what_cannot_be_is_said_and_not_saved(
    operator: SignedIn, sessions: Sessions, path: str, changes: dict[str, str], sentence: str
) -> None:
    answer = operator.post(path, {**SWITCH, **changes})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert kept(sessions) == []


def test_what_is_set_in_the_file_alone_may_be_tried(operator: SignedIn) -> None:
    answer = operator.post(
        "/settings/try", {"account": "eu", "name": "import_orders", "value": "false"}
    )
    assert answer.status_code == 200
    assert "set it in the file, then restart" in answer.text
    assert 'id="save"' not in answer.text


def test_text_of_people_is_escaped(operator: SignedIn, sessions: Sessions) -> None:
    operator.post("/settings/turn", {**SWITCH, "why": "<b>bold</b>"})
    assert "&lt;b&gt;bold&lt;/b&gt;" in operator.get(OF_FRANCE).text


def test_another_place_is_not_found(viewer: SignedIn) -> None:
    assert viewer.get("/settings?account=us").status_code == 404
    assert viewer.get("/settings?account=eu&marketplace=A0-TYPO").status_code == 404


def test_no_secret_is_on_the_page(sessions: Sessions) -> None:
    settings = some_settings()
    account = settings.accounts["eu"].model_copy(
        update={"refresh_token": type(settings.database_url)("hidden-token")}
    )
    app = create_app(
        settings.model_copy(update={"accounts": {"eu": account}}), sessions, lambda: NOW
    )
    page = SignedIn(app, sessions).get("/settings").text
    assert "environment variable ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN" in page
    assert "hidden-token" not in page
