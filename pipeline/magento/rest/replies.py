"""Turn Magento's reply into the error that answers the caller's question: may I send it again?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.base.errors import OutcomeUnknown, Rejected, RemoteError, Transient
from pipeline.base.http import Reply

UNAUTHORIZED = "Unauthorized"
NOT_FOUND = "NotFound"
REFUSED = "Refused"
UNIQUE = "unique"
NOT_MAGENTO = "NotMagento"

_SIGN_IN = (
    "check that the integration is active in the shop (System > Integrations) and may use this "
    "resource, that its four keys are the configured ones and that the clocks agree; with auth = "
    '"bearer" the shop must allow it (Services > OAuth > Consumer Settings), which is off since '
    '2.4.4: better use auth = "oauth"'
)
# The parameters that Magento sends with an error about an input limit, in any language.
_PAGE_LIMIT, _LIST_LIMIT = frozenset({"max"}), frozenset({"type", "max"})
_MORE_LINES = (
    "; the limit is the shop's setting webapi/validation/complex_array_limit (Stores > "
    "Configuration > Services > Magento Web API): raise it to the order's number of lines, charges "
    "included, and the order goes on by itself"
)
_MOST_ERRORS = 3
# Magento's own sentences, word for word: they quote nothing, so everybody may read them. All else
# that a shop says may come from an extension and quote the buyer.
_OWN_SENTENCES = frozenset(
    {
        '"%fieldName" is required. Enter and try again.',
        '"%fieldName" is not supported. Correct the field name and try again.',
        "A consumer having the specified key does not exist",
        "A hold action is not available.",
        "Could not save a Creditmemo, see error log for details",
        "Could not save a shipment, see error log for details",
        "Could not save an invoice, see error log for details",
        "Could not save the shipment tracking.",
        "Decoding error.",
        "Internal Error. Details are available in Magento log file.",
        'Maximum items of type "%type" is %max',
        "Maximum SearchCriteria pageSize is %max",
        "No such entity with %fieldName = %fieldValue",
        "Not all of your products are available in the requested quantity.",
        "One or more input exceptions have occurred.",
        "Please provide payment for the order.",
        "Request does not match any route.",
        "Specified request cannot be processed.",
        "Specified token does not exist",
        "The consumer isn't authorized to access %resources.",
        "The country isn't available.",
        "The entity that was requested doesn't exist. Verify the entity and try again.",
        "The order address couldn't be saved.",
        "The order can't be edited.",
        "The payment method you requested is not available.",
        'The Product with the "%1" SKU doesn\'t exist.',
        "The signature is invalid. Verify and try again.",
        "The store view is not in the associated website.",
        "The timestamp value in the oauth_timestamp parameter is invalid",
        "Unique constraint violation found",
        "URL key for specified store already exists.",
        "Validation Failed",
        "We can't save the address: %1",
        "You cannot remove the hold.",
    }
)
# How a parameter is written that names a field, resource, class or limit; others may be values.
_HARMLESS = {
    "fieldName": re.compile(r"[A-Za-z]{2,20}(_[a-z]{2,20})*|[a-z]{2,20}([A-Z][a-z]{1,20}){1,3}"),
    "resources": re.compile(r"[A-Za-z_]{2,60}::[A-Za-z_]{2,60}"),
    "type": re.compile(r"(\\?[A-Z][A-Za-z0-9]{1,40}){3,9}"),
    "max": re.compile(r"[0-9]{1,9}"),
}
_REPORT_ID = re.compile(r" Report ID: (webapi-[0-9a-f]{4,40})$")


class PageTooLarge(Rejected):
    """The shop's pages have at most `limit` rows."""

    def __init__(self, message: str, limit: int, status: int) -> None:
        super().__init__(message, code=REFUSED, status=status)
        self.limit = limit


