"""Reads saved replies of a shop by route, for data that only this shop has."""

from __future__ import annotations

import re
from typing import Any

from pipeline.base import clean_json
from pipeline.operations.preview.simulate_orders_file import Unusable

_BEFORE_THE_ROUTE = re.compile(r"^/?(rest/)?([^/]+/)?V1/|^/?")


def replies_in(content: bytes) -> dict[str, Any]:
    """The replies by the route after /V1, such as /store/storeConfigs. Raises Unusable."""
    try:
        document = clean_json.parsed(content)
    except (ValueError, RecursionError):
        raise Unusable("it is not JSON") from None
    if not isinstance(document, dict):
        raise Unusable('it must be {"/store/storeConfigs": [...], ...}: replies by their route')
    return {_BEFORE_THE_ROUTE.sub("/", name): reply for name, reply in document.items()}
