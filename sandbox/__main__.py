"""`python -m sandbox amazon|magento …` runs one of the stand-ins."""

from __future__ import annotations

import importlib
import sys

NAMES = ("amazon", "magento")


def main(argv: list[str]) -> None:
    """Run the stand-in named first, with the arguments after it."""
    if not argv or argv[0] not in NAMES:
        raise SystemExit(f"usage: python -m sandbox {{{','.join(NAMES)}}} --port PORT --data FILE")
    importlib.import_module(f"sandbox.{argv[0]}.app").main(argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
