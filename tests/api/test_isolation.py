"""One partner never sees or touches what is another's, operation by operation.

`ATTEMPTS` says for every operation what another partner would try and what it must get; an operation of the route
table that has no entry fails the test.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hashrail import business_clock
from hashrail.api.operations import routes
from hashrail.api.serving.operation import Auth
from hashrail.api.wire import cursors
from hashrail.bitcoin.opening import open_for
from hashrail.payouts import watch
from hashrail.proofs import day_documents, liabilities
from hashrail.rewards import closing
from tests.support import signed_reserves
from tests.support.api_client import (
    CONTRACT,
    Api,
    Caller,
    an_offer,
    answered,
    buy,
    check_books,
    check_refused,
    exact,
    settings_of,
)
from tests.support.deployments import deployed
from tests.support.exports import exported
from tests.support.good_fields import good
from tests.support.payouts import ADDRESSES
from tests.support.ton import proof

RANGE = {"startDate": "2026-03-01T00:00:00Z", "endDate": "2026-03-31T00:00:00Z"}


@dataclass
class Two:
    """A victim with a user, a miner, an open order and tokens, and a thief who knows everything but the secrets."""

    victim: Api
    thief: Api
    user_id: int
    offer_id: int
    tokens: dict[str, Any]

    @property
    def server(self) -> Caller:
        return self.thief.server

    async def beside_key(self, operation: str) -> httpx.Response:
        """A request with the victim's user's token and the thief's API key, both in headers."""
        headers = {"Authorization": f"Bearer {self.tokens['jwtToken']}", "X-PARTNER-API-KEY": str(self.server.key)}
        _, method, path, _ = CONTRACT[operation]
        content = b"{}" if method == "POST" else None
        return await self.thief.http.send(self.thief.http.build_request(method, path, content=content, headers=headers))


@pytest.fixture(scope="module")
async def two(deployment: Api, published: None) -> Two:
    """The victim has one of everything."""
    user = await deployment.world.user("alice")
    await buy(deployment.world, user.id)
    offer = await an_offer(deployment.world)
    facts = {"userId": user.id, "nftCollectionId": offer.id, "externalId": "open"}
    answered(await deployment.server.call("s2s_payment_create", **facts))
    await deployment.world.mine()
    await deployment.world.mine(pool_btc_per_th="0.01")
    thief = await deployment.another_partner()
    tokens = answered(await deployment.server.call("s2s_login", partnerUserId="alice"))
    return Two(deployment, thief, user.id, offer.id, tokens)


Attempt = Callable[[Two], Awaitable[None]]


def no_such_user(operation: str, **fields: object) -> Attempt:
    """The thief asks for the victim's user under its own key: there is no such user."""

    async def attempt(two: Two) -> None:
        response = await two.server.call(operation, partnerUserId="alice", **fields)
        check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")

    return attempt


def token_beside_own_key(operation: str) -> Attempt:
    """The thief has the token of the victim's user, and its own key."""

    async def attempt(two: Two) -> None:
        check_refused(await two.beside_key(operation), 401, "TOKEN_OF_OTHER_PARTNER")

    return attempt


def own_user(operation: str) -> Attempt:
    """The same partnerUserId is another user at another partner: the thief gets its own, who has nothing."""

    async def attempt(two: Two) -> None:
        thief = two.thief
        data = answered(await two.server.call(operation, partnerUserId="alice"))
        assert data["userId"] != two.user_id
        own = two.server.with_token(data["jwtToken"])
        for read in ("c2s_miners", "c2s_income"):
            assert answered(await own.call(read)) == {"array": []}
        assert answered(await own.call("c2s_income_total"))["totalIncome"] == 0
        assert {row["balance"] for row in answered(await own.call("c2s_balances"))["array"]} == {0}
        await thief.world.pool.execute("UPDATE app_user SET partner_user_id = 'mine' WHERE id = $1", data["userId"])

    return attempt


def other_family(operation: str) -> Attempt:
    async def attempt(two: Two) -> None:
        response = await two.server.call(operation, refreshToken=two.tokens["refreshToken"])
        check_refused(response, 401, "REFRESH_TOKEN_INVALID", "refreshToken")
        renewed = answered(await two.victim.server.call(operation, refreshToken=two.tokens["refreshToken"]))
        two.tokens = renewed

    return attempt


