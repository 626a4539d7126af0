"""Withdrawals as objects over the wire, and what balances and totals show of them (#25 to #27)."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from hashrail import business_clock, clock, db
from hashrail.api.operations import withdrawals as operations
from hashrail.custody import withdrawals
from hashrail.parties import users
from hashrail.support.waits import WORDS
from tests.support.api_client import (
    CONTRACT,
    Api,
    Caller,
    answered,
    check_refused,
    gather_all,
)
from tests.support.books import advance
from tests.support.payouts import ADDRESSES, EARNED, MAIN_ADDRESS, asked, funded, policy, spendable

WITHDRAWS = ("s2s_withdraw", "s2s_withdraw_fast")
TRUE = b'{"data":true}'
HEADER = "x-withdrawal-id"
SIGNED = ("signature", "timestamp", "recvWindow")


@pytest.fixture(scope="module")
async def rich(deployment: Api) -> Api:
    """A partner whose alice has bitcoin, for what is refused anyway."""
    made = await deployment.another_partner()
    await funded(made.world, (await made.world.user("alice")).id)
    return made


@pytest.fixture
async def alice(api: Api) -> int:
    """A user who has earned 0.16 BTC."""
    user = await api.world.user("alice")
    await funded(api.world, user.id)
    return user.id


def wanted(amount: str = "0.01", address: str = ADDRESSES[0], name: str = "alice") -> dict[str, Any]:
    """The body of a withdrawal."""
    return {"partnerUserId": name, "walletAddress": address, "amount": Decimal(amount)}


async def raw(api: Api, operation: str, text: str) -> httpx.Response:
    """A body as it stands."""
    return await api.server.raw("POST", CONTRACT[operation][2], text.encode())


async def one(api: Api, withdrawal_id: object) -> dict[str, Any]:
    found: dict[str, Any] = answered(await api.server.call("s2s_withdrawal", id=withdrawal_id))
    return found


# Withdrawing


@pytest.mark.parametrize(
    ("operation", "speed", "fee"), [("s2s_withdraw", "daily", 0), ("s2s_withdraw_fast", "fast", Decimal("0.00006"))]
)
async def test_a_withdrawal_is_an_object(api: Api, alice: int, operation: str, speed: str, fee: Decimal) -> None:
    """The answer is the contract's `true`; a header names what it made, and again does when it is repeated."""
    request = api.server.request(operation, **wanted("0.10000000000"))
    first = await api.http.send(request)
    again = await api.server.send_again(request)
    assert first.content == again.content == TRUE
    assert first.headers[HEADER] == again.headers[HEADER]
    assert "idempotency-replayed" not in first.headers
    shown = await one(api, first.headers[HEADER])
    now = await business_clock.now(api.world.pool)
    assert abs(now - clock.parse_iso(shown["createdAt"], "createdAt")) < dt.timedelta(minutes=1)
    assert shown == {
        "id": int(first.headers[HEADER]),
        "partnerUserId": "alice",
        "speed": speed,
        "walletAddress": ADDRESSES[0],
        "amount": Decimal("0.1"),
        "fee": fee,
        "state": "queued",
        "txid": None,
        "confirmations": 0,
        "reason": None,
        "waits": [{"cause": "RHYTHM", "reason": WORDS["RHYTHM"], "until": shown["waitsUntil"]}],
        "waitsUntil": shown["waitsUntil"],
        "simulated": True,
        "createdAt": shown["createdAt"],
        "changedAt": shown["createdAt"],
    }
    asked_at, until = (clock.parse_iso(shown[name], name) for name in ("createdAt", "waitsUntil"))
    assert until == asked_at + dt.timedelta(minutes=10) if speed == "fast" else until.hour == 6
    assert await spendable(api.world, alice) == EARNED - Decimal("0.1") - fee


@pytest.mark.parametrize("operation", WITHDRAWS)
@pytest.mark.parametrize(
    ("number", "amount"),
    [
        ("0.05", "0.05"),
        ("0.10000000000", "0.1"),
        ("1e-1", "0.1"),
        ("5E-5", "0.00005"),
        ("1.6e-001", None),
        ("0.000050000000000000000000000000000000", "0.00005"),
        ("500e-4", "0.05"),
    ],
)
async def test_how_an_amount_may_be_written(
    api: Api, alice: int, operation: str, number: str, amount: str | None
) -> None:
    """With an exponent, with zeros at its end. All that there is leaves nothing for the commission of #26."""
    body = f'{{"partnerUserId": "alice", "walletAddress": "{ADDRESSES[0]}", "amount": {number}}}'
    response = await raw(api, operation, body)
    if amount is None and operation == "s2s_withdraw_fast":
        details = check_refused(response, 409, "INSUFFICIENT_FUNDS", "amount")
        assert details == {"field": "amount", "available": EARNED, "needed": Decimal("0.16006")}
    else:
        assert response.content == TRUE, response.text
        shown = await api.server.call("s2s_withdrawal", id=response.headers[HEADER])
        assert f'"amount":{Decimal(amount or "0.16").normalize()},'.lower() in shown.text.lower()


