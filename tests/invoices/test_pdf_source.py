"""Where the PDF comes from: a folder, and a URL over a real socket."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.invoices.pdf_source import MAX_BYTES, NoPdf, fetch
from pipeline.settings.marketplace import MarketplaceSettings
from tests.builders import SHOP

PDF = b"%PDF-1.4 an invoice"
BODIES = {
    "/pdf/1001": PDF,
    "/pdf/2026%2F7": PDF,
    "/pdf/html": b"<html>Sign in</html>",
    "/pdf/large": b"%PDF-" + b"x" * MAX_BYTES,
}


class Handler(BaseHTTPRequestHandler):
    """The shop's own PDF extension."""

    def do_GET(self) -> None:
        body = BODIES.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/pdf/{{increment}}"
    server.shutdown()
    thread.join()
    server.server_close()


def of(kind: str, source: str) -> MarketplaceSettings:
    return MarketplaceSettings.model_validate(
        {"invoices_to_amazon": kind, "invoice_source": source}
    )


@pytest.mark.parametrize("number", ["1001", "2026/7"])
def test_from_a_url(url: str, number: str) -> None:
    assert fetch(of("url", url), SHOP, number) == PDF


@pytest.mark.parametrize(
    ("number", "why"), [("gone", "status 404"), ("html", "no PDF"), ("large", "at most 1 MB")]
)
def test_a_url_without_a_pdf(url: str, number: str, why: str) -> None:
    with pytest.raises(NoPdf, match=why):
        fetch(of("url", url), SHOP, number)


def test_from_a_folder(tmp_path: Path) -> None:
    settings = of("folder", str(tmp_path))
    (tmp_path / "1001.pdf").write_bytes(PDF)
    assert fetch(settings, SHOP, "1001") == PDF
    with pytest.raises(NoPdf, match="not there yet"):
        fetch(settings, SHOP, "1002")
    (tmp_path / "large.pdf").write_bytes(b"%PDF-" + b"x" * MAX_BYTES)
    with pytest.raises(NoPdf, match="more than 1 MB"):
        fetch(settings, SHOP, "large")


@pytest.mark.parametrize("number", ["../secret", "/etc/passwd", "..", ".hidden", "a\\b", ""])
def test_a_number_never_leaves_the_folder(tmp_path: Path, number: str) -> None:
    (tmp_path / "secret.pdf").write_bytes(PDF)
    (tmp_path / "in").mkdir()
    with pytest.raises(NoPdf, match="file name") as raised:
        fetch(of("folder", str(tmp_path / "in")), SHOP, number)
    assert not raised.value.comes_later


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    settings = of("folder", str(tmp_path / "in"))
    (tmp_path / "in" / "2026").mkdir(parents=True)
    (tmp_path / "in" / "2026" / "1.pdf").write_bytes(PDF)
    (tmp_path / "other.pdf").write_bytes(PDF)
    (tmp_path / "in" / "1001.pdf").symlink_to("2026/1.pdf")
    (tmp_path / "in" / "1002.pdf").symlink_to("../other.pdf")
    assert fetch(settings, SHOP, "1001") == PDF
    with pytest.raises(NoPdf, match="a link to a file outside of its folder"):
        fetch(settings, SHOP, "1002")
    (tmp_path / "linked").symlink_to("in")
    assert fetch(of("folder", str(tmp_path / "linked")), SHOP, "1001") == PDF


@pytest.mark.timeout(20)
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1001.pdf")
    (tmp_path / "1002.pdf").mkdir()
    for number in ("1001", "1002"):
        with pytest.raises(NoPdf, match="is no file"):
            fetch(of("folder", str(tmp_path)), SHOP, number)


@pytest.mark.parametrize(
    ("kind", "source", "why"),
    [
        ("url", "https://us:er@shop.example/{increment}", "no name and no password"),
        ("url", "https://{increment}.shop.example/pdf", "after the host"),
        ("url", "http://127.0.0.{increment}/pdf", "after the host"),
        ("folder", "", "from the root"),
        ("folder", "invoices", "from the root"),
        ("url", "https://shop.example/pdf", "{increment}"),
        ("url", "http://shop.example/{increment}", "in clear"),
        ("url", "ftp://shop.example/{increment}", "https://"),
    ],
)
def test_a_source_has_to_fit(kind: str, source: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        of(kind, source)
