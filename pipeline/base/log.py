"""Log lines as JSON: an event and facts. Only fields on the list below ever leave the process.

The list names what is allowed, because Amazon's Data Protection Policy asks for logs without
personal data, and a list of forbidden fields would miss the field that is added next year.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_ALLOWED = frozenset(
    {
        *("event", "level", "timestamp", "task", "job", "order", "step", "outcome", "code"),
        *("account", "shop", "marketplace", "count", "calls", "seconds", "delay_s", "queue"),
        *("message_id", "number"),
        *("effect", "error", "stack", "status", "request_id", "tries", "pages", "waiting"),
    }
)


def _only_allowed(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: value for key, value in line.items() if key in _ALLOWED}


def _exception_without_message(
    _: Any, __: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep an exception's type and place, not its text: the text may quote a buyer's data."""
    info = line.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        trace = error.__traceback__
        places: list[str] = []
        while trace is not None:
            file, number = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
            # Our own frames show the place; of a library's frames the last is enough.
            if "site-packages" not in file or trace is None:
                places.append(f"{file.rsplit('/', 1)[-1]}:{number}")
        line["stack"] = " > ".join(places[-8:])
    return line


class _LibraryLine(logging.Formatter):
    """Writes a library's warning as a line like ours: its template, never the arguments."""

    def format(self, record: logging.LogRecord) -> str:
        # A message that is not a string, such as an exception, is not a template: log its type.
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        line = {"event": f"{record.name}: {message}", "level": record.levelname.lower()}
        return json.dumps(
            _exception_without_message(None, "", {**line, "exc_info": record.exc_info})
        )


class _StandardError:
    """Writes a line to the present standard error, which may have been replaced meanwhile."""

    def msg(self, line: str) -> None:
        # Line and end in one write: `print` makes two when unbuffered, and another thread's line
        # comes between them.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = msg


def configure() -> None:
    """Write the libraries' warnings in the same format as our own lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(_LibraryLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


# Configured at import, not in `configure`: code that logs earlier must not get structlog's
# default, which prints the local variables of an exception.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_message,
        _only_allowed,
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=lambda *_: _StandardError(),
    cache_logger_on_first_use=True,
)
log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
