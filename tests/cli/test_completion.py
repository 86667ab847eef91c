"""`orderbridge completion`: what shells read, and what they then ask."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pipeline.cli import main


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", "complete -o nosort"),
        ("zsh", "#compdef orderbridge"),
        ("fish", "complete --no-files"),
    ],
)
def test_each_shell_gets_its_own(shell: str, words: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert (result.exit_code, words in result.stdout) == (0, True)
    assert "_ORDERBRIDGE_COMPLETE" in result.stdout


def test_another_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["completion", "cmd"]).exit_code == 2
