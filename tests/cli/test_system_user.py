"""Who signs what a command does: the account that runs it, whatever the environment says."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from pipeline.base.db import Sessions
from pipeline.cli.common import system_user
from tests.cli.conftest import Run
from tests.security_log import rows

ACCOUNT = pwd.getpwuid(os.getuid()).pw_name
OTHER = next(one for one in pwd.getpwall() if one.pw_uid != os.getuid())
NOBODY_SIGNED_IN = str(2**32 - 1)


@pytest.mark.parametrize(
    ("login", "environment", "expected"),
    [
        (None, {}, ACCOUNT),
        (None, {"USER": "eve", "LOGNAME": "eve", "USERNAME": "eve"}, ACCOUNT),
        (NOBODY_SIGNED_IN, {}, ACCOUNT),
        (NOBODY_SIGNED_IN, {"SUDO_USER": "anna"}, f"{ACCOUNT} (anna)"),
        (NOBODY_SIGNED_IN, {"SUDO_USER": ACCOUNT}, ACCOUNT),
        (None, {"SUDO_USER": "an\nna\x1b"}, f"{ACCOUNT} (an na )"),
        (str(os.getuid()), {}, ACCOUNT),
        (str(OTHER.pw_uid), {}, f"{ACCOUNT} ({OTHER.pw_name})"),
        # Who signed in is known to the kernel: the environment does not change it.
        (str(OTHER.pw_uid), {"SUDO_USER": "eve"}, f"{ACCOUNT} ({OTHER.pw_name})"),
        (str(os.getuid()), {"SUDO_USER": "eve"}, ACCOUNT),
        ("4000000000", {}, f"{ACCOUNT} (user 4000000000)"),
    ],
)
def test_the_account_signs_and_who_became_it(
    tmp_path: Path, login: str | None, environment: dict[str, str], expected: str
) -> None:
    path = tmp_path / "loginuid"
    if login is not None:
        path.write_text(login)
    assert system_user(environment, path) == expected


def test_a_command_is_signed_by_the_account(orderbridge: Run, sessions: Sessions) -> None:
    orderbridge("restored", USER="eve", LOGNAME="eve")
    assert [row.person for row in rows(sessions)] == [system_user()]
