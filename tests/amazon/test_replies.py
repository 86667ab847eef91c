"""What each answer of the API means, as a table."""

from __future__ import annotations

from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from pipeline.amazon.replies import (
    CONFIRM_SHIPMENT,
    GET_ORDER,
    SEARCH_ORDERS,
    Operation,
    refusal,
)
from pipeline.base.errors import AccountStopped, Rejected, RemoteError, Transient
from pipeline.base.http import Reply
from tests.amazon.scripted import errors

DENIED = errors("Unauthorized", "Access to requested resource is denied.")
DEAD_TOKEN = errors(
    "Unauthorized",
    "Access to requested resource is denied.",
    "The access token you provided is revoked, malformed or invalid.",
)
EXPIRED = errors("Unauthorized", "Access denied.", "The access token you provided has expired.")
QUOTA = errors("QuotaExceeded", "You exceeded your quota for the requested resource.")
NO_PACKAGE = errors("InvalidInput", "Failed to create package", "(PackageToUpdateNotFound)")


def a_reply(status: int, body: Any = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, CaseInsensitiveDict(named), body, is_json=body is not None)


@pytest.mark.parametrize(
    ("operation", "reply"),
    [
        (SEARCH_ORDERS, a_reply(200, {"orders": []})),
        (GET_ORDER, a_reply(200, {"order": {}, "errors": []})),
        (CONFIRM_SHIPMENT, a_reply(204)),
    ],
)
def test_a_success_is_no_refusal(operation: Operation, reply: Reply) -> None:
    assert refusal(operation, reply) is None


@pytest.mark.parametrize(
    ("operation", "reply", "kind", "code", "retry_after_s"),
    [
        # Throttled: the header of the answer, else one over the rate it names, else the usage plan.
        (SEARCH_ORDERS, a_reply(429, QUOTA), Transient, "QuotaExceeded", 1 / 0.0056),
        (GET_ORDER, a_reply(429, QUOTA), Transient, "QuotaExceeded", 2.0),
        (CONFIRM_SHIPMENT, a_reply(429), Transient, "QuotaExceeded", 0.5),
        (GET_ORDER, a_reply(429, x_amzn_RateLimit_Limit="0.25"), Transient, "QuotaExceeded", 4.0),
        (GET_ORDER, a_reply(429, x_amzn_RateLimit_Limit="0"), Transient, "QuotaExceeded", 2.0),
        (GET_ORDER, a_reply(429, x_amzn_RateLimit_Limit="nan"), Transient, "QuotaExceeded", 2.0),
        (GET_ORDER, a_reply(429, x_amzn_RateLimit_Limit="many"), Transient, "QuotaExceeded", 2.0),
        (GET_ORDER, a_reply(429, QUOTA, Retry_After="7"), Transient, "QuotaExceeded", 7.0),
        # Amazon's own trouble, with and without a body.
        (
            GET_ORDER,
            a_reply(500, errors("InternalFailure", "Oops")),
            Transient,
            "InternalFailure",
            None,
        ),
        (SEARCH_ORDERS, a_reply(503), Transient, "", None),
        (CONFIRM_SHIPMENT, a_reply(504, {"message": "Endpoint timed out"}), Transient, "", None),
        (CONFIRM_SHIPMENT, a_reply(503, Retry_After="3"), Transient, "", 3.0),
        (CONFIRM_SHIPMENT, a_reply(408), Transient, "", None),
        # No answer to speak of.
        (GET_ORDER, a_reply(302), Transient, "", None),
        (SEARCH_ORDERS, a_reply(200, {"orders": []} | QUOTA), Transient, "QuotaExceeded", None),
        (CONFIRM_SHIPMENT, a_reply(200), Transient, "", None),
        # Access refused: reads wait for the storm to pass, writes are for a person.
        (SEARCH_ORDERS, a_reply(403, DENIED), Transient, "Unauthorized", 300.0),
        (GET_ORDER, a_reply(403), Transient, "Unauthorized", 300.0),
        (GET_ORDER, a_reply(401, EXPIRED), Transient, "Unauthorized", 300.0),
        (CONFIRM_SHIPMENT, a_reply(403, DENIED), Rejected, "Unauthorized", None),
        (CONFIRM_SHIPMENT, a_reply(403), Rejected, "Unauthorized", None),
        (SEARCH_ORDERS, a_reply(403, DEAD_TOKEN), AccountStopped, "Unauthorized", None),
        (CONFIRM_SHIPMENT, a_reply(401, DEAD_TOKEN), AccountStopped, "Unauthorized", None),
        # Read and refused.
        (SEARCH_ORDERS, a_reply(400, errors("InvalidInput", "No")), Rejected, "InvalidInput", None),
        (GET_ORDER, a_reply(404, errors("NotFound", "No")), Rejected, "NotFound", None),
        (GET_ORDER, a_reply(404), Rejected, "", None),
        (GET_ORDER, a_reply(400, x_amzn_ErrorType="BadRequest"), Rejected, "BadRequest", None),
        (CONFIRM_SHIPMENT, a_reply(413), Rejected, "", None),
        (CONFIRM_SHIPMENT, a_reply(400, NO_PACKAGE), Rejected, "PackageToUpdateNotFound", None),
        # Bodies that are not Amazon's.
        (GET_ORDER, a_reply(400, ["errors"]), Rejected, "", None),
        (GET_ORDER, a_reply(400, {"errors": "all"}), Rejected, "", None),
        (GET_ORDER, a_reply(400, {"errors": [None, {"code": 7}]}), Rejected, "", None),
    ],
)
def test_an_answer_means(
    operation: Operation,
    reply: Reply,
    kind: type[RemoteError],
    code: str,
    retry_after_s: float | None,
) -> None:
    error = refusal(operation, reply)
    assert error is not None
    assert (type(error), error.code, error.status) == (kind, code, reply.status)
    assert error.retry_after_s == (None if retry_after_s is None else pytest.approx(retry_after_s))


def test_a_rejection_names_the_code_and_keeps_amazons_words_to_itself() -> None:
    reply = a_reply(400, errors("InvalidInput", "m" * 600, "d" * 600), x_amzn_RequestId="r-1")
    error = refusal(CONFIRM_SHIPMENT, reply)
    assert error is not None
    assert error.request_id == "r-1"
    assert str(error) == (
        "confirmShipment: Amazon refused the call (status 400, code InvalidInput)"
    )
    assert error.words.get_secret_value() == "m" * 600 + " " + "d" * 399


@pytest.mark.parametrize("status", [403, 429, 500])
def test_no_other_error_repeats_amazons_words(status: int) -> None:
    for operation in (GET_ORDER, CONFIRM_SHIPMENT):
        error = refusal(operation, a_reply(status, errors("Code", "for Jo Doe, Main Street")))
        assert "Doe" not in str(error)
