"""Brazil tells street, complement and neighbourhood apart: each is in the lines, and told once."""

from __future__ import annotations

import pytest

from pipeline.amazon.parsing import parse
from tests.amazon.orders import an_order


@pytest.mark.parametrize(
    ("line", "street", "number", "complement", "neighborhood", "added"),
    [
        ("Avenida Boa Viagem, 1000", "Avenida Boa Viagem", "1000", "", "Boa Viagem", "Boa Viagem"),
        (
            "Avenida Nossa Senhora de Copacabana, 200",
            *("Avenida Nossa Senhora de Copacabana", "200", "", "Copacabana", "Copacabana"),
        ),
        ("Avenida 7 de Setembro, 12", "Avenida 7 de Setembro", "12", "7", "", "7"),
        # The number of the house is not that of the flat, and a flat is not a house.
        ("Rua X, 12", "Rua X", "12", "12", "", "12"),
        ("Rua X, 12, 12", "Rua X", "12", "12", "", ""),
        ("Rua Centro, 5", "Rua Centro", "5", "Centro", "Centro", "Centro|Centro"),
        ("Rua X, 12 - apto. 3 - Centro", "Rua X", "12", "Apto 3", "Centro", ""),
        ("Rua X, 12; Centro", "Rua X", "12", "", "Centro", ""),
        ("Rua X 12 apto 3", "Rua X", "12", "Apto 3", "", ""),
        ("Rua X 12 apto 31", "Rua X", "12", "Apto 3", "", "Apto 3"),
        ("Rua São João, 12 - JARDIM AMÉRICA", "Rua Sao Joao", "12", "", "Jardim America", ""),
        ("Rua X, 12, Vila Nova, Bloco B", "Rua X", "12", "Bloco B", "Vila Nova", ""),
        ("Rua X, 12, Vila, Nova", "Rua X", "12", "", "Vila Nova", ""),
        ("Rua X, 12", "Rua X", "12", "-", "  ", ""),
        ("Rua Y, 12", "Rua X", "12", "", "", "Rua X 12"),
        ("", "Rua X", "12", "Fundos", "Centro", "Rua X 12|Fundos|Centro"),
    ],
)
def test_what_the_lines_do_not_say_is_a_line_of_its_own(
    line: str, street: str, number: str, complement: str, neighborhood: str, added: str
) -> None:
    extended = {
        "streetName": street,
        "streetNumber": number,
        "complement": complement,
        "neighborhood": neighborhood,
    }
    told = {"addressLine1": line, "extendedFields": extended}
    address = parse(an_order(recipient={"deliveryAddress": told})).address
    assert address is not None
    assert address.lines == tuple(filter(None, (line, *added.split("|"))))


def test_parts_may_be_spread_over_lines() -> None:
    told = {
        "addressLine1": "Rua X",
        "addressLine2": "12",
        "addressLine3": "Centro",
        "extendedFields": {"streetName": "Rua X", "streetNumber": "12", "neighborhood": "Centro"},
    }
    address = parse(an_order(recipient={"deliveryAddress": told})).address
    assert address is not None
    assert address.lines == ("Rua X", "12", "Centro")
