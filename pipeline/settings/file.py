"""Reading the configuration: secrets from the environment, all else from `orderbridge.toml`.

The variables of secrets and connections begin with `ORDERBRIDGE_`; see docs/settings.md.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.base.broker import NotSupported
from pipeline.settings import plaintext
from pipeline.settings.model import PREFIX, Settings
from pipeline.settings.secrets import BadSecret, master_keys, secret_of

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class ConfigError(Exception):
    """The configuration cannot be used; the message names the place and what to do."""


_SECRETS = (
    *("database_url", "redis_url", "redis_sentinel_password", "metrics_token"),
    *("master_key", "master_key_old"),
)
_SHOP_SECRETS = ("access_token", "access_token_secret", "consumer_key", "consumer_secret")
_ACCOUNT_SECRETS = ("client_id", "client_secret", "refresh_token")
_OPTIONAL_SECRETS = ("client_secret_new", "aws_access_key_id", "aws_secret_access_key")


def load(environ: Mapping[str, str] = os.environ, *, may_be_new: bool = False) -> Settings:
    """Read `ORDERBRIDGE_CONFIG` (default: orderbridge.toml) and the environment's secrets.

    With `may_be_new` the file may have no shops and no accounts yet. Raises ConfigError with one
    line per mistake.
    """
    path = Path(environ.get(f"{PREFIX}CONFIG", "orderbridge.toml"))
    data = _tables(path)
    missing: list[str] = []
    data["database_url"] = _variable(environ, "DATABASE_URL", missing)
    data["redis_url"] = _variable(environ, "REDIS_URL", missing)
    data["redis_sentinel_password"] = _variable(environ, "REDIS_SENTINEL_PASSWORD", [])
    data["metrics_token"] = _variable(environ, "METRICS_TOKEN", [])
    data["master_keys"] = _master_keys(environ, missing)
    for section, prefix, secrets in (
        ("shops", "SHOP", _SHOP_SECRETS),
        ("accounts", "ACCOUNT", (*_ACCOUNT_SECRETS, *_OPTIONAL_SECRETS)),
    ):
        if may_be_new:
            data.setdefault(section, {})
        for name, values in _named_tables(data, section, path, may_be_new):
            for secret in secrets:
                if secret in values:
                    raise ConfigError(
                        f"{path}: {section}.{name}.{secret} is a secret and belongs into the "
                        f"environment as {PREFIX}{prefix}_{name.upper()}_{secret.upper()}"
                    )
                if (
                    section == "shops"
                    and values.get("auth") == "bearer"
                    and secret != "access_token"  # noqa: S105 - a name
                ):
                    continue
                # An optional secret never counts as missing.
                wanted = [] if secret in _OPTIONAL_SECRETS else missing
                values[secret] = _variable(environ, f"{prefix}_{name}_{secret}".upper(), wanted)
    _read_the_providers_secret(data, environ, path, missing)
    _read_the_alerts_secrets(data, environ, path, missing)
    _refuse_missing(missing)
    try:
        loaded = Settings.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        raise ConfigError(_sentences(path, error)) from None
    _check_broker(loaded)
    database = loaded.database_url.get_secret_value()
    _refuse(plaintext.mistakes(environ, database=database, broker=loaded.broker, settings=loaded))
    return loaded


def load_without_secrets(path: Path) -> Settings:
    """The accounts, shops and times of a file, for commands that call no remote: no secret needed.

    Raises ConfigError with one line per mistake.
    """
    return _load_a_part(path, ("shops", "accounts", "timing"), {"redis_url": ""})


def load_for_celery(environ: Mapping[str, str] = os.environ) -> Settings:
    """The broker, and what beat's timetable is made of.

    Of the secrets only the broker's are needed, so that beat and Flower need not have any other.
    Raises ConfigError with one line per mistake.
    """
    missing: list[str] = []
    broker = {
        "redis_url": _variable(environ, "REDIS_URL", missing),
        "redis_sentinel_password": _variable(environ, "REDIS_SENTINEL_PASSWORD", []),
    }
    _refuse_missing(missing)
    path = Path(environ.get(f"{PREFIX}CONFIG", "orderbridge.toml"))
    loaded = _load_a_part(path, ("shops", "accounts", "timing", "redis"), broker)
    _check_broker(loaded)
    _refuse(plaintext.mistakes(environ, broker=loaded.broker))
    return loaded


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """The database's address, all that a migration needs. Raises ConfigError."""
    missing: list[str] = []
    url = _variable(environ, "DATABASE_URL", missing)
    _refuse_missing(missing)
    _refuse(plaintext.mistakes(environ, database=url))
    return url


