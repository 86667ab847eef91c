from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import pytest
import requests

from pipeline.magento.rest.auth import Bearer, OAuth, for_shop, signature_base
from pipeline.settings.model import ShopSettings

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PARAMETERS = {"oauth_nonce": "n", "oauth_timestamp": "1795348800"}
TAIL = "%26oauth_nonce%3Dn%26oauth_timestamp%3D1795348800"


def an_oauth(nonces: list[str]) -> OAuth:
    return OAuth(
        consumer_key="ck",
        consumer_secret="cs&1",
        token="at",
        token_secret="ats",
        now=lambda: AT,
        nonce=lambda: nonces.pop(0),
    )


@pytest.mark.parametrize(
    ("method", "url", "base"),
    [
        pytest.param(
            "get",
            "https://shop.example/rest/default/V1/orders/1?fields=entity_id",
            "GET&https%3A%2F%2Fshop.example%2Frest%2Fdefault%2FV1%2Forders%2F1"
            "&fields%3Dentity_id" + TAIL,
            id="parameters of query and header are one list",
        ),
        pytest.param(
            "GET",
            "https://shop.example/rest/V1/products/A%2FB%2fC?a=1",
            "GET&https%3A%2F%2Fshop.example%2Frest%2FV1%2Fproducts%2FA%2FB%2FC&a%3D1" + TAIL,
            id="an encoded slash of the path counts as a slash",
        ),
        pytest.param(
            "GET",
            "https://shop.example/rest/V1/products/A%20B?a=1",
            "GET&https%3A%2F%2Fshop.example%2Frest%2FV1%2Fproducts%2FA%2520B&a%3D1" + TAIL,
            id="any other encoding of the path stays",
        ),
        pytest.param(
            "GET",
            "https://shop.example/x?g%5B10%5D=b&g%5B9%5D=a&g%5B2%5D=c",
            "GET&https%3A%2F%2Fshop.example%2Fx"
            "&g%255B2%255D%3Dc%26g%255B9%255D%3Da%26g%255B10%255D%3Db" + TAIL,
            id="parameters sort in natural order",
        ),
        pytest.param(
            "GET",
            "https://shop.example/x?a=1%2C2%20%2F%2B",
            "GET&https%3A%2F%2Fshop.example%2Fx&a%3D1%252C2%2520%252F%252B" + TAIL,
            id="values are decoded once and encoded again",
        ),
        pytest.param(
            "GET",
            "https://shop.example/x?a=1&searchCriteria",
            "GET&https%3A%2F%2Fshop.example%2Fx&a%3D1" + TAIL,
            id="a parameter without = is not signed",
        ),
        pytest.param(
            "PUT",
            "http://shop.example:8080/rest/V1/orders/create",
            "PUT&http%3A%2F%2Fshop.example%2Frest%2FV1%2Forders%2Fcreate"
            "&oauth_nonce%3Dn%26oauth_timestamp%3D1795348800",
            id="the port is not signed",
        ),
    ],
)
def test_the_text_that_is_signed(method: str, url: str, base: str) -> None:
    assert signature_base(method, url, PARAMETERS) == base


@pytest.mark.parametrize("text", ["".join(map(chr, range(256))), "Straße 5, 東京 😀", ""])
def test_every_character_is_encoded_as_its_utf_8_bytes(text: str) -> None:
    once = quote(text, safe="~")
    base = signature_base("GET", f"https://shop.example/x?a={once}", {})
    assert base.endswith("&" + quote(f"a={once}", safe="~"))


def test_signs_with_both_secrets_and_hmac_sha256() -> None:
    request = requests.Request("GET", "https://shop.example/rest/V1/orders/1?fields=entity_id")
    sent = an_oauth(["4f2a"])(request.prepare())
    header = sent.headers["Authorization"]
    assert header.startswith("OAuth ")
    assert {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)} == {
        "oauth_consumer_key": "ck",
        "oauth_nonce": "4f2a",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1795348800",
        "oauth_token": "at",
        "oauth_version": "1.0",
        "oauth_signature": "YAAGsnOsP6rahEhUOK2fbdYVROQhIAdmgQC27KszdJQ=",
    }


def test_every_request_has_a_nonce_of_its_own() -> None:
    oauth = OAuth(consumer_key="", consumer_secret="", token="", token_secret="", now=lambda: AT)
    headers = {
        oauth(requests.Request("GET", "https://shop.example/").prepare()).headers["Authorization"]
        for _ in range(50)
    }
    assert len(headers) == 50


@pytest.mark.parametrize(("auth", "kind"), [("bearer", Bearer), ("oauth", OAuth)])
def test_a_shop_is_signed_in_to_as_it_says(auth: str, kind: type) -> None:
    shop = ShopSettings.model_validate({"base_url": "https://shop.example", "auth": auth})
    assert isinstance(for_shop(shop, lambda: AT), kind)


def test_bearer_sends_the_token() -> None:
    sent = Bearer("secret")(requests.Request("GET", "https://shop.example/").prepare())
    assert sent.headers["Authorization"] == "Bearer secret"
