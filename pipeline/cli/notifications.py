"""`orderbridge notifications`: Amazon reports an account's changed orders to its queue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.common import (
    AS_JSON,
    EXIT_STATUS,
    NOTHING_DONE,
    Unusable,
    clear_errors,
    print_json,
    titled,
)

if TYPE_CHECKING:
    from pipeline.amazon.sqs import Queue
    from pipeline.amazon.subscriptions import Destination, Notifications, Subscription

_account = click.option("--account", "name", required=True, help="NAME of an [accounts.NAME].")


@dataclass(frozen=True, slots=True)
class _Setup:
    """An account's queue, and Amazon's subscriptions to it."""

    arn: str
    amazon: Notifications
    queue: Queue
    reads_money: bool


@click.group(epilog=EXIT_STATUS)
def notifications() -> None:
    """Receive Amazon's notifications of changed orders and posted money through an SQS queue.

    The queue is yours, and [accounts.NAME.notifications] names it. Without a queue changed orders
    are still read within minutes.
    """


@notifications.command(epilog=EXIT_STATUS)
@_account
@AS_JSON
def setup(name: str, as_json: bool) -> None:
    """Register the queue at Amazon and subscribe the account to changed orders and posted money.

    An existing registration or subscription stays as it is. The queue needs the access policy that
    is printed first.
    """
    from pipeline.amazon.subscriptions import queue_policy

    with _of(name) as setup:
        policy = queue_policy(setup.arn)
        if not as_json:
            click.echo(f"The queue's access policy (SQS, Access policy) must contain:\n{policy}\n")
        destination = setup.amazon.destination(setup.arn) or setup.amazon.create_destination(
            f"orderbridge-{name}", setup.arn
        )
        subscription = setup.amazon.subscription() or setup.amazon.create_subscription(
            destination.destination_id
        )
        if subscription.destination_id != destination.destination_id:
            raise Unusable(
                f"account {name} is subscribed already, to another queue (destination "
                f"{subscription.destination_id}): run orderbridge notifications remove --account "
                f"{name}, then this again"
            )
        money, trouble = _subscribed_to_money(setup, destination)
    facts = _facts(name, setup, destination, subscription, money) | trouble
    if as_json:
        print_json({**facts, "policy": json.loads(policy)})
        return
    _print(facts)


def _subscribed_to_money(
    setup: _Setup, destination: Destination
) -> tuple[Subscription | None, dict[str, str]]:
    """The subscription to posted money, and why there is none. It only brings money earlier, so
    that changed orders do not depend on it."""
    from pipeline.amazon.subscriptions import Topic
    from pipeline.base.errors import RemoteError

    if not setup.reads_money:
        return None, {}
    try:
        money = setup.amazon.subscription(
            Topic.TRANSACTION_UPDATE
        ) or setup.amazon.create_subscription(destination.destination_id, Topic.TRANSACTION_UPDATE)
    except RemoteError as error:
        return None, {"trouble": f"posted money is found by the search alone: {error}"}
    if money.destination_id != destination.destination_id:
        return money, {"trouble": "posted money is told to another queue"}
    return money, {}


@notifications.command(epilog=EXIT_STATUS)
@_account
@AS_JSON
@click.pass_context
def status(context: click.Context, name: str, as_json: bool) -> None:
    """Show whether Amazon delivers to the queue, and how many messages it holds.

    Exit status 1 when Amazon does not deliver or the queue cannot be read.
    """
    from pipeline.amazon.subscriptions import Topic
    from pipeline.base.errors import RemoteError

    with _of(name) as setup:
        destination = setup.amazon.destination(setup.arn)
        subscription = setup.amazon.subscription()
        money = setup.amazon.subscription(Topic.TRANSACTION_UPDATE)
        facts = _facts(name, setup, destination, subscription, money)
        try:
            facts |= asdict(setup.queue.depth())
        except RemoteError as error:
            facts["trouble"] = str(error)
    delivers = bool(
        destination and subscription and subscription.destination_id == destination.destination_id
    )
    facts["delivers"] = delivers
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    if not delivers or "trouble" in facts:
        context.exit(NOTHING_DONE)


@notifications.command(epilog=EXIT_STATUS)
@_account
@AS_JSON
@click.pass_context
def remove(context: click.Context, name: str, as_json: bool) -> None:
    """End the account's subscriptions and the queue's registration at Amazon.

    The queue itself stays. A queue that another subscription uses stays registered.
    """
    from pipeline.amazon.subscriptions import Topic
    from pipeline.base.errors import Rejected

    facts: dict[str, Any] = {
        **{"account": name, "subscription": None, "money_subscription": None},
        "destination": None,
    }
    with _of(name) as setup:
        for key, topic in (
            ("subscription", Topic.ORDER_CHANGE),
            ("money_subscription", Topic.TRANSACTION_UPDATE),
        ):
            subscription = setup.amazon.subscription(topic)
            if subscription is not None:
                setup.amazon.delete_subscription(subscription.subscription_id, topic)
                facts[key] = subscription.subscription_id
        destination = setup.amazon.destination(setup.arn)
        if destination is not None:
            try:
                setup.amazon.delete_destination(destination.destination_id)
                facts["destination"] = destination.destination_id
            except Rejected as error:
                facts["trouble"] = f"the queue stays registered at Amazon: {error}"
    done = any(facts[key] for key in ("subscription", "money_subscription", "destination"))
    if as_json:
        print_json(facts)
    elif done:
        click.echo("Removed:")
        _print(facts)
    else:
        click.echo("There was nothing to remove.")
    if not done:
        context.exit(NOTHING_DONE)


@contextmanager
def _of(name: str) -> Iterator[_Setup]:
    """The account's queue and Amazon; their errors become sentences."""
    with clear_errors():
        from pipeline.settings.file import load

        account = load().accounts.get(name)
    if account is None:
        raise Unusable(f"there is no [accounts.{name}]")
    if account.notifications is None:
        raise Unusable(
            f"account {name} has no queue: add [accounts.{name}.notifications] with queue_url and "
            "aws_region"
        )
    from pipeline.amazon.sqs import Queue
    from pipeline.amazon.subscriptions import Notifications
    from pipeline.base.errors import RemoteError

    try:
        yield _Setup(
            account.notifications.queue_arn,
            Notifications(name, account),
            Queue(account, account.notifications),
            account.finances != "off",
        )
    except RemoteError as error:
        request = f" (request {error.request_id})" if error.request_id else ""
        raise Unusable(f"{error}{request}") from error


def _facts(
    name: str,
    setup: _Setup,
    destination: Destination | None,
    subscription: Subscription | None,
    money: Subscription | None,
) -> dict[str, Any]:
    return {
        "account": name,
        "queue": setup.arn,
        "destination": destination.destination_id if destination else None,
        "subscription": subscription.subscription_id if subscription else None,
        "money_subscription": money.subscription_id if money else None,
    }


def _print(facts: dict[str, Any]) -> None:
    words = {True: "yes", False: "no", None: "none"}
    shown = {
        key.replace("_", " "): words[value] if value is None or isinstance(value, bool) else value
        for key, value in facts.items()
    }
    for line in titled({key: str(value) for key, value in shown.items()}):
        click.echo(line)
