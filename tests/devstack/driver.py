"""A driver to be killed by a test: `driver.py HOME` prints its children's ids and waits."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from devstack.supervisor import Process, Supervisor

# Whoever runs the tests may have these ignored, as nohup does.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

with Supervisor(Path(sys.argv[1])) as supervisor:
    for name in ("first", "second"):
        supervisor.start(Process(name, ("sleep", "600")))
    sys.stdout.write(f"{supervisor.pid('first')} {supervisor.pid('second')}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)
