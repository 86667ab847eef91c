"""No buyer gets the PDF of another: shops have invoices of the same number."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.base.security_log import Signature
from pipeline.invoices.acts import upload_again
from pipeline.invoices.tables import UploadState
from pipeline.settings.model import Settings
from tests.builders import ACCOUNT, SHOP, a_vault, settings
from tests.colliding import OTHER_ACCOUNT, OTHER_SHOP, two_of_each
from tests.invoices.rig import Rig, pdf_of

HELD = (UploadState.HELD, None)


def two_shops(ours: dict[str, Any], others: dict[str, Any]) -> Settings:
    """The account "eu" with the shop "main", "na" with "other", each with these settings."""
    made = two_of_each()
    given = made.model_dump()
    given["accounts"][ACCOUNT]["settings"] = ours
    given["accounts"][OTHER_ACCOUNT]["settings"] = others
    return Settings.model_validate(given)


def folder(path: str) -> dict[str, Any]:
    return {"invoices_to_amazon": "folder", "invoice_source": path}


def url(source: str) -> dict[str, Any]:
    return {"invoices_to_amazon": "url", "invoice_source": source}


@pytest.mark.parametrize(
    ("ours", "others"),
    [
        (folder("/invoices"), folder("/invoices")),
        (folder("/invoices"), folder("//invoices/./x/..")),
        (folder("/invoices/{shop}"), folder("/invoices/main")),
        (url("https://pdf.example/{increment}"), url("https://PDF.example:443/{increment}")),
        (
            url("https://pdf.example/{shop}/{increment}"),
            url("https://pdf.example/main/{increment}"),
        ),
    ],
)
def test_two_shops_share_no_source(ours: dict[str, Any], others: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"invoice_source.*main and other"):
        two_shops(ours, others)


@pytest.mark.parametrize(
    ("ours", "others"),
    [
        (folder("/invoices/{shop}"), folder("/invoices/{shop}")),
        (folder("/invoices/a"), folder("/invoices/b")),
        (folder("/invoices"), {}),
        (url("https://a.example/{increment}"), url("https://b.example/{increment}")),
    ],
)
def test_each_shop_may_have_its_own(ours: dict[str, Any], others: dict[str, Any]) -> None:
    assert two_shops(ours, others).shops.keys() == {SHOP, OTHER_SHOP}


def test_two_accounts_of_a_shop_may_share() -> None:
    made = settings(marketplace=folder("/invoices"), account={"seller_id": "A1"}).model_dump()
    made["accounts"]["second"] = made["accounts"][ACCOUNT]
    assert Settings.model_validate(made).accounts.keys() == {ACCOUNT, "second"}


@pytest.mark.parametrize("place", ["{invoice}", "{store}", "{", "{shop"])
def test_a_place_that_stands_for_nothing_is_refused(place: str) -> None:
    with pytest.raises(ValidationError, match="stands for nothing"):
        settings(marketplace=folder(f"/invoices/{place}"))


def test_an_order_of_a_former_shop_is_held(rig: Rig) -> None:
    order_id = rig.ready("1", shop="former")
    rig.through()
    assert rig.state(order_id) == HELD
    assert "former" in (rig.upload(order_id).trouble or "")
    assert rig.amazons() == []
    (rig.folder / "former").mkdir()
    (rig.folder / "former" / "1.pdf").write_bytes(pdf_of("of the former shop"))
    rig.options = {"invoice_source": f"{rig.folder}/{{shop}}"}
    upload_again(rig.sessions, a_vault(), order_id, Signature("anna", "", rig.at))
    rig.through()
    assert rig.state(order_id) == (UploadState.ACCEPTED, None)


def test_equal_numbers_of_two_shops_bring_each_buyer_its_own(rig: Rig) -> None:
    rig.options = {"invoice_source": f"{rig.folder}/{{shop}}"}
    other = Rig(rig.sessions, rig.store, rig.url, rig.folder, options=rig.options)
    other.account, other.shop = OTHER_ACCOUNT, OTHER_SHOP
    ids = []
    for one in (rig, other):
        (rig.folder / one.shop).mkdir()
        (rig.folder / one.shop / "1.pdf").write_bytes(pdf_of(one.shop))
        ids.append(one.ready("1"))
    for _ in range(2):
        rig.later()
        other.later()
    assert [rig.state(order_id) for order_id in ids] == [(UploadState.ACCEPTED, None)] * 2
    assert rig.upload(ids[0]).digest != rig.upload(ids[1]).digest


def test_equal_numbers_within_a_shop_are_held_until_a_person_looked(rig: Rig) -> None:
    """Magento counts for each store view, and a prefix that tells them apart may be missing."""
    first, second = rig.ready("1"), rig.ready("1")
    rig.through()
    assert [rig.state(first), rig.state(second)] == [HELD, HELD]
    assert rig.amazons() == []
    upload_again(rig.sessions, a_vault(), second, Signature("anna", "", rig.at))
    rig.through()
    assert rig.state(second) == (UploadState.ACCEPTED, None)


def test_a_file_goes_to_one_order_only(rig: Rig) -> None:
    first, second = rig.ready("1"), rig.ready("2")
    (rig.folder / "2.pdf").write_bytes(pdf_of("1"))
    rig.through()
    assert [rig.state(first), rig.state(second)] == [(UploadState.ACCEPTED, None), HELD]
    upload_again(rig.sessions, a_vault(), second, Signature("anna", "", rig.at))
    rig.through()
    assert rig.state(second) == HELD
    (rig.folder / "2.pdf").write_bytes(pdf_of("2"))
    upload_again(rig.sessions, a_vault(), second, Signature("anna", "", rig.at))
    rig.through()
    assert rig.state(second) == (UploadState.ACCEPTED, None)
    assert [number for number, _ in rig.amazons()] == ["1", "2"]
