"""Why a change of a person is refused, or a password is not checked."""

from __future__ import annotations


class NotAllowed(Exception):
    """The change is refused; the message says why."""


class NameTaken(NotAllowed):
    """Somebody has that name, had it, or has a name that looks like it."""


class Busy(Exception):
    """Too many passwords are being checked at this moment."""
