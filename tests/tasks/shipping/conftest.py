"""What tells of packages is tested on the real ledger."""

from __future__ import annotations

from tests.tasks.ledgers import ledger_database

__all__ = ["ledger_database"]
