"""`/help`: the manual as pages, with anchors for every code, setting and column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from flask import Flask
from markupsafe import escape
from pydantic import BaseModel, SecretStr

from pipeline.base.db import Sessions
from pipeline.console.manual_pages import ManualPage, address, pages, search, slug
from pipeline.operations.lists.columns import CHOOSABLE, FIRST
from pipeline.orders.outcome import HoldCode
from pipeline.settings.anchors import of_marketplace_setting, of_setting
from pipeline.settings.marketplace import MarketplaceSettings
from pipeline.settings.model import AccountSettings, NotificationSettings, Settings, ShopSettings
from tests.console.builders import a_held_order, store
from tests.console.conftest import SignedIn


def _help_links(html: str) -> list[str]:
    return re.findall(r'href="(/help[^"]*)"', html)


def _leads_somewhere(link: str) -> bool:
    name, _, anchor = link.removeprefix("/help/").partition("#")
    if link == "/help":
        return True
    return name in pages() and (not anchor or anchor in pages()[name].anchors)


@pytest.mark.parametrize("name", pages())
def test_every_page_is_shown_and_its_links_lead_somewhere(viewer: SignedIn, name: str) -> None:
    reply = viewer.get(f"/help/{name}")
    assert reply.status_code == 200
    assert str(escape(pages()[name].title)) in reply.text
    assert [link for link in _help_links(reply.text) if not _leads_somewhere(link)] == []
    assert "style=" not in reply.text
    assert "<!--" not in reply.text


def test_nobody_reads_it_without_signing_in(app: Flask) -> None:
    for path in ("/help", "/help/settings", "/help/img/orders.png"):
        reply = app.test_client().get(path)
        assert (reply.status_code, (reply.location or "").partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize(
    "path", ["/help/nothing", "/help/../app", "/help/img/../settings.md", "/help/img/nothing.png"]
)
def test_what_is_not_in_the_manual_is_not_found(viewer: SignedIn, path: str) -> None:
    assert viewer.get(path).status_code == 404


def test_pictures_are_shown(viewer: SignedIn) -> None:
    for name, page in pages().items():
        for source in re.findall(r'<img src="([^"]+)"', page.body):
            reply = viewer.get(source)
            assert (name, reply.status_code) == (name, 200)
            assert (reply.mimetype or "").startswith("image/")


@pytest.mark.parametrize("code", HoldCode)
def test_each_hold_code_has_its_words(code: HoldCode) -> None:
    page = pages()["hold-codes"]
    assert code in page.anchors
    own = page.body.partition(f'id="{code}"')[2].partition("<h3")[0].partition("<h2")[0]
    said = re.findall(r"<strong>([^<]+)</strong>: \S", own)
    assert said[:3] == ["What happened", "What to do", "By itself"]


def test_the_manual_has_no_code_that_is_gone() -> None:
    codes = {place.words for place in pages()["hold-codes"].places if place.level == 3}
    assert codes == set(HoldCode)


def _settings(model: type[BaseModel], table: str) -> Iterator[str]:
    """The anchors of a model's settings; secrets are environment variables."""
    for name, field in model.model_fields.items():
        parts = [field.annotation, *get_args(field.annotation)]
        inner = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if name in ("shops", "accounts", "marketplaces", "master_keys") or SecretStr in parts:
            continue
        if inner:
            yield from _settings(inner[0], f"{table}{name}.")
        else:
            yield f"{table}{name}"


@pytest.mark.parametrize("anchor", [*_settings(Settings, "")])
def test_each_setting_of_the_installation_has_a_row(anchor: str) -> None:
    assert anchor in pages()["settings"].anchors


@pytest.mark.parametrize("name", MarketplaceSettings.model_fields)
def test_each_setting_of_a_marketplace_has_a_row(name: str) -> None:
    assert of_marketplace_setting(name) in pages()["settings"].anchors


@pytest.mark.parametrize(
    ("table", "name"),
    [
        *(("shops", name) for name in ShopSettings.model_fields),
        *(
            ("accounts", name)
            for name in AccountSettings.model_fields
            if name not in ("settings", "marketplaces", "notifications")
        ),
        *(("accounts", f"notifications.{name}") for name in NotificationSettings.model_fields),
    ],
)
def test_each_setting_of_a_shop_or_an_account_has_a_row(table: str, name: str) -> None:
    assert of_setting(table, name) in pages()["settings"].anchors