def nothing_of_anybody(operation: str, **fields: object) -> Attempt:
    """The answer holds published figures only: the same for both partners."""

    async def attempt(two: Two) -> None:
        mine = await two.server.call(operation, **fields)
        theirs = await two.victim.server.call(operation, **fields)
        assert answered(mine) == answered(theirs)

    return attempt


def own_days(operation: str) -> Attempt:
    """The clock is the sandbox's, and the answer tells of the caller's days."""

    async def attempt(two: Two) -> None:
        data = answered(await two.server.call(operation, seconds=1))
        assert data["closedThrough"] == "2026-03-03"
        assert sorted(data) == ["businessTime", "closedThrough", "daysClosed", "publishedThrough"]

    return attempt


async def one_clock(two: Two) -> None:
    """The clocks are the deployment's."""
    mine, theirs = [answered(await one.call("api_time")) for one in (two.server, two.victim.server)]
    assert sorted(mine) == ["businessTime", "contract", "mode", "serverTime", "version"]
    assert 0 <= theirs["serverTime"] - mine["serverTime"] < 60_000


async def same_document(two: Two) -> None:
    """A day's document is for everybody, and says nothing of whose power it commits to."""
    pool, vault = two.victim.world.pool, two.victim.world.vault
    await closing.close_due(pool)
    await day_documents.sign_due(pool, vault)
    document = answered(await two.server.call("proof_day", day="2026-03-01"))
    assert document == answered(await two.victim.server.call("proof_day", day="2026-03-01"))
    assert two.victim.world.partner.public_id not in document["content"]


async def same_liabilities(two: Two) -> None:
    """What is owed to all is for everybody, and says nothing of partners."""
    await same_document(two)
    await liabilities.take_due(two.victim.world.pool, two.victim.world.vault, every_days=1)
    document = answered(await two.server.call("proof_liabilities"))
    assert document == answered(await two.victim.server.call("proof_liabilities"))
    assert two.victim.world.partner.public_id not in document["content"]


async def same_reserves(two: Two) -> None:
    """Coins are the operator's, and proven for everybody."""
    await same_liabilities(two)
    await signed_reserves.kept(two.victim.world, two.victim.world.vault)
    await nothing_of_anybody("proof_reserves")(two)


async def foreign_balance(two: Two) -> None:
    """A user of that name is the partner's own, and a leaf is shown to whom it is of."""
    await same_liabilities(two)
    await no_such_user("s2s_proof_balance")(two)


async def own_power(two: Two) -> None:
    """What a commitment is made of is told to its partner alone."""
    await same_document(two)
    mine, theirs = [
        answered(await one.call("s2s_proof_power", day="2026-03-01")) for one in (two.server, two.victim.server)
    ]
    assert mine["salt"] != theirs["salt"]


async def same_external_id(two: Two) -> None:
    """An external id is the partner's own: the thief's order of that name is another one, for its own user."""
    order = {"externalId": "open", "nftCollectionId": two.offer_id}
    response = await two.server.call("s2s_payment_create", userId=two.user_id, **order)
    check_refused(response, 404, "USER_NOT_FOUND", "userId")
    own = await two.thief.world.user("thief")
    response = await two.server.call("s2s_payment_create", userId=own.id, **order)
    assert answered(response) == {"value": Decimal("216.99"), "externalId": "open"}


async def foreign_order(two: Two) -> None:
    """The victim's order cannot be paid for by another, neither under its user nor under an own one."""
    fresh = await two.thief.another_partner()
    for user_id in (two.user_id, (await fresh.world.user("thief")).id):
        response = await fresh.server.call("s2s_payment_success", externalId="open", userId=user_id)
        check_refused(response, 404, "ORDER_NOT_FOUND", "externalId")
    assert answered(await two.victim.server.call("s2s_payment", externalId="open"))["state"] == "created"


async def payload_of_other(two: Two) -> None:
    """Anybody gets a payload of the victim's, and it is not the thief's."""
    response = await two.server.call("c2s_generate_payload", partnerId=two.victim.world.partner.public_id)
    payload = answered(response)["payload"]
    # No operation shows payloads.
    owner = "SELECT partner_id FROM ton_payload WHERE payload = $1"
    assert await two.victim.world.pool.fetchval(owner, payload) == two.victim.world.partner.id


