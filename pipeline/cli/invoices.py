"""`orderbridge invoices`."""

from __future__ import annotations

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NothingDone,
    columns,
    open_installation,
    print_json,
    system_user,
    when,
)
