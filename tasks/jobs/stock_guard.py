"""Beat's job for the stock guard. A concurrent or lost run does no harm."""

from __future__ import annotations

from uuid import uuid4

from pipeline.base.log import log
from pipeline.monitoring.shop_reads import Job
from pipeline.products.stock_guard import StockGuard
from tasks.engine.runtime import Runtime
from tasks.jobs.shop_reads import reading


def guard_stock(parts: Runtime, shop_name: str) -> None:
    """Compare a shop's salable quantities with the quantities that its open orders leave."""
    guard = StockGuard(parts.settings, parts.sessions, parts.incidents)
    with parts.leases.hold(f"guard:{shop_name}", str(uuid4())) as ours:
        if not ours:
            return
        with reading(parts, shop_name, Job.GUARD):
            report = guard.run(shop_name, parts.clients.shops[shop_name], parts.clients.now())
            if report.too_many_orders:
                log.warning("guard.too_many_orders", count=report.left)
            else:
                log.info("guard.ended", count=report.compared, waiting=report.left)
