"""docs/connect-magento.md lists exactly the resources that the calls to a shop need."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.core import Store
from sandbox.magento import permissions
from sandbox.magento.app import create_app
from sandbox.magento.schema import SCHEMA

_ROOT = Path(__file__).parents[2]
_CALL = re.compile(r'(?:"(POST|PUT)",\s*)?f?"(/[a-zA-Z][\w/{}(),.=\'\- ]*)"')


def _calls() -> set[tuple[str, str]]:
    """The method and the route of each call in the code, with 1 for what fills a route."""
    return {
        (method or "GET", re.sub(r"\{[^}]*\}", "1", route))
        for module in (_ROOT / "pipeline/magento/rest").glob("*.py")
        for method, route in _CALL.findall(module.read_text(encoding="utf-8"))
        if not route.startswith("/rest/")
    }


def test_the_page_has_each_resource_that_a_call_needs_and_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.sqlite", SCHEMA)
    routes = create_app(store).url_map.bind("shop.example")
    needed = set()
    for method, route in _calls():
        if route.startswith("/directory/"):
            continue  # Magento lets everybody read it
        path = f"/rest/V1{route}"
        endpoint, _ = routes.match(path, method)
        other = permissions._SALABLE if "/inventory/" in path else "Magento_Backend::store"
        needed.add(permissions._RESOURCES.get(endpoint, other))
    store.close()
    page = (_ROOT / "docs/connect-magento.md").read_text(encoding="utf-8")
    table = page.partition("## 2.")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(Magento_\w+::\w+)`", table)) == needed
    assert len(_calls()) > 20
