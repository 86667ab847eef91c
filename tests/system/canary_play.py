"""Buyers whose data is marked, and everything that may happen to their orders."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from sandbox.amazon.builders import a_cancellation_request
from tests.builders import GERMANY
from tests.console.forms import form_token
from tests.system.canary_invoices import BY_FOLDER, BY_URL
from tests.system.canary_marks import mail, mark, marked, phone, quoted
from tests.system.canary_money import AT_AMAZON, MEMO, RETURNED, SETTLED, begin, decide, play_money
from tests.system.canary_money import commands as money_commands
from tests.system.canary_money import pages as money_pages
from tests.system.canary_rig import LOGIN, METRICS_TOKEN, CanaryRig
from tests.system.rig import FRANCE

PATHS: Mapping[str, str] = {
    "a": "success",
    "b": "order refused, plain",
    "c": "order refused, JSON parameters",
    "d": "order refused, HTML",
    "e": "order refused, URL-encoded",
    "f": "order refused, unicode escapes",
    "g": "order refused, entities",
    "h": "HTML error pages",
    "i": "invoice refused",
    "j": "address unusable, corrected; a note",
    "k": "worker killed",
    "l": "cancelled: refund and credit memos",
    "m": "customer refused; search refused",
    "n": "the buyer wants to cancel",
    "o": "cancellation refused in a feed report",
    "p": "exception with the data in it",
    "q": "confirmation refused",
    "r": "report unreadable",
    "s": "shipment and comment refused; carrier title",
    "t": "reads refused; words for a tracking number",
    RETURNED: "a return with a comment; reports of returns that fail with words",
    MEMO: "a credit memo with a comment, refused at Amazon; a return",
    SETTLED: "settlements",
    BY_FOLDER: "an invoice out of a folder, refused",
    BY_URL: "an invoice from a URL, refused",
    AT_AMAZON: "a refund made at Amazon, whose credit memo is refused",
}
FORMS = {"b": "plain", "c": "parameters", "d": "html", "e": "url", "f": "unicode", "g": "entities"}
TITLED = frozenset("ahiknqs")
"""The paths of packages whose carrier's title a clerk typed."""
STREETLESS, RAISING, UNREADABLE = "j", "p", "r"
OTHER_WISHES = frozenset({MEMO, AT_AMAZON})
"""The paths whose refusals of money have a mark of their own."""
NOTED = frozenset({STREETLESS, MEMO})
PACKED = "b"
"""In the shop, and not shipped: its packing slip is printed."""


def number_of(code: str) -> str:
    return f"305-{ord(code):07}-0000001"


def play(made: CanaryRig) -> None:
    """All paths at once, on one stack."""
    rig, remotes = made.rig, made.remotes
    made.command("webhooks", "add", "receiver", made.hook)
    begin(made)
    _refusals(made)
    for code in PATHS:
        order = marked(number_of(code), code, GERMANY if code == BY_URL else FRANCE)
        if code == RETURNED:
            order["fulfillment"] |= {"fulfilledBy": "AMAZON", "fulfillmentStatus": "SHIPPED"}
        if code == STREETLESS:
            for line in ("addressLine1", "addressLine2"):
                del order["recipient"]["deliveryAddress"][line]
        remotes.place(order)
        if code == UNREADABLE:
            remotes.tell_as(number_of(code), {**order, "createdTime": mark("note", code)})
    rig.until(lambda: _held(made, STREETLESS) == "address_unusable", "the address")
    given = "".join(f"{mark(kind, 'j')}\n" for kind in ("street", "lines"))
    made.command("orders", "address", number_of("j"), "--line1", "--line2", given=given)
    made.command("orders", "note", number_of("j"), given=f"{mark('note', 'j')} {phone('j')}\n")
    placed = len(PATHS) - len((RAISING, UNREADABLE, RETURNED))
    rig.until(lambda: rig.standing("ship_order", "waiting") == placed, "all orders in the shop")
    rig.until(lambda: _held(made, RAISING) == "program_error", "the exception")
    set_aside = f"unreadable:main:{number_of(UNREADABLE)}"
    incident = "SELECT 1 FROM incidents WHERE key = %s"
    rig.until(lambda: bool(rig.rows(incident, set_aside)), "the report that is set aside")
    _after_placing(made)
    play_money(made, number_of)
    decide(made, number_of)
    _visit(made)


