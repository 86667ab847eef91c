"""The names of all metrics. Labels have few values, which are names of our own or of the
configuration; none of them can name a person."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "orderbridge_"


class Family(NamedTuple):
    """A gauge: its name, its meaning, and the names of its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def __call__(self, value: float, *labels: str) -> Figure:
        """A value of this gauge."""
        return Figure(self, labels, value)


class Figure(NamedTuple):
    """A value of a gauge, and the values of its labels."""

    family: Family
    labels: tuple[str, ...]
    value: float


ORDERS = Family(
    "orderbridge_orders",
    "Orders that have not ended, by the step they are at and their state there.",
    ("account", "step", "state"),
)
ORDERS_DUE = Family(
    "orderbridge_orders_due",
    "Orders that are due for a worker; lane backfill: of a backfill, and not yet in Magento.",
    ("account", "lane"),
)
OLDEST_DUE_AGE = Family(
    "orderbridge_oldest_due_age_seconds",
    "How long the order that is due longest has been due; 0 when none is due.",
    ("account", "lane"),
)
SHIP_BY = Family(
    "orderbridge_orders_ship_by",
    "Orders without a shipment confirmed to Amazon whose ship-by time passed, or comes soon "
    "(alerts.ship_by_hours).",
    ("deadline",),
)
PACKAGES = Family(
    "orderbridge_packages",
    "Packages with a tracking number of orders that have not ended, by the state of their "
    "confirmation to Amazon.",
    ("account", "confirmation"),
)
WATERMARK_LAG = Family(
    "orderbridge_watermark_lag_seconds",
    "How long ago the account's changed orders were last read completely.",
    ("account",),
)
TO_FETCH = Family(
    "orderbridge_orders_to_fetch", "Orders on the fetch list, to be read one by one.", ("account",)
)
ACCOUNT_STATE = Family(
    "orderbridge_account_state",
    "1 for the state of the account at Amazon, 0 for the other states.",
    ("account", "state"),
)
INCIDENTS = Family("orderbridge_incidents", "Open incidents, by their kind.", ("kind",))
ATTEMPTS = Family(
    "orderbridge_recent_attempts",
    "Runs of a step that ended within the window, by outcome; lost: its worker died. Runs in a row "
    "that waited or were held alike count once.",
    ("step", "outcome"),
)
STEP_MEDIAN = Family(
    "orderbridge_recent_step_median_seconds",
    "Half of the step's runs within the window took at most so long.",
    ("step",),
)
STEP_P95 = Family(
    "orderbridge_recent_step_p95_seconds",
    "95 of 100 runs of the step within the window took at most so long.",
    ("step",),
)
EFFECTS = Family(
    "orderbridge_recent_effects",
    "Writes to Amazon and Magento that ended within the window, by kind and state.",
    ("kind", "state"),
)
UNSETTLED = Family(
    "orderbridge_unsettled_effects",
    "Writes that are not known to be done, of orders that run, are held or failed last.",
    ("state",),
)
WINDOW = Family(
    "orderbridge_recent_window_seconds", "The window of the metrics whose names say recent."
)
PERSONAL_DATA_AGE = Family(
    "orderbridge_personal_data_oldest_age_seconds",
    "How long ago the first of the ended orders that still have personal data was delivered or "
    "cancelled; 0 when there is none.",
)
QUEUE = Family(
    "orderbridge_queue_messages",
    "Messages in a queue of the broker, without those in hand.",
    ("queue",),
)
REJECTED_MESSAGES = Family(
    "orderbridge_rejected_messages",
    "Messages that no worker could use, since Redis was last emptied.",
)
BEAT = Family(
    "orderbridge_beat_last_run_timestamp_seconds",
    "When a worker last ran the job that beat sends each half minute; 0 when it never did.",
)
QUOTA_LEFT = Family(
    "orderbridge_quota_left_calls",
    "Calls that Amazon's quota of the operation allows the account now.",
    ("account", "operation"),
)
SUCCESS = Family(
    "orderbridge_scrape_part_success",
    "Whether this part of the metrics could be computed; if not, its metrics are missing.",
    ("part",),
)
DURATION = Family(
    "orderbridge_scrape_part_duration_seconds", "How long this part of the metrics took.", ("part",)
)
FAMILIES = (
    *(ORDERS, ORDERS_DUE, OLDEST_DUE_AGE, SHIP_BY, PACKAGES),
    *(WATERMARK_LAG, TO_FETCH, ACCOUNT_STATE, INCIDENTS),
    *(ATTEMPTS, STEP_MEDIAN, STEP_P95, EFFECTS, UNSETTLED, WINDOW, PERSONAL_DATA_AGE),
    *(QUEUE, REJECTED_MESSAGES, BEAT, QUOTA_LEFT, SUCCESS, DURATION),
)
