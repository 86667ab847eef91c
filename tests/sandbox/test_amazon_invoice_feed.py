"""The stand-in's invoice feed: what it takes, its codes, its report in plain text."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_line, an_order
from tests.sandbox.conftest import NOW, Caller, refusal
from tests.sandbox.test_amazon_feeds import GERMANY, ORDER, OTHER, api, wait

PDF = b"%PDF-1.4 an invoice\xff"
OPTIONS = {"metadata:orderid": ORDER, "metadata:invoicenumber": "100000231"}


def place(amazon: Caller, status: str = "SHIPPED", order_id: str = ORDER) -> None:
    order = an_order(order_id, status=status, lines=[a_line("A", 2, unit="9.99")], created_at=NOW)
    amazon.place(order)


def create(
    amazon: Caller,
    options: dict[str, Any],
    *,
    content: bytes = PDF,
    content_type: str = "application/pdf",
    marketplaces: tuple[str, ...] = (GERMANY,),
) -> requests.Response:
    place = api(amazon, "POST", "documents", json={"contentType": content_type}).json()
    headers = {"content-type": content_type}
    put = requests.put(place["url"], data=content, headers=headers, timeout=10)
    assert put.status_code == 200
    body = {
        "feedType": "UPLOAD_VAT_INVOICE",
        "marketplaceIds": marketplaces,
        "inputFeedDocumentId": place["feedDocumentId"],
        "feedOptions": options,
    }
    return api(amazon, "POST", "feeds", json=body)


def upload(amazon: Caller, options: dict[str, Any] = OPTIONS, **more: Any) -> str:
    """The text of the report of one invoice."""
    answer = create(amazon, options, **more)
    assert answer.status_code == 202, answer.text
    wait(amazon, 90)
    feed = api(amazon, "GET", f"feeds/{answer.json()['feedId']}").json()
    assert feed["processingStatus"] == "DONE"
    url = api(amazon, "GET", f"documents/{feed['resultFeedDocumentId']}").json()["url"]
    wait(amazon, 0)
    return gzip.decompress(requests.get(url, timeout=10).content).decode()


def code(report: str) -> int | None:
    head, _, last = report.rstrip("\n").rpartition("\n")
    successful = "Number of records successful\t\t1" in report
    if last.startswith("original-record-number"):
        assert successful
        return None
    assert not successful
    assert head.endswith("error-message")
    return int(last.split("\t")[2])


def taken(amazon: Caller) -> list[tuple[str, int | None]]:
    invoices = amazon.control("GET", "invoices")["invoices"]
    return [(invoice["order_id"], invoice["code"]) for invoice in invoices]


def test_takes_an_invoice_and_keeps_its_digest(amazon: Caller) -> None:
    place(amazon)
    assert code(upload(amazon)) is None
    (invoice,) = amazon.control("GET", "invoices")["invoices"]
    assert (invoice["order_id"], invoice["invoice_number"]) == (ORDER, "100000231")
    assert (invoice["size"], invoice["sha256"]) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    assert (invoice["document_type"], invoice["code"]) == ("Invoice", None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({name.upper(): value for name, value in OPTIONS.items()}, None),
        ({name.removeprefix("metadata:"): value for name, value in OPTIONS.items()}, 79513),
        ({"metadata:orderid": ORDER}, 79513),
        ({**OPTIONS, "metadata:orderid": "028-0000001-9999999"}, 79517),
        ({**OPTIONS, "metadata:documenttype": "Receipt"}, 79531),
        ({**OPTIONS, "metadata:documenttype": "CreditNote"}, 79513),
        ({**OPTIONS, "metadata:documenttype": "CreditNote", "metadata:transactionid": "T"}, None),
        ({**OPTIONS, "metadata:totalamount": "19.98"}, None),
        ({**OPTIONS, "metadata:totalamount": "19.99"}, 79550),
        ({**OPTIONS, "metadata:totalamount": "much"}, 79513),
    ],
)
def test_reads_the_options(amazon: Caller, options: dict[str, str], expected: int | None) -> None:
    place(amazon)
    assert code(upload(amazon, options)) == expected


def test_refuses_what_is_no_pdf(amazon: Caller) -> None:
    place(amazon)
    assert code(upload(amazon, content=b"<html>")) == 79503
    assert code(upload(amazon, content_type="text/xml")) == 79503
    assert code(upload(amazon, content=b"")) == 79540


def test_wants_exactly_one_marketplace_of_the_list(amazon: Caller) -> None:
    place(amazon)
    assert code(upload(amazon, marketplaces=(GERMANY, "A13V1IB3VIYZZH"))) == 79523
    assert code(upload(amazon, marketplaces=("ATVPDKIKX0DER",))) == 79523


def test_only_after_dispatch_and_for_the_sellers_own(amazon: Caller) -> None:
    place(amazon, "UNSHIPPED")
    assert code(upload(amazon)) == 79517
    place(amazon)
    assert code(upload(amazon)) is None
    amazon.place(an_order(OTHER, status="SHIPPED", created_at=NOW), account="other")
    assert code(upload(amazon, {**OPTIONS, "metadata:orderid": OTHER})) == 79517


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"vcs": "generates"}, 79525),
        ({"vcs": "unavailable"}, 79509),
        ({"needs_totals": True}, 79513),
    ],
)
def test_the_accounts_rules(amazon: Caller, rules: dict[str, Any], expected: int) -> None:
    place(amazon)
    amazon.control("POST", "invoices", rules)
    assert code(upload(amazon)) == expected


@pytest.mark.parametrize(("second", "expected"), [("replaces", None), ("refused", 79560)])
def test_a_second_invoice(amazon: Caller, second: str, expected: int | None) -> None:
    place(amazon)
    amazon.control("POST", "invoices", {"second": second})
    upload(amazon)
    assert code(upload(amazon)) == expected
    assert taken(amazon) == [(ORDER, None), (ORDER, expected)]


def test_a_missing_role_refuses_the_feed(amazon: Caller) -> None:
    place(amazon)
    amazon.control("POST", "roles", {"without": ["UPLOAD_VAT_INVOICE"]})
    answer = create(amazon, OPTIONS)
    assert refusal(answer) == (403, "Unauthorized", "Access to the resource is forbidden")
    assert taken(amazon) == []


def test_options_are_strings(amazon: Caller) -> None:
    place(amazon)
    assert refusal(create(amazon, {**OPTIONS, "metadata:totalamount": 19.98}))[0] == 400
