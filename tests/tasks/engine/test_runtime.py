"""What a worker process has one of, however many threads ask for it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tasks.engine.runtime import Runtime, runtime


@pytest.mark.usefixtures("fresh_runtime")
def test_all_threads_get_the_same_runtime() -> None:
    together = Barrier(8)

    def ask(_: int) -> Runtime:
        together.wait()
        return runtime()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert len({id(one) for one in answers}) == 1
