"""The three ways a Magento shop says no over REST."""

from __future__ import annotations

import secrets
from typing import Any


class Refused(Exception):
    """Magento's error form: `message` keeps its placeholders, `parameters` are to fill them."""

    def __init__(
        self, status: int, message: str, parameters: list[Any] | dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.parameters = parameters


class Crashed(Exception):
    """A PHP fatal error: 500 in plain text, and nothing is saved."""


def internal_error() -> Refused:
    """What production mode shows of any unexpected exception."""
    report = secrets.token_hex(7)[:13]
    return Refused(
        500,
        f"Internal Error. Details are available in Magento log file. Report ID: webapi-{report}",
    )


def required(field: str) -> Refused:
    return Refused(400, '"%fieldName" is required. Enter and try again.', {"fieldName": field})


def wrong_type(value: Any, expected: str, field: str | None = None) -> Refused:
    during = f'Error occurred during "{field}" processing. ' if field else ""
    tail = f'The "{value}" value\'s type is invalid. The "{expected}" type was expected.'
    return Refused(400, f"{during}{tail} Verify and try again.")


def no_such_entity() -> Refused:
    return Refused(
        404, "The entity that was requested doesn't exist. Verify the entity and try again."
    )
