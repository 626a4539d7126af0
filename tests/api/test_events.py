"""The feed over the wire: what is told, from where on, to whom, and how long somebody waits for it."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar.types import HTTPReceiveMessage

from hashrail import clock, db
from hashrail.api.serving import growth, hanging_up
from hashrail.events import feed, looking
from hashrail.processes.meters import REGISTRY
from tests.support.api_client import Api, answered, check_refused
from tests.support.books import offer, order

# Longer than anything here takes, and no longer than a test may.
LIMIT_SECONDS = 60


async def ordered(api: Api, *names: str) -> list[int]:
    """Orders of that names, by one user; answers their collections."""
    user = await api.world.user()
    collections = []
    for name in names:
        collections.append(await offer(api.world))
        await order(api.world, user.id, name, collections[-1])
    return collections


async def read(api: Api, **asked: Any) -> Any:
    """What is answered."""
    return answered(await api.server.call("s2s_events", **asked))


async def orders_of(api: Api, **asked: Any) -> list[str]:
    """The orders that are told of."""
    return [one["object"]["id"] for one in (await read(api, **asked))["events"] if one["object"]["kind"] == "order"]


async def test_what_happened_is_told_at_once(api: Api) -> None:
    await ordered(api, "one", "two")
    found = await read(api, types="order.")
    assert [(one["type"], one["object"]) for one in found["events"]] == [
        ("order.created", {"kind": "order", "id": "one", "sequence": 1}),
        ("order.created", {"kind": "order", "id": "two", "sequence": 1}),
    ]
    positions = [one["position"] for one in found["events"]]
    assert positions == sorted(positions)
    assert (found["last"], found["hasMore"]) == (await feed.last_position(api.world.pool, api.world.partner.id), False)
    assert len({one["id"] for one in found["events"]}) == 2
    assert found["events"][0]["data"]["externalId"] == "one"
    assert found["events"] == (await read(api, types="order."))["events"], "it is told again as it was"


async def test_reading_on(api: Api) -> None:
    await ordered(api, *"abcde")
    everything = (await read(api))["events"]
    told, after = [], 0
    while True:
        found = await read(api, after=after, limit=2)
        told += found["events"]
        after = found["last"]
        if not found["hasMore"]:
            break
        assert len(found["events"]) == 2
    assert told == everything
    assert await read(api, after=after) == {"events": [], "last": after, "hasMore": False}


async def test_only_some(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await ordered(api, "one", "two")
    assert await orders_of(api, types="order.issued,order.created") == ["one", "two"]
    assert await orders_of(api, types="order.issued") == []
    assert await orders_of(api, objectKind="order") == ["one", "two"]
    assert await orders_of(api, objectKind="order", objectId="two") == ["two"]
    assert await orders_of(api, objectKind="order", objectId="two", types="order.issued") == []
    assert await orders_of(api, objectKind="order", types="order.created") == ["one", "two"]
    # Whoever wants little is told how far was looked, and reads on from there.
    monkeypatch.setattr(looking, "GOES_THROUGH", 1)
    end, after, looks = (await read(api))["last"], 0, 0
    while True:
        found = await read(api, after=after, types="order.expired")
        looks += 1
        assert found["events"] == []
        after = found["last"]
        if not found["hasMore"]:
            break
        assert after < end
    assert (after, looks) == (end, end)


async def test_an_answer_has_its_bound(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await ordered(api, "one", "two")
    monkeypatch.setattr(looking, "MAX_BYTES", 10)
    found = await read(api)
    assert (len(found["events"]), found["hasMore"]) == (1, True), "one event at least"
    assert found["last"] == found["events"][0]["position"]


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ({"after": 10**6}, 409, "FEED_SHORTER", "after"),
        ({"after": "-1"}, 400, "FIELD_OUT_OF_BOUNDS", "after"),
        ({"types": "order.created,order.eaten"}, 400, "EVENT_TYPE_UNKNOWN", "types"),
        ({"types": "order"}, 400, "EVENT_TYPE_UNKNOWN", "types"),
        ({"types": "orde."}, 400, "EVENT_TYPE_UNKNOWN", "types"),
        ({"objectKind": "planet"}, 400, "OBJECT_KIND_UNKNOWN", "objectKind"),
        ({"objectId": "one"}, 400, "OBJECT_KIND_MISSING", "objectKind"),
        ({"limit": "0"}, 400, "FIELD_OUT_OF_BOUNDS", "limit"),
        ({"waitSeconds": "26"}, 400, "FIELD_OUT_OF_BOUNDS", "waitSeconds"),
    ],
)
async def test_refusals(api: Api, asked: dict[str, Any], status: int, code: str, field: str) -> None:
    check_refused(await api.server.call("s2s_events", **asked), status, code, field)


async def test_a_feed_that_is_too_short_says_how_far_it_goes(api: Api) -> None:
    await ordered(api, "one")
    last = (await read(api))["last"]
    details = check_refused(await api.server.call("s2s_events", after=last + 1), 409, "FEED_SHORTER")
    assert details["last"] == last


async def test_another_partner_s_feed_is_another(api: Api) -> None:
    await ordered(api, "mine")
    other = await api.another_partner()
    await ordered(other, "theirs")
    assert (await orders_of(api), await orders_of(other)) == (["mine"], ["theirs"])


async def waiting(api: Api, **asked: Any) -> "asyncio.Task[httpx.Response]":
    """A request that waits for the partner's feed to grow."""
    asked = {"after": (await read(api))["last"], "waitSeconds": 25} | asked
    task = asyncio.create_task(api.server.call("s2s_events", **asked))
    waits = api.serving.growth._waiting
    async with asyncio.timeout(LIMIT_SECONDS):
        while api.world.partner.id not in waits and not task.done():
            await asyncio.sleep(0.01)
    return task


