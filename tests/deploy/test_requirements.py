"""requirements/: all that is not ours, each file of it by its hash."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.deploy import compose

FILES = ("build", "base", "tracing", "all")
PINNED = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>.+))?")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(name: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes by package. Fails for a line that is neither."""
    text = (compose.PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, tuple[str, list[str]]] = {}
    package = ""
    for entry in text.replace(" \\\n", "\n").split("\n"):
        if hashed := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})", entry):
            found[package][1].append(hashed[1])
        elif entry:
            pinned = PINNED.fullmatch(entry)
            assert pinned, entry
            package = canonical(pinned["name"])
            found[package] = pinned["version"], []
    return found


def constraints() -> dict[str, str]:
    lines = (compose.PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonical(name): version for name, version in pairs}


def wanted(*extras: str) -> set[str]:
    project = tomllib.loads((compose.PROJECT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    texts = [*project["dependencies"], *(text for extra in extras for text in optional[extra])]
    names = {canonical(re.split(r"[^\w.-]", text)[0]) for text in texts}
    return names - {"orderbridge"}


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_its_version_and_a_hash(name: str) -> None:
    versions = constraints()
    for package, (version, hashes) in entries(name).items():
        assert hashes, package
        # What no system of ours needs, such as a helper of Windows', is in no constraint.
        assert versions.get(package, version) == version, f"{package}: `make hashes`"


@pytest.mark.parametrize(
    ("name", "extras"),
    [("base", ()), ("tracing", ("tracing",)), ("all", ("local", "dev", "tracing"))],
)
def test_each_file_has_what_the_project_asks_for(name: str, extras: tuple[str, ...]) -> None:
    assert wanted(*extras) - entries(name).keys() == set(), "`make hashes` writes it anew"


def test_what_is_pinned_has_its_hashes() -> None:
    assert constraints().keys() - entries("all").keys() == set(), "`make hashes` writes it anew"


def test_only_what_is_named_by_its_hash_is_installed() -> None:
    """In the image and by `make setup`; the project itself comes without dependencies."""
    for file in ("Dockerfile", "Makefile"):
        text = (compose.PROJECT / file).read_text(encoding="utf-8").replace("\\\n", "")
        lines = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) .*", text)
        others = [line for line in lines if "--require-hashes -r" not in line]
        assert lines != others
        ours = [line for line in others if "--no-deps" in line]
        # `make lock` and `make hashes` look for versions and hashes.
        assert len(others) - len(ours) == (2 if file == "Makefile" else 0)
