"""Reading a REST request and writing the answer as Magento's web API does."""

from __future__ import annotations

import json
import re
from typing import Any, cast
from xml.etree import ElementTree

from flask import Response, g, request

from sandbox.magento.config import array_limit, is_at_least, page_limits
from sandbox.magento.errors import Refused, required, wrong_type
from sandbox.magento.fields import Rules
from sandbox.magento.search import Criteria, read_criteria
from sandbox.magento.shop import Doc

_FORMS = {
    "*/*": "json",
    "application/json": "json",
    "application/xml": "xml",
    "application/xhtml+xml": "xml",
    "text/xml": "xml",
}
_FIELD = re.compile(r"[^\[\],]+|[\[\],]")


def body() -> Doc:
    """The JSON object sent, {} when nothing was sent."""
    raw = request.get_data()
    if not raw:
        return {}
    if not request.content_type:
        raise Refused(400, "Content-Type header is empty.")
    try:
        sent = json.loads(raw)
    except ValueError:
        raise Refused(400, "Decoding error.") from None
    return cast(Doc, sent) if isinstance(sent, dict) else {}


def part(name: str) -> Any:
    """One required argument of the service behind the route."""
    sent = body()
    if name not in sent:
        raise required(name)
    return sent[name]


def identifier(text: str) -> int:
    """An integer from the path."""
    if not re.fullmatch(r"[+-]?\d+", text):
        raise wrong_type(text, "int")
    return int(text)


def store_id() -> int:
    """The store view the address names; without one the default view."""
    return cast(int, g.store_id)


def config() -> Doc:
    """The shop's settings as they were when the request came in."""
    return cast(Doc, g.config)


def search_criteria() -> Criteria:
    """What a list route was asked for."""
    return read_criteria(request.query_string, *page_limits(config()))


def input_rules() -> Rules:
    """How strict the shop is about the objects it is sent."""
    return rules_of(config())


def rules_of(settings: Doc) -> Rules:
    return Rules(
        array_limit(settings), is_at_least(settings, "2.4.7"), is_at_least(settings, "2.4.8")
    )


def answer(value: Any, status: int = 200) -> Response:
    """JSON, cut down to `fields=` when that was asked for."""
    fields = request.args.get("fields")
    if fields and status == 200 and isinstance(value, dict | list):
        value = _project(value, _wanted(fields))
    if _form() == "xml":
        root = ElementTree.Element("response")
        _fill(root, plain(value))
        ElementTree.indent(root)
        text = '<?xml version="1.0"?>\n' + ElementTree.tostring(root, "unicode") + "\n"
        return Response(text, status, content_type="application/xml; charset=utf-8")
    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, content_type="application/json; charset=utf-8")


def refusal(error: Refused) -> Response:
    shown: Doc = {"message": error.message}
    if error.parameters is not None:
        shown["parameters"] = error.parameters
    return answer(shown, error.status)


def acceptable() -> bool:
    """Whether any media type of the Accept header is one the shop can write."""
    return _form() is not None


def _form() -> str | None:
    """The first media type asked for that the shop knows; a browser's list ends in XML."""
    accept = request.headers.get("Accept") or "*/*"
    kinds = (kind.partition(";")[0].strip().lower() for kind in accept.split(","))
    return next((_FORMS[kind] for kind in kinds if kind in _FORMS), None)


def _fill(element: ElementTree.Element, value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _fill(ElementTree.SubElement(element, key), inner)
    elif isinstance(value, list):
        for inner in value:
            _fill(ElementTree.SubElement(element, "item"), inner)
    elif value is not None:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)


def plain(value: Any) -> Any:
    """Whole floats as integers: 40, not 40.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def _wanted(fields: str) -> Doc:
    """`items[a,b[c]],n` as nested dictionaries; a leaf is an empty one."""
    root: Doc = {}
    stack = [root]
    last = ""
    for token in _FIELD.findall(fields):
        if token == "[":
            stack.append(stack[-1].setdefault(last, {}))
        elif token == "]":
            stack = stack[:-1] or [root]
        elif token != ",":
            last = token.strip()
            stack[-1].setdefault(last, {})
    return root


def _project(value: Any, wanted: Doc) -> Any:
    """Keep the wanted keys. An empty list that was asked into becomes null, an empty object []."""
    if isinstance(value, list):
        return [_project(inner, wanted) for inner in value] or None
    if not isinstance(value, dict):
        return value
    kept = {
        key: _project(inner, wanted[key]) if wanted[key] else inner
        for key, inner in value.items()
        if key in wanted
    }
    return kept or []
