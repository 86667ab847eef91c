"""Debian's Prometheus: it takes our metrics, rules and example as they are."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import generate_latest
from pydantic import SecretStr
from werkzeug.serving import make_server

from devstack.paths import kept_port, temporary_home
from devstack.supervisor import Process, Supervisor
from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from pipeline.monitoring.metrics.collector import Metrics
from tests.builders import ACCOUNT, NOW, an_order, settings, stored
from tests.deploy.test_board_and_rules import ALERTS, EXAMPLE, board, expressions, rules
from tests.devstack.waiting import until
from tests.servers.programs import debians

TOKEN = "a-token-of-more-than-twenty"
TESTS = Path(__file__).with_name("alert_rules.yml")


def promtool(*arguments: str | Path, given: bytes = b"") -> str:
    """What promtool says; it has to be content."""
    done = subprocess.run(
        [debians("promtool", "prometheus"), *map(str, arguments)],
        input=given,
        capture_output=True,
        check=False,
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_each_alert_comes_when_it_should() -> None:
    tested = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tested for case in test["alert_rule_test"]]
    for name in (rule["alert"] for rule in rules()):
        assert any(case["alertname"] == name and case.get("exp_alerts") for case in cases), name
    assert "SUCCESS" in promtool("test", "rules", TESTS)


def test_the_metrics_follow_the_conventions(sessions: Sessions, redis_url: str) -> None:
    stored(sessions, an_order())
    text = generate_latest(Metrics(settings(redis_url=redis_url), sessions, lambda: NOW))
    assert promtool("check", "metrics", given=text) == ""


def test_every_expression_of_the_board_is_promql(tmp_path: Path) -> None:
    asked = [one.replace("$account", ".*") for one in expressions() if "label_values" not in one]
    assert len(asked) > len(board()["panels"])
    records = [{"record": f"asked:{place}", "expr": one} for place, one in enumerate(asked)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": records}]}))
    assert "SUCCESS" in promtool("check", "rules", file)


@contextmanager
def console(sessions: Sessions, redis_url: str) -> Iterator[int]:
    """The port of a console that has the token."""
    known = settings(redis_url=redis_url)
    known = known.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    server = make_server("127.0.0.1", 0, create_app(known, sessions, lambda: NOW), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_prometheus_scrapes_the_console_with_the_example(
    sessions: Sessions, redis_url: str
) -> None:
    stored(sessions, an_order(status="held", hold_code="sku_not_found", step="enrich_order"))
    program = debians("prometheus", "prometheus")
    with (
        console(sessions, redis_url) as target,
        temporary_home() as home,
        Supervisor(home) as supervisor,
    ):
        port = kept_port(home / "prometheus.port", lambda _: False)
        text = EXAMPLE.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{target}")
        (home / "prometheus.yml").write_text(text.replace(": 30s", ": 1s"), encoding="utf-8")
        (home / ALERTS.name).write_bytes(ALERTS.read_bytes())
        (home / "orderbridge-token").write_text(f"{TOKEN}\n", encoding="utf-8")
        assert "SUCCESS" in promtool("check", "config", home / "prometheus.yml")
        supervisor.start(
            Process(
                name="prometheus",
                argv=(
                    program,
                    f"--config.file={home / 'prometheus.yml'}",
                    f"--storage.tsdb.path={home / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ),
                env={},
                cwd=home,
                stop_signal=signal.SIGTERM,
            )
        )
        held = f'orderbridge_orders{{account="{ACCOUNT}", state="held"}} == 1'
        until(lambda: bool(query(port, held)), "the held order is in Prometheus")
        assert query(port, 'up{job="orderbridge"} == 0') == []
        # Beat never ran here, which is what the rule looks for.
        until(lambda: bool(query(port, 'ALERTS{alertname="OrderbridgeBeatStands"}')), "it alerts")


def query(port: int, expression: str) -> list[Any]:
    """The series of an expression; none while Prometheus starts."""
    asked = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{asked}") as reply:
            found: list[Any] = json.load(reply)["data"]["result"]
            return found
    except OSError:
        return []
