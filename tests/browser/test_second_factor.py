"""An admin sets up a second factor, signs in with a code, and with a recovery code."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from pyotp import TOTP

from pipeline.access.people import People
from pipeline.base.db import Sessions
from pipeline.settings.console import Required
from pipeline.settings.roles import Role
from tests.browser.conftest import Console, Visit, sign_in, violations
from tests.builders import signed
from tests.console.signing_in import PASSWORD


@pytest.fixture
def required() -> Required:
    return Required.ADMINS


def answer(page: Page, code: str) -> None:
    page.get_by_label("Code of your app, or a recovery code").fill(code)
    page.keyboard.press("Enter")


def sign_out(page: Page) -> None:
    page.locator(".person summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_from_the_picture_to_the_recovery_code(visit: Visit, console: Console) -> None:
    page = visit("anna")
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    expect(page.get_by_role("img", name="Picture of the secret")).to_be_visible()
    box = page.locator(".qr svg").bounding_box()
    assert box is not None
    assert box["width"] > 150
    assert violations(page) == []
    app = TOTP(page.locator("code").inner_text().replace(" ", ""))
    page.get_by_label("Code of the app").fill(app.at(console.clock.at))
    page.get_by_role("button", name="Set it up").click()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    assert violations(page) == []
    page.get_by_role("link", name="I have kept them: go on").click()
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    sign_out(page)

    sign_in(page, "anna")
    code = page.get_by_label("Code of your app, or a recovery code")
    expect(code).to_be_focused()
    assert (code.get_attribute("autocomplete"), code.get_attribute("inputmode")) == (
        "one-time-code",
        "numeric",
    )
    assert violations(page) == []
    answer(page, app.at(console.clock.at))  # it was used at the set-up
    expect(page.get_by_role("alert")).to_contain_text("was used before")
    console.clock.pass_(seconds=30)
    answer(page, app.at(console.clock.at))
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    sign_out(page)

    sign_in(page, "anna")
    answer(page, codes[0].replace("-", ""))
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    page.goto("/account")
    expect(page.locator("main")).to_contain_text("9 of the present ones are unused")


def test_a_one_time_password_is_exchanged(
    visit: Visit, console: Console, sessions: Sessions
) -> None:
    People(sessions).add("bert", Role.OPERATOR, PASSWORD, signed(at=console.clock.at))
    page = visit("bert", "/held")
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    assert violations(page) == []
    for label in ("New password, of 12 characters at least", "The new password again"):
        page.get_by_label(label).fill("four other words of mine")
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_role("alert")).to_contain_text("Your password is changed")


def test_an_admin_ends_a_sign_in_and_removes_a_person(visit: Visit, console: Console) -> None:
    other = visit("otto", "/account")
    page = visit("vera", "/account/sign-ins")
    expect(page.get_by_role("cell", name=re.compile("Chrome on"))).to_be_visible()
    admin = visit(None)
    sign_in(admin, "anna")
    app = TOTP(admin.locator("code").inner_text().replace(" ", ""))
    admin.get_by_label("Code of the app").fill(app.at(console.clock.at))
    admin.get_by_role("button", name="Set it up").click()
    admin.goto("/people")
    admin.get_by_role("link", name="otto").click()
    assert violations(admin) == []
    admin.get_by_role("button", name="End the sign-in").click()
    expect(admin.locator("main")).to_contain_text("otto is not signed in.")
    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    admin.get_by_role("button", name="Remove otto").click()
    expect(admin.get_by_role("heading", name="otto")).to_be_visible()  # the box is not ticked
    admin.get_by_label("Nobody gets the name again").check()
    admin.get_by_role("button", name="Remove otto").click()
    expect(admin.get_by_role("heading", name="People")).to_be_visible()
    expect(admin.get_by_role("link", name="otto")).to_have_count(0)
