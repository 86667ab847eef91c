"""An act that is done once, however often its request comes.

The act, its answer and the row of its Idempotency-Key are committed together: a crash leaves all of
them or nothing. The same request at the same time waits for the first, and gets its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from pipeline.access.tables import ApiAnswer
from pipeline.api.problems import Refused
from pipeline.base.db import Sessions


class Answer(NamedTuple):
    """A status and a body; `is_repeated` if the act was done by an earlier request."""

    status: int
    body: dict[str, Any]
    is_repeated: bool = False


class Request(NamedTuple):
    """What makes a request the same: the token's id, its key, and the digest of path and body.

    Without a key each request is another one.
    """

    token_id: int
    key: str
    digest: bytes


def once(
    sessions: Sessions,
    request: Request,
    now: datetime,
    act: Callable[[Sessions], Answer],
    signed: Callable[[Session, Answer], None],
) -> Answer:
    """Do the act with sessions of one transaction, which `signed` ends; or repeat the answer.

    Raises Refused for another request under the same key.
    """
    with sessions() as session, session.begin():
        if request.key and (earlier := _begun(session, request, now)) is not None:
            return earlier
        joined = sessionmaker(
            session.connection(),
            expire_on_commit=False,
            # Each `begin` of the act is a savepoint: a refused act leaves nothing.
            join_transaction_mode="create_savepoint",
        )
        answer = act(joined)
        if request.key:
            session.execute(
                update(ApiAnswer)
                .where(ApiAnswer.token_id == request.token_id, ApiAnswer.key == request.key)
                .values(status=answer.status, body=answer.body)
                .execution_options(synchronize_session=False)
            )
        signed(session, answer)
        return answer


def _begun(session: Session, request: Request, now: datetime) -> Answer | None:
    """Begin the request; the answer if it was done before."""
    is_new = session.scalar(
        insert(ApiAnswer)
        .values(token_id=request.token_id, key=request.key, digest=request.digest, at=now)
        .on_conflict_do_nothing()
        .returning(ApiAnswer.key)
    )
    if is_new is not None:
        return None
    earlier = session.execute(
        select(ApiAnswer.digest, ApiAnswer.status, ApiAnswer.body).where(
            ApiAnswer.token_id == request.token_id, ApiAnswer.key == request.key
        )
    ).one()
    if earlier.digest != request.digest:
        raise Refused(
            422,
            "key_of_another_request",
            "This Idempotency-Key came with another request before.",
            "Give each act a key of its own, and repeat a request unchanged.",
        )
    return Answer(earlier.status, earlier.body, is_repeated=True)
