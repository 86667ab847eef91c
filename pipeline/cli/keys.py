"""`orderbridge keys`: the master key, and its replacement by another."""

from __future__ import annotations

import base64
import os
import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Unusable,
    columns,
    open_installation,
    print_json,
    signature,
    tell,
)

if TYPE_CHECKING:
    from pipeline.cli.common import Installation
    from pipeline.monitoring.key_rotation import Rotation


@click.group(epilog=EXIT_STATUS)
def keys() -> None:
    """Replace the master key, which wraps the keys of buyers' data.

    In this order: `keys new` prints the new key. It becomes ORDERBRIDGE_MASTER_KEY everywhere, and
    the old one ORDERBRIDGE_MASTER_KEY_OLD. Start everything anew, then `keys rotate`. Once it says
    so, remove ORDERBRIDGE_MASTER_KEY_OLD.
    """


@keys.command(epilog=EXIT_STATUS)
@AS_JSON
def new(as_json: bool) -> None:
    """Print a master key that replaces ORDERBRIDGE_MASTER_KEY, or a first one where none is set.

    It is printed and kept nowhere: put it where the old one is. No database is needed.
    """
    from pipeline.base.master_keys import KEY_BYTES, MasterKey
    from pipeline.settings.secrets import BadSecret, master_keys

    try:
        known = [MasterKey(secret) for secret in master_keys(os.environ)]
    except BadSecret as error:
        raise Unusable(str(error)) from error
    key = known[0].successor() if known else MasterKey(os.urandom(KEY_BYTES))
    text = base64.b64encode(key.secret).decode()
    replaced = known[0].id if known else None
    tell(text, as_json, id=key.id, replaces=replaced, master_key=text)
    if not as_json:
        what = f"replaces {replaced}" if replaced else "is the first one, as none is set here"
        click.echo(f"This master key, {key.id}, {what}.", err=True)


@keys.command(epilog=EXIT_STATUS)
@AS_JSON
def status(as_json: bool) -> None:
    """Show the master keys by their ids: those set here, and what is stored under each."""
    with open_installation() as installation:
        rotation = _rotation(installation)
        stored = rotation.in_use()
    advice = rotation.advice(rotation.left(stored))
    current, old = rotation.keys.current.id, [key.id for key in rotation.keys.old]
    if as_json:
        print_json({"current": current, "old": old, "stored": stored, "advice": advice})
        return
    table = [("KEY", "HERE", "STORED UNDER IT")]
    for name in dict.fromkeys((current, *old, *sorted(stored))):
        here = "seals" if name == current else "opens" if name in old else "-"
        table.append((name, here, str(stored.get(name, 0))))
    click.echo("\n".join(columns(table)))
    click.echo(advice)


@keys.command(epilog=EXIT_STATUS)
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    default=500,
    show_default=True,
    help="How many keys a transaction wraps anew.",
)
@AS_JSON
def rotate(batch: int, as_json: bool) -> None:
    """Wrap everything that an old master key has wrapped with the current one.

    Workers go on meanwhile. It may be ended at any time and run again. At the end it counts what is
    still under another key: exit status 1 if anything is.
    """
    from pipeline.base.clock import elapsed

    with open_installation() as installation:
        rotation = _rotation(installation, batch)
        wanted = sum(rotation.left(rotation.in_use()).values())
        begun_at = elapsed()
        done = _through(rotation, wanted, shows=not as_json)
        took_s = elapsed() - begun_at
        left = rotation.left(rotation.in_use())
        rotation.note(signature(), done, sum(left.values()))
    advice = rotation.advice(left)
    sentence = f"{done} keys are under the master key {rotation.keys.current.id} now. {advice}"
    tell(sentence, as_json, rewrapped=done, left=left, took_s=round(took_s, 3), advice=advice)
    if left:
        raise click.exceptions.Exit(NOTHING_DONE)


def _rotation(installation: Installation, batch: int = 1) -> Rotation:
    from pipeline.base.master_keys import MasterKeys
    from pipeline.monitoring.key_rotation import Rotation

    return Rotation(installation.sessions, MasterKeys(*installation.settings.master_keys), batch)


def _through(rotation: Rotation, wanted: int, *, shows: bool) -> int:
    """Rotate with a progress bar on standard error; how many keys were wrapped anew."""
    from pipeline.base.clock import elapsed

    done, begun_at = 0, elapsed()

    def rate(_: int | None) -> str:
        return f"{done / max(elapsed() - begun_at, 0.001):.0f} keys/s"

    with click.progressbar(
        length=wanted,
        label="Wrapping keys",
        show_eta=True,
        show_pos=True,
        item_show_func=rate,
        file=sys.stderr,
        hidden=not shows or not sys.stderr.isatty(),
    ) as bar:
        for rewrapped in rotation.run():
            done += rewrapped
            bar.update(rewrapped, rewrapped)
    return done