async def wallet_of_other(two: Two) -> None:
    """A proof for the victim's site opens nothing at the thief, and one for the thief's nothing at the victim."""
    sites = {"victim.example": two.victim.world.partner, "thief.example": two.thief.world.partner}
    for domain, partner in sites.items():
        await two.victim.world.pool.execute("UPDATE partner SET ton_domains = $2 WHERE id = $1", partner.id, [domain])
    users: set[int] = set()
    for domain, partner in sites.items():
        response = await two.server.call("c2s_generate_payload", partnerId=partner.public_id)
        payload = answered(response)["payload"]
        (other,) = set(sites) - {domain}
        response = await two.server.call("c2s_check_proof", **proof(payload, domain=other))
        check_refused(response, 401, "TON_DOMAIN", "tonWallet.connectItems.tonProof.proof.domain.value")
        users.add(answered(await two.server.call("c2s_check_proof", **proof(payload, domain=domain)))["userId"])
    assert len(users) == 2


async def forged_family(two: Two) -> None:
    """A token of the victim's with the thief's number in it is nobody's."""
    prefix, _, rest = two.tokens["refreshToken"].split("_", 2)
    forged = f"{prefix}_{two.thief.world.partner.id}_{rest}"
    check_refused(await two.server.call("c2s_refresh", refreshToken=forged), 401, "REFRESH_TOKEN_INVALID")
    two.tokens = answered(await two.server.call("c2s_refresh", refreshToken=two.tokens["refreshToken"]))
    assert two.tokens["userId"] == two.user_id


async def victims_miner(two: Two) -> dict[str, Any]:
    """The miner of the victim's user."""
    (found,) = answered(await two.victim.server.call("s2s_miners", partnerUserId="alice"))["array"]
    return dict(found)


async def foreign_miner(two: Two) -> None:
    """The thief cannot have the victim's miner given to its own user, whatever it calls the one who has it."""
    miner = await victims_miner(two)
    fresh = await two.thief.another_partner()
    facts = {"nftId": miner["id"], "partnerUserId": "alice", "toPartnerUserId": "thief"}
    check_refused(await fresh.server.call("s2s_transfer", **facts), 404, "USER_NOT_FOUND", "partnerUserId")
    await fresh.world.user("alice")
    check_refused(await fresh.server.call("s2s_transfer", **facts), 404, "USER_NOT_FOUND", "toPartnerUserId")
    await fresh.world.user("thief")
    check_refused(await fresh.server.call("s2s_transfer", **facts), 404, "MINER_NOT_FOUND", "nftId")
    assert await victims_miner(two) == miner


async def order_of_other(two: Two) -> None:
    """An external id is looked up among the caller's own orders."""
    fresh = await two.thief.another_partner()
    check_refused(await fresh.server.call("s2s_payment", externalId="open"), 404, "ORDER_NOT_FOUND", "externalId")


def order_played_by_other(operation: str) -> Attempt:
    """Nobody plays the customer of another partner, and no clock is moved for it."""

    async def attempt(two: Two) -> None:
        fresh = await two.thief.another_partner()
        before = await business_clock.lead(two.victim.world.pool)
        check_refused(await fresh.server.call(operation, externalId="open"), 404, "ORDER_NOT_FOUND", "externalId")
        assert await business_clock.lead(two.victim.world.pool) == before
        if operation != "sandbox_chargeback":
            facts = {"externalId": "mine", "userId": two.user_id, "nftCollectionId": two.offer_id}
            check_refused(await fresh.server.call(operation, **facts), 404, "USER_NOT_FOUND", "userId")

    return attempt


async def own_payment(two: Two) -> None:
    """Who pays brings down what they owe themselves."""
    before = answered(await two.victim.server.call("s2s_statement", **RANGE))["owedUsd"]
    fresh = await two.thief.another_partner()
    paid = answered(await fresh.server.call("sandbox_partner_payment", amount=5, reference="SEPA 1"))
    assert paid["owed"] == -5
    assert answered(await two.victim.server.call("s2s_statement", **RANGE))["owedUsd"] == before


