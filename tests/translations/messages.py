"""Every message of the console: of its templates, of its views, and of the rows that the rooms
below it hold, which a template translates where it shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir

from pipeline.base.security_log import Action
from pipeline.console import languages
from pipeline.finances.settlement_comparison import WHY
from pipeline.monitoring.doctor_checks import Verdict
from pipeline.operations.lists import filter_values as values
from pipeline.operations.lists.bulk_acts import Since
from pipeline.operations.lists.columns import CHOOSABLE, FIRST
from pipeline.operations.lists.filters import _FIELDS
from pipeline.operations.lists.money_trail import WORDS
from pipeline.operations.lists.remedies import FIXES
from pipeline.operations.lists.timeline import Kind
from pipeline.orders.channel_order import Program, RemoteStatus
from pipeline.orders.machine import STEPS
from pipeline.orders.outcome import HoldCode
from pipeline.orders.states import (
    AttemptOutcome,
    CancellationState,
    ConfirmationState,
    EffectKind,
)
from pipeline.orders.tables import EffectState, Status
from pipeline.settings.roles import Role

CONSOLE = Path(languages.__file__).parent
_METHODS: list[tuple[str, str]] = [("templates/**.html", "jinja2"), ("**.py", "python")]
_OPTIONS = {"templates/**.html": {"newstyle_gettext": "true", "trimmed": "true"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "later": None}
_CODES = (Action, EffectKind, EffectState, HoldCode, Kind, Program, RemoteStatus, Role)
_MORE_CODES = (AttemptOutcome, CancellationState, ConfirmationState, Since, Status, Verdict, STEPS)


def collected() -> Catalog:
    """The messages, each once, with the places where they are."""
    catalog = Catalog(project="Orderbridge", charset="utf-8")
    found = extract_from_dir(
        CONSOLE, _METHODS, _OPTIONS, keywords=_KEYWORDS, comment_tags=(), strip_comment_tags=True
    )
    for path, _line, message, _comments, _context in found:
        catalog.add(message, locations=[(path, 0)])
    for message in rows():
        catalog.add(message, locations=[("rows", 0)])
    return catalog


def rows() -> Iterator[str]:
    """The messages that are values of the rooms below the console."""
    for codes in (*_CODES, *_MORE_CODES):
        for code in codes:
            yield code.replace("_", " ").lower()
    yield from ("works", "refused", "stopped")  # how an account is on the page of health
    yield from FIXES.values()
    yield from WHY.values()
    yield from WORDS
    yield from (column.label for column in (FIRST, *CHOOSABLE) if column.label)
    yield from _sentences_of_filters()


def _sentences_of_filters() -> Iterator[str]:
    for _name, _attribute, reader, _writer in _FIELDS:
        for text in ("?", "1 " * values.MOST_NUMBERS + "2"):
            try:
                reader(text)
            except values.Unusable as error:
                yield str(error)
