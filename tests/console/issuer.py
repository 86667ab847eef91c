"""A small OpenID provider on loopback, which lets everybody in and says what a test wants."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from types import TracebackType
from typing import Any

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

CLIENT_ID, CLIENT_SECRET = "orderbridge", "secret-of-the-client"


class Issuer:
    """Issues ID tokens with `claims`; `changed` says what else is to be in the next one."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.changed: dict[str, Any] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.published = self.key
        self._asked: dict[str, dict[str, str]] = {}
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Issuer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _app(self) -> Flask:
        app = Flask(__name__)

        @app.get("/.well-known/openid-configuration")
        def metadata() -> Response:
            return jsonify(
                issuer=self.url,
                authorization_endpoint=f"{self.url}/authorize",
                token_endpoint=f"{self.url}/token",
                jwks_uri=f"{self.url}/keys",
                id_token_signing_alg_values_supported=["RS256"],
            )

        @app.get("/keys")
        def keys() -> Response:
            return jsonify(keys=[self.published.as_dict(private=False)])

        @app.get("/authorize")
        def authorize() -> AnyResponse:
            code = f"code-{len(self._asked)}"
            self._asked[code] = request.args.to_dict()
            state = request.args["state"]
            return redirect(f"{request.args['redirect_uri']}?code={code}&state={state}")

        @app.post("/token")
        def token() -> Response | tuple[Response, int]:
            login = request.authorization
            asked = self._asked.pop(request.form["code"], None)
            challenge = base64.urlsafe_b64encode(
                hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
            ).rstrip(b"=")
            if (
                asked is None
                or login is None
                or (login.username, login.password) != (CLIENT_ID, CLIENT_SECRET)
                or asked.get("code_challenge") != challenge.decode()
            ):
                return jsonify(error="invalid_grant"), 400
            now = int(time.time())
            claims = {
                "iss": self.url,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 60,
                "nonce": asked.get("nonce"),
                **self.claims,
                **self.changed,
            }
            signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
            return jsonify(access_token="access", token_type="Bearer", id_token=signed)

        return app