def same_days(operation: str, **fields: object) -> Attempt:
    """The clock and the days to come are the sandbox's: the same for both partners, but for the time of asking."""

    async def attempt(two: Two) -> None:
        mine, theirs = [answered(await one.call(operation, **fields)) for one in (two.server, two.victim.server)]
        for answer in (mine, theirs):
            assert answer.pop("wallTime") < answer.pop("businessTime") or answer["offsetSeconds"] <= 0
        assert mine == theirs

    return attempt


async def foreign_upgrade(two: Two) -> None:
    """The victim's miner is neither upgraded nor priced by another, and neither partner owes anything for it."""
    miner = await victims_miner(two)
    data = {"type": "nftPowerUpgrade", "nftId": miner["id"], "fromPower": miner["power"], "toPower": 17}
    check_refused(await two.server.call("s2s_upgrade", data=data), 404, "MINER_NOT_FOUND", "data.nftId")
    assert await victims_miner(two) == miner
    for caller in (two.victim.server, two.server):
        assert answered(await caller.call("s2s_post_payments")) == {"array": []}


async def foreign_price(two: Two) -> None:
    miner = await victims_miner(two)
    asked = {"type": "nftPowerUpgrade", "nftId": miner["id"], "from": miner["power"], "to": 17}
    check_refused(await two.server.call("s2s_upgrade_price", **asked), 404, "MINER_NOT_FOUND", "nftId")


async def own_post_payments(two: Two) -> None:
    """Also from where a page of another's ended, the thief sees what it owes: nothing."""
    other = await two.victim.another_partner()
    miner_id = await buy(other.world, (await other.world.user()).id)
    for th in (16, 17):
        data = {"type": "nftPowerUpgrade", "nftId": miner_id, "fromPower": th, "toPower": th + 1}
        answered(await other.server.call("s2s_upgrade", data=data))
    theirs = answered(await other.server.call("s2s_post_payments", limit=1))
    assert len(theirs["array"]) == 1
    assert answered(await two.server.call("s2s_post_payments")) == {"array": []}
    assert answered(await two.server.call("s2s_post_payments", cursor=theirs["nextCursor"])) == {"array": []}


async def own_statement(two: Two) -> None:
    """A partner's debt is its own: the victim's lines are not in the thief's."""
    victims = answered(await two.victim.server.call("s2s_statement", **RANGE))
    assert victims["owedUsd"] > 0
    fresh = await two.thief.another_partner(credit_limit_usd="7")
    found = answered(await fresh.server.call("s2s_statement", **RANGE))
    zero = dict.fromkeys(("openingUsd", "closingUsd", "owedUsd", "reservedUsd"), 0)
    assert found == {"array": [], **zero, "creditLimitUsd": 7}


async def own_sheet(two: Two) -> None:
    fresh = await two.thief.another_partner()
    sheets = [(await one.server.call("s2s_statement_csv", **RANGE)).text for one in (two.victim, fresh)]
    theirs, own = (sheet.splitlines() for sheet in sheets)
    assert len(theirs) > 1
    assert own == theirs[:1]


async def victims_withdrawal(two: Two) -> dict[str, Any]:
    """A withdrawal of the victim's user, asked for at the first call."""
    found = answered(await two.victim.server.call("s2s_withdrawals", partnerUserId="alice"))["array"]
    if not found:
        facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": Decimal("0.01")}
        answered(await two.victim.server.call("s2s_withdraw", **facts))
        found = answered(await two.victim.server.call("s2s_withdrawals", partnerUserId="alice"))["array"]
    return dict(found[0])


def foreign_withdrawal(operation: str) -> Attempt:
    """A number of the victim's names nothing of the thief's, and the withdrawal stays as it is."""

    async def attempt(two: Two) -> None:
        known = await victims_withdrawal(two)
        check_refused(await two.server.call(operation, id=known["id"]), 404, "WITHDRAWAL_NOT_FOUND", "id")
        assert await victims_withdrawal(two) == known

    return attempt


async def own_withdrawals(two: Two) -> None:
    """Neither all, nor the user's, nor from where a page of the victim's would go on."""
    known = await victims_withdrawal(two)
    assert answered(await two.server.call("s2s_withdrawals")) == {"array": []}
    cursor = cursors.encode(known["id"] + 1)
    assert answered(await two.victim.server.call("s2s_withdrawals", cursor=cursor))["array"][0] == known
    assert answered(await two.server.call("s2s_withdrawals", cursor=cursor)) == {"array": []}
    await no_such_user("s2s_withdrawals")(two)


