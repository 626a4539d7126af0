"""Every write can be sent twice: kept answers, Idempotency-Key, replayed signatures."""

import asyncio
import dataclasses
import datetime as dt
import json
from typing import Any

import httpx
import msgspec
import pytest

from hashrail import clock, db, errors
from hashrail.access import api_keys, idempotency
from hashrail.api.operations.logins import LoginBody, login
from hashrail.api.serving.answering import answer
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.call import Call, Reply
from hashrail.api.serving.operation import AnyOperation, Noun
from hashrail.api.wire.models import Data
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.vault import Vault
from tests.support.api_client import (
    CONTRACT,
    Api,
    Caller,
    an_offer,
    answered,
    check_books,
    check_refused,
    gather_all,
)
from tests.support.clocks import wall_reads

HOUR = dt.timedelta(hours=1)


async def kept(api: Api) -> int:
    """How many keys lead to kept answers of this partner."""
    query = "SELECT count(*) FROM answered_write WHERE partner_id = $1"
    count: int = await api.world.pool.fetchval(query, api.world.partner.id)
    return count


async def count(api: Api, table: str) -> int:
    number: int = await api.world.pool.fetchval(
        f"SELECT count(*) FROM {table} WHERE partner_id = $1", api.world.partner.id
    )
    return number


async def an_order(api: Api) -> dict[str, Any]:
    """The body of a purchase that may be created."""
    user = await api.world.user()
    offer = await an_offer(api.world)
    return {"userId": user.id, "nftCollectionId": offer.id, "externalId": "one"}


# The same request again


async def test_the_same_login_gives_the_same_tokens(api: Api) -> None:
    request = api.server.request("s2s_login", partnerUserId="alice")
    first = await api.http.send(request)
    again = await api.server.send_again(request)
    assert answered(first)["jwtToken"]
    assert again.content == first.content
    assert await count(api, "refresh_family") == 1
    other = answered(await api.server.call("s2s_login", partnerUserId="alice"))
    assert other["refreshToken"] != answered(first)["refreshToken"]
    assert await count(api, "refresh_family") == 2


async def test_the_same_in_headers(api: Api) -> None:
    body = json.dumps({"partnerUserId": "alice"}).encode()
    first = await api.server.raw("POST", CONTRACT["s2s_login"][2], body)
    again = await api.server.send_again(first.request)
    assert answered(first)["jwtToken"] == answered(again)["jwtToken"]
    assert await count(api, "refresh_family") == 1


async def test_an_answer_outlives_a_later_change(api: Api) -> None:
    facts = await an_order(api)
    request = api.server.request("s2s_payment_create", **facts)
    first = await api.http.send(request)
    await api.server.call("s2s_payment_success", userId=facts["userId"], externalId="one")
    assert (await api.server.send_again(request)).content == first.content


async def test_a_refusal_is_not_kept(api: Api) -> None:
    request = api.server.request("s2s_payment_success", userId=1, externalId="one")
    for _ in range(2):
        check_refused(await api.server.send_again(request), 404, "ORDER_NOT_FOUND")
    assert await kept(api) == 0
    facts = await an_order(api)
    await api.server.call("s2s_payment_create", **facts)
    request = api.server.request("s2s_payment_success", userId=facts["userId"] + 1, externalId="one")
    check_refused(await api.http.send(request), 404, "ORDER_NOT_FOUND")
    request = api.server.request("s2s_payment_success", userId=facts["userId"], externalId="one")
    assert answered(await api.http.send(request)) is True


async def test_reads_are_not_kept(api: Api) -> None:
    await api.world.user()
    for _ in range(2):
        assert (await api.server.call("s2s_miners", partnerUserId="alice")).status_code == 200
        check_refused(await api.server.call("s2s_income_per_th"), 503, "NO_DAY_PUBLISHED")
    assert await kept(api) == 0


async def test_fifty_of_the_same_at_once(api: Api) -> None:
    request = api.server.request("s2s_login", partnerUserId="alice")
    answers = await gather_all(*(api.server.send_again(request) for _ in range(50)))
    assert {response.status_code for response in answers} == {200}
    assert len({response.content for response in answers}) == 1
    assert (await count(api, "refresh_family"), await count(api, "app_user"), await kept(api)) == (1, 1, 1)


async def test_two_keys_of_a_partner_do_not_meet(api: Api) -> None:
    """A digest belongs to the key that made it: two keys may even share a secret."""
    second = await api.key()
    await api.world.pool.execute(
        """UPDATE api_secret s SET sealed = f.sealed FROM api_secret f
           WHERE s.key_id = $1 AND f.partner_id = s.partner_id AND f.key_id <> s.key_id""",
        second.key_id,
    )
    request = api.server.request("s2s_login", partnerUserId="alice")
    first = await api.http.send(request)
    request.headers["X-PARTNER-API-KEY"] = second.key
    again = await api.server.send_again(request)
    assert answered(again)["refreshToken"] != answered(first)["refreshToken"]


