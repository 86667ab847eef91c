from __future__ import annotations

import re
import secrets
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from compose_spec import PyCompose
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from devstack.broker import Broker
from devstack.paths import kept_port
from devstack.supervisor import Process, Supervisor
from pipeline.settings.file import ConfigError, load
from tasks.engine.stopping import FINISH_WITHIN_S
from tests.deploy import compose

OURS = ("migrate", "worker", "beat", "flower", "console")
BESIDE = ("postgres", "redis")
COMMANDS = {
    "migrate": "orderbridge migrate",
    "worker": "celery -A tasks.app worker --queues amazon,magento,jobs --pool threads"
    " --concurrency 16 --without-mingle --without-gossip --task-events",
    "beat": "celery -A tasks.app beat --schedule /data/beat-schedule",
    "flower": "celery -A tasks.app flower --address=0.0.0.0 --port=5555",
    "console": "orderbridge console --host 0.0.0.0 --port 8080",
}
SHOP_SECRETS = ("access_token", "access_token_secret", "consumer_key", "consumer_secret")
ACCOUNT_SECRETS = ("client_id", "client_secret", "refresh_token")
CONFIGURATION = """
[shops.main]
base_url = "https://shop.example"
[accounts.eu]
region = "EU"
shop = "main"
start_from = 2026-01-01T00:00:00Z
"""


def filled_in() -> dict[str, str]:
    values = {name: value or f"secret-{name.lower()}" for name, value in compose.example().items()}
    key = b64encode(secrets.token_bytes(32)).decode()
    return {**values, "ORDERBRIDGE_MASTER_KEY": key}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return compose.read(filled_in())


@pytest.fixture(scope="module")
def services(document: dict[str, Any]) -> dict[str, Any]:
    found = document["services"]
    assert isinstance(found, dict)
    return found


def test_it_follows_the_compose_specification(document: dict[str, Any]) -> None:
    parsed = PyCompose.from_yaml(yaml.safe_dump(document))
    parsed.validate()
    assert sorted(parsed.service_names()) == sorted((*OURS, *BESIDE))


@pytest.mark.parametrize("name", OURS)
def test_each_service_runs_its_command(services: dict[str, Any], name: str) -> None:
    assert " ".join(services[name]["command"]) == COMMANDS[name]


@pytest.mark.parametrize("name", [*OURS, *BESIDE])
def test_what_ends_is_started_again_and_what_hangs_is_seen(
    services: dict[str, Any], name: str
) -> None:
    service = services[name]
    if name == "migrate":
        assert (service["restart"], "healthcheck" in service) == ("no", False)
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert "stop_grace_period" in service


def test_a_worker_has_time_to_hand_back_what_it_has_in_hand(services: dict[str, Any]) -> None:
    grace_s = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= 2 * FINISH_WITHIN_S


@pytest.mark.parametrize("name", [name for name in OURS if name != "migrate"])
def test_nothing_starts_before_the_migration_has_ended_well(
    services: dict[str, Any], name: str
) -> None:
    assert services[name]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "redis": {"condition": "service_healthy"},
    }
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_only_console_and_flower_are_published_and_only_on_loopback(
    services: dict[str, Any],
) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "flower": ["127.0.0.1:5555:5555"],
        "console": ["127.0.0.1:8080:8080"],
    }
    assert all("network_mode" not in service for service in services.values())


@pytest.mark.parametrize("name", BESIDE)
def test_the_servers_have_no_way_out_and_see_only_their_own_secret(
    document: dict[str, Any], name: str
) -> None:
    service = document["services"][name]
    assert service["networks"] == ["backend"]
    assert document["networks"]["backend"] == {"internal": True}
    assert "env_file" not in service


@pytest.mark.parametrize("name", OURS)
def test_our_own_have_no_privileges_and_their_settings_from_the_file(
    services: dict[str, Any], name: str
) -> None:
    service = services[name]
    assert "cap_add" not in service
    assert service["environment"]["ORDERBRIDGE_CONFIG"] == service["volumes"][0]["target"]


@pytest.mark.parametrize("name", [*OURS, *BESIDE])
def test_every_service_is_confined_to_its_volumes_and_its_share(
    services: dict[str, Any], name: str
) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["tmpfs"][0] == "/tmp"  # noqa: S108 - a container has it to itself
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "devices", "pid", "ipc"} & service.keys()
    assert re.fullmatch(r"[1-9]\d*g", service["mem_limit"])
    assert float(service["cpus"]) > 0
    assert service["pids_limit"] > 0


