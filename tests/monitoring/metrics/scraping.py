"""What a scrape says, as tests compare it."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.monitoring.metrics.collector import Metrics
from pipeline.monitoring.metrics.families import FAMILIES, SUCCESS, Family

Values = Mapping[str, Mapping[tuple[str, ...], float]]
_LABELS = {family.name: family.labels for family in FAMILIES}


def scraped(metrics: Metrics) -> Values:
    """The values by name and labels, read from the text that Prometheus gets."""
    text = generate_latest(metrics).decode()
    return {
        family.name: {
            tuple(sample.labels[label] for label in _LABELS[family.name]): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def of(values: Values, family: Family) -> Mapping[tuple[str, ...], float]:
    """The values of a family that are not 0."""
    return {labels: value for labels, value in values[family.name].items() if value}


def failed(values: Values) -> set[str]:
    """The parts that could not be computed."""
    return {part for (part,), value in values[SUCCESS.name].items() if not value}
