"""`orderbridge migrate` and `orderbridge console`."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    Installation,
    NotFound,
    Unusable,
    clear_errors,
    open_installation,
    signature,
    tell,
)

if TYPE_CHECKING:
    from pipeline.console.order_views import Previews
    from pipeline.operations.preview.replay import Preview, Step

USER, PASSWORD = "ORDERBRIDGE_CONSOLE_USER", "ORDERBRIDGE_CONSOLE_PASSWORD"


@click.command(epilog=EXIT_STATUS)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a database that does not answer yet.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing: wait until the tables are of this version or a newer one.",
)
@AS_JSON
def migrate(wait_s: float, check: bool, as_json: bool) -> None:
    """Migrate the database's tables to this version.

    It is safe to repeat it, and to run it twice at once. It needs ORDERBRIDGE_DATABASE_URL and no
    other setting.
    """
    with clear_errors():
        from sqlalchemy import create_engine, pool
        from sqlalchemy.exc import OperationalError

        from pipeline.base import db
        from pipeline.base.clock import elapsed
        from pipeline.settings import file

        url = file.database_url()
        server, _ = db.address(url)
        engine = create_engine(server, poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
        give_up_at = elapsed() + wait_s
        while True:
            try:
                engine.connect().close()
                break
            except OperationalError:
                if elapsed() >= give_up_at:
                    raise
                time.sleep(0.5)
        while check and not db.is_migrated(url):
            if elapsed() >= give_up_at:
                raise NotFound("the database lacks tables of this version: run orderbridge migrate")
            time.sleep(0.5)
        if not check:
            db.migrate(url)
    tell("The database is up to date.", as_json, is_up_to_date=True)


@click.command(epilog=EXIT_STATUS)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on; 0 takes a free port.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="How many requests are answered at once.",
)
@click.option(
    "--flower-url",
    envvar="ORDERBRIDGE_FLOWER_URL",
    default="",
    show_envvar=True,
    help="Flower's address for people; the pages link to it.",
)
@click.pass_obj
def console(
    steps: Callable[[], Mapping[str, Step]] | None,
    host: str,
    port: int,
    threads: int,
    flower_url: str,
) -> None:
    """Serve the web pages until SIGTERM or Ctrl-C.

    People sign in who were added with `orderbridge people`. While there is nobody,
    ORDERBRIDGE_CONSOLE_USER and ORDERBRIDGE_CONSOLE_PASSWORD add the first admin. /healthz needs no
    sign-in, and answers 200 while the database answers.
    """
    if flower_url and not flower_url.startswith(("http://", "https://")):
        raise Unusable("ORDERBRIDGE_FLOWER_URL must begin with http:// or https://")
    with open_installation(may_be_new=True) as installation:
        from pipeline.base.clock import utc_now
        from pipeline.base.log import configure
        from pipeline.console.app import create_app
        from pipeline.console.server import Server
        from pipeline.operations.acts.shop_product import products_of

        configure()
        _make_the_first_admin(installation)
        previews = None if steps is None else _previews(installation, steps)
        app = create_app(
            installation.settings,
            installation.sessions,
            utc_now,
            flower_url,
            previews,
            products_of(installation.settings),
        )
        with _listening_socket(host, port) as listening:
            server = Server(app, listening, threads, installation.settings.console.proxies)
            signal.signal(signal.SIGTERM, _end)
            address, taken_port = listening.getsockname()[:2]
            shown = f"[{address}]" if ":" in address else address
            click.echo(f"Orderbridge answers on http://{shown}:{taken_port}/")
            server.run()


def _previews(installation: Installation, steps: Callable[[], Mapping[str, Step]]) -> Previews:
    """Previews of a replay, which read the remotes each time that a page asks for one."""

    def previews(order_id: int, step: str) -> Sequence[Preview]:
        from pipeline.cli.remotes import remotes
        from pipeline.operations.preview.replay import NotPossible, preview

        try:
            with remotes(installation) as reached:
                return preview(
                    installation.sessions, reached.vault, reached.clients, steps(), order_id, step
                )
        except NotFound as error:
            raise NotPossible(error.message) from error

    return previews


def _make_the_first_admin(installation: Installation) -> None:
    from pipeline.access.errors import NotAllowed
    from pipeline.access.people import People
    from pipeline.settings.secrets import BadSecret, secret_of

    people = People(installation.sessions)
    if people.everyone():
        return
    try:
        name, password = os.environ.get(USER, ""), secret_of(os.environ, PASSWORD)
    except BadSecret as error:
        raise Unusable(str(error)) from error
    if name and password:
        try:
            people.add_first(name, password, signature())
        except NotAllowed as error:
            raise Unusable(f"{USER} and {PASSWORD} cannot add an admin: {error}") from error
    elif installation.settings.console.oidc is None:
        raise Unusable(
            "nobody could sign in: add an admin with orderbridge people add NAME --role admin, or "
            f"set {USER} and {PASSWORD} for the first one"
        )


def _listening_socket(host: str, port: int) -> socket.socket:
    """Open the socket here and not in waitress, so that a port in use becomes a sentence."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise Unusable(f"cannot listen on {host}, port {port}: {reason}") from error


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Waitress treats this like Ctrl-C: requests under way are still answered."""
    raise SystemExit(0)
