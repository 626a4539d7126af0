"""The API as a collection for Postman, version 2.1, written from the OpenAPI document and the recorded examples.

Every request of the document is there, in a folder of its tag, with the fields of its example. Before all of them
stands a tour: requests that go well one after the other against a sandbox, each with what the ones before it answered.
A script of the collection signs: it fills the variables `timestamp` and `signature`, which the headers of a signed
request name, so a request shows what it sends.
"""

import json
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from hashrail.api.document import openapi
from hashrail.api.operations.routes import routes
from hashrail.api.serving.operation import AnyOperation, Auth
from hashrail.settings import Settings
from hashrail_client.wire import number_exactly, stringify

Part: TypeAlias = dict[str, Any]

FILE = "hashrail.postman_collection.json"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
TOUR = "A tour"
SIGNATURE_FIELDS = ("timestamp", "recvWindow", "signature")
STORY = """A tour, and every request of the API. Fill the variables `baseUrl`, `apiKey` and `apiSecret` of the
collection; a sandbox tells them in demo.json. The script of the collection signs: HMAC-SHA256 over five lines, which
are time, method, path, query and the SHA-256 of the body. Keep a secret of production out of anything that
synchronises."""

VARIABLES = {
    "baseUrl": "http://127.0.0.1:8080",
    "apiKey": "",
    "apiSecret": "",
    "partnerUserId": "alice",
    "address": "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky",
    "startDate": "2026-03-01T00:00:00.000Z",
    "endDate": "2026-03-31T00:00:00.000Z",
    "externalId": "order-1001",
    "userId": "1",
    "nftCollectionId": "1",
    "nftId": "1001",
    "withdrawalId": "1",
    "webhookId": "1",
    "exportId": "1",
    "jwtToken": "",
    "refreshToken": "",
}
# Which variable a field is filled with, by its name; and the number of what is asked for, by the operation.
FIELDS = {name: name for name in VARIABLES} | {"walletAddress": "address"}
IDS = {"withdraw": "withdrawalId", "webhook": "webhookId", "export": "exportId"}
NUMBERS = {"userId", "nftCollectionId", "nftId", "withdrawalId", "webhookId", "exportId"}
NUMBER_IN_QUOTES = re.compile(r'"(\{\{(?:' + "|".join(sorted(NUMBERS)) + r')\}\})"')

# What the tour calls, in its order, with what another request than the example's sends.
TOUR_CALLS: tuple[tuple[str, Part], ...] = (
    ("api_time", {}),
    ("s2s_login", {}),
    ("s2s_collections", {}),
    ("s2s_payment_create", {}),
    ("s2s_payment_success", {}),
    ("s2s_payment", {}),
    ("s2s_payments", {}),
    ("s2s_miners", {}),
    ("s2s_upgrade_price", {"type": "nftPowerUpgrade", "from": Decimal(1), "to": Decimal(2)}),
    ("sandbox_advance", {"days": 30, "seconds": None}),
    ("s2s_user_statistics", {}),
    ("s2s_income", {}),
    ("s2s_income_by_day", {}),
    ("s2s_income_per_th", {}),
    ("exchange_rates", {}),
    ("s2s_balances", {}),
    ("s2s_every_balance", {}),
    ("s2s_wallet_bind", {}),
    ("s2s_wallets", {}),
    ("s2s_withdraw_commission", {}),
    ("s2s_withdraw", {"amount": Decimal("0.00005")}),
    ("s2s_withdrawal", {}),
    ("s2s_withdrawals", {}),
    ("s2s_withdrawal_cancel", {}),
    ("s2s_deposit_address", {}),
    ("s2s_deposits", {}),
    ("s2s_statement", {}),
    ("s2s_totals", {}),
    ("s2s_events", {"waitSeconds": None}),
    ("s2s_webhook_create", {}),
    ("s2s_webhooks", {}),
    ("s2s_webhook_delete", {}),
    ("c2s_miners", {}),
    ("c2s_income", {}),
    ("c2s_balances", {}),
    ("s2s_sessions", {}),
    ("c2s_logout", {}),
)

# Runs before each request: the five lines of a signature in headers.
SIGN = """
if (pm.request.headers.has("X-PARTNER-SIGNATURE")) {
  const CryptoJS = require("crypto-js");
  const filled = (text) => pm.variables.replaceIn(text);
  const encoded = (text) => encodeURIComponent(filled(text));
  const query = pm.request.url.query.filter((pair) => !pair.disabled);
  const body = pm.request.body && pm.request.body.raw ? filled(pm.request.body.raw) : "";
  const timestamp = String(Date.now());
  const lines = [
    timestamp,
    pm.request.method,
    filled(pm.request.url.getPath()),
    query.map((pair) => `${encoded(pair.key)}=${encoded(pair.value)}`).join("&"),
    CryptoJS.SHA256(body).toString(),
  ];
  pm.variables.set("timestamp", timestamp);
  pm.variables.set("signature", CryptoJS.HmacSHA256(lines.join("\\n"), filled("{{apiSecret}}")).toString());
}
"""
CHECK = """
pm.test("it is answered with 200", () => pm.response.to.have.status(200));
"""
# What later requests need of an answer.
KEEP = {
    "s2s_login": {"userId": "data.userId", "jwtToken": "data.jwtToken", "refreshToken": "data.refreshToken"},
    "s2s_refresh": {"jwtToken": "data.jwtToken", "refreshToken": "data.refreshToken"},
    "c2s_refresh": {"jwtToken": "data.jwtToken", "refreshToken": "data.refreshToken"},
    "s2s_collections": {"nftCollectionId": "data.array[0].id"},
    "s2s_payment": {"nftId": "data.nftId"},
    "s2s_webhook_create": {"webhookId": "data.id"},
    "s2s_export_create": {"exportId": "data.id"},
}
NEW_ORDER = 'pm.collectionVariables.set("externalId", `postman-${Date.now()}`);'
KEEP_NUMBER = 'pm.collectionVariables.set("withdrawalId", pm.response.headers.get("X-Withdrawal-Id"));'
WITHDRAWING = ("s2s_withdraw", "s2s_withdraw_fast")


