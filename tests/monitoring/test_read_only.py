"""When nothing may be written: as set, and from a copy of a database, until a person accepts it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.base.db import Sessions
from pipeline.base.errors import WritesStopped
from pipeline.monitoring.read_only import Changed, Writes, belonging
from pipeline.monitoring.tables import Belonging
from pipeline.orders.ledger import Ledger
from pipeline.orders.ledger_write import Write
from pipeline.orders.order_ledger import OrderLedger
from pipeline.orders.outcome import WRITES_STOPPED, HoldCode
from pipeline.orders.tables import Effect, Status
from pipeline.settings.model import Settings
from tests.builders import ACCOUNT, NOW, SHOP, an_order, loaded, settings, signed, stored
from tests.orders.test_ledger import Remote

LIVE_SHOP = {"base_url": "https://shop.example/"}
COPY = {"base_url": "https://staging.example/"}


class Seconds:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def writes(sessions: Sessions, clock: Seconds | None = None, **parts: Any) -> Writes:
    return Writes(a_configuration(**parts), sessions, lambda: NOW, clock or Seconds())


def a_configuration(*, read_only: bool = False, **parts: Any) -> Settings:
    return settings(**{"shop": LIVE_SHOP, **parts}).model_copy(update={"read_only": read_only})


def test_a_database_that_stays_where_it_is_may_write(sessions: Sessions) -> None:
    for _ in range(2):
        ours = writes(sessions)
        assert (ours.why_not(ACCOUNT), ours.notice()) == ("", "")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"read_only": True}, "read-only: read_only is set, so that nothing is written anywhere"),
        ({"shop": {**LIVE_SHOP, "read_only": True}}, "read-only: shops.main.read_only is set"),
    ],
)
def test_nothing_is_written_where_that_is_set(
    parts: Mapping[str, Any], reason: str, sessions: Sessions
) -> None:
    ours = writes(sessions, **parts)
    assert ours.why_not(ACCOUNT) == reason
    assert ours.notice().startswith("Read-only: ")
    with pytest.raises(WritesStopped) as caught:
        ours.ask(ACCOUNT)
    assert (caught.value.code, caught.value.retry_after_s) == ("read_only", 900)


@pytest.mark.parametrize(
    ("parts", "changed"),
    [
        ({"shop": COPY}, Changed("shops.main", "shop.example", "staging.example")),
        (
            {"account": {"base_url": "https://other.example", "seller_id": "A1"}},
            Changed("accounts.eu", "amazon.example", "other.example"),
        ),
        (
            {"account": {"base_url": "https://amazon.example", "seller_id": "A2"}},
            Changed("accounts.eu.seller_id", "A1", "A2"),
        ),
    ],
)
def test_a_copy_of_a_database_writes_nothing_until_it_is_accepted(
    parts: Mapping[str, Any], changed: Changed, sessions: Sessions
) -> None:
    account = {"base_url": "https://amazon.example", "seller_id": "A1"}
    assert writes(sessions, account=account).changed() == ()

    copy = writes(sessions, **{"account": account, **parts})
    assert copy.changed() == (changed,)
    assert "belongs to another shop or seller" in copy.why_not(ACCOUNT)
    assert f"{changed.name} was {changed.before} and is {changed.now}" in copy.notice()

    assert copy.accept(signed(at=NOW)) == (changed,)
    assert (copy.changed(), copy.why_not(ACCOUNT)) == ((), "")
    with sessions() as session:
        kept = session.get_one(Belonging, changed.name)
        assert (kept.value, kept.noted_at, kept.noted_by) == (changed.now, NOW, "anna")
    # What it came from is now the other one.
    assert [remote.name for remote in writes(sessions, account=account).changed()] == [changed.name]


def test_other_processes_notice_within_seconds(sessions: Sessions) -> None:
    writes(sessions).changed()
    clock = Seconds()
    one, other = writes(sessions, clock, shop=COPY), writes(sessions, clock, shop=COPY)
    assert one.why_not(ACCOUNT) != ""
    other.accept(signed(at=NOW))
    clock.at = 4.9
    assert one.why_not(ACCOUNT) != ""
    clock.at = 5.0
    assert one.why_not(ACCOUNT) == ""


def test_what_is_new_belongs_to_it_and_what_was_not_given_is_not_compared(
    sessions: Sessions,
) -> None:
    assert writes(sessions).changed() == ()
    assert writes(sessions, account={"seller_id": "A1"}).changed() == ()
    assert writes(sessions).changed() == ()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api:hidden@Shop.example/", "shop.example"),
        ("https://shop.example:8080/fr", "shop.example:8080/fr"),
        ("http://127.0.0.1:20123", "127.0.0.1"),
        ("http://localhost:20124", "localhost"),
    ],
)
def test_where_something_is_counts_and_not_how_one_signs_in(url: str, address: str) -> None:
    remotes = belonging(settings(shop={"base_url": url}))
    assert remotes == {f"shops.{SHOP}": address, f"accounts.{ACCOUNT}": "127.0.0.1"}


def test_orders_that_waited_for_it_are_looked_at_once_it_is_accepted(sessions: Sessions) -> None:
    writes(sessions).changed()
    copy = writes(sessions, shop=COPY)
    later = NOW + timedelta(minutes=15)
    parked: dict[str, Any] = {"status": Status.WAITING, "due_at": later}
    ours = stored(sessions, an_order(hold_facts=dict(WRITES_STOPPED), **parked))
    another = stored(sessions, an_order(last_note=copy.why_not(ACCOUNT), **parked))
    copy.accept(signed(at=NOW))
    assert loaded(sessions, ours).due_at == NOW
    assert loaded(sessions, another).due_at == later


def written_by(ledger: OrderLedger, remote: Remote) -> Write[str]:
    """The remote's write, as a step makes it."""
    trace = ledger.trace("order", kind="order", find=remote.find)
    return trace.write(remote.send, HoldCode.ORDER_REFUSED)


