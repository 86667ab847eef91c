"""Error answers in SP-API's shape: `{"errors": [{"code", "message", "details"}]}`."""

from __future__ import annotations

from flask import Flask, Response, jsonify


class ApiError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


class Refused(Exception):
    """One message of a feed, or its document as a whole, is not taken.

    `page` is the page of Seller Central's help that the words end with a link to.
    """

    def __init__(self, words: str, *, page: str | None = None, code: str = "18028") -> None:
        self.words = words
        if page is not None:
            self.words += f" For help, see https://sellercentral.amazon.com/gp/help/{page}"
        super().__init__(self.words)
        self.code = code


def invalid_input(message: str) -> ApiError:
    """400: the request itself is wrong."""
    return ApiError(400, "InvalidInput", message)


def unauthorized(details: str = "") -> ApiError:
    """403: token, role or owner is wrong. An expired token is this too, never 401."""
    return ApiError(403, "Unauthorized", "Access to requested resource is denied.", details)


def not_found(order_id: str) -> ApiError:
    """404: unknown, another account's, or too old."""
    return ApiError(404, "NotFound", f"The requested order {order_id} was not found.")


def quota_exceeded() -> ApiError:
    """429; there is no Retry-After."""
    return ApiError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")


def answer_errors(app: Flask) -> None:
    """Turn every ApiError into its answer."""

    @app.errorhandler(ApiError)
    def answer(error: ApiError) -> Response:
        entry = {"code": error.code, "message": error.message, "details": error.details}
        response = jsonify(errors=[entry])
        response.status_code = error.status
        return response
