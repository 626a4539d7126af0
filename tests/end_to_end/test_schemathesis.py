"""Schemathesis calls a real server with what the document allows, and with what it forbids.

All checks are on. Requests are signed after they are made, by the client library, so that what reaches an operation
is what the document says and nothing else. Where valid data may be refused for what it means (a date, an address),
the operation documents the code among its own, and only those codes are accepted.
"""

import copy
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx
import pytest
import requests
import schemathesis
from requests.auth import AuthBase
from schemathesis.config import SchemathesisConfig

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.selling import samples, upgrade_tariff
from hashrail.vault import Vault
from hashrail_client.signing import sign_body, sign_headers, sign_query
from tests.support import patience
from tests.support.api_client import CONTRACT, MASTER_KEY, Caller, an_offer, answered, buy
from tests.support.databases import database
from tests.support.openapi_document import operations, sandbox_document
from tests.support.payouts import ADDRESSES
from tests.support.served import serving
from tests.support.world import World

EXAMPLES = 15
SIGNED_FIELDS = ("timestamp", "recvWindow", "signature")
ACCEPTED = ["2xx", "304", "401", "403", "404", "409", "429"]
NO_LIMITS = ("PER_MINUTE", "PER_USER_PER_MINUTE", "PER_ADDRESS_PER_MINUTE")
# The sandbox's clock moves by days that have to be closed one by one: a valid step, but not a hundred times ten years.
IDEMPOTENCY_KEY = "Idempotency-Key"
COUNTER = itertools.count()
# Of so many requests one asks for what was made up.
OFTEN = 5
SHORTEST = {"days": 1, "seconds": 3600}


def own_refusals(described: dict[str, Any], status: int = 400) -> set[str]:
    """Codes with this status that an operation has for data that its schema allows."""
    catalogue = sandbox_document()["x-hashrail-errors"]
    return {code for code in described["x-hashrail-refuses"] if catalogue[code]["status"] == status}


CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {
            "max-examples": EXAMPLES,
            "deterministic": True,
            "database": "none",
            "with-security-parameters": False,
        },
        "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
        "operations": [
            {
                "include-operation-id": described["operationId"],
                "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, "400"]}},
            }
            for described in operations().values()
            if own_refusals(described)
        ],
    }
)
SCHEMA = schemathesis.openapi.from_dict(copy.deepcopy(sandbox_document()), config=CONFIG)


