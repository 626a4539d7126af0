"""A running API to test against, in this process, and callers who sign as the client library does."""

import asyncio
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.api import app
from hashrail.api.serving.state import Serving
from hashrail.audit import invariants
from hashrail.books import fence
from hashrail.deployment import journal_file
from hashrail.deployment.opened import Deployment
from hashrail.parties import users
from hashrail.processes import meters
from hashrail.rewards import rate_classes, stints
from hashrail.rewards.formula import ClassRates, DayInputs, class_rates
from hashrail.selling import catalogue, miners, orders
from hashrail.settings import Settings
from hashrail.vault import Vault
from hashrail_client.signing import sign_body, sign_headers, sign_query
from tests.support import folders, keys, patience
from tests.support.databases import database
from tests.support.deployments import become
from tests.support.layers import litestar_of
from tests.support.openapi_document import documenting
from tests.support.patience import until
from tests.support.world import World, inputs

MASTER_KEY = keys.MASTER_KEY
JOURNALS = folders.of_this_process()
KEY_HEADER = "X-PARTNER-API-KEY"
INTERNAL_ERRORS = "hashrail_internal_errors_total"
UNLIMITED = dict.fromkeys(
    (
        *("rate_limit_per_minute", "rate_limit_per_user_per_minute", "rate_limit_per_address_per_minute"),
        *("ton_rpc_asks_per_address_per_minute", "ton_payloads_per_address_per_minute", "new_users_per_day"),
    ),
    0,
)
S2S, C2S = "/api/partner/s2s", "/api/partner/c2s"

