"""`orderbridge notifications` against the stand-in of Amazon and a real queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.amazon.quota import USAGE_PLAN, Quota
from sandbox.amazon.state import Options
from tests.cli.conftest import NO_DATABASE, Run, environment, runner
from tests.queues import REGION, TestQueue, a_queue
from tests.sandbox.conftest import Caller, running_amazon

SECRETS = {
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_ID": "sandbox-client",
    "ORDERBRIDGE_ACCOUNT_EU_CLIENT_SECRET": "sandbox-secret",
    "ORDERBRIDGE_ACCOUNT_EU_REFRESH_TOKEN": "Atzr|sandbox-main",
    "ORDERBRIDGE_ACCOUNT_EU_AWS_ACCESS_KEY_ID": "tester",
    "ORDERBRIDGE_ACCOUNT_EU_AWS_SECRET_ACCESS_KEY": "tester",
}
IDS = ("subscription", "money_subscription", "destination")
DESTINATION, SUBSCRIPTION = "00000001-0000-4000-8000-", "00000001-0000-4000-9000-"


@pytest.fixture
def amazon(tmp_path: Path, sqs_url: str) -> Iterator[Caller]:
    # Its clock stands still, so that a bucket never refills.
    quotas = {operation: Quota(1.0, 100) for operation in USAGE_PLAN}
    options = Options(quotas=quotas, sqs_endpoint=sqs_url)
    with running_amazon(tmp_path / "amazon.sqlite", options) as caller:
        yield caller


def command(folder: Path, amazon: Caller, queue: TestQueue | None) -> Run:
    """`orderbridge` without a database, for an account that has this queue."""
    variables = environment(folder, NO_DATABASE) | SECRETS
    config = Path(variables["ORDERBRIDGE_CONFIG"])
    text = config.read_text(encoding="utf-8")
    addresses = f'base_url = "{amazon.url}"\ntoken_url = "{amazon.url}"\n'
    if queue is not None:
        addresses += (
            "[accounts.eu.notifications]\n"
            f'queue_url = "{queue.url}"\naws_region = "{REGION}"\n'
            f'endpoint_url = "{queue.endpoint}"\n'
        )
    marker = "\n[accounts.eu.settings]"
    config.write_text(text.replace(marker, addresses + marker), encoding="utf-8")
    return runner(variables)


@pytest.fixture
def run(tmp_path: Path, amazon: Caller, queue: TestQueue) -> Run:
    return command(tmp_path, amazon, queue)


def test_a_set_up_can_be_repeated_and_taken_back(run: Run, queue: TestQueue) -> None:
    before = run("notifications", "status", "--account", "eu", "--json")
    assert before.exit_code == 1
    nothing = {
        **{"account": "eu", "queue": queue.arn, "destination": None, "subscription": None},
        "money_subscription": None,
    }
    assert json.loads(before.stdout) == {
        **nothing,
        "waiting": 0,
        "in_hand": 0,
        "delivers": False,
    }

    first = run("notifications", "setup", "--account", "eu", "--json")
    assert first.exit_code == 0, first.output
    made = json.loads(first.stdout)
    policy = made.pop("policy")
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::437568002678:root"}
    assert policy["Statement"][0]["Action"] == ["sqs:GetQueueAttributes", "sqs:SendMessage"]
    assert policy["Statement"][0]["Resource"] == queue.arn
    assert made["destination"].startswith(DESTINATION)
    assert made["subscription"].startswith(SUBSCRIPTION)
    assert made["money_subscription"].startswith("00000002-")
    again = run("notifications", "setup", "--account", "eu", "--json")
    assert json.loads(again.stdout) == made | {"policy": policy}

    queue.send("something")
    after = run("notifications", "status", "--account", "eu", "--json")
    assert (after.exit_code, json.loads(after.stdout)) == (
        0,
        {**made, "waiting": 1, "in_hand": 0, "delivers": True},
    )

    gone = run("notifications", "remove", "--account", "eu", "--json")
    assert gone.exit_code == 0
    removed = {"account": "eu"} | {key: made[key] for key in IDS}
    assert json.loads(gone.stdout) == removed
    nothing_left = run("notifications", "remove", "--account", "eu")
    assert (nothing_left.exit_code, nothing_left.stdout) == (1, "There was nothing to remove.\n")


def test_a_person_is_told_ids_and_the_policy(run: Run, queue: TestQueue) -> None:
    said = run("notifications", "setup", "--account", "eu").stdout
    assert '"AWS": "arn:aws:iam::437568002678:root"' in said
    assert f'"Resource": "{queue.arn}"' in said
    assert f"\ndestination         {DESTINATION}" in said
    assert f"\nsubscription        {SUBSCRIPTION}" in said
    assert "\nmoney subscription  00000002-" in said
    status = run("notifications", "status", "--account", "eu").stdout
    assert "waiting             0\n" in status
    assert "delivers            yes\n" in status
    removed = run("notifications", "remove", "--account", "eu").stdout
    assert removed.startswith("Removed:\n")


def test_what_half_a_set_up_left_is_taken_up(run: Run, amazon: Caller) -> None:
    # The destination was made, and no answer came.
    amazon.control(
        "POST", "faults", {"route": "create_destination", "kind": "cut_after", "times": 1}
    )
    amazon.control("POST", "faults", {"route": "create_subscription", "kind": "cut_after"})
    result = run("notifications", "setup", "--account", "eu", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["subscription"].startswith(SUBSCRIPTION)


def test_a_subscription_to_another_queue_is_not_taken_over(
    tmp_path: Path, amazon: Caller, run: Run, sqs_url: str
) -> None:
    assert run("notifications", "setup", "--account", "eu").exit_code == 0
    (tmp_path / "other").mkdir()
    other = command(tmp_path / "other", amazon, a_queue(sqs_url))
    result = other("notifications", "setup", "--account", "eu")
    assert result.exit_code == 2
    assert "is subscribed already, to another queue" in result.stderr
    assert other("notifications", "status", "--account", "eu").exit_code == 1
    assert run("notifications", "status", "--account", "eu").exit_code == 0


def test_a_queue_that_another_seller_uses_stays_known(run: Run, amazon: Caller) -> None:
    made = json.loads(run("notifications", "setup", "--account", "eu", "--json").stdout)
    amazon.control("POST", "accounts", {"account": "second"})
    second = Caller(amazon.url, "second").log_in()
    answer = requests.post(
        f"{amazon.url}/notifications/v1/subscriptions/ORDER_CHANGE",
        json={"payloadVersion": "1.0", "destinationId": made["destination"]},
        headers=second.headers,
        timeout=10,
    )
    assert answer.status_code == 200
    result = run("notifications", "remove", "--account", "eu", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert (facts["subscription"], facts["destination"]) == (made["subscription"], None)
    assert facts["trouble"].startswith("the queue stays registered at Amazon")


def test_a_queue_that_cannot_be_read_is_told(run: Run, queue: TestQueue) -> None:
    assert run("notifications", "setup", "--account", "eu").exit_code == 0
    queue.sqs.delete_queue(QueueUrl=queue.url)
    result = run("notifications", "status", "--account", "eu")
    assert result.exit_code == 1
    assert "trouble             SQS refused the call" in result.stdout


def test_orders_are_told_though_posted_money_is_refused(
    tmp_path: Path, run: Run, amazon: Caller
) -> None:
    config = tmp_path / "orderbridge.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("[accounts.eu]", '[accounts.eu]\nfinances = "off"'))
    made = json.loads(run("notifications", "setup", "--account", "eu", "--json").stdout)
    assert (made["subscription"][:8], made["money_subscription"]) == ("00000001", None)
    config.write_text(text)
    fault = {"route": "create_subscription", "kind": "status", "status": 400, "body": {}}
    amazon.control("POST", "faults", {**fault, "times": 9})
    result = run("notifications", "setup", "--account", "eu", "--json")
    facts = json.loads(result.stdout)
    assert (result.exit_code, facts["money_subscription"]) == (0, None)
    assert facts["subscription"] == made["subscription"]
    assert facts["trouble"].startswith("posted money is found by the search alone")
    amazon.control("DELETE", "faults")
    assert "trouble" not in run("notifications", "setup", "--account", "eu").stdout


@pytest.mark.parametrize("word", ["setup", "status", "remove"])
def test_what_amazon_refuses_is_a_sentence(run: Run, amazon: Caller, word: str) -> None:
    amazon.control("POST", "accounts", {"account": "main", "revoked": True})
    result = run("notifications", word, "--account", "eu")
    assert result.exit_code == 2
    assert "authorise the application again" in result.stderr
    assert "sandbox-secret" not in result.output


@pytest.mark.parametrize("word", ["setup", "status", "remove"])
def test_an_account_that_is_not_there_or_has_no_queue_is_told(
    tmp_path: Path, amazon: Caller, word: str
) -> None:
    run = command(tmp_path, amazon, None)
    unknown = run("notifications", word, "--account", "nobody")
    assert (unknown.exit_code, unknown.stderr) == (2, "Error: there is no [accounts.nobody]\n")
    without = run("notifications", word, "--account", "eu")
    assert without.exit_code == 2
    assert "add [accounts.eu.notifications] with queue_url and aws_region" in without.stderr
