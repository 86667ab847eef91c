"""`python -m bench.peers KIND URL DATABASE_URL THREADS`: one process of a peer.

A line on the standard input names the orders to work on, as JSON; when they are done, a line on the
standard output has the CPU seconds that they took.
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from time import process_time

from bench.peers.effects import Effects
from bench.peers.flows import bare, durable


def main() -> None:
    """Work until the standard input ends."""
    kind, url, database_url, threads = sys.argv[1:5]
    effects = Effects(url, database_url, threading.local())
    if kind == "bare":
        flow = bare(effects)
    else:
        flow = durable(effects, database_url, by_write=kind == "writes")
    with ThreadPoolExecutor(int(threads)) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            begun_s = process_time()
            list(pool.map(flow, json.loads(line)))
            print(process_time() - begun_s, flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
