"""A short story that calls every operation once, recorded as the examples of the OpenAPI document.

    python -m tools.examples        write src/hashrail/api/document/examples.json anew

The answers are real. The clock stands still but for one second a call, the database is new, so numbers and ids are the
same each time; keys, tokens and signatures, which nobody can guess, are shown as if the secret were `EXAMPLE_SECRET`.
Of a long list the first three things are shown.
"""

import asyncio
import datetime as dt
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from tests.support import signed_reserves, ton
from tests.support.api_client import Api, Caller, an_offer, answered, exact, open_api
from tests.support.payouts import ADDRESSES
from tests.support.world import World

from hashrail import business_clock, clock, db
from hashrail.api.document.openapi_words import EXAMPLE_SECRET
from hashrail.api.operations.routes import routes
from hashrail.api.serving.call import ENCODER
from hashrail.events import feed
from hashrail.exports import making
from hashrail.exports.content import Terms
from hashrail.parties import users
from hashrail.postgres import job_queue
from hashrail.postgres.server import EmbeddedPostgres
from hashrail.proofs import day_documents, liabilities
from hashrail.settings import Settings

FILE = Path(__file__).parents[1] / "src/hashrail/api/document/examples.json"
NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
MAX_SHOWN = 3
KEY = "hrk_test_1_EXAMPLE"
JWT = "eyJhbGciOiJFZERTQSIsImtpZCI6ImV4YW1wbGUifQ.eyJ1c2VySWQiOjEwMDF9.ZXhhbXBsZQ"
# What is random in an answer, or another one with each release, and how it is shown.
RANDOM = {
    "jwtToken": JWT,
    "refreshToken": "hrr_1_1_0_EXAMPLE",
    "token": JWT,
    "apiKey": KEY,
    "payload": "EXAMPLE-PAYLOAD",
    "txid": "e3" * 32,
    "depositTxId": "e3" * 32,
    "withdrawOrderBlockchainTxId": "e3" * 32,
    "version": "1.0.0",
    "kid": "0123456789abcdef",
    "publicKey": "d7" * 32,
    "sha256": "9c" * 32,
    "signature": "5f" * 64,
    "salt": "41" * 32,
    "nonce": "4e" * 32,
    # Where a leaf stands follows from the nonce.
    "index": 1,
    "path": [{"hash": "9a" * 32, "sum": "0.000001490000000000"}],
    # The database's clock tells it.
    "occurredAt": "2026-03-02T12:00:00.000Z",
    "secret": "whsec_RVhBTVBMRQ==",
    "key": KEY,
    # A key is touched when a process learns of it anew.
    "lastUsedAt": "2026-03-01T12:00:06.000Z",
    "partnerId": "prt_EXAMPLE",
}
# The id of a session, and of a read token.
SESSION = re.compile(r"[0-9]+-[0-9a-f]{32}")
READ_TOKEN = re.compile(r"r[0-9]+-[0-9a-f]{32}")
READ_TOKEN_ID = f"r1-{'e3' * 16}"
# A signed document: its kind and day; hashes and salts follow.
DOCUMENT = re.compile(r'\{"document":"[a-z ]+","version":1,"day":"[0-9-]+"')
# The id of an event.
EVENT = re.compile(r"(test_)?[0-9a-f]{27,32}")
DOMAIN = "partner.example"
RANGE = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-31T00:00:00.000Z"}


@dataclass
class StandingClock:
    """A wall clock that moves when it is told to."""

    now: dt.datetime = NOW

    def millis(self) -> int:
        """Milliseconds since 1970 UTC."""
        return int(self.now.timestamp() * 1000)

    @classmethod
    def instead_of_the_machine_s(cls, patch: pytest.MonkeyPatch) -> "StandingClock":
        """Let everything read this clock."""
        standing = cls()
        patch.setattr(clock, "wall_now", lambda: standing.now)
        # Nobody minds that the database's clock goes on.
        patch.setattr(business_clock, "MAX_DIFFERENCE", dt.timedelta.max)
        patch.setattr(clock, "wall_millis", standing.millis)
        # The database's clock cannot stand still, so it is not read.
        patch.setattr(
            business_clock, "at_offset", lambda offset_us, _: standing.now + dt.timedelta(microseconds=offset_us)
        )
        return standing