async def own_deposits(two: Two) -> None:
    """What somebody sent to the victim's user is the victim's."""
    address = answered(await two.victim.server.call("s2s_deposit_address", partnerUserId="alice"))["address"]
    deposit = {"address": address, "amount": Decimal("0.1")}
    answered(await two.victim.server.call("sandbox_chain", deposit=deposit, blocks=1))
    pool, settings = two.victim.world.pool, settings_of("postgresql://nowhere")
    chain = open_for(pool, settings, "simulated", signs=False)
    assert chain is not None
    await watch.everything(deployed(pool, settings, chain))
    (known,) = answered(await two.victim.server.call("s2s_deposits"))["array"]
    assert answered(await two.server.call("s2s_deposits")) == {"array": []}
    assert answered(await two.server.call("s2s_deposits", cursor=cursors.encode(known["id"] + 1))) == {"array": []}
    await no_such_user("s2s_deposits")(two)


async def own_events(two: Two) -> None:
    """Neither all, nor the user's, and no position of the victim's is one of somebody else's feed."""
    known = answered(await two.victim.server.call("s2s_events"))
    assert known["events"]
    ids = {one["id"] for one in known["events"]}
    theirs = answered(await two.server.call("s2s_events"))
    assert not ids & {one["id"] for one in theirs["events"]}
    for one in known["events"]:
        asked = {"objectKind": one["object"]["kind"], "objectId": one["object"]["id"]}
        found = answered(await two.server.call("s2s_events", **asked))
        assert not ids & {each["id"] for each in found["events"]}


async def own_orders(two: Two) -> None:
    """Neither all, nor those that changed, nor from where a page of the victim's would go on."""
    theirs = answered(await two.victim.server.call("s2s_payments", limit=1, changedSince=0))
    assert theirs["position"] > 0
    fresh = await two.thief.another_partner()
    for fields in ({}, {"changedSince": 0}, {"cursor": theirs.get("nextCursor", cursors.encode(2**50))}):
        assert answered(await fresh.server.call("s2s_payments", **fields))["array"] == []
    await no_such_user("s2s_payments")(two)


def own_list(operation: str) -> Callable[[Two], Awaitable[None]]:
    """Neither all, nor those that changed, nor from where a page of the victim's would go on."""

    async def attempt(two: Two) -> None:
        theirs = answered(await two.victim.server.call(operation, limit=1, changedSince=0))
        assert theirs["array"]
        cursor = theirs.get("nextCursor", cursors.encode(2**50))
        fresh = await two.thief.another_partner()
        for fields in ({}, {"changedSince": 0}, {"cursor": cursor}):
            assert answered(await fresh.server.call(operation, **fields))["array"] == []

    return attempt


async def own_key(two: Two) -> None:
    """Each is told of its own key and name."""
    mine, theirs = [answered(await one.server.call("s2s_key")) for one in (two, two.victim)]
    assert (mine["key"], theirs["key"]) == (two.server.key, two.victim.server.key)
    assert mine["partnerName"] != theirs["partnerName"]
    assert mine["partnerId"] != theirs["partnerId"]


async def own_sample(two: Two) -> None:
    """An event that tries a receiver is told to whoever asked, though its object has the name of another's."""
    made = answered(await two.server.call("sandbox_trigger", type="order.issued", objectId="open"))
    theirs = answered(await two.victim.server.call("s2s_events", limit=999))["events"]
    assert theirs
    assert made["eventId"] not in {each["id"] for each in theirs}


async def own_totals(two: Two) -> None:
    """A new partner's days are empty, whatever the victim did on them."""
    fresh = await two.thief.another_partner()
    theirs, own = [answered(await one.server.call("s2s_totals", **RANGE))["array"] for one in (two.victim, fresh)]
    assert sum(day["orders"] for day in theirs) > 0
    assert {tuple(day.values())[1:] for day in own} == {(0,) * 18}