def _held(made: CanaryRig, code: str) -> str:
    query = "SELECT hold_code FROM orders WHERE external_id = %s AND status = 'held'"
    return "".join(str(row[0]) for row in made.rig.rows(query, number_of(code)))


def _refusals(made: CanaryRig) -> None:
    """What goes wrong on the way into the shop."""
    fail = made.remotes.fail
    for code, form in FORMS.items():
        contains = number_of(code)
        fail(
            "magento", route="create_order", kind="quote", status=400, body=quoted(code),
            form=form, contains=contains,
        )  # fmt: skip
        refusal = {"kind": "quote", "status": 400, "body": quoted(code), "form": form}
        fail("magento", route="create_customer", contains=f"q{code}q@", **refusal)
    for kind, status in (("html", 502), ("html", 400), ("html_after", 504)):
        fail(
            "magento", route="create_order", kind=kind, status=status, body=quoted("h"),
            contains=number_of("h"),
        )  # fmt: skip
    for status in (400, 500):
        fail("magento", route="invoice", kind="quote", status=status, body=quoted("i"))
        fail(
            "magento", route="create_customer", kind="quote", status=status, body=quoted("m"),
            contains="qmq@",
        )  # fmt: skip
    # A search has the address in its own address.
    fail(
        "magento", route="customers_search", kind="quote", status=400, body=quoted("m"),
        contains="qmq",
    )  # fmt: skip
    fail("magento", route="customers_search", kind="html", status=500, body=quoted("m"))
    for route in ("products", "storeconfigs", "orders", "shipments", "invoices"):
        for form, status in (("plain", 400), ("html", 500)):
            fail(
                "magento", route=route, kind="quote", status=status, body=quoted("t"), form=form
            )  # fmt: skip
    for route in ("search_orders", "get_order"):
        fail("amazon", route=route, kind="quote", status=400, body=quoted("t"))


def _after_placing(made: CanaryRig) -> None:
    """Shipping, confirming and cancelling, refused in every place that quotes."""
    rig, remotes = made.rig, made.remotes
    for route in ("order_comment", "refund", "cancel_order", "creditmemos"):
        for status in (400, 500):
            remotes.fail(
                "magento", route=route, kind="quote", status=status, body=quoted("l")
            )  # fmt: skip
    for form in ("plain", "html"):
        remotes.fail(
            "amazon", route="confirm_shipment", kind="quote", status=400, body=quoted("q"),
            form=form, contains=number_of("q"),
        )  # fmt: skip
    order = remotes.amazon(number_of("n"))
    remotes.change(number_of("n"), a_cancellation_request(order, reason=mark("wish", "n")))
    remotes.move(number_of("l"), "CANCELLED")
    remotes.refuse_in_feed(number_of("o"), quoted("o"))
    made.command("orders", "cancel", number_of("o"), "--reason", "NoInventory")
    title = ("--carrier", "custom", "--title", mark("wish", "s"))
    made.command("orders", "ship", number_of("s"), *title, "--tracking", "1Zs")
    remotes.fail("magento", route="ship", kind="quote", status=400, body=quoted("s"))
    made.job("run_feeds", "main")
    for code in TITLED:
        if code != "s":
            remotes.ship(number_of(code), f"1Z{code}", title=mark("wish", code))
    remotes.ship(number_of("t"), f"for {mark('note', 't')}, room 7")
    rig.until(lambda: _state(made, "l") == "cancelled", "the refund")
    rig.until(lambda: _held(made, "n") == "buyer_wants_to_cancel", "the buyer's wish")
    done = "SELECT count(*) FROM orders WHERE status = 'done'"
    rig.until(lambda: rig.rows(done) >= [(6,)], "the confirmations")
    _have_the_feed_read(made)
    made.job("reconcile")
    made.job("check_accounts")
    made.job("alert")
    rig.until(lambda: bool(made.hooks and made.box.mails), "an alert")


def _have_the_feed_read(made: CanaryRig) -> None:
    """Let Amazon's time pass, and look again at once where a job would wait half a minute."""
    refused = "SELECT 1 FROM orders WHERE external_id = %s AND cancel_refusal IS NOT NULL"

    def is_refused() -> bool:
        made.pass_time()
        with made.rig.database() as connection:
            connection.execute("UPDATE feeds SET due_at = now() WHERE state = 'submitted'")
        made.job("run_feeds", "main")
        return bool(made.rig.rows(refused, number_of("o")))

    made.rig.until(is_refused, "the feed's report")


