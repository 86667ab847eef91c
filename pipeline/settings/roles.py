"""The roles of people, which say what they may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Each role includes the roles before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether a person with this role may do everything that `other` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)
