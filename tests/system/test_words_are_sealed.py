"""What a remote says may quote the buyer: it is sealed with the order, shown on request, purged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.base.security_log import Action
from pipeline.base.vault import Vault
from pipeline.cli.one_order import as_json, as_text
from pipeline.clients import parse_report
from pipeline.console.app import create_app
from pipeline.monitoring.purging import Purging
from pipeline.operations.acts.address import Corrections
from pipeline.operations.lists.explain import explain
from pipeline.operations.lists.orders import Listing
from pipeline.operations.lists.timeline import timeline
from pipeline.orders.tables import Order, Status
from pipeline.settings.roles import Role
from sandbox.amazon.builders import a_line
from tests.attack import read_back
from tests.builders import MASTER_KEY, NOW, signed
from tests.console.builders import NOW as SIGNED_IN
from tests.console.conftest import SignedIn
from tests.security_log import logged
from tests.system.matrix_stories import NUMBER, SKU, moved, placed, reduced, shipped, wished
from tests.system.matrix_world import World

MARKS = ("Quandt", "Nebelgasse", "zquandt", "0151.7654321")
PLAIN = "Zacharias Quandt, Nebelgasse, zquandt@ and 0151.7654321 are not allowed"
ESCAPED = "&lt;b&gt;Zacharias&#32;Quandt&lt;/b&gt; of Nebelgasse&amp;Co, zquandt, 0151.7654321"
ITS_LINES = (a_line(SKU, 2, tax="3.80"),)
ACCOUNTS = {"customers": "create", "welcome_mail": "accept"}
UNPAID = {"invoice": "leave"}
MAGENTO: dict[str, Any] = {"message": PLAIN}
AMAZON: dict[str, Any] = {"errors": [{"code": "InvalidInput", "message": PLAIN, "details": PLAIN}]}
Act = Callable[[World], None]
PLACED = placed(*ITS_LINES)
BECOMES_LESS = reduced(a_line(SKU, 1, tax="1.90"))


@dataclass(frozen=True, slots=True)
class Path:
    """A call that a remote answers with words, the acts that lead to it, and the settings."""

    route: str
    acts: tuple[Act, ...] = (PLACED,)
    settings: dict[str, Any] | None = None
    status: int = 400
    body: dict[str, Any] | None = None
    about: str = ""


PATHS = {
    "customer search": Path("customers_search", settings=ACCOUNTS, about="step create_customer"),
    "customer": Path("create_customer", settings=ACCOUNTS, about="customer (write"),
    "order, plain": Path("create_order", about="order (write"),
    "order, escaped": Path("create_order", body={"message": ESCAPED}),
    "order, in a parameter": Path(
        "create_order", body={"message": "We can't save the address:\n%1", "parameters": [PLAIN]}
    ),
    "order, among several faults": Path(
        "create_order", body={"message": "Validation Failed", "errors": [{"message": PLAIN}]}
    ),
    "order, as an error of the shop's": Path("create_order", status=500),
    "sign-in": Path("create_order", status=401),
    "invoice": Path("invoice", about="invoice (write"),
    "comment": Path(
        "order_comment", (PLACED, shipped), {"order_comments": True}, about="comment (write"
    ),
    "read of the order": Path("order", (PLACED, moved("CANCELLED")), about="step "),
    "cancellation": Path("cancel_order", (PLACED, moved("CANCELLED")), UNPAID),
    "credit memo": Path("refund", (PLACED, moved("CANCELLED"))),
    "part cancelled": Path("refund", (PLACED, BECOMES_LESS)),
    "shipment": Path("ship", (PLACED, wished), about="shipment (write"),
    "confirmation": Path(
        "confirm_shipment", (PLACED, shipped), body=AMAZON, about="shipment confirmation (write"
    ),
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_remotes_words_are_nowhere_in_clear(
    world: World, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = refused(world, path)
    sessions, vault = world.sessions, Vault(MASTER_KEY)
    shown_to_all = "\n".join(
        (
            in_clear(world),
            capsys.readouterr().err,
            pages(world, order),
            *as_text(order, timeline(sessions, order), world.settings),
            str(as_json(order, timeline(sessions, order), world.settings)),
            str(asdict(explain(sessions, world.settings, order))),
        )
    )
    assert [mark for mark in MARKS if mark in shown_to_all] == []

    by_otto = signed("otto", world.clock())
    disclosed = Corrections(sessions, vault, parse_report, by_otto).disclose(order.id)
    said = "\n".join(each.words for each in disclosed.words)
    assert [mark for mark in MARKS if mark not in said] == []
    assert any(each.about.startswith(path.about) for each in disclosed.words)
    assert [row[:2] for row in logged(sessions, Action.DISCLOSED)] == [
        ("otto", "personal data shown")
    ]
    purged(world, order)
    assert [mark for mark in MARKS if mark in read_back(sessions, vault)] == []
    assert rows(world, "order_words") == []


def test_a_page_of_html_is_not_kept_at_all(world: World) -> None:
    world.begin(NUMBER)
    world.tell("magento", "faults", route="create_order", kind="html", status=502)
    PLACED(world)
    world.work()
    assert rows(world, "order_words") == []


def test_an_order_that_is_purged_keeps_no_words(world: World) -> None:
    world.begin(NUMBER)
    PLACED(world)
    world.work()
    shipped(world)
    order = world.order()
    Purging(world.sessions, world.clock() + timedelta(days=500), 30).run()
    assert world.order().purged_at is not None
    world.tell("amazon", "faults", route="confirm_shipment", kind="status", status=400, body=AMAZON)
    world.work()
    assert world.order().hold_code == "confirmation_refused"
    assert rows(world, "order_words") == []
    seen = in_clear(world) + pages(world, order)
    assert [mark for mark in MARKS if mark in seen] == []


def refused(world: World, path: Path) -> Order:
    """The order once the remote has refused the call with words."""
    world.begin(NUMBER, **(path.settings or {}))
    remote = "amazon" if path.body is AMAZON else "magento"
    for number, act in enumerate(path.acts, start=1):
        if number == len(path.acts):
            world.tell(
                remote,
                "faults",
                **{"route": path.route, "kind": "status", "status": path.status},
                body=path.body or MAGENTO,
            )
        act(world)
        world.work()
    order = Listing(world.sessions).order(world.order().id)
    assert order is not None
    return order


def rows(world: World, table: str) -> list[str]:
    """A table's rows as text."""
    with world.sessions() as session:
        return list(session.scalars(text(f"SELECT t::text FROM {table} t")))  # noqa: S608


def in_clear(world: World) -> str:
    """Every row of every table, without what any key opens."""
    return read_back(world.sessions, Vault(bytes(32)))


def pages(world: World, order: Order) -> str:
    """What a viewer reads of it."""
    app = create_app(world.settings, world.sessions, lambda: SIGNED_IN)
    viewer = SignedIn(app, world.sessions, "vera", Role.VIEWER)
    paths = (
        f"/orders/{order.id}",
        "/orders?everything=1",
        "/held",
        "/health",
        "/orders.csv?everything=1",
    )
    answers = [viewer.get(path) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    return "\n".join(answer.text for answer in answers)


def purged(world: World, order: Order) -> None:
    with world.sessions() as session, session.begin():
        row = session.get_one(Order, order.id)
        row.status, row.due_at, row.created_at = Status.DONE, None, NOW - timedelta(days=90)
    Purging(world.sessions, world.clock() + timedelta(days=500), 30).run()
    assert world.order().purged_at is not None
