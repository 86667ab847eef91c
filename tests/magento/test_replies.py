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
            "Magento answered 500: Internal Error. Details are available in Magento log file. "
            "Report ID: webapi-6b0359",
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
            "Magento answered 404: No such entity with customerId = 99",
            id="404 with named parameters",
        ),
        pytest.param(
            reply(404, message('The Product with the "%1" SKU doesn\'t exist.', ["MUG"])),
            Rejected,
            Rejected,
            "NotFound",
            'The Product with the "MUG" SKU doesn\'t exist.',
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
            reply(400, message('Unable to add comment: The status "%1" is not part of the order\n'
                               "                 status history.", ["complete"])),
            Rejected,
            Rejected,
            "Refused",
            'The status "complete" is not part of the order status history.',
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
            "Höchstens many",
            id="a limit without a number",
        ),
        pytest.param(
            reply(400, message("One or more input exceptions have occurred.")
                  | {"errors": [message('"%fieldName" is required.', {"fieldName": "sku"}), 7]}),
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
            "Magento answered 500: SQLSTATE[42S22]: Column not found: 1054",
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
            "100% of %1",
            id="nothing to fill in",
        ),
        pytest.param(
            reply(400, message("x" * 400)), Rejected, Rejected, "Refused", "x" * 300, id="long"
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
    ("body", "said"),
    [
        (
            message("We can't save the address:\n%1", ['"Phone" 030 1234567 is wrong']),
            "Magento answered 400: We can't save the address: %1",
        ),
        (
            message('"%fieldName" is required. Enter and try again.', {"fieldName": "telephone"}),
            'Magento answered 400: "telephone" is required. Enter and try again.',
        ),
        (
            message("Invalid value of %value for %fieldName",
                    {"value": "Berta Buyer", "fieldName": "lastname"}),
            "Magento answered 400: Invalid value of %value for lastname",
        ),
        (
            message('Error occurred during "city" processing. The "Hamburg" value\'s type is '
                    'invalid. The "int" type was expected.'),
            'Magento answered 400: Error occurred during "city" processing. The … value\'s type '
            'is invalid. The "int" type was expected.',
        ),
        (MASKED, f"Magento answered 400: {MASKED['message']}"),
        (
            message("berta@shop.example is no address and +49 40 123-456 no number"),
            "Magento answered 400: … is no address and …no number",
        ),
    ],
)  # fmt: skip
def test_keeps_a_buyers_data_out_of_messages(body: Any, said: str) -> None:
    assert str(error_in(reply(400, body), is_write=True, is_private=True)) == said


def test_what_was_sent_of_a_buyer_is_taken_out_of_any_words() -> None:
    sent = {
        "entity": {
            "customer_email": "jane@relay.example",
            "billing_address": {
                "firstname": "Jane",
                "lastname": "Doe",
                "street": ["1 Long Road", "Flat 2"],
                "city": "Townville",
            },
            "items": [{"sku": "MUG-BLUE", "name": "Mug"}],
        }
    }
    body = message("jane DOE of 1 Long Road, townville: no carrier takes MUG-BLUE there")
    error = error_in(reply(400, body), is_write=True, is_private=True, sent=sent)
    assert str(error) == "Magento answered 400: … … of …, …: no carrier takes MUG-BLUE there"


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
    error = error_in(limited, is_write=True, is_private=True)
    assert type(error) is Rejected
    assert str(error) == (
        r"""Magento answered 400: Maximum items of type "\Magento\Sales\Api\Data\OrderItemInt"""
        'erface" '
        "is 20; the limit is the shop's setting webapi/validation/complex_array_limit (Stores > "
        "Configuration > Services > Magento Web API): raise it to the order's number of lines, "
        "charges included, and the order goes on by itself"
    )


def test_every_fault_of_several_is_told_without_a_buyers_data() -> None:
    body = message("No.") | {
        "errors": [
            message("berta@shop.example is taken"),
            message("%value is wrong", {"value": "x"}),
        ]
    }
    said = str(error_in(reply(400, body), is_write=True, is_private=True))
    assert said == "Magento answered 400: No. … is taken %value is wrong"
