"""Every write of the route table: how a partner gets there, two good requests, and what one makes one more of."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from hashrail import db
from hashrail.events import feed
from hashrail.parties import users
from tests.support.api_client import (
    Api,
    Caller,
    an_offer,
    answered,
    buy,
    check_books,
    open_api,
)
from tests.support.databases import database
from tests.support.payouts import ADDRESSES, asked, earn
from tests.support.world import World

HEADER = "x-withdrawal-id"
REPLAYED = "idempotency-replayed"
Fields = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """How a fresh partner gets ready, answering a good body and another good one; what a request makes one more of."""

    prepare: Callable[[Api], Awaitable[tuple[Fields, Fields]]]
    effects: str


async def login(_: Api) -> tuple[Fields, Fields]:
    return {"partnerUserId": "alice"}, {"partnerUserId": "bob"}


async def sessions_of_alice(api: Api) -> tuple[Fields, Fields]:
    for _ in range(2):
        answered(await api.server.call("s2s_login", partnerUserId="alice"))
    first, second = answered(await api.server.call("s2s_sessions", partnerUserId="alice"))["array"][:2]
    return {"partnerUserId": "alice", "id": first["id"]}, {"partnerUserId": "alice", "id": second["id"]}


async def read_token(_: Api) -> tuple[Fields, Fields]:
    return {"name": "mine", "days": 30}, {"name": "another", "days": 1}


async def read_tokens(api: Api) -> tuple[Fields, Fields]:
    alice = await api.user("alice")
    made = [answered(await alice.call("c2s_read_token_create", name=name, days=30)) for name in ("one", "two")]
    first, second = ({"id": one["id"]} for one in made)
    return first, second


async def read_tokens_of_alice(api: Api) -> tuple[Fields, Fields]:
    first, second = await read_tokens(api)
    return {"partnerUserId": "alice", **first}, {"partnerUserId": "alice", **second}


async def transfer(api: Api) -> tuple[Fields, Fields]:
    (miner,) = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    fields = {"partnerUserId": "alice", "nftId": miner["id"], "toPartnerUserId": "bob"}
    return fields, fields | {"toPartnerUserId": "carol"}


async def order(api: Api) -> tuple[Fields, Fields]:
    user, offer = await api.world.user("alice"), await an_offer(api.world)
    fields = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}
    return fields, fields | {"externalId": "two"}


async def notice(api: Api) -> tuple[Fields, Fields]:
    for fields in await order(api):
        answered(await api.server.call("s2s_payment_create", **fields))
    paid = {"userId": fields["userId"], "externalId": "one"}
    return paid, paid | {"externalId": "two"}


async def upgrade(api: Api) -> tuple[Fields, Fields]:
    (miner,) = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    data = {"type": "nftPowerUpgrade", "nftId": miner["id"], "fromPower": 16, "toPower": 32}
    return {"data": data}, {"data": data | {"toPower": 64}}


async def address(_: Api) -> tuple[Fields, Fields]:
    return {"address": ADDRESSES[0]}, {"address": ADDRESSES[1]}


async def address_of_alice(_: Api) -> tuple[Fields, Fields]:
    fields = {"partnerUserId": "alice", "address": ADDRESSES[0]}
    return fields, fields | {"address": ADDRESSES[1]}


async def bound_address(api: Api) -> tuple[Fields, Fields]:
    for address in ADDRESSES[:2]:
        answered(await api.server.call("s2s_wallet_bind", partnerUserId="alice", address=address))
    return {"address": ADDRESSES[0]}, {"address": ADDRESSES[1]}


async def bound_address_of_alice(api: Api) -> tuple[Fields, Fields]:
    first, second = await bound_address(api)
    return {"partnerUserId": "alice", **first}, {"partnerUserId": "alice", **second}


async def withdrawal(_: Api) -> tuple[Fields, Fields]:
    fields = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
    return fields, fields | {"amount": Decimal("0.02")}


async def cancellation(api: Api) -> tuple[Fields, Fields]:
    user = await api.world.user("alice")
    first, second = [await asked(api.world, user.id, amount, speed="fast") for amount in ("0.01", "0.02")]
    return {"id": first.id}, {"id": second.id}


async def arrival(api: Api) -> tuple[Fields, Fields]:
    del api
    first, second = ({"address": ADDRESSES[0], "amount": Decimal(amount)} for amount in ("0.01", "0.02"))
    return {"deposit": first}, {"deposit": second}


async def a_webhook(_: Api) -> tuple[Fields, Fields]:
    return {"url": "https://example.com/one"}, {"url": "https://example.com/two"}


async def two_webhooks(api: Api) -> tuple[Fields, Fields]:
    one, two = [answered(await api.server.call("s2s_webhook_create", **each)) for each in await a_webhook(api)]
    return {"id": one["id"]}, {"id": two["id"]}


def of_webhooks(**said: Any) -> Callable[[Api], Awaitable[tuple[Fields, Fields]]]:
    """Two endpoints, of which this is said."""

    async def prepare(api: Api) -> tuple[Fields, Fields]:
        one, two = await two_webhooks(api)
        return one | said, two | said

    return prepare


async def a_replay(api: Api) -> tuple[Fields, Fields]:
    """Two events that happened before the endpoint was there."""
    async with db.transaction(api.world.pool) as tx:
        await feed.append_drafts(tx, api.world.partner.id)
    last = await feed.last_position(api.world.pool, api.world.partner.id)
    one, _ = await two_webhooks(api)
    return one | {"fromPosition": last}, one | {"fromPosition": last - 1, "toPosition": last - 1}


async def a_sample(_: Api) -> tuple[Fields, Fields]:
    return {"type": "order.issued"}, {"type": "order.expired"}


async def a_day(_: Api) -> tuple[Fields, Fields]:
    return {"days": 1}, {"seconds": 86_400}


async def a_scenario(api: Api) -> tuple[Fields, Fields]:
    answered(await api.server.call("sandbox_scenario", scenario="steady"))
    return {"scenario": "growth"}, {"scenario": "crash"}


async def customers(api: Api) -> tuple[Fields, Fields]:
    alice = await users.find(api.world.pool, api.world.partner.id, "alice")
    facts = {"userId": alice.id, "nftCollectionId": (await an_offer(api.world)).id}
    return {"externalId": "one", **facts}, {"externalId": "another", **facts}


async def unhappy_customers(api: Api) -> tuple[Fields, Fields]:
    orders = await customers(api)
    for fields in orders:
        answered(await api.server.call("sandbox_pay", **fields))
    return {"externalId": orders[0]["externalId"]}, {"externalId": orders[1]["externalId"]}


async def money_of_ours(_: Api) -> tuple[Fields, Fields]:
    return {"amount": 5, "reference": "SEPA 1"}, {"amount": 5, "reference": "SEPA 2"}


async def days_as_a_file(_: Api) -> tuple[Fields, Fields]:
    days = {"startDate": "2026-03-01T00:00:00Z", "endDate": "2026-03-02T00:00:00Z"}
    fields = {"kind": "income", "format": "csv", **days}
    return fields, fields | {"kind": "orders"}


MINERS_OF_BOB = (
    "miner m JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id AND partner_user_id = 'bob'"
)
WITHDRAWALS = "transfer t WHERE kind = 'withdrawal' AND leg = 1 AND state"
WEBHOOKS = "FROM webhook_endpoint WHERE partner_id = $1"
# What is said of a thing by its number alone, and who understands it.
BY_NUMBER = ("s2s_withdrawal_cancel", "s2s_webhook_delete", "s2s_webhook_test")
# What opens an order and has it paid, and what names one.
PLAYED = ("sandbox_pay", "sandbox_late_notice")
OF_AN_ORDER = ("s2s_payment_create", "s2s_payment_success", "sandbox_chargeback", *PLAYED)
OF_A_NUMBER = (*BY_NUMBER, "s2s_webhook_update", "s2s_webhook_rotate", "s2s_webhook_replay")

REVOKED = "read_token WHERE revoked_at IS NOT NULL"

ROWS = {
    "s2s_login": Row(login, "SELECT count(*) FROM refresh_family WHERE partner_id = $1"),
    "s2s_session_end": Row(
        sessions_of_alice, "SELECT count(*) FROM refresh_family WHERE partner_id = $1 AND revoked_at IS NOT NULL"
    ),
    "c2s_read_token_create": Row(read_token, "SELECT count(*) FROM read_token WHERE partner_id = $1"),
    "c2s_read_token_revoke": Row(read_tokens, f"SELECT count(*) FROM {REVOKED} AND partner_id = $1"),
    "s2s_read_token_revoke": Row(read_tokens_of_alice, f"SELECT count(*) FROM {REVOKED} AND partner_id = $1"),
    "s2s_transfer": Row(transfer, f"SELECT count(*) FROM {MINERS_OF_BOB} WHERE m.partner_id = $1"),
    "s2s_payment_create": Row(order, "SELECT count(*) FROM purchase WHERE partner_id = $1"),
    "s2s_payment_success": Row(notice, "SELECT count(*) FROM miner WHERE partner_id = $1"),
    "s2s_upgrade": Row(upgrade, "SELECT count(*) FROM post_payment WHERE partner_id = $1"),
    "c2s_wallet_bind": Row(address, "SELECT count(*) FROM wallet WHERE partner_id = $1"),
    "s2s_wallet_bind": Row(address_of_alice, "SELECT count(*) FROM wallet WHERE partner_id = $1"),
    "c2s_wallet_unbind": Row(bound_address, "SELECT count(*) FROM wallet_unbound WHERE partner_id = $1"),
    "s2s_wallet_unbind": Row(bound_address_of_alice, "SELECT count(*) FROM wallet_unbound WHERE partner_id = $1"),
    "s2s_withdraw": Row(withdrawal, f"SELECT count(*) FROM {WITHDRAWALS} = 'pending' AND partner_id = $1"),
    "s2s_withdraw_fast": Row(withdrawal, f"SELECT count(*) FROM {WITHDRAWALS} = 'pending' AND partner_id = $1"),
    "s2s_withdrawal_cancel": Row(cancellation, f"SELECT count(*) FROM {WITHDRAWALS} = 'voided' AND partner_id = $1"),
    "s2s_export_create": Row(days_as_a_file, "SELECT count(*) FROM export WHERE partner_id = $1"),
    "s2s_webhook_create": Row(a_webhook, "SELECT count(*) FROM webhook_endpoint WHERE partner_id = $1"),
    "s2s_webhook_update": Row(of_webhooks(enabled=False), f"SELECT count(*) {WEBHOOKS} AND state = 'disabled'"),
    "s2s_webhook_delete": Row(two_webhooks, f"SELECT count(*) {WEBHOOKS} AND state = 'deleted'"),
    "s2s_webhook_rotate": Row(
        of_webhooks(oldSecretHours=1), f"SELECT count(*) {WEBHOOKS} AND sealed_old_secret IS NOT NULL"
    ),
    "s2s_webhook_test": Row(
        two_webhooks, "SELECT count(*) FROM event_draft WHERE partner_id = $1 AND type = 'webhook_endpoint.test'"
    ),
    "s2s_webhook_replay": Row(a_replay, "SELECT count(*) FROM webhook_delivery WHERE partner_id = $1"),
    "sandbox_advance": Row(a_day, "SELECT floor(offset_us / 86400e6) FROM business_clock WHERE $1::bigint > 0"),
    "sandbox_chain": Row(arrival, "SELECT count(*) FROM sandbox_output WHERE amount_btc < 0.1 AND $1::bigint > 0"),
    "sandbox_trigger": Row(
        a_sample, "SELECT count(*) FROM event_draft WHERE partner_id = $1 AND starts_with(name, 'test_')"
    ),
    "sandbox_scenario": Row(
        a_scenario, "SELECT array_position('{steady,growth,crash}', scenario) FROM sandbox_days WHERE $1::bigint > 0"
    ),
    "sandbox_pay": Row(customers, "SELECT count(*) FROM miner WHERE partner_id = $1"),
    "sandbox_late_notice": Row(customers, "SELECT count(*) FROM miner WHERE partner_id = $1"),
    "sandbox_chargeback": Row(unhappy_customers, "SELECT count(*) FROM order_refund WHERE partner_id = $1"),
    "sandbox_partner_payment": Row(money_of_ours, "SELECT count(*) FROM partner_payment WHERE partner_id = $1"),
}
# Operations that a user's client calls: there is no signature to recognise a repetition by.
BEARER = {"c2s_wallet_bind", "c2s_wallet_unbind", "c2s_read_token_create", "c2s_read_token_revoke"}
# Whose bodies say the same, so that a signature over one of them also fits the other.
SAME_FIELDS = {
    *(("s2s_withdraw", "s2s_withdraw_fast"), ("s2s_withdraw_fast", "s2s_withdraw")),
    *(("s2s_wallet_bind", "s2s_wallet_unbind"), ("s2s_wallet_unbind", "s2s_wallet_bind")),
    ("s2s_login", "s2s_session_end"),
    *(("s2s_session_end", "s2s_read_token_revoke"), ("s2s_read_token_revoke", "s2s_session_end")),
    # A scenario fits an advance that has no way to go, and what opens an order fits who plays that it is paid.
    ("sandbox_scenario", "sandbox_advance"),
    *((said, heard) for said in OF_AN_ORDER for heard in PLAYED if heard != said),
    *((said, "s2s_payment_create") for said in PLAYED),
    *((said, heard) for said in BY_NUMBER for heard in OF_A_NUMBER if heard != said),
}
# What moves the clock of a whole deployment, on its way from one commit to the next.
MOVING = ("sandbox_advance", "sandbox_late_notice")
WRITES = sorted(ROWS)
SIGNED = sorted(set(ROWS) - BEARER)
# Of every table of a partner: how many rows, but of answers that are kept and of calls, which are written down whatever
# became of them. Of its accounts: what they hold.
TABLES = """
    SELECT table_name FROM information_schema.columns JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE column_name = 'partner_id' AND table_schema = 'public' AND t.table_type = 'BASE TABLE'
      AND table_name NOT IN ('answered_write', 'api_call', 'audited_account', 'audited_partner') ORDER BY 1"""
ACCOUNTS = """
    SELECT id, debits_posted, credits_posted, debits_pending, credits_pending FROM account
    WHERE partner_id = $1 ORDER BY id"""


@dataclass
class Stock:
    """One deployment, and partners whose alice owns 16 TH and 0.16 BTC."""

    dsn: str
    partners: list[Api]


@dataclass
class Stocks:
    """A deployment for all writes but those that would move its clock, and another for them."""

    still: Stock
    moving: Stock

    def partner(self, operation: str) -> Api:
        """One that nobody has touched."""
        return (self.moving if operation in MOVING else self.still).partners.pop()


@asynccontextmanager
async def stocked(server: str, template: str, partners: int) -> AsyncIterator[Stock]:
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=20)
        async with open_api(await World.create(pool), dsn) as api:
            made = []
            for _ in range(partners):
                partner = await api.another_partner()
                people = [await partner.world.user(name) for name in ("alice", "bob", "carol")]
                await buy(partner.world, people[0].id)
                made.append(partner)
            await earn(api.world, "0")
            await earn(api.world)
            yield Stock(dsn, made)
        await pool.close()


@dataclass
class Case:
    """An operation that a partner is about to call: who calls, with what, and what it has made so far."""

    operation: str
    api: Api
    caller: Caller
    good: Fields
    other: Fields
    before: int

    @classmethod
    async def of(cls, operation: str, api: Api) -> "Case":
        caller = await api.user("alice") if operation in BEARER else api.server
        good, other = await ROWS[operation].prepare(api)
        case = cls(operation, api, caller, good, other, 0)
        case.before = await case.count()
        return case

    async def count(self) -> int:
        found: int = await self.api.world.pool.fetchval(ROWS[self.operation].effects, self.api.world.partner.id)
        return found

    async def state(self) -> list[Any]:
        """What the partner has, as far as a second effect would show in it."""
        pool, partner_id = self.api.world.pool, self.api.world.partner.id
        tables = [row["table_name"] for row in await pool.fetch(TABLES)]
        counts = [
            await pool.fetchval(f"SELECT count(*) FROM {each} WHERE partner_id = $1", partner_id) for each in tables
        ]
        assert len(tables) > 20
        return [*counts, *(tuple(row.values()) for row in await pool.fetch(ACCOUNTS, partner_id))]

    def request(self, key: str | None = None, at: int | None = None) -> httpx.Request:
        headers = {} if key is None else {"Idempotency-Key": key}
        # A slow machine restarts a server for longer than the shortest window.
        window = {"recvWindow": 60_000} if self.operation in SIGNED else {}
        return self.caller.request(self.operation, headers, at, **self.good, **window)

    async def check_one_effect(self) -> None:
        assert await self.count() == self.before + 1
        await check_books(self.api.world)


def check_repeated(first: httpx.Response, again: httpx.Response) -> None:
    """The same bytes and headers; only the repetition says that it is one."""
    assert answered(first)
    assert again.content == first.content
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert again.headers.get(HEADER) == first.headers.get(HEADER)
