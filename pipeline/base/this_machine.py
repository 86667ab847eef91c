"""Which addresses are of this machine, so that nothing goes over a network."""

from __future__ import annotations

import ipaddress


def is_this_machine(host: str) -> bool:
    """Whether the host is a loopback address or `localhost`. No name is looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
