"""Comparing what the stand-in answers and keeps with what was recorded."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.magento.order_docs import Order

Recording = dict[str, Any]

VOLATILE = ("created_at", "updated_at", "protect_code", "start_time", "data_hash")
_IN_TEXT = ("serialized_data", "result_serialized_data", "meta_information")
"""JSON kept as a text inside JSON."""


def differing_rows(found: Order, row: dict[str, Any], items: list[dict[str, Any]]) -> list[str]:
    """Columns that differ from the recorded rows; texts and numbers compare as numbers."""
    faults = []
    pairs = [("order", found.row | {"shipping_method": found.shipping_method}, row)]
    for item in items:
        ours = found.item(int(item["item_id"]))
        pairs.append((f"item {item['item_id']}", ours or {}, item))
    skipped = (*VOLATILE, "store_name", "quote_id", "send_email", "product_options",
               "shipping_address_id", "billing_address_id")  # fmt: skip
    for what, ours, theirs in pairs:
        for key, value in theirs.items():
            if key not in skipped and _comparable(ours.get(key)) != _comparable(value):
                faults.append(f"{what} keeps {key} = {ours.get(key)!r}, recorded {value!r}")
    return faults


def differing_tables(ours: list[Any], theirs: list[dict[str, Any]]) -> list[str]:
    """What differs between rows that hang on an order and the recorded ones."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows, recorded {len(theirs)}: {theirs}"]
    return [
        f"{key} = {row.get(key)!r}, recorded {value!r}"
        for row, recorded in zip(ours, theirs, strict=True)
        for key, value in recorded.items()
        if _comparable(row.get(key)) != _comparable(value)
    ]


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return "\\n".join(value)
    if value == "null":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0 if value is None else value


def masked(value: Any, recording: Recording) -> Any:
    """An answer without its times and random codes; lists nobody sorted are put in order."""
    if isinstance(value, dict):
        kept = {
            key: "*"
            if key in VOLATILE and inner
            else masked(json.loads(inner) if key in _IN_TEXT and inner else inner, recording)
            for key, inner in value.items()
        }
        attributes = kept.get("custom_attributes")
        if attributes:
            kept["custom_attributes"] = sorted(attributes, key=lambda one: one["attribute_code"])
        unsorted = "search_criteria" in kept and "sort_orders" not in kept["search_criteria"]
        if unsorted and isinstance(kept.get("items"), list):
            kept["items"] = sorted(kept["items"], key=lambda one: one.get("entity_id", 0))
        return kept
    if isinstance(value, list):
        return [masked(inner, recording) for inner in value]
    if isinstance(value, str):
        return re.sub(r"webapi-[0-9a-f]{13}$", "webapi-*", value)
    return value


def differences(recorded: Any, found: Any, at: str = "") -> list[str]:
    """What differs between two answers, by path."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        faults = [f"{at}.{key} is missing" for key in recorded.keys() - found.keys()]
        faults += [f"{at}.{key} is extra" for key in found.keys() - recorded.keys()]
        for key in recorded.keys() & found.keys():
            faults += differences(recorded[key], found[key], f"{at}.{key}")
        return faults
    if isinstance(recorded, list) and isinstance(found, list) and len(recorded) == len(found):
        pairs = enumerate(zip(recorded, found, strict=True))
        return [fault for n, (a, b) in pairs for fault in differences(a, b, f"{at}[{n}]")]
    return [] if recorded == found else [f"{at or 'answer'} is {found!r}, recorded {recorded!r}"]
