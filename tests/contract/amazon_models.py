"""Amazon's own models as a judge: of what is asked, and of what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from jsonschema import Draft4Validator

from tests.contracts import contract

NAMES = (
    *("orders_2026-01-01.json", "ordersV0.json", "feeds_2021-06-30.json", "notifications.json"),
    *("sellers.json", "tokens_2021-03-01.json", "finances_2024-06-19.json"),
)


class Exchange(NamedTuple):
    """A request and its answer; `body` and `answer` are JSON, or None where there is none."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    status: int
    answer: Any


@dataclass(frozen=True)
class Operation:
    """One operation of a model."""

    name: str
    method: str
    path: re.Pattern[str]
    model: Mapping[str, Any]
    definitions: Mapping[str, Any]


def model(name: str) -> Any:
    return json.loads(contract(f"amazon/{name}").read_text(encoding="utf-8"))


def closed(schema: Any) -> Any:
    """The schema, with every object closed to fields it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result["additionalProperties"] = False
    return result


def parameter_faults(operation: Mapping[str, Any], query: Mapping[str, str]) -> list[str]:
    """What is wrong with a request's query, by the parameters of the operation's model."""
    known = {
        parameter["name"]: parameter
        for parameter in operation["parameters"]
        if parameter["in"] == "query"
    }
    faults = [f"{name} is not known" for name in query if name not in known]
    for name, parameter in known.items():
        if name not in query:
            faults += [f"{name} is missing"] if parameter["required"] else []
            continue
        value: Any = query[name]
        if parameter["type"] == "array":
            value = value.split(",")
        elif parameter["type"] == "integer":
            value = int(value)
        schema = {key: parameter[key] for key in ("type", "items", "maxItems") if key in parameter}
        faults += [
            f"{name}: {fault.message}" for fault in Draft4Validator(schema).iter_errors(value)
        ]
    return faults


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of every model."""
    return tuple(_read())


def _read() -> Iterator[Operation]:
    for name in NAMES:
        loaded = model(name)
        definitions = closed(_in_one(loaded["definitions"]))
        for path, methods in loaded["paths"].items():
            pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)))
            for method in ("get", "post", "put", "patch", "delete"):
                if method in methods:
                    told = methods[method]
                    title = told.get("operationId", f"{method} {path}")
                    yield Operation(title, method.upper(), pattern, told, definitions)


def _in_one(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The definitions, those made of several (allOf) as one object, so that it can be closed."""
    result: dict[str, Any] = dict(definitions)
    for name, definition in definitions.items():
        if "allOf" not in definition:
            continue
        parts = [
            definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
            for part in definition["allOf"]
        ]
        result[name] = {
            "type": "object",
            "properties": {
                key: value for part in parts for key, value in part["properties"].items()
            },
            "required": [key for part in parts for key in part.get("required", [])],
        }
    return result


def operation_of(exchange: Exchange) -> Operation | None:
    """The operation that was asked for, if Amazon has one like that."""
    return next(
        (
            operation
            for operation in operations()
            if operation.method == exchange.method and operation.path.fullmatch(exchange.path)
        ),
        None,
    )


def request_faults(exchange: Exchange) -> list[str]:
    """What Amazon would not understand, or not take, of a request."""
    asked = operation_of(exchange)
    if asked is None:
        return [f"{exchange.method} {exchange.path} is no operation of Amazon's"]
    faults = parameter_faults(asked.model, exchange.query)
    bodies = [parameter for parameter in asked.model["parameters"] if parameter["in"] == "body"]
    if bodies:
        faults += _misfits(bodies[0]["schema"], asked, exchange.body)
    elif exchange.body is not None:
        faults.append("a body that nobody reads")
    if not exchange.headers.get("x-amz-access-token"):
        faults.append("no access token")
    if not re.fullmatch(r"\S+/\S+ \(Language=\S+(; ?\S+=\S+)*\)", exchange.headers["user-agent"]):
        faults.append("a user agent that Amazon does not take")
    return [f"{asked.name}: {fault}" for fault in faults]


def answer_faults(exchange: Exchange) -> list[str]:
    """What of an answer is not as in the model."""
    asked = operation_of(exchange)
    if asked is None:
        return []
    told = asked.model["responses"].get(str(exchange.status))
    if told is None:
        return [f"{asked.name}: there is no answer {exchange.status}"]
    if "schema" not in told:
        return [] if exchange.answer is None else [f"{asked.name}: an answer with a body"]
    found = _misfits(told["schema"], asked, exchange.answer)
    return [f"{asked.name} {exchange.status}: {fault}" for fault in found]


def _misfits(schema: Mapping[str, Any], asked: Operation, value: Any) -> list[str]:
    whole = {**schema, "definitions": asked.definitions}
    # In a schema with "$ref" its neighbours do not count, but that is where definitions are found.
    errors = Draft4Validator(whole).iter_errors(value)
    return [f"{fault.json_path}: {fault.message}" for fault in errors]
