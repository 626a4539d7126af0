"""Offers out of a file: a CSV whose first line names the columns, or what `hashrail catalogue list --json` prints.

A file has one meaning or is refused, by line and field: a decimal comma that parts a number in two, a column that
nobody knows, the same miner twice.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn

from hashrail.errors import BadRequestError
from hashrail.money import decimals, is_amount, plain
from hashrail.rewards.formula import EFFICIENCY_DECIMALS, POWER_DECIMALS
from hashrail.selling.upgrade_prices import MAX_POWER

# (power TH, W/TH, USD)
Offer = tuple[Decimal, Decimal, Decimal]
POWER, EFFICIENCY, VALUE = COLUMNS = ("power", "energyEfficiency", "value")
# What the list prints besides, which a new catalogue numbers anew.
PASSED_OVER = {"id"}
MOST_BYTES = 1_000_000
MAX_EFFICIENCY = Decimal(1000)


class BadOffersError(BadRequestError):
    """A file of offers is none, or says something that cannot be sold."""

    code = "BAD_OFFERS"
    advice = (
        "Write power in TH, energyEfficiency in W/TH and value in USD, with a point before decimals: a CSV that begins"
        " with power,energyEfficiency,value, or the JSON of: hashrail catalogue list --json"
    )


def read(path: Path) -> list[Offer]:
    """The offers of a file, in its order; JSON where its name ends in .json. Raises BadOffersError."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise BadOffersError(f"{path}: {error.strerror}", field="offers") from error
    except UnicodeDecodeError as error:
        raise BadOffersError(f"{path} is not UTF-8: {error}", field="offers") from error
    if len(raw) > MOST_BYTES:
        raise BadOffersError(f"{path} has more than {MOST_BYTES} bytes", field="offers")
    rows = _of_json(text) if path.suffix.lower() == ".json" else _of_csv(text)
    found: dict[tuple[Decimal, Decimal], Decimal] = {}
    for place, fields in rows:
        power, efficiency, value = _offer(place, fields)
        if (power, efficiency) in found:
            raise BadOffersError(
                f"{place}: {plain(power)} TH at {plain(efficiency)} W/TH is offered twice", field=POWER
            )
        found[power, efficiency] = value
    if not found:
        raise BadOffersError(f"{path} offers nothing", field="offers")
    return [(power, efficiency, value) for (power, efficiency), value in found.items()]


def _of_csv(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    names = [name.strip() for name in lines.fieldnames or ()]
    if sorted(names) != sorted(COLUMNS):
        raise BadOffersError(f"line 1: the columns are {', '.join(COLUMNS)}, not {', '.join(names)}", field="line")
    lines.fieldnames = names
    try:
        for fields in lines:
            if None in fields:
                raise BadOffersError(f"line {lines.line_num}: more values than columns", field="line")
            yield f"line {lines.line_num}", fields
    except csv.Error as error:
        raise BadOffersError(f"line {lines.line_num}: {error}", field="line") from error


def _of_json(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        # As they are written: through a float a price would be another one.
        read_ = json.loads(text, parse_float=str, parse_int=str, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadOffersError(f"it is no JSON: {error}", field="offers") from error
    if not isinstance(read_, list):
        raise BadOffersError("it is no JSON list", field="offers")
    for number, fields in enumerate(read_, start=1):
        if not isinstance(fields, dict):
            raise BadOffersError(f"offer {number} is no object", field="offers")
        unknown = sorted(fields.keys() - PASSED_OVER - {*COLUMNS})
        if unknown:
            raise BadOffersError(f"offer {number}: unknown field {unknown[0]}", field=unknown[0])
        yield f"offer {number}", fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice in an object")
    return fields


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _offer(place: str, fields: Mapping[str, Any]) -> Offer:
    power, efficiency, value = (_number(place, name, fields.get(name)) for name in COLUMNS)
    if power > MAX_POWER or decimals(power) > POWER_DECIMALS:
        raise BadOffersError(f"{place}: a miner has at most {MAX_POWER} TH, with 4 decimals", field=POWER)
    if efficiency >= MAX_EFFICIENCY or decimals(efficiency) > EFFICIENCY_DECIMALS:
        raise BadOffersError(f"{place}: W/TH are below {MAX_EFFICIENCY}, with 2 decimals", field=EFFICIENCY)
    return power, efficiency, value


def _number(place: str, name: str, text: object) -> Decimal:
    if not isinstance(text, str) or not text.strip():
        raise BadOffersError(f"{place}: {name} is missing", field=name)
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise BadOffersError(f"{place}: {name} is {text!r}, which is no number", field=name) from error
    if not is_amount(number) or number <= 0:
        raise BadOffersError(f"{place}: {name} is {text!r}, out of range", field=name)
    return number
