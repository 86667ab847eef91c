"""The guard goes by what kombu does, not by its number; a worker without it does not start."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import Any

import pytest
from kombu.transport import redis as transport

from tasks.engine import kombu_guard

# Another release of the same series, as far as it says of itself.
PROGRAM = """
import importlib.metadata
told = importlib.metadata.version
importlib.metadata.version = lambda name: "5.7.9" if name == "kombu" else told(name)
from tasks.engine import kombu_guard
kombu_guard.install()
kombu_guard.install()
from kombu.transport.redis import Channel
print(Channel.is_guarded)
"""


def test_a_later_release_of_the_series_is_guarded_as_well() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout == "True\n"


def test_a_channel_without_what_is_guarded_is_refused() -> None:
    class Renamed:
        def _parameters(self) -> None: ...

    with pytest.raises(kombu_guard.NotGuarded, match=r"lacks _connparams, .*Install kombu 5\.7\.0"):
        kombu_guard.install(Renamed)


def test_a_channel_that_goes_another_way_is_refused_and_left_as_it_was() -> None:
    class Otherwise:
        """It has the names, and comes by neither."""

        connection: Any

        def _connparams(self) -> None: ...

        def _create_client(self) -> None: ...

        def _brpop_read(self) -> None: ...

        @contextmanager
        def conn_or_acquire(self) -> Any:
            yield self.connection.client.hostname

    before = Otherwise._connparams
    with pytest.raises(kombu_guard.NotGuarded, match="a closed channel of it raises Attribute"):
        kombu_guard.install(Otherwise)
    assert Otherwise._connparams is before
    assert not hasattr(Otherwise, "is_guarded")


def test_every_channel_of_this_kombu_is_guarded() -> None:
    """Those for clusters and sentinels inherit; what replaces a part of it has to be known."""
    kombu_guard.install()
    assert vars(transport.Channel)["is_guarded"]
