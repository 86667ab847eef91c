"""A row's id in a path: one that no row can have is not found, and never asked the database for."""

from __future__ import annotations

from werkzeug.routing import BaseConverter, ValidationError

from pipeline.base.row_ids import DIGITS, row_id


class RowId(BaseConverter):
    """`<row_id:order_id>` in a rule."""

    regex = DIGITS

    def to_python(self, value: str) -> int:
        """The id; where it is beyond all ids the rule does not match."""
        found = row_id(value)
        if found is None:
            raise ValidationError
        return found

    def to_url(self, value: int) -> str:
        """The id as it stands in a path."""
        return str(value)
