"""Errors as problem details. Source: RFC 9457."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, json
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from pipeline.base.log import log

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    422: "Unusable request",
    429: "Too many requests",
    503: "Not available",
}


class Mistake(BaseModel):
    """A part of the request that cannot be used."""

    where: str
    message: str


class Problem(BaseModel):
    """Why the request was refused. `code` is for programs, `remedy` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    remedy: str
    mistakes: list[Mistake] = []


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: int, code: str, detail: str, remedy: str, **headers: str | int
    ) -> None:
        super().__init__(detail)
        self.problem = problem(status, code, detail, remedy)
        self.headers = {name.replace("_", "-"): str(value) for name, value in headers.items()}


def problem(
    status: int, code: str, detail: str, remedy: str, mistakes: list[Mistake] | None = None
) -> Problem:
    """A problem of ours; its type is a name, not an address to look up."""
    return Problem(
        type=f"urn:orderbridge:problem:{code}",
        title=_TITLES.get(status, "Error"),
        status=status,
        code=code,
        detail=detail,
        remedy=remedy,
        mistakes=mistakes or [],
    )


def answered(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The problem as a response."""
    body = json.dumps(problem.model_dump(mode="json"))
    return Response(body, problem.status, headers, mimetype=MEDIA_TYPE)


def documented(*statuses: int) -> dict[str | int, Any]:
    """The problems that an operation may answer with, for its description."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        str(status): {
            "description": _TITLES[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def unusable(error: ValidationError) -> Response:
    """The mistakes that a request's validation found, one for each field; they quote no value."""
    found: dict[str, str] = {}
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        where = str(mistake["loc"][0]) if mistake["loc"] else "body"
        found.setdefault(where, mistake["msg"])
    mistakes = [Mistake(where=where, message=message) for where, message in found.items()]
    return answered(
        problem(
            422,
            "unusable_request",
            "The request does not fit the description of the API.",
            "Correct what `mistakes` names; /api/v1/openapi.json describes every request.",
            mistakes,
        )
    )


def answer_with_problems(app: Flask) -> None:
    """Make a problem of every error."""

    @app.errorhandler(Refused)
    def _refused(error: Refused) -> Response:
        return answered(error.problem, error.headers)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        code = error.name.lower().replace(" ", "_")
        response = answered(
            problem(
                status,
                code,
                error.description or error.name,
                "/api/v1/openapi.json lists every path and method.",
            )
        )
        allowed = getattr(error, "valid_methods", None)
        if allowed:
            response.headers["Allow"] = ", ".join(sorted(allowed))
        return response

    @app.errorhandler(DBAPIError)
    def _no_database(error: DBAPIError) -> Response:
        log.error("api.database", error=type(error).__name__)
        return answered(
            problem(
                503,
                "no_database",
                "The database does not answer, or is busy with the same order.",
                "Send the same request again in some seconds.",
            ),
            {"Retry-After": "5"},
        )
