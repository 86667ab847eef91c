"""`orderbridge backup`: an encrypted dump of the database."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import click

from pipeline.cli.common import AS_JSON, EXIT_STATUS, Unusable, clear_errors, print_json


@click.command(epilog=EXIT_STATUS)
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    required=True,
    metavar="KEY",
    help="The public key that it is encrypted for: age1… or ssh-ed25519 …; may be repeated.",
)
@click.option(
    "--to",
    "to",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Where to write it; - is standard output.",
)
@click.option("--stdin", is_flag=True, help="Encrypt the dump on standard input: run no pg_dump.")
@click.option(
    "--pg-dump",
    "program",
    default="pg_dump",
    show_default=True,
    metavar="PROGRAM",
    help="The pg_dump to run, of the server's version or a newer one.",
)
@AS_JSON
def backup(recipients: tuple[str, ...], to: Path, stdin: bool, program: str, as_json: bool) -> None:
    """Dump the database, encrypted for a key whose other half is not on this server.

    Whoever has that half reads the dump with `age --decrypt`, and restores it with pg_restore. The
    buyers' data in it is encrypted with the master key besides. ORDERBRIDGE_DATABASE_URL has to be
    that of the tables' owner; --stdin needs no setting.
    """
    with clear_errors(), ExitStack() as stack:
        from pipeline.base.backups import BackupFailed, dumped, encrypt, recipient, written
        from pipeline.settings import file

        try:
            keys = [recipient(text) for text in recipients]
            to_stdout = str(to) == "-"
            out = os.fdopen(sys.stdout.fileno(), "wb", closefd=False) if to_stdout else written(to)
            target = stack.enter_context(out)
            if stdin:
                with os.fdopen(sys.stdin.fileno(), "rb", closefd=False) as dump:
                    encrypt(dump, target, keys)
            else:
                with dumped(file.database_url(), program) as dump:
                    encrypt(dump, target, keys)
        except BackupFailed as error:
            raise Unusable(str(error)) from error
    if to_stdout:
        return
    if as_json:
        print_json({"file": str(to), "bytes": to.stat().st_size})
    else:
        click.echo(f"{to}: {to.stat().st_size} bytes, encrypted.")
