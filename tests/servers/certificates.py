"""Certificates of an authority that was made for one test."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import trustme

from devstack.paths import write_private
from devstack.place import Account


@dataclass(frozen=True)
class Certificates:
    """The authority, and what a server of 127.0.0.1 and localhost shows."""

    authority: Path
    certificate: Path
    key: Path
    stranger: Path
    """Another authority, which signed nothing."""


def make(folder: Path, account: Account | None = None) -> Certificates:
    """Make them in this folder; `account` runs the server, where it is not ours."""
    made = Certificates(*(folder / f"{name}.pem" for name in ("ca", "server", "key", "stranger")))
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(made.authority)
    trustme.CA().cert_pem.write_to_path(made.stranger)
    server.cert_chain_pems[0].write_to_path(made.certificate)
    write_private(made.key, server.private_key_pem.bytes().decode())
    for file in (made.authority, made.certificate, made.stranger):
        file.chmod(0o644)
    if account is not None:
        os.chown(made.key, account.uid, account.gid)
    return made