def error_in(reply: Reply, *, is_write: bool) -> RemoteError | None:
    """The error that a reply stands for; None for a JSON reply to a request that worked.

    A write that ends in a 5xx may have been saved and is OutcomeUnknown.
    """
    status = reply.status
    if status == 429:
        return Transient(
            "Magento asks to slow down (429)",
            code="TooManyRequests",
            status=status,
            retry_after_s=reply.retry_after_s,
        )
    if status >= 500:
        said = _said(reply)
        kind = OutcomeUnknown if is_write else Transient
        return kind(
            f"Magento answered {status}{said.sentence}",
            code=str(status),
            status=status,
            request_id=said.report_id,
            retry_after_s=None if is_write else reply.retry_after_s,
            words=said.words,
        )
    if 200 <= status < 300:
        return None if reply.is_json else unexpected(reply, is_write=is_write)
    if 300 <= status < 400:
        return Rejected(
            f"the shop redirects ({status}): base_url must be its final https address",
            code="Redirected",
            status=status,
        )
    said = _said(reply)
    if status == 401:
        return Rejected(
            f"Magento refuses the sign-in (401){said.sentence}: {_SIGN_IN}",
            code=UNAUTHORIZED,
            status=status,
            words=said.words,
        )
    text = f"Magento answered {status}{said.sentence}"
    limited, limit = _limit(reply)
    if limited == _PAGE_LIMIT and not is_write:
        return PageTooLarge(text, limit, status)
    if limited == _LIST_LIMIT and is_write:
        text += _MORE_LINES
    return Rejected(text, code=_code(reply), status=status, words=said.words)


def _limit(reply: Reply) -> tuple[frozenset[str], int]:
    """The kind of input limit that the shop names, and the limit itself."""
    given = reply.body.get("parameters") if isinstance(reply.body, dict) else None
    if reply.status != 400 or not isinstance(given, dict):
        return frozenset(), 0
    try:
        return frozenset(given), int(given.get("max", 0))
    except (TypeError, ValueError):
        return frozenset(), 0


def unexpected(reply: Reply, *, is_write: bool) -> RemoteError:
    """The error for a reply that reports success but has an unexpected body."""
    text = f"Magento answered {reply.status} without a usable body"
    if is_write:
        return OutcomeUnknown(text, code="UnusableAnswer", status=reply.status)
    return Transient(text, code="UnusableAnswer", status=reply.status)


def _code(reply: Reply) -> str:
    if not isinstance(reply.body, dict):
        return NOT_MAGENTO
    if reply.status == 404:
        return NOT_FOUND
    if reply.body.get("message") == "Unique constraint violation found":
        return UNIQUE
    return REFUSED


class _Said(NamedTuple):
    """What a shop says: `sentence` in clear, and its `words` if they hold more than that."""

    sentence: str
    words: str
    report_id: str


def _said(reply: Reply) -> _Said:
    if not isinstance(reply.body, dict):
        return _Said("" if reply.is_json else " in something other than JSON", "", "")
    listed = reply.body.get("errors")
    details = (
        [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
    )
    sentences, words, report_id = [], [], ""
    for error in [reply.body, *details[:_MOST_ERRORS]]:
        template = error.get("message")
        if not isinstance(template, str):
            continue
        parameters, template = _parameters(error), " ".join(template.split())
        if (report := _REPORT_ID.search(template)) is not None:
            report_id, template = report[1], template[: report.start()]
        harmless = {
            name: value
            for name, value in parameters.items()
            if name in _HARMLESS and _HARMLESS[name].fullmatch(str(value))
        }
        is_own = template in _OWN_SENTENCES
        if is_own:
            sentences.append(_filled(template, harmless, otherwise="…"))
        if not is_own or not parameters.keys() <= harmless.keys():
            words.append(" ".join(_filled(template, parameters).split()))
    sentence = " ".join(sentences)
    return _Said(f": {sentence}" if sentence else "", " ".join(words), report_id)


def _parameters(error: Mapping[str, object]) -> Mapping[str, object]:
    given = error.get("parameters")
    if isinstance(given, list):
        return {str(place): value for place, value in enumerate(given, start=1)}
    return given if isinstance(given, dict) else {}


def _filled(template: str, parameters: Mapping[str, object], otherwise: str | None = None) -> str:
    def value(match: re.Match[str]) -> str:
        return str(parameters.get(match[1], otherwise or match[0]))

    return re.sub(r"%(\w+)", value, template)
