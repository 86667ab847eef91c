"""Sends every order's message again, some of them long after their time.

`python -m devstack.storm.repeated SEED`, in the environment of a worker.
"""

from __future__ import annotations

import random
import sys

from sqlalchemy import select

from pipeline.orders.machine import STEPS
from pipeline.orders.tables import Order
from tasks.app import app
from tasks.engine.runtime import runtime
from tasks.workflow import send


def main(seed: int) -> None:
    """Each order twice, from steps chosen by lot."""
    with runtime().sessions() as session:
        order_ids = list(session.scalars(select(Order.id).order_by(Order.id)))
    lots = random.Random(seed)  # noqa: S311
    send(app, [(order_id, lots.choice(STEPS)) for order_id in (*order_ids, *order_ids)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
