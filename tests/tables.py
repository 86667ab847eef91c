"""All tables of the project: each room has its own, and a test of all of them needs every one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from sqlalchemy import MetaData

import pipeline
from pipeline.base.tables import Base

_ROOMS = Path(pipeline.__file__).parent
for _path in sorted([*_ROOMS.rglob("*tables.py"), *_ROOMS.rglob("*_table.py")]):
    import_module(".".join(("pipeline", *_path.relative_to(_ROOMS).with_suffix("").parts)))

METADATA: MetaData = Base.metadata
