"""The common part of the jobs that read a shop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.base.errors import Rejected, RemoteError
from pipeline.base.log import log
from pipeline.magento.rest.odd_rows import OddRow, set_aside
from pipeline.monitoring.shop_reads import Job, ShopReads
from tasks.engine.runtime import Runtime


@contextmanager
def reading(parts: Runtime, shop: str, job: Job) -> Iterator[list[OddRow]]:
    """Run a job: rows that cannot be read are set aside, and an error of the shop ends the run. An
    early end is noted, and reported once it is lasting."""
    reads, now = ShopReads(parts.sessions, parts.incidents), parts.clients.now
    reads.begun(shop, job, now())
    try:
        with set_aside() as odd:
            yield odd
    except RemoteError as error:
        refused = isinstance(error, Rejected)
        reads.failed(shop, job, error.told, now(), is_refused=refused)
        log.warning(f"{job}.stopped", code=error.code, request_id=error.request_id)
        return
    except Exception as error:
        trouble = f"a defect in this program ({type(error).__name__})"
        reads.failed(shop, job, trouble, now(), is_refused=False)
        raise
    reads.went_well(shop, job, odd, now())
