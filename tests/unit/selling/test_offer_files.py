"""Offers out of a file: one meaning, or a refusal that names line and field."""

from decimal import Decimal
from pathlib import Path

import pytest

from hashrail.selling import offer_files
from hashrail.selling.offer_files import BadOffersError

HEAD = "power,energyEfficiency,value\n"
ONE_AND_HALF = [(Decimal(1), Decimal(15), Decimal("14.99")), (Decimal("0.75"), Decimal(12), Decimal("12.99"))]


def written(folder: Path, text: str | bytes, name: str) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("offers.csv", HEAD + "1,15,14.99\n0.75,12,12.99\n"),
        ("offers.csv", "\ufeffvalue, power ,energyEfficiency\r\n14.99,1,15\r\n12.99,0.75,12\r\n"),
        (
            "offers.JSON",
            '[{"power":1,"energyEfficiency":"15","value":14.99},{"id":7,"power":7.5e-1,"energyEfficiency":12,"value":"12.99"}]',
        ),
    ],
)
def test_what_is_offered(tmp_path: Path, name: str, text: str) -> None:
    """As a spreadsheet writes it, and as the catalogue lists it; a price never goes through a float."""
    assert offer_files.read(written(tmp_path, text, name)) == ONE_AND_HALF


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "line"),
        (HEAD, "offers"),
        ("power,efficiency,price\n1,15,14.99\n", "line"),
        ("power,energyEfficiency,value,value\n1,15,14.99,14.99\n", "line"),
        (HEAD + "1,15,14,99\n", "line"),
        (HEAD + '1,15,"14,99"\n', "value"),
        (HEAD + "1,15\n", "value"),
        (HEAD + "1,15,\n", "value"),
        (HEAD + "1,15,NaN\n", "value"),
        (HEAD + "1,15,1e30\n", "value"),
        (HEAD + "0,15,14.99\n", "power"),
        (HEAD + "-1,15,14.99\n", "power"),
        (HEAD + "5001,15,14.99\n", "power"),
        (HEAD + "1.00001,15,14.99\n", "power"),
        (HEAD + "1,1000,14.99\n", "energyEfficiency"),
        (HEAD + "1,15.001,14.99\n", "energyEfficiency"),
        (HEAD + "1,15,14.99\n1.0,15.0,13.99\n", "power"),
        (HEAD + '1,15,"14.99\n', "line"),
        (b"\xff\xfe", "offers"),
        (HEAD + " " * offer_files.MOST_BYTES, "offers"),
    ],
)
def test_a_csv_that_says_anything_else(tmp_path: Path, text: str | bytes, field: str) -> None:
    with pytest.raises(BadOffersError) as refused:
        offer_files.read(written(tmp_path, text, "offers.csv"))
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "offers"),
        ("[]", "offers"),
        ("{}", "offers"),
        ("[1]", "offers"),
        ('[{"power":1,"power":2,"energyEfficiency":15,"value":14.99}]', "offers"),
        ('[{"power":NaN,"energyEfficiency":15,"value":14.99}]', "offers"),
        ('[{"power":true,"energyEfficiency":15,"value":14.99}]', "power"),
        ('[{"power":1,"energyEfficiency":15}]', "value"),
        ('[{"power":1,"energyEfficiency":15,"value":14.99,"discount":0}]', "discount"),
        ("[" * 100_000, "offers"),
    ],
)
def test_a_json_that_says_anything_else(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(BadOffersError) as refused:
        offer_files.read(written(tmp_path, text, "offers.json"))
    assert refused.value.details["field"] == field


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for place in (tmp_path / "nothing.csv", tmp_path):
        with pytest.raises(BadOffersError):
            offer_files.read(place)
