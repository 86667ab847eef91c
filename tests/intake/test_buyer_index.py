"""An order is found by its buyer's words, and nothing that is stored tells them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pipeline.amazon.client import Amazon
from pipeline.base.db import Sessions
from pipeline.base.security_log import Action
from pipeline.base.vault import Vault
from pipeline.clients import parse_report
from pipeline.intake.buyer_index import Buyers, hashes_of, initials
from pipeline.intake.store import Intake
from pipeline.orders.tables import Note, Order, OrderPrivate
from tests.builders import ACCOUNT, NOW, a_raw_order, a_vault, settings, signed

NAME = "Zoë Ní-Mhurchú"
PERSON: dict[str, Any] = {
    "buyer": {"buyerName": NAME, "buyerEmail": "Zoe@Marketplace.example"},
    "recipient": {"deliveryAddress": {"name": "Pat Doe", "companyName": "Doe & Söhne GmbH"}},
}


def taken_in(sessions: Sessions, raw: dict[str, Any], vault: Vault | None = None) -> int:
    given = settings()
    account = given.accounts[ACCOUNT]
    channel = Amazon(ACCOUNT, account, now=lambda: NOW)
    Intake(sessions, vault or a_vault(), given.timing).store(ACCOUNT, account, channel, [raw], NOW)
    with sessions() as session:
        return session.scalars(select(Order.id).where(Order.external_id == raw["orderId"])).one()


def private(sessions: Sessions, order_id: int) -> OrderPrivate:
    with sessions() as session:
        return session.get_one(OrderPrivate, order_id)


@pytest.mark.parametrize(
    "sought",
    [
        *("Zoë", "zoe", "ZOË ní", "Mhurchu Zoe", "Ni-Mhurchú", "pat doe", "söhne", "Sohne DOE"),
        *("zoe@marketplace.example", "ZOE@marketplace.example doe"),
        *("Zoë <zoe@marketplace.example>,", "\ufeffzoe@marketplace.example;"),
    ],
)
def test_an_order_is_found_by_words_of_its_buyer_recipient_company_and_mail(
    sessions: Sessions, sought: str
) -> None:
    kept = private(sessions, taken_in(sessions, {**a_raw_order(), **PERSON}))
    hashes = hashes_of(a_vault(), sought)
    assert hashes
    assert set(hashes) <= set(kept.buyer_words)


def test_an_order_is_found_by_its_mail_however_long_the_names_are(sessions: Sessions) -> None:
    long = {"buyerName": " ".join(f"name{number}" for number in range(60))}
    buyer = {**PERSON["buyer"], **long}
    kept = private(sessions, taken_in(sessions, {**a_raw_order(), **PERSON, "buyer": buyer}))
    assert set(hashes_of(a_vault(), "zoe@marketplace.example")) <= set(kept.buyer_words)


@pytest.mark.parametrize("sought", ["Zo", "Mhurch", "zoe@", "marketplace", "Anna", "zoe@market"])
def test_it_is_not_found_by_a_part_of_a_word(sessions: Sessions, sought: str) -> None:
    kept = private(sessions, taken_in(sessions, {**a_raw_order(), **PERSON}))
    assert not set(hashes_of(a_vault(), sought)) & set(kept.buyer_words)


def test_the_hashes_tell_no_word_and_need_the_master_key(sessions: Sessions) -> None:
    kept = private(sessions, taken_in(sessions, {**a_raw_order(), **PERSON}))
    assert kept.buyer_initials == "Z. N."
    assert all(len(word) == 16 and int(word, 16) >= 0 for word in kept.buyer_words)
    other = hashes_of(Vault(bytes(32)), NAME)
    assert not set(other) & set(kept.buyer_words)
    assert a_vault().pseudonym("zoe@marketplace.example")[:16] not in kept.buyer_words


def test_what_amazon_tells_later_counts_and_what_it_withholds_is_gone(sessions: Sessions) -> None:
    raw = a_raw_order(status="PENDING")
    nobody = {**raw, "buyer": {}, "recipient": {}}
    order_id = taken_in(sessions, nobody)
    assert (
        private(sessions, order_id).buyer_words,
        private(sessions, order_id).buyer_initials,
    ) == (
        [],
        "",
    )
    later = {**a_raw_order(raw["orderId"]), **PERSON, "lastUpdatedTime": "2026-11-23T00:00:00Z"}
    assert taken_in(sessions, later) == order_id
    assert private(sessions, order_id).buyer_initials == "Z. N."
    last = {**later, "buyer": {}, "recipient": {}, "lastUpdatedTime": "2026-11-24T00:00:00Z"}
    taken_in(sessions, last)
    assert private(sessions, order_id).buyer_words == []


def test_names_are_told_and_that_is_noted(sessions: Sessions) -> None:
    named = taken_in(sessions, {**a_raw_order(), **PERSON})
    purged = taken_in(sessions, {**a_raw_order(), **PERSON})
    lost = taken_in(sessions, {**a_raw_order(), **PERSON}, Vault(bytes(32)))
    with sessions() as session, session.begin():
        gone = session.get_one(OrderPrivate, purged)
        gone.wrapped_key = gone.sealed = None
    names = Buyers(sessions, a_vault(), parse_report).tell(
        [named, purged, lost, 999], Action.NAMES_SHOWN, signed("otto")
    )
    assert names == {named: NAME}
    with sessions() as session:
        notes = session.scalars(select(Note)).all()
    assert [(note.order_id, note.author, note.text, note.at) for note in notes] == [
        (named, "otto", "viewed the buyer's name", NOW)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Erika Mustermann", "E. M."),
        ("erika", "E."),
        ("Jean-Luc de la Tour", "J. T."),
        ("  ", ""),
        ("李 明", "李. 明."),
        ("4711 (Pforte)", ""),
    ],
)
def test_initials_are_of_the_first_and_the_last_word(name: str, expected: str) -> None:
    assert initials(name) == expected
