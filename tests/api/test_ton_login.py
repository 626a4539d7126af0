"""Login with a TON wallet over HTTP (#1 to #3): the vectors, payloads that are used once, sessions of TON users."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hashrail import clock, db
from hashrail.access import ton_payloads
from hashrail.access.ton_endpoint import TonGateway
from hashrail.access.ton_wallet import NoAnswer, TonProofRefusal
from hashrail.api.operations import logins
from hashrail.api.serving import bodies
from hashrail.api.serving.state import Serving
from hashrail.api.serving.turns import PartnerBusyError
from hashrail.books.fence import PartnerClosedError, PartnerSuspendedError
from hashrail.errors import catalogue
from hashrail.parties.newcomers import TooManyNewUsersError
from hashrail.processes import housekeeping
from hashrail.settings import Settings
from tests.support import patience
from tests.support.api_client import (
    CONTRACT,
    Api,
    Caller,
    answered,
    check_refused,
    exact,
    gather_all,
    open_api,
)
from tests.support.api_client import check_books as check_every_book
from tests.support.books import buy
from tests.support.clocks import wall_reads
from tests.support.standings import closed, reopened, suspended
from tests.support.ton import (
    CASES,
    CODES_OF_REASON,
    KEY,
    OTHER_KEY,
    body_of,
    changed,
    policy_of,
    proof,
    signed_body,
    v4_wallet,
)
from tests.support.ton_node import ACTIVE, RUN, Node, open_node, reply

DOMAIN = "partner.example"
ADDRESS = f"0:{v4_wallet().hash.hex()}"
CHECK_PROOF = CONTRACT["c2s_check_proof"][2]
PROOF = "tonWallet.connectItems.tonProof.proof"
# No body of that size is read at all.
TOO_LARGE_TO_BE_READ = {"stateinit_oversized": {"BODY_TOO_LARGE"}}
# The wallet that can replace its key, which only the chain knows.
ROTATING = "wallet_tg_rotated_current_key"


@pytest.fixture
async def api(api: Api) -> Api:
    """A partner with one domain; its wallet users send no key."""
    await list_domains(api, DOMAIN)
    return api


@pytest.fixture
def anyone(deployment: Api) -> Caller:
    """A wallet's mini-app: no key, no token."""
    return Caller(deployment.http)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A TON endpoint."""
    async with open_node() as found:
        yield found


async def list_domains(api: Api, *domains: str) -> None:
    await api.world.pool.execute("UPDATE partner SET ton_domains = $2 WHERE id = $1", api.world.partner.id, domains)


async def payload_of(api: Api) -> str:
    data = answered(await Caller(api.http).call("c2s_generate_payload", partnerId=api.world.partner.public_id))
    assert list(data) == ["payload"]
    payload: str = data["payload"]
    return payload


async def log_in(api: Api, **facts: Any) -> dict[str, Any]:
    """A login with a new payload."""
    body = proof(await payload_of(api), **{"domain": DOMAIN, **facts})
    data: dict[str, Any] = answered(await Caller(api.http).call("c2s_check_proof", **body))
    return data


async def is_used(api: Api, payload: str) -> bool:
    used: bool = await api.world.pool.fetchval(
        "SELECT used_at IS NOT NULL FROM ton_payload WHERE payload = $1", payload
    )
    return used


def let_clock_read(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let the wall clock stand."""
    wall_reads(monkeypatch, lambda: clock.from_seconds(seconds))
    monkeypatch.setattr(clock, "wall_millis", lambda: seconds * 1000)


def with_settings(monkeypatch: pytest.MonkeyPatch, serving: Serving, **changes: Any) -> None:
    """The same process with other settings, read as from its environment."""
    deployment = serving.deployment
    changed_settings = Settings(**{**deployment.settings.model_dump(exclude={"database_url"}), **changes})
    monkeypatch.setattr(serving, "deployment", replace(deployment, settings=changed_settings))


