"""No error shows what a remote said: its words have one way out, which the ledger seals."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest

import pipeline
from pipeline.amazon.auth import sign_in_refusal
from pipeline.amazon.feed_documents import read
from pipeline.amazon.replies import CONFIRM_SHIPMENT, GET_ORDER, refusal
from pipeline.base.errors import LONGEST_WORDS, RemoteError, code_of
from pipeline.base.http import Reply
from pipeline.magento.rest.replies import error_in, unexpected

SAID = "Berta Buyer, Lieferweg"
STATUSES = (200, 302, 400, 401, 403, 404, 409, 429, 500, 503)


def every_error(kind: type[RemoteError] = RemoteError) -> Iterator[type[RemoteError]]:
    """The class and all classes made of it, in every module."""
    rooms = Path(pipeline.__file__).parent
    for path in rooms.rglob("*.py"):
        if "migrations" not in path.parts and path.stem not in ("__main__", "__init__"):
            import_module(".".join(("pipeline", *path.relative_to(rooms).with_suffix("").parts)))
    yield kind
    for narrower in kind.__subclasses__():
        yield from every_error(narrower)


def shown(error: RemoteError) -> str:
    """All that a line of a log, a page or a debugger makes of it."""
    return "\n".join(
        (str(error), repr(error), f"{error}", str(vars(error)), *format_exception(error))
    )


def test_no_class_of_errors_shows_the_words() -> None:
    # A class with a constructor of its own takes no words.
    kinds = {kind for kind in every_error() if "__init__" not in vars(kind) or kind is RemoteError}
    assert len(kinds) >= 8
    for kind in kinds:
        error = kind("refused", words=SAID)
        assert "Berta" not in shown(error)
        assert error.words.get_secret_value() == SAID


def replies_of_magento() -> Iterator[Reply]:
    for status in STATUSES:
        yield Reply(status, {"Retry-After": SAID}, None, False)
        for body in (
            {"message": SAID, "trace": SAID, "code": SAID},
            {"message": "No %1, %fieldName", "parameters": [SAID]},
            {"message": '"%fieldName" is required. Enter and try again.',
             "parameters": {"fieldName": SAID, SAID: SAID}},
            {"message": "Validation Failed", "errors": [{"message": SAID, "parameters": {}}]},
            {"message": f"Internal Error. Report ID: webapi-{SAID}"},
            {"message": 'Maximum items of type "%type" is %max',
             "parameters": {"type": SAID, "max": SAID}},
            {"messages": {"error": [{"code": 500, "message": SAID}]}},
            [SAID],
            SAID,
        ):  # fmt: skip
            yield Reply(status, {}, body, True)


@pytest.mark.parametrize("is_write", [False, True])
def test_no_error_of_magentos_shows_its_words(is_write: bool) -> None:
    errors = [error_in(reply, is_write=is_write) for reply in replies_of_magento()]
    errors += [unexpected(reply, is_write=is_write) for reply in replies_of_magento()]
    found = [error for error in errors if error is not None]
    assert len(found) > 100
    assert not [error for error in found if "Berta" in shown(error)]
    assert any(SAID in error.words.get_secret_value() for error in found)


def replies_of_amazon() -> Iterator[Reply]:
    headers = {"x-amzn-RequestId": SAID, "x-amzn-ErrorType": SAID, "Retry-After": SAID}
    for status in STATUSES:
        for body in (
            {"errors": [{"code": SAID, "message": SAID, "details": SAID}]},
            {"errors": [{"code": "InvalidInput", "message": f"token {SAID} is revoked"}]},
            {"error": SAID, "error_description": SAID},
            {"errors": SAID},
            SAID,
        ):
            yield Reply(status, headers, body, True)


def test_no_error_of_amazons_shows_its_words() -> None:
    errors: list[Any] = []
    for reply in replies_of_amazon():
        errors += [refusal(GET_ORDER, reply), refusal(CONFIRM_SHIPMENT, reply)]
        errors.append(sign_in_refusal("eu", reply))
    found = [error for error in errors if error is not None]
    assert len(found) > 100
    assert not [error for error in found if "Berta" in shown(error)]
    assert any(SAID in error.words.get_secret_value() for error in found)


def test_a_feeds_result_shows_its_code_alone() -> None:
    result = (
        f"<Result><MessageID>1</MessageID><ResultCode>Error</ResultCode>"
        f"<ResultMessageCode>{SAID}</ResultMessageCode>"
        f"<ResultDescription>{SAID}</ResultDescription></Result>"
    )
    report = read(f"<A><ProcessingReport>{result}</ProcessingReport></A>".encode())
    assert "Berta" not in repr(report)
    assert report.results[1].words.get_secret_value() == SAID


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("InvalidInput", "InvalidInput"),
        ("QuotaExceeded.1", "QuotaExceeded.1"),
        ("18028", "18028"),
        ("", ""),
        ("Berta Buyer", ""),
        ("berta@marketplace.example", ""),
        ("01517654321", ""),
        ("a" * 81, ""),
    ],
)
def test_a_code_is_written_like_a_code(text: str, code: str) -> None:
    assert code_of(text) == code


def test_a_request_id_is_written_like_one() -> None:
    assert RemoteError("", request_id="b3-1/x y").request_id == ""
    assert RemoteError("", request_id="webapi-6b0359").request_id == "webapi-6b0359"


def test_words_have_a_bound() -> None:
    assert len(RemoteError("", words="w" * 9999).words) == LONGEST_WORDS
