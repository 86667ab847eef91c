"""Without a seller_id no cancellation reaches Amazon: who is told so, and when."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.base.db import Sessions
from pipeline.monitoring.doctor import examine_feeds
from pipeline.monitoring.doctor_checks import Verdict
from pipeline.operations.acts.one_order import Decisions, NotPossible
from pipeline.settings.overrides import NotChangeable, wanted
from tests.builders import ACCOUNT, NOW, a_vault, an_order, loaded, settings

SELLER = {"seller_id": "A1SELLER"}
SENTENCE = (
    "a cancellation goes to Amazon in a feed, which needs accounts.eu.seller_id (in Seller "
    "Central: Account Info, Merchant Token)"
)


@pytest.mark.parametrize(
    ("account", "place"),
    [
        ({"settings": {"cancel_to_amazon": "send"}}, "accounts.eu.settings.cancel_to_amazon"),
        (
            {"marketplaces": {"DE": {"cancel_to_amazon": "send"}}},
            "accounts.eu.marketplaces.A1PA6795UKMFR9.cancel_to_amazon",
        ),
    ],
)
def test_sending_what_cannot_be_sent_is_a_mistake_in_the_configuration(
    account: dict[str, object], place: str
) -> None:
    with pytest.raises(ValidationError) as wrong:
        settings(account=account)
    assert f'{place} = "send": {SENTENCE}' in str(wrong.value)
    assert settings(account={**account, **SELLER}).accounts[ACCOUNT].may_cancel


def test_the_default_is_no_mistake_and_doctor_tells_of_it() -> None:
    finding = examine_feeds(ACCOUNT, settings().accounts[ACCOUNT])
    assert (finding.about, finding.verdict) == ("account eu", Verdict.WARNING)
    assert "no cancellation reaches Amazon" in finding.sentence
    assert "accounts.eu.seller_id" in finding.remedy
    with_it = examine_feeds(ACCOUNT, settings(account=SELLER).accounts[ACCOUNT])
    never = settings(account={"settings": {"cancel_to_amazon": "never"}}).accounts[ACCOUNT]
    assert (with_it.verdict, examine_feeds(ACCOUNT, never).verdict) == (Verdict.OK, Verdict.OK)


def test_nor_can_it_be_turned_on() -> None:
    never = {"settings": {"cancel_to_amazon": "never"}}
    with pytest.raises(NotChangeable, match=r"accounts\.eu\.seller_id"):
        wanted(settings(account=never), ACCOUNT, None, "cancel_to_amazon", "send")
    turn = wanted(settings(account={**never, **SELLER}), ACCOUNT, None, "cancel_to_amazon", "send")
    assert turn.value == "send"


def test_a_person_hears_of_it_before_anything_is_promised(sessions: Sessions) -> None:
    with sessions() as session, session.begin():
        session.add(order := an_order(remote_status="UNSHIPPED"))
        session.flush()
        order_id = order.id
    accounts = settings().accounts
    with pytest.raises(NotPossible) as told:
        Decisions(sessions, a_vault(), "anna", NOW, accounts).cancel(order_id, "NoInventory")
    assert str(told.value) == f"{SENTENCE}, or cancel it there"
    assert loaded(sessions, order_id).cancellation is None
    accounts = settings(account=SELLER).accounts
    Decisions(sessions, a_vault(), "anna", NOW, accounts).cancel(order_id, "NoInventory")
    assert loaded(sessions, order_id).cancellation == "asked"