async def own_exports(two: Two) -> None:
    """Neither the victim's list, nor one of its exports, nor its file; and the thief's has nothing of the victim's."""
    theirs, content = await exported(two.victim, "orders", "csv")
    assert content.count(b"\n") > 1
    assert answered(await two.victim.server.call("s2s_exports"))["array"][0] == theirs
    assert answered(await two.server.call("s2s_exports")) == {"array": []}
    assert answered(await two.server.call("s2s_exports", cursor=cursors.encode(theirs["id"] + 1))) == {"array": []}
    for operation in ("s2s_export", "s2s_export_content"):
        check_refused(await two.server.call(operation, id=theirs["id"]), 404, "EXPORT_NOT_FOUND", "id")
    fresh = await two.thief.another_partner()
    _, own = await exported(fresh, "orders", "csv")
    assert own.splitlines() == content.splitlines()[:1]


async def forged_logout(two: Two) -> None:
    """Nor does it end the victim's session."""
    prefix, _, rest = two.tokens["refreshToken"].split("_", 2)
    forged = f"{prefix}_{two.thief.world.partner.id}_{rest}"
    check_refused(await two.server.call("c2s_logout", refreshToken=forged), 401, "REFRESH_TOKEN_INVALID")
    two.tokens = answered(await two.server.call("c2s_refresh", refreshToken=two.tokens["refreshToken"]))


async def foreign_session(two: Two) -> None:
    """The thief has an alice too, but the session is the victim's."""
    check_refused(await two.server.call("s2s_session_end", partnerUserId="alice"), 404, "USER_NOT_FOUND")
    answered(await two.server.call("s2s_login", partnerUserId="carol"))
    found = answered(await two.victim.server.call("s2s_sessions", partnerUserId="alice"))["array"]
    for one in found:
        response = await two.server.call("s2s_session_end", partnerUserId="carol", id=one["id"])
        check_refused(response, 404, "SESSION_NOT_FOUND", "id")
    assert found == answered(await two.victim.server.call("s2s_sessions", partnerUserId="alice"))["array"]


async def own_webhooks(two: Two) -> None:
    """A list of one's own; and one more of them is one's own."""
    answered(await two.victim.server.call("s2s_webhook_create", url="https://example.com/victim"))
    made = answered(await two.server.call("s2s_webhook_create", url="https://example.com/thief"))
    found = answered(await two.server.call("s2s_webhooks"))["array"]
    assert made["id"] in [one["id"] for one in found]
    assert "https://example.com/victim" not in [one["url"] for one in found]


def foreign_webhook(operation: str, **said: Any) -> Attempt:
    """The victim's endpoint is none of the thief's, and stays as it is."""

    async def attempt(two: Two) -> None:
        known = answered(await two.victim.server.call("s2s_webhook_create", url="https://example.com/victim"))["id"]
        before = answered(await two.victim.server.call("s2s_webhooks"))
        check_refused(await two.server.call(operation, id=known, **said), 404, "WEBHOOK_NOT_FOUND", "id")
        assert answered(await two.victim.server.call("s2s_webhooks")) == before

    return attempt


APP_FIGURES = [name for name, each in CONTRACT.items() if name.startswith("app_") and each[3] == "none"]
APP_OF_USERS = [name for name, each in CONTRACT.items() if name.startswith("app_") and each[3] == "bearer"]


async def foreign_read_token(two: Two) -> None:
    """A read token of the victim's user is not the thief's to revoke, though a user of theirs has the same name."""
    alice = await two.victim.user("alice")
    made = answered(await alice.call("c2s_read_token_create", name="mine", days=1))
    response = await two.server.call("s2s_read_token_revoke", partnerUserId="carol", id=made["id"])
    check_refused(response, 404, exact(response)["error"])
    assert [one["id"] for one in answered(await alice.call("c2s_read_tokens"))["array"]] == [made["id"]]