# Idempotency-Key


async def test_signed_anew_under_the_same_key(api: Api) -> None:
    header = {"Idempotency-Key": "login-1"}
    now = clock.wall_millis()
    first = await api.server.call("s2s_login", header, at=now, partnerUserId="alice")
    again = await api.server.call("s2s_login", header, at=now - 1, partnerUserId="alice")
    assert answered(first)["jwtToken"]
    assert again.content == first.content
    with_window = await api.server.call("s2s_login", header, at=now - 2, recvWindow=50_000, partnerUserId="alice")
    assert with_window.content == first.content
    assert await count(api, "refresh_family") == 1


async def test_the_same_key_with_other_content(api: Api) -> None:
    header = {"Idempotency-Key": "login-1"}
    await api.server.call("s2s_login", header, partnerUserId="alice")
    for fields in ({"partnerUserId": "bob"}, {"partnerUserId": "alice", "email": "a@example.com"}):
        response = await api.server.call("s2s_login", header, **fields)
        check_refused(response, 422, "IDEMPOTENCY_KEY_REUSED")
    response = await api.server.call("s2s_payment_success", header, externalId="x", userId=1)
    check_refused(response, 422, "IDEMPOTENCY_KEY_REUSED")
    assert await count(api, "app_user") == 1
    another = {"Idempotency-Key": "login-2"}
    assert answered(await api.server.call("s2s_login", another, partnerUserId="bob"))["partnerUserId"] == "bob"


async def test_members_in_another_order_are_the_same_content(api: Api) -> None:
    header = {"Idempotency-Key": "one"}
    first = await api.server.call("s2s_login", header, partnerUserId="alice", email="a@example.com")
    again = await api.server.call("s2s_login", header, email="a@example.com", partnerUserId="alice")
    assert again.content == first.content


async def test_partners_do_not_share_keys(api: Api) -> None:
    other = await api.another_partner()
    header = {"Idempotency-Key": "login-1"}
    first = await api.server.call("s2s_login", header, partnerUserId="alice")
    second = await other.server.call("s2s_login", header, partnerUserId="bob")
    assert answered(first)["partnerUserId"] == "alice"
    assert answered(second)["partnerUserId"] == "bob"


async def test_fifty_signed_anew_at_once(api: Api) -> None:
    now = clock.wall_millis()
    header = {"Idempotency-Key": "login-1"}
    calls = [api.server.call("s2s_login", header, at=now - n, partnerUserId="alice") for n in range(50)]
    answers = await gather_all(*calls)
    assert {response.status_code for response in answers} == {200}
    assert len({response.content for response in answers}) == 1
    assert await count(api, "refresh_family") == 1


async def test_a_repetition_without_its_key_has_no_second_effect(api: Api) -> None:
    """The header is not signed: who overhears a retry and drops it must not get what a new request would."""
    now = clock.wall_millis()
    header = {"Idempotency-Key": "login-1"}
    first = await api.server.call("s2s_login", header, at=now, partnerUserId="alice")
    retry = api.server.request("s2s_login", header, at=now - 1, partnerUserId="alice")
    assert (await api.http.send(retry)).content == first.content
    del retry.headers["Idempotency-Key"]
    assert (await api.server.send_again(retry)).content == first.content
    retry.headers["Idempotency-Key"] = "login-2"
    assert (await api.server.send_again(retry)).content == first.content
    assert await count(api, "refresh_family") == 1


@pytest.mark.parametrize("value", ["", "x" * 256])
async def test_keys_have_bounds(api: Api, value: str) -> None:
    response = await api.server.call("s2s_login", {"Idempotency-Key": value}, partnerUserId="alice")
    check_refused(response, 400, "FIELD_OUT_OF_BOUNDS", "idempotency-key")
    assert await count(api, "app_user") == 0


async def test_a_key_of_255_characters(api: Api) -> None:
    header = {"Idempotency-Key": "x" * 255}
    first = await api.server.call("s2s_login", header, partnerUserId="alice")
    assert (await api.server.call("s2s_login", header, partnerUserId="alice")).content == first.content


# Replay on another operation


async def send_to(api: Api, operation: AnyOperation, request: httpx.Request) -> Reply:
    """The reply to the bytes of a request as they arrive at an operation of our choice."""
    headers = [(name.lower(), value) for name, value in request.headers.multi_items()]
    arrival = Arrival("POST", operation.path, b"", request.content, headers, "127.0.0.1")
    return await answer(operation, api.serving, arrival)


