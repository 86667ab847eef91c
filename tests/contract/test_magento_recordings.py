"""The Magento stand-in against exchanges recorded with a running shop.

Counters are set before each step so that ids come out as recorded; only times and random codes are
left out of the comparison.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.contract.magento_compare import Recording
from tests.contract.magento_replay import Replay, start
from tests.contract.magento_stories import LEFT_OUT, STORIES
from tests.contracts import contract
from tests.sandbox.test_magento_auth import Caller, running_magento

_AT_LEAST = 0.95


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    folder = contract("magento/recordings")
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.fixture(scope="module")
def magento(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    with running_magento(tmp_path_factory.mktemp("recordings") / "m.sqlite") as caller:
        yield caller


def test_the_stand_in_answers_as_the_recorded_shop_did(
    magento: Caller, recordings: dict[str, Recording], figure: Callable[[str], None]
) -> None:
    naming = Replay(magento, recordings)
    told = {naming.name(s) for story in STORIES for s in story if isinstance(s, str)}
    single = sorted(recordings.keys() - told - LEFT_OUT.keys())
    faults: dict[str, list[str]] = {}
    played = set()
    for story in (*STORIES, *((name,) for name in single)):
        start(magento)
        replay = Replay(magento, recordings)
        for step in story:
            if isinstance(step, str):
                name = replay.name(step)
                played.add(name)
                differences = replay.play(step)
                if differences:
                    faults.setdefault(name, differences)
            else:
                step(replay)
    matching = played - faults.keys()
    share = len(matching) / len(recordings)
    figure(
        f"{len(matching)} of {len(recordings)} recordings of a running Magento match the stand-in"
        f" ({share:.1%}); left out: "
        + "; ".join(f"{name} ({reason})" for name, reason in sorted(LEFT_OUT.items()))
    )
    assert faults == {}
    assert LEFT_OUT.keys() <= recordings.keys()
    assert matching == recordings.keys() - LEFT_OUT.keys()
    assert share >= _AT_LEAST
