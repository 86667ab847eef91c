"""What the stand-in's Finances answer fits Amazon's model, with its headers and its plan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.amazon.finance_query import FILTERS, STATUSES
from sandbox.amazon.quota import USAGE_PLAN
from tests.contract.amazon_models import Exchange, answer_faults, model
from tests.sandbox.conftest import Caller, running_amazon
from tests.sandbox.test_amazon_finances import LONG_AGO, ORDER, ask, of_order
from tests.sandbox.test_amazon_refunds import a_refund, an_item, component, place, send

PATH = "/finances/2024-06-19/transactions"
OPERATION = model("finances_2024-06-19.json")["paths"][PATH]["get"]


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[Caller]:
    """A stand-in with a sale, a refund, money of no order, and a deferral that ended."""
    with running_amazon(tmp_path / "amazon.sqlite") as caller:
        caller.control("POST", "finances", {"defer": "DD7", "new_fee": "0.10"})
        line = {"tax": "14.36", "shipping_tax": "0.80", "discount": "5.00", "gift_wrap": "3.00"}
        place(caller, line=line, facilitated=True)
        place(caller, "302-5550001-5550002", fulfilled_by="AMAZON")
        item = an_item(component("Principal", "20.00"), component("Goodwill", "2.00"))
        send(caller, a_refund(item))
        assert len(of_order(caller)) == 2
        caller.control("POST", "finances/release", {"order_id": ORDER})
        caller.control("POST", "finances/transactions", {"amount": "-39.00"})
        caller.control("POST", "settlements", {})
        yield caller


def faults(answer: requests.Response) -> list[str]:
    body: Any = answer.json()
    exchange = Exchange("GET", PATH, {}, {}, None, answer.status_code, body)
    sent = {name for name in answer.headers if name.startswith("x-amzn-")}
    known = set(OPERATION["responses"][str(answer.status_code)]["headers"])
    return [*answer_faults(exchange), *(f"header {name}" for name in sent ^ known)]


def test_transactions_fit(amazon: Caller) -> None:
    amazon.control("POST", "clock", {"offset_s": 600})
    amazon.control("POST", "finances", {"page_size": 3, "empty_pages": 1})
    query, kinds = {"postedAfter": LONG_AGO}, []
    while True:
        answer = ask(amazon, **query)
        assert faults(answer) == []
        payload = answer.json()["payload"]
        kinds += [one["transactionType"] for one in payload["transactions"]]
        if "nextToken" not in payload:
            break
        query["nextToken"] = payload["nextToken"]
    assert sorted(kinds) == ["Refund", "ServiceFee", "Shipment", "Shipment", "Shipment"]


def test_a_fault_would_be_seen(amazon: Caller) -> None:
    amazon.control("POST", "finances", {"nulls": True})
    answer = ask(amazon, relatedIdentifierName="ORDER_ID", relatedIdentifierValue=ORDER)
    # Not in the model, and answered all the same.
    assert any("None is not of type 'array'" in fault for fault in faults(answer))


def test_errors_fit(amazon: Caller) -> None:
    answers = [ask(amazon)]
    amazon.control("POST", "finances", {"is_forbidden": True})
    answers.append(ask(amazon, postedAfter=LONG_AGO))
    while answers[-1].status_code != 429:
        answers.append(ask(amazon, postedAfter=LONG_AGO))
    assert {answer.status_code for answer in answers} == {400, 403, 429}
    assert [fault for answer in answers for fault in faults(answer)] == []


def test_the_plan_and_the_words_are_the_models() -> None:
    plan = USAGE_PLAN["listTransactions"]
    assert f"| {plan.rate:g} | {plan.burst} |" in OPERATION["description"]
    told = {parameter["name"]: parameter["description"] for parameter in OPERATION["parameters"]}
    for status in STATUSES:
        assert f"* `{status}`:" in told["transactionStatus"]
    for name in FILTERS:
        assert f"* `{name}`:" in told["relatedIdentifierName"]