async def test_a_signature_used_on_another_operation(api: Api) -> None:
    """Two operations may have the same fields: a signature in the body does not say which one it is for."""
    twin = dataclasses.replace(login, name="s2s_twin")
    request = api.server.request("s2s_login", partnerUserId="alice")
    first = await send_to(api, login, request)
    again = await send_to(api, login, request)
    assert (again.body, first.headers, again.headers) == (first.body, {}, {"idempotency-replayed": "true"})
    with pytest.raises(idempotency.ReplayError, match="another operation"):
        await send_to(api, twin, request)
    other = api.server.request("s2s_login", at=clock.wall_millis() + 500, partnerUserId="alice")
    assert (await send_to(api, twin, other)).body != first.body
    with pytest.raises(idempotency.ReplayError):
        await send_to(api, login, other)
    assert (idempotency.ReplayError.status, idempotency.ReplayError.code) == (401, "REPLAY")


async def test_the_replay_is_seen_before_the_idempotency_key(api: Api) -> None:
    twin = dataclasses.replace(login, name="s2s_twin")
    request = api.server.request("s2s_login", {"Idempotency-Key": "one"}, partnerUserId="alice")
    await send_to(api, login, request)
    with pytest.raises(idempotency.ReplayError):
        await send_to(api, twin, request)
    # A little in the future, so that the signature is another one however long the first request took.
    other = api.server.request(
        "s2s_login", {"Idempotency-Key": "one"}, at=clock.wall_millis() + 500, partnerUserId="alice"
    )
    with pytest.raises(idempotency.IdempotencyKeyReusedError):
        await send_to(api, twin, other)


async def test_a_refusal_beside_the_same_request_is_the_answer(api: Api) -> None:
    """The same request runs twice at once, and what the first has changed refuses the second: both get one answer."""
    request = api.server.request("s2s_login", partnerUserId="alice")
    answers = []

    @Noun("Twins").write(4, login.name, login.path, login.auth)
    async def overtaken(_call: Call, _tx: Tx, _books: OpenBooks, _body: LoginBody) -> Data[bool]:
        answers.append(await send_to(api, login, request))
        raise errors.ConflictError("the other one has just done it")

    again = await send_to(api, overtaken, request)
    assert again == Reply(answers[0].body, {"idempotency-replayed": "true"})

    @Noun("Twins").write(4, login.name, login.path, login.auth)
    async def refused(_call: Call, _tx: Tx, _books: OpenBooks, _body: LoginBody) -> Data[bool]:
        raise errors.ConflictError("nobody has done it")

    fresh = api.server.request("s2s_login", at=clock.wall_millis() - 2000, partnerUserId="alice")
    with pytest.raises(errors.ConflictError, match="nobody"):
        await send_to(api, refused, fresh)


# What is kept


async def test_answers_are_sealed(api: Api) -> None:
    data = answered(await api.server.call("s2s_login", {"Idempotency-Key": "k"}, partnerUserId="alice"))
    rows = await api.world.pool.fetch("SELECT * FROM answered_write WHERE partner_id = $1", api.world.partner.id)
    assert len(rows) == 2
    for row in rows:
        stored = b" ".join(value for value in row.values() if isinstance(value, bytes))
        assert data["jwtToken"].encode() not in stored
        assert data["refreshToken"].encode() not in stored
        assert answered_text(api, row["answer"]) == data
        assert row["operation"] == "s2s_login"
        kept_for = row["expires_at"] - row["created_at"]
        assert kept_for.total_seconds() == api.deployment.settings.answer_retention_seconds


def answered_text(api: Api, sealed: bytes) -> Any:
    reply = msgspec.json.decode(api.deployment.vault.open(sealed), type=Reply)
    assert reply.headers == {}
    return json.loads(reply.body)["data"]


