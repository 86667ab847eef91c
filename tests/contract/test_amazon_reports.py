"""What the stand-in's Reports API answers fits Amazon's model, with its headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft4Validator

from sandbox.amazon.builders import an_order
from sandbox.amazon.quota import USAGE_PLAN
from tests.contracts import contract
from tests.sandbox.conftest import NOW, running_amazon
from tests.sandbox.test_amazon_reports import BY_DATE, ORDER, api, ask, asked, came_back, wait

MODEL = json.loads(contract("amazon/reports_2021-06-30.json").read_text(encoding="utf-8"))
ROOT = "/reports/2021-06-30"


def misfits(answer: requests.Response, path: str, method: str) -> list[str]:
    """What of an answer is not as in the model; its objects take nothing that it does not name."""
    definitions: dict[str, Any] = {
        name: {**each, "additionalProperties": False} if "properties" in each else each
        for name, each in MODEL["definitions"].items()
    }
    told = MODEL["paths"][ROOT + path][method]["responses"][str(answer.status_code)]
    found = []
    if "schema" in told:
        schema = {**told["schema"], "definitions": definitions}
        errors = Draft4Validator(schema).iter_errors(answer.json())
        found = [f"{error.json_path}: {error.message}" for error in errors]
    sent = {name for name in answer.headers if name.startswith("x-amzn-")}
    if sent != set(told.get("headers", {})):
        found.append(f"headers {sent}")
    return found


def test_answers_fit(tmp_path: Path) -> None:
    with running_amazon(tmp_path / "amazon.sqlite") as amazon:
        amazon.place(an_order(ORDER, status="SHIPPED", created_at=NOW))
        came_back(amazon)
        amazon.control("POST", "reports/next", {"gzip": True})
        wrong = ask(amazon, marketplaceIds=[])
        right = ask(amazon)
        assert [wrong.status_code, right.status_code] == [400, 202]
        assert misfits(wrong, "/reports", "post") + misfits(right, "/reports", "post") == []
        report_id = right.json()["reportId"]
        for seconds in (0, 30, 90):
            wait(amazon, seconds)
            assert (
                misfits(api(amazon, "GET", f"reports/{report_id}"), "/reports/{reportId}", "get")
                == []
            )
        query = {"reportTypes": BY_DATE, "pageSize": "1"}
        asked(amazon)
        page = api(amazon, "GET", "reports", params=query)
        assert page.json()["nextToken"]
        assert misfits(page, "/reports", "get") == []
        document_id = api(amazon, "GET", f"reports/{report_id}").json()["reportDocumentId"]
        document = api(amazon, "GET", f"documents/{document_id}")
        assert document.json()["compressionAlgorithm"] == "GZIP"
        assert misfits(document, "/documents/{reportDocumentId}", "get") == []
        gone = api(amazon, "DELETE", f"reports/{asked(amazon)}")
        unknown = api(amazon, "GET", "reports/1")
        assert [gone.status_code, unknown.status_code] == [200, 404]
        assert misfits(gone, "/reports/{reportId}", "delete") == []
        assert misfits(unknown, "/reports/{reportId}", "get") == []
        while (refused := ask(amazon)).status_code == 202:
            pass
        assert refused.status_code == 429
        assert misfits(refused, "/reports", "post") == []
        amazon.control("POST", "roles", {"without": [BY_DATE]})
        forbidden = api(amazon, "GET", "reports", params=query)
        assert forbidden.status_code == 403
        assert misfits(forbidden, "/reports", "get") == []


@pytest.mark.parametrize(
    ("path", "method"),
    [
        *(("/reports", "post"), ("/reports", "get"), ("/reports/{reportId}", "get")),
        *(("/reports/{reportId}", "delete"), ("/documents/{reportDocumentId}", "get")),
    ],
)
def test_the_plan_is_the_models(path: str, method: str) -> None:
    operation = MODEL["paths"][ROOT + path][method]
    plan = USAGE_PLAN[operation["operationId"]]
    assert f"| {plan.rate:g} | {plan.burst} |" in operation["description"]
