"""Orders, and addresses, that come at once share a commit, and each is answered as by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from hashrail import db
from hashrail.access import idempotency
from hashrail.api.serving import gathering
from hashrail.db import UnknownOutcomeError
from hashrail.parties import users
from tests.support.api_client import Api, an_offer, answered, check_books, check_refused, exact
from tests.support.books import buy, offer, order
from tests.support.locks import until_blocked
from tests.support.patience import until
from tests.support.payouts import ADDRESSES
from tests.support.standings import suspended

CREATE, NOTIFY = "s2s_payment_create", "s2s_payment_success"
Keep = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait for the one whose user is held, however slow the machine is."""
    monkeypatch.setattr(gathering, "PATIENCE_SECONDS", 600)


@asynccontextmanager
async def gathered(
    api: Api, first: httpx.Request, *others: httpx.Request, meanwhile: Coroutine[Any, Any, object] | None = None
) -> AsyncIterator[list[Any]]:
    """Answers, in this order, of a request that waits for its user's lock, and of those that come meanwhile."""
    tasks: list[asyncio.Task[Any]] = []
    async with db.transaction(api.world.pool) as holding:
        await users.lock(holding, api.world.partner.id, [(await api.world.user("slow")).id])
        tasks.append(asyncio.create_task(api.http.send(first)))
        await until_blocked(api.world.pool)
        for number, request in enumerate(others, 1):
            tasks.append(asyncio.create_task(api.http.send(request)))
            await until(partial(waits, api, number))
        if meanwhile is not None:
            tasks.append(asyncio.create_task(meanwhile))
            await until_blocked(api.world.pool, count=2)
    found = await asyncio.gather(*tasks)
    yield found[: len(others) + 1]


async def waits(api: Api, number: int) -> bool:
    """Whether so many requests wait for the one that is at work."""
    return api.serving.gatherings.waiting == number


async def commits(api: Api) -> list[int]:
    """How many orders each transaction wrote last, fewest first."""
    query = "SELECT count(*) AS orders FROM purchase WHERE partner_id = $1 GROUP BY xmin::text ORDER BY 1"
    return [row["orders"] for row in await api.world.pool.fetch(query, api.world.partner.id)]


async def creations(api: Api, *names: str) -> list[httpx.Request]:
    """Requests to create orders, the first one for the user who is slow, the others for different ones."""
    offer = await an_offer(api.world)
    whose = [await api.world.user("slow" if number == 0 else name) for number, name in enumerate(names)]
    return [
        api.server.request(CREATE, userId=user.id, nftCollectionId=offer.id, externalId=name)
        for user, name in zip(whose, names, strict=True)
    ]


async def test_orders_that_come_at_once_share_a_commit(api: Api) -> None:
    """And so do the notices that they are paid."""
    async with gathered(api, *await creations(api, "a", "b", "c", "d")) as found:
        assert [answered(one)["externalId"] for one in found] == ["a", "b", "c", "d"]
    assert await commits(api) == [1, 3]
    names = {"a": "slow", "b": "b", "c": "c", "d": "d"}
    paid = [
        api.server.request(NOTIFY, userId=(await api.world.user(user)).id, externalId=name)
        for name, user in names.items()
    ]
    async with gathered(api, *paid) as found:
        assert [answered(one) for one in found] == [True] * 4
    assert await commits(api) == [1, 3]
    # Each answer is kept under its own signature.
    again = [await api.server.send_again(one) for one in paid]
    assert [(answered(one), one.headers["idempotency-replayed"]) for one in again] == [(True, "true")] * 4
    await check_books(api.world)


async def test_each_is_answered_for_itself(api: Api) -> None:
    """Twins, repetitions, conflicts and refusals among others."""
    first, other, third = await creations(api, "a", "b", "c")
    offer, bob = await an_offer(api.world), await api.world.user("b")
    same = {"nftCollectionId": offer.id, "externalId": "b"}
    requests = [
        other,
        api.server.request(CREATE, userId=bob.id, **same),
        api.server.request(CREATE, userId=(await api.world.user("c")).id, **same),
        api.server.request(CREATE, userId=10**9, nftCollectionId=offer.id, externalId="d"),
        api.server.request(CREATE, {"idempotency-key": "k"}, userId=bob.id, nftCollectionId=offer.id, externalId="e"),
        api.server.request(CREATE, {"idempotency-key": "k"}, userId=bob.id, nftCollectionId=offer.id, externalId="f"),
        third,
        # The very same bytes once more.
        api.http.build_request("POST", third.url.path, content=third.content, headers=third.headers),
    ]
    async with gathered(api, first, *requests) as found:
        assert [exact(one).get("error", "ok") for one in found] == [
            *("ok", "ok", "ok", "ORDER_CONFLICT", "USER_NOT_FOUND", "ok", "IDEMPOTENCY_KEY_REUSED", "ok", "ok")
        ]
        assert found[-1].content == found[-2].content
        check_refused(found[4], 404, "USER_NOT_FOUND", "userId")
    assert await commits(api) == [1, 3]
    await check_books(api.world)