def rendered() -> str:
    """The collection as it is kept."""
    return json.dumps(collection(), indent=2, ensure_ascii=False) + "\n"


def collection() -> Part:
    """The collection: the tour, then a folder for each tag."""
    table = {operation.name: (path, operation) for path, operation in reversed(routes(_settings()))}
    document = openapi.document(_settings())
    examples = openapi.read_examples()
    described = {name: document["paths"][path][each.method.lower()] for name, (path, each) in table.items()}

    def item(name: str, changed: Part) -> Part:
        path, operation = table[name]
        return _item(operation, path, described[name], examples.get(name, {}), changed)

    folders: dict[str, list[Part]] = {tag["name"]: [] for tag in document["tags"]}
    for name in reversed(table):
        folders[table[name][1].tag].append(item(name, {}))
    tour = {"name": TOUR, "item": [item(name, changed) for name, changed in TOUR_CALLS]}
    return {
        "info": {
            "_postman_id": str(uuid.uuid5(uuid.NAMESPACE_URL, SCHEMA + FILE)),
            "name": document["info"]["title"],
            "description": " ".join(STORY.split()),
            "version": document["info"]["version"],
            "schema": SCHEMA,
        },
        "item": [tour, *({"name": tag, "item": items} for tag, items in folders.items())],
        "event": [_event("prerequest", SIGN), _event("test", CHECK)],
        "variable": [{"key": name, "value": value} for name, value in VARIABLES.items()],
    }


def _settings() -> Settings:
    """A sandbox has every operation."""
    return Settings.model_validate({"mode": "sandbox"})


def _item(operation: AnyOperation, path: str, described: Part, example: Mapping[str, Any], changed: Part) -> Part:
    method = operation.method
    request: Part = {"method": method, "header": _headers(operation), "description": described["description"]}
    sent = _sent(operation, example) | changed
    fields = {name: _filled(operation.name, name, value) for name, value in sent.items() if value is not None}
    query: list[Part] = []
    if method == "POST":
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        request["body"] = {"mode": "raw", "raw": NUMBER_IN_QUOTES.sub(r"\1", stringify(fields, number_exactly))}
    else:
        query = [{"key": name, "value": str(value)} for name, value in fields.items()]
        query += [
            {"key": each["name"], "value": "", "description": each.get("description", ""), "disabled": True}
            for each in described.get("parameters", [])
            if each["in"] == "query" and each["name"] not in {*fields, *SIGNATURE_FIELDS}
        ]
    request["url"] = _url(path, query)
    found: Part = {"name": described["summary"], "request": request}
    events = _events(operation.name)
    return found | ({"event": events} if events else {})


def _sent(operation: AnyOperation, example: Mapping[str, Any]) -> Part:
    """The fields of the example, without those that sign it."""
    if operation.method == "POST":
        fields = json.loads(example.get("body", "{}"), parse_float=Decimal)
    else:
        fields = dict(parse_qsl(urlsplit(example.get("target", "")).query))
    return {name: value for name, value in fields.items() if name not in SIGNATURE_FIELDS}


def _filled(operation: str, name: str, value: object) -> object:
    """The variable that stands for a field, or the example's value."""
    if name == "id":
        return next((f"{{{{{variable}}}}}" for word, variable in IDS.items() if word in operation), value)
    return f"{{{{{FIELDS[name]}}}}}" if name in FIELDS else value


def _headers(operation: AnyOperation) -> list[Part]:
    if operation.auth is Auth.BEARER:
        return [{"key": "Authorization", "value": "Bearer {{jwtToken}}"}]
    if operation.auth is Auth.NONE:
        return []
    key = {"key": "X-PARTNER-API-KEY", "value": "{{apiKey}}"}
    if operation.auth is not Auth.SIGNED:
        return [key]
    signed = {"X-PARTNER-TIMESTAMP": "{{timestamp}}", "X-PARTNER-SIGNATURE": "{{signature}}"}
    return [key, *({"key": name, "value": value} for name, value in signed.items())]


def _url(path: str, query: list[Part]) -> Part:
    shown = "&".join(f"{pair['key']}={pair['value']}" for pair in query if not pair.get("disabled"))
    url: Part = {"raw": f"{{{{baseUrl}}}}{path}" + (f"?{shown}" if shown else ""), "host": ["{{baseUrl}}"]}
    return url | {"path": path.strip("/").split("/")} | ({"query": query} if query else {})


def _events(operation: str) -> list[Part]:
    kept = [
        f'pm.collectionVariables.set("{variable}", pm.response.json().{place});'
        for variable, place in KEEP.get(operation, {}).items()
    ]
    kept += [KEEP_NUMBER] if operation in WITHDRAWING else []
    # A script of the request itself would come after the signature.
    kept += [NEW_ORDER] if operation == "s2s_collections" else []
    return [_event("test", "\n".join(kept))] if kept else []


def _event(listen: str, script: str) -> Part:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": script.strip().splitlines()}}
