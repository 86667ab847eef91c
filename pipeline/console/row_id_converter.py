"""A row's id in a path. An id too large for the column answers 404 without a query."""

from __future__ import annotations

from werkzeug.exceptions import NotFound
from werkzeug.routing import BaseConverter

from pipeline.base.row_ids import DIGITS, row_id


class RowId(BaseConverter):
    """`<row_id:order_id>` in a rule."""

    regex = DIGITS

    def to_python(self, value: str) -> int:
        """The id; one too large for the column is not found, whatever else its path takes."""
        number = row_id(value)
        if number is None:
            raise NotFound
        return number

    def to_url(self, value: int) -> str:
        """The id as text for a path."""
        return str(value)
