"""What `ORDERBRIDGE_REDIS_URL` does not say about the broker."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import ValidationInfo, field_validator

from pipeline.settings.marketplace import SettingsModel


class RedisSettings(SettingsModel):
    """The broker's TLS. Without a CA file the authorities count that the system trusts."""

    ca_file: Path | None = None

    @field_validator("ca_file")
    @classmethod
    def _authority_can_be_read(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        """A relative path starts at the folder of the configuration file."""
        if value is None:
            return None
        file = ((info.context or {}).get("folder") or Path()) / value
        try:
            ssl.create_default_context(cafile=str(file))
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(
                f"{file} must be a readable PEM file of certificates ({error.strerror or error})"
            ) from None
        return file
