"""Celery's settings. Read when the app is first used, not when it is imported.

The reasons for each setting: docs/decisions/0005-celery-settings.md.
"""

from __future__ import annotations

from kombu import Exchange, Queue

from pipeline.settings.file import load_for_celery
from tasks.jobs.schedule import timetable
from tasks.workflow import WORKFLOW, task_name

_settings = load_for_celery()

_broker = _settings.broker
broker_url = _broker.celery_url
broker_use_ssl = _broker.tls
result_backend = None
task_ignore_result = True

# A message is only a hint to process an order; the row decides. With late acknowledgement and a
# prefetch of a single message, another worker soon gets the message of a dead worker.
task_acks_late = True
task_reject_on_worker_lost = True
worker_prefetch_multiplier = 1
worker_consumer = "tasks.engine.unusable_messages:Consumer"
broker_transport_options = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "global_keyprefix": "orderbridge:",
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "max_connections": 200,
    **_broker.celery_options,
}
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# A dead broker must not block a process that has committed the row: the sweep sends it later.
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2}

# Each queue names its exchange: a queue without an exchange of its own is bound to the default
# exchange, and every message sent there would land in all three queues.
task_queues = [
    Queue(name, Exchange(name), routing_key=name) for name in ("amazon", "magento", "jobs")
]
task_routes = {task_name(name): {"queue": queue} for name, (_, queue) in WORKFLOW.items()}
task_default_queue = "jobs"
task_create_missing_queues = False

task_serializer = "json"
accept_content = ["json"]
timezone = "UTC"
task_send_sent_event = False
worker_hijack_root_logger = False
worker_redirect_stdouts = False
worker_cancel_long_running_tasks_on_connection_loss = False

beat_schedule = timetable(_settings)
