"""Sends messages as a broker would that delivers everything several times, in any order.

Run as `python -m tests.system.deliver TIMES`: three polls at once, then every order TIMES over,
each time from a step chosen by lot.
"""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Order
from tasks.app import app
from tasks.engine.runtime import runtime
from tasks.jobs.search_and_sweep import poll_amazon
from tasks.workflow import send


def main(times: int) -> None:
    parts = runtime()
    with ThreadPoolExecutor(3) as pool:
        for poll in [pool.submit(poll_amazon, app, parts, "main") for _ in range(3)]:
            poll.result()
    with parts.sessions() as session:
        order_ids = list(session.scalars(select(Order.id)))
    lots = random.Random(7)  # noqa: S311 - the same lots each time
    for _ in range(times):
        lots.shuffle(order_ids)
        sent = send(app, [(order_id, lots.choice(STEPS)) for order_id in order_ids])
        assert sent == len(order_ids)


if __name__ == "__main__":
    main(int(sys.argv[1]))
