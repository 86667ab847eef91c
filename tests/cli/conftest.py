from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tasks.command import steps
from tests.cli.documented import documented, documents, mistakes
from tests.cli.simulating import Simulate

CONFIGURATION = """
[shops.main]
base_url = "https://api:hidden@shop.example/"

[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-01-01T00:00:00Z
seller_id = "A1SELLER"

[accounts.eu.settings]
invoice = "leave"

[accounts.eu.marketplaces.A1PA6795UKMFR9]
magento_store = "german"
"""
SECRETS = {
    name: f"secret-{position}"
    for position, name in enumerate(
        (
            *("ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN", "ORDERBRIDGE_SHOP_MAIN_ACCESS_TOKEN_SECRET"),
            *("ORDERBRIDGE_SHOP_MAIN_CONSUMER_KEY", "ORDERBRIDGE_SHOP_MAIN_CONSUMER_SECRET"),
            *("ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID", "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET"),
            "ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN",
        )
    )
}
MASTER_KEY = b64encode(bytes(range(32))).decode()
# Nothing listens on port 1 of any machine that tests run on.
NO_DATABASE = "postgresql+psycopg://someone:hidden-password@127.0.0.1:1/orders"

Run = Callable[..., Result]


def environment(folder: Path, database_url: str) -> dict[str, str]:
    """All that a command needs: the configuration in `folder`, secrets and the database."""
    path = folder / "orderbridge.toml"
    path.write_text(CONFIGURATION, encoding="utf-8")
    return {
        **SECRETS,
        "ORDERBRIDGE_CONFIG": str(path),
        "ORDERBRIDGE_DATABASE_URL": database_url,
        "ORDERBRIDGE_REDIS_URL": "redis://:secret-of-redis@127.0.0.1:1/0",
        "ORDERBRIDGE_MASTER_KEY": MASTER_KEY,
    }


@pytest.fixture
def orderbridge(tmp_path: Path, database_url: str) -> Run:
    """Runs `orderbridge WORD...` with the test's own database."""
    return runner(environment(tmp_path, database_url))


@pytest.fixture
def without_database(tmp_path: Path) -> Run:
    """Runs `orderbridge WORD...` where no database answers."""
    return runner(environment(tmp_path, NO_DATABASE))


def runner(variables: Mapping[str, str]) -> Run:
    def run(*words: str, input: str = "", **changed: str | None) -> Result:
        return checked(
            words, CliRunner().invoke(main, words, input=input, env={**variables, **changed})
        )

    return run


def checked(words: Sequence[str], result: Result) -> Result:
    """The result; a document that it printed has to be as docs/cli-json.md says."""
    if "--json" in words and result.stdout:
        command = max(
            (name for name in documented() if list(words[: len(name.split())]) == name.split()),
            key=len,
        )
        for document in documents(result.stdout):
            assert mistakes(command, document) == []
    return result


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulate:
    """Runs `orderbridge simulate -` in an empty folder, with no variable of Orderbridge's set."""
    for name in [name for name in os.environ if name.startswith("ORDERBRIDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(given: Any, *words: str, **files: str) -> Result:
        for name, content in files.items():
            (tmp_path / name).write_text(content, encoding="utf-8")
        content = json.dumps(given) if isinstance(given, dict | list) else given
        argv = ["simulate", "-", *words]
        return checked(argv, CliRunner().invoke(main, argv, obj=steps, input=content))

    return run
