"""PostgreSQL over TLS, its certificate verified, with nothing but the URL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from sqlalchemy.exc import OperationalError

from devstack.paths import temporary_home
from devstack.supervisor import Supervisor
from pipeline.base import db
from pipeline.monitoring.doctor import examine_installation
from tests.builders import an_order, settings, stored
from tests.cli.conftest import environment, runner
from tests.servers.postgres_servers import TlsPostgres

CHECK = "connection to the database"


@pytest.fixture(scope="module")
def postgres() -> Iterator[TlsPostgres]:
    with temporary_home() as home, Supervisor(home) as supervisor:
        made = TlsPostgres(supervisor, home)
        made.start()
        done = runner(environment(home, verified(made)))("migrate")
        assert (done.exit_code, done.output) == (0, "The database is up to date.\n")
        yield made


def verified(postgres: TlsPostgres) -> str:
    return postgres.url(sslmode="verify-full", sslrootcert=str(postgres.files.authority))


def told(url: str) -> tuple[str, str]:
    """What doctor says of the connection."""
    engine = db.engine_for(url)
    with redis.Redis(port=1) as broker:
        found = examine_installation(settings(), db.sessions_for(engine), broker)
        [one] = [one for one in found if one.check == CHECK]
    engine.dispose()
    return str(one.verdict), one.sentence


def test_the_tables_are_made_and_used(postgres: TlsPostgres) -> None:
    engine = db.engine_for(verified(postgres))
    assert stored(db.sessions_for(engine), an_order(raw=None)) > 0
    engine.dispose()


def test_a_server_that_another_authority_signed_is_refused(postgres: TlsPostgres) -> None:
    url = postgres.url(sslmode="verify-full", sslrootcert=str(postgres.files.stranger))
    engine = db.engine_for(url)
    with pytest.raises(OperationalError) as refusal:
        engine.connect()
    assert "certificate verify failed" in db.reason(refusal.value)


def test_doctor_tells_a_certificate_that_is_not_verified(postgres: TlsPostgres) -> None:
    assert told(verified(postgres)) == (
        "ok",
        "it is encrypted, and the server's certificate is verified",
    )
    assert told(postgres.url()) == (
        "warning",
        "it is encrypted, but the server's certificate is not verified",
    )
