"""Builds a kustomization as `kubectl kustomize` does, as far as ours go, and refuses any other.

Not built: the hash that a generated ConfigMap's name ends with, here and where it is named.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
# What the elements of these lists are told apart by, in a strategic merge.
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
}
_KNOWN = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "components",
    "labels",
    "patches",
    "images",
    "configMapGenerator",
}


def build(folder: Path) -> list[Document]:
    """All documents of a kustomization."""
    told = kustomization(folder)
    assert set(told) <= _KNOWN, f"{folder}: unknown {set(told) - _KNOWN}"
    documents = [document for name in told.get("resources", ()) for document in _of(folder / name)]
    for name in told.get("components", ()):
        assert kustomization(folder / name)["kind"] == "Component"
        documents += build(folder / name)
    for wanted in told.get("configMapGenerator", ()):
        data = {name: (folder / name).read_text(encoding="utf-8") for name in wanted["files"]}
        head = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}}
        documents.append({**head, "data": data})
    for patch in told.get("patches", ()):
        _patch(documents, folder / patch["path"], patch["target"])
    for image in told.get("images", ()):
        for container in containers(documents):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    for labels in told.get("labels", ()):
        assert set(labels) == {"pairs", "includeTemplates"}
        _label(documents, labels["pairs"])
    if "namespace" in told:
        for document in documents:
            if document["kind"] != "Namespace":
                document["metadata"]["namespace"] = told["namespace"]
    return documents


def files(folder: Path) -> Iterator[Path]:
    """The files that the kustomizations of a folder, and of those it names, are made of."""
    told = kustomization(folder)
    yield folder / "kustomization.yaml"
    for name in (*told.get("resources", ()), *told.get("components", ())):
        path = (folder / name).resolve()
        yield from files(path) if path.is_dir() else [path]
    for patch in told.get("patches", ()):
        yield folder / patch["path"]
    for wanted in told.get("configMapGenerator", ()):
        yield from (folder / name for name in wanted["files"])


def kustomization(folder: Path) -> Document:
    """The kustomization of a folder, as it is written."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert isinstance(told, dict)
    return told


def pod(document: Mapping[str, Any]) -> Document:
    """The template of the document's pods; empty when it has none."""
    found = document.get("spec", {}).get("template", {})
    assert isinstance(found, dict)
    return found


def containers(documents: list[Document]) -> Iterator[Document]:
    """The containers of all pods, those that run first included."""
    for document in documents:
        spec = pod(document).get("spec", {})
        yield from (*spec.get("initContainers", ()), *spec.get("containers", ()))


def _of(path: Path) -> list[Document]:
    if path.is_dir():
        return build(path)
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def _patch(documents: list[Document], path: Path, target: Mapping[str, str]) -> None:
    assert set(target) <= {"kind", "name"}
    change = yaml.safe_load(path.read_text(encoding="utf-8"))
    matching = [
        document
        for document in documents
        if document["kind"] == target["kind"]
        and re.fullmatch(target.get("name", ".*"), document["metadata"]["name"])
    ]
    assert matching, f"{path}: nothing matches {target}"
    for document in matching:
        if isinstance(change, list):
            for step in change:
                _replace(document, step)
        else:
            _merge(document, {"spec": copy.deepcopy(change["spec"])})


def _replace(document: Any, step: Mapping[str, Any]) -> None:
    assert step["op"] == "replace"
    *way, last = (int(one) if one.isdecimal() else one for one in step["path"].split("/")[1:])
    for one in way:
        document = document[one]
    assert last in document
    document[last] = step["value"]


def _merge(into: Document, change: Mapping[str, Any]) -> None:
    for name, value in change.items():
        if name in _KEYS and name in into:
            _merge_lists(into[name], value, _KEYS[name])
        elif isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _merge_lists(into: list[Document], change: list[Document], key: str) -> None:
    known = {one[key]: one for one in into}
    for one in change:
        if one[key] in known:
            _merge(known[one[key]], one)
        else:
            into.append(one)


def _label(documents: list[Document], pairs: Mapping[str, str]) -> None:
    for document in documents:
        for place in (document, pod(document)):
            if place:
                place.setdefault("metadata", {}).setdefault("labels", {}).update(pairs)
