"""The steps as a worker runs them: before each it is asked whether the order goes on."""

from __future__ import annotations

from tasks.workflow import WORKFLOW

import_order, _ = WORKFLOW["import_order"]
verify_order, _ = WORKFLOW["verify_order"]
enrich_order, _ = WORKFLOW["enrich_order"]
create_customer, _ = WORKFLOW["create_customer"]
create_order, _ = WORKFLOW["create_order"]
ship_order, _ = WORKFLOW["ship_order"]
sync_tracking, _ = WORKFLOW["sync_tracking"]
