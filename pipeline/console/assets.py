"""The addresses of stylesheet, script and icon, which name their content: a browser keeps a file
for good, and fetches it anew when its content, and so its address, is another."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response, request, url_for

FOR_GOOD = "public, max-age=31536000, immutable"


def keep_assets(app: Flask) -> None:
    """Give the templates `asset(name)`, and let browsers keep what is asked for by its content."""
    folder = Path(app.static_folder or "")
    contents = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in folder.iterdir()
        if path.is_file()
    }
    app.jinja_env.globals["asset"] = lambda name: url_for(
        "static", filename=name, content=contents[name]
    )

    @app.after_request
    def _may_be_kept(response: Response) -> Response:
        name = (request.view_args or {}).get("filename", "")
        is_asset = request.endpoint == "static" and response.status_code in (200, 304)
        if is_asset and request.args.get("content") == contents.get(name):
            response.headers["Cache-Control"] = FOR_GOOD
        return response