async def test_expired_answers_are_forgotten(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.server.call("s2s_login", partnerUserId="alice")
    other = await api.another_partner()
    await other.server.call("s2s_login", partnerUserId="alice")
    partner_id, real = api.world.partner.id, clock.wall_now
    wall_reads(monkeypatch, lambda: real() + dt.timedelta(hours=23, minutes=59))
    await api.server.call("s2s_login", partnerUserId="alice")
    async with db.transaction(api.world.pool) as tx:
        assert await idempotency.forget_expired(tx, partner_id) == 0
    wall_reads(monkeypatch, lambda: real() + dt.timedelta(hours=24, seconds=5))
    async with db.transaction(api.world.pool) as tx:
        assert await idempotency.forget_expired(tx, partner_id) == 1
    assert (await kept(api), await kept(other)) == (1, 1)


# The module by itself


def key(
    text: str, operation: str = "op", body: str = "body", scope: str = idempotency.IDEMPOTENCY_KEY
) -> idempotency.Key:
    return idempotency.Key(scope, text.encode(), operation, body.encode())


async def test_keep_and_recall(api: Api) -> None:
    vault, partner_id = Vault(["A" * 43 + "="]), api.world.partner.id
    signed, named = key("digest", scope=f"{idempotency.SIGNATURE}:1"), key("name")
    async with db.transaction(api.world.pool) as tx:
        assert await idempotency.recall(tx, vault, partner_id, [signed, named]) is None
        await idempotency.keep(tx, vault, partner_id, [signed, named], b"answer", retention=HOUR)
        for keys in ([signed], [named], [key("unknown"), named]):
            assert await idempotency.recall(tx, vault, partner_id, keys) == b"answer"
        assert await idempotency.recall(tx, vault, partner_id - 1, [signed, named]) is None
        assert (
            await idempotency.recall(tx, vault, partner_id, [key("digest", scope=f"{idempotency.SIGNATURE}:2")]) is None
        )
        # A signature covers the body, so only the operation can differ.
        assert (
            await idempotency.recall(tx, vault, partner_id, [key("digest", body="x", scope=signed.scope)]) == b"answer"
        )
        with pytest.raises(idempotency.ReplayError):
            await idempotency.recall(tx, vault, partner_id, [key("digest", "other", scope=signed.scope)])
        for changed in (key("name", "other"), key("name", body="other")):
            with pytest.raises(idempotency.IdempotencyKeyReusedError):
                await idempotency.recall(tx, vault, partner_id, [changed])


async def test_a_key_remembered_late_lives_as_long_as_a_signature(api: Api) -> None:
    vault, partner_id = Vault(["A" * 43 + "="]), api.world.partner.id
    signed, named = key("digest", scope=f"{idempotency.SIGNATURE}:1"), key("name")
    async with db.transaction(api.world.pool) as tx:
        await idempotency.keep(tx, vault, partner_id, [named], b"answer", retention=dt.timedelta(seconds=1))
        assert await idempotency.recall(tx, vault, partner_id, [signed, named]) == b"answer"
        rows = await tx.fetch(
            "SELECT * FROM answered_write WHERE partner_id = $1 AND scope = $2", partner_id, signed.scope
        )
        assert [row["expires_at"] - row["created_at"] for row in rows] == [idempotency.SIGNATURE_LIFE]
        assert await idempotency.recall(tx, vault, partner_id, [signed]) == b"answer"


async def test_whoever_comes_second_rolls_back(api: Api) -> None:
    vault, partner_id = api.deployment.vault, api.world.partner.id
    first_is_in = asyncio.Event()

    async def first() -> None:
        async with db.transaction(api.world.pool) as tx:
            await idempotency.keep(tx, vault, partner_id, [key("name")], b"first", retention=HOUR)
            first_is_in.set()
            await asyncio.sleep(0.1)

    async def second() -> None:
        await first_is_in.wait()
        async with db.transaction(api.world.pool) as tx:
            await api_keys.create_key(tx, vault, partner_id=partner_id, kind="full", label="never")
            await idempotency.keep(tx, vault, partner_id, [key("name")], b"second", retention=HOUR)

    outcomes = await asyncio.gather(first(), second(), return_exceptions=True)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], idempotency.AnsweredMeanwhileError)
    async with db.transaction(api.world.pool) as tx:
        assert await idempotency.recall(tx, vault, partner_id, [key("name")]) == b"first"
        assert all(row["label"] != "never" for row in await api_keys.list_keys(tx, partner_id))


async def test_nothing_of_it_breaks_the_books(api: Api) -> None:
    facts = await an_order(api)
    header = {"Idempotency-Key": "order-1"}
    calls = [api.server.call("s2s_payment_create", header, at=clock.wall_millis() - n, **facts) for n in range(5)]
    assert len({response.content for response in await gather_all(*calls)}) == 1
    paid = {"externalId": "one", "userId": facts["userId"]}
    stranger = Caller(api.http, api.server.key, api.server.secret)
    calls = [stranger.call("s2s_payment_success", header | {"Idempotency-Key": f"p{n}"}, **paid) for n in range(5)]
    assert [answered(response) for response in await gather_all(*calls)] == [True] * 5
    assert (await count(api, "purchase"), await count(api, "miner")) == (1, 1)
    await check_books(api.world)
