"""Doctor on names of amounts that are not known here."""

from __future__ import annotations

from pipeline.base.db import Sessions, engine_for, sessions_for
from pipeline.finances.store import Transactions
from pipeline.monitoring.doctor_checks import Verdict
from pipeline.monitoring.money_checks import examine_money
from tests.builders import NOW
from tests.cli.conftest import NO_DATABASE
from tests.finances.test_recent_sums import SALE, of


def test_unknown_names_of_the_account_are_listed_with_their_sums(sessions: Sessions) -> None:
    odd = [("Surprises", f"Levy{number}", f"-{number}.10") for number in range(1, 8)]
    Transactions(sessions).store("eu", [of(*SALE, *odd, odd[3])], NOW)
    Transactions(sessions).store("us", [of(*SALE, ("", "Elsewhere", "-1.00"))], NOW)
    [found] = examine_money(sessions, "eu", NOW)
    assert (found.about, found.verdict) == ("account eu", Verdict.WARNING)
    assert "Levy4, 2 times, -8.20 EUR; Levy1, 1 times, -1.10 EUR" in found.sentence
    assert "; and 2 more" in found.sentence
    assert "Elsewhere" not in found.sentence


def test_known_names_are_fine(sessions: Sessions) -> None:
    Transactions(sessions).store("eu", [of(*SALE)], NOW)
    [found] = examine_money(sessions, "eu", NOW)
    assert found.verdict is Verdict.OK


def test_a_database_that_does_not_answer_is_anothers_finding() -> None:
    assert list(examine_money(sessions_for(engine_for(NO_DATABASE)), "eu", NOW)) == []
