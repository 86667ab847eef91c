"""What an answer means. The answers are those a running shop was seen to give."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.base.errors import OutcomeUnknown, Rejected, Transient
from pipeline.base.http import Reply
from pipeline.magento.rest.replies import PageTooLarge, error_in

HTML = "<html><body><h1>Service Temporarily Unavailable</h1></body></html>"
FATAL = "An error has happened during application run. See exception log for details.\n"
NOT_JSON = " in something other than JSON"


def reply(status: int, body: Any = None, *, is_json: bool = True, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, body, is_json)


def text(status: int) -> Reply:
    return reply(status, is_json=False)


def message(text: str, parameters: Any = None) -> dict[str, Any]:
    return {"message": text} | ({} if parameters is None else {"parameters": parameters})


UNAUTHORIZED = message(
    "The consumer isn't authorized to access %resources.", {"resources": "Magento_Sales::ship"}
)
MASKED = message(
    "Internal Error. Details are available in Magento log file. Report ID: webapi-6b0359"
)


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize("body", [{}, [], None, "1", True, False, {"items": None}])
def test_json_that_worked_is_no_error(body: Any, is_write: bool) -> None:
    assert error_in(reply(200, body), is_write=is_write) is None
    assert error_in(reply(202, body), is_write=is_write) is None


@pytest.mark.parametrize(
    ("answer", "on_read", "on_write", "code", "said"),
    [
        pytest.param(
            reply(500, MASKED),
            Transient,
            OutcomeUnknown,
            "500",
            "Magento answered 500: Internal Error. Details are available in Magento log file.",
            id="500 JSON",
        ),
        pytest.param(
            text(500), Transient, OutcomeUnknown, "500", "answered 500" + NOT_JSON, id="500 text"
        ),
        pytest.param(
            text(502), Transient, OutcomeUnknown, "502", "answered 502" + NOT_JSON, id="502"
        ),
        pytest.param(
            text(503), Transient, OutcomeUnknown, "503", "answered 503" + NOT_JSON, id="maintenance"
        ),
        pytest.param(
            reply(500, {"messages": {"error": [{"code": 500, "message": "x"}]}}),
            Transient,
            OutcomeUnknown,
            "500",
            "Magento answered 500",
            id="the shutdown handler's shape",
        ),
        pytest.param(
            reply(429, message("Too Many Requests")),
            Transient,
            Transient,
            "TooManyRequests",
            "slow down",
            id="429 did nothing, so a write may be sent again",
        ),
        pytest.param(
            text(200),
            Transient,
            OutcomeUnknown,
            "UnusableAnswer",
            "answered 200 without a usable body",
            id="200 that is not JSON",
        ),
        pytest.param(
            reply(401, UNAUTHORIZED),
            Rejected,
            Rejected,
            "Unauthorized",
            "isn't authorized to access Magento_Sales::ship.: check that the integration is active",
            id="401",
        ),
        pytest.param(
            reply(401, message("The signature is invalid. Verify and try again.")),
            Rejected,
            Rejected,
            "Unauthorized",
            "The signature is invalid. Verify and try again.: check",
            id="401 of OAuth",
        ),
        pytest.param(
            reply(404, message("No such entity with %fieldName = %fieldValue",
                               {"fieldName": "customerId", "fieldValue": 99})),
            Rejected,
            Rejected,
            "NotFound",
            "Magento answered 404: No such entity with customerId = …",
            id="404 with named parameters",
        ),
        pytest.param(
            reply(404, message('The Product with the "%1" SKU doesn\'t exist.', ["MUG"])),
            Rejected,
            Rejected,
            "NotFound",
            'The Product with the "…" SKU doesn\'t exist.',
            id="404 with a list of parameters",
        ),
        pytest.param(
            text(404), Rejected, Rejected, "NotMagento", "answered 404" + NOT_JSON, id="404 HTML"
        ),
        pytest.param(
            text(414), Rejected, Rejected, "NotMagento", "answered 414" + NOT_JSON, id="414"
        ),
        pytest.param(
            text(403), Rejected, Rejected, "NotMagento", "answered 403" + NOT_JSON, id="firewall"
        ),
        pytest.param(
            text(302), Rejected, Rejected, "Redirected", "base_url must be", id="redirect"
        ),
        pytest.param(
            reply(400, message("Unique constraint violation found")),
            Rejected,
            Rejected,
            "unique",
            "Magento answered 400: Unique constraint violation found",
            id="number taken",
        ),
        pytest.param(
            reply(400, message("We can't\n              save the address: %1", ["complete"])),
            Rejected,
            Rejected,
            "Refused",
            "We can't save the address: …",
            id="lines and gaps become single spaces",
        ),
        pytest.param(
            reply(400, message("Maximum SearchCriteria pageSize is %max", {"max": 50})),
            PageTooLarge,
            Rejected,
            "Refused",
            "Maximum SearchCriteria pageSize is 50",
            id="a limit of pages",
        ),
        pytest.param(
            reply(400, message("Höchstens %max", {"max": "many"})),
            Rejected,
            Rejected,
            "Refused",
            "answered 400",
            id="a limit without a number",
        ),
        pytest.param(
            reply(400, message("One or more input exceptions have occurred.")
                  | {"errors": [message('"%fieldName" is required. Enter and try again.',
                                        {"fieldName": "sku"}), 7]}),
            Rejected,
            Rejected,
            "Refused",
            'One or more input exceptions have occurred. "sku" is required.',
            id="several faults at once",
        ),
        pytest.param(
            reply(500, message("SQLSTATE[42S22]: Column not found: 1054") | {"trace": "#0 /app"}),
            Transient,
            OutcomeUnknown,
            "500",
            "Magento answered 500",
            id="developer mode",
        ),
        pytest.param(
            reply(404, message("Request does not match any route.")),
            Rejected,
            Rejected,
            "NotFound",
            "Magento answered 404: Request does not match any route.",
            id="unknown route or method",
        ),
        pytest.param(
            reply(400, message("Decoding error.")),
            Rejected,
            Rejected,
            "Refused",
            "Magento answered 400: Decoding error.",
            id="malformed JSON",
        ),
        pytest.param(
            reply(400, message('"%fieldName" is not supported. Correct the field name and try '
                               "again.", {"fieldName": "Taxes"})),
            Rejected,
            Rejected,
            "Refused",
            '"Taxes" is not supported.',
            id="a field of a later version",
        ),
        pytest.param(
            reply(400, message("100% of %1", None)),
            Rejected,
            Rejected,
            "Refused",
            "answered 400",
            id="nothing to fill in",
        ),
        pytest.param(
            reply(400, message("x" * 400)), Rejected, Rejected, "Refused", "answered 400", id="long"
        ),
        pytest.param(
            reply(400, {"message": 7}), Rejected, Rejected, "Refused", "answered 400", id="odd"
        ),
        pytest.param(
            reply(400, ["x"]), Rejected, Rejected, "NotMagento", "answered 400", id="a list"
        ),
    ],
)  # fmt: skip
def test_says_whether_to_send_again(
    answer: Reply, on_read: type, on_write: type, code: str, said: str
) -> None:
    for is_write, expected in ((False, on_read), (True, on_write)):
        error = error_in(answer, is_write=is_write)
        assert type(error) is expected
        assert error is not None
        assert error.code == code
        assert error.status == answer.status
        assert said in str(error)
        assert len(str(error)) < 800


@pytest.mark.parametrize("status", [429, 503])
def test_passes_on_how_long_to_wait(status: int) -> None:
    error = error_in(reply(status, Retry_After="17"), is_write=False)
    assert isinstance(error, Transient)
    assert error.retry_after_s == 17


@pytest.mark.parametrize(
    ("body", "said", "words"),
    [
        (
            message("We can't save the address:\n%1", ['"Phone" 030 1234567 is wrong']),
            ": We can't save the address: …",
            'We can\'t save the address: "Phone" 030 1234567 is wrong',
        ),
        (
            message('"%fieldName" is required. Enter and try again.', {"fieldName": "telephone"}),
            ': "telephone" is required. Enter and try again.',
            "",
        ),
        (
            message('"%fieldName" is required. Enter and try again.', {"fieldName": "Berta 1"}),
            ': "…" is required. Enter and try again.',
            '"Berta 1" is required. Enter and try again.',
        ),
        (
            message("Invalid value of %value for %fieldName",
                    {"value": "Berta Buyer", "fieldName": "lastname"}),
            "",
            "Invalid value of Berta Buyer for lastname",
        ),
        (message("Berta &amp; Bert, 0151.7654321"), "", "Berta &amp; Bert, 0151.7654321"),
        (MASKED, ": Internal Error. Details are available in Magento log file.", ""),
        (
            message("Unique constraint violation found")
            | {"errors": [message("berta@shop.example is taken"), message("Validation Failed")]},
            ": Unique constraint violation found Validation Failed",
            "berta@shop.example is taken",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [400, 401, 500])
def test_only_magentos_own_sentences_are_in_clear(
    status: int, body: Any, said: str, words: str
) -> None:
    for is_write in (False, True):
        error = error_in(reply(status, body), is_write=is_write)
        assert error is not None
        assert f"({status}){said}: check" in str(error) or (
            str(error) == f"Magento answered {status}{said}"
        )
        assert error.words.get_secret_value() == words


def test_the_report_of_an_internal_error_is_told_by_its_id() -> None:
    error = error_in(reply(500, MASKED), is_write=False)
    assert error is not None
    assert error.request_id == "webapi-6b0359"


def test_a_limit_of_pages_is_told_as_a_number() -> None:
    limited = reply(400, message("Maximum SearchCriteria pageSize is %max", {"max": 50}))
    error = error_in(limited, is_write=False)
    assert isinstance(error, PageTooLarge)
    assert error.limit == 50


def test_a_limit_of_lines_names_the_setting_to_change() -> None:
    limited = reply(
        400,
        message(
            'Maximum items of type "%type" is %max',
            {"type": "\\Magento\\Sales\\Api\\Data\\OrderItemInterface", "max": 20},
        ),
    )
    error = error_in(limited, is_write=True)
    assert type(error) is Rejected
    assert str(error) == (
        r"""Magento answered 400: Maximum items of type "\Magento\Sales\Api\Data\OrderItemInt"""
        'erface" '
        "is 20; the limit is the shop's setting webapi/validation/complex_array_limit (Stores > "
        "Configuration > Services > Magento Web API): raise it to the order's number of lines, "
        "charges included, and the order goes on by itself"
    )
