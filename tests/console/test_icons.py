"""The icons: each that a template shows is in the sprite, and no other is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from pipeline.console import app

CONSOLE = Path(app.__file__).parent
TEMPLATES = sorted((CONSOLE / "templates").glob("*.html"))
SYMBOLS = re.findall(r'<symbol id="([^"]+)"', (CONSOLE / "static" / "icons.svg").read_text())


def _parsed(path: Path) -> nodes.Template:
    return Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(path.read_text())


def _texts(node: nodes.Node) -> Iterator[str]:
    """The texts that an expression may be: of a choice, both."""
    if isinstance(node, nodes.Const):
        yield str(node.value)
    elif isinstance(node, nodes.CondExpr):
        yield from _texts(node.expr1)
        if node.expr2 is not None:
            yield from _texts(node.expr2)
    elif isinstance(node, nodes.Dict):
        for pair in node.items:
            yield from _texts(pair.value)


def _shown_by(template: nodes.Template) -> Iterator[str]:
    """The icons that a template names: itself, through a macro of its own, or in a table."""
    calls = list(template.find_all(nodes.Call))
    macros = {macro.name: macro.args for macro in template.find_all(nodes.Macro)}
    tables = {
        one.target.name: one.node
        for one in template.find_all(nodes.Assign)
        if isinstance(one.target, nodes.Name)
    }

    def handed_in(name: str) -> Iterator[str]:
        for call in calls:
            if isinstance(call.node, nodes.Name) and call.node.name in macros:
                names = [argument.name for argument in macros[call.node.name]]
                if name in names:
                    yield from _texts(call.args[names.index(name)])

    for call in calls:
        if isinstance(call.node, nodes.Name) and call.node.name == "icon":
            (named,) = call.args
            if isinstance(named, nodes.Name):
                shown = list(handed_in(named.name))
            elif isinstance(named, nodes.Getitem) and isinstance(named.node, nodes.Name):
                shown = list(_texts(tables[named.node.name]))
            else:
                shown = list(_texts(named))
            assert shown, f"line {call.lineno} names no icon that can be read here"
            yield from shown


def _shown() -> dict[str, str]:
    return {
        name: path.name
        for path in TEMPLATES
        if path.name != "parts.html"
        for name in _shown_by(_parsed(path))
    }


def test_each_icon_that_is_shown_is_in_the_sprite() -> None:
    shown = _shown()
    assert len(shown) > 30
    assert {name: shown[name] for name in shown.keys() - set(SYMBOLS)} == {}


def test_no_icon_of_the_sprite_is_left_over() -> None:
    assert set(SYMBOLS) - _shown().keys() == set()


def test_they_are_sorted_and_each_is_there_once() -> None:
    assert sorted(set(SYMBOLS)) == SYMBOLS


@pytest.mark.parametrize("name", ["ISC License", "The MIT License (MIT)"])
def test_their_licences_are_with_them(name: str) -> None:
    assert name in (CONSOLE / "static" / "icons.LICENSE.txt").read_text()