def test_only_the_database_becomes_another_account(services: dict[str, Any]) -> None:
    given = {name: service["cap_add"] for name, service in services.items() if "cap_add" in service}
    assert given == {"postgres": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]}


BROKER = {"ORDERBRIDGE_CONFIG", "ORDERBRIDGE_REDIS_URL", "ORDERBRIDGE_ALLOW_PLAINTEXT"}


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        (
            "migrate",
            {"ORDERBRIDGE_CONFIG", "ORDERBRIDGE_DATABASE_URL", "ORDERBRIDGE_ALLOW_PLAINTEXT"},
        ),
        ("beat", BROKER),
        ("flower", {*BROKER, "FLOWER_BASIC_AUTH", "FLOWER_READ_ONLY"}),
    ],
)
def test_who_needs_no_secret_of_the_orders_is_given_none(
    services: dict[str, Any], name: str, variables: set[str]
) -> None:
    """Neither the master key nor Amazon's and the shops' secrets, nor more of the database."""
    service = services[name]
    assert service["environment"].keys() == variables
    assert not {"env_file", "secrets", "configs"} & service.keys()
    values = filled_in()
    own = {
        "migrate": {"POSTGRES_OWNER_PASSWORD"},
        "beat": {"REDIS_PASSWORD"},
        "flower": {"REDIS_PASSWORD", "FLOWER_BASIC_AUTH"},
    }
    secrets_seen = {
        variable
        for variable, value in values.items()
        if "PASSWORD" in variable or variable == "FLOWER_BASIC_AUTH" or "SECRET" in variable
        if any(value in text for text in service["environment"].values())
    }
    assert secrets_seen == own[name]


@pytest.mark.parametrize("name", ["worker", "console"])
def test_who_works_on_orders_has_the_file_without_what_others_need(
    services: dict[str, Any], name: str
) -> None:
    service = services[name]
    assert service["env_file"] == [".env"]
    emptied = {variable for variable, value in service["environment"].items() if value == ""}
    assert emptied == {"POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD", "FLOWER_BASIC_AUTH"}


@pytest.mark.parametrize("name", ["worker", "console"])
def test_our_own_may_reach_the_servers_in_clear_over_the_network_that_has_no_way_out(
    document: dict[str, Any], name: str, tmp_path: Path
) -> None:
    """Which is refused at the start without the permission."""
    config = tmp_path / "orderbridge.toml"
    config.write_text(CONFIGURATION, encoding="utf-8")
    own = document["services"][name]["environment"]
    seen = {**filled_in(), **own, "ORDERBRIDGE_CONFIG": str(config)}
    assert load(seen).broker.is_in_clear
    with pytest.raises(ConfigError, match="ORDERBRIDGE_ALLOW_PLAINTEXT=database"):
        load({**seen, "ORDERBRIDGE_ALLOW_PLAINTEXT": "broker"})


@pytest.mark.parametrize("name", ["worker", "console"])
def test_of_the_databases_passwords_they_have_the_applications(
    services: dict[str, Any], name: str
) -> None:
    values = filled_in()
    seen = {**values, **services[name]["environment"]}
    known = {
        variable
        for variable in ("POSTGRES_PASSWORD", "POSTGRES_OWNER_PASSWORD", "POSTGRES_APP_PASSWORD")
        if any(values[variable] in value for value in seen.values())
    }
    assert known == {"POSTGRES_APP_PASSWORD"}


def test_the_database_makes_its_roles_at_its_first_start(services: dict[str, Any]) -> None:
    service = services["postgres"]
    assert [path.name for path in compose.INITIAL.iterdir()] == ["roles.sql"]
    (folder,) = [volume for volume in service["volumes"] if isinstance(volume, dict)]
    assert compose.PROJECT / folder["source"] == compose.INITIAL
    assert folder["target"] == "/docker-entrypoint-initdb.d"
    wanted = set(re.findall(r"\\getenv \w+ (\w+)", (compose.INITIAL / "roles.sql").read_text()))
    assert wanted == {"POSTGRES_OWNER_PASSWORD", "POSTGRES_APP_PASSWORD"}
    assert wanted <= set(service["environment"])


def test_no_secret_stands_in_a_command_line(services: dict[str, Any]) -> None:
    values = {value for value in filled_in().values() if len(value) > 3}
    for service in services.values():
        line = " ".join(service.get("command", []))
        assert not [value for value in values if value in line]


@pytest.mark.parametrize("kind", ["volumes", "networks"])
def test_what_is_used_is_declared_and_the_other_way_round(
    document: dict[str, Any], kind: str
) -> None:
    used = [entry for service in document["services"].values() for entry in service.get(kind, [])]
    named = {entry.split(":")[0] for entry in used if isinstance(entry, str)}
    assert named == set(document[kind])


