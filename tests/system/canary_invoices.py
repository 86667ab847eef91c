"""The invoices of the marked buyers as PDF, and the shop's own extension that hands them out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.serving import serving
from tests.system.canary_marks import quoted

BY_FOLDER, BY_URL = "x", "y"


def pdf(code: str) -> bytes:
    """What a buyer's invoice says, without compression."""
    return b"%PDF-1.4\n% " + quoted(code).encode() + b"\n%%EOF\n"


@contextmanager
def serving_invoices() -> Iterator[str]:
    """The URL of the extension. It first answers with an error that quotes the buyer."""
    asked = set[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_first = self.path not in asked
            asked.add(self.path)
            body = f"<p>{quoted(BY_URL)}</p>".encode() if is_first else pdf(BY_URL)
            self.send_response(500 if is_first else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield f"{url}/pdf/{{increment}}"