@dataclass
class Story:
    """The calls so far, and how they are shown."""

    api: Api
    standing: StandingClock
    token: str = ""
    recorded: dict[str, Any] = field(default_factory=dict)

    async def call(self, operation: str, shown: dict[str, Any] | None = None, **fields: Any) -> Any:
        """Call an operation and record it; `shown` are fields to show in place of random ones."""
        self.standing.now += dt.timedelta(seconds=1)
        caller = self.api.server if operation.startswith("s2s_") else self.api.server.with_token(self.token or None)
        if operation.startswith("sandbox_") or operation in ("c2s_collections", "c2s_income_per_th", "exchange_rates"):
            caller = self.api.server
        response = await caller.call(operation, **fields)
        assert response.status_code == 200, f"{operation}: {response.text}"
        example = Caller(caller.http, KEY, EXAMPLE_SECRET, JWT if caller.token else None)
        self.recorded[operation] = _shown_request(example.request(operation, **fields | (shown or {}))) | {
            "answer": _shown_answer(response)
        }
        return exact(response)["data"] if response.headers["content-type"] == "application/json" else response.text


def _shown_request(request: httpx.Request) -> dict[str, Any]:
    credentials = {"x-partner-api-key": "X-PARTNER-API-KEY", "authorization": "Authorization"}
    headers = {name: request.headers[header] for header, name in credentials.items() if header in request.headers}
    body = {"body": request.content.decode()} if request.method == "POST" else {}
    return {"target": request.url.raw_path.decode(), "headers": headers} | body


def _shown_answer(response: httpx.Response) -> Any:
    return _plain(exact(response)) if response.headers["content-type"] == "application/json" else response.text


def _plain(value: Any) -> Any:
    """The same without what is random, and without what follows the first things of a long list."""
    if isinstance(value, list):
        return [_plain(each) for each in value[:MAX_SHOWN]]
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, dict):
        return {
            name: RANDOM[name] if name in RANDOM and isinstance(each, type(RANDOM[name])) else _plain(each)
            for name, each in value.items()
        }
    return value


def _plain_text(value: str) -> str:
    if SESSION.fullmatch(value):
        return f"1-{'e3' * 16}"
    if READ_TOKEN.fullmatch(value):
        return READ_TOKEN_ID
    if event := EVENT.fullmatch(value):
        return ((event[1] or "") + "e3" * 16)[:32]
    document = DOCUMENT.match(value)
    return f"{document[0]}, ...}}" if document else value


async def tell(story: Story) -> None:
    """Users log in, buy, earn, look, withdraw, upgrade and hand over."""
    await _log_in(story)
    await _buy_and_earn(story)
    await _look(story)
    await _withdraw(story)
    await _upgrade(story)
    await story.call("s2s_transfer", partnerUserId="alice", nftId=1001, toPartnerUserId="bob")
    await story.call("s2s_sessions", partnerUserId="alice")
    await story.call("s2s_session_end", partnerUserId="alice")
    await _webhooks(story)
    for operation in ("market_last_income", "market_collections", "market_upgrade_rates", "api_time", "api_errors"):
        await story.call(operation)
    await _prove(story)
    await story.call("s2s_events", types="order.", waitSeconds=20)
    await story.call("s2s_key")
    await story.call("sandbox_trigger", type="order.issued")
    await _play(story)


async def _prove(story: Story) -> None:
    world = story.api.world
    await day_documents.sign_due(world.pool, story.api.deployment.vault)
    day = answered(await story.api.http.get("/api/proofs/days"))["days"][-1]["day"]
    await story.call("proof_keys")
    await story.call("proof_days")
    await story.call("proof_day", day=day)
    await story.call("s2s_proof_power", day=day)
    await liabilities.take_due(world.pool, story.api.deployment.vault, every_days=1)
    await story.call("proof_liabilities")
    await story.call("proof_liabilities_days")
    await signed_reserves.kept(world, story.api.deployment.vault)
    await story.call("proof_reserves")
    await story.call("s2s_proof_balance", partnerUserId="alice")
    story.token = (await story.api.user("alice")).token or ""
    await story.call("c2s_proof_balance")