async def test_what_was_answered_before_is_answered_by_what_was_kept(api: Api) -> None:
    """The very same bytes once more; the others share a commit."""
    first, again, *others = await creations(api, "a", "b", "c", "d")
    before = answered(await api.http.send(again))
    repeated = api.http.build_request("POST", again.url.path, content=again.content, headers=again.headers)
    async with gathered(api, first, repeated, *others) as found:
        assert answered(found[1]) == before
        assert found[1].headers["idempotency-replayed"] == "true"
        assert [answered(one)["externalId"] for one in found] == ["a", "b", "c", "d"]
    assert await commits(api) == [1, 1, 2]
    await check_books(api.world)


async def test_something_new_under_an_old_key_is_refused_alone(api: Api) -> None:
    """Nothing that was done with it stays, and the others are done by themselves."""
    first, *others = await creations(api, "a", "b", "c")
    facts = {"userId": (await api.world.user("b")).id, "nftCollectionId": (await an_offer(api.world)).id}
    used, new = (api.server.request(CREATE, {"idempotency-key": "k"}, externalId=name, **facts) for name in "de")
    answered(await api.http.send(used))
    async with gathered(api, first, *others, new) as found:
        assert [exact(one).get("error", "ok") for one in found] == ["ok", "ok", "ok", "IDEMPOTENCY_KEY_REUSED"]
    assert await commits(api) == [1, 1, 1, 1]
    await check_books(api.world)


async def test_the_first_ones_have_what_is_left_of_the_credit(api: Api) -> None:
    """An offer is 216.99 USD."""
    poor = await api.another_partner("700")
    async with gathered(poor, *await creations(poor, "a", "b", "c", "d", "e")) as found:
        assert [one.status_code for one in found] == [200, 200, 200, 409, 409]
        check_refused(found[3], 409, "CREDIT_LIMIT_EXCEEDED")
    assert await commits(poor) == [1, 2]


@pytest.mark.parametrize(
    ("error", "told", "written"),
    [
        (UnknownOutcomeError("whether it is committed is not known"), "UNKNOWN_OUTCOME", [1]),
        (idempotency.AnsweredMeanwhileError(), "ok", [1, 1, 1]),
    ],
)
async def test_a_commit_that_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str, written: list[int]
) -> None:
    """What nobody knows is told to all of them; else they are done by themselves."""
    keep: Keep = idempotency.keep_all

    async def fail(*arguments: Any, **options: Any) -> None:
        if len(arguments[3]) > 1:
            raise error
        await keep(*arguments, **options)

    monkeypatch.setattr(idempotency, "keep_all", fail)
    async with gathered(api, *await creations(api, "a", "b", "c")) as found:
        assert [exact(one).get("error", "ok") for one in found] == ["ok", told, told]
    assert await commits(api) == written


async def test_a_user_whose_miners_begin_too_late_is_refused_alone(api: Api) -> None:
    """A clock that was ahead has written their stint: nobody else's order waits until it is brought back."""
    whose = {
        name: (await api.world.user(user)).id for name, user in {"a": "slow", "b": "b", "c": "c", "d": "d"}.items()
    }
    await buy(api.world, whose["b"], "8", "had")
    move = "UPDATE stint SET from_day = from_day + $2::int WHERE user_id = $1"
    await api.world.pool.execute(move, whose["b"], 1)
    for name, user_id in whose.items():
        await order(api.world, user_id, name, await offer(api.world, "16" if name == "b" else "1"))
    paid = [api.server.request(NOTIFY, userId=user_id, externalId=name) for name, user_id in whose.items()]
    async with gathered(api, *paid) as found:
        assert [exact(one).get("error", "ok") for one in found] == ["ok", "STINT_AHEAD", "ok", "ok"]
    await api.world.pool.execute(move, whose["b"], -1)


async def test_a_partner_that_is_suspended_meanwhile_creates_nothing(api: Api) -> None:
    """The first one was before; of the others each is refused."""
    async with gathered(api, *await creations(api, "a", "b", "c"), meanwhile=suspended(api.world)) as found:
        assert [exact(one).get("error", "ok") for one in found] == ["ok", *["PARTNER_SUSPENDED"] * 2]
    assert await commits(api) == [1]


async def test_addresses_that_come_at_once_share_a_commit(api: Api) -> None:
    """Each is answered for itself, and kept under its own signature."""
    names = ("slow", "b", "c", "d")
    for name in names:
        await api.world.user(name)
    sent = [api.server.request("s2s_wallet_bind", partnerUserId=name, address=ADDRESSES[0]) for name in names]
    wrong = [
        api.server.request("s2s_wallet_bind", partnerUserId="nobody", address=ADDRESSES[0]),
        api.server.request("s2s_wallet_bind", partnerUserId="b", address="nowhere"),
    ]
    async with gathered(api, *sent, *wrong) as found:
        assert [exact(one).get("error", "ok") for one in found] == [*["ok"] * 4, "USER_NOT_FOUND", "ADDRESS_INVALID"]
    query = "SELECT count(*) AS bound FROM wallet WHERE partner_id = $1 GROUP BY xmin::text ORDER BY 1"
    assert [row["bound"] for row in await api.world.pool.fetch(query, api.world.partner.id)] == [1, 3]
    again = [await api.server.send_again(one) for one in sent]
    assert [(answered(one), one.headers["idempotency-replayed"]) for one in again] == [(True, "true")] * 4
