"""Turn Magento's reply into the error that answers the caller's question: may I send it again?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline.base.errors import OutcomeUnknown, Rejected, RemoteError, Transient
from pipeline.base.http import Reply

UNAUTHORIZED = "Unauthorized"
NOT_FOUND = "NotFound"
REFUSED = "Refused"
UNIQUE = "unique"
NOT_MAGENTO = "NotMagento"

_LONGEST_MESSAGE = 300
_SIGN_IN = (
    "check that the integration is active in the shop (System > Integrations) and may use this "
    "resource, that its four keys are the configured ones and that the clocks agree; with auth = "
    '"bearer" the shop must allow it (Services > OAuth > Consumer Settings), which is off since '
    '2.4.4: better use auth = "oauth"'
)
# Keys in request bodies whose texts may name a buyer.
_PERSONAL = frozenset(
    {
        *("firstname", "lastname", "middlename", "company", "street", "city", "region", "postcode"),
        *("telephone", "vat_id", "email", "customer_email", "customer_firstname"),
        *("customer_lastname", "customer_taxvat", "po_number", "comment"),
    }
)
# The parameters that Magento sends with an error about an input limit, in any language.
_PAGE_LIMIT, _LIST_LIMIT = frozenset({"max"}), frozenset({"type", "max"})
_MORE_LINES = (
    "; the limit is the shop's setting webapi/validation/complex_array_limit (Stores > "
    "Configuration > Services > Magento Web API): raise it to the order's number of lines, charges "
    "included, and the order goes on by itself"
)
_MOST_ERRORS = 3
# Parameters with the name of a field or limit of Magento, never with a value that was sent.
_HARMLESS = frozenset({"fieldName", "resources", "type", "max"})
# Magento's own sentences in a parameter: they name a field, never a value that was sent.
_OWN_WORDS = re.compile(
    r'Email has a wrong format|"[A-Z][A-Za-z ]{1,30}" is required\. Enter and try again\.'
)
_SENT_VALUES = re.compile(r'"[^"]*"(?= value)|\S+@\S+|(?<![\w-])\+?\d[\d ()-]{5,}')


class PageTooLarge(Rejected):
    """The shop's pages have at most `limit` rows."""

    def __init__(self, message: str, limit: int, status: int) -> None:
        super().__init__(message, code=REFUSED, status=status)
        self.limit = limit


def error_in(
    reply: Reply, *, is_write: bool, is_private: bool = False, sent: object = None
) -> RemoteError | None:
    """The error that a reply stands for; None for a JSON reply to a request that worked.

    `is_private` says that the request's body `sent` contained a buyer's data: Magento's message is
    then stripped of what it may quote. A write that ends in a 5xx may have been saved and is
    OutcomeUnknown.
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
        text = f"Magento answered {status}{_message(reply, is_private, sent)}"
        if is_write:
            return OutcomeUnknown(text, code=str(status), status=status)
        return Transient(text, code=str(status), status=status, retry_after_s=reply.retry_after_s)
    if 200 <= status < 300:
        return None if reply.is_json else unexpected(reply, is_write=is_write)
    if 300 <= status < 400:
        return Rejected(
            f"the shop redirects ({status}): base_url must be its final https address",
            code="Redirected",
            status=status,
        )
    message = _message(reply, is_private, sent)
    if status == 401:
        return Rejected(
            f"Magento refuses the sign-in (401){message}: {_SIGN_IN}",
            code=UNAUTHORIZED,
            status=status,
        )
    text = f"Magento answered {status}{message}"
    limited, limit = _limit(reply)
    if limited == _PAGE_LIMIT and not is_write:
        return PageTooLarge(text, limit, status)
    if limited == _LIST_LIMIT and is_write:
        text += _MORE_LINES
    return Rejected(text, code=_code(reply), status=status)


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


def _message(reply: Reply, is_private: bool, sent: object) -> str:
    """`: message` with its placeholders filled and private values removed; "" when not JSON."""
    if not isinstance(reply.body, dict):
        return "" if reply.is_json else " in something other than JSON"
    listed = reply.body.get("errors")
    details = (
        [error for error in listed if isinstance(error, dict)] if isinstance(listed, list) else []
    )
    every = [reply.body, *details[:_MOST_ERRORS]]
    message = " ".join(filter(None, (_error_text(error, is_private) for error in every)))
    if is_private:
        message = _without(message, sent)
    return f": {message[:_LONGEST_MESSAGE]}" if message else ""


def _error_text(body: Mapping[str, object], is_private: bool) -> str:
    template = body.get("message")
    if not isinstance(template, str):
        return ""
    given = body.get("parameters")
    parameters: Mapping[str, object] = {}
    if isinstance(given, dict):
        parameters = given
    elif isinstance(given, list):
        parameters = {str(place): value for place, value in enumerate(given, start=1)}
    if is_private:
        template = _SENT_VALUES.sub("…", template)
        parameters = {
            key: value
            for key, value in parameters.items()
            if key in _HARMLESS or _is_own_words(value)
        }
    return " ".join(_filled(template, parameters).split())


def _is_own_words(value: object) -> bool:
    return isinstance(value, str) and all(map(_OWN_WORDS.fullmatch, value.split("\n")))


def _without(message: str, sent: object) -> str:
    """The message without the buyer's data that was sent, which an extension may quote."""
    values = {" ".join(value.split()) for value in _personal(sent)}
    for value in sorted((text for text in values if len(text) > 2), key=len, reverse=True):
        message = re.sub(re.escape(value), "…", message, flags=re.IGNORECASE)
    return message


def _personal(sent: object, key: str = "") -> Iterator[str]:
    """Every text below a key that may hold a buyer's data."""
    if isinstance(sent, str) and key in _PERSONAL:
        yield sent
    elif isinstance(sent, Mapping):
        for name, value in sent.items():
            yield from _personal(value, str(name))
    elif isinstance(sent, list | tuple):
        for value in sent:
            yield from _personal(value, key)


def _filled(template: str, parameters: Mapping[str, object]) -> str:
    def value(match: re.Match[str]) -> str:
        return str(parameters.get(match[1], match[0]))

    return re.sub(r"%(\w+)", value, template)
