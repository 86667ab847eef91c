"""deploy/prometheus and deploy/grafana name what the collector gives, in the form of Grafana's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.base.quota import Lane
from pipeline.monitoring.health import ACCOUNT_STATES
from pipeline.monitoring.metrics.families import FAMILIES, PREFIX
from pipeline.monitoring.metrics.recent import LOST
from pipeline.orders.states import AttemptOutcome, ConfirmationState
from pipeline.orders.tables import LIVE, EffectState
from tests.deploy.compose import PROJECT

ALERTS = PROJECT / "deploy" / "prometheus" / "alerts.yml"
EXAMPLE = PROJECT / "deploy" / "prometheus" / "prometheus.example.yml"
BOARD = PROJECT / "deploy" / "grafana" / "orderbridge.json"
LABELS = {family.name: set(family.labels) for family in FAMILIES}
VALUES: dict[tuple[str, str], set[str]] = {
    ("orderbridge_orders", "state"): {*LIVE},
    ("orderbridge_orders_ship_by", "deadline"): {"passed", "soon"},
    ("orderbridge_oldest_due_age_seconds", "lane"): {Lane.NEW, Lane.BACKFILL},
    ("orderbridge_account_state", "state"): {*ACCOUNT_STATES},
    ("orderbridge_packages", "confirmation"): {*ConfirmationState},
    ("orderbridge_recent_attempts", "outcome"): {*AttemptOutcome, LOST},
    ("orderbridge_recent_effects", "state"): {*EffectState},
    ("orderbridge_unsettled_effects", "state"): {*EffectState},
    ("orderbridge_quota_left_calls", "operation"): {"searchOrders", "getOrder", "confirmShipment"},
}
_SERIES = re.compile(r"\b(orderbridge_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BOARD.read_text(encoding="utf-8"))
    return found


def expressions() -> list[str]:
    """Every PromQL expression of the alerts and of the board."""
    asked = [rule["expr"] for rule in rules()]
    for panel in board()["panels"]:
        asked += [target["expr"] for target in panel["targets"]]
    for variable in board()["templating"]["list"]:
        if variable["type"] == "query":
            asked.append(variable["query"])
    return asked


def series() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Each metric that is named, with its matchers."""
    for expression in expressions():
        for name, matchers in _SERIES.findall(expression):
            yield name, _MATCHER.findall(matchers)


def test_every_metric_and_label_that_is_named_is_one_of_the_collectors() -> None:
    named = list(series())
    assert len(named) > 30
    for name, matchers in named:
        assert name in LABELS, name
        for label, relation, value in matchers:
            assert label in LABELS[name], (name, label)
            if relation == "=":
                assert value in VALUES[name, label], (name, label, value)


def test_every_metric_is_on_the_board_or_in_a_rule() -> None:
    unused = LABELS.keys() - {name for name, _ in series()}
    # How many are due says little beside how long, and a duration is for whom a scrape is slow.
    assert unused == {"orderbridge_orders_due", "orderbridge_scrape_part_duration_seconds"}


def test_the_labels_that_rules_and_legends_show_are_there() -> None:
    for rule in rules():
        own = {label for name, _ in _SERIES.findall(rule["expr"]) for label in LABELS[name]}
        text = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= own, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description"}
    for panel in board()["panels"]:
        for target in panel["targets"]:
            own = {label for name, _ in _SERIES.findall(target["expr"]) for label in LABELS[name]}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= own, panel["title"]


def test_the_board_is_in_grafanas_form() -> None:
    shown = board()
    variables = {variable["name"] for variable in shown["templating"]["list"]}
    assert (shown["uid"], variables) == ("orderbridge", {"datasource", "account"})
    assert len({panel["id"] for panel in shown["panels"]}) == len(shown["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in shown["panels"]:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == list(
            "AB"[: len(panel["targets"])]
        )
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_example_reads_the_alerts_and_asks_the_console() -> None:
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert example["rule_files"] == [ALERTS.name]
    (job,) = example["scrape_configs"]
    assert (job["job_name"], job.get("metrics_path", "/metrics")) == ("orderbridge", "/metrics")
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8080"]}]
    assert 'up{job="orderbridge"}' in rules()[0]["expr"]


def test_the_operators_table_has_every_metric() -> None:
    text = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text[text.index("| metric `orderbridge_…` |") :].partition("\n\n")[0]
    told = set(re.findall(r"`(\w+)`", table))
    assert {name.removeprefix(PREFIX) for name in LABELS} - told == set()
