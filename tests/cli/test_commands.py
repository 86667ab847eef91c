"""What all commands share, `migrate`, `settings check`, and `console` before it starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pipeline.cli import main
from tests.cli.conftest import MASTER_KEY, SECRETS, Run, environment, runner
from tests.conftest import Servers

LOGIN = {"ORDERBRIDGE_CONSOLE_USER": "anna", "ORDERBRIDGE_CONSOLE_PASSWORD": "secret-login"}


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = list(_commands(main))


def test_these_are_the_commands() -> None:
    assert sorted(" ".join(path) for path in COMMANDS) == [
        "",
        "accounts",
        "accounts retry",
        "alerts",
        "alerts test",
        "audit",
        "audit export",
        "audit list",
        "audit prune",
        "audit verify",
        "backfill",
        "backfill status",
        "backfill stop",
        "backup",
        "bulk",
        "bulk list",
        "bulk show",
        "bulk stop",
        "bulk undo",
        "completion",
        "console",
        "doctor",
        "explain",
        "health",
        "invoices",
        "invoices ignore",
        "invoices list",
        "invoices resume",
        "invoices upload",
        "keys",
        "keys new",
        "keys rotate",
        "keys status",
        "migrate",
        "notifications",
        "notifications remove",
        "notifications setup",
        "notifications status",
        "orders",
        "orders address",
        "orders cancel",
        "orders dismiss",
        "orders explain",
        "orders hold",
        "orders list",
        "orders money",
        "orders note",
        "orders release",
        "orders replay",
        "orders retry",
        "orders ship",
        "orders ship-many",
        "orders show",
        "orders transparency",
        "orders worth",
        "people",
        "people add",
        "people list",
        "people lock",
        "people password",
        "people remove",
        "people reset-second-factor",
        "people review",
        "people role",
        "people sessions",
        "people unlock",
        "purge",
        "reconcile",
        "reconcile accept",
        "reconcile last",
        "refunds",
        "refunds dismiss",
        "refunds list",
        "refunds made",
        "refunds prepare",
        "refunds send",
        "refunds settle",
        "refunds show",
        "refunds undo",
        "replay",
        "restored",
        "returns",
        "returns list",
        "returns read",
        "settings",
        "settings accept-copy",
        "settings check",
        "settings show",
        "settings turn",
        "settings turn-back",
        "settings turned",
        "settlements",
        "settlements csv",
        "settlements list",
        "settlements read",
        "settlements show",
        "simulate",
        "sku-map",
        "sku-map check",
        "sku-map list",
        "sku-map set",
        "sku-map unset",
        "tokens",
        "tokens add",
        "tokens list",
        "tokens revoke",
        "webhooks",
        "webhooks add",
        "webhooks deliveries",
        "webhooks list",
        "webhooks pause",
        "webhooks remove",
        "webhooks replay",
        "webhooks resume",
        "webhooks test",
    ]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_explains_everything(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert "Exit status: 0 success, 1 nothing found or nothing done, 2" in result.stdout
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_help_imports_nothing_that_is_slow() -> None:
    script = (
        "import sys; from pipeline.cli import main; main(['--help'], standalone_mode=False); "
        "print({'flask', 'alembic', 'sqlalchemy', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nset()\n")


@pytest.mark.parametrize(
    "words",
    [
        ("migrate", "--wait", "0"),
        ("orders", "list"),
        ("orders", "show", "1"),
        ("orders", "release", "1"),
        ("orders", "release", "--held"),
        ("accounts",),
        ("accounts", "retry", "eu"),
        ("backfill", "status"),
        ("backfill", "stop", "1"),
    ],
    ids=" ".join,
)
def test_a_database_that_does_not_answer_is_one_sentence(
    without_database: Run, words: tuple[str, ...]
) -> None:
    result = without_database(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        "Error: the database of ORDERBRIDGE_DATABASE_URL does not answer: "
    )
    assert result.stderr.count("\n") == 1
    assert "hidden-password" not in result.stderr


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ORDERBRIDGE_MASTER_KEY": "short"}, "ORDERBRIDGE_MASTER_KEY must be 32 random bytes"),
        ({"ORDERBRIDGE_REDIS_URL": ""}, "have to be set: ORDERBRIDGE_REDIS_URL"),
        ({"ORDERBRIDGE_CONFIG": "nowhere.toml"}, "nowhere.toml cannot be read"),
        ({"ORDERBRIDGE_DATABASE_URL": "hidden"}, "ORDERBRIDGE_DATABASE_URL must look like"),
        ({"ORDERBRIDGE_DATABASE_URL": "mysql://hidden@x/y"}, "DATABASE_URL must look like"),
    ],
)
@pytest.mark.parametrize("words", [("orders", "list"), ("console",)], ids=" ".join)
def test_a_configuration_that_cannot_be_used_is_one_sentence(
    without_database: Run, words: tuple[str, ...], changed: dict[str, str], sentence: str
) -> None:
    result = without_database(*words, **LOGIN, **changed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert "hidden" not in result.stderr


def test_tables_that_are_missing_are_said_to_be(tmp_path: Path, servers: Servers) -> None:
    result = runner(environment(tmp_path, servers.database_url))("orders", "list")
    assert result.exit_code == 2
    assert result.stderr == "Error: the database lacks tables of this version: run " + (
        "orderbridge migrate\n"
    )


def test_settings_check_prints_what_counts_and_no_secret(without_database: Run) -> None:
    result = without_database("settings", "check")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    german = lines.index("account eu, marketplace A1PA6795UKMFR9 (DE)")
    other = lines.index("account eu, every other marketplace")
    timing = lines.index("timing, in seconds")
    assert lines[: lines.index("")] == [
        *("shop main", "address https://shop.example", "sign-in oauth", "request limit 60 s")
    ]
    assert {"magento_store german", "invoice leave", "import_orders true"} <= set(
        lines[german:other]
    )
    assert {"magento_store default", "invoice leave", "fba_store -"} <= set(lines[other:timing])
    assert "poll_every_s 180" in lines[timing:]
    for secret in (*SECRETS.values(), MASTER_KEY, "hidden", "secret-of-redis"):
        assert secret not in result.stdout


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (dict.fromkeys(LOGIN), "nobody could sign in: add an admin with orderbridge people add"),
        ({**LOGIN, "ORDERBRIDGE_CONSOLE_USER": ""}, "nobody could sign in"),
        ({**LOGIN, "ORDERBRIDGE_CONSOLE_PASSWORD": ""}, "nobody could sign in"),
        (
            {**LOGIN, "ORDERBRIDGE_CONSOLE_USER": "an:na"},
            "cannot add an admin: a name has up to 64",
        ),
        ({**LOGIN, "ORDERBRIDGE_CONSOLE_PASSWORD": "too-short"}, "a password has 12 to 256"),
        (
            {**LOGIN, "ORDERBRIDGE_CONSOLE_PASSWORD_FILE": "/nowhere"},
            "ORDERBRIDGE_CONSOLE_PASSWORD and ORDERBRIDGE_CONSOLE_PASSWORD_FILE are both set",
        ),
    ],
)
def test_the_console_does_not_start_where_nobody_could_sign_in(
    orderbridge: Run, changed: dict[str, str | None], sentence: str
) -> None:
    result = orderbridge("console", **changed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "secret-login" not in result.stderr


def test_the_console_links_to_web_addresses_only(without_database: Run) -> None:
    result = without_database("console", **LOGIN, ORDERBRIDGE_FLOWER_URL="javascript:alert(1)")
    assert result.exit_code == 2
    assert "ORDERBRIDGE_FLOWER_URL must begin with http:// or https://" in result.stderr