async def _log_in(story: Story) -> None:
    world = story.api.world
    await world.mine()
    await world.user("bob")
    await world.pool.execute("UPDATE partner SET ton_domains = $2 WHERE id = $1", world.partner.id, [DOMAIN])
    partner = {"partnerId": world.partner.public_id}
    payload = (await story.call("c2s_generate_payload", {"partnerId": "prt_EXAMPLE"}, **partner))["payload"]
    story.standing.now += dt.timedelta(seconds=1)
    shown = ton.proof(RANDOM["payload"], domain=DOMAIN)
    tokens = await story.call("c2s_check_proof", shown, **ton.proof(payload, domain=DOMAIN))
    hidden = {"refreshToken": RANDOM["refreshToken"]}
    tokens = await story.call("c2s_refresh", hidden, refreshToken=tokens["refreshToken"])
    await story.call("c2s_logout", hidden, refreshToken=tokens["refreshToken"])
    tokens = await story.call("s2s_login", partnerUserId="alice", email="alice@partner.example")
    tokens = await story.call("s2s_refresh", hidden, refreshToken=tokens["refreshToken"])
    story.token = tokens["jwtToken"]
    made = await story.call("c2s_read_token_create", name="my dashboard", days=90)
    await story.call("c2s_read_tokens")
    await story.call("c2s_read_token_revoke", {"id": READ_TOKEN_ID}, id=made["id"])
    made = await story.call("c2s_read_token_create", name="my dashboard", days=90)
    await story.call("s2s_read_tokens", partnerUserId="alice")
    await story.call("s2s_read_token_revoke", {"id": READ_TOKEN_ID}, partnerUserId="alice", id=made["id"])


async def _buy_and_earn(story: Story) -> None:
    alice = (await _user(story))["id"]
    offer = await an_offer(story.api.world, "512", "15")
    await story.call("sandbox_advance", days=1)
    order = {"externalId": "order-1001", "userId": alice}
    await story.call("s2s_payment_create", nftCollectionId=offer.id, **order)
    await story.call("s2s_payment_success", **order)
    await story.call("s2s_payment", externalId="order-1001")
    await story.call("sandbox_advance", days=4)


async def _user(story: Story) -> Any:
    return (await story.call("s2s_user_statistics", partnerUserId="alice"))["user"]


async def _look(story: Story) -> None:
    for operation in ("s2s_miners", "s2s_income", "s2s_user_statistics"):
        await story.call(operation, partnerUserId="alice")
    await story.call("s2s_income_by_day", partnerUserId="alice", limit=2, includeIncomesByNfts="true", **RANGE)
    for operation in ("c2s_miners", "c2s_collections", "s2s_collections", "c2s_income_per_th", "s2s_income_per_th"):
        await story.call(operation)
    await story.call("c2s_income_total")
    await story.call("c2s_income", limit=2)
    await story.call("exchange_rates")
    await _look_from_a_dashboard(story)


async def _look_from_a_dashboard(story: Story) -> None:
    for operation in ("app_token_price", "app_platform", "app_marketplace", "app_home", "app_collections", "app_user"):
        await story.call(operation)
    await story.call("app_price", symbol="BTC", value=1)
    for operation in ("app_discounts", "app_nothing", "app_miners"):
        await story.call(operation)
    await story.call("app_power_chart", start=RANGE["startDate"], end=RANGE["endDate"])
    await story.call("app_income", **RANGE, limit=2, skip=0)


async def _withdraw(story: Story) -> None:
    alice = {"partnerUserId": "alice"}
    await story.call("s2s_wallet_bind", address=ADDRESSES[0], **alice)
    await story.call("c2s_wallet_bind", address=ADDRESSES[1])
    await story.call("s2s_wallets", **alice)
    await story.call("c2s_wallets")
    await story.call("c2s_wallet_unbind", address=ADDRESSES[1])
    await story.call("s2s_wallet_unbind", address=ADDRESSES[0], **alice)
    await story.call("s2s_withdraw_commission", **alice)
    await story.call("s2s_withdraw", walletAddress=ADDRESSES[0], amount=Decimal("0.00006"), **alice)
    await story.call("s2s_withdraw_fast", walletAddress=ADDRESSES[0], amount=Decimal("0.00005"), **alice)
    newest = (await story.call("s2s_withdrawals", **alice))["array"][0]["id"]
    await story.call("s2s_withdrawal_cancel", id=newest)
    await story.call("s2s_withdrawal", id=newest)
    await story.call("c2s_deposit_address")
    own = (await story.call("s2s_deposit_address", **alice))["address"]
    await story.call("sandbox_chain", deposit={"address": own, "amount": Decimal("0.001")}, blocks=2)
    await story.call("sandbox_advance", seconds=1)
    await story.call("s2s_deposits", **alice)
    await story.call("s2s_balances", **alice)
    await story.call("c2s_balances")
    await story.call("app_wallets", pagination={"skip": 0, "limit": 50})
    wallets = {"fromType": None, "walletType": ["VIRTUAL_BTC", "VIRTUAL_GMT"], "range": None}
    await story.call("app_history", filter=wallets, pagination={"cursor": 1_800_000_000_000, "limit": 100})