# The contract's operations: number, method, path, what it asks of its caller.
CONTRACT: dict[str, tuple[int | None, str, str, str]] = {
    "c2s_generate_payload": (1, "POST", f"{C2S}/auth/generate-payload", "none"),
    "c2s_check_proof": (2, "POST", f"{C2S}/auth/check-proof", "none"),
    "c2s_refresh": (3, "POST", f"{C2S}/auth/refresh", "none"),
    "s2s_login": (4, "POST", f"{S2S}/auth/login", "signed"),
    "s2s_refresh": (5, "POST", f"{S2S}/auth/refresh", "key"),
    "c2s_logout": (None, "POST", f"{C2S}/auth/logout", "none"),
    "s2s_sessions": (None, "GET", f"{S2S}/session/find-by-user", "signed"),
    "s2s_session_end": (None, "POST", f"{S2S}/session/end", "signed"),
    "c2s_read_token_create": (None, "POST", f"{C2S}/read-token/create", "bearer"),
    "c2s_read_tokens": (None, "GET", f"{C2S}/read-token/find-by-user", "bearer"),
    "c2s_read_token_revoke": (None, "POST", f"{C2S}/read-token/revoke", "bearer"),
    "s2s_read_tokens": (None, "GET", f"{S2S}/read-token/find-by-user", "signed"),
    "s2s_read_token_revoke": (None, "POST", f"{S2S}/read-token/revoke", "signed"),
    "c2s_miners": (6, "GET", f"{C2S}/nft/find-by-user", "bearer"),
    "s2s_transfer": (8, "POST", f"{S2S}/nft/transfer", "signed"),
    "s2s_miners": (7, "GET", f"{S2S}/nft/find-by-user", "signed"),
    "c2s_collections": (9, "GET", f"{C2S}/nft-collection/find-all-generative", "key or bearer"),
    "s2s_collections": (10, "GET", f"{S2S}/nft-collection/find-all-generative", "key"),
    "s2s_payment_create": (11, "POST", f"{S2S}/nft-payment/create", "signed"),
    "s2s_payment_success": (12, "POST", f"{S2S}/nft-payment/success", "signed"),
    "c2s_income_per_th": (13, "GET", f"{C2S}/income-statistic/get-income-per-th", "key or bearer"),
    "s2s_income_per_th": (14, "POST", f"{S2S}/income-statistic/get-income-per-th", "signed"),
    "c2s_income_total": (15, "GET", f"{C2S}/nft-income/find-aggregated", "bearer"),
    "c2s_income": (16, "GET", f"{C2S}/nft-income/find-by-user", "bearer"),
    "s2s_income": (17, "GET", f"{S2S}/nft-income/find-by-user", "signed"),
    "s2s_income_by_day": (18, "GET", f"{S2S}/nft-income/find-aggregated-by-date", "signed"),
    "c2s_balances": (21, "GET", f"{C2S}/wallet/get-balances", "bearer"),
    "c2s_wallet_bind": (19, "POST", f"{C2S}/wallet/bind", "bearer"),
    "c2s_wallet_unbind": (None, "POST", f"{C2S}/wallet/unbind", "bearer"),
    "s2s_wallet_unbind": (None, "POST", f"{S2S}/wallet/unbind", "signed"),
    "c2s_wallets": (20, "GET", f"{C2S}/wallet/find-by-user", "bearer"),
    "s2s_wallet_bind": (22, "POST", f"{S2S}/wallet/bind", "signed"),
    "s2s_wallets": (23, "GET", f"{S2S}/wallet/find-by-user", "signed"),
    "s2s_withdraw": (25, "POST", f"{S2S}/income-withdraw/create-order", "signed"),
    "s2s_withdraw_fast": (26, "POST", f"{S2S}/income-withdraw/create-instant", "signed"),
    "s2s_withdraw_commission": (27, "GET", f"{S2S}/income-withdraw/get-commission", "signed"),
    "s2s_withdrawal": (None, "GET", f"{S2S}/income-withdraw/find-one", "signed"),
    "s2s_withdrawals": (None, "GET", f"{S2S}/income-withdraw/find-all", "signed"),
    "s2s_withdrawal_cancel": (None, "POST", f"{S2S}/income-withdraw/cancel", "signed"),
    "s2s_payment": (None, "GET", f"{S2S}/nft-payment/find-one", "signed"),
    "s2s_payments": (None, "GET", f"{S2S}/nft-payment/find-all", "signed"),
    "s2s_upgrade": (30, "POST", f"{S2S}/nft-upgrade/create", "signed"),
    "s2s_upgrade_price": (31, "GET", f"{S2S}/nft-upgrade/calculate-price", "signed"),
    "s2s_post_payments": (None, "GET", f"{S2S}/nft-upgrade/find-all", "signed"),
    "s2s_statement": (None, "GET", f"{S2S}/partner/get-statement", "signed"),
    "s2s_statement_csv": (None, "GET", f"{S2S}/partner/get-statement.csv", "signed"),
    "s2s_every_balance": (None, "GET", f"{S2S}/wallet/find-all", "signed"),
    "s2s_users": (None, "GET", f"{S2S}/user/find-all", "signed"),
    "s2s_balances": (24, "GET", f"{S2S}/wallet/get-balances", "signed"),
    "exchange_rates": (28, "GET", f"{C2S}/exchanges/get-prices", "key or bearer"),
    "market_last_income": (None, "POST", "/api/nft-income-aggregation/get-last", "none"),
    "market_collections": (None, "GET", "/api/nft-collection/find-all-generative", "none"),
    "market_upgrade_rates": (None, "POST", "/api/nft/get-upgrade-rate", "none"),
    "app_token_price": (None, "GET", "/api/exchanges/getTokenPrice", "none"),
    "app_price": (None, "GET", "/api/exchanges/getPrice", "none"),
    "app_platform": (None, "GET", "/api/platform-statistics", "none"),
    "app_marketplace": (None, "POST", "/api/nft/marketplace-statistics", "none"),
    "app_home": (None, "POST", "/api/home-page/get-info-v2", "none"),
    "app_collections": (None, "POST", "/api/nft-collection/index", "none"),
    "app_user": (None, "GET", "/api/auth/isAuth", "bearer"),
    "app_discounts": (None, "POST", "/api/user/get-my-nft-discount", "bearer"),
    "app_nothing": (None, "POST", "/api/nft-game/nft-game-income/find-aggregated-by-date", "bearer"),
    "app_miners": (None, "POST", "/api/nft/get-my", "bearer"),
    "app_power_chart": (None, "POST", "/api/nft/my-computing-power-chart", "bearer"),
    "app_income": (None, "POST", "/api/nft-income/find-aggregated-by-date", "bearer"),
    "app_wallets": (None, "POST", "/api/wallet/find-by-user", "bearer"),
    "app_history": (None, "POST", "/api/wallet/transaction-history", "bearer"),
    "app_payments": (None, "POST", "/api/user-payments-history/index", "bearer"),
    "app_upgrades": (None, "POST", "/api/internal-payment/get-my", "bearer"),
    "s2s_user_statistics": (29, "GET", f"{S2S}/user/get-statistics", "signed"),
    "api_time": (None, "GET", "/api/time", "none"),
    "api_errors": (None, "GET", "/api/errors", "none"),
    "proof_keys": (None, "GET", "/api/proofs/keys", "none"),
    "proof_days": (None, "GET", "/api/proofs/days", "none"),
    "proof_day": (None, "GET", "/api/proofs/day", "none"),
    "s2s_proof_power": (None, "GET", f"{S2S}/proofs/power", "signed"),
    "proof_liabilities": (None, "GET", "/api/proofs/liabilities", "none"),
    "proof_liabilities_days": (None, "GET", "/api/proofs/liabilities/days", "none"),
    "proof_reserves": (None, "GET", "/api/proofs/reserves", "none"),
    "s2s_proof_balance": (None, "GET", f"{S2S}/proofs/balance", "signed"),
    "c2s_proof_balance": (None, "GET", f"{C2S}/proofs/balance", "bearer"),
    "c2s_deposit_address": (None, "GET", f"{C2S}/deposit/address", "bearer"),
    "s2s_deposit_address": (None, "GET", f"{S2S}/deposit/address", "signed"),
    "s2s_key": (None, "GET", f"{S2S}/key", "signed"),
    "s2s_webhook_create": (None, "POST", f"{S2S}/webhook/create", "signed"),
    "s2s_webhooks": (None, "GET", f"{S2S}/webhook/find-all", "signed"),
    "s2s_webhook_update": (None, "POST", f"{S2S}/webhook/update", "signed"),
    "s2s_webhook_delete": (None, "POST", f"{S2S}/webhook/delete", "signed"),
    "s2s_webhook_rotate": (None, "POST", f"{S2S}/webhook/rotate-secret", "signed"),
    "s2s_webhook_test": (None, "POST", f"{S2S}/webhook/test", "signed"),
    "s2s_webhook_deliveries": (None, "GET", f"{S2S}/webhook/deliveries", "signed"),
    "s2s_webhook_replay": (None, "POST", f"{S2S}/webhook/replay", "signed"),
    "s2s_deposits": (None, "GET", f"{S2S}/deposit/find-all", "signed"),
    "s2s_events": (None, "GET", f"{S2S}/events", "signed"),
    "s2s_totals": (None, "GET", f"{S2S}/partner/get-totals", "signed"),
    "s2s_export_create": (None, "POST", f"{S2S}/export/create", "signed"),
    "s2s_exports": (None, "GET", f"{S2S}/export/find-all", "signed"),
    "s2s_export": (None, "GET", f"{S2S}/export/find-one", "signed"),
    "s2s_export_content": (None, "GET", f"{S2S}/export/content", "signed"),
    "sandbox_advance": (None, "POST", "/api/sandbox/advance", "signed"),
    "sandbox_chain": (None, "POST", "/api/sandbox/chain", "signed"),
    "sandbox_trigger": (None, "POST", "/api/sandbox/trigger", "signed"),
    "sandbox_clock": (None, "GET", "/api/sandbox/clock", "signed"),
    "sandbox_scenario": (None, "POST", "/api/sandbox/scenario", "signed"),
    "sandbox_pay": (None, "POST", "/api/sandbox/pay", "signed"),
    "sandbox_late_notice": (None, "POST", "/api/sandbox/late-notice", "signed"),
    "sandbox_chargeback": (None, "POST", "/api/sandbox/chargeback", "signed"),
    "sandbox_partner_payment": (None, "POST", "/api/sandbox/partner-payment", "signed"),
}