@dataclass(frozen=True)
class Live:
    """A server, and what its callers know; of some operations something else.

    Whose sessions are ended is not who is logged in.
    """

    url: str
    caller: Caller
    known: dict[str, Any]
    known_of: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Signer(AuthBase):
    """Puts the credentials on a request that is ready to be sent.

    `in_fields` signs in the query or the body; otherwise headers carry the signature, whatever the fields are.
    """

    caller: Caller
    security: tuple[str, ...]
    in_fields: bool

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with a key, a token and a signature, as its operation asks for them."""
        if "apiKey" in self.security:
            request.headers["X-PARTNER-API-KEY"] = str(self.caller.key)
        if self.security == ("bearer",):
            request.headers["Authorization"] = f"Bearer {self.caller.token}"
        if {"signature", "signatureInQuery"} & {*self.security}:
            members = self._members(request)
            if members is None:
                self._sign_headers(request)
            else:
                self._sign_fields(request, members)
        return request

    def _members(self, request: requests.PreparedRequest) -> dict[str, Any] | None:
        """The fields that a signature can stand beside; None where headers have to carry it."""
        if not self.in_fields:
            return None
        if request.method == "GET":
            return dict(parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True))
        found = json.loads(request.body or b"{}", parse_float=Decimal)
        return found if isinstance(found, dict) else None

    def _sign_fields(self, request: requests.PreparedRequest, members: dict[str, Any]) -> None:
        sent = {name: value for name, value in members.items() if name not in SIGNED_FIELDS}
        secret = str(self.caller.secret)
        if request.method == "GET":
            query = sign_query(secret, [*sent.items(), ("timestamp", str(clock.wall_millis()))])
            request.url = urlunsplit(urlsplit(str(request.url))._replace(query=query))
        else:
            body = sign_body(secret, sent | {"timestamp": clock.wall_millis()})
            request.prepare_body(body, None)
            request.headers["Content-Type"] = "application/json"

    def _sign_headers(self, request: requests.PreparedRequest) -> None:
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        target = urlsplit(str(request.url))
        signed = sign_headers(
            str(self.caller.secret), clock.wall_millis(), str(request.method), target.path, target.query, content
        )
        request.headers.update(signed)


@pytest.fixture(scope="module")
async def live(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """A sandbox with a user who has miners, income, a bound wallet and orders, and no limits on requests.

    She is logged in, and is not alice, whom the examples name: they end alice's sessions.
    """
    folder: Path = tmp_path_factory.mktemp("schemathesis")
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        async with db.transaction(pool) as tx:
            await upgrade_tariff.put(tx, samples.SAMPLE)
        user = await world.user("carol")
        await world.user("bob")
        nft_id = await buy(world, user.id)
        await world.miner(user.id, "5000", "15")
        await world.mine()
        await world.mine()
        async with db.transaction(pool) as tx:
            key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
        with pytest.MonkeyPatch.context() as environment:
            for name in NO_LIMITS:
                environment.setenv(f"HASHRAIL_RATE_LIMIT_{name}", "0")
            with serving(dsn, folder, "one") as served:
                async with served.http() as http:
                    caller = Caller(http, key.key, key.secret)
                    tokens = answered(await caller.call("s2s_login", partnerUserId="carol"))
                    answered(await caller.call("s2s_login", partnerUserId="bob"))
                    bobs = answered(await caller.call("s2s_sessions", partnerUserId="bob"))["array"]
                    hook = answered(await caller.call("s2s_webhook_create", url="https://example.com/hook"))
                    offer = await an_offer(world)
                    order = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "order-1"}
                    answered(await caller.call("s2s_payment_create", **order))
                    paid = {"partnerUserId": "carol", "walletAddress": ADDRESSES[0], "amount": Decimal("0.0001")}
                    withdrawn = await caller.call("s2s_withdraw", **paid)
                yield Live(
                    served.url,
                    Caller(http, key.key, key.secret, tokens["jwtToken"]),
                    {
                        "partnerUserId": "carol",
                        "toPartnerUserId": "bob",
                        "userId": user.id,
                        "nftId": nft_id,
                        "nftCollectionId": offer.id,
                        "partnerId": world.partner.public_id,
                        "walletAddress": ADDRESSES[1],
                        "address": ADDRESSES[1],
                        "id": int(withdrawn.headers["x-withdrawal-id"]),
                    },
                    {"s2s_session_end": {"partnerUserId": "bob", "id": bobs[0]["id"]}}
                    | {f"{door}_read_token_revoke": {"id": f"r1-{'0' * 32}"} for door in ("c2s", "s2s")}
                    | {
                        name: {"id": hook["id"], "url": "https://example.com/hook", "types": ["order.created"]}
                        for name in CONTRACT
                        if name.startswith("s2s_webhook") and name != "s2s_webhook_delete"
                    },
                )
        await pool.close()


def use_what_exists(case: schemathesis.Case, known: dict[str, Any]) -> None:
    """Valid data names users and miners that exist, so that it gets past the question whether they do."""
    _use_in(case.query, {name: str(value) for name, value in known.items()} | {"externalId": "order-1"})
    if isinstance(case.body, dict):
        _use_in(case.body, known)
    if "endDate" in case.query:
        case.query["endDate"] = case.query["startDate"]
    if next(COUNTER) % OFTEN:
        # Nobody makes up a cursor that holds.
        case.query.pop("cursor", None)
    if IDEMPOTENCY_KEY in case.headers:
        # One key for one write: another write under the same key is refused, and rightly so.
        case.headers[IDEMPOTENCY_KEY] = f"{case.headers[IDEMPOTENCY_KEY][:200]}-{next(COUNTER)}"


def _use_in(fields: dict[str, Any], known: dict[str, Any]) -> None:
    for name in sorted(fields.keys() & known.keys()):
        if next(COUNTER) % OFTEN:
            fields[name] = known[name]
    for name in sorted(fields.keys() & SHORTEST.keys()):
        if isinstance(fields[name], int | float):
            fields[name] = SHORTEST[name]


def is_valid(case: schemathesis.Case) -> bool:
    assert case.meta is not None
    return case.meta.generation.mode.is_positive


@SCHEMA.parametrize()
def test_operation(case: schemathesis.Case, live: Live) -> None:
    """One request of many: the answer is as documented, whatever was sent."""
    described = case.operation.definition.raw
    security = described["security"][0] if described["security"] else {}
    valid = is_valid(case)
    if valid:
        use_what_exists(case, live.known | live.known_of.get(described["operationId"], {}))
        if "signature" not in security and isinstance(case.body, dict):
            # A signature where none is needed is judged; made-up ones are refused in tests/api/test_leniences.py.
            case.body = {name: value for name, value in case.body.items() if name not in SIGNED_FIELDS}
    signer = Signer(live.caller, tuple(security), in_fields=valid)
    response = case.call_and_validate(base_url=live.url, auth=signer, timeout=patience.SECONDS)
    if valid and response.status_code in (400, 401, 403):
        assert response.json()["error"] in own_refusals(described, response.status_code), response.text


async def test_the_server_serves_that_document(live: Live) -> None:
    async with httpx.AsyncClient(base_url=live.url, timeout=patience.SECONDS) as http:
        assert (await http.get("/api/openapi.json")).json() == sandbox_document()
