"""Which addresses are of this machine, so that nothing goes over a network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether the host is a loopback address or `localhost`. No name is looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_in_clear(url: str) -> bool:
    """Whether what goes to this URL would cross a network unencrypted."""
    parts = urlsplit(url.strip())
    return parts.scheme.lower() == "http" and not is_this_machine(parts.hostname or "")