# The vectors


@pytest.fixture(scope="module")
async def two_partners(deployment: Api) -> dict[str, Api]:
    """The partners that the vectors know."""
    return {name: await deployment.another_partner() for name in ("partner-a", "partner-b")}


async def issue_as_in(policy: dict[str, Any], partners: dict[str, Api]) -> None:
    """The payloads and lists of domains of a policy, and no others."""
    pool = partners["partner-a"].world.pool
    await pool.execute("DELETE FROM ton_payload")
    for name, api in partners.items():
        await list_domains(api, *policy["domains_by_partner"].get(name, ()))
    for payload, facts in policy["payloads"].items():
        expires_at = clock.from_seconds(facts["expires_at"])
        await pool.execute(
            "INSERT INTO ton_payload VALUES ($1, $2, $3, $4, $5)",
            payload,
            partners[facts["partner"]].world.partner.id,
            expires_at - timedelta(seconds=policy["max_age_seconds"]),
            expires_at,
            clock.from_seconds(policy["now"]) if facts["state"] == "consumed" else None,
        )


def chain_as_in(lookup: dict[str, Any], node: Node) -> None:
    """Let the endpoint answer what a vector's chain says."""
    states = {"active": reply(ACTIVE), "uninit": reply({"state": "uninitialized"}), "error": (500, b"")}
    node.answers["getAddressInformation"] = states[lookup["state"]]
    if "public_key" in lookup:
        node.answers["runGetMethod"] = reply({**RUN, "stack": [["num", f"0x{lookup['public_key']}"]]})


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_vector(
    two_partners: dict[str, Api], case: dict[str, Any], node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy of a vector in rows, settings, clock and chain; then its request as anybody would send it."""
    policy, api = policy_of(case), two_partners["partner-a"]
    await issue_as_in(policy, two_partners)
    let_clock_read(monkeypatch, policy["now"])
    with_settings(
        monkeypatch,
        api.serving,
        ton_chain=policy["chain"],
        ton_workchains=policy["workchains"],
        ton_max_age_seconds=policy["max_age_seconds"],
        ton_max_ahead_seconds=policy["max_future_skew_seconds"],
    )
    if "chain_lookup" in policy:
        chain_as_in(policy["chain_lookup"], node)
        monkeypatch.setattr(api.serving, "ton", TonGateway(node.url))
    before = await api.world.pool.fetch("SELECT * FROM ton_payload ORDER BY payload")
    response = await Caller(api.http).call("c2s_check_proof", **case["request"])
    if case["expect"]["verdict"] == "accept":
        assert answered(response)["partnerUserId"] == case["expect_account"]["address"]
        assert await is_used(api, case["request"]["tonWallet"]["connectItems"]["tonProof"]["proof"]["payload"])
    else:
        refused = exact(response)
        assert refused["error"] in CODES_OF_REASON[case["expect"]["reason"]] | TOO_LARGE_TO_BE_READ.get(
            case["id"], set()
        )
        check_refused(response, response.status_code, refused["error"])
        assert 400 <= response.status_code < 500 or refused["error"] == "TON_CHAIN_UNAVAILABLE"
        assert await api.world.pool.fetch("SELECT * FROM ton_payload ORDER BY payload") == before
    if api.serving.ton is not None:
        await api.serving.ton.close()


# Payloads


async def test_a_payload_is_random_and_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    let_clock_read(monkeypatch, 1_767_225_600)
    payloads = [await payload_of(api) for _ in range(3)]
    assert len(set(payloads)) == 3
    assert all(len(bytes.fromhex(payload)) == 32 and len(payload) == 64 for payload in payloads)
    rows = await api.world.pool.fetch("SELECT * FROM ton_payload WHERE payload = ANY ($1)", payloads)
    assert {tuple(row.values())[1:] for row in rows} == {
        (api.world.partner.id, clock.from_seconds(1_767_225_600), clock.from_seconds(1_767_226_500), None)
    }
    with_settings(monkeypatch, api.serving, ton_payload_seconds=60)
    ends = "SELECT expires_at FROM ton_payload WHERE payload = $1"
    assert await api.world.pool.fetchval(ends, await payload_of(api)) == clock.from_seconds(1_767_225_660)


async def test_a_payload_is_for_a_partner_that_exists(api: Api, anyone: Caller) -> None:
    for wrong in ("partner-x", str(api.world.partner.id), api.world.partner.name, api.world.partner.public_id.upper()):
        response = await anyone.call("c2s_generate_payload", partnerId=wrong)
        check_refused(response, 404, "PARTNER_UNKNOWN", "partnerId")
    for wrong_type in (7, None, ["x"]):
        check_refused(await anyone.call("c2s_generate_payload", partnerId=wrong_type), 400, "FIELD_TYPE", "partnerId")
    check_refused(await anyone.call("c2s_generate_payload", partnerId="a\x00"), 400, "FIELD_TEXT", "partnerId")


async def test_a_payload_opens_one_session(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    assert answered(await anyone.call("c2s_check_proof", **body))["partnerUserId"] == ADDRESS
    again = await anyone.call("c2s_check_proof", **body)
    check_refused(again, 401, "TON_PAYLOAD_USED", f"{PROOF}.payload")
    assert await api.world.pool.fetchval(SESSIONS, api.world.partner.id) == 1


SESSIONS = "SELECT count(*) FROM refresh_family WHERE partner_id = $1"


async def test_of_a_suspended_partner_known_wallets_log_in(api: Api, anyone: Caller) -> None:
    """Nobody new is registered; refused, the payload is not used up, and opens a session once the partner is open."""
    known = (await log_in(api))["userId"]
    await suspended(api.world)
    assert (await log_in(api))["userId"] == known
    newcomer = proof(payload := await payload_of(api), domain=DOMAIN, key=OTHER_KEY)
    check_refused(await anyone.call("c2s_check_proof", **newcomer), 403, "PARTNER_SUSPENDED")
    assert not await is_used(api, payload)
    await reopened(api.world)
    assert answered(await anyone.call("c2s_check_proof", **newcomer))["userId"] != known


async def test_of_a_closed_partner_nobody_logs_in(api: Api, anyone: Caller) -> None:
    """Neither who is known nor who is new, also with a payload from before; and their sessions have ended."""
    tokens = await log_in(api)
    before = proof(await payload_of(api), domain=DOMAIN)
    await closed(api.world)
    check_refused(await anyone.call("c2s_check_proof", **before), 403, "PARTNER_CLOSED")
    for key in (KEY, OTHER_KEY):
        later = proof(payload := await payload_of(api), domain=DOMAIN, key=key)
        check_refused(await anyone.call("c2s_check_proof", **later), 403, "PARTNER_CLOSED")
        assert not await is_used(api, payload)
    holder = Caller(api.http, token=tokens["jwtToken"])
    check_refused(await holder.call("c2s_balances"), 401, "SESSION_ENDED")
    again = await anyone.call("c2s_refresh", refreshToken=tokens["refreshToken"])
    assert again.status_code in (401, 403)


async def test_of_fifty_at_once_one_gets_in(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    responses = await gather_all(*[anyone.call("c2s_check_proof", **body) for _ in range(50)])
    (winner,) = [response for response in responses if response.status_code == 200]
    assert answered(winner)["partnerUserId"] == ADDRESS
    for response in responses:
        if response is not winner:
            check_refused(response, 401, "TON_PAYLOAD_USED", f"{PROOF}.payload")
    assert await api.world.pool.fetchval(SESSIONS, api.world.partner.id) == 1
    assert (
        await api.world.pool.fetchval("SELECT count(*) FROM app_user WHERE partner_id = $1", api.world.partner.id) == 1
    )
    await check_every_book(api.world)


async def test_a_payload_expires(api: Api, anyone: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    let_clock_read(monkeypatch, 1_767_225_600)
    payload = await payload_of(api)
    let_clock_read(monkeypatch, 1_767_226_500)
    body = proof(payload, domain=DOMAIN)
    details = check_refused(await anyone.call("c2s_check_proof", **body), 401, "TON_PAYLOAD_EXPIRED")
    assert details["expiredAt"] == "2026-01-01T00:15:00.000Z"
    let_clock_read(monkeypatch, 1_767_226_499)
    assert answered(await anyone.call("c2s_check_proof", **proof(payload, domain=DOMAIN)))["partnerUserId"] == ADDRESS


async def test_what_may_be_used_up(api: Api) -> None:
    """Not what is used, not what has expired between the look-up and now, not what is gone."""
    payload, now = await payload_of(api), clock.wall_now()
    ends = await api.world.pool.fetchval("SELECT expires_at FROM ton_payload WHERE payload = $1", payload)

    async def consume(text: str, at: Any) -> str:
        try:
            async with db.transaction(api.world.pool) as tx:
                await ton_payloads.consume(tx, text, now=at)
        except TonProofRefusal as refusal:
            return refusal.code
        return "used up"

    assert await consume(payload, ends) == "TON_PAYLOAD_EXPIRED"
    assert await consume("gone", now) == "TON_PAYLOAD_UNKNOWN"
    assert await consume(payload, ends - timedelta(microseconds=1)) == "used up"
    assert await consume(payload, now) == "TON_PAYLOAD_USED"
    assert await consume(payload, ends) == "TON_PAYLOAD_USED"


async def test_a_payload_that_expires_while_the_proof_is_judged(
    api: Api, anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of the login: no user, no session."""
    body = proof(await payload_of(api), domain=DOMAIN)
    readings = [clock.wall_now(), clock.wall_now() + timedelta(seconds=901)]
    wall_reads(monkeypatch, lambda: readings.pop(0) if len(readings) > 1 else readings[0])
    check_refused(await anyone.call("c2s_check_proof", **body), 401, "TON_PAYLOAD_EXPIRED", f"{PROOF}.payload")
    monkeypatch.undo()
    assert (
        await api.world.pool.fetchval("SELECT count(*) FROM app_user WHERE partner_id = $1", api.world.partner.id) == 0
    )
    assert await api.world.pool.fetchval(SESSIONS, api.world.partner.id) == 0


async def test_expired_payloads_are_forgotten_after_a_while(
    api: Api, anyone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an hour whoever comes too late is told so."""
    let_clock_read(monkeypatch, 1_767_225_600)
    payload = await payload_of(api)
    exists = "SELECT count(*) FROM ton_payload WHERE payload = $1"
    let_clock_read(monkeypatch, 1_767_226_500 + 3599)
    await housekeeping.housekeeping(api.world.pool)
    assert await api.world.pool.fetchval(exists, payload) == 1
    let_clock_read(monkeypatch, 1_767_226_500 + 3600)
    assert (await housekeeping.housekeeping(api.world.pool))["payloads"] >= 1
    assert await api.world.pool.fetchval(exists, payload) == 0
    response = await anyone.call("c2s_check_proof", **proof(payload, domain=DOMAIN))
    check_refused(response, 401, "TON_PAYLOAD_UNKNOWN", f"{PROOF}.payload")


# Domains and partners


async def test_a_domain_is_its_partner_s(api: Api, deployment: Api, anyone: Caller) -> None:
    """What the wallet signed for one partner's site does not let in at another; the list is read at each login."""
    other = await deployment.another_partner()
    await list_domains(other, "other.example")
    payload = await payload_of(other)
    response = await anyone.call("c2s_check_proof", **proof(payload, domain=DOMAIN))
    details = check_refused(response, 401, "TON_DOMAIN", f"{PROOF}.domain.value")
    assert details["sent"] == DOMAIN
    assert not await is_used(other, payload)
    await list_domains(other, "other.example", DOMAIN)
    there = answered(await anyone.call("c2s_check_proof", **proof(payload, domain=DOMAIN)))
    here = await log_in(api)
    assert there["partnerUserId"] == here["partnerUserId"] == ADDRESS
    assert there["userId"] != here["userId"]
    assert await api.world.pool.fetchval("SELECT partner_id FROM app_user WHERE id = $1", there["userId"]) == (
        other.world.partner.id
    )


async def test_a_partner_without_domains_lets_nobody_in(deployment: Api, anyone: Caller) -> None:
    other = await deployment.another_partner()
    response = await anyone.call("c2s_check_proof", **proof(await payload_of(other), domain=DOMAIN))
    check_refused(response, 401, "TON_DOMAIN")


# Users and their tokens


async def test_the_first_login_registers_and_the_next_finds(api: Api) -> None:
    first, second, other = await log_in(api), await log_in(api), await log_in(api, key=OTHER_KEY)
    assert list(first) == ["jwtToken", "refreshToken", "userId", "partnerUserId"]
    assert (first["userId"], first["partnerUserId"]) == (second["userId"], ADDRESS)
    assert first["refreshToken"] != second["refreshToken"]
    assert other["userId"] != first["userId"]
    assert other["partnerUserId"] == f"0:{v4_wallet(OTHER_KEY).hash.hex()}"
    by_server = answered(await api.server.call("s2s_user_statistics", partnerUserId=ADDRESS))["user"]
    assert (by_server["id"], by_server["email"]) == (first["userId"], None)
    await check_every_book(api.world)


async def test_an_address_is_kept_in_lower_case(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    shouting = changed(body, "tonWallet.account.address", ADDRESS.upper())
    assert answered(await anyone.call("c2s_check_proof", **shouting))["partnerUserId"] == ADDRESS


async def test_a_ton_user_s_token_opens_his_data(api: Api) -> None:
    mine, other = await log_in(api), await log_in(api, key=OTHER_KEY)
    bought = await buy(api.world, mine["userId"], "8")
    for data, ids in ((mine, [bought.miner_id]), (other, [])):
        owner = Caller(api.http, token=data["jwtToken"])
        assert [one["id"] for one in answered(await owner.call("c2s_miners"))["array"]] == ids
    beside = {"Authorization": f"Bearer {mine['jwtToken']}", "X-PARTNER-API-KEY": str(api.server.key)}
    response = await api.http.get(CONTRACT["c2s_miners"][2], headers=beside)
    assert len(answered(response)["array"]) == 1


async def test_a_blocked_user_may_log_in(api: Api) -> None:
    data = await log_in(api)
    await api.world.pool.execute("UPDATE app_user SET blocked_at = created_at WHERE id = $1", data["userId"])
    again = await log_in(api)
    assert again["userId"] == data["userId"]
    assert answered(await Caller(api.http, token=again["jwtToken"]).call("c2s_miners")) == {"array": []}


async def test_tokens_are_renewed_without_a_key(api: Api, anyone: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost answer may be asked for again within 30 seconds; later the family ends."""
    first = await log_in(api)
    second = answered(await anyone.call("c2s_refresh", refreshToken=first["refreshToken"]))
    assert list(second) == ["jwtToken", "refreshToken", "userId", "partnerUserId"]
    assert (second["userId"], second["partnerUserId"]) == (first["userId"], ADDRESS)
    assert second["refreshToken"] != first["refreshToken"]
    assert second["jwtToken"] != first["jwtToken"]
    opened = await Caller(api.http, token=second["jwtToken"]).call("c2s_miners")
    assert answered(opened) == {"array": []}
    again = answered(await anyone.call("c2s_refresh", refreshToken=first["refreshToken"]))
    assert again["refreshToken"] == second["refreshToken"]
    later = clock.wall_now() + timedelta(seconds=31)
    wall_reads(monkeypatch, lambda: later)
    for spent, code in (
        (first, "REFRESH_TOKEN_REUSED"),
        (second, "REFRESH_TOKEN_REVOKED"),
        (first, "REFRESH_TOKEN_REVOKED"),
    ):
        response = await anyone.call("c2s_refresh", refreshToken=spent["refreshToken"])
        check_refused(response, 401, code, "refreshToken")


async def test_both_doors_renew_the_same_sessions(api: Api, anyone: Caller) -> None:
    by_server = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    renewed = answered(await anyone.call("c2s_refresh", refreshToken=by_server["refreshToken"]))
    assert (renewed["userId"], renewed["partnerUserId"]) == (by_server["userId"], "alice")
    again = answered(await api.server.call("s2s_refresh", refreshToken=renewed["refreshToken"]))
    assert again["userId"] == by_server["userId"]


async def test_what_is_no_refresh_token(api: Api, anyone: Caller) -> None:
    data = await log_in(api)
    prefix, number, rest = data["refreshToken"].split("_", 2)
    nobody = 10**15
    for text in ("x", "hrr____", data["jwtToken"], f"{prefix}_{nobody}_{rest}", f"{prefix}_{int(number) + 1}_{rest}"):
        response = await anyone.call("c2s_refresh", refreshToken=text)
        check_refused(response, 401, "REFRESH_TOKEN_INVALID", "refreshToken")


async def test_the_terms_are_the_operator_s(api: Api, anyone: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_767_225_600
    let_clock_read(monkeypatch, now)

    async def answer(after_seconds: int, workchain: int = 0) -> httpx.Response:
        facts = {"payload": await payload_of(api), "timestamp": now + after_seconds}
        return await anyone.call("c2s_check_proof", **signed_body(v4_wallet(), workchain=workchain, **facts))

    assert answered(await answer(0, -1))["partnerUserId"] == ADDRESS.replace("0:", "-1:", 1)
    terms = {"ton_max_age_seconds": 10, "ton_max_ahead_seconds": 5, "ton_workchains": [0]}
    with_settings(monkeypatch, api.serving, **terms)
    for fine in (-10, 0, 5):
        assert answered(await answer(fine))["partnerUserId"] == ADDRESS
    check_refused(await answer(-11), 401, "TON_TIME_OLD", f"{PROOF}.timestamp")
    check_refused(await answer(6), 401, "TON_TIME_AHEAD", f"{PROOF}.timestamp")
    check_refused(await answer(0, -1), 400, "TON_SHAPE", "tonWallet.account.address")


# What is sent


async def test_wallets_extend_what_they_send(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    wallet = body["tonWallet"]
    wallet |= {"device": {"platform": "x", "features": ["SendTransaction", {"name": "y", "more": [1.5, None]}]}}
    wallet |= {"provider": "tonconnect", "extension": {"a": [1e300, -0.0, True, "\x00"]}, "__proto__": {}}
    for part in (wallet["account"], wallet["connectItems"], wallet["connectItems"]["tonProof"]):
        part["added"] = {"later": "by a wallet"}
    assert answered(await anyone.call("c2s_check_proof", **body))["partnerUserId"] == ADDRESS


async def test_nothing_stands_beside_the_wallet(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    check_refused(await anyone.call("c2s_check_proof", **body, partnerId="x"), 400, "FIELD_UNKNOWN", "partnerId")
    check_refused(await anyone.call("c2s_check_proof"), 400, "FIELD_MISSING", "tonWallet")
    shapes: tuple[Any, ...] = (None, "x", 7, [], True)
    for wrong in shapes:
        check_refused(await anyone.call("c2s_check_proof", tonWallet=wrong), 400, "TON_SHAPE", "tonWallet")
    response = await anyone.call("c2s_check_proof", tonWallet={})
    details = check_refused(response, 400, "TON_SHAPE", "tonWallet.account")
    assert details["step"] == "shapes"


async def test_a_body_that_is_too_large(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    room = bodies.LARGEST_BODY - len(json.dumps(changed(body, "tonWallet.more", "")).encode())
    for more, fits in ((1, False), (0, True)):
        sent = json.dumps(changed(body, "tonWallet.more", "x" * (room + more))).encode()
        response = await api.http.post(CHECK_PROOF, content=sent)
        if fits:
            assert answered(response)["partnerUserId"] == ADDRESS
        else:
            check_refused(response, 413, "BODY_TOO_LARGE")


async def test_a_state_init_that_is_too_large(api: Api, anyone: Caller) -> None:
    body = proof(await payload_of(api), domain=DOMAIN)
    large = base64.b64encode(bytes(4097)).decode()
    response = await anyone.call("c2s_check_proof", **changed(body, "tonWallet.account.walletStateInit", large))
    check_refused(response, 400, "TON_STATE_INIT_ENCODING", "tonWallet.account.walletStateInit")


def test_every_refusal_of_a_proof_is_announced() -> None:
    refuses = logins.check_proof.refuses
    of_proofs = {kind for kind in catalogue() if issubclass(kind, TonProofRefusal)}
    of_partners = {TooManyNewUsersError, PartnerBusyError, PartnerSuspendedError, PartnerClosedError}
    assert set(refuses) == of_proofs | of_partners
    assert len(of_proofs) == 18


# The chain


async def issue(api: Api, payload: str) -> None:
    """A payload of a vector, as if it had been issued just now."""
    await api.world.pool.execute("DELETE FROM ton_payload WHERE payload = $1", payload)
    await api.world.pool.execute(
        "INSERT INTO ton_payload VALUES ($1, $2, $3, $4)",
        payload,
        api.world.partner.id,
        clock.wall_now(),
        clock.wall_now() + timedelta(minutes=15),
    )


@pytest.fixture
async def rotating(api: Api, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The body of a wallet that only the chain knows the key of, at its time."""
    policy, body = policy_of(CASES[ROTATING]), body_of(ROTATING)
    let_clock_read(monkeypatch, policy["now"])
    await issue(api, body["tonWallet"]["connectItems"]["tonProof"]["proof"]["payload"])
    return body


async def test_without_an_answer_of_the_chain_nobody_gets_in(
    api: Api, anyone: Caller, rotating: dict[str, Any], node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the payload is not used up: the same proof opens when the endpoint is back."""
    payload = rotating["tonWallet"]["connectItems"]["tonProof"]["proof"]["payload"]
    check_refused(await anyone.call("c2s_check_proof", **rotating), 401, "TON_CHAIN_REQUIRED")
    async with TonGateway(node.url) as gateway:
        monkeypatch.setattr(api.serving, "ton", gateway)
        node.hang_up = True
        details = check_refused(await anyone.call("c2s_check_proof", **rotating), 503, "TON_CHAIN_UNAVAILABLE")
        assert details["cause"] == "getAddressInformation: RemoteProtocolError"
        node.hang_up = False
        chain_as_in({"state": "active", "public_key": bytes(KEY.verify_key).hex()}, node)
        # The key before the present one signs nothing any more.
        check_refused(await anyone.call("c2s_check_proof", **changed(rotating, KEY_FIELD, None)), 401, "TON_SIGNATURE")
        assert not await is_used(api, payload)
        chain_as_in(CASES[ROTATING]["chain_lookup"], node)
        assert (
            answered(await anyone.call("c2s_check_proof", **rotating))["partnerUserId"]
            == (CASES[ROTATING]["expect_account"]["address"])
        )
    assert await is_used(api, payload)


KEY_FIELD = "tonWallet.account.publicKey"


async def test_no_connection_is_held_while_the_chain_is_asked(
    api: Api, anyone: Caller, rotating: dict[str, Any], node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, free = api.deployment.pool, []

    class Gateway(TonGateway):
        """Asks once all connections are free: what runs beside has one for a moment, a login that waits for ever."""

        async def get_public_key(self, address: str) -> Any:
            async with asyncio.timeout(patience.SECONDS):
                while pool.get_idle_size() < pool.get_size():
                    await asyncio.sleep(0.01)
            free.append(address)
            return await super().get_public_key(address)

    chain_as_in(CASES[ROTATING]["chain_lookup"], node)
    async with Gateway(node.url) as gateway:
        monkeypatch.setattr(api.serving, "ton", gateway)
        assert (await anyone.call("c2s_check_proof", **rotating)).status_code == 200
    assert len(free) == 1


async def test_the_chain_is_asked_so_often_for_an_address_only(
    api: Api, anyone: Caller, rotating: dict[str, Any], node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends proofs without end does not use up what others need; wallets that ask nothing go on."""
    chain_as_in({"state": "error"}, node)
    with_settings(monkeypatch, api.serving, ton_rpc_asks_per_address_per_minute=2)
    async with TonGateway(node.url) as gateway:
        monkeypatch.setattr(api.serving, "ton", gateway)
        for _ in range(2):
            assert (await anyone.call("c2s_check_proof", **rotating)).status_code == 503
        asked = len(node.asked)
        refused = await anyone.call("c2s_check_proof", **rotating)
        details = check_refused(refused, 429, "RATE_LIMITED")
        assert (details["limit"], details["requestsPerMinute"]) == ("ton-chain", 2)
        assert len(node.asked) == asked
        assert (await log_in(api))["partnerUserId"] == ADDRESS


async def test_a_wallet_that_keeps_its_key_is_not_asked_for(
    api: Api, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with TonGateway(node.url) as gateway:
        monkeypatch.setattr(api.serving, "ton", gateway)
        assert (await log_in(api))["partnerUserId"] == ADDRESS
    assert node.asked == []


async def test_the_endpoint_of_the_settings(api: Api, node: Node, dsn: str) -> None:
    """It is opened with the process and closed with it."""
    chain_as_in(CASES[ROTATING]["chain_lookup"], node)
    settings = {"ton_rpc_url": node.url, "ton_rpc_api_key": "secret", "ton_rpc_timeout_seconds": 1}
    pool = await db.open_pool(dsn)
    world = await type(api.world).create(pool)
    async with open_api(world, dsn, **settings) as opened:
        gateway = opened.serving.ton
        assert gateway is not None
        found = await gateway.get_public_key(ADDRESS)
        assert found == await gateway.get_public_key(ADDRESS)
        node.seconds_a_byte = 0.02
        assert await gateway.get_public_key(ADDRESS) == NoAnswer("no answer within 1 s")
    with pytest.raises(RuntimeError, match="closed"):
        await gateway.get_public_key(ADDRESS)
    await pool.close()
    assert all("x-api-key: secret" in head.lower() for head in node.heads)
    assert len(node.heads) == 5
    assert api.serving.ton is None


def test_the_settings_of_ton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHRAIL_TON_WORKCHAINS", "[0]")
    monkeypatch.setenv("HASHRAIL_TON_CHAIN", "-3")
    made = Settings()
    assert (made.ton_chain, made.ton_workchains) == ("-3", [0])
    assert (made.ton_max_age_seconds, made.ton_max_ahead_seconds, made.ton_payload_seconds) == (900, 60, 900)
    monkeypatch.delenv("HASHRAIL_TON_WORKCHAINS")
    monkeypatch.delenv("HASHRAIL_TON_CHAIN")
    assert (Settings().ton_chain, Settings().ton_workchains) == ("-239", [0, -1])
