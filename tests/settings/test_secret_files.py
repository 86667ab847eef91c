"""Every secret may be in a file, which a variable names."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from pipeline.base.master_keys import MasterKey
from pipeline.settings.file import ConfigError, database_url, load, load_for_celery
from pipeline.settings.secrets import readable_by_all

CONFIGURATION = """
[shops.main]
base_url = "https://shop.example/"
[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-11-01T00:00:00Z
[console]
url = "https://orders.example/"
[console.oidc]
issuer = "https://login.example/"
client_id = "orderbridge"
default_role = "viewer"
[alerts]
webhook = true
[alerts.mail]
host = "mail.example"
user = "orderbridge"
sender = "orderbridge@shop.example"
to = ["anna@shop.example"]
"""
OLD = MasterKey(bytes(range(32)))
SECRETS = {
    "DATABASE_URL": "postgresql+psycopg://app:canary@127.0.0.1/orders",
    "REDIS_URL": "sentinel://:canary@127.0.0.1/main/0",
    "REDIS_SENTINEL_PASSWORD": "canary-sentinel",
    "METRICS_TOKEN": "canary-of-twenty-characters",
    "MASTER_KEY": b64encode(OLD.successor().secret).decode(),
    "MASTER_KEY_OLD": b64encode(OLD.secret).decode(),
    **{
        f"SHOP_MAIN_{name}": f"canary-{name}"
        for name in ("ACCESS_TOKEN", "ACCESS_TOKEN_SECRET", "CONSUMER_KEY", "CONSUMER_SECRET")
    },
    **{
        f"ACCOUNT_EU_{name}": f"canary-{name}"
        for name in (
            *("CLIENT_ID", "CLIENT_SECRET", "CLIENT_SECRET_NEW", "REFRESH_TOKEN"),
            *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        )
    },
    "CONSOLE_OIDC_SECRET": "canary-oidc",
    "ALERTS_WEBHOOK_URL": "https://hooks.example/canary",
    "ALERTS_MAIL_PASSWORD": "canary-mail",
}


def variables(folder: Path) -> dict[str, str]:
    """Every secret in a file, as an editor ends it."""
    found = {"ORDERBRIDGE_CONFIG": str(folder / "orderbridge.toml")}
    (folder / "orderbridge.toml").write_text(CONFIGURATION)
    for name, value in SECRETS.items():
        file = folder / name.lower()
        file.write_text(value + "\n")
        file.chmod(0o400)
        found[f"ORDERBRIDGE_{name}_FILE"] = str(file)
    return found


def test_files_and_variables_say_the_same(tmp_path: Path) -> None:
    in_files = variables(tmp_path)
    in_variables = {f"ORDERBRIDGE_{name}": value for name, value in SECRETS.items()}
    config = {"ORDERBRIDGE_CONFIG": in_files["ORDERBRIDGE_CONFIG"]}
    loaded = load(in_files)
    assert loaded == load({**config, **in_variables})
    assert loaded.master_keys[1] == OLD.secret
    assert loaded.accounts["eu"].client_secret_new.get_secret_value() == "canary-CLIENT_SECRET_NEW"
    assert load_for_celery(in_files) == load_for_celery({**config, **in_variables})
    assert database_url(in_files) == SECRETS["DATABASE_URL"]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_both_is_refused_without_telling_it(tmp_path: Path, name: str) -> None:
    both = {**variables(tmp_path), f"ORDERBRIDGE_{name}": "canary of the variable"}
    with pytest.raises(ConfigError) as told:
        load(both)
    assert str(told.value) == (
        f"ORDERBRIDGE_{name} and ORDERBRIDGE_{name}_FILE are both set: unset one"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"canary \xff", "is no text in UTF-8"),
    ],
)
def test_a_file_without_a_secret_is_refused_with_its_name(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    given = variables(tmp_path)
    file = tmp_path / "redis_url"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as told:
        load_for_celery(given)
    assert str(told.value) == f"ORDERBRIDGE_REDIS_URL_FILE: {file} {sentence}"


def test_a_file_that_everybody_can_read_is_told(tmp_path: Path) -> None:
    given = variables(tmp_path)
    assert list(readable_by_all(given)) == []
    (tmp_path / "master_key").chmod(0o444)
    (tmp_path / "orderbridge.toml").chmod(0o444)
    assert list(readable_by_all(given)) == [
        "ORDERBRIDGE_MASTER_KEY_FILE: every user of this machine can read "
        f"{tmp_path / 'master_key'}"
    ]
