"""`orders ship-many` and the way back, on real PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select

from pipeline.base.clock import utc_now
from pipeline.base.db import Sessions
from pipeline.operations.acts.many_orders import BulkActs
from pipeline.operations.acts.tables import BulkAct
from pipeline.orders.requested_shipment_table import RequestedShipmentRow
from tests.builders import a_vault, stored
from tests.cli.conftest import Run
from tests.operations.acts.test_shipping_check import waiting

FILE = "order;carrier;tracking\n028-1;dhl;A1\n028-9;dhl;B1\n"


def saved(tmp_path: Path, text: str = FILE) -> str:
    path = tmp_path / "shipments.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def jobs(sessions: Sessions) -> list[BulkAct]:
    with sessions() as session:
        return list(session.scalars(select(BulkAct)))


def states(sessions: Sessions) -> list[tuple[str, str]]:
    with sessions() as session:
        rows = session.scalars(select(RequestedShipmentRow))
        return [(row.tracking_number, row.state) for row in rows]


def test_a_dry_run_names_the_faulty_rows_and_stores_nothing(
    sessions: Sessions, orderbridge: Run, tmp_path: Path
) -> None:
    order_id = stored(sessions, waiting())
    done = orderbridge("orders", "ship-many", saved(tmp_path), "--dry-run")
    assert done.exit_code == 1
    assert done.stdout == (
        "ROW  ORDER  LEFT OUT BECAUSE\n"
        "3    028-9  no order has this number\n"
        "1 parcel can be shipped; nothing was requested.\n"
    )
    printed = orderbridge("orders", "ship-many", saved(tmp_path), "--dry-run", "--json").stdout
    assert json.loads(printed) == {
        "id": None,
        "rows": [
            {
                **{"row": 2, "order": "028-1", "order_id": order_id, "carrier": "dhl"},
                **{"tracking_number": "A1", "mistake": None},
            },
            {
                **{"row": 3, "order": "028-9", "order_id": None, "carrier": "dhl"},
                **{"tracking_number": "B1", "mistake": "no order has this number"},
            },
        ],
    }
    assert jobs(sessions) == []


def test_the_good_rows_are_shipped_and_taken_back(
    sessions: Sessions, orderbridge: Run, tmp_path: Path
) -> None:
    stored(sessions, waiting())
    done = orderbridge("orders", "ship-many", saved(tmp_path, FILE.replace("028-9;dhl;B1\n", "")))
    (job,) = jobs(sessions)
    assert (done.exit_code, done.stdout) == (
        0,
        f"1 parcel is shipped. Follow the bulk job: orderbridge bulk show {job.id}\n",
    )
    assert BulkActs(sessions, a_vault()).go_on(utc_now()) == 1
    assert states(sessions) == [("A1", "open")]
    shown = json.loads(orderbridge("bulk", "show", str(job.id), "--json").stdout)
    assert (shown["act"], shown["done"], shown["chosen"]) == ("ship", 1, "1 parcel of a file")
    assert shown["parcels"] == {"requested": 1}
    undone = orderbridge("bulk", "undo", str(job.id), "--json")
    assert json.loads(undone.stdout) == {"undoes": job.id, "parcels": 1, "left": 0}
    assert states(sessions) == [("A1", "ended")]


def test_a_file_that_is_no_table_is_refused(orderbridge: Run, tmp_path: Path) -> None:
    done = orderbridge("orders", "ship-many", saved(tmp_path, "hello\n"))
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: its first line lacks order, carrier, tracking")
