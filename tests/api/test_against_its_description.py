"""The API does what it describes: requests drawn from its own description, on a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from sqlalchemy import delete

from pipeline.access.tables import ApiAnswer, WrongPasswords
from pipeline.api.app import create_api
from pipeline.base.db import Sessions
from pipeline.base.quota import Plan
from pipeline.console.server import Server
from pipeline.settings.model import Settings
from tests.api.conftest import a_token
from tests.builders import NOW
from tests.colliding import twins

CASES = 10
"""Of each operation; the same in every run."""
_UNLIMITED = Plan("requests", rate_per_s=10_000, burst=1_000_000)
_CONFIG = {
    "checks": {
        # A cursor is text that only the list itself can write.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "400", "404", "409"],
        },
        "use_after_free": {"enabled": False},
    },
    "phases": {"coverage": {"enabled": False}},
}


class Described(NamedTuple):
    """The description that the server gives, and the headers that let a request in."""

    schema: Any
    headers: dict[str, str]


@pytest.fixture
def described(settings: Settings, sessions: Sessions) -> Iterator[Described]:
    """The description, as the server gives it; two orders are there."""
    twins(sessions)
    token = a_token(sessions)
    app = create_api(settings, sessions, lambda: NOW, lambda: "192.0.2.7", _UNLIMITED)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(app, listening, threads=2, proxies=0)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            url = f"http://127.0.0.1:{int(server.effective_port)}"
            schema = schemathesis.openapi.from_url(
                f"{url}/openapi.json",
                config=SchemathesisConfig.from_dict({**_CONFIG, "base-url": url}),
            )
            yield Described(schema, {"Authorization": f"Bearer {token}"})
        finally:
            server.close()
            server.task_dispatcher.shutdown()
            thread.join()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_each_operation_answers_as_described(
    described: Described, sessions: Sessions, mode: GenerationMode
) -> None:
    tried = set()
    for operation in (result.ok() for result in described.schema.get_all_operations()):
        if mode is GenerationMode.NEGATIVE and operation.path == "/health":
            continue  # it takes nothing that could be wrong

        @settings(
            max_examples=CASES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            # A key may come again with another body, and the wrong tokens that are tried pause
            # their address: no description shows that.
            with sessions() as session, session.begin():
                session.execute(delete(ApiAnswer))
                session.execute(delete(WrongPasswords))
            order_id = case.path_parameters.get("order_id")
            if mode is GenerationMode.POSITIVE and isinstance(order_id, int):
                case.path_parameters["order_id"] = 1 + order_id % 3
            case.call_and_validate(headers=described.headers)

        check()
        tried.add(operation.label)
    assert len(tried) >= 8