async def append(api: Api) -> None:
    """What a worker does."""
    async with db.transaction(api.world.pool) as tx:
        await feed.append_drafts(tx, api.world.partner.id)


async def test_who_waits_is_woken(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without a look now and then: it is the announcement that wakes.
    monkeypatch.setattr(growth, "LOOK_SECONDS", LIMIT_SECONDS)
    task = await waiting(api)
    async with asyncio.timeout(LIMIT_SECONDS):
        while api.serving.turns._held:  # nobody waits with a turn in hand
            await asyncio.sleep(0.01)
    await ordered(api, "one")
    await append(api)
    async with asyncio.timeout(LIMIT_SECONDS):
        found = answered(await task)
    assert [one["object"]["id"] for one in found["events"] if one["type"] == "order.created"] == ["one"]


async def test_who_waits_looks_now_and_then(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "LOOK_SECONDS", 0.05)
    task = await waiting(api)
    await ordered(api, "one")  # which nobody moves or announces
    async with asyncio.timeout(LIMIT_SECONDS):
        assert answered(await task)["events"]


async def test_who_waits_for_some_is_told_how_far_was_looked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "LOOK_SECONDS", 0.05)
    before = (await read(api))["last"]
    await ordered(api, "one")
    found = await read(api, after=before, types="order.expired", waitSeconds=1)
    assert found["events"] == []
    assert found["last"] == (await read(api))["last"] > before


async def test_what_was_waited_for_is_no_slow_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that is measured is without what the caller asked to wait."""
    monkeypatch.setattr(growth, "LOOK_SECONDS", 0.05)
    total = "hashrail_request_seconds_sum"
    before, began = REGISTRY.get_sample_value(total, {"operation": "s2s_events"}) or 0, clock.monotonic()
    await read(api, after=(await read(api))["last"], waitSeconds=2)
    measured = (REGISTRY.get_sample_value(total, {"operation": "s2s_events"}) or 0) - before
    assert clock.monotonic() - began - measured > 1


async def test_who_hangs_up_waits_no_more() -> None:
    """What still comes of a body is none of it."""
    news, comes = asyncio.Event(), asyncio.Queue[HTTPReceiveMessage]()
    async with hanging_up.heard(comes.get, news) as gone:
        comes.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        while not comes.empty():
            await asyncio.sleep(0)
        assert not gone.is_set()
        comes.put_nowait({"type": "http.disconnect"})
        async with asyncio.timeout(LIMIT_SECONDS):
            await news.wait()
        assert gone.is_set()
    async with hanging_up.heard(comes.get, news) as gone:
        """Whoever does not hang up is not listened to any longer."""
    assert not gone.is_set()


async def test_nobody_waits_while_the_process_stops(api: Api) -> None:
    task = await waiting(api)
    api.serving.growth.close()
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            assert answered(await task)["events"] == []
    finally:
        api.serving.growth.is_closing = False


async def test_so_many_wait_at_most(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "WAITING_OF_A_KEY", 1)
    task = await waiting(api)
    refused = await api.server.call("s2s_events", waitSeconds=25)
    check_refused(refused, 429, "TOO_MANY_WAIT")
    assert refused.headers["retry-after"] == "1"
    other = await api.caller()
    assert answered(await other.call("s2s_events", waitSeconds=1)) is not None, "another key has its own"
    api.serving.growth.grew(api.world.partner.id)
    await ordered(api, "one")
    await append(api)
    async with asyncio.timeout(LIMIT_SECONDS):
        assert answered(await task)["events"]
    assert not api.serving.growth._of_keys, "who is answered waits no more"


async def test_a_key_that_is_revoked_is_told_nothing_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "LOOK_SECONDS", 0.05)
    task = await waiting(api)
    await api.world.pool.execute("UPDATE api_key SET revoked_at = now() WHERE key = $1", api.server.key)
    assert api.server.key is not None
    api.serving.known.key_changed(api.server.key)
    async with asyncio.timeout(LIMIT_SECONDS):
        check_refused(await task, 401, "API_KEY_REVOKED")


async def test_a_mover_that_hangs_keeps_no_reader(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await ordered(api, "one")
    before = (await read(api))["last"]

    async def hung(*_: object, **__: object) -> int:
        raise db.BusyError("another one holds it")

    monkeypatch.setattr(feed, "append_drafts", hung)
    await ordered(api, "two")
    assert (await read(api))["last"] == before
