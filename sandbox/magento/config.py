"""What a shop's owner, host or version decides: read once a request, set over a control route."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

from sandbox.magento.errors import Refused
from sandbox.magento.shop import Doc

BEARER = "oauth/consumer/enable_integration_as_bearer"
INPUT_LIMITS = "webapi/validation/input_limit_enabled"
ARRAY_LIMIT = "webapi/validation/complex_array_limit"
MAXIMUM_PAGE_SIZE = "webapi/validation/maximum_page_size"
DEFAULT_PAGE_SIZE = "webapi/validation/default_page_size"
RATES = "currency/rates"
"""Rates of further allowed currencies: what one unit of the base currency is worth."""
STATUSES = "sales/statuses"
"""The merchant's own order statuses, each with its state."""
VERSION = "version"
WITHHELD = "integration/withheld"
"""ACL resources that the integration was not given."""
INVENTORY = "modules/inventory"
"""Whether the modules of multi-source inventory are enabled."""
MAINTENANCE = "maintenance"
FAILING_CANCELS = "failing_cancels"
"""How many of the next cancellations fail while the order is being saved."""

_DEFAULTS: Doc = {
    BEARER: True,
    INPUT_LIMITS: False,
    ARRAY_LIMIT: 20,
    MAXIMUM_PAGE_SIZE: 300,
    DEFAULT_PAGE_SIZE: 20,
    RATES: {},
    STATUSES: {},
    VERSION: "2.4.7-p3",
    WITHHELD: [],
    INVENTORY: True,
    MAINTENANCE: False,
    FAILING_CANCELS: 0,
}


def read_config(db: sqlite3.Connection, *, bearer: bool) -> Doc:
    """Every setting by its path; `bearer` counts until somebody sets that one."""
    known = {row["path"]: json.loads(row["value"]) for row in db.execute("SELECT * FROM config")}
    return _DEFAULTS | {BEARER: bearer} | known


def write_config(db: sqlite3.Connection, settings: Doc) -> None:
    """Set paths; 400 for one that nothing reads or a value of another kind."""
    for path, value in settings.items():
        if path not in _DEFAULTS or type(value) is not type(_DEFAULTS[path]):
            raise Refused(400, f"{path} is no setting, or {value!r} no value for it")
        db.execute(
            "INSERT INTO config VALUES (?, ?) ON CONFLICT (path)"
            " DO UPDATE SET value = excluded.value",
            (path, json.dumps(value)),
        )


def is_at_least(config: Doc, version: str) -> bool:
    """Whether the shop runs this version or a later one."""
    return _parts(config[VERSION]) >= _parts(version)


def _parts(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def page_limits(config: Doc) -> tuple[int | None, int | None]:
    """The page size taken when none is asked for, and the largest one; None when not limited."""
    if not config[INPUT_LIMITS]:
        return None, None
    return config[DEFAULT_PAGE_SIZE], config[MAXIMUM_PAGE_SIZE]


def array_limit(config: Doc) -> int | None:
    """How many objects an array of a body may hold; None when not limited."""
    limit: Any = config[ARRAY_LIMIT]
    return int(limit) if config[INPUT_LIMITS] else None