def _state(made: CanaryRig, code: str) -> str:
    rows = made.rig.rows("SELECT status FROM orders WHERE external_id = %s", number_of(code))
    return str(rows[0][0]) if rows else ""


def _visit(made: CanaryRig) -> None:
    """Every page, as a viewer and as an operator before asking, and every command that reads."""
    ids = [row[0] for row in made.rig.rows("SELECT id FROM orders ORDER BY id")]
    commands: Sequence[Sequence[str]] = (
        *(("orders", "show", number_of(code)) for code in "bjlmopqs"),
        ("orders", "show", number_of("b"), "--json"),
        *(("orders", "explain", number_of(code)) for code in "jnp"),
        ("orders", "replay", number_of("a"), "--from", "create_order", "--dry-run"),
        ("orders", "list", "--all", "--json"),
        ("health", "--json"),
        ("doctor",),
        ("accounts",),
        ("audit", "list"),
        ("settings", "check"),
        *money_commands(number_of),
    )
    file = made.outside / "order.json"
    file.write_text(json.dumps(made.remotes.amazon(number_of("a"))))
    for words in commands:
        made.command(*words)
    made.command("simulate", str(file))
    with ThreadPoolExecutor(2) as pool:  # the console saves two files at once
        roles = ("viewer", "operator", "admin")
        for browsed in [pool.submit(_browse, made, role, ids) for role in roles]:
            browsed.result()
    _tools(made)


def _browse(made: CanaryRig, role: str, ids: Sequence[int]) -> None:
    web = made.browser(role)
    pages = [
        *(
            "/",
            "/orders",
            "/orders?all=1&sort=-updated",
            "/orders?status=held",
            "/held",
            "/ship-by",
            "/health",
            "/bulk",
        ),
        *("/sku-map", "/settings", "/people", "/security-log", "/account", "/no/such/page"),
        *(f"/orders/{order_id}" for order_id in ids),
        *(f"/orders/{order_id}?fragment=1" for order_id in ids[:3]),
        *money_pages(made),
    ]
    for path in pages:
        answer = web.get(f"{made.console}{path}", timeout=30)
        made.says("pages", answer.content + str(answer.headers).encode())
    made.says("CSV", web.get(f"{made.console}/orders.csv?all=1", timeout=30).content)
    if role == "operator":
        _ask(made, web, ids[0], _id_of(made, PACKED))


def _id_of(made: CanaryRig, code: str) -> int:
    ((order_id,),) = made.rig.rows("SELECT id FROM orders WHERE external_id = %s", number_of(code))
    return int(order_id)


def _ask(made: CanaryRig, web: requests.Session, order_id: int, packed: int) -> None:
    """An operator who asks sees the buyer; nothing else may keep it."""
    token = form_token(web.get(f"{made.console}/account", timeout=30).text)
    sought = {**token, "buyer": mark("name", "a")}
    said = web.post(f"{made.console}/buyer", data=sought, timeout=30)
    assert not re.search(mark("name", "a"), said.url)
    for path, form, code in (
        (f"/orders/{order_id}/buyer", {}, "a"),
        ("/buyers", {}, "a"),
        ("/orders.csv?all=1", {"why": "accounting"}, "a"),
        (f"/print/slips?order={packed}", {"why": "shipping"}, PACKED),
    ):
        answer = web.post(f"{made.console}{path}", data={**token, **form}, timeout=30)
        assert answer.status_code == 200
        assert mark("name", code) in answer.text or mail(code) in answer.text


def _tools(made: CanaryRig) -> None:
    bearer = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    metrics = requests.get(f"{made.console}/metrics", headers=bearer, timeout=30)
    assert metrics.status_code == 200
    made.says("metrics", metrics.content)
    token = made.command("tokens", "add", "warehouse", "--role", "operator").strip()
    for path in ("orders?limit=100", *(f"orders/{_id_of(made, code)}/timeline" for code in "bvz")):
        bearer = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{made.console}/api/v1/{path}", headers=bearer, timeout=30)
        assert answer.status_code == 200
        made.says("API", answer.content)
    for path in ("api/tasks?limit=10000", "api/workers", "api/queues/length", "tasks", "metrics"):
        answer = requests.get(f"{made.flower}/{path}", auth=LOGIN, timeout=30)
        made.says("Flower", answer.content)