ATTEMPTS: dict[str, Attempt] = {
    "c2s_read_token_create": token_beside_own_key("c2s_read_token_create"),
    "c2s_read_tokens": token_beside_own_key("c2s_read_tokens"),
    "c2s_read_token_revoke": token_beside_own_key("c2s_read_token_revoke"),
    "s2s_read_tokens": no_such_user("s2s_read_tokens"),
    "s2s_read_token_revoke": foreign_read_token,
    "c2s_logout": forged_logout,
    "s2s_sessions": no_such_user("s2s_sessions"),
    "s2s_session_end": foreign_session,
    "c2s_generate_payload": payload_of_other,
    "c2s_check_proof": wallet_of_other,
    "c2s_refresh": forged_family,
    "s2s_login": own_user("s2s_login"),
    "s2s_refresh": other_family("s2s_refresh"),
    "c2s_miners": token_beside_own_key("c2s_miners"),
    "s2s_miners": no_such_user("s2s_miners"),
    "c2s_collections": token_beside_own_key("c2s_collections"),
    "s2s_collections": nothing_of_anybody("s2s_collections"),
    "s2s_payment_create": same_external_id,
    "s2s_payment_success": foreign_order,
    "c2s_income_per_th": token_beside_own_key("c2s_income_per_th"),
    "s2s_income_per_th": nothing_of_anybody("s2s_income_per_th"),
    "c2s_income_total": token_beside_own_key("c2s_income_total"),
    "c2s_income": token_beside_own_key("c2s_income"),
    "s2s_income": no_such_user("s2s_income"),
    "s2s_income_by_day": no_such_user("s2s_income_by_day", **RANGE),
    "c2s_balances": token_beside_own_key("c2s_balances"),
    "s2s_balances": no_such_user("s2s_balances"),
    "c2s_wallet_bind": token_beside_own_key("c2s_wallet_bind"),
    "c2s_wallet_unbind": token_beside_own_key("c2s_wallet_unbind"),
    "s2s_wallet_unbind": no_such_user("s2s_wallet_unbind", address=ADDRESSES[0]),
    "c2s_wallets": token_beside_own_key("c2s_wallets"),
    "s2s_wallet_bind": no_such_user("s2s_wallet_bind", address=ADDRESSES[0]),
    "s2s_wallets": no_such_user("s2s_wallets"),
    "s2s_withdraw": no_such_user("s2s_withdraw", walletAddress=ADDRESSES[0], amount=1),
    "s2s_withdraw_fast": no_such_user("s2s_withdraw_fast", walletAddress=ADDRESSES[0], amount=1),
    "s2s_withdraw_commission": no_such_user("s2s_withdraw_commission"),
    "s2s_withdrawal": foreign_withdrawal("s2s_withdrawal"),
    "s2s_withdrawals": own_withdrawals,
    "s2s_withdrawal_cancel": foreign_withdrawal("s2s_withdrawal_cancel"),
    "exchange_rates": token_beside_own_key("exchange_rates"),
    "market_last_income": nothing_of_anybody("market_last_income"),
    "market_collections": nothing_of_anybody("market_collections"),
    "market_upgrade_rates": nothing_of_anybody("market_upgrade_rates"),
    **{name: nothing_of_anybody(name, **good(name)) for name in APP_FIGURES},
    **{name: token_beside_own_key(name) for name in APP_OF_USERS},
    "s2s_user_statistics": no_such_user("s2s_user_statistics"),
    "s2s_transfer": foreign_miner,
    "s2s_payment": order_of_other,
    "s2s_upgrade": foreign_upgrade,
    "s2s_upgrade_price": foreign_price,
    "s2s_post_payments": own_post_payments,
    "s2s_statement": own_statement,
    "s2s_statement_csv": own_sheet,
    "api_time": one_clock,
    "api_errors": nothing_of_anybody("api_errors"),
    "proof_keys": nothing_of_anybody("proof_keys"),
    "proof_days": nothing_of_anybody("proof_days"),
    "proof_day": same_document,
    "s2s_proof_power": own_power,
    "proof_liabilities": same_liabilities,
    "proof_liabilities_days": nothing_of_anybody("proof_liabilities_days"),
    "proof_reserves": same_reserves,
    "s2s_proof_balance": foreign_balance,
    "c2s_proof_balance": token_beside_own_key("c2s_proof_balance"),
    "c2s_deposit_address": token_beside_own_key("c2s_deposit_address"),
    "s2s_deposit_address": no_such_user("s2s_deposit_address"),
    "s2s_deposits": own_deposits,
    "s2s_events": own_events,
    "s2s_payments": own_orders,
    "s2s_users": own_list("s2s_users"),
    "s2s_every_balance": own_list("s2s_every_balance"),
    "s2s_totals": own_totals,
    "s2s_export_create": own_exports,
    "s2s_exports": own_exports,
    "s2s_export": own_exports,
    "s2s_export_content": own_exports,
    "s2s_webhook_create": own_webhooks,
    "s2s_webhooks": own_webhooks,
    **{name: foreign_webhook(name) for name in (f"s2s_webhook_{verb}" for verb in ("delete", "rotate", "test"))},
    "s2s_webhook_update": foreign_webhook("s2s_webhook_update", enabled=False),
    "s2s_webhook_deliveries": foreign_webhook("s2s_webhook_deliveries"),
    "s2s_webhook_replay": foreign_webhook("s2s_webhook_replay", fromPosition=1),
    "sandbox_advance": own_days("sandbox_advance"),
    "sandbox_chain": nothing_of_anybody("sandbox_chain"),
    "sandbox_trigger": own_sample,
    "s2s_key": own_key,
    "sandbox_clock": same_days("sandbox_clock"),
    "sandbox_scenario": same_days("sandbox_scenario", scenario="steady"),
    **{name: order_played_by_other(name) for name in ("sandbox_pay", "sandbox_late_notice", "sandbox_chargeback")},
    "sandbox_partner_payment": own_payment,
}

