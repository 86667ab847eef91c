"""`make screenshots`: the README's pictures, of the demo's orders on the whole stack."""

from __future__ import annotations

import subprocess
import sys
import time

import requests
from playwright.sync_api import Browser, Page, ViewportSize, expect

from devstack.demo import Play, persist, problems, world_of
from devstack.paths import PROJECT, home, make_folder
from devstack.stack import COMMAND, Stack
from devstack.stories import stories
from devstack.supervisor import Supervisor
from devstack.world import World
from sandbox.amazon.builders import a_line, an_order
from tests.browser.conftest import PHONE, sign_in, started_chromium

IMAGES = PROJECT / "docs" / "img"
WINDOW: ViewportSize = {"width": 1440, "height": 900}
SIZES = {"": WINDOW, "-phone": PHONE}
PLAYED_WITHIN_S = 120
# Amazon shows a transaction minutes after its time.
MONEY_WITHIN_S = 600
HELD_WITHIN_MS = 60_000
CHECKED_WITHIN_MS = 120_000
# Two causes, so that the board has something to group.
NOT_IN_THE_SHOP = {"LAMP-GREEN": 4, "VASE-RED": 2}
# Shipped in two packages: its page has most to show.
SHOWN = "302-0000006-0000006"


def main() -> int:
    """Play the day, place orders that will be held, take the pictures."""
    folder = make_folder(make_folder(home(), 0o711) / "screenshots", 0o711)
    with Supervisor(folder) as supervisor:
        stack = Stack(folder, supervisor)
        stack.start(forget=True)
        world = world_of(stack)
        with started_chromium() as chromium:
            _take_first_run(chromium, stack)
            _play(world)
            _place_what_is_held(world)
            _settle(stack)
            _take_all(chromium, stack)
    sys.stdout.write(f"Taken into {IMAGES.relative_to(PROJECT)}.\n")
    return 0


def _play(world: World) -> None:
    play = Play(world, stories())
    play.begin()
    deadline = time.monotonic() + PLAYED_WITHIN_S
    play.tick()
    while any(problems(story, play) for story in play.stories):
        if time.monotonic() > deadline:
            raise TimeoutError("the day's orders did not all end as they should")
        time.sleep(0.4)
        play.tick()


def _place_what_is_held(world: World) -> None:
    skus = [sku for sku, count in NOT_IN_THE_SHOP.items() for _ in range(count)]
    for place, sku in enumerate(skus, start=1):
        number = f"305-{place:07}-{place:07}"
        persist(world.place, an_order(number, lines=[a_line(sku, unit="24.90")]))


def _settle(stack: Stack) -> None:
    """Have Amazon pay out what was sold, and read what it says about the order that is shown."""
    deadline = time.monotonic() + MONEY_WITHIN_S
    while "paid by Amazon" not in _run(stack, "orders", "money", SHOWN, "--read"):
        if time.monotonic() > deadline:
            raise TimeoutError("Amazon shows no money of the order")
        time.sleep(10)
    close = stack.urls["amazon"] + "/_control/settlements"
    requests.post(close, json={}, timeout=10).raise_for_status()
    _run(stack, "settlements", "read")


def _run(stack: Stack, *command: str) -> str:
    done = subprocess.run(
        [COMMAND, *command], env=stack.environment, capture_output=True, text=True, check=False
    )
    return done.stdout


def _take_first_run(chromium: Browser, stack: Stack) -> None:
    name, _, password = stack.login.partition(" / ")
    page = chromium.new_page(base_url=stack.urls["console"], viewport=WINDOW)
    sign_in(page, name, password)
    _take(page, "first-run")
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#checked")).to_contain_text(" 0 failed", timeout=CHECKED_WITHIN_MS)
    page.screenshot(path=IMAGES / "checks.png", animations="disabled", full_page=True)
    page.close()


def _take_all(chromium: Browser, stack: Stack) -> None:
    name, _, password = stack.login.partition(" / ")
    context = chromium.new_context(
        base_url=stack.urls["console"],
        viewport=WINDOW,
        http_credentials={"username": name, "password": password},
    )
    page = context.new_page()
    sign_in(page, name, password)
    page.goto("/held")
    for sku, count in NOT_IN_THE_SHOP.items():
        row = page.locator("#live tbody tr").filter(has_text=sku)
        expect(row.locator("td").first).to_contain_text(str(count), timeout=HELD_WITHIN_MS)
    for name, path in (("today", "/"), ("orders", "/orders"), ("held", "/held")):
        _take_both(page, name, path)
    page.goto(f"/orders?number={SHOWN}")
    shown = page.locator("tbody a[id^=order-]").get_attribute("href")
    _take_both(page, "order", str(shown))
    page.locator("#trail").click()
    card = page.locator(".card").filter(has=page.locator("#money"))
    card.screenshot(path=IMAGES / "money.png", animations="disabled")
    _take_both(page, "settings", "/settings")
    page.goto(stack.urls["flower"] + "/tasks")
    expect(page.locator("#tasks-table tbody tr").first).to_contain_text("orderbridge")
    _take(page, "flower")
    context.close()


def _take_both(page: Page, name: str, path: str) -> None:
    for suffix, size in SIZES.items():
        page.set_viewport_size(size)
        page.goto(path)
        _take(page, name + suffix)
    page.set_viewport_size(WINDOW)


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    sys.exit(main())
