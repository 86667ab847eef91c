"""The people who may sign in to the console."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.roles import Role


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. `name` is what notes are signed with."""

    name: str
    role: Role