TABLE = routes.routes(settings_of("postgresql://nowhere"))
# The first path of an operation is its own, further ones come after it.
OPERATIONS = {route.name: (path, route) for path, route in reversed(TABLE)}


def test_every_operation_has_an_attempt() -> None:
    assert set(ATTEMPTS) == set(OPERATIONS)
    assert all(inspect.iscoroutinefunction(attempt) for attempt in ATTEMPTS.values())


def test_the_route_table_is_the_contract_s() -> None:
    words = {
        Auth.SIGNED: "signed",
        Auth.SERVER_KEY: "key",
        Auth.BEARER: "bearer",
        Auth.KEY_OR_BEARER: "key or bearer",
        Auth.ANY_KEY_OR_BEARER: "key or bearer",
        Auth.NONE: "none",
    }
    table = {name: (route.number, route.method, path, words[route.auth]) for name, (path, route) in OPERATIONS.items()}
    assert table == CONTRACT
    production = {route.name for _, route in routes.routes(settings_of("x", mode="production"))}
    assert production == {name for name in OPERATIONS if not name.startswith("sandbox")}
    assert {name for name, (_, route) in OPERATIONS.items() if route.scope == "order"} == {
        "s2s_payment_create",
        "s2s_payment_success",
        "s2s_upgrade",
        "sandbox_advance",
        "sandbox_chain",
        "sandbox_scenario",
        "sandbox_pay",
        "sandbox_late_notice",
        "sandbox_chargeback",
        "sandbox_partner_payment",
    }


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_another_partner_gets_nothing(two: Two, operation: str) -> None:
    await ATTEMPTS[operation](two)
    alice = await two.victim.server.call("s2s_user_statistics", partnerUserId="alice")
    stats = answered(alice)
    assert (stats["user"]["id"], stats["stats"]["nftsCount"], stats["user"]["email"]) == (two.user_id, 1, None)
    await check_books(two.victim.world)


async def test_a_token_shows_its_own_user_only(two: Two) -> None:
    """Two users of one partner do not see each other either."""
    await two.victim.world.user("bob")
    bob = await two.victim.user("bob")
    assert answered(await bob.call("c2s_miners")) == {"array": []}
    assert answered(await bob.call("c2s_income")) == {"array": []}
    alice = await two.victim.user("alice")
    assert len(answered(await alice.call("c2s_miners"))["array"]) == 1
    assert len(answered(await alice.call("c2s_income"))["array"]) == 1


async def test_the_same_names_at_two_partners(two: Two) -> None:
    """Nobody's users, orders and miners get mixed up by equal names."""
    fresh = await two.thief.another_partner()
    own = await fresh.world.user("alice")
    response = await fresh.server.call(
        "s2s_payment_create", userId=own.id, nftCollectionId=two.offer_id, externalId="open"
    )
    assert answered(response)["externalId"] == "open"
    assert answered(await fresh.server.call("s2s_payment_success", userId=own.id, externalId="open")) is True
    (mine,) = answered(await fresh.server.call("s2s_miners", partnerUserId="alice"))["array"]
    (theirs,) = answered(await two.victim.server.call("s2s_miners", partnerUserId="alice"))["array"]
    assert mine["id"] != theirs["id"]
    await check_books(fresh.world)