def exact(response: httpx.Response) -> Any:
    """The answer's JSON with every digit kept."""
    assert response.headers["content-type"] == "application/json"
    return json.loads(response.text, parse_float=Decimal)


def answered(response: httpx.Response) -> Any:
    """What stands in the envelope of a good answer."""
    assert response.status_code == 200, response.text
    return exact(response)["data"]


def check_refused(response: httpx.Response, status: int, code: str, name: str | None = None) -> dict[str, Any]:
    """A refusal has the one error shape; answers its details. `name` is the field that must be named."""
    body = exact(response)
    assert list(body) == ["statusCode", "error", "message", "requestId", "details"]
    assert (response.status_code, body["statusCode"], body["error"]) == (status, status, code), response.text
    assert body["requestId"] == response.headers["x-request-id"]
    assert isinstance(body["message"], str)
    assert body["message"]
    if name is not None:
        assert body["details"]["field"] == name, response.text
    details: dict[str, Any] = body["details"]
    return details


@dataclass(frozen=True)
class Caller:
    """A partner's server or client: a key, the secret it signs with, a user's token, as far as it has them."""

    http: httpx.AsyncClient
    key: str | None = None
    secret: str | None = None
    token: str | None = None

    def signing_with(self, secret: str) -> "Caller":
        """The same caller with another secret."""
        return replace(self, secret=secret)

    def with_token(self, token: str | None) -> "Caller":
        """The user's client: his token and no secret."""
        return replace(self, token=token, secret=None)

    def request(
        self, operation: str, headers: Mapping[str, str] | None = None, at: int | None = None, **fields: object
    ) -> httpx.Request:
        """The request of an operation, signed at `at` (milliseconds; now without it) where that is asked for."""
        _, method, path, auth = CONTRACT[operation]
        sent = dict(headers or {})
        if self.key is not None and auth not in ("bearer", "none") and not (auth == "key or bearer" and self.token):
            sent[KEY_HEADER] = self.key
        if self.token is not None and "bearer" in auth:
            sent["Authorization"] = f"Bearer {self.token}"
        if auth == "signed":
            fields["timestamp"] = clock.wall_millis() if at is None else at
        if method == "POST":
            assert self.secret is not None or auth != "signed"
            content = sign_body(self.secret, fields) if auth == "signed" else json.dumps(fields).encode()
            return self.http.build_request("POST", path, content=content, headers=sent)
        pairs = [(name, str(value)) for name, value in fields.items()]
        query = sign_query(self.secret, pairs) if auth == "signed" else urlencode(pairs, quote_via=quote)
        return self.http.build_request("GET", f"{path}?{query}" if query else path, headers=sent)

    async def call(
        self, operation: str, headers: Mapping[str, str] | None = None, at: int | None = None, **fields: object
    ) -> httpx.Response:
        """Call an operation."""
        return await self.http.send(self.request(operation, headers, at, **fields))

    async def send_again(self, request: httpx.Request) -> httpx.Response:
        """Send the very same bytes once more, to this caller's server."""
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        target = request.url.raw_path.decode()
        return await self.http.send(
            self.http.build_request(request.method, target, content=request.content, headers=headers)
        )

    async def raw(
        self, method: str, target: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Anything at all, with the key and a valid signature in headers."""
        path, _, query = target.partition("?")
        assert self.key is not None
        assert self.secret is not None
        signed = sign_headers(self.secret, clock.wall_millis(), method, path, query, content or b"")
        sent = {KEY_HEADER: self.key} | signed | dict(headers or {})
        return await self.http.send(self.http.build_request(method, target, content=content, headers=sent))


@dataclass
class Api:
    """The application of one process, and the callers that a partner has by default."""

    http: httpx.AsyncClient
    world: World
    serving: Serving
    server: Caller

    @property
    def deployment(self) -> Deployment:
        """The deployment that the process serves."""
        return self.serving.deployment

    async def key(self, world: World | None = None, kind: api_keys.KeyKind = "full", **facts: Any) -> api_keys.NewKey:
        """A new key of a partner; the first one's without `world`."""
        async with db.transaction(self.world.pool) as tx:
            return await api_keys.create_key(
                tx, self.deployment.vault, partner_id=(world or self.world).partner.id, kind=kind, **facts
            )

    async def caller(self, world: World | None = None, kind: api_keys.KeyKind = "full", **facts: Any) -> Caller:
        """A caller with a new key."""
        made = await self.key(world, kind, **facts)
        return Caller(self.http, made.key, made.secret)

    async def another_partner(self, credit_limit_usd: str = "100000") -> "Api":
        """The same process, called by a new partner: much cheaper than a deployment of its own."""
        world = await self.world.another_partner(uuid.uuid4().hex, Decimal(credit_limit_usd))
        return Api(self.http, world, self.serving, await self.caller(world))

    async def user(self, name: str, server: Caller | None = None) -> Caller:
        """The client of a partner's user who has just logged in."""
        caller = server or self.server
        data = answered(await caller.call("s2s_login", partnerUserId=name))
        return caller.with_token(data["jwtToken"])


def pretend_production(api: Api) -> None:
    """The process answers as a production's does, on the books of a sandbox: their keys have to be `nameless`."""
    known = replace(api.deployment.facts, mode="production")
    api.serving.deployment = replace(api.deployment, facts=known)


async def nameless(api: Api, key: str | None) -> str:
    """A key as older releases made it, which names no mode."""
    assert key is not None
    old = key.replace("hrk_test_", "hrk_")
    await api.world.pool.execute("UPDATE api_key SET key = $1 WHERE key = $2", old, key)
    return old


def settings_of(dsn: str, **changes: Any) -> Settings:
    """Settings of a sandbox on a database without rate limits, with some of them changed.

    Its journal is its own, unless it has a folder that commands write theirs in too.
    """
    values: dict[str, Any] = {"mode": "sandbox", "master_keys": MASTER_KEY, "DATABASE_URL": dsn}
    if "data" not in changes:
        values["journal"] = JOURNALS / f"{hashlib.sha256(dsn.encode()).hexdigest()}.jsonl"
    return Settings(**values | UNLIMITED | changes)


@asynccontextmanager
async def lifespan(asgi: Any) -> AsyncIterator[None]:
    """Start an ASGI application and stop it again, as a server does."""
    to_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    running = asyncio.create_task(asgi(scope, to_app.get, from_app.put))
    for phase in ("startup", "shutdown"):
        await to_app.put({"type": f"lifespan.{phase}"})
        assert await from_app.get() == {"type": f"lifespan.{phase}.complete"}
        if phase == "startup":
            yield
    await running


@asynccontextmanager
async def open_api(world: World, dsn: str, *, peer: str = "127.0.0.1", **changes: Any) -> AsyncIterator[Api]:
    """The application on a world's database, called from the address `peer`."""
    settings = settings_of(dsn, **changes)
    become(dsn, mode=settings.mode, bitcoin_network=settings.bitcoin_network, bitcoin_rpc_url=settings.bitcoin_rpc_url)
    asgi: Any = app.build(settings)
    world.vault = Vault([MASTER_KEY])
    transport = httpx.ASGITransport(asgi, client=(peer, 50_000))
    client = httpx.AsyncClient(
        transport=transport, base_url="http://hashrail.test", event_hooks=documenting(settings.mode)
    )
    async with lifespan(asgi), client as http:
        api = Api(http, world, litestar_of(asgi).state.serving, Caller(http))
        api.server = await api.caller()
        yield api


async def refused_soon(caller: Caller, operation: str = "c2s_miners", **fields: object) -> httpx.Response:
    """The first answer that is not 200: what was announced takes a moment until it is heard."""
    give_up = clock.monotonic() + patience.SECONDS
    while (response := await caller.call(operation, **fields)).status_code == 200 and clock.monotonic() < give_up:
        await asyncio.sleep(patience.POLL_SECONDS)
    return response


async def until_journal_is_written(api: Api) -> None:
    """Until the process has written what its books have noted: it does so in transactions of its own."""

    async def is_written() -> bool:
        return not await journal_file.lacks(api.world.pool, api.deployment.settings.journal_file)

    await until(is_written)


@asynccontextmanager
async def open_shared_api(server: str, template: str, **changes: Any) -> AsyncIterator[Api]:
    """A deployment for the tests of a module, each of which is a partner of its own."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=20)
        async with open_api(await World.create(pool), dsn, **changes) as api:
            yield api
        await pool.close()


@dataclass(frozen=True)
class Earned:
    """One record that the books must show: BTC of one miner for one mined day, credited with `credited`."""

    credited: dt.date
    day: dt.date
    miner_id: int
    power: Decimal
    rates: ClassRates
    efficiency: Decimal
    discount: Decimal
    adjustment_id: int | None = None

    @property
    def net(self) -> Decimal:
        """BTC credited."""
        return self.power * self.rates.net

    @property
    def wire(self) -> dict[str, Any]:
        """As #16 and #17 show it."""
        return {
            "createdAt": f"{self.credited + clock.ONE_DAY}T00:05:00.000Z",
            "value": self.net,
            "c1Value": self.power * self.rates.c1,
            "c2Value": self.power * self.rates.c2,
            "c3Value": 0,
            "c4Value": 0,
            "nftId": self.miner_id,
            "day": self.day.isoformat(),
            "adjustmentId": self.adjustment_id,
        }


MARCH = [dt.date(2026, 3, 1) + dt.timedelta(days=n) for n in range(6)]
RATES: dict[dt.date, dict[str, str]] = {
    MARCH[0]: {},
    MARCH[1]: {"pool_btc_per_th": "0.00000049123456", "btc_usd": "78862.65350442"},
    MARCH[2]: {"pool_btc_per_th": "0.00000011"},  # below the costs: the miners are idle
    MARCH[3]: {"pool_btc_per_th": "0.0000005", "btc_usd": "81234.5", "kwh_usd": "0.055"},
    MARCH[4]: {"pool_btc_per_th": "0.00000048", "service_usd_per_th": "0.009"},
}
ADJUSTED_POOL = Decimal("0.000000495")


@dataclass
class Past:
    """Five closed days of a partner. Alice buys a miner on the first and two on the second, of which Bob has one
    from the fourth on; the second day was entered wrongly and is adjusted with the fifth. Carol has nothing."""

    api: Api
    users: dict[str, users.User]
    miners: list[int]
    adjustment_id: int = 0
    settled: Decimal = Decimal(0)
    records: dict[str, list[Earned]] = field(default_factory=dict)

    def inputs(self, day: dt.date) -> DayInputs:
        """The rates of a day as they were entered."""
        return inputs(day, **RATES[day])

    def income(self, name: str) -> Decimal:
        """All BTC that a user was credited."""
        return sum((one.net for one in self.records[name]), Decimal(0))


@asynccontextmanager
async def open_past(server: str, template: str, **changes: Any) -> AsyncIterator[Past]:
    """The past on a database of its own, with the API on it."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        async with open_api(world, dsn, **changes) as api:
            past = Past(api, {name: await world.user(name) for name in ("alice", "bob", "carol")}, [])
            await _live(past, world)
            past.records = _expected(past)
            yield past
        await pool.close()


async def _live(past: Past, world: World) -> None:
    alice, bob = past.users["alice"].id, past.users["bob"].id
    past.miners.append(await world.miner(alice, "10", "20"))
    await world.mine(**RATES[MARCH[0]])
    past.miners.append(await world.miner(alice, "16", "15"))
    past.miners.append(await world.miner(alice, "0.75", "12"))
    await world.mine(**RATES[MARCH[1]])
    await world.mine(**RATES[MARCH[2]])
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        await miners.give(tx, world.partner.id, past.miners[2], from_user=alice, to_user=bob)
        await stints.sync_stints(tx, books, [alice, bob], miner_ids=[past.miners[2]])
    await world.mine(**RATES[MARCH[3]])
    past.settled = await world.settle(alice)
    async with db.transaction(world.pool) as tx:
        past.adjustment_id = await rate_classes.adjust(
            tx, MARCH[1], reason="entered wrongly", pool_btc_per_th=ADJUSTED_POOL, at=clock.wall_now()
        )
    await world.mine(**RATES[MARCH[4]])


def _expected(past: Past) -> dict[str, list[Earned]]:
    """Newest day first, by miner within a day: reckoned here by the formula alone."""
    first, second, third = past.miners

    def earned(day: dt.date, miner_id: int, power: str, efficiency: str, discount: str) -> Earned:
        rates = class_rates(past.inputs(day), Decimal(efficiency), Decimal(discount))
        return Earned(day, day, miner_id, Decimal(power), rates, Decimal(efficiency), Decimal(discount))

    # 10 TH are at level .006, 26 and 26.75 at .009, less than 5 at none.
    right = replace(past.inputs(MARCH[1]), pool_btc_per_th=ADJUSTED_POOL)
    wrong = earned(MARCH[1], first, "10", "20", ".006")
    adjustment = replace(
        wrong,
        credited=MARCH[4],
        rates=class_rates(right, Decimal(20), Decimal(".006")) - wrong.rates,
        adjustment_id=past.adjustment_id,
    )
    alice = [earned(MARCH[4], first, "10", "20", ".009"), earned(MARCH[4], second, "16", "15", ".009"), adjustment]
    for day in (MARCH[3], MARCH[2]):
        alice += [earned(day, first, "10", "20", ".009"), earned(day, second, "16", "15", ".009")]
        alice += [earned(day, third, "0.75", "12", ".009")]
    return {"alice": [*alice, wrong], "bob": [earned(MARCH[4], third, "0.75", "12", "0")], "carol": []}


async def check_books(world: World) -> None:
    """Every invariant of the audit holds."""
    async with db.snapshot(world.pool) as tx:
        findings = [finding async for finding in invariants.audit(tx)]
    assert len(findings) > 10
    broken = [(finding.name, finding.rows[:3]) for finding in findings if finding.rows]
    assert not broken, broken


async def an_offer(world: World, power: str = "16", efficiency: str = "15") -> catalogue.Collection:
    """The offer of the catalogue with that power and efficiency."""
    async with db.transaction(world.pool) as tx:
        offers = await catalogue.on_sale(tx)
    return next(o for o in offers if (o.power, o.energy_efficiency) == (Decimal(power), Decimal(efficiency)))


async def buy(world: World, user_id: int, power: str = "16", efficiency: str = "15") -> int:
    """A miner that went through an order, so that credit and capacity are counted too; answers its id."""
    offer = await an_offer(world, power, efficiency)
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, world.partner.id)
        name = uuid.uuid4().hex
        await orders.create(
            tx, books, user_id=user_id, collection_id=offer.id, external_id=name, ttl=dt.timedelta(hours=1)
        )
        order = await orders.notify_paid(tx, books, external_id=name, user_id=user_id)
    assert order.miner_id is not None
    return order.miner_id


async def gather_all(*calls: Any) -> list[httpx.Response]:
    """All at once; answers in order."""
    return list(await asyncio.gather(*calls))


async def internal_errors(_api: Api) -> int:
    """How often the alarm has gone up."""
    (counter,) = meters.REGISTRY.restricted_registry([INTERNAL_ERRORS]).collect()
    return int(next(each.value for each in counter.samples if each.name == INTERNAL_ERRORS))