def _load_a_part(path: Path, parts: tuple[str, ...], secrets: Mapping[str, str]) -> Settings:
    told = _tables(path)
    data: dict[str, Any] = {name: told[name] for name in parts if name in told}
    for section in ("shops", "accounts"):
        _named_tables(data, section, path)
    nobody = {"database_url": "", "master_keys": (bytes(32),)}
    try:
        return Settings.model_validate(
            {**data, **nobody, **secrets}, context={"folder": path.parent}
        )
    except ValidationError as error:
        raise ConfigError(_sentences(path, error)) from None


def _refuse_missing(missing: list[str]) -> None:
    if missing:
        raise ConfigError("these environment variables have to be set: " + ", ".join(missing))


def _check_broker(loaded: Settings) -> None:
    try:
        loaded.broker  # noqa: B018 - a URL that cannot be used ends every process at its start
    except NotSupported as error:
        raise ConfigError(f"{PREFIX}REDIS_URL: {error}") from None


def _refuse(wrong: str) -> None:
    if wrong:
        raise ConfigError(wrong)


def _tables(path: Path) -> dict[str, Any]:
    """The file's tables. Raises ConfigError where the file holds a secret of the installation."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); set {PREFIX}CONFIG to your orderbridge.toml"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for secret in _SECRETS:
        if secret in data:
            raise ConfigError(
                f"{path}: {secret} is a secret and belongs into the environment as "
                f"{PREFIX}{secret.upper()}"
            )
    return data


def _read_the_providers_secret(
    data: dict[str, Any], environ: Mapping[str, str], path: Path, missing: list[str]
) -> None:
    console = data.get("console")
    oidc = console.get("oidc") if isinstance(console, dict) else None
    if not isinstance(oidc, dict):
        return
    if "client_secret" in oidc:
        raise ConfigError(
            f"{path}: console.oidc.client_secret is a secret and belongs into the environment as "
            f"{PREFIX}CONSOLE_OIDC_SECRET"
        )
    oidc["client_secret"] = _variable(environ, "CONSOLE_OIDC_SECRET", missing)


def _read_the_alerts_secrets(
    data: dict[str, Any], environ: Mapping[str, str], path: Path, missing: list[str]
) -> None:
    alerts = data.get("alerts")
    if not isinstance(alerts, dict):
        return
    mail = alerts.get("mail")
    for table, name, place in (
        (alerts, "webhook_url", "alerts"),
        (mail if isinstance(mail, dict) else {}, "password", "alerts.mail"),
    ):
        variable = f"{place}_{name}".replace(".", "_").upper()
        if name in table:
            raise ConfigError(
                f"{path}: {place}.{name} is a secret and belongs into the environment as "
                f"{PREFIX}{variable}"
            )
        if table.get("webhook") is True or table.get("user"):
            table[name] = _variable(environ, variable, missing)


def _named_tables(
    data: dict[str, Any], section: str, path: Path, may_be_empty: bool = False
) -> list[tuple[str, dict[str, Any]]]:
    tables = data.get(section)
    if not isinstance(tables, dict) or not (tables or may_be_empty):
        raise ConfigError(f"{path}: at least one [{section}.NAME] is needed")
    for name, values in tables.items():
        if not _NAME.fullmatch(name) or not isinstance(values, dict):
            raise ConfigError(
                f"{path}: [{section}.{name}] must be a table whose name is lower-case letters, "
                "digits and underscores"
            )
    return list(tables.items())


def _variable(environ: Mapping[str, str], name: str, missing: list[str]) -> str:
    try:
        value = secret_of(environ, PREFIX + name)
    except BadSecret as error:
        raise ConfigError(str(error)) from None
    if not value:
        missing.append(PREFIX + name)
    return value


def _master_keys(environ: Mapping[str, str], missing: list[str]) -> tuple[bytes, ...]:
    try:
        keys = master_keys(environ)
    except BadSecret as error:
        raise ConfigError(str(error)) from None
    if not keys:
        missing.append(f"{PREFIX}MASTER_KEY")
    return keys


def _sentences(path: Path, error: ValidationError) -> str:
    lines = [
        f"{path}: {'.'.join(str(part) for part in one['loc']) or 'settings'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    return "\n".join(lines)
