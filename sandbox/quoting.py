"""Refusals that quote the buyer, in the forms in which a shop and what stands before it write them.

Magento's own validations quote values, as text or as parameters of a message; extensions quote them
as HTML or from an address; PHP writes JSON with `\\\\uXXXX`, and an error page shows what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote_plus

TEMPLATE = 'Invalid value of "%value" provided for the %fieldName field.'
_WRITTEN: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "html": escape,
    "url": quote_plus,
    "unicode": lambda words: json.dumps(words)[1:-1],
    "entities": lambda words: "".join(f"&#{ord(sign)};" for sign in words),
}
FORMS = (*_WRITTEN, "parameters")


def magento_refusal(words: str, form: str) -> dict[str, Any]:
    """A message of Magento's, or a template with the words among its parameters."""
    if form == "parameters":
        return {"message": TEMPLATE, "parameters": {"fieldName": "lastname", "value": words}}
    return {"message": f'"{_WRITTEN[form](words)}" is not valid.'}


def amazon_refusal(words: str, form: str) -> dict[str, Any]:
    """Errors of Amazon's; `parameters` puts the words into the details alone."""
    written = _WRITTEN.get(form, str)(words)
    message = "Invalid input." if form == "parameters" else f"{written} is not valid."
    return {"errors": [{"code": "InvalidInput", "message": message, "details": written}]}