@pytest.mark.parametrize("operation", WITHDRAWS)
@pytest.mark.parametrize(
    ("number", "code"),
    [
        ('"0.1"', "FIELD_TYPE"),
        ('"1e-5"', "FIELD_TYPE"),
        ('""', "FIELD_TYPE"),
        ('"x"', "FIELD_TYPE"),
        ("null", "FIELD_TYPE"),
        ("true", "FIELD_TYPE"),
        ("[0.1]", "FIELD_TYPE"),
        ('{"btc": 0.1}', "FIELD_TYPE"),
        ("100000000000000000000", "FIELD_OUT_OF_BOUNDS"),
        ("1e20", "FIELD_OUT_OF_BOUNDS"),
        ("1e-19", "FIELD_OUT_OF_BOUNDS"),
        ("1e400", "FIELD_OUT_OF_BOUNDS"),
        ("-0.1", "FIELD_OUT_OF_BOUNDS"),
        ("0.0000000000000000001", "FIELD_OUT_OF_BOUNDS"),
        ("0." + "1" * 1000, "FIELD_OUT_OF_BOUNDS"),
        ("9" * 1000, "FIELD_OUT_OF_BOUNDS"),
        ("0.000000001", "AMOUNT_PRECISION"),
        ("0.123456789", "AMOUNT_PRECISION"),
        ("0.1000000000000001", "AMOUNT_PRECISION"),
        ("0", "AMOUNT_TOO_SMALL"),
        ("-0", "AMOUNT_TOO_SMALL"),
        ("0e5", "AMOUNT_TOO_SMALL"),
        ("1e-5", "AMOUNT_TOO_SMALL"),
        ("0.00004999", "AMOUNT_TOO_SMALL"),
    ],
)
async def test_what_is_no_amount(rich: Api, operation: str, number: str, code: str) -> None:
    body = f'{{"partnerUserId": "alice", "walletAddress": "{ADDRESSES[0]}", "amount": {number}}}'
    check_refused(await raw(rich, operation, body), 400, code, "amount")
    assert answered(await rich.server.call("s2s_withdrawals")) == {"array": []}


@pytest.mark.parametrize(
    "number", ["1e999999", "-1e999999", "1e-999999", "1e9999999999999999999", "1e-9999999999999999999"]
)
async def test_an_exponent_beyond_every_amount(rich: Api, number: str) -> None:
    """It is refused as it is read: neither the signature's check nor ours writes out its digits."""
    body = f'{{"partnerUserId": "alice", "walletAddress": "{ADDRESSES[0]}", "amount": {number}}}'
    check_refused(await raw(rich, "s2s_withdraw", body), 400, "BODY_NOT_JSON")
    signed = Caller(rich.http, rich.server.key, rich.server.secret).request("s2s_withdraw", **wanted("0.12345"))
    unread = signed.content.replace(b"0.12345", number.encode())
    response = await rich.http.post(
        CONTRACT["s2s_withdraw"][2], content=unread, headers={"X-PARTNER-API-KEY": str(rich.server.key)}
    )
    check_refused(response, 400, "BODY_NOT_JSON")