@pytest.mark.parametrize("column", [FIRST, *CHOOSABLE], ids=lambda column: column.name)
def test_each_column_of_the_list_has_a_row(column: object) -> None:
    name = getattr(column, "name")  # noqa: B009 - the id of the case needs an object
    body = pages()["operations"].body.partition('<h3 id="columns">')[2]
    assert f'<code id="{name}">' in body.partition("</table>")[0]


def test_codes_settings_and_columns_link_to_their_words(
    browser: SignedIn, sessions: Sessions
) -> None:
    (held,) = store(sessions, a_held_order(1))
    for path, words in (
        ("/held", 'href="/help/hold-codes#sku_not_found" aria-label="Help: sku not found"'),
        (f"/orders/{held}", 'href="/help/hold-codes#sku_not_found" aria-label="Help: sku not'),
        ("/settings", 'href="/help/settings#accounts.NAME.settings.stock" aria-label="Help: stock'),
        ("/settings", 'href="/help/settings#accounts.NAME.region" aria-label="Help: region"'),
        ("/settings", 'href="/help/settings#ORDERBRIDGE_SHOP_NAME_ACCESS_TOKEN" aria-label='),
        ("/orders", '<a href="/help/operations#total">Total</a>'),
    ):
        page = browser.get(path).text
        assert words in page
        assert [link for link in _help_links(page) if not _leads_somewhere(link)] == []


def test_the_search_finds_headings_codes_and_settings(viewer: SignedIn) -> None:
    assert search("unknown sku")[0].anchor == "accounts.NAME.settings.unknown_sku"
    assert search("SKU not found")[0][:2] == ("hold-codes", "sku_not_found")
    assert search("backup")[0][:2] == ("operations", "backup")
    assert search("operations backup")[0][:2] == ("operations", "backup")
    assert not search("  ")
    assert not search("no such thing at all")
    page = viewer.get("/help?q=out_of_stock").text
    assert 'href="/help/hold-codes#out_of_stock"' in page
    assert "Try a single one" in viewer.get("/help?q=<b>qqq").text


def test_the_index_lists_every_page_but_single_decisions(viewer: SignedIn) -> None:
    linked = {
        link.removeprefix("/help/")
        for link in _help_links(viewer.get("/help").text)
        if "#" not in link
    }
    assert linked >= {name for name in pages() if "/" not in name} | {"decisions/README"}


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("A proxy with TLS", "a-proxy-with-tls"),
        ("The database's roles", "the-databases-roles"),
        ("`sku_not_found`".strip("`"), "sku_not_found"),
        ("[shops.NAME]: a Magento shop", "shopsname-a-magento-shop"),
    ],
)
def test_headings_have_the_anchors_of_github(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


HOSTILE = """# A <script>alert(1)</script> title
<script>alert(2)</script>

Text <img src=x onerror=alert(3)> and [a link](javascript:alert(4)), [out](https://example.com/),
[of the project](../pipeline/x.py), [another](other.md#part), [this](#part).

## Part

<!-- a comment -->

| `one` | two |
|---|--:|
| `alpha`, `beta` | 3 |

## Part
"""


@pytest.fixture
def hostile(tmp_path: Path) -> ManualPage:
    (tmp_path / "a.md").write_text(HOSTILE, encoding="utf-8")
    (tmp_path / "other.md").write_text("# Other\n", encoding="utf-8")
    return pages(tmp_path)["a"]


def test_html_of_a_page_is_shown_and_not_run(hostile: ManualPage) -> None:
    assert "<script" not in hostile.body
    assert "<img" not in hostile.body
    assert "&lt;script&gt;alert(2)" in hostile.body
    assert "comment" not in hostile.body
    assert 'style="' not in hostile.body
    assert '<td class="number">3</td>' in hostile.body


def test_links_go_to_pages_and_other_hosts_alone(hostile: ManualPage) -> None:
    links = re.findall(r'href="([^"]+)"', hostile.body)
    assert links == ["https://example.com/", "/help/other#part", "/help/a#part"]
    assert "of the project" in hostile.body


def test_rows_and_headings_have_anchors_of_their_own(hostile: ManualPage) -> None:
    assert [place.anchor for place in hostile.places[1:]] == ["part", "alpha", "beta", "part-1"]
    assert address("a", "alpha") == "/help/a#alpha"
