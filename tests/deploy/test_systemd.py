"""deploy/systemd: the same commands as docker-compose.yml, one service for each."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.engine.stopping import FINISH_WITHIN_S
from tests.deploy import compose

UNITS = compose.PROJECT / "deploy" / "systemd"
COMMON = UNITS / "orderbridge-.service.d" / "common.conf"
LASTING = ("worker", "beat", "flower", "console")
BINARIES = "/opt/orderbridge/bin/"
FILES = {
    "worker": ["broker.env", "secrets.env"],
    "console": ["broker.env", "secrets.env"],
    "beat": ["broker.env"],
    "flower": ["broker.env", "flower.env"],
    "migrate": ["owner.env"],
}
"""The master key and the secrets of Amazon and the shops are in secrets.env."""
# What differs from a container, which has an address, a name and a folder to itself.
ANALYZE = shutil.which("systemd-analyze") or ""
DIFFERENT = {
    "--hostname %i@%%h --queues %i": "--queues amazon,magento,jobs",
    "/var/lib/orderbridge/": "/data/",
    "127.0.0.1": "0.0.0.0",  # noqa: S104 - what the compose file says, where it is a container's
}


def settings(file: Path) -> dict[str, list[str]]:
    """What a unit's file sets, in order."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"(?m)^(\w+)=(.*)$", file.read_text(encoding="utf-8")):
        found.setdefault(name, []).append(value)
    return found


def unit(name: str) -> dict[str, list[str]]:
    return settings(UNITS / f"orderbridge-{name}{'@' if name == 'worker' else ''}.service")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    values = {name: value or "none" for name, value in compose.example().items()}
    found = compose.read(values)["services"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", [*LASTING, "migrate"])
def test_each_runs_the_command_of_the_compose_file(
    services: dict[str, dict[str, list[str]]], name: str
) -> None:
    (command,) = unit(name)["ExecStart"]
    assert command.startswith(BINARIES)
    for here, there in DIFFERENT.items():
        command = command.replace(here, there)
    assert command.removeprefix(BINARIES) == " ".join(services[name]["command"])


def test_a_worker_of_each_queue_is_started(services: dict[str, dict[str, list[str]]]) -> None:
    words = services["worker"]["command"]
    queues = words[words.index("--queues") + 1].split(",")
    wanted = " ".join(settings(UNITS / "orderbridge.target")["Wants"]).split()
    workers = [f"orderbridge-worker@{queue}.service" for queue in queues]
    assert wanted == [*workers, "orderbridge-beat.service", "orderbridge-console.service"]


@pytest.mark.parametrize("name", LASTING)
def test_what_ends_is_started_again_and_has_the_time_to_end(
    services: dict[str, dict[str, str]], name: str
) -> None:
    found = unit(name)
    assert found["Restart"] == ["always"]
    assert settings(COMMON)["StartLimitIntervalSec"] == ["0"]
    assert f"{found['TimeoutStopSec'][0]}s" == services[name]["stop_grace_period"]
    if name == "worker":
        assert int(found["TimeoutStopSec"][0]) >= 2 * FINISH_WITHIN_S


@pytest.mark.parametrize("name", LASTING)
def test_nothing_starts_before_the_migration(name: str) -> None:
    found = unit(name)
    assert found["Requires"] == found["After"] == ["orderbridge-migrate.service"]


@pytest.mark.parametrize("name", [*LASTING, "migrate"])
def test_each_is_given_the_secrets_that_it_needs_and_no_others(name: str) -> None:
    assert unit(name)["EnvironmentFile"] == [f"/etc/orderbridge/{file}" for file in FILES[name]]
    assert "EnvironmentFile" not in settings(COMMON)
    assert not {"LoadCredential", "PassEnvironment"} & (unit(name).keys() | settings(COMMON).keys())


def test_flower_does_not_start_without_a_login() -> None:
    (check,) = unit("flower")["ExecStartPre"]
    script = check.removeprefix("/bin/sh -c '").removesuffix("'").replace("$$", "$")
    for login, status in (("someone:secret", 0), ("", 1)):
        environment = {"FLOWER_BASIC_AUTH": login}
        assert subprocess.run(["/bin/sh", "-c", script], env=environment).returncode == status
    assert unit("flower")["Environment"] == ["FLOWER_READ_ONLY=true"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The units, with this environment's commands in them."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for file in folder.glob("*.service"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(BINARIES, f"{Path(sys.executable).parent}/"), encoding="utf-8")
    return folder


@pytest.mark.skipif(not ANALYZE, reason="there is no systemd here")
@pytest.mark.parametrize("name", ["migrate", "worker@amazon", "beat", "flower", "console"])
def test_systemd_understands_them_and_calls_them_well_confined(here: Path, name: str) -> None:
    file = str(here / f"orderbridge-{name}.service")

    def analyze(*arguments: str) -> str:
        done = subprocess.run(
            [ANALYZE, *arguments, file],
            env={"SYSTEMD_UNIT_PATH": f"{here}:", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert analyze("verify") == ""
    # At most 2 of 10, where 9.6 is a service without any limits: the drop-in counts for it.
    analyze("security", "--offline=true", "--no-pager", "--threshold=20")