@pytest.mark.parametrize("operation", WITHDRAWS)
async def test_refusals_name_their_field(api: Api, alice: int, operation: str) -> None:
    """And none of them leaves anything behind, not even a header."""
    good = wanted()
    cases: list[tuple[dict[str, Any], int, str, str]] = [
        ({"partnerUserId": "nobody"}, 404, "USER_NOT_FOUND", "partnerUserId"),
        ({"partnerUserId": ""}, 400, "FIELD_OUT_OF_BOUNDS", "partnerUserId"),
        ({"walletAddress": ""}, 400, "FIELD_OUT_OF_BOUNDS", "walletAddress"),
        ({"walletAddress": "x" * 4097}, 400, "FIELD_OUT_OF_BOUNDS", "walletAddress"),
        ({"walletAddress": "x" * 4096}, 400, "ADDRESS_INVALID", "walletAddress"),
        ({"walletAddress": MAIN_ADDRESS}, 400, "ADDRESS_INVALID", "walletAddress"),
        ({"walletAddress": 7}, 400, "FIELD_TYPE", "walletAddress"),
        ({"fee": 0}, 400, "FIELD_UNKNOWN", "fee"),
    ]
    for change, status, code, name in cases:
        response = await api.server.call(operation, **(good | change))
        check_refused(response, status, code, name)
        assert HEADER not in response.headers
    for name in good:
        response = await api.server.call(operation, **{key: value for key, value in good.items() if key != name})
        check_refused(response, 400, "FIELD_MISSING", name)
    response = await api.server.call(operation, **wanted("0.16000001"))
    details = check_refused(response, 409, "INSUFFICIENT_FUNDS", "amount")
    needed = "0.16006001" if operation == "s2s_withdraw_fast" else "0.16000001"
    assert details == {"field": "amount", "available": EARNED, "needed": Decimal(needed)}
    assert HEADER not in response.headers
    reader = await api.caller(scopes=("read", "order", "transfer"))
    assert check_refused(await reader.call(operation, **good), 403, "SCOPE_MISSING") == {"scope": "withdraw"}
    await policy(api.world, bound_only=True)
    check_refused(await api.server.call(operation, **good), 403, "ADDRESS_NOT_BOUND", "walletAddress")
    answered(await api.server.call("s2s_wallet_bind", partnerUserId="alice", address=ADDRESSES[0]))
    async with db.transaction(api.world.pool) as tx:
        await users.block(tx, api.world.partner.id, "alice")
    check_refused(await api.server.call(operation, **good), 403, "USER_BLOCKED", "partnerUserId")
    assert answered(await api.server.call("s2s_withdrawals")) == {"array": []}
    assert await spendable(api.world, alice) == EARNED


async def test_the_minimum_is_told(api: Api, alice: int) -> None:
    assert answered(await api.server.call("s2s_withdraw_commission", partnerUserId="alice")) == {
        "incomeWithdrawMinValue": Decimal("0.00005"),
        "incomeWithdrawCommission": Decimal("0.00006"),
    }
    response = await api.server.call("s2s_withdraw", **wanted("0.00004999"))
    assert check_refused(response, 400, "AMOUNT_TOO_SMALL", "amount")["minimum"] == Decimal("0.00005")
    response = await api.server.call("s2s_withdraw_commission", partnerUserId="nobody")
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")


async def test_the_operator_sets_minimum_commission_and_network(api: Api, alice: int) -> None:
    """The settings of the process are what #25, #26 and #27 go by, and what addresses are checked for."""
    changes: dict[str, Any] = {"withdraw_minimum_btc": Decimal("0.02"), "withdraw_commission_btc": Decimal(0)}
    settings = api.deployment.settings.model_copy(update=changes | {"bitcoin_network": "bitcoin"})
    assert (operations.withdraw_fast.model, settings.network) == (operations.WithdrawBody, "bitcoin")
    known = api.deployment
    api.serving.deployment = replace(known, settings=settings)
    try:
        told = answered(await api.server.call("s2s_withdraw_commission", partnerUserId="alice"))
        refused = await api.server.call("s2s_withdraw_fast", **wanted("0.01999999", MAIN_ADDRESS))
        foreign = await api.server.call("s2s_withdraw_fast", **wanted("0.02"))
        bound = await api.server.call("s2s_wallet_bind", partnerUserId="alice", address=MAIN_ADDRESS)
        made = await api.server.call("s2s_withdraw_fast", **wanted("0.02", MAIN_ADDRESS))
    finally:
        api.serving.deployment = known
    assert told == {"incomeWithdrawMinValue": Decimal("0.02"), "incomeWithdrawCommission": 0}
    check_refused(refused, 400, "AMOUNT_TOO_SMALL", "amount")
    assert check_refused(foreign, 400, "ADDRESS_INVALID", "walletAddress")["network"] == "bitcoin"
    assert answered(bound) is True
    assert (await one(api, made.headers[HEADER]))["fee"] == 0


async def test_the_same_again_is_a_duplicate(api: Api, alice: int) -> None:
    """Signed anew it is another request; the refusal names the first, so that a client can look it up."""
    first = await api.server.call("s2s_withdraw", **wanted())
    for operation in WITHDRAWS:
        response = await api.server.call(operation, **wanted("0.010"))
        details = check_refused(response, 409, "DUPLICATE_WITHDRAWAL")
        assert details == {"withdrawalId": int(first.headers[HEADER])}
    await advance(api.world, dt.timedelta(seconds=60))
    second = await api.server.call("s2s_withdraw", **wanted())
    assert int(second.headers[HEADER]) > int(first.headers[HEADER])


