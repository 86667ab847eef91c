"""A row's id in a path. An id too large for the column answers 404 without a query."""

from __future__ import annotations

from werkzeug.routing import BaseConverter, ValidationError

from pipeline.base.row_ids import DIGITS, row_id


class RowId(BaseConverter):
    """`<row_id:order_id>` in a rule."""

    regex = DIGITS

    def to_python(self, value: str) -> int:
        """The id; an id too large for the column does not match the rule."""
        number = row_id(value)
        if number is None:
            raise ValidationError
        return number

    def to_url(self, value: int) -> str:
        """The id as text for a path."""
        return str(value)