def test_there_is_one_beat_and_its_schedule_outlives_it(services: dict[str, Any]) -> None:
    assert "deploy" not in services["beat"]
    assert "schedule:/data" in services["beat"]["volumes"]


@pytest.mark.parametrize(("asked", "replicas"), [("", 2), ("5", 5)])
def test_the_number_of_workers_is_a_variable(asked: str, replicas: int) -> None:
    read = compose.read({**filled_in(), "ORDERBRIDGE_WORKERS": asked})
    assert read["services"]["worker"]["deploy"] == {"replicas": replicas}


def test_every_variable_is_in_the_example_with_a_comment() -> None:
    assert compose.variables() <= set(compose.example())
    paragraphs = compose.EXAMPLE.read_text(encoding="utf-8").strip().split("\n\n")
    assert all(paragraph.startswith("#") for paragraph in paragraphs)


def test_the_example_names_the_secrets_that_the_settings_read(
    services: dict[str, Any], tmp_path: Path
) -> None:
    config = tmp_path / "orderbridge.toml"
    config.write_text(CONFIGURATION)
    environment = {**filled_in(), **services["worker"]["environment"]}
    settings = load({**environment, "ORDERBRIDGE_CONFIG": str(config)})
    for prefix, owner, names in (
        ("SHOP_MAIN", settings.shops["main"], SHOP_SECRETS),
        ("ACCOUNT_EU", settings.accounts["eu"], ACCOUNT_SECRETS),
    ):
        read = {name: getattr(owner, name).get_secret_value() for name in names}
        named = {name: environment[f"ORDERBRIDGE_{prefix}_{name.upper()}"] for name in names}
        assert read == named


def test_redis_is_durable_and_asks_for_its_password(
    services: dict[str, Any], tmp_path: Path
) -> None:
    """The service's own command, run with the server that is here, on loopback."""
    servers = tmp_path / "bin"
    servers.mkdir()
    (servers / "redis-server").symlink_to(Broker(tmp_path).command().argv[0])
    port = kept_port(tmp_path / "port", lambda _: False)
    shell, option, script = services["redis"]["command"]
    assert script.count("redis-server - ") == 1
    script = script.replace("redis-server - ", f"redis-server - --port {port} --bind 127.0.0.1 ")
    environment = {**services["redis"]["environment"], "PATH": f"{servers}:/usr/bin:/bin"}
    supervisor = Supervisor(tmp_path / "home")
    try:
        supervisor.start(Process("redis", (shell, option, script), env=environment, cwd=tmp_path))
        client = redis.Redis(
            port=port,
            password=environment["REDISCLI_AUTH"],
            retry=Retry(ConstantBackoff(0.1), 100),
            decode_responses=True,
        )
        with client:
            assert client.config_get("appendonly", "save", "maxmemory-policy") == {
                "appendonly": "yes",
                "save": "",
                "maxmemory-policy": "noeviction",
            }
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    finally:
        supervisor.stop_all()


def test_the_image_holds_the_code_alone_and_does_not_run_as_root() -> None:
    copied = compose.copied_into_the_image()
    packaging = ["LICENSE", "README.md", "pyproject.toml"]
    lists = ["requirements", "requirements/build.txt"]
    assert copied == sorted([*packaging, *lists, "docs", "pipeline", "tasks"])
    assert all((compose.PROJECT / source).exists() for source in copied)
    ignored = (compose.PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    let_in = sorted(line[1:] for line in ignored if line.startswith("!"))
    assert let_in == [one for one in copied if "/" not in one]
    lines = (compose.PROJECT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["orderbridge"]


def test_a_change_of_the_code_leaves_the_layer_of_its_packages_as_it_is() -> None:
    stages = re.split(r"(?m)^FROM ", (compose.PROJECT / "Dockerfile").read_text(encoding="utf-8"))
    (packages,) = [stage for stage in stages if " AS packages" in stage]
    copied = re.findall(r"(?m)^COPY (?:--from=(\S+) )?(\S+)", packages)
    assert copied == [("", "requirements")]


@pytest.mark.parametrize("file", ["Dockerfile", "docker-compose.yml"])
def test_only_official_images_are_named(file: str) -> None:
    content = (compose.PROJECT / file).read_text(encoding="utf-8")
    images = set(re.findall(r"(?m)^(?:FROM|\s+image:) (\S+)", content)) - {"orderbridge"}
    assert images
    assert all(re.fullmatch(r"(python|postgres|redis):[\w.-]+", image) for image in images)