# Withdrawals as objects


async def test_withdrawals_are_listed_and_paged(api: Api, alice: int) -> None:
    await api.world.user("bob")
    made = [await asked(api.world, alice, f"0.0{n}") for n in range(1, 6)]
    newest = [withdrawal.id for withdrawal in reversed(made)]

    async def ids(**page: object) -> list[int]:
        listed = answered(await api.server.call("s2s_withdrawals", **page))["array"]
        return [row["id"] for row in listed]

    assert await ids() == await ids(partnerUserId="alice") == newest
    assert await ids(partnerUserId="bob") == []
    assert await ids(limit=2, offset=1) == newest[1:3]
    page = answered(await api.server.call("s2s_withdrawals", limit=2))
    await asked(api.world, alice, "0.001")
    rest = answered(await api.server.call("s2s_withdrawals", cursor=page["nextCursor"], partnerUserId="alice"))
    assert [row["id"] for row in page["array"] + rest["array"]] == newest
    assert "nextCursor" not in rest
    assert rest["array"][0] == await one(api, newest[2])
    for fields, code, name in (
        ({"cursor": "x"}, "CURSOR_INVALID", "cursor"),
        ({"cursor": page["nextCursor"], "offset": 0}, "CURSOR_WITH_OFFSET", "cursor"),
        ({"limit": 0}, "FIELD_OUT_OF_BOUNDS", "limit"),
        ({"limit": 1000}, "FIELD_OUT_OF_BOUNDS", "limit"),
        ({"offset": -1}, "FIELD_OUT_OF_BOUNDS", "offset"),
        ({"partnerUserId": ""}, "FIELD_OUT_OF_BOUNDS", "partnerUserId"),
    ):
        check_refused(await api.server.call("s2s_withdrawals", **fields), 400, code, name)
    response = await api.server.call("s2s_withdrawals", partnerUserId="nobody")
    check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")


@pytest.mark.parametrize("number", ["", "x", "-1", "12345678901234567", "1\n"])
async def test_what_is_no_number_of_a_withdrawal(api: Api, number: str) -> None:
    check_refused(await api.server.call("s2s_withdrawal", id=number), 400, "FIELD_OUT_OF_BOUNDS", "id")


@pytest.mark.parametrize(
    ("value", "code"),
    [("1", "FIELD_TYPE"), (None, "FIELD_TYPE"), (0, "FIELD_OUT_OF_BOUNDS"), (2**53, "FIELD_OUT_OF_BOUNDS")],
)
async def test_what_is_no_withdrawal_to_cancel(api: Api, value: object, code: str) -> None:
    check_refused(await api.server.call("s2s_withdrawal_cancel", id=value), 400, code, "id")


async def test_a_withdrawal_that_is_not_there(api: Api) -> None:
    for number in ("0", "9" * 16, "007"):
        check_refused(await api.server.call("s2s_withdrawal", id=number), 404, "WITHDRAWAL_NOT_FOUND", "id")
    response = await api.server.call("s2s_withdrawal_cancel", id=2**53 - 1)
    check_refused(response, 404, "WITHDRAWAL_NOT_FOUND", "id")


async def test_cancelling_over_http(api: Api, alice: int) -> None:
    """The answer is the object as it is now; again, signed anew, it is the same. The guard forgets it."""
    made = await asked(api.world, alice, "0.1", speed="fast")
    await advance(api.world, dt.timedelta(seconds=1))
    gone = answered(await api.server.call("s2s_withdrawal_cancel", id=made.id))
    assert gone == await one(api, made.id)
    assert (gone["state"], gone["changedAt"] > gone["createdAt"]) == ("cancelled", True)
    assert answered(await api.server.call("s2s_withdrawal_cancel", id=made.id)) == gone
    assert await spendable(api.world, alice) == EARNED
    reader = await api.caller(scopes=("read",))
    assert answered(await reader.call("s2s_withdrawal", id=made.id)) == gone
    assert check_refused(await reader.call("s2s_withdrawal_cancel", id=made.id), 403, "SCOPE_MISSING")
    assert answered(await api.server.call("s2s_withdraw_fast", **wanted("0.1"))) is True


# What balances and totals show


