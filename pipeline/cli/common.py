"""Shared by the commands: configuration and database, error sentences, text and JSON output."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.base.row_ids import row_id

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from pipeline.base.db import Sessions
    from pipeline.base.security_log import Signature
    from pipeline.settings.model import Settings

EXIT_STATUS = (
    "Exit status: 0 success, 1 nothing found or nothing done, 2 wrong usage or configuration, or "
    "no answer from the database."
)
NOTHING_DONE = 1
_NOBODY_SIGNED_IN = 2**32 - 1
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class NotFound(click.ClickException):
    """The order is unknown, or several orders match."""

    exit_code = NOTHING_DONE


class Unusable(click.ClickException):
    """The command could not start; the message says what to do."""

    exit_code = 2


class RowId(click.ParamType[int]):
    """A row's id as an argument; an id too large for the column raises NotFound."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The id. Raises NotFound for a number too large, BadParameter for text."""
        if isinstance(value, int):
            return value
        if not (value.isascii() and value.isdigit() and value.strip("0")):
            self.fail(f"{value!r} is not an id", param, ctx)
        number = row_id(value)
        if number is None:
            raise NotFound(f"nothing has the id {value[:30]}")
        return number


@dataclass(frozen=True, slots=True)
class Installation:
    """The configuration, and the database named in it."""

    settings: Settings
    sessions: Sessions


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn errors that an operator can mend into a sentence; defects keep their traceback."""
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from pipeline.settings.file import ConfigError

    try:
        yield
    except ConfigError as error:
        raise Unusable(str(error)) from error
    except DBAPIError as error:
        raise Unusable(_about_the_database(error)) from error
    except UnicodeEncodeError as error:
        if error.encoding != "utf-8":
            raise
        raise Unusable("a text that was given is not in UTF-8") from error
    except (ArgumentError, ModuleNotFoundError) as error:
        raise Unusable(
            "ORDERBRIDGE_DATABASE_URL must look like "
            "postgresql+psycopg://user:password@host:5432/database"
        ) from error


@contextmanager
def open_installation(*, may_be_new: bool = False) -> Iterator[Installation]:
    """The configured database for a command; its errors become sentences.

    With `may_be_new` no account and no shop has to be configured.
    """
    with clear_errors():
        from pipeline.base import db
        from pipeline.settings import file

        loaded = file.load(may_be_new=may_be_new)
        engine = db.engine_for(loaded.database_url.get_secret_value())
        try:
            yield Installation(loaded, db.sessions_for(engine))
        finally:
            engine.dispose()


def system_user(
    environment: Mapping[str, str] = os.environ, login: Path = Path("/proc/self/loginuid")
) -> str:
    """The account that runs this command, and behind it, in brackets, who became that account.

    That is whom the kernel knows to have signed in. Where it knows nobody, it is whom sudo names:
    a person who may act as the account anyhow could name another there.
    """
    account = _account(os.getuid())
    try:
        signed_in = int(login.read_text())
    except (OSError, ValueError):
        signed_in = _NOBODY_SIGNED_IN
    if signed_in != _NOBODY_SIGNED_IN:
        behind = _account(signed_in)
    else:
        behind = on_one_line(environment.get("SUDO_USER", ""))[:64]
    return f"{account} ({behind})" if behind not in ("", account) else account


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user may have no name
        return f"user {uid}"


def signature() -> Signature:
    """Signs an act of the user who runs this command, now."""
    from pipeline.base.clock import utc_now
    from pipeline.base.security_log import Signature

    return Signature(system_user(), "", utc_now())


def refuse_arguments(texts: Sequence[str], what: str) -> None:
    """Refuse text that `private_text` reads. Raises UsageError, which does not repeat it."""
    if texts:
        raise click.UsageError(
            f"{what} is not taken from the command line, which all users of the machine can read: "
            "leave the text out, and enter it when you are asked, or on standard input"
        )


def private_text(what: str, *, hidden: bool = False) -> str:
    """A line that no argument may hold, since every user of the machine can read those.

    It is asked for, or read from standard input. Raises UsageError at the input's end.
    """
    if sys.stdin.isatty():
        entered: str = click.prompt(
            what,
            default=None if hidden else "",
            show_default=False,
            hide_input=hidden,
            confirmation_prompt=hidden,
            err=True,
        )
        return entered
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError(f"standard input has no line for: {what}")
    return line.rstrip("\r\n")


def print_json(data: object) -> None:
    """Print a JSON document, as docs/cli-json.md has it: times in ISO 8601, amounts and durations
    as numbers."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))


def tell(sentence: str, as_json: bool, **facts: object) -> None:
    """Print the result: the sentence for a person, or the facts as JSON for a program."""
    if as_json:
        print_json(facts)
    else:
        click.echo(sentence)


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Rows of text with aligned columns; the last column may have any length."""
    printable = [[on_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*printable, strict=True)]
    return [
        indent
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in printable
    ]


def on_one_line(text: str) -> str:
    """A remote's text without characters that move the cursor or colour the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """A day or a time as an option. A day means its beginning; a time without offset is UTC."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write it as 2026-01-31 or 2026-01-31T18:00:00Z") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def when(at: datetime | None) -> str:
    """A time to the minute; all output is in UTC."""
    return at.strftime("%Y-%m-%d %H:%M") if at else "-"


def titled(facts: Mapping[str, str]) -> list[str]:
    """The facts, each on a line; empty facts are left out."""
    return columns([(name, value) for name, value in facts.items() if value])


def _plain(value: Any) -> str | float:
    match value:
        case Decimal():
            return float(value)
        case timedelta():
            return value.total_seconds()
        case date():
            return value.isoformat()
        case Path():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _about_the_database(error: DBAPIError) -> str:
    from psycopg.errors import UndefinedColumn, UndefinedTable
    from sqlalchemy.exc import OperationalError

    from pipeline.base.db import reason

    if isinstance(error.orig, UndefinedTable | UndefinedColumn):
        return "the database lacks tables of this version: run orderbridge migrate"
    if isinstance(error, OperationalError):
        return f"the database of ORDERBRIDGE_DATABASE_URL does not answer: {reason(error)}"
    return f"the database refused a query: {reason(error)}"
