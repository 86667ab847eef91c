"""Magento's own REST schema as a judge of the requests that we send."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from jsonschema import Draft4Validator

from tests.contracts import contract

# The schema names one example of each repeatable parameter: index 0.
_INDEX = re.compile(r"\[\d+\]")
# Required by the schema and not by the shop, which fills in the rest: a history entry gets its
# order's id, and a product's stock item the shop's settings.
_NOT_REQUIRED = {
    "sales-data-order-status-history-interface": {"parent_id"},
    "catalog-inventory-data-stock-item-interface": None,
}


class Request(NamedTuple):
    """A request as the shop got it; the path as it was written, the body read."""

    method: str
    path: str
    query: str
    body: Any


@cache
def _schema() -> dict[str, Any]:
    """The schema with unknown properties refused, as shops from 2.4.7 do."""
    schema: dict[str, Any] = json.loads(contract("magento/openapi.json").read_text("utf-8"))
    for name, definition in schema["definitions"].items():
        if definition.get("type") == "object":
            definition["additionalProperties"] = False
        if name in _NOT_REQUIRED:
            free = _NOT_REQUIRED[name] or set(definition["required"])
            definition["required"] = sorted(set(definition["required"]) - free)
            if not definition["required"]:
                del definition["required"]
    payment = schema["definitions"]["sales-data-order-payment-interface"]["properties"]
    # Typed as a list of strings, and kept with its keys when it comes as an object.
    payment["additional_information"] = {
        "type": "object",
        "additionalProperties": {"type": "string"},
    }
    return schema


@cache
def _templates() -> list[tuple[str, re.Pattern[str]]]:
    """Every path; fixed ones before those with placeholders: /customers/search is no customer."""
    paths = sorted(_schema()["paths"], key=lambda path: path.count("{"))
    return [(path, re.compile(_pattern(path))) for path in paths]


def _pattern(path: str) -> str:
    return re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))


def route(request: Request) -> str | None:
    """Method and path template of the operation that is asked for; None when there is none."""
    asked = re.sub(r"^/rest(/(?!V1/)[^/]+)?", "", request.path)
    for template, pattern in _templates():
        if pattern.fullmatch(asked) and request.method.lower() in _schema()["paths"][template]:
            return f"{request.method} {template}"
    return None


def faults(request: Request) -> list[str]:
    """What the shop would not understand of a request."""
    asked = route(request)
    if asked is None:
        return [f"{request.method} {request.path} is no route"]
    method, template = asked.split()
    operation = _schema()["paths"][template][method.lower()]
    parameters = operation.get("parameters", [])
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"} | {
        "fields"
    }
    sent = {_INDEX.sub("[0]", unquote(name)) for name, _ in parse_qsl(request.query, True)}
    found = [f"{asked}: {name} is no parameter" for name in sorted(sent - known)]
    bodies = [parameter["schema"] for parameter in parameters if parameter["in"] == "body"]
    if request.body is None or not bodies:
        return found + ([f"{asked}: a body nobody reads"] if request.body is not None else [])
    whole = bodies[0] | {"additionalProperties": False, "definitions": _schema()["definitions"]}
    errors = list(Draft4Validator(whole).iter_errors(request.body))
    if isinstance(request.body, dict) and "entity_id" in (request.body.get("entity") or {}):
        # An update names what changes; a new order is held to all that the schema requires.
        errors = [error for error in errors if error.validator != "required"]
    return found + [f"{asked}: {error.json_path}: {error.message[:80]}" for error in errors]
