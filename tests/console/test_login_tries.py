"""Who tries passwords has to wait."""

from __future__ import annotations

from flask.testing import FlaskClient
from sqlalchemy import select

from pipeline.access.tables import WrongPasswords
from pipeline.base.db import Sessions
from pipeline.console.app import create_app
from tests.console.builders import some_settings
from tests.console.signing_in import Clock, is_in, sign_in


def test_five_of_a_name_from_one_place_cost_a_pause_that_grows(
    client: FlaskClient, clock: Clock
) -> None:
    for _ in range(5):
        assert sign_in(client, password="wrong").status_code == 403
    for pause_s, said in ((30, "30 seconds"), (60, "60 seconds"), (120, "2 minutes")):
        reply = sign_in(client)
        assert reply.status_code == 429
        assert f"Too many tries. Try again in {said}." in reply.text
        clock.pass_(seconds=pause_s)
        assert sign_in(client, password="wrong").status_code == 403
    clock.pass_(seconds=240)
    assert sign_in(client).status_code == 303


def test_a_name_that_nobody_has_is_treated_alike(client: FlaskClient) -> None:
    replies = [sign_in(client, "nobody", "wrong").status_code for _ in range(6)]
    assert replies == [403] * 5 + [429]


def test_who_comes_in_begins_anew(client: FlaskClient) -> None:
    for _ in range(3):
        for _ in range(4):
            assert sign_in(client, password="wrong").status_code == 403
        assert sign_in(client).status_code == 303


def test_a_stranger_does_not_keep_the_owner_out(
    client: FlaskClient, sessions: Sessions, clock: Clock
) -> None:
    stranger = create_app(some_settings(), sessions, clock).test_client()
    stranger.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    replies = [sign_in(stranger, password="wrong").status_code for _ in range(6)]
    assert replies[-1] == 429
    assert sign_in(client).status_code == 303


def test_many_names_from_one_place_are_too_many_and_its_pauses_stay_short(
    client: FlaskClient, clock: Clock
) -> None:
    replies = [sign_in(client, f"name {number}", "x").status_code for number in range(21)]
    assert replies == [403] * 20 + [429]
    assert sign_in(client).status_code == 429
    for number in range(30):
        clock.pass_(minutes=1)
        assert sign_in(client, f"another {number}", "x").status_code == 403
        assert sign_in(client, f"another {number}", "x").status_code == 429
    clock.pass_(minutes=1)
    assert sign_in(client).status_code == 303


def test_who_signed_in_here_before_is_not_kept_out_by_others_at_the_same_address(
    client: FlaskClient, sessions: Sessions, clock: Clock
) -> None:
    """As in an office, or behind a proxy that is not counted."""
    assert sign_in(client).status_code == 303
    client.delete_cookie("orderbridge")
    stranger = create_app(some_settings(), sessions, clock).test_client()
    replies = [sign_in(stranger, f"name {number}", "x").status_code for number in range(20)]
    replies += [sign_in(stranger, password="wrong").status_code]
    assert replies == [403] * 20 + [429]
    assert sign_in(client).status_code == 303


def test_a_known_browser_has_its_own_tries(client: FlaskClient) -> None:
    sign_in(client)
    replies = [sign_in(client, password="wrong").status_code for _ in range(6)]
    assert replies == [403] * 5 + [429]
    client.delete_cookie("orderbridge-browser")
    assert sign_in(client).status_code == 303


def test_the_mark_of_a_known_browser_lets_nobody_in_and_is_kept_from_scripts(
    client: FlaskClient,
) -> None:
    (mark,) = [
        header
        for header in sign_in(client).headers.getlist("Set-Cookie")
        if header.startswith("orderbridge-browser=")
    ]
    attributes = mark.split("; ")[1:]
    assert "Max-Age=7776000" in attributes
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(attributes)
    client.delete_cookie("orderbridge")
    assert not is_in(client)


def test_an_hour_later_all_is_forgotten(
    client: FlaskClient, clock: Clock, sessions: Sessions
) -> None:
    for _ in range(5):
        sign_in(client, password="wrong")
    clock.pass_(hours=1)
    assert sign_in(client).status_code == 303
    with sessions() as session:
        assert session.scalars(select(WrongPasswords)).all() == []


def test_what_was_tried_is_not_kept_in_clear(client: FlaskClient, sessions: Sessions) -> None:
    sign_in(client, "my secret password", "x")
    with sessions() as session:
        kept = " ".join(session.scalars(select(WrongPasswords.subject)))
    assert "secret" not in kept
    assert "127.0.0.1" not in kept