def test_the_ledger_intends_nothing_that_may_not_be_written(sessions: Sessions) -> None:
    order, remote = loaded(sessions, stored(sessions, an_order())), Remote()
    asked: list[str] = []

    def refuse(account: str, _: str | None) -> None:
        asked.append(account)
        raise WritesStopped("read-only")

    ledger = OrderLedger(Ledger(sessions, lambda: NOW, refuse), order, SHOP, timedelta())
    with pytest.raises(WritesStopped):
        ledger.once(written_by(ledger, remote))
    assert (asked, remote.traffic) == ([ACCOUNT], (0, 0, 0))
    with sessions() as session:
        assert session.scalars(select(Effect)).all() == []


def test_what_has_been_written_is_still_known_and_what_may_have_been_is_looked_for(
    sessions: Sessions,
) -> None:
    order, remote = loaded(sessions, stored(sessions, an_order())), Remote()
    before = OrderLedger(Ledger(sessions, lambda: NOW), order, SHOP, timedelta())
    before.once(written_by(before, remote))

    def refuse(account: str, _: str | None) -> None:
        raise WritesStopped(f"nothing for {account}")

    an_hour_later = Ledger(sessions, lambda: NOW + timedelta(hours=1), refuse)
    later = OrderLedger(an_hour_later, order, SHOP, timedelta())
    assert later.once(written_by(later, remote)).remote_id == "id-1"
    with sessions() as session, session.begin():
        session.scalars(select(Effect)).one().state = "intended"
    assert later.once(written_by(later, remote)).remote_id == "id-1"
    assert remote.traffic == (1, 1, 1)

    with sessions() as session, session.begin():
        row = session.scalars(select(Effect)).one()
        row.state = "refused"
    remote.made.clear()
    with pytest.raises(WritesStopped):
        later.once(written_by(later, remote))
    assert remote.traffic == (2, 1, 0)
