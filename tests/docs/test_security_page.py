"""What docs/security.md names is there: tests, commands with their options, tables and columns."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from pipeline.base.security_log import Action
from pipeline.cli import main
from tests.tables import METADATA

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/security.md").read_text(encoding="utf-8")
_TESTS = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", _PAGE)))
_COMMANDS = sorted({line.strip() for line in re.findall(r"\borderbridge ([a-z][^`>#<\n]*)", _PAGE)})
_DATA = _PAGE.partition("## What is kept, and where")[2].partition("\n## ")[0]
_COLUMNS = sorted(set(re.findall(r"`([a-z_]+)\.([a-z_]+)`", _DATA)))
_ACTS = sorted(set(re.findall(r'`(?:[^`]*--action )?"([a-z -]+)"`', _PAGE)))


@pytest.mark.parametrize(("file", "name"), _TESTS)
def test_each_test_is_there(file: str, name: str) -> None:
    assert f"def {name}(" in (_ROOT / "tests" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("line", _COMMANDS)
def test_each_command_is_there_with_its_options(line: str) -> None:
    command: click.Command = main
    words = line.split()
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command is not main
    assert not isinstance(command, click.Group) or command.invoke_without_command
    known = {name for param in command.params for name in param.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize(("table", "column"), _COLUMNS)
def test_each_column_is_there(table: str, column: str) -> None:
    assert column in METADATA.tables[table].columns


@pytest.mark.parametrize("table", METADATA.tables)
def test_each_table_is_in_the_data_map(table: str) -> None:
    assert re.search(rf"`{table}[`.]", _DATA)


@pytest.mark.parametrize("act", _ACTS)
def test_each_act_of_the_security_log_is_one(act: str) -> None:
    assert act in list(Action)
