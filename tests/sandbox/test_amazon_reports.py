"""The stand-in's reports: time, empty ones, encodings, URLs that die, pages, roles."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import Any

import pytest
import requests

from sandbox.amazon.builders import a_line, an_order
from sandbox.amazon.times import iso
from tests.sandbox.conftest import NOW, Caller, refusal

ORDER, FBA_ORDER = "302-5550001-5550001", "302-5550003-5550003"
BY_DATE = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
FBA = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
SETTLEMENT = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
GERMANY = "A1PA6795UKMFR9"


def api(amazon: Caller, method: str, path: str, **more: Any) -> requests.Response:
    url = f"{amazon.url}/reports/2021-06-30/{path}"
    return requests.request(method, url, headers=amazon.headers, timeout=10, **more)


def ask(amazon: Caller, report_type: str = BY_DATE, **more: Any) -> requests.Response:
    body = {
        "reportType": report_type,
        "marketplaceIds": [GERMANY],
        "dataStartTime": iso(NOW - timedelta(days=30)),
        "dataEndTime": iso(NOW),
        **more,
    }
    return api(amazon, "POST", "reports", json=body)


def asked(amazon: Caller, report_type: str = BY_DATE, **more: Any) -> str:
    answer = ask(amazon, report_type, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["reportId"])


def wait(amazon: Caller, seconds: float) -> None:
    amazon.control("POST", "clock", {"offset_s": seconds})


def one(amazon: Caller, report_id: str) -> Any:
    return api(amazon, "GET", f"reports/{report_id}").json()


def place(amazon: Caller) -> None:
    """Two sold orders, each with a return."""
    lines = [a_line("MUG-BLUE", 3, unit="29.99", title="Blaue Tasse für Öl")]
    earlier = NOW - timedelta(days=20)
    amazon.place(an_order(ORDER, status="SHIPPED", lines=lines, created_at=earlier))
    fba = an_order(FBA_ORDER, status="SHIPPED", fulfilled_by="AMAZON", created_at=earlier)
    amazon.place(fba)


def came_back(amazon: Caller, order_id: str = ORDER, **more: Any) -> Any:
    return amazon.control("POST", "returns", {"order_id": order_id, **more})


def download(amazon: Caller, report_id: str) -> requests.Response:
    document = api(amazon, "GET", f"documents/{one(amazon, report_id)['reportDocumentId']}").json()
    return requests.get(document["url"], timeout=10)


def table(content: bytes, charset: str = "utf-8") -> list[dict[str, str]]:
    lines = content.decode(charset).split("\r\n")
    assert lines.pop() == ""
    headings = lines[0].split("\t")
    return [dict(zip(headings, line.split("\t"), strict=True)) for line in lines[1:]]


def read(amazon: Caller, report_type: str = BY_DATE) -> list[dict[str, str]]:
    report_id = asked(amazon, report_type)
    wait(amazon, 90)
    return table(download(amazon, report_id).content)


def test_a_report_takes_its_time(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon)
    report_id = asked(amazon)
    states = []
    for seconds in (0, 29, 30, 89, 90):
        wait(amazon, seconds)
        states.append(one(amazon, report_id)["processingStatus"])
    assert states == ["IN_QUEUE", "IN_QUEUE", "IN_PROGRESS", "IN_PROGRESS", "DONE"]


def test_shows_a_return_request_as_documented(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon, quantity=2, at="2026-11-14T08:00:00Z")
    (row,) = read(amazon)
    assert len(row) == 32
    assert row["Order ID"] == ORDER
    assert row["Return request date"] == "14-Nov-2026"
    assert row["Order date"] == "02-Nov-2026"
    assert (row["Merchant SKU"], row["Return quantity"]) == ("MUG-BLUE", "2")
    assert (row["Order Amount"], row["Order quantity"]) == ("89.97", "3")
    assert (row["Return delivery date"], row["Refunded Amount"]) == ("", "0.00")


def test_shows_an_fba_unit_as_documented(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon, FBA_ORDER, at="2026-11-20T22:34:59Z")
    came_back(amazon)
    (row,) = read(amazon, FBA)
    assert len(row) == 13
    assert (row["return-date"], row["order-id"]) == ("2026-11-20T22:34:59+00:00", FBA_ORDER)
    assert row["license-plate-number"].startswith("LPN")


def test_a_return_changes_and_is_withdrawn(amazon: Caller) -> None:
    place(amazon)
    number = came_back(amazon)["number"]
    other = came_back(amazon, FBA_ORDER)["number"]
    changed = {"Return delivery date": "21-Nov-2026", "Refunded Amount": "29.99"}
    amazon.control("POST", "returns", {"number": number, "columns": changed})
    (row,) = read(amazon)
    assert (row["Return delivery date"], row["Refunded Amount"]) == ("21-Nov-2026", "29.99")
    assert row["Merchant SKU"] == "MUG-BLUE"
    left = amazon.control("DELETE", f"returns/{number}")["returns"]
    assert [each["number"] for each in left] == [other]


def test_only_the_span_and_the_marketplace_asked_for(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon, at=iso(NOW - timedelta(days=31)))
    outside = asked(amazon)
    wait(amazon, 90)
    came_back(amazon)
    elsewhere = asked(amazon, marketplaceIds=["A13V1IB3VIYZZH"])
    wait(amazon, 180)
    for report_id in (outside, elsewhere):
        report = one(amazon, report_id)
        assert (report["processingStatus"], report.get("reportDocumentId")) == ("CANCELLED", None)


@pytest.mark.parametrize(
    ("fate", "state", "has_document"),
    [
        ("FATAL", "FATAL", False),
        ("FATAL_WITH_DOCUMENT", "FATAL", True),
        ("CANCELLED", "CANCELLED", False),
        ("QUEUED", "IN_QUEUE", False),
        ("STUCK", "IN_PROGRESS", False),
    ],
)
def test_the_next_report_ends_as_told(
    amazon: Caller, fate: str, state: str, has_document: bool
) -> None:
    place(amazon)
    came_back(amazon)
    amazon.control("POST", "reports/next", {"fate": fate})
    told, other = asked(amazon), asked(amazon)
    wait(amazon, 3000)
    report = one(amazon, told)
    assert report["processingStatus"] == state
    assert ("reportDocumentId" in report) == has_document
    if has_document:
        assert b"could not be generated" in download(amazon, told).content
    assert one(amazon, other)["processingStatus"] == "DONE"


def test_a_stuck_report_gets_another_end(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon)
    amazon.control("POST", "reports/next", {"fate": "STUCK"})
    report_id = asked(amazon)
    wait(amazon, 3000)
    assert one(amazon, report_id)["processingStatus"] == "IN_PROGRESS"
    amazon.control("POST", f"reports/{report_id}", {"fate": "DONE"})
    assert one(amazon, report_id)["processingStatus"] == "DONE"


@pytest.mark.parametrize(
    ("charset", "content_type"),
    [
        ("cp1252", "text/plain;charset=Cp1252"),
        ("cp1252", "text/plain"),
        ("utf-8-sig", "text/plain"),
        ("utf-8", "text/plain;charset=UTF-8"),
    ],
)
def test_writes_the_charset_it_is_told(amazon: Caller, charset: str, content_type: str) -> None:
    place(amazon)
    came_back(amazon)
    amazon.control("POST", "reports/next", {"charset": charset, "content_type": content_type})
    report_id = asked(amazon)
    wait(amazon, 90)
    answer = download(amazon, report_id)
    assert answer.headers["content-type"] == content_type
    assert answer.content.startswith(b"\xef\xbb\xbf") == (charset == "utf-8-sig")
    assert table(answer.content, charset)[0]["Item Name"] == "Blaue Tasse für Öl"


def test_writes_japanese(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon, columns={"Item Name": "マグカップ"})
    amazon.control("POST", "reports/next", {"charset": "cp932", "content_type": "text/plain"})
    report_id = asked(amazon)
    wait(amazon, 90)
    answer = download(amazon, report_id)
    assert table(answer.content, "cp932")[0]["Item Name"] == "マグカップ"


@pytest.mark.parametrize(
    ("look", "heading"),
    [
        ({"headings": "hyphens"}, "order-id"),
        ({"headings": "underscores"}, "order_id"),
        ({"headings": "blanks"}, "order id"),
        ({"renamed": {"Order ID": "Bestellnummer"}}, "Bestellnummer"),
    ],
)
def test_folds_headings_otherwise(amazon: Caller, look: dict[str, Any], heading: str) -> None:
    place(amazon)
    came_back(amazon, columns={"Category": "Kitchen"})
    amazon.control("POST", "reports/next", look)
    (row,) = read(amazon)
    assert row[heading] == ORDER
    assert list(row.values())[-1] == "Kitchen"


@pytest.mark.parametrize("unpacked", [False, True])
def test_packs_a_document(amazon: Caller, unpacked: bool) -> None:
    place(amazon)
    came_back(amazon)
    amazon.control("POST", "reports/next", {"gzip": True})
    report_id = asked(amazon)
    wait(amazon, 90)
    path = f"documents/{one(amazon, report_id)['reportDocumentId']}"
    query = {"enableContentEncodingUrlHeader": "true"} if unpacked else {}
    document = api(amazon, "GET", path, params=query).json()
    assert document["compressionAlgorithm"] == "GZIP"
    answer = requests.get(document["url"], timeout=10)
    content = answer.content if unpacked else gzip.decompress(answer.content)
    assert table(content)[0]["Order ID"] == ORDER


def test_a_url_dies_after_five_minutes(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon)
    report_id = asked(amazon)
    wait(amazon, 90)
    path = f"documents/{one(amazon, report_id)['reportDocumentId']}"
    url = api(amazon, "GET", path).json()["url"]
    wait(amazon, 90 + 300)
    assert requests.get(url, timeout=10).status_code == 200
    wait(amazon, 90 + 301)
    answer = requests.get(url, timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/xml")
    assert "<Code>AccessDenied</Code>" in answer.text
    assert requests.get(api(amazon, "GET", path).json()["url"], timeout=10).status_code == 200


def test_a_settlement_is_listed_and_never_asked_for(amazon: Caller) -> None:
    words = "Request for report type 1118 is not allowed at this time"
    assert refusal(ask(amazon, SETTLEMENT)) == (400, "InvalidInput", words)
    made = amazon.control("POST", "reports", {"report_type": SETTLEMENT, "text": "settlement-id\n"})
    (listed,) = api(amazon, "GET", "reports", params={"reportTypes": SETTLEMENT}).json()["reports"]
    assert listed["reportId"] == made["reportId"]
    assert download(amazon, made["reportId"]).text == "settlement-id\n"


@pytest.mark.parametrize(
    "wrong",
    [
        {"reportType": "GET_NO_SUCH_REPORT"},
        {"marketplaceIds": []},
        {"marketplaceIds": [GERMANY] * 26},
        {"dataStartTime": "2026-11-01"},
        {"dataStartTime": iso(NOW - timedelta(days=61))},
        {"dataEndTime": iso(NOW - timedelta(days=31))},
    ],
)
def test_refuses_a_wrong_request(amazon: Caller, wrong: dict[str, Any]) -> None:
    assert refusal(ask(amazon, **wrong))[:2] == (400, "InvalidInput")
    assert amazon.control("GET", "reports") == {"reports": []}


def test_cancels_only_in_the_queue(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon)
    first, second = asked(amazon), asked(amazon)
    assert api(amazon, "DELETE", f"reports/{first}").json() == {}
    wait(amazon, 30)
    assert refusal(api(amazon, "DELETE", f"reports/{second}"))[0] == 400
    wait(amazon, 90)
    states = [one(amazon, report_id)["processingStatus"] for report_id in (first, second)]
    assert states == ["CANCELLED", "DONE"]


def test_pages_by_a_token_alone(amazon: Caller) -> None:
    ids = [asked(amazon) for _ in range(5)]
    query = {"reportTypes": BY_DATE, "pageSize": "2"}
    seen: list[str] = []
    while True:
        page = api(amazon, "GET", "reports", params=query).json()
        seen += [report["reportId"] for report in page["reports"]]
        if "nextToken" not in page:
            break
        both = {**query, "nextToken": page["nextToken"], "reportTypes": BY_DATE}
        assert refusal(api(amazon, "GET", "reports", params=both))[0] == 400
        query = {"nextToken": page["nextToken"]}
    assert seen == ids[::-1]


def test_lists_by_type_state_and_time(amazon: Caller) -> None:
    early = asked(amazon)
    wait(amazon, 600)
    late = asked(amazon)

    def listed(**query: str) -> list[str]:
        answer = api(amazon, "GET", "reports", params={"reportTypes": BY_DATE, **query})
        return [report["reportId"] for report in answer.json()["reports"]]

    assert listed(createdSince=iso(NOW + timedelta(seconds=1))) == [late]
    assert listed(createdUntil=iso(NOW + timedelta(seconds=1))) == [early]
    assert listed(processingStatuses="CANCELLED") == [early]
    assert listed(reportTypes=FBA) == []
    assert listed(marketplaceIds="A13V1IB3VIYZZH") == []
    wait(amazon, timedelta(days=91).total_seconds())
    amazon.log_in()
    assert listed() == []
    assert refusal(api(amazon, "GET", "reports"))[0] == 400


def test_another_accounts_reports_are_not_there(amazon: Caller) -> None:
    place(amazon)
    came_back(amazon)
    report_id = asked(amazon)
    wait(amazon, 90)
    document_id = one(amazon, report_id)["reportDocumentId"]
    amazon.control("POST", "accounts", {"account": "other"})
    other = Caller(amazon.url, "other").log_in()
    assert refusal(api(other, "GET", f"reports/{report_id}"))[0] == 404
    assert refusal(api(other, "GET", f"documents/{document_id}"))[0] == 403
    listed = api(other, "GET", "reports", params={"reportTypes": BY_DATE})
    assert listed.json() == {"reports": []}


def test_a_missing_role_refuses_its_reports_alone(amazon: Caller) -> None:
    amazon.control("POST", "roles", {"without": [FBA]})
    assert refusal(ask(amazon, FBA)) == (403, "Unauthorized", "Access to the resource is forbidden")
    assert ask(amazon).status_code == 202
    amazon.control("POST", "roles", {"without": []})
    assert ask(amazon, FBA).status_code == 202


def test_asking_has_a_quota(amazon: Caller) -> None:
    codes = [ask(amazon).status_code for _ in range(16)]
    assert codes == [202] * 15 + [429]
    wait(amazon, 60)
    assert ask(amazon).status_code == 202
