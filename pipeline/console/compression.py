"""Answers are compressed for browsers that take gzip.

A page that another site made the browser load is not: who can see the length of the answer, and
chooses words that it repeats, could guess at the rest of it. The forms' token is masked besides.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

SMALLEST = 1024
"""Bytes; a smaller answer fits into a packet as it is."""
_LEVEL = 5
_KINDS = ("text/html", "text/css", "text/javascript", "image/svg+xml", "application/json")


def compress_answers(app: Flask) -> None:
    """Compress pages and files; streams pass as they are."""

    @app.after_request
    def _compress(response: Response) -> Response:
        if response.mimetype not in _KINDS or "Content-Encoding" in response.headers:
            return response
        response.vary.add("Accept-Encoding")
        is_file = request.endpoint == "static"
        is_stream = response.is_streamed and not is_file
        if is_stream or not _may_be_compressed() or response.status_code in (206, 304):
            return response
        response.direct_passthrough = False  # a file is read, to be compressed
        plain = response.get_data()
        if len(plain) < SMALLEST:
            return response
        # Without the time, so that the same page is the same answer.
        response.set_data(gzip.compress(plain, _LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        return response


def _may_be_compressed() -> bool:
    is_from_elsewhere = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    return request.accept_encodings.quality("gzip") > 0 and not is_from_elsewhere
