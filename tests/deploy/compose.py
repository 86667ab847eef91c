"""Reads docker-compose.yml and .env files as Docker Compose does, as far as ours go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent.parent
COMPOSE_FILE = PROJECT / "docker-compose.yml"
EXAMPLE = PROJECT / "deploy" / ".env.example"
INITIAL = PROJECT / "deploy" / "postgres"
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?P<rule>:[-?])?(?P<default>[^}]*)\})")


def variables() -> set[str]:
    """The variables that the compose file takes from .env."""
    found = VARIABLE.finditer(COMPOSE_FILE.read_text(encoding="utf-8"))
    return {match["name"] for match in found if match["name"]}


def read(environ: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with its variables filled in. Raises KeyError for one that must be set."""

    def fill(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["rule"] == ":-":
            return environ.get(match["name"]) or match["default"]
        return environ[match["name"]]

    document = yaml.safe_load(VARIABLE.sub(fill, COMPOSE_FILE.read_text(encoding="utf-8")))
    assert isinstance(document, dict)
    return document


def example() -> dict[str, str]:
    """What the example of .env sets, in order."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def copied_into_the_image() -> list[str]:
    """The project's own files and folders that the Dockerfile copies."""
    lines = (PROJECT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if re.match(r"COPY (?!--)", line)]
    return sorted({source for sources in copied for source in sources})
