"""The HTTP client for both remotes: time-outs, a size limit, and errors of our own types.

Only this module, `http_deadline` and Magento's auth import `requests`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from pipeline.base import clean_json, http_deadline
from pipeline.base.clock import elapsed
from pipeline.base.errors import OutcomeUnknown, RemoteError, Transient
from pipeline.base.this_machine import is_in_clear

CONNECT_TIMEOUT_S = 3.05
READ_TIMEOUT_S = 15.0
MAX_BODY_BYTES = 32 * 1024 * 1024
TOTAL_TIMEOUT_S = 30.0
LONGEST_RETRY_AFTER_S = 24 * 3600.0

# urllib3's warnings quote the URL, and the query of a search may hold a buyer's e-mail address.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

_ENCODED = re.compile(r"https?://[a-z0-9.:-]+/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_USUAL_HEADERS = requests.utils.default_headers()

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Send = Callable[..., requests.Response]
"""Sends a prepared request, as `requests` adapters do."""
_observe: Callable[[Send], Send] | None = None


def observe(by: Callable[[Send], Send] | None) -> None:
    """Have all clients that are made from now on send through `by`; None: as they are."""
    global _observe
    _observe = by


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `body` is the parsed JSON, or None when it was empty or not JSON (`is_json`)."""

    status: int
    headers: Mapping[str, str]
    body: Any
    is_json: bool

    @property
    def retry_after_s(self) -> float | None:
        """The Retry-After header in seconds, at most a day; None when absent or a date."""
        value = self.headers.get("Retry-After", "")
        return min(float(value), LONGEST_RETRY_AFTER_S) if value.isdecimal() else None

    @property
    def server_time(self) -> datetime | None:
        """The remote's own time, from the Date header; None without a usable header."""
        try:
            at = parsedate_to_datetime(self.headers.get("Date", ""))
            return at.astimezone(UTC) if at.tzinfo else None
        except (ValueError, OverflowError):
            return None


class Transferred(NamedTuple):
    """A storage's answer and its content type."""

    status: int
    content: bytes
    content_type: str


@dataclass(slots=True)
class Http:
    """Calls below a base URL. Safe to share between threads."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    read_timeout_s: float = READ_TIMEOUT_S
    total_timeout_s: float = TOTAL_TIMEOUT_S
    max_body_bytes: int = MAX_BODY_BYTES
    monotonic: Callable[[], float] = elapsed
    _send: Send = field(init=False)

    def __post_init__(self) -> None:
        # Past a session, which would follow redirects, keep cookies, and take proxies and
        # passwords from the environment.
        adapter = http_deadline.Adapter(pool_maxsize=64, max_retries=0)
        self._send = adapter.send if _observe is None else _observe(adapter.send)

    def call(
        self,
        method: Method,
        path: str,
        *,
        query: str = "",
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Send a request and return the answer, whatever its status.

        `query` is already encoded. Decimals in `body` become JSON numbers, and numbers in the
        answer become Decimals. `repeatable` says that sending twice does no harm (default: only
        GET). Raises Transient when the remote cannot have acted, and OutcomeUnknown when a request
        that is not repeatable was sent and no whole answer came.
        """
        response, content = self._exchange(
            method,
            f"{self.base_url}{path}" + (f"?{query}" if query else ""),
            encoded(body) if body is not None else form,
            {
                "Accept": "application/json",
                **({"Content-Type": "application/json"} if body is not None else {}),
                **self.headers,
                **(headers or {}),
            },
            auth,
            may_repeat=method == "GET" if repeatable is None else repeatable,
        )
        return _reply(response, content)

    def transfer(
        self, method: Method, url: str, *, content: bytes | None = None, content_type: str = ""
    ) -> Transferred:
        """Upload bytes to a URL that a remote gave, or download them; return status and bytes.

        The content type is the only header of ours, since the URL may be signed for it alone.
        Raises Transient when no whole answer came, and without a call when the URL would be reached
        in clear over a network.
        """
        if _is_refused(url):
            raise Transient("the remote gave an address without TLS", code="InClear")
        headers = {"Content-Type": content_type} if content_type else {}
        response, answer = self._exchange(method, url, content, headers, None, may_repeat=True)
        return Transferred(response.status_code, answer, response.headers.get("Content-Type", ""))

    def _exchange(
        self,
        method: Method,
        url: str,
        data: bytes | Mapping[str, str] | None,
        headers: Mapping[str, str],
        auth: AuthBase | None,
        *,
        may_repeat: bool,
    ) -> tuple[requests.Response, bytes]:
        try:
            # A remote that sends headers or body byte by byte must not hold a worker.
            with http_deadline.within(self.total_timeout_s, self.monotonic):
                request = _prepared(method, url, data, {**_USUAL_HEADERS, **headers}, auth)
                response = self._send(
                    request, stream=True, timeout=(self.connect_timeout_s, self.read_timeout_s)
                )
                with response:
                    return response, self._read(response)
        # ValueError: the remote gave an address that is not a URL.
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise self._meaning(error, may_repeat) from None

    def _read(self, response: requests.Response) -> bytes:
        """The body, bounded in size."""
        if response.status_code < 200:
            # The final answer is still to come; the next request would take it for its own.
            raise requests.exceptions.ConnectionError("no final answer")
        content = bytearray()
        # read1 returns the bytes received so far; read and iter_content wait for a whole chunk.
        while chunk := response.raw.read1(64 * 1024, decode_content=True):
            content += chunk
            if len(content) > self.max_body_bytes:
                raise requests.exceptions.ContentDecodingError("the answer is too large")
        return bytes(content)

    @staticmethod
    def _meaning(error: Exception, may_repeat: bool) -> RemoteError:
        reason = error.args[0] if error.args else None
        never_connected = isinstance(error, requests.ConnectTimeout) or (
            isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)
        )
        code = type(error).__name__
        if never_connected:
            return Transient(f"could not connect ({code})", code=code)
        if may_repeat:
            return Transient(f"no usable answer ({code})", code=code)
        return OutcomeUnknown(f"sent, but no usable answer came ({code})", code=code)


def _is_refused(url: str) -> bool:
    try:
        return is_in_clear(url)
    except ValueError:
        return False  # no URL, which the call itself says


def _prepared(
    method: Method,
    url: str,
    data: bytes | Mapping[str, str] | None,
    headers: Mapping[str, str],
    auth: AuthBase | None,
) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    if not _ENCODED.fullmatch(url):
        request.prepare(method, url, headers=headers, data=data, auth=auth)
        return request
    # The address is encoded already: requests would do so again, byte by byte.
    request.method, request.url = method, url
    request.prepare_headers(headers)
    request.prepare_body(data, None)
    return request if auth is None else auth(request)


def _reply(response: requests.Response, content: bytes) -> Reply:
    headers = CaseInsensitiveDict(
        {name: clean_json.storable(value) for name, value in response.headers.items()}
    )
    try:
        body, is_json = clean_json.parsed(content), True
    except (ValueError, RecursionError):
        body, is_json = None, False
    return Reply(response.status_code, headers, body, is_json)


def encoded(body: Any) -> bytes:
    """The body as bytes to send: Decimals become JSON numbers."""
    return json.dumps(body, default=_number).encode()


def _number(value: object) -> float:
    """A Decimal as JSON number: amounts of at most 15 digits survive the conversion to float."""
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} does not go into JSON")