async def test_what_is_held_is_shown(api: Api, alice: int) -> None:
    """#24 tells held and spendable apart, #21 shows what can be spent; unsettled income counts in both."""
    client = await api.user("alice")

    async def shown() -> tuple[str, str, Decimal]:
        btc = answered(await api.server.call("s2s_balances", partnerUserId="alice"))["array"][0]
        balance = answered(await client.call("c2s_balances"))["array"][0]
        assert (balance["id"], balance["currency"]) == (btc["id"], "BTC")
        return btc["valueNumericAtSyncDate"], btc["freezedValueNumericAtSyncDate"], balance["balance"]

    assert await shown() == ("0.16", "0", EARNED)
    made = await api.server.call("s2s_withdraw_fast", **wanted("0.1"))
    assert await shown() == ("0.05994", "0.10006", Decimal("0.05994"))
    answered(await api.server.call("s2s_withdraw", **wanted("0.05994")))
    assert await shown() == ("0", "0.16", 0)
    answered(await api.server.call("s2s_withdrawal_cancel", id=int(made.headers[HEADER])))
    assert await shown() == ("0.10006", "0.05994", Decimal("0.10006"))


async def test_totals_add_up(api: Api, alice: int) -> None:
    """#15: what was earned is either withdrawn, commission included, or still there; step by step."""
    client = await api.user("alice")

    async def totals() -> tuple[Decimal, Decimal]:
        data = answered(await client.call("c2s_income_total"))
        assert data["totalIncome"] == data["withdrawnAmount"] + data["onBalanceAmount"]
        return data["totalIncome"], data["withdrawnAmount"]

    assert await totals() == (EARNED, 0)
    made = await api.server.call("s2s_withdraw_fast", **wanted("0.1"))
    assert await totals() == (EARNED, Decimal("0.10006"))
    answered(await api.server.call("s2s_withdraw", **wanted("0.02")))
    await funded(api.world)
    assert await totals() == (2 * EARNED, Decimal("0.12006"))
    answered(await api.server.call("s2s_withdrawal_cancel", id=int(made.headers[HEADER])))
    assert await totals() == (2 * EARNED, Decimal("0.02"))


# At once


async def test_fifty_withdrawals_against_a_balance_for_three(api: Api, alice: int) -> None:
    amounts = [str(Decimal("0.05") + n * Decimal("0.00000001")) for n in range(50)]
    calls = [api.server.call(WITHDRAWS[n % 2], **wanted(amount)) for n, amount in enumerate(amounts)]
    answers = await gather_all(*calls)
    assert [response.status_code for response in answers].count(200) == 3
    for response in answers:
        if response.status_code != 200:
            check_refused(response, 409, "INSUFFICIENT_FUNDS")
    made = [int(response.headers[HEADER]) for response in answers if response.status_code == 200]
    listed = answered(await api.server.call("s2s_withdrawals"))["array"]
    assert {row["id"] for row in listed} == set(made)
    assert len(made) == len(set(made)) == 3
    assert await withdrawals.withdrawn(api.world.pool, api.world.partner.id, alice) <= EARNED


async def test_the_header_is_of_the_same_withdrawal_for_all(api: Api, alice: int) -> None:
    """Twenty repetitions at once, signed anew under one key: one withdrawal, and everybody learns which."""
    now = clock.wall_millis()
    header = {"Idempotency-Key": "payout-1"}
    calls = [api.server.call("s2s_withdraw", header, at=now - n, **wanted()) for n in range(20)]
    answers = await gather_all(*calls)
    assert {response.content for response in answers} == {TRUE}
    assert len({response.headers[HEADER] for response in answers}) == 1
    assert len(answered(await api.server.call("s2s_withdrawals"))["array"]) == 1


async def test_a_partner_is_told_why_and_until_when_and_not_the_operator_s_figures(api: Api, alice: int) -> None:
    """In the list too; a cancelled one waits for nothing."""
    await asked(api.world, alice, "0.001")
    async with db.transaction(api.world.pool) as tx:
        await users.block(tx, api.world.partner.id, "alice")
    await api.world.pool.execute("UPDATE payout_policy SET paused_reason = 'a thief has the keys'")
    try:
        (listed,) = answered(await api.server.call("s2s_withdrawals"))["array"]
    finally:
        await api.world.pool.execute("UPDATE payout_policy SET paused_reason = NULL")
    assert [each["cause"] for each in listed["waits"]] == ["USER_BLOCKED", "PAYOUTS_PAUSED", "RHYTHM"]
    assert all(each.keys() == {"cause", "reason", "until"} for each in listed["waits"])
    assert listed["waitsUntil"] is None
    assert "thief" not in str(listed)
    gone = answered(await api.server.call("s2s_withdrawal_cancel", id=listed["id"]))
    assert (gone["waits"], gone["waitsUntil"]) == ([], None)
