"""A small OpenID provider on loopback, which lets everybody in and says what a test wants.

It gives refresh tokens on request, each of which may be used once; it may be down or slow, and may
have removed the person.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from datetime import datetime
from types import TracebackType
from typing import Any

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as AnyResponse

CLIENT_ID, CLIENT_SECRET = "orderbridge", "secret-of-the-client"


class Issuer:
    """Issues ID tokens with `claims`; `changed` says what else is to be in the next one.

    `asked` is what was asked of it, such as "refresh". Calls wait for `may_answer`, and `arrived`
    counts them before.
    """

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.may_answer = threading.Event()
        self.reset({})
        self._asked: dict[str, dict[str, str]] = {}
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def reset(self, claims: dict[str, Any]) -> None:
        """Be as at the beginning, for another test."""
        self.claims = dict(claims)
        self.changed: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.published = self.key
        self.asked: list[str] = []
        self.arrived = 0
        self.is_down = self.is_removed = self.gives_refresh_tokens = False
        self.gives_id_token_again = True
        self.refresh_token = ""
        self.error = "invalid_grant"
        self.keys_read = 0
        self.may_answer.set()

    def logout_token(self, now: datetime, key: RSAKey | None = None, **changed: Any) -> str:
        """A logout token of now; a claim that is changed to `...` is left out."""
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 120,
            "jti": "logout-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            **changed,
        }
        present = {name: value for name, value in claims.items() if value is not ...}
        signing = key or self.key
        header = {"alg": "RS256", "kid": signing.kid, "typ": "logout+jwt"}
        return jwt.encode(header, present, signing)

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

        @app.before_request
        def answer() -> tuple[str, int] | None:
            self.arrived += 1
            self.may_answer.wait(20)
            return ("down", 503) if self.is_down else None

        @app.get("/.well-known/openid-configuration")
        def metadata() -> Response:
            return jsonify(
                issuer=self.url,
                **{
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/keys",
                    "end_session_endpoint": f"{self.url}/end-session",
                    "id_token_signing_alg_values_supported": ["RS256"],
                    **self.metadata,
                },
            )

        @app.get("/keys")
        def keys() -> Response:
            self.keys_read += 1
            return jsonify(keys=[self.published.as_dict(private=False)])

        @app.get("/authorize")
        def authorize() -> AnyResponse:
            silent = request.args.get("prompt") == "none"
            self.asked.append("silent" if silent else "authorize")
            if silent and self.is_removed:
                back, state = request.args["redirect_uri"], request.args["state"]
                return redirect(f"{back}?error={self.error}&state={state}")
            code = f"code-{len(self._asked)}"
            self._asked[code] = request.args.to_dict()
            state = request.args["state"]
            return redirect(f"{request.args['redirect_uri']}?code={code}&state={state}")

        @app.post("/token")
        def token() -> Response | tuple[Response, int]:
            login = request.authorization
            if login is None or (login.username, login.password) != (CLIENT_ID, CLIENT_SECRET):
                return jsonify(error="invalid_client"), 401
            if request.form["grant_type"] == "refresh_token":
                return refreshed()
            asked = self._asked.pop(request.form["code"], None)
            challenge = base64.urlsafe_b64encode(
                hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
            ).rstrip(b"=")
            if asked is None or asked.get("code_challenge") != challenge.decode():
                return jsonify(error="invalid_grant"), 400
            return tokens(nonce=asked.get("nonce"))

        def refreshed() -> Response | tuple[Response, int]:
            self.asked.append("refresh")
            is_right = request.form["refresh_token"] == self.refresh_token
            if self.is_removed or not is_right:
                return jsonify(error=self.error), 400
            return tokens()

        def tokens(**more: Any) -> Response:
            now = int(time.time())
            claims = {
                "iss": self.url,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 60,
                **more,
                **self.claims,
                **self.changed,
            }
            signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
            given = {"access_token": "access", "token_type": "Bearer"}
            if more or self.gives_id_token_again:
                given["id_token"] = signed
            if self.gives_refresh_tokens:
                self.refresh_token = given["refresh_token"] = secrets.token_urlsafe(16)
            return jsonify(given)

        return app
