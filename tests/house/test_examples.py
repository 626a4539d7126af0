"""The examples of the document are what the platform answers, and they are true in themselves."""

import json
import re
import subprocess
import sys
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import jsonschema_rs
import pytest
from tools.examples import FILE, JWT, KEY

from hashrail.api.document import openapi
from hashrail.api.document.openapi_words import EXAMPLE_SECRET
from hashrail.api.serving.call import ENCODER
from hashrail.settings import Settings
from hashrail_client.signing import read_body, read_query, verify
from tests.support.api_client import CONTRACT
from tests.support.folders import ROOT
from tests.support.openapi_document import closed, fault_of, operation, resolved, sandbox_document

EXAMPLES: dict[str, Any] = json.loads(FILE.read_text(), parse_float=Decimal)


def test_the_examples_are_what_happens(dsn: str) -> None:
    """In a process of their own: the codes of errors are those of the modules that are imported."""
    program = (
        "import asyncio, sys; from tools.examples import record; sys.stdout.write(asyncio.run(record(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, dsn]
    recorded = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout
    kept = FILE.read_text()
    changed = [name for name, example in json.loads(recorded).items() if json.loads(kept).get(name) != example]
    assert changed == [], "run: make reference"
    assert recorded == kept, "run: make reference"


def test_every_operation_has_one() -> None:
    assert set(EXAMPLES) == set(CONTRACT)


def typed(value: str, schema: dict[str, Any]) -> Any:
    """What a text in a query stands for."""
    return json.loads(value) if schema.get("type") in ("integer", "number", "boolean") else value


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_fits_its_operation(name: str) -> None:
    example = EXAMPLES[name]
    _, method, path, auth = CONTRACT[name]
    target = urlsplit(example["target"])
    assert target.path == path
    described = operation(name)
    if method == "POST":
        schema = closed(described["requestBody"]["content"]["application/json"]["schema"])
        components = {"schemas": closed(sandbox_document()["components"]["schemas"])}
        jsonschema_rs.Draft202012Validator(schema | {"components": components}).validate(json.loads(example["body"]))
    else:
        known = {part["name"]: part["schema"] for part in described.get("parameters", [])} | {"signature": {}}
        for field, value in parse_qsl(target.query):
            jsonschema_rs.Draft202012Validator(known[field]).validate(typed(value, known[field]))
    credentials = {"X-PARTNER-API-KEY": KEY, "Authorization": f"Bearer {JWT}"}
    assert example["headers"].items() <= credentials.items()
    assert bool(example["headers"]) is (auth != "none")


@pytest.mark.parametrize("name", sorted(name for name in EXAMPLES if CONTRACT[name][3] == "signed"))
def test_the_signature_of_an_example_holds(name: str) -> None:
    example = EXAMPLES[name]
    body = example.get("body")
    sent = read_query(urlsplit(example["target"]).query.encode()) if body is None else read_body(body.encode())
    assert isinstance(sent.timestamp, int)
    assert verify(sent, [EXAMPLE_SECRET], sent.timestamp, 5000, 60_000).digest.hex() == sent.signature


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_document_shows_it(name: str) -> None:
    described, example = operation(name), EXAMPLES[name]
    ((media_type, content),) = described["responses"]["200"]["content"].items()
    shown = json.loads(ENCODER.encode(example["answer"]))
    assert content["example"] == shown
    headers = httpx.Headers({"content-type": media_type, "x-request-id": "a", "x-server-time": "1"})
    assert fault_of(described, 200, headers, json.dumps(shown)) is None
    if "body" in example:
        assert described["requestBody"]["content"]["application/json"]["example"] == json.loads(example["body"])
    parts = {part["name"]: part for part in described.get("parameters", []) if "example" in part}
    sent_query = dict(parse_qsl(urlsplit(example["target"]).query))
    sent_query.pop("signature", None)
    assert {name: part["example"] for name, part in parts.items()} == {
        name: typed(value, parts[name]["schema"]) for name, value in sent_query.items()
    }
    (sample,) = described["x-codeSamples"]
    assert sample["lang"] == "Shell"
    assert example["target"] in sample["source"]


def test_a_command_line() -> None:
    source = operation("s2s_payment_success")["x-codeSamples"][0]["source"]
    lines = source.split(" \\\n  ")
    assert lines[0] == "curl 'http://127.0.0.1:8080/api/partner/s2s/nft-payment/success'"
    assert lines[1:3] == [f"-H 'X-PARTNER-API-KEY: {KEY}'", "-H 'Content-Type: application/json'"]
    assert lines[3] == f"-d '{EXAMPLES['s2s_payment_success']['body']}'"


def test_numbers_are_exact_in_the_document() -> None:
    text = openapi.rendered(Settings(mode="sandbox")).decode()
    total = EXAMPLES["c2s_income_total"]["answer"]["data"]["totalIncome"]
    assert isinstance(total, Decimal)
    assert re.search(rf'"totalIncome":{re.escape(str(total))}\b', text)
    assert resolved({"$ref": "#/components/schemas/IncomeTotal"})["properties"]["totalIncome"]["type"] == "number"
