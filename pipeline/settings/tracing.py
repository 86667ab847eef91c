"""Where the traces go."""

from __future__ import annotations

from pipeline.settings.marketplace import BaseUrl, SettingsModel


class TracingSettings(SettingsModel):
    """`otlp_url` is the collector, without `/v1/traces`."""

    otlp_url: BaseUrl
