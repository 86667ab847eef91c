"""`python -m bench.stub PORT [DELAY_MS]`: serve both remotes until the process is ended."""

from __future__ import annotations

import asyncio
import sys

from bench.stub.http import serve
from bench.stub.remotes import Remotes


def main() -> None:
    """Serve; the control route is ready as soon as the port accepts connections."""
    delay_ms = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    asyncio.run(serve(Remotes(delay_s=delay_ms / 1000), int(sys.argv[1])))


if __name__ == "__main__":
    main()