async def _upgrade(story: Story) -> None:
    efficiency = {"type": "nftEnergyEfficiencyUpgrade", "nftId": 1001}
    await story.call("s2s_upgrade_price", **efficiency | {"from": 15, "to": 14})
    await story.call("s2s_upgrade", data=efficiency | {"fromEnergyEfficiency": 15, "toEnergyEfficiency": 14})
    await story.call("s2s_post_payments")
    await story.call("app_payments", filters={"withCanceled": False}, pagination={"skip": 0, "limit": 20})
    sorts = {"dataType": {"in": ["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]}, "status": {"in": ["success"]}}
    await story.call("app_upgrades", filters=sorts, pagination={"skip": 0, "limit": 20})
    for operation in ("s2s_statement", "s2s_statement_csv"):
        await story.call(operation, **RANGE)
    await story.call("s2s_payments", state="issued", changedSince=0, limit=1)
    await story.call("s2s_users", state="active", changedSince=0, limit=1)
    await story.call("s2s_every_balance", currency="BTC", changedSince=0, limit=1)
    await story.call("s2s_totals", **RANGE)
    made = await story.call("s2s_export_create", kind="income", format="csv", **RANGE)
    await making.make_waiting(story.api.world.pool, Terms(max_bytes=2**20, keep=dt.timedelta(days=7)))
    await story.call("s2s_exports")
    await story.call("s2s_export", id=made["id"])
    await story.call("s2s_export_content", id=made["id"])


async def _play(story: Story) -> None:
    """Customers who pay, pay late and take their payment back, and the partner who pays what it owes."""
    world = story.api.world
    bob = await users.find(world.pool, world.partner.id, "bob")
    order = {"userId": bob.id, "nftCollectionId": (await an_offer(world, "1", "15")).id}
    await story.call("sandbox_clock")
    await story.call("sandbox_scenario", scenario="growth")
    await story.call("sandbox_pay", externalId="order-1002", **order)
    await story.call("sandbox_late_notice", externalId="order-1003", **order)
    await story.call("sandbox_chargeback", externalId="order-1002")
    await story.call("sandbox_partner_payment", amount=Decimal("500.25"), reference="SEPA 8821")


async def _webhooks(story: Story) -> None:
    async with db.transaction(story.api.world.pool) as tx:
        await feed.append_drafts(tx, story.api.world.partner.id)
    types = ["order.created", "order.issued"]
    made = await story.call("s2s_webhook_create", url="https://partner.example/hooks", types=types)
    await story.call("s2s_webhook_test", id=made["id"])
    await story.call("s2s_webhook_rotate", id=made["id"], oldSecretHours=48)
    await story.call("s2s_webhook_replay", id=made["id"], fromPosition=1)
    await story.call("s2s_webhook_deliveries", id=made["id"], limit=2)
    await story.call("s2s_webhook_update", id=made["id"], enabled=False)
    await story.call("s2s_webhooks")
    await story.call("s2s_webhook_delete", id=made["id"])


@asynccontextmanager
async def open_story(dsn: str) -> AsyncIterator[Story]:
    """A story on a new database."""
    with pytest.MonkeyPatch.context() as patch:
        standing = StandingClock.instead_of_the_machine_s(patch)
        pool = await db.open_pool(dsn)
        async with open_api(await World.create(pool), dsn) as api:
            yield Story(api, standing)
        await pool.close()


async def record(dsn: str) -> str:
    """The examples as the file holds them, in the order of the route table."""
    async with open_story(dsn) as story:
        await tell(story)
    order = dict.fromkeys(operation.name for _, operation in routes(Settings(mode="sandbox")))
    recorded = {operation: story.recorded[operation] for operation in order}
    return msgspec.json.format(ENCODER.encode(recorded), indent=1).decode() + "\n"


def main() -> None:
    """Write the file anew."""
    with tempfile.TemporaryDirectory(prefix="hashrail-examples-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data") as postgres:
            db.migrate(postgres.dsn)
            job_queue.install(postgres.dsn)
            FILE.write_text(asyncio.run(record(postgres.dsn)), encoding="utf-8")


if __name__ == "__main__":
    main()
